/* cmd_repl.c - moonpost repl: a prompt in the bot that runs. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/json.h"
#include "command.h"
#include "repl_path.h"

struct prompt {
    FILE *to, *from;   /* the bot */
    struct buf input;  /* of several lines, until it is complete */
    bool is_terminal;  /* somebody types */
    bool more, failed; /* what the last input came to */
};

struct repl_arguments {
    const char *dir;
    const char *socket;
    const char *text;   /* -e */
    const char *update; /* a file */
    long number;        /* which line of it */
};

static bool connect_to(struct prompt *p, const char *path, struct err *err)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    int fd;

    if (strlen(path) >= sizeof(addr.sun_path))
        return err_set(err, ERR_USAGE, "%s: too long for a socket's path",
                       path);
    strcpy(addr.sun_path, path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof(addr)) != 0) {
        err_set(err, ERR_SYSTEM,
                "%s: %s. Does the bot run? `moonpost dev` has a prompt by "
                "itself, `moonpost run` when REPL_SOCKET is set",
                path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return false;
    }
    p->to = fdopen(fd, "w");
    p->from = fdopen(dup(fd), "r");
    return true;
}

static void print_value(const char *before, struct slice raw, FILE *out)
{
    char *text = xalloc(raw.n + 1);
    size_t n = json_unescape(text, raw);

    fprintf(out, "%s%.*s\n", before, (int)n, text);
    free(text);
}

/* One line of the answer; true: it was the last. */
static bool show(struct prompt *p, struct slice line)
{
    struct slice text = json_raw(json_get(line, "text"));
    struct slice error = json_raw(json_get(line, "error"));

    if (text.p)
        print_value("", text, stdout);
    if (error.p) {
        fflush(stdout);
        print_value("", error, stderr);
        p->failed = true;
    }
    if (json_get(line, "more").p)
        p->more = true;
    return json_get(line, "done").p != NULL;
}

/* Read the answer to its end. false: the bot has gone. */
static bool answer(struct prompt *p)
{
    char *line = NULL;
    size_t size = 0;
    ssize_t n;
    struct err err = ERR_INIT;
    bool done = false;

    p->more = p->failed = false;
    while (!done && (n = getline(&line, &size, p->from)) > 0) {
        struct slice text = { line, (size_t)n - 1 };

        if (json_check(text, JSON_DEPTH_MAX, &err))
            done = show(p, text);
    }
    free(line);
    fflush(stdout);
    return done;
}

static bool ask(struct prompt *p, struct slice text)
{
    struct buf line = BUF_INIT;
    struct err err = ERR_INIT;
    bool ok;

    buf_adds(&line, "{\"run\":");
    if (!json_add_string(&line, text, &err)) {
        fprintf(stderr, "%s\n", err.text);
        buf_release(&line);
        return true;
    }
    buf_adds(&line, "}\n");
    fwrite(line.data, 1, line.len, p->to);
    ok = fflush(p->to) == 0 && answer(p);
    buf_release(&line);
    return ok;
}

/* Line after line; an input that is not complete goes on in the next. */
static bool read_lines(struct prompt *p)
{
    char *line = NULL;
    size_t size = 0;
    ssize_t n;
    bool ok = true, failed = false;

    for (;;) {
        if (p->is_terminal) {
            fputs(p->input.len ? ">> " : "> ", stdout);
            fflush(stdout);
        }
        n = getline(&line, &size, stdin);
        if (n <= 0)
            break;
        buf_add_slice(&p->input, (struct slice){ line, (size_t)n });
        ok = ask(p, buf_slice(&p->input));
        if (!ok)
            break;
        failed = failed || p->failed;
        if (!p->more)
            buf_reset(&p->input);
    }
    free(line);
    if (p->is_terminal)
        fputc('\n', stdout);
    if (ok && p->input.len)
        fprintf(stderr, "the last input is not complete\n");
    p->failed = !p->is_terminal && (failed || p->input.len);
    return ok;
}

/* The update in the Nth line of a recording, or of a file of updates. */
static bool send_update(struct prompt *p, const struct repl_arguments *a,
                        struct err *err)
{
    FILE *f = fopen(a->update, "r");
    char *line = NULL;
    size_t size = 0;
    ssize_t n = -1;
    struct slice text, update;
    struct err why = ERR_INIT;

