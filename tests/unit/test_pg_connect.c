/* test_pg_connect.c - the connection to PostgreSQL: making it, losing it. */
#include <signal.h>
#include <unistd.h>

#include "pg_client.h"

static struct pg_server own; /* made by the group's set-up */

/* --- losing the connection ------------------------------------------------ */

static void test_pg__query_timeout(void **state)
{
    struct client c =
        client_new(&(struct pg_options){ .url = pg_server_url(),
                                         .statement_timeout_ms = 9000,
                                         .query_timeout_ms = 2000 });
    struct pg_op *ops[2];

    (void)state;
    wait_ups(&c, 1);
    ops[0] = pg_query(c.pg, &sleep_long, NULL, 0);
    ops[1] = pg_query(c.pg, &one, NULL, 0);
    wait_all(&c, ops, 2);
    assert_int_equal(ops[0]->op.err.kind, ERR_TIMEOUT);
    assert_string_equal(ops[0]->op.err.text, "sleep: no answer within 2000 ms");
    assert_true(ops[0]->maybe_done);
    assert_int_equal(ops[1]->op.err.kind, ERR_DATABASE);
    assert_true(ops[1]->maybe_done);
    free_all(ops, 2);
    ask_ok(&c, &one);
    assert_int_equal(c.ups, 2);
    client_free(&c);
}

/* Behind a script that takes long: nothing is stuck, nothing is closed. */
static void test_pg__timeout_behind_script(void **state)
{
    struct client c = client_new(&(struct pg_options){
        .url = pg_server_url(), .query_timeout_ms = 300 });
    struct pg_op *ops[2];

    (void)state;
    wait_ups(&c, 1);
    ops[0] = pg_script(c.pg, slice_of("SELECT pg_sleep(0.8)"));
    ops[1] = pg_query(c.pg, &one, NULL, 0);
    wait_all(&c, ops, 2);
    assert_string_equal(ops[0]->op.err.text, "");
    assert_int_equal(ops[1]->op.err.kind, ERR_TIMEOUT);
    assert_false(ops[1]->maybe_done);
    free_all(ops, 2);
    assert_int_equal(c.downs, 0);
    client_free(&c);
}

static void test_pg__backend_terminated(void **state)
{
    struct client c = connect_to(pg_server_url());
    struct pg_op *ops[3];
    char sql[80];

    (void)state;
    wait_ups(&c, 1);
    snprintf(sql, sizeof(sql), "SELECT pg_terminate_backend(%d)",
             (int)ask_int(&c, &backend));
    ops[0] = pg_query(c.pg, &sleep_long, NULL, 0);
    ops[1] = pg_query(c.pg, &one, NULL, 0);
    ops[2] = pg_query(c.pg, &one, NULL, 0);
    sleep_ms(&c, 50);
    op_free(&ops[2]->op);
    assert_true(pg_server_sql(pg_server_url(), sql));
    wait_all(&c, ops, 2);
    assert_string_equal(ops[0]->sqlstate, "57P01");
    assert_false(ops[0]->maybe_done); /* the server says it ended it */
    assert_int_equal(ops[1]->op.err.kind, ERR_DATABASE);
    assert_true(ops[1]->maybe_done);
    assert_string_equal(ops[1]->sqlstate, "");
    assert_has(ops[1]->op.err.text, "the connection to PostgreSQL broke: "
                                    "terminating connection due to");
    assert_has(c.reason, "terminating connection due to");
    free_all(ops, 2);
    ask_echo(&c, 2); /* waits for the new one, and prepares again */
    assert_int_equal(c.ups, 2);
    client_free(&c);
}

/* While nothing is asked. */
static void test_pg__idle_terminated(void **state)
{
    struct client c = connect_to(pg_server_url());
    char sql[80];

    (void)state;
    wait_ups(&c, 1);
    snprintf(sql, sizeof(sql), "SELECT pg_terminate_backend(%d)",
             (int)ask_int(&c, &backend));
    assert_true(pg_server_sql(pg_server_url(), sql));
    wait_downs(&c, 1);
    assert_false(pg_is_up(c.pg));
    assert_has(c.reason, "terminating connection due to");
    wait_ups(&c, 2);
    assert_true(pg_is_up(c.pg));
    client_free(&c);
}

