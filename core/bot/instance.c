/* instance.c - see instance.h. */
#include "bot/instance.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/log.h"
#include "bot/bot_statements.h"

struct instance {
    struct loop *loop;
    struct pg *pg;
    struct instance_options options;
    int64_t id;
    char host[256];
    char name[300];
    enum instance_state state;
    struct pg_op *asking;
    struct op *pause;
    int others;
    int64_t asked_ms; /* loop_now_ms(): of `asking` */
    int64_t known_ms; /* the same, of what we know; 0: nothing yet */
    int64_t holder;   /* who leads, if it is another one; 0: nobody known */
    int64_t dead;     /* our host says that this one is gone; 0: none */
    char leader[300];
    bool released;
    bool told_trouble;
};

static void ask(struct instance *in);

static int64_t random_id(void)
{
    uint64_t n = 0;

    while (n == 0) {
        if (getrandom(&n, sizeof(n), 0) != (ssize_t)sizeof(n))
            abort(); /* the kernel's, and small: it can't fail */
        n &= INT64_MAX;
    }
    return (int64_t)n;
}

static void change(struct instance *in, enum instance_state state, bool clean)
{
    if (in->state == state)
        return;
    in->state = state;
    in->options.changed(state, clean, in->options.arg);
}

static void on_pause_over(struct op *op)
{
    struct instance *in = op->arg;

    op_free(op);
    in->pause = NULL;
    ask(in);
}

static void ask_later(struct instance *in)
{
    in->pause =
        timer_in_background(timer_start(in->loop, in->state == INSTANCE_LEADING
                                                      ? INSTANCE_BEAT_MS
                                                      : INSTANCE_STANDBY_MS));
    in->pause->done = on_pause_over;
    in->pause->arg = in;
}

/* A process of this host that is not there any more. */
static bool is_gone_here(const struct instance *in)
{
    const char *number = strrchr(in->leader, ':');
    size_t n = strlen(in->host);
    long pid;

    if (!number || strncmp(in->leader, in->host, n) != 0 ||
        in->leader + n != number)
        return false;
    pid = strtol(number + 1, NULL, 10);
    return pid > 1 && kill((pid_t)pid, 0) != 0 && errno == ESRCH;
}

static void read_holder(struct instance *in, const struct pg_op *op)
{
    struct slice name = pg_value(op, 0, 3);

    in->holder = pg_int(op, 0, 2);
    snprintf(in->leader, sizeof(in->leader), "%.*s", (int)name.n,
             name.p ? name.p : "");
    in->dead = is_gone_here(in) ? in->holder : 0;
}

static void read_beat(struct instance *in, const struct pg_op *op)
{
    bool leads = slice_eq(pg_value(op, 0, 0), "t") || !in->options.polls,
         clean = slice_eq(pg_value(op, 0, 1), "t");

    in->others = (int)pg_int(op, 0, 4);
    in->leader[0] = '\0';
    in->dead = 0;
    if (!leads)
        read_holder(in, op);
    if (!in->released)
        change(in, leads ? INSTANCE_LEADING : INSTANCE_STANDBY, clean);
}

/* A server that is read-only for a while can't be asked; who begins then polls all
 * the same: if another one does too, Telegram says so (409). */
static void on_trouble(struct instance *in, const struct pg_op *op)
{
    bool read_only = strcmp(op->sqlstate, "25006") == 0;

    if (!in->told_trouble && pg_is_up(in->pg))
        log_warn("instance", "%s; %s", op->op.err.text,
                 read_only ? "who polls can't be agreed on now"
                           : "trying again");
    in->told_trouble = true;
    if (read_only && in->state == INSTANCE_JOINING && !in->released)
        change(in, INSTANCE_LEADING, true);
}

static void on_beat(struct op *op)
{
    struct instance *in = op->arg;

    in->asking = NULL;
    if (op->err.kind) {
        on_trouble(in, (struct pg_op *)op);
    } else {
        in->told_trouble = false;
        in->known_ms = in->asked_ms;
        read_beat(in, (struct pg_op *)op);
        if (in->options.beat)
            in->options.beat(in->options.arg);
    }
    op_free(op);
    ask_later(in);
}

static void ask(struct instance *in)
{
    char bot[24], id[24], backend[24], ttl[24], dead[24];
    int pid = pg_backend(in->pg);
    struct slice params[] = {
        pg_int_param(bot, in->options.bot_id),
        pg_int_param(id, in->id),
        slice_of(in->name),
        slice_of(in->options.polls ? "poll" : "webhook"),
        pid ? pg_int_param(backend, pid) : SLICE_NONE,
        slice_of(in->options.polls && !in->released ? "t" : "f"),
        pg_int_param(ttl, INSTANCE_TTL_MS),
        pg_int_param(dead, in->dead),
    };

    in->asked_ms = loop_now_ms();
    in->asking = pg_query(in->pg, &instance_beat_statement, params, 8);
    in->asking->op.done = on_beat;
    in->asking->op.arg = in;
}

struct instance *instance_new(struct loop *loop, struct pg *pg,
                              const struct instance_options *options)
{
    struct instance *in = xalloc(sizeof(*in));

    in->loop = loop;
    in->pg = pg;
    in->options = *options;
    in->id = random_id();
    if (gethostname(in->host, sizeof(in->host) - 1) != 0)
        strcpy(in->host, "?");
    snprintf(in->name, sizeof(in->name), "%s:%d", in->host, (int)getpid());
    return in;
}

void instance_join(struct instance *in)
{
    if (!in->asking && !in->pause)
        ask(in);
}

static void stop(struct instance *in)
{
    if (in->asking)
        op_free(&in->asking->op);
    in->asking = NULL;
    op_free(in->pause);
    in->pause = NULL;
}

void instance_free(struct instance *in)
{
    if (!in)
        return;
    stop(in);
    free(in);
}

int64_t instance_id(const struct instance *in)
{
    return in->id;
}

enum instance_state instance_state(const struct instance *in)
{
    return in->state;
}

int instance_others(const struct instance *in)
{
    return in->others;
}

const char *instance_leader(const struct instance *in)
{
    return in->leader;
}

void instance_conflict(struct instance *in)
{
    int64_t ms = loop_now_ms() - in->known_ms;

    if (in->state != INSTANCE_LEADING || !in->options.polls || in->released ||
        (in->known_ms && ms < INSTANCE_TTL_MS))
        return;
    if (in->known_ms)
        log_warn("instance",
                 "another program polls for this bot (409), and PostgreSQL has "
                 "not answered for %.0f s: standing by until it does",
                 (double)ms / 1000);
    else
        log_warn("instance",
                 "another program polls for this bot (409), and PostgreSQL "
                 "could not be asked who may: standing by until it can");
    in->leader[0] = '\0';
    change(in, INSTANCE_STANDBY, false);
}

struct pg_op *instance_release(struct instance *in)
{
    char bot[24], id[24];
    struct slice params[] = { pg_int_param(bot, in->options.bot_id),
                              pg_int_param(id, in->id) };

    in->released = true;
    return pg_query(in->pg, &instance_release_statement, params, 2);
}

struct pg_op *instance_leave(struct instance *in)
{
    char bot[24], id[24];
    struct slice params[] = { pg_int_param(bot, in->options.bot_id),
                              pg_int_param(id, in->id) };

    in->released = true;
    stop(in);
    return pg_query(in->pg, &instance_leave_statement, params, 2);
}
