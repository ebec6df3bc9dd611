/*
 * hang.h - the last resort: a handler that does not come back from C.
 *
 * The watchdog ends Lua code, and the libraries' functions are bounded (safe_*.c).
 * What is left is a C function that never returns: table.sort of long equal strings,
 * a bug in the host. A timer of real time looks whether the same run of a task (or
 * loading) is still under way after WATCHDOG_S, says whose it is, and aborts the
 * program, to be started again: the update is then a suspect (parked.h), tried alone
 * and at last set aside. A program that was stopped (SIGSTOP, a laptop that sleeps)
 * has not hung: it is looked several times.
 */
#ifndef SCRIPT_HANG_H
#define SCRIPT_HANG_H

/* For the program, once; 0 seconds: nothing is looked at. */
void hang_watch(int seconds);

#endif
