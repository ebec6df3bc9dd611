/*
 * script_db_line.c - the line of those who wait for a connection, and the
 * connections they get: see script_db.h.
 */
#include "script_db_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

/* Of a query's time, for the way there and back: so that the server says no first,
 * and the connection stays. */
#define WAY_MS 2000

void script_db_leave_line(struct db_op *op)
{
    struct db_line *line = op->line;

    if (!line)
        return;
    TAILQ_REMOVE(&op->db->line, line, entry);
    op->db->waiting--;
    free(line);
    op->line = NULL;
}

static void on_state(bool up, const char *reason, void *arg)
{
    (void)arg;
    if (!up)
        log_warn("database", "a connection of db in scripts: %s", reason);
}

/* The url was good for the host's own connection. */
static bool open_link(struct db_link *link)
{
    const struct script_db_options *o = &link->db->options;
    struct err err = ERR_INIT;

    link->pg = pg_new(link->db->loop,
                      &(struct pg_options){
                          .url = o->url,
                          .schema = o->schema,
                          .application_name = "moonpost scripts",
                          .statement_timeout_ms = o->timeout_ms,
                          .query_timeout_ms = o->timeout_ms + WAY_MS,
                          .wait_timeout_ms = o->timeout_ms,
                          .prepare = o->prepare,
                          .require_ssl = o->require_ssl,
                      },
                      &err);
    if (!link->pg) {
        log_error("database", "%s", err.text);
        return false;
    }
    pg_on_state(link->pg, on_state, link);
    return true;
}

/* One that is up, or a new one, or one that is being made again. NULL: none is
 * free. */
static struct db_link *find_link(struct script_db *db)
{
    struct db_link *down = NULL;

    for (int i = 0; i < db->n; i++) {
        struct db_link *link = &db->links[i];

        if (link->query || link->session)
            continue;
        if (pg_is_up(link->pg))
            return link;
        down = down ? down : link;
    }
    if (!down && db->n < db->options.connections) {
        db->links[db->n].db = db;
        if (open_link(&db->links[db->n]))
            down = &db->links[db->n++];
    }
    return down;
}

static void start_line(struct db_link *link, struct db_line *line)
{
    struct db_op *op = line->op;

    op->owner = line->owner;
    script_db_ask(link, op, &line->question);
    script_db_leave_line(op);
}

static void wait_for_deadline(struct script_db *db);

static void on_deadline(struct op *timer)
{
    struct script_db *db = timer->arg;
    struct db_line *line;
    char why[200];

    op_free(timer);
    db->deadline = NULL;
    while ((line = TAILQ_FIRST(&db->line)) &&
           loop_now_ms() - line->since_ms >= db->options.timeout_ms) {
        struct db_op *op = line->op;

        snprintf(why, sizeof(why),
                 "no connection was free within %d ms: %d queries wait, and "
                 "DATABASE_SCRIPT_CONNECTIONS is %d",
                 db->options.timeout_ms, db->waiting, db->options.connections);
        script_db_leave_line(op);
        script_db_failed(op, ERR_TIMEOUT, why);
    }
    wait_for_deadline(db);
}

static void wait_for_deadline(struct script_db *db)
{
    struct db_line *first = TAILQ_FIRST(&db->line);
    int64_t left;

    if (db->deadline || !first)
        return;
    left = first->since_ms + db->options.timeout_ms - loop_now_ms();
    db->deadline = timer_start(db->loop, left < 0 ? 0 : left);
    db->deadline->done = on_deadline;
    db->deadline->arg = db;
}

void script_db_serve(struct script_db *db)
{
    struct db_line *line;
    struct db_link *link;

    while ((line = TAILQ_FIRST(&db->line)) && (link = find_link(db)))
        start_line(link, line);
    if (TAILQ_EMPTY(&db->line)) {
        op_free(db->deadline);
        db->deadline = NULL;
    }
    wait_for_deadline(db);
}

/* The question and its texts, after the struct. */
static struct db_line *line_new(const struct pg_question *question)
{
    size_t size = sizeof(struct db_line) + question->sql.n;
    struct db_line *line;
    char *to;

    for (int i = 0; i < question->nparams; i++)
        size += sizeof(struct slice) + question->params[i].n;
    line = xalloc(size);
    line->question = *question;
    line->question.params = line->params;
    to = (char *)(line->params + question->nparams);
    for (int i = 0; i < question->nparams; i++) {
        struct slice param = question->params[i];

        if (!param.p)
            continue;
        line->params[i] = (struct slice){ to, param.n };
        memcpy(to, param.p, param.n);
        to += param.n;
    }
    line->question.sql.p = to;
    memcpy(to, question->sql.p, question->sql.n);
    line->since_ms = loop_now_ms();
    return line;
}

struct db_op *script_db_stand_in_line(struct script_db *db,
                                      const struct pg_question *question,
                                      const void *owner)
{
    struct db_op *op = script_db_op(db);
    char why[100];

    if (db->waiting >= SCRIPT_DB_LINE_MAX) {
        snprintf(why, sizeof(why), "%d queries of scripts wait already",
                 db->waiting);
        return script_db_failed(op, ERR_DATABASE, why);
    }
    op->line = line_new(question);
    op->line->op = op;
    op->line->owner = owner;
    TAILQ_INSERT_TAIL(&db->line, op->line, entry);
    db->waiting++;
    script_db_serve(db);
    return op;
}
