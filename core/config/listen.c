/* listen.c - keeping a store's cache current: see listen.h. */
#include "config/listen.h"

#include <event2/util.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "config/statements.h"
#include "config/store_int.h"

#define CHANNEL "moonpost_config" /* _ and the schema, unless it is public */
#define CHANGES_MAX 10000         /* of one look: with more, all is forgotten */
#define TEST_MS 5000              /* for the test message to come */
#define TESTS_MAX 3               /* that get lost before it gives up */
#define LOOK_MS 60000 /* between looks while listening: notices a dead peer */

struct config_listener {
    struct loop *loop;
    struct config_store *store;
    struct pg *pg;     /* the store's */
    struct pg *listen; /* our own, or lent; NULL: given up */
    bool lent;
    enum config_listener_state state;
    int poll_ms, test_ms;
    int64_t since;  /* a transaction; 0: nothing is known yet */
    int64_t server; /* on which server: when it was started */
    char test[32];  /* the message that is waited for; "": none */
    struct op *timer;
    struct op *test_timer;
    int tests_lost;
    struct pg_op *listening, *looking, *testing;
    bool said_lost; /* since it last listened */
    bool said_why;  /* it can't */
};

static void look(struct config_listener *l, struct pg *pg);
static void wait_to_look(struct config_listener *l, int ms);

/* --- what has changed --------------------------------------------------------------- */

static void drop_query(struct pg_op **query)
{
    if (*query)
        op_free(&(*query)->op);
    *query = NULL;
}

/* The row that says what is known now; -1: none. */
static int find_since(const struct pg_op *query)
{
    for (int i = 0; i < pg_rows(query); i++)
        if (!pg_is_null(query, i, 0))
            return i;
    return -1;
}

static void apply_changes(struct config_listener *l, const struct pg_op *query)
{
    int n = pg_rows(query), row = find_since(query);
    int64_t since = row < 0 ? 0 : pg_int(query, row, 0);
    int64_t server = row < 0 ? 0 : pg_int(query, row, 1);

    /* A server that took over may have lost transactions, and used their numbers
     * again. */
    if (!l->since || server != l->server || since < l->since || n > CHANGES_MAX)
        config_forget_all(l->store);
    else
        for (int i = 0; i < n; i++)
            if (i != row)
                config_changed(l->store, pg_int(query, i, 1),
                               pg_int(query, i, 2));
    if (row >= 0) {
        l->since = since;
        l->server = server;
    }
}

static void on_looked(struct op *op)
{
    struct config_listener *l = op->arg;
    bool ok = !op->err.kind;

    if (ok)
        apply_changes(l, l->looking);
    else
        log_debug("config", "looking up changed configs: %s", op->err.text);
    drop_query(&l->looking);
    wait_to_look(l,
                 ok && l->state == LISTENER_LISTENING ? LOOK_MS : l->poll_ms);
}

static void look(struct config_listener *l, struct pg *pg)
{
    char number[24];
    struct slice since = l->since ? pg_int_param(number, l->since) : SLICE_NONE;

    drop_query(&l->looking);
    op_free(l->timer);
    l->timer = NULL;
    l->looking = pg_query(pg, &config_changes_statement, &since, 1);
    l->looking->op.done = on_looked;
    l->looking->op.arg = l;
}

static void on_look_timer(struct op *op)
{
    struct config_listener *l = op->arg;

    look(l, l->state == LISTENER_LISTENING ? l->listen : l->pg);
}

static void wait_to_look(struct config_listener *l, int ms)
{
    op_free(l->timer);
    l->timer = timer_in_background(timer_start(l->loop, ms));
    l->timer->done = on_look_timer;
    l->timer->arg = l;
}

/* --- do notifications come through? --------------------------------------------------- */

static void end_test(struct config_listener *l)
{
    drop_query(&l->testing);
    op_free(l->test_timer);
    l->test_timer = NULL;
    l->test[0] = '\0';
}

/* Once, until it listens again. */
static void say_why(struct config_listener *l, const char *why)
{
    if (!l->said_why)
        log_warn("config",
                 "others' changes of configs can't be listened for; they are "
                 "looked up every %d s until that works: %s",
                 l->poll_ms / 1000, why);
    l->said_why = l->said_lost = true;
}

static void send_listen(struct config_listener *l);

static void on_try_again(struct op *op)
{
    struct config_listener *l = op->arg;

    end_test(l);
    if (pg_is_up(l->listen))
        send_listen(l);
}

static void try_again_in(struct config_listener *l, int ms)
{
    l->test_timer = timer_start(l->loop, ms);
    l->test_timer->done = on_try_again;
    l->test_timer->arg = l;
}

static void close_connection(struct config_listener *l)
{
    if (!l->lent) {
        pg_free(l->listen);
    } else if (l->listen) {
        pg_on_state(l->listen, NULL, NULL);
        pg_on_notify(l->listen, NULL, NULL);
    }
    l->listen = NULL;
}

/* Nothing can be listened to here. */
static void give_up(struct config_listener *l)
{
    log_warn("config",
             "notifications of PostgreSQL do not come through (a pooler in "
             "transaction mode?); changed configs are looked up every %d s. "
             "DATABASE_LISTEN_URL can name a direct connection",
             l->poll_ms / 1000);
    drop_query(&l->listening);
    drop_query(&l->looking);
    close_connection(l);
    l->state = LISTENER_POLLING;
    look(l, l->pg);
}

static void send_test(struct config_listener *l);

