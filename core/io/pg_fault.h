/*
 * pg_fault.h - for tests of bots (`moonpost test`): what goes wrong with PostgreSQL.
 * It holds for every connection of this process, those to come included, and is of
 * no effect until it is asked for.
 *
 * Everything takes the ways of the real thing: connections break where they are, at
 * the socket, and are made anew with pg.c's own backoff; answers are read late; a
 * statement that is to fail is refused by the server, which is given one that it
 * refuses with that SQLSTATE instead.
 *
 * Time-outs go by real time (loop_real_ms()), which a test does not want to wait for:
 * pg_fault_advance() is how they learn that time was moved on.
 */
#ifndef IO_PG_FAULT_H
#define IO_PG_FAULT_H

#include "base/buf.h"
#include "io/loop.h"

/* Every connection breaks, and none can be made. */
void pg_fault_down(void);
/* They can be made again, and are at once. */
void pg_fault_up(void);

/* Each answer is read so much later, by the loop's timers. 0: as it comes. */
void pg_fault_slow(int64_t ms);

struct pg_failure {
    const char *table;      /* the word that a statement has in it; "*": any */
    const char *sqlstate;   /* five of A-Z and 0-9 */
    const char *message;    /* one line */
    const char *constraint; /* that the server is to name, or NULL */
    int times;              /* -1: as long as it lasts */
};

/* Copied. What begins and ends transactions does not fail, and scripts don't. */
void pg_fault_fail(const struct pg_failure *failure);

/* Nothing is wrong any more; as with pg_fault_up(). */
void pg_fault_end(void);
/* For a test's own queries: true: pg_fault_fail() does not mean them. */
void pg_fault_spare(bool spare);

bool pg_fault_is_down(void);  /* asked for */
bool pg_fault_all_down(void); /* no connection is there any more */
bool pg_fault_all_up(void);

/* Operations (see loop_outside()) that wait for the end of a fault, or for time. */
int pg_fault_held(void);
/* How long the first of them waits at most; 0: it is due; -1: there is none. */
int64_t pg_fault_next_ms(void);
/* Time was moved on (loop_advance()). */
void pg_fault_advance(int64_t ms);

#endif
