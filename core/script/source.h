/*
 * source.h - in which line of a defaults/ file a setting is declared.
 *
 * For the messages about plain values, which don't know: max = 0.
 */
#ifndef SCRIPT_SOURCE_H
#define SCRIPT_SOURCE_H

#include "base/buf.h"

/*
 * The line, from 1, in which the table that a file returns has the key at path
 * ("deep.max" is max in the table deep). 0: not there, there more than once, or
 * not to be seen without running the file (a table that is put together).
 */
int source_key_line(struct slice source, const char *path);

#endif
