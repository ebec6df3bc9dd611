/* output.h - what a command writes to standard output, and how that ended. */
#ifndef OUTPUT_H
#define OUTPUT_H

#include "base/buf.h"

/* An error is found when the command ends. */
void output_add(const struct buf *text);
/* At its end. ERR_SYSTEM; with an empty text when the reader of a pipe has had
 * enough (| head): then nothing needs to be said. */
bool output_end(struct err *err) MUST_CHECK;

#endif
