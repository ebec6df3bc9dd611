/* cmd_run.c - moonpost run: the bot against Telegram. */
#include "running.h"

static int run(struct invocation *in)
{
    struct arguments args;
    struct loop *loop;
    int status;

    if (!arguments_read(in, TAKES_DIR | TAKES_RECORD, &args))
        return EXIT_USAGE;
    loop = loop_new();
    status = run_host(loop, &(struct host_options){
                                .settings = &in->settings,
                                .dir = args.dir,
                                .record = args.record,
                                .record_anonymous = args.anonymous,
                            });
    loop_free(loop);
    return status;
}

const struct command cmd_run = {
    .name = "run",
    .summary = "run a bot: get updates from Telegram and answer them",
    .usage =
        "run [DIR] [--record FILE [--anonymous]]\n\n"
        "  DIR            the bot's folder, with scripts/, defaults/ and "
        "migrations/\n                 (default: .)\n"
        "  --record FILE  append updates, settings and calls to a file, for "
        "moonpost replay\n"
        "  --anonymous    with other names in it",
    .shows_settings = true,
    .run = run,
};
