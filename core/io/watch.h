/*
 * watch.h - tells when files below a folder change (inotify).
 *
 * Watches the folders given and, in them, new folders too. Changes that come
 * close together (an editor's save is several) are one call, QUIET_MS after
 * the last.
 */
#ifndef IO_WATCH_H
#define IO_WATCH_H

#include <stdbool.h>

#include "base/err.h"

struct loop;
struct watch;

typedef void (*watch_fn)(void *arg);

/* ERR_SYSTEM: the system's limit of inotify watches, mostly. */
struct watch *watch_new(struct loop *loop, watch_fn fn, void *arg,
                        struct err *err) MUST_CHECK;
void watch_free(struct watch *watch); /* NULL is allowed */

/*
 * Is somebody writing there? For the end of fn: what it has read may be half
 * of a change. Then fn is called again soon. (Not true for ever: who writes
 * all the time is not waited for.)
 */
bool watch_is_busy(struct watch *watch);

/*
 * For the same place: does what fn has read look like half of a change, of which
 * nothing was told yet? true: fn is called again, in a second at most; false: it
 * was not doubtful, or has been for that second.
 */
bool watch_doubts(struct watch *watch, bool doubtful);

/* Has somebody begun to write a file with this ending, and not closed it? Then fn is
 * called when that happens. Also true for who was not waited for any more. */
bool watch_is_writing(const struct watch *watch, const char *ending);

/* Watch a folder and those below it; one that does not exist is ignored, one that
 * is watched already stays so. */
void watch_add(struct watch *watch, const char *path);
/* Only tell when a folder appears directly in path. */
void watch_add_for_folders(struct watch *watch, const char *path);

#endif
