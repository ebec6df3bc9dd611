/* inbox_change.c - moonpost inbox retry, drop: updates that were set aside go back
 * to the bot, or away. */
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "bot/dead_statements.h"
#include "config_show.h"
#include "inbox_command.h"
#include "output.h"
#include "telegram/update.h"

#define PAGE 100
#define REASON_MAX 100

struct change {
    struct inbox_call *c;
    bool drop;
    const struct pg_statement *statement;
    int64_t after_bot, after_id; /* where the next page begins */
    bool *found;                 /* which of c->ids */
    int64_t changed, unreadable;
};

/* The lane that it goes back into. false: it is no update. */
static bool read_lane(struct slice text, int64_t *lane)
{
    struct update u;
    struct err err = ERR_INIT;

    if (!json_check(text, JSON_DEPTH_MAX, &err) || !update_read(text, &u, &err))
        return false;
    *lane = update_lane(&u);
    return true;
}

static void say(struct change *ch, const struct inbox_dead *d,
                const char *result, struct buf *out)
{
    if (ch->c->json && ch->drop) {
        inbox_add_dead_json(out, d);
    } else if (ch->c->json) {
        buf_addf(out,
                 "{\"bot_id\":%lld,\"update_id\":%lld,\"result\":\"%s\"}\n",
                 (long long)d->bot, (long long)d->id, result);
    } else {
        buf_addf(out, "%s %lld: ", result, (long long)d->id);
        inbox_add_reason(out, d, REASON_MAX);
        buf_addc(out, '\n');
    }
}

/* Was it among those that the statement has changed? Both are in order. */
static bool is_changed(const struct pg_op *changed, int *row,
                       const struct inbox_dead *d)
{
    if (*row == pg_rows(changed) || pg_int(changed, *row, 0) != d->bot ||
        pg_int(changed, *row, 1) != d->id)
        return false;
    (*row)++;
    return true;
}

static void note_found(struct change *ch, int64_t id)
{
    for (int i = 0; i < ch->c->n; i++)
        if (ch->c->ids[i] == id)
            ch->found[i] = true;
}

/* What came of a page's rows. changed: the statement's answer. */
static void tell_page(struct change *ch, const struct pg_op *page,
                      const struct pg_op *changed)
{
    struct buf out = BUF_INIT;
    int row = 0;

    for (int i = 0; i < pg_rows(page); i++) {
        struct inbox_dead d = inbox_dead_read(page, i);
        int64_t lane;

        note_found(ch, d.id);
        if (is_changed(changed, &row, &d)) {
            ch->changed++;
            say(ch, &d, ch->drop ? "dropped" : "retried", &out);
        } else if (!ch->drop && !read_lane(d.update, &lane)) {
            ch->unreadable++;
            say(ch, &d, "unreadable", &out);
        } /* else somebody else was faster */
    }
    output_add(&out);
    buf_release(&out);
}

static void list_page(struct change *ch, const struct pg_op *page,
                      struct buf *json)
{
    bool first = true;

    buf_addc(json, '[');
    for (int i = 0; i < pg_rows(page); i++) {
        struct inbox_dead d = inbox_dead_read(page, i);
        int64_t lane = 0;

        ch->after_bot = d.bot;
        ch->after_id = d.id;
        if (!ch->drop && !read_lane(d.update, &lane))
            continue;
        buf_addf(json, "%s{\"bot\":%lld,\"id\":%lld,\"lane\":%lld}",
                 first ? "" : ",", (long long)d.bot, (long long)d.id,
                 (long long)lane);
        first = false;
    }
    buf_addc(json, ']');
}

static struct pg_op *ask_page(const struct change *ch, struct slice ids)
{
    const struct inbox_call *c = ch->c;
    char storage[4][24];

    return pg_query(c->tool.pg, &inbox_find_statement,
                    (struct slice[]){ pg_int_param(storage[0], c->bot),
                                      pg_int_param(storage[1], c->chat),
                                      pg_int_param(storage[2], ch->after_bot),
                                      pg_int_param(storage[3], ch->after_id),
                                      ids, slice_of("100") },
                    6);
}

/* *more: there may be another one. */
static bool change_page(struct change *ch, struct slice ids, bool *more,
                        struct err *err)
{
    struct pg_op *page = ask_page(ch, ids), *changed = NULL;
    struct buf json = BUF_INIT;
    struct slice param;
    bool ok = tool_wait(&ch->c->tool, &page->op, err);

    if (ok) {
        *more = pg_rows(page) == PAGE;
        list_page(ch, page, &json);
        param = buf_slice(&json);
        changed = pg_query(ch->c->tool.pg, ch->statement, &param, 1);
        ok = tool_wait(&ch->c->tool, &changed->op, err);
        if (ok)
            tell_page(ch, page, changed);
        op_free(&changed->op);
    }
    op_free(&page->op);
    buf_release(&json);
    return ok;
}

static void tell_end(const struct change *ch)
{
    struct buf out = BUF_INIT;

    if (ch->c->json)
        return;
    if (!ch->changed && !ch->unreadable && ch->c->all)
        buf_adds(&out, "Nothing was set aside.\n");
    else if (ch->changed && !ch->drop)
        buf_addf(&out,
                 "%lld back in the inbox: a running bot takes %s within "
                 "seconds.\n",
                 (long long)ch->changed, ch->changed == 1 ? "it" : "them");
    output_add(&out);
    buf_release(&out);
}

/* Those that were named must have been there, and be updates. */
static bool check_end(const struct change *ch, struct err *err)
{
    bool ok = true;

    for (int i = 0; i < ch->c->n; i++) {
        if (ch->found[i])
            continue;
        fprintf(stderr, "moonpost: update %lld was not set aside\n",
                (long long)ch->c->ids[i]);
        ok = false;
    }
    if (ch->unreadable && !ch->c->all) {
        fputs("moonpost: what can't be read can't be tried again\n", stderr);
        ok = false;
    }
    return ok || err_set(err, ERR_CONFIG, "%s", "");
}

static bool run(struct change *ch, struct err *err)
{
    const struct inbox_call *c = ch->c;
    struct buf ids = BUF_INIT;
    bool more = true, ok = true;

    for (int i = 0; i < c->n; i++)
        buf_addf(&ids, "%c%lld", i ? ',' : '{', (long long)c->ids[i]);
    buf_adds(&ids, c->n ? "}" : "");
    ch->found = xalloc(sizeof(bool) * (size_t)(c->n + 1));
    while (ok && more)
        ok = change_page(ch, c->n ? buf_slice(&ids) : SLICE_NONE, &more, err);
    if (ok) {
        tell_end(ch);
        ok = check_end(ch, err);
    }
    free(ch->found);
    buf_release(&ids);
    return ok;
}

bool inbox_retry(struct inbox_call *c, struct err *err)
{
    struct change ch = { .c = c, .statement = &inbox_retry_statement };

    return run(&ch, err);
}

bool inbox_drop(struct inbox_call *c, struct err *err)
{
    struct change ch = { .c = c,
                         .drop = true,
                         .statement = &inbox_drop_statement };

    return run(&ch, err);
}
