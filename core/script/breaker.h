/*
 * breaker.h - a handler that fails again and again in a chat pauses there.
 *
 *     CLOSED ── limits.breaker_failures in a row ──► OPEN ── a while ──► one try
 *        ▲                                            ▲                  │
 *        └────────────────── it went well ────────────┼──────────────────┤
 *                                                     └──── it failed ───┘
 *
 * Only failures are kept, of each handler and chat, and not more than
 * BREAKER_KEYS_MAX: the one that failed longest ago makes room. It belongs to a
 * generation, so that loading scripts anew begins anew.
 */
#ifndef SCRIPT_BREAKER_H
#define SCRIPT_BREAKER_H

#include "script/task.h"

#define BREAKER_KEYS_MAX 4096

struct breaker;

/* May the handler with this number run for the task's update? Counts it as paused if
 * not. */
bool breaker_lets(struct task *t, int number);
/* The task's handlers have run; the one that was entered last failed, or none did. Failing for want of a database is no failure. */
void breaker_ended(const struct task *t, bool failed);

void breaker_free(struct breaker *b); /* NULL is allowed */

#endif
