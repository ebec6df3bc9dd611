/* test_instance.c - who polls: the lease, on a real PostgreSQL. */
#include <signal.h>

#include "pg_client.h"

#include "base/buf.h"
#include "base/log.h"
#include "bot/instance.h"

#define SCHEMA "test_instance"
#define MANY 5
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

struct one {
    struct client db;
    struct instance *instance;
    bool leads, clean, changed;
};

static struct loop *loop;
static PGconn *conn; /* the test's own */
static const char *url;
static struct one ones[MANY];
static bool two; /* led at the same time */
/* A lease is one of time: who gives no sign for so long loses it, and learns of that
 * later. So it is when this machine holds all of us up. */
static int64_t due_ms;     /* the end of this step */
static int64_t held_up_ms; /* when one of them last was late; 0: never */

/* --- words ----------------------------------------------------------------------------- */

static void must(const char *statement)
{
    PGresult *res = PQexec(conn, statement);

    if (PQresultStatus(res) != PGRES_COMMAND_OK &&
        PQresultStatus(res) != PGRES_TUPLES_OK)
        fail_msg("%s", PQerrorMessage(conn));
    PQclear(res);
}

static void make_tables(void)
{
    struct buf path = BUF_INIT, text = BUF_INIT;
    struct err err = ERR_INIT;
    int root = (int)(strlen(__FILE__) - strlen("tests/unit/test_instance.c"));

    buf_addf(&path, "%.*score/bot/schema/0003_inbox.sql", root, __FILE__);
    buf_adds(&text,
             "SET client_min_messages = error; DROP SCHEMA IF EXISTS " SCHEMA
             " CASCADE; CREATE SCHEMA " SCHEMA "; SET search_path = " SCHEMA
             "; ");
    assert_true(buf_add_file(&text, path.data, &err));
    must(text.data);
    buf_release(&path);
    buf_release(&text);
}

static int leaders(void)
{
    int n = 0;

    for (int i = 0; i < MANY; i++)
        n += ones[i].instance && ones[i].leads;
    return n;
}

static void look_at_clock(void)
{
    if (loop_now_ms() - due_ms > INSTANCE_TTL_MS / 8)
        held_up_ms = loop_now_ms();
}

static bool was_held_up(void)
{
    look_at_clock();
    return held_up_ms && loop_now_ms() - held_up_ms < 2 * INSTANCE_TTL_MS;
}

static void on_changed(enum instance_state state, bool clean, void *arg)
{
    struct one *o = arg;

    o->leads = state == INSTANCE_LEADING;
    o->clean = clean;
    o->changed = true;
    two = two || (leaders() > 1 && !was_held_up());
    loop_stop(loop);
}

static void join(int i, bool polls)
{
    struct err err = ERR_INIT;
    struct one *o = &ones[i];

    *o = (struct one){ 0 };
    o->db.pg = pg_new(loop,
                      &(struct pg_options){ .url = url,
                                            .schema = SCHEMA,
                                            .application_name = SCHEMA,
                                            .prepare = true },
                      &err);
    assert_non_null(o->db.pg);
    o->instance =
        instance_new(loop, o->db.pg,
                     &(struct instance_options){ .bot_id = 42,
                                                 .polls = polls,
                                                 .changed = on_changed,
                                                 .arg = o });
    instance_join(o->instance);
}

/* As if its process were killed. */
static void vanish(int i)
{
    instance_free(ones[i].instance);
    if (ones[i].db.pg)
        pg_free(ones[i].db.pg);
    ones[i] = (struct one){ 0 };
}

static int setup(void **state)
{
    (void)state;
    loop = loop_new();
    assert_true(pg_sessions_end(conn, SCHEMA));
    must("DELETE FROM instances; DELETE FROM pollers");
    two = false;
    held_up_ms = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    for (int i = 0; i < MANY; i++)
        vanish(i);
    loop_free(loop);
    return two ? -1 : 0;
}

static int group_setup(void **state)
{
    (void)state;
    url = pg_server_url();
    conn = PQconnectdb(url);
    make_tables();
    return 0;
}

static int group_teardown(void **state)
{
    (void)state;
    must("DROP SCHEMA " SCHEMA " CASCADE");
    PQfinish(conn);
    return 0;
}

static void run_ms(int ms)
{
    int64_t end = loop_now_ms() + ms;

    while (loop_now_ms() < end) {
        struct op *timer = timer_start(loop, end - loop_now_ms());

        due_ms = end;
        timer->done = on_done;
        pending = 1;
        loop_run(loop);
        op_free(timer);
        look_at_clock();
    }
}

/* What it becomes; the milliseconds until then. */
static int64_t wait_changed(int i, bool leads, bool clean)
{
    int64_t began = loop_now_ms();

    while (!ones[i].changed || ones[i].leads != leads) {
        if (loop_now_ms() - began > 30000)
            fail_msg("%d does not %s", i, leads ? "lead" : "stand by");
        run_ms(20);
    }
    if (leads)
        assert_int_equal(ones[i].clean, clean);
    ones[i].changed = false;
    return loop_now_ms() - began;
}

