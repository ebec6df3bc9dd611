/* cmd_new.c - moonpost new: a bot's folder to begin with. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/embedded.h"
#include "bot/tool.h"
#include "bot/types_files.h"
#include "command.h"

extern const struct embedded new_files[];

/* Where each of them goes; folders before what is in them. */
static const struct {
    const char *path;
    const char *file; /* in new_files; NULL: a folder */
} entries[] = {
    { "scripts", NULL },
    { "scripts/lib", NULL },
    { "defaults", NULL },
    { "migrations", NULL },
    { "migrations/config", NULL },
    { "migrations/schema", NULL },
    { "spec", NULL },
    { "scripts/hello.lua", "hello.lua" },
    { "defaults/greeting.lua", "greeting.lua" },
    { "spec/hello_spec.lua", "hello_spec.lua" },
    { "Procfile", "Procfile" },
    { "Aptfile", "Aptfile" },
    { "README.md", "README.md" },
    { ".gitignore", "gitignore" },
    { ".luacheckrc", "luacheckrc" },
};

static bool fail(struct err *err, const char *path)
{
    return err_set(err, ERR_SYSTEM, "%s: %s", path, strerror(errno));
}

/* Nothing of somebody's is written over. */
static bool make_file(const char *path, struct slice text, struct err *err)
{
    FILE *f = fopen(path, "wx");
    bool ok;

    if (!f)
        return fail(err, path);
    ok = fwrite(text.p, 1, text.n, f) == text.n;
    if (fclose(f) != 0 || !ok)
        return fail(err, path);
    return true;
}

static bool make_entry(const char *dir, size_t i, struct err *err)
{
    struct buf path = BUF_INIT;
    bool ok;

    buf_addf(&path, "%s/%s", dir, entries[i].path);
    if (entries[i].file)
        ok = make_file(path.data, embedded_find(new_files, entries[i].file),
                       err);
    else if (mkdir(path.data, 0777) == 0 || errno == EEXIST)
        ok = true;
    else
        ok = fail(err, path.data);
    buf_release(&path);
    return ok;
}

/* Before anything is written. */
static bool check_free(const char *dir, struct err *err)
{
    struct buf path = BUF_INIT;
    bool ok = true;

    for (size_t i = 0; ok && i < ARRAY_LEN(entries); i++) {
        buf_reset(&path);
        buf_addf(&path, "%s/%s", dir, entries[i].path);
        if (entries[i].file && access(path.data, F_OK) == 0)
            ok = err_set(err, ERR_USAGE,
                         "%s is there already; nothing was written", path.data);
    }
    buf_release(&path);
    return ok;
}

static bool make_types(const struct settings *settings, const char *dir,
                       struct err *err)
{
    struct tool_options o = { .settings = settings, .dir = dir };
    enum types_written written;
    struct tool tool;
    bool ok;

    if (!tool_open(&tool, &o, err))
        return false;
    ok = types_write_files(dir, tool.schema, &written, err);
    tool_close(&tool);
    return ok;
}

static bool make_all(const struct settings *settings, const char *dir,
                     struct err *err)
{
    if (!check_free(dir, err))
        return false;
    if (mkdir(dir, 0777) != 0 && errno != EEXIST)
        return fail(err, dir);
    for (size_t i = 0; i < ARRAY_LEN(entries); i++)
        if (!make_entry(dir, i, err))
            return false;
    return make_types(settings, dir, err);
}

/* What works at once: also where there is no database yet, or no moonpost in PATH. */
static void say_next(const char *dir, bool has_database)
{
    printf("A bot is in %s. Next, to chat with it in the browser:\n\n"
           "  cd %s\n"
           "  %smoonpost dev\n\n"
           "Without a database: in a clone of Moonpost, `bin/run %s` brings "
           "one up.\nREADME.md there says more.\n",
           dir, dir, has_database ? "" : "DATABASE_URL=postgres://… ", dir);
}

static int new (struct invocation *in)
{
    struct arguments args;
    struct err err = ERR_INIT;

    if (!arguments_read(in, TAKES_DIR, &args))
        return EXIT_USAGE;
    if (in->argc < 2) {
        fprintf(stderr, "moonpost new: which folder? moonpost new my-bot\n");
        return EXIT_USAGE;
    }
    if (!make_all(&in->settings, args.dir, &err))
        return command_failed(&err);
    say_next(args.dir, in->settings.database_url != NULL);
    return EXIT_OK;
}

const struct command cmd_new = {
    .name = "new",
    .summary = "make a bot's folder to begin with",
    .usage = "new DIR\n\n"
             "  DIR        the folder; made if it is not there\n\n"
             "Writes scripts, a setting, a spec, types for an editor, a "
             "Procfile and a README.\nA file that is there already is an "
             "error: nothing is written over.",
    .run = new,
};
