/*
 * repl_path.h - where the socket of `moonpost repl` is.
 */
#ifndef REPL_PATH_H
#define REPL_PATH_H

#include "base/settings.h"

/* REPL_SOCKET, or what dev uses by itself: .repl in the data folder. */
void repl_path_add(struct buf *out, const struct settings *s, const char *dir);

#endif
