/* output.c - see output.h. */
#include "output.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int first_error; /* errno of the first write that failed */

void output_add(const struct buf *text)
{
    if (fwrite(text->data, 1, text->len, stdout) < text->len && !first_error)
        first_error = errno;
}

bool output_end(struct err *err)
{
    if (fflush(stdout) && !first_error)
        first_error = errno;
    if (first_error == EPIPE)
        return err_set(err, ERR_SYSTEM, "%s", "");
    return !first_error || err_set(err, ERR_SYSTEM, "standard output: %s",
                                   strerror(first_error));
}
