/* cmd_check.c - moonpost check: load a bot's folder, without running it. */
#include <stdio.h>

#include "bot/check.h"
#include "running.h"

static int check(struct invocation *in)
{
    struct arguments args;
    struct err err = ERR_INIT;
    struct buf report = BUF_INIT;
    bool ok;

    if (!arguments_read(in, TAKES_DIR, &args))
        return EXIT_USAGE;
    ok = check_bot_folder(args.dir, &err) &&
         check_folder(args.dir, &in->settings, &report, &err);
    if (!ok)
        return command_failed(&err);
    printf("%s\n", report.data);
    buf_release(&report);
    return EXIT_OK;
}

const struct command cmd_check = {
    .name = "check",
    .summary = "load a bot's folder and say what is wrong with it",
    .usage = "check [DIR]\n\n"
             "  DIR        the bot's folder (default: .)",
    .run = check,
};
