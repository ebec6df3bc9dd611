/* cmd_test.c - moonpost test: a bot's specs, without Telegram. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "running.h"
#include "testing/specs.h"

#define TIMEOUT_DEFAULT_S 10
#define TIMEOUT_MAX_S 3600

static int wrong(const char *what, const char *arg)
{
    fprintf(stderr, "moonpost test: %s%s; see moonpost test --help\n", what,
            arg);
    return EXIT_USAGE;
}

/* Is it a bot's folder, and not one of specs? */
static bool is_bot_folder(const char *path)
{
    struct buf scripts = BUF_INIT;
    struct stat st;
    bool is;

    buf_addf(&scripts, "%s/scripts", path);
    is = stat(scripts.data, &st) == 0 && S_ISDIR(st.st_mode);
    buf_release(&scripts);
    return is;
}

static bool parse_seconds(const char *text, int64_t *ms)
{
    char *end;
    long n = strtol(text, &end, 10);

    *ms = (int64_t)n * 1000;
    return *text && !*end && n >= 1 && n <= TIMEOUT_MAX_S;
}

/* An option that has a value after it; NULL: there is none. */
static const char *value_of(const struct invocation *in, int *i)
{
    return *i + 1 < in->argc ? in->argv[++*i] : NULL;
}

/* Returns -1, or the exit status. */
static int read_option(const struct invocation *in, int *i,
                       struct specs_options *o)
{
    const char *arg = in->argv[*i], *value;

    if (strcmp(arg, "--verbose") == 0) {
        o->verbose = true;
    } else if (strcmp(arg, "--list") == 0) {
        o->list = true;
    } else if (strcmp(arg, "--tap") == 0) {
        o->format = SPECS_TAP;
    } else if (strcmp(arg, "--json") == 0) {
        o->format = SPECS_JSON;
    } else if (strcmp(arg, "--filter") == 0) {
        if (!(o->filter = value_of(in, i)))
            return wrong("--filter needs a Lua pattern", "");
    } else if (strcmp(arg, "--timeout") == 0) {
        value = value_of(in, i);
        if (!value || !parse_seconds(value, &o->timeout_ms))
            return wrong("--timeout needs a number of seconds from 1 to 3600",
                         "");
    } else {
        return wrong("unexpected argument ", arg);
    }
    return -1;
}

static int read_arguments(const struct invocation *in, struct specs_options *o)
{
    bool has_dir = false;
    int status;

    for (int i = 1; i < in->argc; i++) {
        const char *arg = in->argv[i];

        if (arg[0] == '-' && arg[1]) {
            status = read_option(in, &i, o);
            if (status >= 0)
                return status;
        } else if (!has_dir && !o->nfiles && is_bot_folder(arg)) {
            o->dir = arg;
            has_dir = true;
        } else {
            o->files[o->nfiles++] = arg;
        }
    }
    return -1;
}

static int test_run(struct invocation *in)
{
    struct specs_options o = {
        .settings = &in->settings,
        .dir = ".",
        .colour = isatty(STDOUT_FILENO),
        .timeout_ms = TIMEOUT_DEFAULT_S * 1000,
    };
    struct err err = ERR_INIT;
    int status;

    o.files = xalloc((size_t)in->argc * sizeof(*o.files));
    status = read_arguments(in, &o);
    if (status < 0 &&
        (!check_bot_folder(o.dir, &err) || !specs_run(&o, &status, &err)))
        status = command_failed(&err);
    free(o.files);
    return status;
}

const struct command cmd_test = {
    .name = "test",
    .summary = "run a bot's specs, without Telegram",
    .usage =
        "test [DIR] [FILE…] [--filter PATTERN] [--verbose] [--tap | --json]\n\n"
        "  DIR               the bot's folder (default: .)\n"
        "  FILE              a spec, or a folder of specs (default: all "
        "*_spec.lua in DIR/spec)\n"
        "  --filter PATTERN  only specs whose name matches this Lua pattern: "
        "'%#slow'\n"
        "  --verbose         a line for each spec, with its time\n"
        "  --list            say which specs there are, and run none\n"
        "  --tap, --json     for programs: TAP 14; or one JSON object a line\n"
        "  --timeout S       for each step of a spec, in seconds (default: "
        "10)\n\n"
        "The specs talk to a simulated Telegram. They run in a schema of their "
        "own in the\ndatabase of DATABASE_URL, moonpost_test_…, which is "
        "dropped "
        "at the end; no other\ntable is touched. Exit status: 0 all passed, 1 "
        "not, 2 wrong usage.",
    .shows_settings = true,
    .run = test_run,
};