static void test_pg__server_restarts(void **state)
{
    struct client c = connect_to(own.url);
    struct pg_op *ops[2];

    (void)state;
    wait_ups(&c, 1);
    ops[0] = pg_query(c.pg, &sleep_long, NULL, 0);
    ops[1] = pg_query(c.pg, &one, NULL, 0);
    sleep_ms(&c, 50);
    assert_true(pg_server_do(&own, "stop"));
    wait_all(&c, ops, 2);
    assert_int_equal(ops[0]->op.err.kind, ERR_DATABASE);
    assert_true(ops[1]->maybe_done);
    free_all(ops, 2);
    wait_downs(&c, 2); /* another reason: now there is no server */
    assert_has(c.reason, "Is the server running");
    ops[0] = pg_query(c.pg, &one, NULL, 0);
    assert_true(pg_server_do(&own, "start"));
    wait_all(&c, ops, 1);
    assert_string_equal(ops[0]->op.err.text, "");
    op_free(&ops[0]->op);
    assert_int_equal(c.ups, 2);
    client_free(&c);
}

static void test_pg__server_crashes(void **state)
{
    struct client c = connect_to(own.url);
    struct pg_op *op;

    (void)state;
    wait_ups(&c, 1);
    op = pg_query(c.pg, &sleep_long, NULL, 0);
    sleep_ms(&c, 50);
    assert_true(pg_server_do(&own, "kill"));
    pg_server_unlock(&own);
    assert_true(pg_server_do(&own, "start"));
    wait_all(&c, &op, 1);
    assert_int_equal(op->op.err.kind, ERR_DATABASE);
    assert_has(op->op.err.text, "sleep: ");
    op_free(&op->op);
    wait_ups(&c, 2);
    ask_ok(&c, &one);
    client_free(&c);
}

/* --- connecting ----------------------------------------------------------- */

static const struct {
    const char *url, *says;
} bad_urls[] = {
    { NULL, "is empty" },
    { "", "is empty" },
    { " \n", "is empty" },
    { "hunter2", "does not begin with postgres://" },
    { "mysql://u:hunter2@h/db", "does not begin with postgres://" },
    { "postgres:/u:hunter2@h/db?a=b", "malformed" },
    { "postgres://u:hunter2@[::1/db", "malformed" },
    { "postgres://u:hunter2@[::1]x/db", "malformed: unexpected character" },
    { "postgres://u:hunter2%zz@h/db", "malformed: invalid percent-encoded" },
    { "postgres://u:hunter2%00@h/db", "malformed: forbidden value %00" },
    { "postgres://u:hunter2@h/db?hunter2", "malformed: missing key/value" },
    { "postgres://u:hunter2@h/db?hunter2=1", "invalid URI query parameter" },
    { "postgres://u:x@hunter2@h/db", "has an @ where none belongs" },
    { "postgres://u:x/hunter2@h/db", "has an @ where none belongs" },
    { "postgres://u:hunter2/db", "port is not a number" },
    { "postgres://u:1/hunter2@h/db", "has an @ where none belongs" },
    { "postgres://u:hunter2@h:99999/db", "port is not a number from 1" },
    { "postgres://u:hunter2@h:0/db", "port is not a number from 1" },
    { "postgres://u:hunter2@a:1,b:2,c/db?port=1,2", "3 hosts but 2 ports" },
    { "host=h password=a hunter2", "malformed: missing \"=\" after" },
    { "host=h password='hunter2", "malformed: unterminated quoted string" },
    { "host=h hunter2=x", "malformed: invalid connection option" },
};

static void test_pg__malformed_urls(void **state)
{
    struct loop *loop = loop_new();

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad_urls); i++) {
        struct err err = ERR_INIT;
        struct pg *pg =
            pg_new(loop, &(struct pg_options){ .url = bad_urls[i].url }, &err);

        if (pg)
            fail_msg("%s was accepted", bad_urls[i].url);
        assert_int_equal(err.kind, ERR_USAGE);
        assert_has(err.text, bad_urls[i].says);
        assert_hasnt(err.text, "hunter2");
    }
    loop_free(loop);
}

