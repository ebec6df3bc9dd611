/* cmd_types.c - moonpost types: what an editor wants to know of the settings. */
#include <stdio.h>

#include "bot/tool.h"
#include "bot/types.h"
#include "running.h"

static int types(struct invocation *in)
{
    struct tool_options o = { .settings = &in->settings };
    struct arguments args;
    struct err err = ERR_INIT;
    struct buf text = BUF_INIT;
    struct tool tool;

    if (!arguments_read(in, TAKES_DIR, &args))
        return EXIT_USAGE;
    o.dir = args.dir;
    if (!check_bot_folder(args.dir, &err) || !tool_open(&tool, &o, &err))
        return command_failed(&err);
    types_write(tool.schema, &text);
    tool_close(&tool);
    fputs(text.data, stdout);
    buf_release(&text);
    if (fflush(stdout) == 0 && !ferror(stdout))
        return EXIT_OK;
    err_set(&err, ERR_SYSTEM, "standard output can't be written to");
    return command_failed(&err);
}

const struct command cmd_types = {
    .name = "types",
    .summary = "print the settings as types, for lua-language-server",
    .usage = "types [DIR]\n\n"
             "  DIR        the bot's folder (default: .)\n\n"
             "moonpost types > .luals/config.lua, and .luals in "
             "workspace.library:\nan editor knows ctx.config then.",
    .run = types,
};