    if (!f)
        return err_set(err, ERR_SYSTEM, "%s: %s", a->update, strerror(errno));
    for (long i = 0; i < a->number; i++)
        n = getline(&line, &size, f);
    fclose(f);
    text = (struct slice){ line, n > 0 ? (size_t)n : 0 };
    while (text.n && (line[text.n - 1] == '\n' || line[text.n - 1] == '\r'))
        text.n--;
    if (n <= 0 || !json_check(text, JSON_DEPTH_MAX, &why)) {
        free(line);
        return err_set(err, ERR_USAGE, "%s has no update in line %ld%s%s",
                       a->update, a->number, n > 0 ? ": " : "", why.text);
    }
    update = json_get(text, "update");
    if (!update.p)
        update = text;
    fprintf(p->to, "{\"update\":%.*s}\n", (int)update.n, update.p);
    free(line);
    if (fflush(p->to) != 0 || !answer(p))
        return err_set(err, ERR_SYSTEM, "the bot has ended");
    return true;
}

static bool run_prompt(struct prompt *p, const struct repl_arguments *a,
                       struct err *err)
{
    bool ok;

    if (a->update)
        return send_update(p, a, err);
    if (a->text) {
        ok = ask(p, slice_of(a->text));
        if (ok && p->more)
            p->failed = fprintf(stderr, "the input is not complete\n") > 0;
    } else {
        p->is_terminal = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
        if (p->is_terminal)
            puts("Lua in the running bot: bot, api, ctx, config(chat), "
                 "chat(id), inspect(value). Ctrl-D ends.");
        ok = read_lines(p);
    }
    return ok || err_set(err, ERR_SYSTEM, "the bot has ended");
}

/* --- arguments ------------------------------------------------------------------------ */

static bool takes_value(const struct invocation *in, int *i, const char *name,
                        const char **value)
{
    if (strcmp(in->argv[*i], name) != 0 || *i + 1 == in->argc)
        return false;
    *value = in->argv[++*i];
    return true;
}

static bool read_arguments(const struct invocation *in,
                           struct repl_arguments *a)
{
    const char *number = "1";
    bool has_dir = false;

    *a = (struct repl_arguments){ .dir = "." };
    for (int i = 1; i < in->argc; i++) {
        if (takes_value(in, &i, "-e", &a->text) ||
            takes_value(in, &i, "--socket", &a->socket) ||
            takes_value(in, &i, "--update", &a->update) ||
            takes_value(in, &i, "--line", &number))
            continue;
        if (in->argv[i][0] == '-' || has_dir) {
            fprintf(stderr,
                    "moonpost repl: unexpected argument \"%s\"; see moonpost "
                    "repl --help\n",
                    in->argv[i]);
            return false;
        }
        a->dir = in->argv[i];
        has_dir = true;
    }
    a->number = strtol(number, NULL, 10);
    if (a->number < 1)
        fprintf(stderr, "moonpost repl: --line needs a number from 1 on\n");
    return a->number >= 1;
}

static int repl(struct invocation *in)
{
    struct prompt p = { .input = BUF_INIT };
    struct repl_arguments a;
    struct buf path = BUF_INIT;
    struct err err = ERR_INIT;
    bool ok;

    if (!read_arguments(in, &a))
        return EXIT_USAGE;
    if (a.socket)
        buf_adds(&path, a.socket);
    else
        repl_path_add(&path, &in->settings, a.dir);
    ok = connect_to(&p, path.data, &err);
    if (ok) {
        ok = run_prompt(&p, &a, &err);
        fclose(p.to);
        fclose(p.from);
    }
    buf_release(&path);
    buf_release(&p.input);
    if (!ok)
        return command_failed(&err);
    return p.failed ? EXIT_FAILED : EXIT_OK;
}

const struct command cmd_repl = {
    .name = "repl",
    .summary = "a prompt in the bot that runs: look at it, call Telegram",
    .usage =
        "repl [DIR] [-e TEXT | --update FILE [--line N]] [--socket PATH]\n\n"
        "  DIR            the bot's folder (default: .)\n"
        "  -e TEXT        run this Lua and end\n"
        "  --update FILE  run the handlers for an update in a recording "
        "(--record), or\n                 in any file with one in a line\n"
        "  --line N       the one in line N (1)\n"
        "  --socket PATH  where the bot listens (default: REPL_SOCKET, or "
        ".repl "
        "in its\n                 data folder)\n\n"
        "`moonpost dev` has a prompt by itself; `moonpost run` where "
        "REPL_SOCKET "
        "says.\nWho may open the socket may do all that the bot may: its mode "
        "is "
        "0600.\nWhat an input gives is shown; what it assigns is kept until "
        "the "
        "prompt ends.\nLua is run as a handler is, within the same limits; "
        "after "
        "chat(ID), ctx is\nabout that chat. For history and editing: rlwrap "
        "moonpost repl.",
    .run = repl,
};