static void finish(struct pg_op *op)
{
    op->op.done = on_done;
    pending = 1;
    while (op->op.state != OP_DONE)
        loop_run(loop);
    assert_string_equal(op->op.err.text, "");
    op_free(&op->op);
}

static void first_and_second(void)
{
    join(0, true);
    wait_changed(0, true, true);
    join(1, true);
    wait_changed(1, false, false);
}

/* --- tests ------------------------------------------------------------------------------- */

static void test_instance__the_second_stands_by(void **state)
{
    char name[300], host[200];

    (void)state;
    first_and_second();
    gethostname(host, sizeof(host));
    snprintf(name, sizeof(name), "%s:%d", host, (int)getpid());
    assert_string_equal(instance_leader(ones[1].instance), name);
    assert_string_equal(instance_leader(ones[0].instance), "");
    assert_int_equal(instance_others(ones[1].instance), 1);
    assert_true(instance_id(ones[0].instance) > 0);
    assert_true(instance_id(ones[0].instance) != instance_id(ones[1].instance));
    run_ms(1500);
    assert_int_equal(instance_state(ones[0].instance), INSTANCE_LEADING);
    assert_int_equal(instance_state(ones[1].instance), INSTANCE_STANDBY);
    assert_int_equal(instance_others(ones[0].instance), 1);
}

static void test_instance__released_and_gone(void **state)
{
    (void)state;
    first_and_second();
    ones[0].leads = false; /* the second may hear of it first */
    finish(instance_release(ones[0].instance));
    assert_true(wait_changed(1, true, true) < INSTANCE_TTL_MS * 3 / 4 ||
                was_held_up());
    run_ms(700); /* its signs of life go on, and take nothing back */
    assert_true(instance_state(ones[1].instance) == INSTANCE_LEADING);
    assert_int_equal(instance_others(ones[1].instance), 1);
    finish(instance_leave(ones[0].instance));
    run_ms(700);
    assert_int_equal(instance_others(ones[1].instance), 0);
}

/* What it has left in the inbox is anybody's then. */
static void test_instance__leaves_its_rows(void **state)
{
    char statement[300];
    PGresult *res;

    (void)state;
    first_and_second();
    snprintf(
        statement, sizeof(statement),
        "INSERT INTO inbox (bot_id, update_id, lane, owner, taken, update) "
        "VALUES (42, 1, 7, %lld, true, ''), (42, 2, 7, %lld, true, '')",
        (long long)instance_id(ones[0].instance),
        (long long)instance_id(ones[1].instance));
    must(statement);
    ones[0].leads = false;
    finish(instance_leave(ones[0].instance));
    wait_changed(1, true, true);
    res = PQexec(conn, "SELECT count(*) FROM inbox WHERE owner IS NULL AND NOT "
                       "taken");
    assert_string_equal(PQgetvalue(res, 0, 0), "1");
    PQclear(res);
    must("DELETE FROM inbox");
}

/* Its connection is gone with it. */
static void test_instance__killed(void **state)
{
    (void)state;
    first_and_second();
    vanish(0);
    assert_true(wait_changed(1, true, false) < 20000);
}

/* Through a pooler nothing is known of its connection. */
static void test_instance__killed_behind_a_pooler(void **state)
{
    int64_t ms;

    (void)state;
    first_and_second();
    vanish(0);
    must("UPDATE instances SET backend = NULL");
    ms = wait_changed(1, true, false);
    assert_true(ms > INSTANCE_TTL_MS / 2 && ms < 20000);
}

/* One of this host: whether it is there can be seen; its connection must be gone,
 * too, since two hosts may have one name. */
static void test_instance__a_dead_process_of_this_host(void **state)
{
    char statement[500], host[200];
    int i;

    (void)state;
    gethostname(host, sizeof(host));
    for (i = 400000; kill(i, 0) == 0; i++)
        ;
    snprintf(statement, sizeof(statement),
             "INSERT INTO instances (id, bot_id, name, mode, backend, seen_at) "
             "VALUES (9, 42, '%s:%d', 'poll', %d, now() + interval '1 h'); "
             "INSERT INTO pollers VALUES (42, 9)",
             host, i, PQbackendPID(conn));
    must(statement);
    join(0, true);
    wait_changed(0, false, false);
    run_ms(1000);
    assert_false(ones[0].leads);
    must("UPDATE instances SET backend = 1 WHERE id = 9");
    wait_changed(0, true, false);
}

