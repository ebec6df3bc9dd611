/*
 * broadcast_run.c - one broadcast that this process sends. See broadcasts.h.
 *
 *     step: note results, claim ─► a call for each ─► its result ─► step ─► …
 *     nothing to claim, nothing on its way ─► finish
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "bot/broadcast_desk.h"
#include "bot/broadcast_statements.h"
#include "bot/broadcasts_int.h"

#define TELL_MS 5000
#define RETRY_MS 1000 /* after trouble with the database */
/* After a call that could not be made; how long all must wait, the sender knows. */
#define NOT_SENT_MS 2000
/* Chats, the first ones: then something is wrong with the message. */
#define REFUSED_MAX 10

static void advance(struct run *run);

/* --- telling -------------------------------------------------------------------------- */

static void add_left(struct buf *out, const struct run *run, double per_s)
{
    double s = per_s > 0 ? (double)(run->total - run->done) / per_s : 0;

    if (s >= 3600)
        buf_addf(out, ", %.1f h left", s / 3600);
    else if (s >= 60)
        buf_addf(out, ", %.0f min left", s / 60);
    else if (s > 0)
        buf_addf(out, ", %.0f s left", s);
}

void run_tell(struct run *run)
{
    int64_t now = loop_now_ms(), ms = now - run->began_ms;
    double per_s = ms > 0 ? 1000.0 * (double)run->done_here / (double)ms : 0;
    struct buf left = BUF_INIT;

    if (now - run->told_ms < TELL_MS)
        return;
    run->told_ms = now;
    add_left(&left, run, per_s);
    log_info("broadcast", "broadcast %lld: %lld of %lld chats done (%.1f/s%s)",
             (long long)run->id, (long long)run->done, (long long)run->total,
             per_s, left.data);
    buf_release(&left);
}

static void tell_begin(const struct run *run, const struct found *f)
{
    log_info("broadcast", "broadcast %lld, %s to %s: sending to %lld chats%s",
             (long long)run->id, run->method, run->recipients,
             (long long)f->waiting,
             f->waiting < f->total ? " that are left" : "");
    if (f->in_doubt)
        log_warn("broadcast",
                 "broadcast %lld: %lld chats are in doubt: a process ended "
                 "while it sent to them; `moonpost broadcast retry` sends to "
                 "them again",
                 (long long)run->id, (long long)f->in_doubt);
}

static void tell_database(struct run *run, const struct op *op)
{
    if (!run->told_database)
        log_warn("broadcast", "broadcast %lld waits for the database: %s",
                 (long long)run->id, op->err.text);
    run->told_database = true;
}

/* --- what became of chats ----------------------------------------------------------- */

static void note(struct run *run, int64_t chat_id, struct broadcast_answer a,
                 const char *error)
{
    run->notings = xrealloc(run->notings, (size_t)(run->nnotings + 1) *
                                              sizeof(*run->notings));
    run->notings[run->nnotings++] = (struct noting){
        .chat_id = chat_id,
        .answer = a,
        .error = error ? xstrdup(error) : NULL,
    };
}

/* The first n are in the database. */
static void forget_notings(struct run *run, int n)
{
    for (int i = 0; i < n; i++)
        free(run->notings[i].error);
    run->nnotings -= n;
    if (run->nnotings)
        memmove(run->notings, run->notings + n,
                (size_t)run->nnotings * sizeof(*run->notings));
}

static void add_notings(const struct run *run, struct buf *out)
{
    buf_addc(out, '[');
    for (int i = 0; i < run->nnotings; i++) {
        const struct noting *n = &run->notings[i];

        buf_addf(out, "%s{\"chat_id\":%lld,\"state\":\"%s\"", i ? "," : "",
                 (long long)n->chat_id,
                 broadcast_outcome_state(n->answer.outcome));
        if (n->answer.message_id)
            buf_addf(out, ",\"message_id\":%lld",
                     (long long)n->answer.message_id);
        if (n->answer.moved_to)
            buf_addf(out, ",\"moved_to\":%lld", (long long)n->answer.moved_to);
        if (n->error) {
            buf_adds(out, ",\"error\":");
            json_add_text(out, slice_of(n->error));
        }
        buf_addc(out, '}');
    }
    buf_addc(out, ']');
}

