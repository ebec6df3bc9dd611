/*
 * host_commands.c - see host_commands.h.
 *
 *     what was sent is read ─► the first list that differs is sent ─► noted ─┐
 *                                        ▲                                   │
 *                                        └────────────── the next ───────────┘
 */
#include "bot/host_commands.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "bot/command_lists.h"
#include "bot/commands_statements.h"
#include "io/loop.h"

struct host_commands {
    struct loop *loop;
    struct pg *pg;
    struct sender *sender;
    char bot[24];
    struct command_lists wanted, sent;
    bool is_read;                /* sent is what the database has */
    struct pg_op *read;          /* that, on its way */
    struct pg_op *note;          /* of what was sent, on its way */
    struct tg_op *call;          /* of setMyCommands or deleteMyCommands */
    struct command_list calling; /* what it is about; commands NULL: delete */
    struct op *timer;
    int again_ms;
};

static void settle(struct host_commands *c);

struct host_commands *host_commands_new(struct loop *loop, struct pg *pg,
                                        struct sender *sender, int64_t bot_id)
{
    struct host_commands *c = xalloc(sizeof(*c));

    *c = (struct host_commands){ .loop = loop, .pg = pg, .sender = sender };
    pg_int_param(c->bot, bot_id);
    return c;
}

static void forget_call(struct host_commands *c)
{
    free(c->calling.scope);
    free(c->calling.commands);
    c->calling = (struct command_list){ .scope = NULL };
    c->call = NULL;
}

void host_commands_free(struct host_commands *c)
{
    if (!c)
        return;
    op_free(c->timer);
    if (c->call)
        op_free(&c->call->op);
    if (c->read)
        op_free(&c->read->op);
    if (c->note)
        op_free(&c->note->op);
    forget_call(c);
    command_lists_release(&c->wanted);
    command_lists_release(&c->sent);
    free(c);
}

/* --- again later ------------------------------------------------------------------- */

static void clear_failed(struct command_lists *lists)
{
    for (int i = 0; i < lists->n; i++)
        lists->list[i].failed = false;
}

static void on_again(struct op *op)
{
    struct host_commands *c = op->arg;

    op_free(op);
    c->timer = NULL;
    clear_failed(&c->wanted);
    clear_failed(&c->sent);
    settle(c);
}

static void again(struct host_commands *c)
{
    int ms = c->again_ms ? 2 * c->again_ms : COMMANDS_AGAIN_MIN_MS;

    if (c->timer)
        return;
    c->again_ms = ms < COMMANDS_AGAIN_MAX_MS ? ms : COMMANDS_AGAIN_MAX_MS;
    c->timer = timer_start(c->loop, c->again_ms);
    c->timer->done = on_again;
    c->timer->arg = c;
}

/* --- the database -------------------------------------------------------------------- */

static void on_read(struct op *op)
{
    struct host_commands *c = op->arg;
    struct pg_op *rows = c->read;

    c->read = NULL;
    if (op->err.kind) {
        log_warn("commands", "what Telegram knows can't be looked up: %s",
                 op->err.text);
        again(c);
    } else {
        command_lists_release(&c->sent);
        for (int i = 0; i < pg_rows(rows); i++)
            command_lists_put(&c->sent, pg_value(rows, i, 0),
                              pg_value(rows, i, 1), pg_value(rows, i, 2));
        c->is_read = true;
    }
    op_free(op);
    settle(c);
}

static void read_sent(struct host_commands *c)
{
    struct slice bot = slice_of(c->bot);

    c->read = pg_query(c->pg, &commands_sent_statement, &bot, 1);
    c->read->op.done = on_read;
    c->read->op.arg = c;
}

/* Without the note it is sent once more after a restart: no harm. */
static void on_noted(struct op *op)
{
    struct host_commands *c = op->arg;

    if (op->err.kind)
        log_warn("commands", "%s", op->err.text);
    c->note = NULL;
    op_free(op);
    settle(c);
}