/* The lease is taken away from one that was silent; it is told. */
static void test_instance__taken_away(void **state)
{
    (void)state;
    first_and_second();
    /* the sign of life of the first waits; the second's does not */
    must("UPDATE pollers SET instance = 77");
    ones[0].changed = ones[1].changed = false;
    ones[0].leads = false;
    for (int i = 0; i < 200 && !leaders(); i++)
        run_ms(20);
    run_ms(1000);
    assert_int_equal(leaders(), 1);
}

static void test_instance__never_two(void **state)
{
    (void)state;
    for (int i = 0; i < MANY; i++)
        join(i, true);
    for (int round = 0; round < 8; round++) {
        int i;

        for (int k = 0; k < 1000 && !leaders(); k++)
            run_ms(20);
        run_ms(300);
        due_ms = loop_now_ms();
        must("SELECT 1"); /* the server may be held up, too */
        if (!was_held_up())
            assert_int_equal(leaders(), 1); /* and on_changed() looks, too */
        if (!leaders())
            continue;
        for (i = 0; !ones[i].leads; i++)
            ;
        ones[i].leads = false; /* before others hear of it */
        if (round % 2)
            finish(instance_leave(ones[i].instance));
        vanish(i);
        join(i, true);
    }
}

static void test_instance__a_webhook_has_no_lease(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        join(i, false);
        while (!ones[i].changed)
            run_ms(20);
        assert_true(ones[i].leads);
        ones[i].leads = false; /* for on_changed() */
    }
    run_ms(700);
    assert_int_equal(instance_others(ones[0].instance), 1);
}

/* After a server was away, who is back first finds everybody silent. */
static void test_instance__all_were_silent(void **state)
{
    (void)state;
    first_and_second();
    for (int i = 0; i < 6; i++) {
        run_ms(300);
        must("UPDATE instances SET seen_at = seen_at - interval '10 s', "
             "backend = 1");
        run_ms(900);
        assert_true(ones[0].leads);
        assert_false(ones[1].leads || ones[1].changed);
    }
    vanish(0);
    wait_changed(1, true, false);
}

/* All are cut off for longer than a lease is good for: who is back first takes none. */
static void test_instance__the_server_is_away(void **state)
{
    struct pg_server server = { 0 };
    PGconn *before = conn;

    (void)state;
    assert_true(pg_server_create(&server));
    url = server.url;
    conn = PQconnectdb(url);
    make_tables();
    first_and_second();
    run_ms(700);
    pg_server_do(&server, "stop");
    run_ms(INSTANCE_TTL_MS + 1500);
    PQfinish(conn);
    assert_true(pg_server_do(&server, "start"));
    run_ms(8000);
    assert_true(pg_is_up(ones[0].db.pg) && pg_is_up(ones[1].db.pg));
    assert_true(ones[0].leads);
    assert_false(ones[1].leads || ones[1].changed);
    vanish(0);
    wait_changed(1, true, false);
    vanish(1);
    pg_server_destroy(&server);
    conn = before;
    url = pg_server_url();
}

static char said[400]; /* the last warning */

static void on_log_line(enum log_level level, const char *area,
                        const char *message, const char *fields, void *arg)
{
    (void)area, (void)fields, (void)arg;
    if (level == LOG_WARN)
        snprintf(said, sizeof(said), "%s", message);
}

/* Who could not ask who may poll, and does: until another one does, too. */
static void test_instance__a_conflict(void **state)
{
    struct buf read_only = BUF_INIT;

    (void)state;
    buf_addf(&read_only, "%s%coptions=-cdefault_transaction_read_only%%3Don",
             url, strchr(url, '?') ? '&' : '?');
    url = read_only.data;
    join(0, true);
    url = pg_server_url();
    wait_changed(0, true, true);
    log_setup(LOG_WARN, LOG_TEXT);
    log_set_sink(on_log_line, NULL);
    instance_conflict(ones[0].instance);
    log_set_sink(NULL, NULL);
    log_setup(LOG_ERROR, LOG_TEXT);
    assert_string_equal(said, "another program polls for this bot (409), and "
                              "PostgreSQL could not be asked who may: standing "
                              "by until it can");
    assert_false(ones[0].leads);
    join(1, true);
    wait_changed(1, true, true);
    instance_conflict(ones[1].instance); /* it has just been told that it may */
    assert_true(ones[1].leads);
    vanish(0);
    buf_release(&read_only);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_instance__the_second_stands_by),
        TEST(test_instance__released_and_gone),
        TEST(test_instance__leaves_its_rows),
        TEST(test_instance__killed),
        TEST(test_instance__killed_behind_a_pooler),
        TEST(test_instance__a_dead_process_of_this_host),
        TEST(test_instance__taken_away),
        TEST(test_instance__never_two),
        TEST(test_instance__a_webhook_has_no_lease),
        TEST(test_instance__all_were_silent),
        TEST(test_instance__the_server_is_away),
        TEST(test_instance__a_conflict),
    };

    log_setup(LOG_ERROR, LOG_TEXT);
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