/* --- pausing -------------------------------------------------------------------------- */

static void on_paused(struct op *op)
{
    struct run *run = op->arg;

    if (op->err.kind)
        tell_database(run, op);
    run->change = NULL;
    op_free(op);
    advance(run);
}

/* Going on would do to all chats what it did to the first. */
static void pause_itself(struct run *run, const char *why)
{
    if (run->ending)
        return;
    log_error("broadcast",
              "broadcast %lld is paused: %s; `moonpost broadcast resume %lld` "
              "goes on, `cancel` ends it",
              (long long)run->id, why, (long long)run->id);
    run->ending = true;
    run->change = broadcast_change_start(run->all->loop, run->all->pg, run->id,
                                         BROADCAST_PAUSE, why);
    run->change->done = on_paused;
    run->change->arg = run;
}

static void on_pause_over(struct op *op)
{
    struct run *run = op->arg;

    run->pause = NULL;
    op_free(op);
    advance(run);
}

static void wait_ms(struct run *run, int64_t ms)
{
    op_free(run->pause);
    run->pause = timer_start(run->all->loop, ms);
    run->pause->done = on_pause_over;
    run->pause->arg = run;
}

/* --- calls ---------------------------------------------------------------------------- */

static void count(struct run *run, enum broadcast_outcome outcome)
{
    switch (outcome) {
    case BROADCAST_SENT: run->sent++; break;
    case BROADCAST_BLOCKED: run->blocked++; break;
    case BROADCAST_FAILED: run->failed++; break;
    case BROADCAST_IN_DOUBT: run->in_doubt++; break;
    case BROADCAST_MOVED:
    case BROADCAST_NOT_SENT:
    case BROADCAST_REFUSED: return;
    }
    run->done++;
    run->done_here++;
}

/* The first chats, one after another, refuse it for the same reason: a mistake in
 * the message. */
static void look_at_refusal(struct run *run, const char *why)
{
    bool same = strncmp(run->refused, why, sizeof(run->refused) - 1) == 0;

    run->refused_in_row = same ? run->refused_in_row + 1 : 1;
    snprintf(run->refused, sizeof(run->refused), "%.*s",
             (int)sizeof(run->refused) - 1, why);
    if (run->sent == 0 && run->refused_in_row >= REFUSED_MAX)
        pause_itself(run, why);
}

static void react(struct run *run, const struct posting *p,
                  const struct broadcast_answer *a, const char *error)
{
    const struct broadcasts_options *o = &run->all->options;

    switch (a->outcome) {
    case BROADCAST_BLOCKED:
        if (o->gone)
            o->gone(p->chat_id, o->arg);
        break;
    case BROADCAST_FAILED: look_at_refusal(run, error); break;
    case BROADCAST_REFUSED: pause_itself(run, error); break;
    case BROADCAST_NOT_SENT: wait_ms(run, NOT_SENT_MS); break;
    case BROADCAST_SENT:
    case BROADCAST_MOVED:
    case BROADCAST_IN_DOUBT: break;
    }
}

/* Will there be one more to claim when this is noted? */
static bool opens(const struct noting *n)
{
    return n->answer.outcome == BROADCAST_NOT_SENT ||
           n->answer.outcome == BROADCAST_REFUSED ||
           n->answer.outcome == BROADCAST_MOVED;
}

static void posting_free(struct posting *p)
{
    TAILQ_REMOVE(&p->run->postings, p, link);
    p->run->npostings--;
    op_free(&p->call->op);
    free(p);
}