static void note(struct host_commands *c)
{
    const struct command_list *what = &c->calling;
    struct slice params[] = { slice_of(c->bot), slice_of(what->scope),
                              slice_of(what->language), SLICE_NONE };

    if (what->commands)
        params[3] = slice_of(what->commands);
    c->note = pg_query(c->pg,
                       what->commands ? &commands_keep_statement
                                      : &commands_drop_statement,
                       params, what->commands ? 4 : 3);
    c->note->op.done = on_noted;
    c->note->op.arg = c;
}

/* --- calls ----------------------------------------------------------------------------- */

static void set_failed(struct command_list *one)
{
    if (one)
        one->failed = true;
}

static void on_called(struct op *op)
{
    struct host_commands *c = op->arg;
    struct command_list *what = &c->calling, *sent;
    const char *method = what->commands ? "setMyCommands" : "deleteMyCommands";

    if (op->err.kind) {
        log_warn("commands", "%s for %s%s%s: %s; it is tried again later",
                 method, what->scope, *what->language ? " in " : "",
                 what->language, op->err.text);
        set_failed(command_lists_find(&c->wanted, what->scope, what->language));
        set_failed(command_lists_find(&c->sent, what->scope, what->language));
    } else if (what->commands) {
        command_lists_put(&c->sent, slice_of(what->scope),
                          slice_of(what->language), slice_of(what->commands));
        note(c);
    } else {
        sent = command_lists_find(&c->sent, what->scope, what->language);
        if (sent)
            command_lists_remove(&c->sent, sent);
        note(c);
    }
    op_free(op);
    forget_call(c);
    settle(c);
}

static void call(struct host_commands *c, const struct command_list *list,
                 bool set)
{
    struct buf body = BUF_INIT;

    c->calling.scope = xstrdup(list->scope);
    memcpy(c->calling.language, list->language, sizeof(list->language));
    c->calling.commands = set ? xstrdup(list->commands) : NULL;
    buf_addf(&body, "{\"scope\":%s", list->scope);
    if (*list->language)
        buf_addf(&body, ",\"language_code\":\"%s\"", list->language);
    if (set)
        buf_addf(&body, ",\"commands\":%s", list->commands);
    buf_addc(&body, '}');
    c->call = send_start(c->sender,
                         &(struct tg_call){ .method = set ? "setMyCommands"
                                                          : "deleteMyCommands",
                                            .body = &body },
                         SEND_OTHER);
    c->call->op.done = on_called;
    c->call->op.arg = c;
    buf_release(&body);
}

/* Send the first one that differs. */
static bool send_one(struct host_commands *c, bool *failed)
{
    for (int i = 0; i < c->wanted.n; i++) {
        struct command_list *w = &c->wanted.list[i];
        const struct command_list *s =
            command_lists_find(&c->sent, w->scope, w->language);

        if (s && strcmp(s->commands, w->commands) == 0)
            continue;
        *failed = *failed || w->failed;
        if (w->failed)
            continue;
        call(c, w, true);
        return true;
    }
    for (int i = 0; i < c->sent.n; i++) {
        struct command_list *s = &c->sent.list[i];

        if (command_lists_find(&c->wanted, s->scope, s->language))
            continue;
        *failed = *failed || s->failed;
        if (s->failed)
            continue;
        call(c, s, false);
        return true;
    }
    return false;
}

static void settle(struct host_commands *c)
{
    bool failed = false;

    if (c->call || c->read || c->note)
        return;
    if (!c->is_read) {
        if (!c->timer)
            read_sent(c);
        return;
    }
    if (send_one(c, &failed))
        return;
    if (failed)
        again(c);
    else
        c->again_ms = 0;
}

void host_commands_want(struct host_commands *c, const struct handlers *hs,
                        bool afresh)
{
    command_lists_release(&c->wanted);
    command_lists_make(&c->wanted, hs);
    if (c->wanted.too_long)
        log_warn("commands",
                 "Telegram's lists have %d commands at most; the "
                 "last ones are left out",
                 COMMAND_LIST_MAX);
    if (afresh)
        c->is_read = false;
    clear_failed(&c->sent);
    op_free(c->timer);
    c->timer = NULL;
    c->again_ms = 0;
    settle(c);
}
