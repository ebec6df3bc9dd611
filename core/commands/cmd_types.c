/* cmd_types.c - moonpost types: what an editor wants to know of a bot's folder. */
#include <stdio.h>
#include <string.h>

#include "bot/tool.h"
#include "bot/types.h"
#include "bot/types_files.h"
#include "running.h"

static int print(const struct setting *schema)
{
    struct buf text = BUF_INIT;
    struct err err = ERR_INIT;

    types_write(schema, &text);
    fputs(text.data, stdout);
    buf_release(&text);
    if (fflush(stdout) == 0 && !ferror(stdout))
        return EXIT_OK;
    err_set(&err, ERR_SYSTEM, "standard output can't be written to");
    return command_failed(&err);
}

/* Does an author's .luarc.json have the folder? It may have comments, so it is not
 * read as JSON; what it can't be said of is told. */
static bool is_named(const char *dir)
{
    struct buf path = BUF_INIT;
    char text[65536];
    size_t n = 0;
    FILE *f;

    buf_addf(&path, "%s/.luarc.json", dir);
    f = fopen(path.data, "r");
    if (f) {
        n = fread(text, 1, sizeof(text) - 1, f);
        fclose(f);
    }
    text[n] = '\0';
    buf_release(&path);
    return strstr(text, "\"" TYPES_FOLDER "\"") != NULL;
}

static int write_files(const char *dir, const struct setting *schema)
{
    struct err err = ERR_INIT;
    enum types_written written;

    if (!types_write_files(dir, schema, &written, &err))
        return command_failed(&err);
    if (written == TYPES_NOTHING)
        printf("%s/" TYPES_FOLDER " is up to date.\n", dir);
    else
        printf("Written: %s/" TYPES_FOLDER "%s.\n", dir,
               written == TYPES_ALL ? ", and .luarc.json, which names it" : "");
    if (written != TYPES_ALL && !is_named(dir))
        printf("In .luarc.json, \"workspace.library\" has to contain "
               "\"" TYPES_FOLDER "\".\n");
    return EXIT_OK;
}

static int types(struct invocation *in)
{
    struct tool_options o = { .settings = &in->settings };
    struct arguments args;
    struct err err = ERR_INIT;
    struct tool tool;
    int status;

    if (!arguments_read(in, TAKES_DIR | TAKES_PRINT, &args))
        return EXIT_USAGE;
    o.dir = args.dir;
    if (!check_bot_folder(args.dir, &err) || !tool_open(&tool, &o, &err))
        return command_failed(&err);
    status =
        args.print ? print(tool.schema) : write_files(args.dir, tool.schema);
    tool_close(&tool);
    return status;
}

const struct command cmd_types = {
    .name = "types",
    .summary = "write types for lua-language-server: an editor knows the bot",
    .usage =
        "types [DIR] [--print]\n\n"
        "  DIR        the bot's folder (default: .)\n"
        "  --print    only the settings, to standard output; writes no "
        "file\n\n"
        "Writes DIR/types: the host's modules, all types and methods of the "
        "Bot API,\nand the bot's settings; and DIR/.luarc.json, if there "
        "is none. Again after\nsettings have changed.",
    .run = types,
};