static void on_posted(struct op *op)
{
    struct posting *p = op->arg;
    struct run *run = p->run;
    const char *error = op->err.kind ? op->err.text : NULL;
    struct broadcast_answer a = broadcast_read(p->call, p->chat_id);

    if (a.outcome == BROADCAST_NOT_SENT || a.outcome == BROADCAST_FAILED)
        log_debug("broadcast", "broadcast %lld, chat %lld: %s",
                  (long long)run->id, (long long)p->chat_id, error);
    note(run, p->chat_id, a, error);
    count(run, a.outcome);
    react(run, p, &a, op->err.text);
    posting_free(p);
    advance(run);
}

static void post(struct run *run, int64_t chat_id)
{
    struct posting *p = xalloc(sizeof(*p));
    struct buf body = BUF_INIT;

    p->run = run;
    p->chat_id = chat_id;
    broadcast_add_body(&body, chat_id, buf_slice(&run->parameters));
    p->call =
        send_start(run->all->sender,
                   &(struct tg_call){ .method = run->method, .body = &body },
                   SEND_BROADCAST);
    p->call->op.done = on_posted;
    p->call->op.arg = p;
    buf_release(&body);
    TAILQ_INSERT_TAIL(&run->postings, p, link);
    run->npostings++;
}

/* Those that only wait for the flood limits have not been sent to. */
static void withdraw(struct run *run)
{
    struct posting *p, *next;

    for (p = TAILQ_FIRST(&run->postings); p; p = next) {
        next = TAILQ_NEXT(p, link);
        if (p->call->op.state != OP_RUNNING || send_has_left(p->call))
            continue;
        note(run, p->chat_id,
             (struct broadcast_answer){ .outcome = BROADCAST_NOT_SENT }, NULL);
        posting_free(p);
    }
}

/* --- steps ---------------------------------------------------------------------------- */

/* true: it is tried again later, and op is gone. */
static bool step_failed(struct run *run, struct op *op)
{
    run->step = NULL;
    if (!op->err.kind)
        return false;
    tell_database(run, op);
    op_free(op);
    wait_ms(run, RETRY_MS);
    return true;
}

static int wanted(const struct run *run)
{
    if (run->ending || run->dry || run->pause)
        return 0;
    return run->all->options.window - run->npostings;
}

/* What was claimed: sent to, or, if this ends just now, given back. */
static int begin_claimed(struct run *run, const struct pg_op *rows)
{
    int n = 0;

    for (int i = 0; i < pg_rows(rows); i++) {
        int64_t chat = pg_int(rows, i, 1);

        if (pg_is_null(rows, i, 1))
            continue;
        n++;
        run->after = chat;
        if (run->ending)
            note(run, chat,
                 (struct broadcast_answer){ .outcome = BROADCAST_NOT_SENT },
                 NULL);
        else
            post(run, chat);
    }
    return n;
}

static void on_step(struct op *op)
{
    struct run *run = op->arg;
    const struct pg_op *rows = (struct pg_op *)op;
    int64_t was_after = run->after;
    int asked = run->asked;
    bool opened = false;

    if (step_failed(run, op))
        return;
    run->told_database = false;
    for (int i = 0; i < run->nsent; i++)
        opened = opened || opens(&run->notings[i]);
    forget_notings(run, run->nsent);
    if (pg_int(rows, 0, 0) == 0) { /* paused, cancelled, or another's */
        run->ending = true;
        withdraw(run);
    }
    if (begin_claimed(run, rows) < asked) {
        run->dry = was_after == INT64_MIN && !opened;
        run->after = INT64_MIN; /* those before this one, again */
    }
    if (opened)
        run->dry = false;
    op_free(op);
    advance(run);
}

