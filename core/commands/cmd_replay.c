/* cmd_replay.c - moonpost replay: a recording through the present scripts. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "running.h"
#include "testing/specs.h"

#define TIMEOUT_MS 30000

static int wrong(const char *what)
{
    fprintf(stderr, "moonpost replay: %s; see moonpost replay --help\n", what);
    return EXIT_USAGE;
}

static bool parse_id(const char *text, int64_t *id)
{
    char *end;

    *id = text ? strtoll(text, &end, 10) : 0;
    return text && *text && !*end && *id > 0;
}

/* Returns -1, or the exit status. */
static int read_arguments(const struct invocation *in, struct specs_options *o)
{
    bool has_dir = false;

    for (int i = 1; i < in->argc; i++) {
        const char *arg = in->argv[i];

        if (strcmp(arg, "--verbose") == 0) {
            o->verbose = true;
        } else if (strcmp(arg, "--update") == 0) {
            if (!parse_id(i + 1 < in->argc ? in->argv[++i] : NULL, &o->update))
                return wrong("--update needs an update_id of the recording");
        } else if (arg[0] != '-' && !o->recording) {
            o->recording = arg;
        } else if (arg[0] != '-' && !has_dir) {
            o->dir = arg;
            has_dir = true;
        } else {
            return wrong("an argument that is not expected");
        }
    }
    return o->recording ? -1 : wrong("which recording?");
}

static int replay(struct invocation *in)
{
    struct specs_options o = {
        .settings = &in->settings,
        .dir = ".",
        .colour = isatty(STDOUT_FILENO),
        .timeout_ms = TIMEOUT_MS,
    };
    struct err err = ERR_INIT;
    int status = read_arguments(in, &o);

    if (status >= 0)
        return status;
    if (!check_bot_folder(o.dir, &err) || !specs_run(&o, &status, &err))
        return command_failed(&err);
    return status;
}

const struct command cmd_replay = {
    .name = "replay",
    .summary = "run recorded updates through the present scripts, and compare",
    .usage =
        "replay FILE [DIR] [--update ID] [--verbose]\n\n"
        "  FILE         a recording: moonpost run or dev --record FILE\n"
        "  DIR          the bot's folder (default: .)\n"
        "  --update ID  only this update\n"
        "  --verbose    name those that are as they were, too\n\n"
        "Nothing is sent to anybody: calls and requests of http get the "
        "answers "
        "that were\nrecorded. It is the time of then, and time passes as it "
        "did. "
        "It runs in a schema of\nits own in the database of DATABASE_URL, "
        "which "
        "is dropped at the end. Chats' settings,\nstores and durable counters "
        "are "
        "there as they were; the bot's own tables are empty.\nShown for each "
        "update that differs: calls that are new (+), missing (-), or have\n"
        "other parameters (~), and failures (!). Exit status: 0 if nothing "
        "differs, 1 if\nsomething does, 2 wrong usage.",
    .shows_settings = true,
    .run = replay,
};
