/*
 * cmd_broadcast.c - moonpost broadcast: one message to many chats. Here are the
 * arguments, and what changes a broadcast; broadcast_make.c makes one,
 * broadcast_show.c shows them.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bot/broadcast_desk.h"
#include "broadcast_command.h"
#include "command.h"
#include "output.h"

struct action {
    const char *name; /* NULL: FILE */
    bool (*run)(struct broadcast_call *c, struct err *err);
    bool has_id, has_state;
    bool changes;
    enum broadcast_change change;
};

bool broadcast_wait(struct broadcast_call *c, struct op **op, struct err *err)
{
    const struct broadcast_op *b = (struct broadcast_op *)*op;
    struct err why = ERR_INIT;

    if (!tool_wait(&c->tool, *op, &why))
        err_set(err, why.kind, "%s%s", why.text,
                strstr(why.text, "relation \"") ||
                        strstr(why.text, "function moonpost_")
                    ? "; `moonpost migrate` makes the tables"
                    : "");
    else if (b->n == 0 && c->id)
        err_set(err, ERR_USAGE, "there is no broadcast %lld", (long long)c->id);
    else
        return true;
    op_free(*op);
    *op = NULL;
    return false;
}

/* --- changing ----------------------------------------------------------------------- */

static const char *what_hinders(enum broadcast_change change)
{
    static const char *const only[] = {
        [BROADCAST_PAUSE] = "only one that runs can be paused",
        [BROADCAST_RESUME] = "only one that is paused can go on",
        [BROADCAST_CANCEL] = "it is over",
        [BROADCAST_RETRY] = "it has no chats that failed or are in doubt, or "
                            "it was cancelled",
    };

    return only[change];
}

static bool change(struct broadcast_call *c, enum broadcast_change what,
                   struct err *err)
{
    struct op *op =
        broadcast_change_start(c->tool.loop, c->tool.pg, c->id, what, NULL);
    const struct broadcast *b;
    bool changed;

    if (!broadcast_wait(c, &op, err))
        return false;
    b = &((struct broadcast_op *)op)->list[0];
    changed = ((struct broadcast_op *)op)->changed;
    if (changed)
        broadcast_print(c, b);
    else
        err_set(err, ERR_USAGE, "broadcast %lld is %.*s: %s", (long long)b->id,
                (int)b->state.n, b->state.p, what_hinders(what));
    op_free(op);
    return changed;
}

/* --- arguments ---------------------------------------------------------------------- */

static const struct action actions[] = {
    { .name = "list", .run = broadcast_list },
    { .name = "show", .run = broadcast_show, .has_id = true },
    { .name = "chats",
      .run = broadcast_chats,
      .has_id = true,
      .has_state = true },
    { .name = "pause",
      .has_id = true,
      .changes = true,
      .change = BROADCAST_PAUSE },
    { .name = "resume",
      .has_id = true,
      .changes = true,
      .change = BROADCAST_RESUME },
    { .name = "cancel",
      .has_id = true,
      .changes = true,
      .change = BROADCAST_CANCEL },
    { .name = "retry",
      .has_id = true,
      .changes = true,
      .change = BROADCAST_RETRY },
    { .name = NULL, .run = broadcast_make },
};

static const struct action *find(const char *name)
{
    const struct action *a = actions;

    while (a->name && strcmp(a->name, name) != 0)
        a++;
    return a;
}

struct command_line {
    const struct action *action;
    struct broadcast_call call;
    char **args;
    int nargs;
};

static bool value_of(const struct invocation *in, int *i, const char **value,
                     struct err *err)
{
    if (++*i == in->argc)
        return err_set(err, ERR_USAGE, "%s needs a value", in->argv[*i - 1]);
    *value = in->argv[*i];
    return true;
}

static bool read_option(const struct invocation *in, int *i,
                        struct command_line *l, struct err *err)
{
    const char *arg = in->argv[*i];
    bool makes = !l->action->name;

    if (strcmp(arg, "--json") == 0)
        l->call.json = true;
    else if (makes && strcmp(arg, "--to") == 0)
        return value_of(in, i, &l->call.to, err);
    else if (makes && strcmp(arg, "--method") == 0)
        return value_of(in, i, &l->call.method, err);
    else if (makes && strcmp(arg, "--dry-run") == 0)
        l->call.dry_run = true;
    else if (makes && strcmp(arg, "--yes") == 0)
        l->call.yes = true;
    else
        return err_set(err, ERR_USAGE, "there is no option \"%s\" here", arg);
    return true;
}

static bool read_id(const char *text, int64_t *id, struct err *err)
{
    char *end;

    errno = 0;
    *id = strtoll(text, &end, 10);
    if (*id <= 0 || *end || errno)
        return err_set(err, ERR_USAGE,
                       "\"%s\" is not a broadcast's number, as `moonpost "
                       "broadcast list` has them",
                       text);
    return true;
}