static void on_no_test(struct op *op)
{
    struct config_listener *l = op->arg;
    bool was_sent = !l->testing;

    (void)op;
    end_test(l);
    if (was_sent && ++l->tests_lost == TESTS_MAX)
        give_up(l);
    else
        send_test(l); /* not sent: the store's connection is away */
}

static void on_test_sent(struct op *op)
{
    struct config_listener *l = op->arg;
    struct err err = op->err;

    drop_query(&l->testing);
    if (!err.kind)
        return;
    end_test(l);
    if (pg_is_up(l->pg)) /* else who has that one says so */
        say_why(l, err.text);
    try_again_in(l, l->test_ms);
}

/* Through the other connection: what is sent and received on one proves nothing
 * behind a pooler. */
static void send_test(struct config_listener *l)
{
    struct slice message;
    uint64_t random;

    evutil_secure_rng_get_bytes(&random, sizeof(random));
    snprintf(l->test, sizeof(l->test), "test:%016llx",
             (unsigned long long)random);
    message = slice_of(l->test);
    l->testing = pg_query(l->pg, &config_notify_statement, &message, 1);
    l->testing->op.done = on_test_sent;
    l->testing->op.arg = l;
    l->test_timer = timer_start(l->loop, l->test_ms);
    l->test_timer->done = on_no_test;
    l->test_timer->arg = l;
}

static void test_came(struct config_listener *l)
{
    end_test(l);
    l->tests_lost = 0;
    l->state = LISTENER_LISTENING;
    log_debug("config", "listening to what others write");
    if (l->said_lost)
        log_info("config", "listening again");
    l->said_lost = l->said_why = false;
    look(l, l->listen); /* what was written until now */
}

/* --- notifications ------------------------------------------------------------------------ */

/* "chat:revision,chat:revision,…" */
static void read_changes(struct config_listener *l, struct slice payload)
{
    const char *p = payload.p, *end = p + payload.n;

    while (p < end) {
        char *next;
        long long chat = strtoll(p, &next, 10), revision;

        if (next == p || *next != ':')
            break;
        p = next + 1;
        revision = strtoll(p, &next, 10);
        if (next == p || (next != end && *next != ','))
            break;
        config_changed(l->store, chat, revision);
        p = next + 1;
    }
    if (p < end)
        log_warn("config",
                 "a notification of moonpost_config is not ours: %.*s",
                 (int)(payload.n < 60 ? payload.n : 60), payload.p);
}

static void on_notify(const char *channel, struct slice payload, void *arg)
{
    struct config_listener *l = arg;

    if (strncmp(channel, CHANNEL, sizeof(CHANNEL) - 1) != 0)
        return;
    if (l->test[0] && slice_eq(payload, l->test))
        test_came(l);
    else if (slice_eq(payload, "all")) /* of a TRUNCATE */
        config_forget_all(l->store);
    else if (payload.n < 5 || memcmp(payload.p, "test:", 5) != 0)
        read_changes(l, payload);
}

/* --- the connection ------------------------------------------------------------------------ */

static void on_listening(struct op *op)
{
    struct config_listener *l = op->arg;
    struct err err = op->err;

    drop_query(&l->listening);
    if (err.kind) { /* a standby refuses it, until it is the primary */
        say_why(l, err.text);
        try_again_in(l, l->poll_ms);
    } else {
        send_test(l);
    }
}

static void send_listen(struct config_listener *l)
{
    l->listening = pg_query(l->listen, &config_listen_statement, NULL, 0);
    l->listening->op.done = on_listening;
    l->listening->op.arg = l;
}

static void on_state(bool up, const char *reason, void *arg)
{
    struct config_listener *l = arg;

    drop_query(&l->listening);
    end_test(l);
    if (up) {
        send_listen(l);
        return;
    }
    if (l->state != LISTENER_LISTENING) {
        if (pg_is_up(l->pg)) /* else who has that one says so */
            say_why(l, reason);
        return;
    }
    l->state = LISTENER_CONNECTING;
    drop_query(&l->looking);
    wait_to_look(l, l->poll_ms);
    l->said_lost = true;
    log_info("config",
             "the connection that listens broke; changed configs are looked up "
             "every %d s until it is back: %s",
             l->poll_ms / 1000, reason);
}

struct config_listener *
config_listener_new(struct loop *loop, struct config_store *store,
                    struct pg *pg, const struct config_listener_options *o,
                    struct err *err)
{
    struct config_listener *l = xalloc(sizeof(*l));

    l->lent = o->lent != NULL;
    l->listen = l->lent ? o->lent : pg_new(loop, &o->connection, err);
    if (!l->listen) {
        free(l);
        return NULL;
    }
    l->loop = loop;
    l->store = store;
    l->pg = pg;
    l->poll_ms = o->poll_ms;
    l->test_ms = o->test_ms ? o->test_ms : TEST_MS;
    pg_on_state(l->listen, on_state, l);
    pg_on_notify(l->listen, on_notify, l);
    wait_to_look(l, l->poll_ms);
    if (l->lent && pg_is_up(l->listen))
        send_listen(l);
    return l;
}

void config_listener_free(struct config_listener *l)
{
    if (!l)
        return;
    end_test(l);
    drop_query(&l->listening);
    drop_query(&l->looking);
    op_free(l->timer);
    close_connection(l);
    free(l);
}

enum config_listener_state
config_listener_state(const struct config_listener *l)
{
    return l->state;
}