static void step(struct run *run, int want)
{
    struct buf results = BUF_INIT, known = BUF_INIT;
    char id[24], n[24], after[24];
    struct posting *p;

    add_notings(run, &results);
    buf_addc(&known, '{');
    TAILQ_FOREACH (p, &run->postings, link)
        buf_addf(&known, "%s%lld", known.len > 1 ? "," : "",
                 (long long)p->chat_id);
    for (int i = 0; i < run->nnotings; i++)
        buf_addf(&known, "%s%lld", known.len > 1 ? "," : "",
                 (long long)run->notings[i].chat_id);
    buf_addc(&known, '}');
    run->nsent = run->nnotings;
    run->asked = want;
    run->step =
        pg_query(run->all->pg, &broadcast_step_statement,
                 (struct slice[]){ pg_int_param(id, run->id),
                                   slice_of(run->all->id), buf_slice(&results),
                                   buf_slice(&known), pg_int_param(n, want),
                                   pg_int_param(after, run->after) },
                 6);
    run->step->op.done = on_step;
    run->step->op.arg = run;
    buf_release(&results);
    buf_release(&known);
}

/* --- the end --------------------------------------------------------------------------- */

static void on_counted(struct op *op)
{
    struct run *run = op->arg;
    const struct broadcast_op *found = (struct broadcast_op *)op;

    if (!op->err.kind && found->n) {
        const struct broadcast *b = &found->list[0];

        log_info("broadcast",
                 "broadcast %lld is done in %lld s: %lld chats, %lld sent, "
                 "%lld blocked, %lld failed, %lld in doubt",
                 (long long)b->id, (long long)(b->ms + 500) / 1000,
                 (long long)b->total, (long long)b->sent, (long long)b->blocked,
                 (long long)b->failed, (long long)b->in_doubt);
    }
    broadcasts_ended(run);
}

static void on_finished(struct op *op)
{
    struct run *run = op->arg;
    bool done = !op->err.kind && pg_rows((struct pg_op *)op) > 0;

    if (step_failed(run, op))
        return;
    op_free(op);
    if (!done) { /* more chats wait, or somebody changed it */
        broadcasts_ended(run);
        return;
    }
    run->change =
        broadcast_find_start(run->all->loop, run->all->pg, run->id, 1);
    run->change->done = on_counted;
    run->change->arg = run;
}

static void finish(struct run *run)
{
    char id[24];

    run->step = pg_query(run->all->pg, &broadcast_finish_statement,
                         (struct slice[]){ pg_int_param(id, run->id),
                                           slice_of(run->all->id) },
                         2);
    run->step->op.done = on_finished;
    run->step->op.arg = run;
}

/* Whatever is next, if anything: the run may be gone after that. */
static void advance(struct run *run)
{
    int want = wanted(run);

    if (run->step || run->change)
        return;
    if (run->nnotings || want > 0)
        step(run, want);
    else if (run->npostings || (run->pause && !run->ending))
        return;
    else if (run->ending)
        broadcasts_ended(run);
    else
        finish(run);
}

/* --- a run ----------------------------------------------------------------------------- */

void run_begin(struct broadcasts *b, const struct found *f)
{
    struct run *run = xalloc(sizeof(*run));

    run->all = b;
    run->id = f->id;
    run->method = slice_dup(f->method);
    run->recipients = slice_dup(f->recipients);
    buf_init(&run->parameters);
    buf_add_slice(&run->parameters, f->parameters);
    TAILQ_INIT(&run->postings);
    run->after = INT64_MIN;
    run->total = f->total;
    run->done = f->total - f->waiting;
    run->began_ms = run->told_ms = loop_now_ms();
    TAILQ_INSERT_TAIL(&b->runs, run, link);
    b->nruns++;
    tell_begin(run, f);
    advance(run);
}

void run_stop(struct run *run)
{
    run->ending = true;
    withdraw(run);
    advance(run);
}

void run_free(struct run *run)
{
    struct posting *p;

    while ((p = TAILQ_FIRST(&run->postings)))
        posting_free(p);
    forget_notings(run, run->nnotings);
    free(run->notings);
    if (run->step)
        op_free(&run->step->op);
    op_free(run->change);
    op_free(run->pause);
    buf_release(&run->parameters);
    free(run->method);
    free(run->recipients);
    TAILQ_REMOVE(&run->all->runs, run, link);
    run->all->nruns--;
    free(run);
}
