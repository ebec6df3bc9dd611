/* cmd_run.c - moonpost run: the bot against Telegram. */
#include "running.h"

static int run(struct invocation *in)
{
    struct arguments args;
    struct loop *loop;
    int status;

    if (!arguments_read(in, TAKES_DIR, &args))
        return EXIT_USAGE;
    loop = loop_new();
    status = run_host(loop, &(struct host_options){ .settings = &in->settings,
                                                    .dir = args.dir });
    loop_free(loop);
    return status;
}

const struct command cmd_run = {
    .name = "run",
    .summary = "run a bot: get updates from Telegram and answer them",
    .usage = "run [DIR]\n\n"
             "  DIR        the bot's folder, with scripts/, defaults/ and "
             "migrations/ (default: .)",
    .shows_settings = true,
    .run = run,
};
