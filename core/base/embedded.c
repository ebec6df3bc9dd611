/* embedded.c - see embedded.h. */
#include "base/embedded.h"

#include <string.h>

struct slice embedded_find(const struct embedded *files, const char *name)
{
    for (; files->name; files++)
        if (strcmp(files->name, name) == 0)
            return (struct slice){ files->data,
                                   (size_t)(files->end - files->data) };
    return SLICE_NONE;
}