static bool is_state(const char *text)
{
    static const char *const states[] = { "waiting", "sending", "sent",
                                          "blocked", "failed",  "moved",
                                          "in_doubt" };

    for (size_t i = 0; i < ARRAY_LEN(states); i++)
        if (strcmp(text, states[i]) == 0)
            return true;
    return false;
}

static bool read_arguments(const struct invocation *in, struct command_line *l,
                           struct err *err)
{
    const struct action *a;
    int max;

    if (in->argc < 2)
        return err_set(err, ERR_USAGE, "it needs a FILE, or list");
    l->action = a = find(in->argv[1]);
    l->args = in->argv + 1;
    for (int i = a->name ? 2 : 1; i < in->argc; i++) {
        if (in->argv[i][0] == '-' && in->argv[i][1]) {
            if (!read_option(in, &i, l, err))
                return false;
        } else {
            l->args[l->nargs++] = in->argv[i];
        }
    }
    max = !a->name ? 1 : a->has_id + a->has_state;
    if (l->nargs > max)
        return err_set(err, ERR_USAGE, "unexpected argument \"%s\"",
                       l->args[max]);
    if (!a->name && l->nargs < 1)
        return err_set(err, ERR_USAGE, "it needs a FILE");
    if (!a->name)
        l->call.file = l->args[0];
    if (a->has_id && l->nargs < 1)
        return err_set(err, ERR_USAGE, "%s needs a broadcast's number",
                       a->name);
    if (a->has_id && !read_id(l->args[0], &l->call.id, err))
        return false;
    if (l->nargs == 2)
        l->call.state = l->args[1];
    if (l->call.state && !is_state(l->call.state))
        return err_set(err, ERR_USAGE,
                       "\"%s\" is not a state: waiting, sending, sent, "
                       "blocked, failed, moved, in_doubt",
                       l->call.state);
    return true;
}

/* Whose chats: the number in its token. */
static bool read_bot(const struct settings *s, struct broadcast_call *c,
                     struct err *err)
{
    char *end = NULL;

    if (s->bot_token)
        c->bot = strtoll(s->bot_token, &end, 10);
    if (c->bot <= 0 || !end || *end != ':')
        return err_set(err, ERR_USAGE,
                       "BOT_TOKEN is not set: it says which bot's chats these "
                       "are");
    return true;
}

/* --- running ------------------------------------------------------------------------ */

static bool run(const struct invocation *in, struct command_line *l,
                struct err *err)
{
    struct tool_options o = { .settings = &in->settings,
                              .application_name = "moonpost broadcast" };
    bool ok;

    if ((!l->action->name && !read_bot(&in->settings, &l->call, err)) ||
        !tool_open(&l->call.tool, &o, err))
        return false;
    ok = l->action->changes ? change(&l->call, l->action->change, err)
                            : l->action->run(&l->call, err);
    tool_close(&l->call.tool);
    return output_end(err) && ok;
}

static int broadcast(struct invocation *in)
{
    struct command_line l = { 0 };
    struct err err = ERR_INIT;

    if (!read_arguments(in, &l, &err)) {
        fprintf(stderr,
                "moonpost broadcast: %s; see moonpost broadcast --help\n",
                err.text);
        return EXIT_USAGE;
    }
    if (run(in, &l, &err))
        return EXIT_OK;
    return err.text[0] ? command_failed(&err) : EXIT_FAILED;
}

const struct command cmd_broadcast = {
    .name = "broadcast",
    .summary = "send a message to many chats, and see how far that is",
    .usage =
        "broadcast FILE [--to WHO] [--method NAME] [--dry-run] [--yes] | "
        "list | show ID | chats ID [STATE] | pause ID | resume ID | "
        "cancel ID | retry ID\n\n"
        "  FILE           the message: .txt, .md (MarkdownV2) or .html, or "
        ".json "
        "with the\n"
        "                 parameters of sendMessage, or of another method that "
        "\"method\" names\n"
        "  --to WHO       all (default), private, groups, chats' ids with "
        "commas between,\n"
        "                 @FILE with ids, or a SELECT of ids, run read-only\n"
        "  --method NAME  another method than sendMessage\n"
        "  --dry-run      say to how many chats and what, and leave it\n"
        "  --yes          do not ask on a terminal\n"
        "  list           the newest 20\n"
        "  show ID        how far it is; on a terminal until it is over\n"
        "  chats ID       its chats, or those of one STATE (sent, blocked, "
        "failed, in_doubt, …)\n"
        "  pause ID, resume ID, cancel ID\n"
        "  retry ID       send again to those that failed or are in doubt\n"
        "  --json         for programs\n\n"
        "It is put into the database; a running bot sends it, after all "
        "replies.",
    .shows_settings = true,
    .run = broadcast,
};
