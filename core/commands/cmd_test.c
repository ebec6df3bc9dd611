/* cmd_test.c - moonpost test: a bot's specs, without Telegram. */
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "io/loop.h"
#include "io/watch.h"
#include "running.h"
#include "testing/specs.h"
#include "testing/stage.h"

#define TIMEOUT_DEFAULT_S 10
#define TIMEOUT_MAX_S 3600
#define TIMES_MAX 1000000
#define LOOK_MS 1000

struct test {
    struct specs_options specs;
    bool watch;
};

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

static bool parse_number(const char *text, long max, int64_t *n)
{
    char *end;

    *n = text ? strtol(text, &end, 10) : 0;
    return text && *text && !*end && *n >= 1 && *n <= max;
}

/* An option that has a value after it; NULL: there is none. */
static const char *value_of(const struct invocation *in, int *i)
{
    return *i + 1 < in->argc ? in->argv[++*i] : NULL;
}

/* Is it one of those without a value? */
static bool read_flag(const char *arg, struct test *t)
{
    struct specs_options *o = &t->specs;

    if (strcmp(arg, "--verbose") == 0)
        o->verbose = true;
    else if (strcmp(arg, "--list") == 0)
        o->list = true;
    else if (strcmp(arg, "--bail") == 0)
        o->bail = true;
    else if (strcmp(arg, "--watch") == 0)
        t->watch = true;
    else if (strcmp(arg, "--tap") == 0)
        o->format = SPECS_TAP;
    else if (strcmp(arg, "--json") == 0)
        o->format = SPECS_JSON;
    else if (strcmp(arg, "--junit") == 0)
        o->format = SPECS_JUNIT;
    else
        return false;
    return true;
}

/* The number after it is the order; without one it is a new one. */
static void read_shuffle(const struct invocation *in, int *i,
                         struct specs_options *o)
{
    const char *next = *i + 1 < in->argc ? in->argv[*i + 1] : NULL;

    o->shuffle = true;
    if (parse_number(next, LONG_MAX, &o->seed))
        ++*i;
    else
        o->seed = clock_steady_ns() % 1000000 + 1;
}

/* Returns -1, or the exit status. */
static int read_option(const struct invocation *in, int *i, struct test *t)
{
    struct specs_options *o = &t->specs;
    const char *arg = in->argv[*i];

    if (strcmp(arg, "--filter") == 0) {
        if (!(o->filter = value_of(in, i)))
            return wrong("--filter needs a Lua pattern", "");
    } else if (strcmp(arg, "--name") == 0 || strcmp(arg, "-t") == 0) {
        if (!(o->name = value_of(in, i)))
            return wrong("--name needs a text", "");
    } else if (strcmp(arg, "--shuffle") == 0) {
        read_shuffle(in, i, o);
    } else if (strcmp(arg, "--repeat") == 0) {
        if (!parse_number(value_of(in, i), TIMES_MAX, &o->times))
            return wrong("--repeat needs a number from 1 to 1000000", "");
    } else if (strcmp(arg, "--timeout") == 0) {
        if (!parse_number(value_of(in, i), TIMEOUT_MAX_S, &o->timeout_ms))
            return wrong("--timeout needs a number of seconds from 1 to 3600",
                         "");
        o->timeout_ms *= 1000;
    } else if (!read_flag(arg, t)) {
        return wrong("unexpected argument ", arg);
    }
    return -1;
}

static int read_arguments(const struct invocation *in, struct test *t)
{
    struct specs_options *o = &t->specs;
    bool has_dir = false;
    int status;

    for (int i = 1; i < in->argc; i++) {
        const char *arg = in->argv[i];

        if (arg[0] == '-' && arg[1]) {
            status = read_option(in, &i, t);
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

static int run_once(const struct specs_options *o)
{
    struct err err = ERR_INIT;
    int status;

    return specs_run(o, &status, &err) ? status : command_failed(&err);
}

/* --- again and again --------------------------------------------------------------- */

struct waiting {
    bool changed, ended;
};

static void on_change(void *arg)
{
    ((struct waiting *)arg)->changed = true;
}

static void on_signal(int number, void *arg)
{
    (void)number;
    ((struct waiting *)arg)->ended = true;
}

static struct watch *watch_bot(struct loop *loop, const char *dir,
                               struct waiting *waiting, struct err *err)
{
    static const char *const folders[] = { "spec", "scripts", "defaults",
                                           "locales", "migrations" };
    struct watch *watch = watch_new(loop, on_change, waiting, err);
    struct buf path = BUF_INIT;

    for (size_t i = 0; watch && i < ARRAY_LEN(folders); i++) {
        buf_reset(&path);
        buf_addf(&path, "%s/%s", dir, folders[i]);
        watch_add(watch, path.data);
    }
    buf_release(&path);
    return watch;
}

/* Run, then wait until something is saved. False: it is over. What is saved while
 * they run counts: the watch begins before. */
static bool run_and_wait(const struct specs_options *o, int *status)
{
    struct loop *loop = loop_new();
    struct waiting waiting = { 0 };
    struct err err = ERR_INIT;
    struct watch *watch = watch_bot(loop, o->dir, &waiting, &err);

    *status = watch ? run_once(o) : command_failed(&err);
    loop_on_signal(loop, SIGINT, on_signal, &waiting);
    loop_on_signal(loop, SIGTERM, on_signal, &waiting);
    loop_on_signal(loop, SIGHUP, on_signal, &waiting);
    waiting.ended = !watch || stage_is_interrupted();
    if (!waiting.ended) {
        printf("\nWaiting for something to be saved. Ctrl-C ends.\n\n");
        fflush(stdout);
    }
    while (!waiting.changed && !waiting.ended)
        loop_once(loop, LOOK_MS);
    watch_free(watch);
    loop_free(loop);
    return !waiting.ended;
}

static int test_run(struct invocation *in)
{
    struct test t = {
        .specs = { .settings = &in->settings,
                   .dir = ".",
                   .colour = isatty(STDOUT_FILENO),
                   .timeout_ms = TIMEOUT_DEFAULT_S * 1000 },
    };
    struct err err = ERR_INIT;
    int status;

    t.specs.files = xalloc((size_t)in->argc * sizeof(*t.specs.files));
    status = read_arguments(in, &t);
    if (status < 0 && !check_bot_folder(t.specs.dir, &err))
        status = command_failed(&err);
    if (status < 0 && !t.watch)
        status = run_once(&t.specs);
    if (status < 0)
        while (run_and_wait(&t.specs, &status))
            continue;
    free(t.specs.files);
    return status;
}

const struct command cmd_test = {
    .name = "test",
    .summary = "run a bot's specs, without Telegram",
    .usage =
        "test [DIR] [FILE…] [--name TEXT] [--verbose] [--watch]\n\n"
        "  DIR               the bot's folder (default: .)\n"
        "  FILE              a spec, or a folder of specs (default: all "
        "*_spec.lua in DIR/spec);\n"
        "                    FILE:LINE: what is at that line of it\n"
        "  --name TEXT, -t   only specs with this text in their name\n"
        "  --filter PATTERN  only specs whose name matches this Lua pattern: "
        "'%#slow'\n"
        "  --verbose         a line for each spec, with its time\n"
        "  --list            say which specs there are, and run none\n"
        "  --bail            the first failure ends it\n"
        "  --repeat N        all of it N times\n"
        "  --shuffle [SEED]  in another order each time; it is said which\n"
        "  --watch           again whenever something in DIR is saved\n"
        "  --tap, --json, --junit\n"
        "                    for programs: TAP 14; one JSON object a line; "
        "JUnit's XML\n"
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
