/*
 * main.c - environment → settings → command. The only getenv() and exit status.
 */
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/metrics.h"
#include "command.h"

static const struct command *const commands[] = {
    &cmd_new,    &cmd_run,     &cmd_dev,  &cmd_simulate,  &cmd_migrate,
    &cmd_config, &cmd_inbox,   &cmd_jobs, &cmd_broadcast, &cmd_explain,
    &cmd_doctor, &cmd_check,   &cmd_test, &cmd_types,     &cmd_repl,
    &cmd_replay, &cmd_version,
};

static void print_overview(FILE *out)
{
    fprintf(out, "Usage: moonpost COMMAND [ARGUMENTS]\n\n"
                 "A host for Telegram bots written in Lua.\n\n");
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        fprintf(out, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
    fprintf(out,
            "\n`moonpost COMMAND --help` tells more. Exit status: 0 well, 1 "
            "failed, 2 wrong usage.\n");
}

/* All of them are longer than a screen: in one command's help, not in each. */
static void print_settings(const struct command *c)
{
    struct buf settings = BUF_INIT;

    if (c != &cmd_run) {
        printf(
            "\nSettings come from the environment (BOT_TOKEN, DATABASE_URL …); "
            "`moonpost run --help`\nlists them.\n");
        return;
    }
    settings_help(&settings);
    printf("\nSettings from the environment:\n%s", settings.data);
    buf_release(&settings);
}

static void print_help(const struct command *c)
{
    int line = (int)strcspn(c->usage, "\n");

    printf("Usage: moonpost %.*s\n\n%c%s.\n", line, c->usage,
           c->summary[0] - 'a' + 'A', c->summary + 1);
    if (c->usage[line])
        printf("%s\n", c->usage + line + 1);
    if (c->shows_settings)
        print_settings(c);
}

static const struct command *find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    return NULL;
}

int command_failed(const struct err *err)
{
    struct buf text = BUF_INIT;

    log_redact(&text, slice_of(err->text));
    fprintf(stderr, "moonpost: %s\n", text.data);
    buf_release(&text);
    return EXIT_FAILED;
}

static bool parse_port(const char *text, int *port)
{
    char *end;
    long n = strtol(text, &end, 10);

    *port = (int)n;
    return *text && !*end && n >= 0 && n <= 65535;
}

static bool is_option(const char *arg, const char *name)
{
    return strcmp(arg, name) == 0;
}

bool arguments_read(const struct invocation *in, int takes,
                    struct arguments *out)
{
    bool has_dir = false;

    *out = (struct arguments){ .dir = "." };
    for (int i = 1; i < in->argc; i++) {
        const char *arg = in->argv[i];

        if ((takes & TAKES_PORT) && is_option(arg, "--port")) {
            if (++i == in->argc || !parse_port(in->argv[i], &out->port)) {
                fprintf(stderr,
                        "moonpost %s: --port needs a number from 0 to "
                        "65535\n",
                        in->argv[0]);
                return false;
            }
            out->has_port = true;
        } else if ((takes & TAKES_DRY_RUN) && is_option(arg, "--dry-run")) {
            out->dry_run = true;
        } else if ((takes & TAKES_PRINT) && is_option(arg, "--print")) {
            out->print = true;
        } else if ((takes & TAKES_RECORD) && is_option(arg, "--record") &&
                   i + 1 < in->argc) {
            out->record = in->argv[++i];
        } else if ((takes & TAKES_RECORD) && is_option(arg, "--anonymous")) {
            out->anonymous = true;
        } else if ((takes & TAKES_DIR) && arg[0] != '-' && !has_dir) {
            out->dir = arg;
            has_dir = true;
        } else {
            fprintf(stderr,
                    "moonpost %s: unexpected argument \"%s\"; see moonpost %s "
                    "--help\n",
                    in->argv[0], arg, in->argv[0]);
            return false;
        }
    }
    return true;
}

static bool wants_help(int argc, char **argv)
{
    for (int i = 0; i < argc && !is_option(argv[i], "--"); i++)
        if (is_option(argv[i], "--help") || is_option(argv[i], "-h"))
            return true;
    return false;
}

static const char *get(const char *name)
{
    return getenv(name);
}

static int run(const struct command *c, int argc, char **argv)
{
    struct invocation in = { .argc = argc, .argv = argv };
    struct err err = ERR_INIT;
    int status;

    if (!settings_load(&in.settings, get, &err))
        return command_failed(&err);
    log_setup(in.settings.log_level, in.settings.log_format);
    log_hide(in.settings.bot_token);
    status = c->run(&in);
    settings_release(&in.settings);
    metrics_release();
    log_unhide_all();
    return status;
}

static int say_unknown(const char *name)
{
    fprintf(stderr, "moonpost: there is no command \"%s\"\n\n", name);
    print_overview(stderr);
    return EXIT_USAGE;
}

/* Help about the command argv[0], or all of them. */
static int help(int argc, char **argv)
{
    const struct command *c = argc > 0 ? find(argv[0]) : NULL;

    if (!c && argc > 0)
        return say_unknown(argv[0]);
    if (!c)
        print_overview(stdout);
    else if (c->help)
        c->help(argc, argv);
    else
        print_help(c);
    return EXIT_OK;
}

int main(int argc, char **argv)
{
    const struct command *c;

    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGPIPE, SIG_IGN);
    srandom((unsigned)time(NULL) ^ (unsigned)getpid());
    if (argc < 2) {
        print_overview(stderr);
        return EXIT_USAGE;
    }
    if (is_option(argv[1], "--version"))
        argv[1] = (char *)"version";
    if (is_option(argv[1], "help"))
        return help(argc - 2, argv + 2);
    if (wants_help(1, argv + 1))
        return help(0, NULL);
    c = find(argv[1]);
    if (!c)
        return say_unknown(argv[1]);
    if (wants_help(argc - 2, argv + 2))
        return help(argc - 1, argv + 1);
    return run(c, argc - 1, argv + 1);
}
