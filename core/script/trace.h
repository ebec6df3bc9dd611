/*
 * trace.h - what is told of an error besides its message: which method may have
 * been meant, and the calls of scripts that led to it (vm_add_traceback(), which
 * vm.h declares).
 */
#ifndef SCRIPT_TRACE_H
#define SCRIPT_TRACE_H

#include "base/buf.h"

/* If message is that a method was nil: append "; did you mean ctx:reply()?", or how
 * methods of the Bot API are called, when its name says so. */
void trace_add_hint(struct buf *message);

#endif
