/* cmd_version.c - moonpost version. */
#include <stdio.h>

#include "command.h"

static int version(struct invocation *in)
{
    struct arguments args;

    if (!arguments_read(in, 0, &args))
        return EXIT_USAGE;
    printf("moonpost %s\n", MOONPOST_VERSION);
    return EXIT_OK;
}

const struct command cmd_version = {
    .name = "version",
    .summary = "print the version",
    .usage = "version",
    .run = version,
};
