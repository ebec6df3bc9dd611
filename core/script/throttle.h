/*
 * throttle.h - the same thing again and again in the log: the first ones are told,
 * then one line says how many there were more.
 */
#ifndef SCRIPT_THROTTLE_H
#define SCRIPT_THROTTLE_H

#include "base/buf.h"
#include "io/loop.h"

#define THROTTLE_KEYS_MAX 256 /* kept at once; the oldest makes room */

struct throttle;

/* what: as given with the first of them. dropped: since it was last told, > 0. */
typedef void (*throttle_tell_fn)(const char *what, uint64_t dropped);

/* full of each kind in window_ms are told. loop may be NULL: then it is told what was
 * dropped only when the next one comes. */
struct throttle *throttle_new(struct loop *loop, int64_t window_ms, int full,
                              throttle_tell_fn tell);
void throttle_free(
    struct throttle *t); /* tells what is left; NULL is allowed */

/* May one of this kind be told? what: a C string, of which some is kept. */
bool throttle_pass(struct throttle *t, uint64_t kind, const char *what);

/* The kind of a text: its hash, in which all numbers are the same. */
uint64_t throttle_kind(uint64_t seed, struct slice text);

#endif