/* What can go wrong with a good url; %d is the port of our own server. */
static const struct {
    const char *url, *says;
    bool require_ssl;
} unreachable[] = {
    { "postgres://walter:hunter2@127.0.0.1:%d/postgres",
      "password authentication failed for user \"walter\"", false },
    { "postgres://walter:hunter2@localhost:%d/postgres",
      "password authentication failed for user \"walter\"", false },
    { "postgres://walter:" PG_SERVER_PASSWORD "@127.0.0.1:%d/nowhere",
      "database \"nowhere\" does not exist", false },
    { "postgres://walter:" PG_SERVER_PASSWORD "@127.0.0.1:%d/postgres", "SSL",
      true },
    { "postgres://walter:hunter2@127.0.0.1:1/postgres", "Connection refused",
      false },
    { "postgres://walter:hunter2@127.0.0.1:%d,127.0.0.1:1/postgres",
      "password authentication failed", false },
};

static void test_pg__unreachable(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(unreachable); i++) {
        char url[200];
        struct client c;

#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(url, sizeof(url), unreachable[i].url, own.port);
        c = client_new(&(struct pg_options){
            .url = url, .require_ssl = unreachable[i].require_ssl });
        wait_downs(&c, 1);
        assert_has(c.reason, unreachable[i].says);
        assert_hasnt(c.reason, "hunter2");
        assert_hasnt(c.reason, PG_SERVER_PASSWORD);
        assert_hasnt(c.reason, "\n");
        sleep_ms(&c, 300);            /* two more tries */
        assert_int_equal(c.downs, 1); /* the same reason is told once */
        client_free(&c);
    }
}

static const char *const reachable[] = {
    "postgres://walter:" PG_SERVER_PASSWORD "@localhost:%d/postgres",
    "postgresql://walter:" PG_SERVER_PASSWORD "@127.0.0.1:%d/postgres",
    "postgres://walter:" PG_SERVER_PASSWORD
    "@localhost:1,localhost:%d/postgres",
    "postgres://walter:" PG_SERVER_PASSWORD "@/postgres"
    "?host=/nonexistent,localhost&port=%d",
    "host=localhost user=walter password=" PG_SERVER_PASSWORD
    " dbname=postgres port=%d",
    "hostaddr=127.0.0.1 host=nowhere.invalid user=walter dbname=postgres "
    "password=" PG_SERVER_PASSWORD " port=%d",
};

static void test_pg__reachable(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(reachable); i++) {
        char url[200];
        struct client c;

        snprintf(url, sizeof(url), reachable[i], own.port);
        c = connect_to(url);
        wait_ups(&c, 1);
        assert_int_equal(c.downs, 0);
        ask_ok(&c, &one);
        client_free(&c);
    }
}

/* Looked up by us: libpq would block, and say "could not translate". (Without a
 * name server this takes as long as a try.) */
static void test_pg__unknown_host(void **state)
{
    struct client c = connect_to("postgres://u@no-such-host.invalid/x");

    (void)state;
    wait_downs(&c, 1);
    assert_has(c.reason, "no-such-host.invalid");
    assert_hasnt(c.reason, "translate");
    client_free(&c);
}

/* The password is changed while we are refused: then it comes up. */
static void test_pg__password_is_mended(void **state)
{
    char url[200];
    struct client c;

    (void)state;
    snprintf(url, sizeof(url),
             "postgres://walter:hunter2@127.0.0.1:%d/postgres", own.port);
    c = connect_to(url);
    wait_downs(&c, 1);
    assert_true(pg_server_sql(own.url, "ALTER ROLE walter PASSWORD 'hunter2'"));
    wait_ups(&c, 1);
    assert_true(pg_server_sql(own.url,
                              "ALTER ROLE walter PASSWORD '" PG_SERVER_PASSWORD
                              "'"));
    ask_ok(&c, &one);
    client_free(&c);
}

/* Which phase it is in when it is freed is up to chance: none may leak. */
static void test_pg__free_at_any_time(void **state)
{
    static const char *const urls[] = {
        "postgres://u@no-such-host.invalid/x", "postgres://u@localhost:1/x",
        "postgres://walter:hunter2@127.0.0.1:%d/postgres"
    };

    (void)state;
    for (int ms = 0; ms < 12; ms++) {
        char url[200];
        struct client c;

        snprintf(url, sizeof(url), urls[ms % 3], own.port);
        c = connect_to(url);
        if (ms > 2)
            sleep_ms(&c, ms - 3);
        pg_free(c.pg);
        c.pg = NULL;
        sleep_ms(&c, 0);
        client_free(&c);
    }
}

