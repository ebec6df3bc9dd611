/* cmd_doctor.c - moonpost doctor: can this bot work, and what is to be done? */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "bot/doctor.h"
#include "running.h"

struct doctor_run {
    const char *dir;
    int64_t chat_id;
    bool json;
    int told, failed, warned;
};

static bool parse_chat(const char *text, int64_t *id)
{
    char *end;

    errno = 0;
    *id = strtoll(text, &end, 10);
    return *text && !*end && !errno && *id != 0;
}

static bool read_arguments(const struct invocation *in, struct doctor_run *run)
{
    for (int i = 1; i < in->argc; i++) {
        const char *arg = in->argv[i];

        if (strcmp(arg, "--json") == 0) {
            run->json = true;
        } else if (strcmp(arg, "--chat") == 0) {
            if (++i == in->argc || !parse_chat(in->argv[i], &run->chat_id)) {
                fprintf(stderr, "moonpost doctor: --chat needs a chat's "
                                "number, like -1001234567890\n");
                return false;
            }
        } else if (arg[0] != '-' && !run->dir) {
            run->dir = arg;
        } else {
            fprintf(stderr,
                    "moonpost doctor: unexpected argument \"%s\"; see moonpost "
                    "doctor --help\n",
                    arg);
            return false;
        }
    }
    run->dir = run->dir ? run->dir : ".";
    return true;
}

static void print_json(struct doctor_run *run, const char *status,
                       const struct doctor_finding *f)
{
    struct buf out = BUF_INIT;

    buf_addf(&out, "%s{\"check\":\"%s\",\"status\":\"%s\",\"text\":",
             run->told ? ",\n" : "[\n", f->check, status);
    json_add_text(&out, slice_of(f->text));
    buf_adds(&out, ",\"advice\":");
    json_add_text(&out, slice_of(f->advice));
    buf_addc(&out, '}');
    fwrite(out.data, 1, out.len, stdout);
    buf_release(&out);
}

/* Of more lines, those after the first are indented. */
static void print_text(const char *text)
{
    for (; *text; text++) {
        putchar(*text);
        if (*text == '\n')
            fputs("      ", stdout);
    }
    putchar('\n');
}

static void on_found(const struct doctor_finding *f, void *arg)
{
    static const char *const words[] = { "ok", "warn", "FAIL" };
    struct doctor_run *run = arg;
    const char *status = words[f->verdict];

    run->failed += f->verdict == DOCTOR_FAIL;
    run->warned += f->verdict == DOCTOR_WARN;
    if (run->json) {
        print_json(run, status, f);
    } else {
        printf("%-4s  %s: ", status, f->check);
        print_text(f->text);
        if (f->advice[0]) {
            fputs("      → ", stdout);
            print_text(f->advice);
        }
    }
    run->told++;
    fflush(stdout);
}

static int doctor(struct invocation *in)
{
    struct doctor_run run = { 0 };
    struct err err = ERR_INIT;

    if (!read_arguments(in, &run))
        return EXIT_USAGE;
    if (!check_bot_folder(run.dir, &err))
        return command_failed(&err);
    if (in->settings.log_level != LOG_DEBUG) /* the findings say it all */
        log_setup(LOG_ERROR, in->settings.log_format);
    doctor_run(&(struct doctor_options){
        .settings = &in->settings,
        .dir = run.dir,
        .chat_id = run.chat_id,
        .found = on_found,
        .arg = &run,
    });
    if (run.json)
        printf("\n]\n");
    else if (run.failed || run.warned)
        printf("\n%d failed, %d to be looked at.\n", run.failed, run.warned);
    else
        printf("\nAll is well.\n");
    return run.failed ? EXIT_FAILED : EXIT_OK;
}

const struct command cmd_doctor = {
    .name = "doctor",
    .summary = "see whether a bot can work: token, webhook, database, limits",
    .usage = "doctor [DIR] [--chat ID] [--json]\n\n"
             "  DIR        the bot's folder (default: .)\n"
             "  --chat ID  also what the bot may do in this chat\n"
             "  --json     for programs: a list of objects\n\n"
             "Each line is ok, warn or FAIL, and then what to do. Nothing is "
             "changed. Exit status 1\nif anything is FAIL.",
    .shows_settings = true,
    .run = doctor,
};
