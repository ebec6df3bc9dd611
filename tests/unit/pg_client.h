/*
 * pg_client.h - for tests of io/pg: a loop, a pg and what was heard of it.
 */
#ifndef TESTS_PG_CLIENT_H
#define TESTS_PG_CLIENT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"
#include "io/loop.h"
#include "io/pg.h"
#include "pg_server.h"

struct client {
    struct loop *loop;
    struct pg *pg;
    int ups, downs;
    int stop_ups, stop_downs; /* loop_stop() when so many were told */
    char reason[800];
    int notifies;
    char channel[64], payload[64];
};

static inline void on_state(bool up, const char *reason, void *arg)
{
    struct client *c = arg;

    *(up ? &c->ups : &c->downs) += 1;
    if (!up)
        snprintf(c->reason, sizeof(c->reason), "%s", reason);
    if (c->ups == c->stop_ups || c->downs == c->stop_downs)
        loop_stop(c->loop);
}

static inline struct client client_new(const struct pg_options *options)
{
    struct client c = { .stop_ups = -1, .stop_downs = -1 };
    struct err err = ERR_INIT;

    c.loop = loop_new();
    c.pg = pg_new(c.loop, options, &err);
    if (!c.pg)
        fail_msg("%s", err.text);
    return c;
}

static inline struct client connect_to(const char *url)
{
    return client_new(&(struct pg_options){
        .url = url, .application_name = "test_pg", .prepare = true });
}

static inline void client_free(struct client *c)
{
    assert_int_equal(loop_live_ops(c->loop), 0);
    pg_free(c->pg);
    loop_free(c->loop);
}

static inline void wait_ups(struct client *c, int n)
{
    pg_on_state(c->pg, on_state, c);
    c->stop_ups = n;
    if (c->ups < n)
        loop_run(c->loop);
    c->stop_ups = -1;
}

static inline void wait_downs(struct client *c, int n)
{
    pg_on_state(c->pg, on_state, c);
    c->stop_downs = n;
    if (c->downs < n)
        loop_run(c->loop);
    c->stop_downs = -1;
}

static int pending;

static inline void on_done(struct op *op)
{
    if (--pending == 0)
        loop_stop(op->loop);
}

static inline void wait_all(struct client *c, struct pg_op **ops, int n)
{
    pending = n;
    for (int i = 0; i < n; i++)
        ops[i]->op.done = on_done;
    loop_run(c->loop);
}

static inline void free_all(struct pg_op **ops, int n)
{
    for (int i = 0; i < n; i++)
        op_free(&ops[i]->op);
}

/* A query without parameters to its end. */
static inline struct pg_op *ask(struct client *c, const struct pg_statement *st)
{
    struct pg_op *op = pg_query(c->pg, st, NULL, 0);

    wait_all(c, &op, 1);
    return op;
}

static inline void ask_ok(struct client *c, const struct pg_statement *st)
{
    struct pg_op *op = ask(c, st);

    assert_string_equal(op->op.err.text, "");
    op_free(&op->op);
}

static inline int64_t ask_int(struct client *c, const struct pg_statement *st)
{
    struct pg_op *op = ask(c, st);
    int64_t n = pg_int(op, 0, 0);

    assert_string_equal(op->op.err.text, "");
    assert_int_equal(pg_rows(op), 1);
    op_free(&op->op);
    return n;
}

static inline void script_ok(struct client *c, const char *sql)
{
    struct pg_op *op = pg_script(c->pg, slice_of(sql));

    wait_all(c, &op, 1);
    assert_string_equal(op->op.err.text, "");
    op_free(&op->op);
}

static inline void sleep_ms(struct client *c, int ms)
{
    struct op *timer = timer_start(c->loop, ms);

    pending = 1;
    timer->done = on_done;
    loop_run(c->loop);
    op_free(timer);
}

static inline void assert_has(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("\"%s\" is not in \"%s\"", part, text);
}

static inline void assert_hasnt(const char *text, const char *part)
{
    if (strstr(text, part))
        fail_msg("\"%s\" is in \"%s\"", part, text);
}

static const struct pg_statement one = { "one", "SELECT 1", 0 };
static const struct pg_statement echo = { "echo", "SELECT $1::bigint", 1 };
static const struct pg_statement sleep_long = { "sleep", "SELECT pg_sleep(60)",
                                                0 };
static const struct pg_statement backend = { "backend",
                                             "SELECT pg_backend_pid()", 0 };

/* n queries at once, each answered with what it was given. */
static inline void ask_echo(struct client *c, int n)
{
    struct pg_op *ops[20];
    char storage[24];

    for (int i = 0; i < n; i++) {
        struct slice param = pg_int_param(storage, i);

        ops[i] = pg_query(c->pg, &echo, &param, 1);
    }
    wait_all(c, ops, n);
    for (int i = 0; i < n; i++) {
        assert_string_equal(ops[i]->op.err.text, "");
        assert_int_equal(pg_int(ops[i], 0, 0), i);
    }
    free_all(ops, n);
}

#endif