static void test_pg__session(void **state)
{
    static const struct pg_statement settings = {
        "settings",
        "SELECT current_setting('application_name') || ' ' ||"
        " current_setting('client_encoding') || ' ' ||"
        " current_setting('statement_timeout')",
        0
    };
    struct client c =
        client_new(&(struct pg_options){ .url = pg_server_url(),
                                         .application_name = "test_pg",
                                         .statement_timeout_ms = 7000 });
    struct pg_op *op = ask(&c, &settings);

    (void)state;
    assert_true(slice_eq(pg_value(op, 0, 0), "test_pg UTF8 7s"));
    op_free(&op->op);
    client_free(&c);
}

static void test_pg__schema(void **state)
{
    static const struct pg_statement path = {
        "path", "SELECT current_setting('search_path'), current_schema()", 0
    };
    static const char *const wanted[][2] = {
        { "t_not_made", "t_not_made" }, /* it need not be there */
        { "pg \"odd\"'", "\"pg \"\"odd\"\"'\"" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
        struct client c = client_new(&(struct pg_options){
            .url = pg_server_url(), .schema = wanted[i][0] });
        struct pg_op *op = ask(&c, &path);

        assert_string_equal(op->op.err.text, "");
        assert_true(slice_eq(pg_value(op, 0, 0), wanted[i][1]));
        assert_true(pg_is_null(op, 0, 1));
        assert_string_equal(pg_schema(c.pg), wanted[i][0]);
        op_free(&op->op);
        client_free(&c);
    }
}

/* --- notify --------------------------------------------------------------- */

static void on_notify(const char *channel, struct slice payload, void *arg)
{
    struct client *c = arg;

    c->notifies++;
    snprintf(c->channel, sizeof(c->channel), "%s", channel);
    snprintf(c->payload, sizeof(c->payload), "%.*s", (int)payload.n, payload.p);
    loop_stop(c->loop);
}

static void test_pg__notify(void **state)
{
    static const struct pg_statement listen = { "listen", "LISTEN t_news", 0 };
    struct client c = connect_to(pg_server_url());

    (void)state;
    pg_on_notify(c.pg, on_notify, &c);
    ask_ok(&c, &listen);
    assert_true(pg_server_sql(pg_server_url(), "NOTIFY t_news, 'chat 12'"));
    loop_run(c.loop);
    assert_int_equal(c.notifies, 1);
    assert_string_equal(c.channel, "t_news");
    assert_string_equal(c.payload, "chat 12");
    client_free(&c);
}

/* --- */

/* A test that hangs is ended: the server must not stay behind. */
static void on_end(int signal_number)
{
    signal(signal_number, SIG_IGN); /* timeout(1) sends it to children too */
    pg_server_destroy(&own);
    _exit(1);
}

static int group_setup(void **state)
{
    (void)state;
    return pg_server_create(&own) ? 0 : -1;
}

static int group_teardown(void **state)
{
    (void)state;
    pg_server_destroy(&own);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pg__query_timeout),
        cmocka_unit_test(test_pg__timeout_behind_script),
        cmocka_unit_test(test_pg__backend_terminated),
        cmocka_unit_test(test_pg__idle_terminated),
        cmocka_unit_test(test_pg__server_restarts),
        cmocka_unit_test(test_pg__server_crashes),
        cmocka_unit_test(test_pg__malformed_urls),
        cmocka_unit_test(test_pg__unreachable),
        cmocka_unit_test(test_pg__reachable),
        cmocka_unit_test(test_pg__unknown_host),
        cmocka_unit_test(test_pg__password_is_mended),
        cmocka_unit_test(test_pg__free_at_any_time),
        cmocka_unit_test(test_pg__session),
        cmocka_unit_test(test_pg__schema),
        cmocka_unit_test(test_pg__notify),
    };

    pg_server_url();
    signal(SIGTERM, on_end);
    signal(SIGINT, on_end);
    log_setup(LOG_WARN, LOG_TEXT);
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
