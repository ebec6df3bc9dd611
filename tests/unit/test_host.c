/* test_host.c - a host's start and end, in every step of them. */
#include "bot_test.h"

#include "bot/host.h"
#include "pg_server.h"

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

static struct settings settings;
static struct host *host;
static bool database_is_there;
static char database_url[400];
static int ready;

static const char *get(const char *name)
{
    static const char *const nowhere = "postgresql://a@/b?host=/nonexistent";

    if (strcmp(name, "BOT_TOKEN") == 0)
        return "1:aaaaaaaaaaaa";
    if (strcmp(name, "DATABASE_URL") == 0)
        return database_is_there ? database_url : nowhere;
    return strcmp(name, "TELEGRAM_API_URL") == 0 ? bot.url : NULL;
}

static void on_ready(const char *username, void *arg)
{
    (void)arg;
    assert_string_equal(username, "tester_bot");
    ready++;
}

static void drop_schema(void)
{
    assert_true(pg_server_sql(pg_server_url(),
                              "SET client_min_messages = warning;"
                              "DROP SCHEMA IF EXISTS test_host CASCADE"));
}

/* Every request waits for the test, getMe too. */
static int setup(void **state)
{
    struct httpd_options o = { .address = "127.0.0.1" };
    struct err err = ERR_INIT;
    char scripts[60];

    (void)state;
    memset(&bot, 0, sizeof(bot));
    buf_init(&bot.events);
    buf_init(&bot.log);
    bot.wait_calls = -1;
    bot.hold_me = true;
    log_set_sink(bot_on_line, NULL);
    bot.loop = loop_new();
    bot.httpd = httpd_start(bot.loop, &o, bot_on_request, NULL, &err);
    assert_non_null(bot.httpd);
    snprintf(bot.url, sizeof(bot.url), "http://127.0.0.1:%d",
             httpd_port(bot.httpd));
    strcpy(bot.folder, "/tmp/moonpost-test.XXXXXX");
    assert_non_null(mkdtemp(bot.folder));
    snprintf(scripts, sizeof(scripts), "%s/scripts", bot.folder);
    assert_int_equal(mkdir(scripts, 0700), 0);
    bot_write("scripts/main.lua", bot_script);
    drop_schema();
    assert_true(pg_server_sql(pg_server_url(), "CREATE SCHEMA test_host"));
    database_is_there = true;
    ready = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    host_free(host);
    host = NULL;
    assert_int_equal(loop_live_ops(bot.loop), 0);
    httpd_free(bot.httpd);
    loop_free(bot.loop);
    settings_release(&settings);
    log_set_sink(NULL, NULL);
    log_unhide_all();
    buf_release(&bot.events);
    buf_release(&bot.log);
    bot_remove_folder();
    return 0;
}

static void start(void)
{
    struct err err = ERR_INIT;

    if (!settings_load(&settings, get, &err))
        fail_msg("%s", err.text);
    settings.reload = true;
    host = host_new(bot.loop,
                    &(struct host_options){ .settings = &settings,
                                            .dir = bot.folder,
                                            .on_ready = on_ready },
                    &err);
    if (!host)
        fail_msg("%s", err.text);
    host_start(host);
}

static int call_of(const char *method)
{
    for (int i = bot.ncalls - 1; i >= 0; i--)
        if (strcmp(bot.calls[i].method, method) == 0)
            return i;
    return -1;
}

/* Answer getMe; then polling, and at once what else is told. */
static void run(int calls)
{
    start();
    bot_wait_calls(1);
    assert_int_equal(call_of("getMe"), 0);
    bot_answer(0, "{\"id\":1,\"username\":\"tester_bot\"}");
    bot_wait_calls(1 + calls);
    assert_int_equal(ready, 1);
    assert_true(call_of("getUpdates") > 0);
}

static void give(const char *text)
{
    struct buf list = BUF_INIT;

    buf_addc(&list, '[');
    bot_add_update(&list, 500, 7, text);
    buf_addc(&list, ']');
    bot_answer(call_of("getUpdates"), list.data);
    buf_release(&list);
}

static void expect_stopped(int status)
{
    assert_int_equal(host_exit_status(host), status);
    if (status == 0)
        assert_non_null(strstr(bot.log.data, "host: stopped"));
}

static void run_until(const char *logged)
{
    while (!strstr(bot.log.data, logged)) {
        struct op *timer = timer_start(bot.loop, 5);

        timer->done = bot_stop_loop;
        loop_run(bot.loop);
        op_free(timer);
    }
}

static void test_host__stopped_before_the_loop_runs(void **state)
{
    (void)state;
    start();
    host_stop(host, false);
    host_stop(host, true);
    expect_stopped(0);
}

static void test_host__stopped_while_the_database_is_away(void **state)
{
    (void)state;
    database_is_there = false;
    start();
    run_until("waiting for PostgreSQL");
    host_stop(host, false);
    expect_stopped(0);
    assert_int_equal(bot.ncalls, 0);
}

/* A mistake that no database can mend is not kept to itself. */
static void test_host__a_bad_migration_while_the_database_is_away(void **state)
{
    char command[200];

    (void)state;
    database_is_there = false;
    snprintf(command, sizeof(command),
             "mkdir -p '%s/migrations/schema' && "
             "touch '%s/migrations/schema/first.sql'",
             bot.folder, bot.folder);
    assert_int_equal(system(command), 0);
    start();
    loop_run(bot.loop);
    expect_stopped(1);
    assert_non_null(strstr(bot.log.data, "four digits"));
    snprintf(command, sizeof(command), "rm -r '%s/migrations'", bot.folder);
    assert_int_equal(system(command), 0);
}

static void test_host__stopped_while_get_me_is_out(void **state)
{
    (void)state;
    start();
    bot_wait_calls(1);
    host_stop(host, false);
    expect_stopped(0);
}

static void test_host__an_unknown_token(void **state)
{
    (void)state;
    start();
    bot_wait_calls(1);
    httpd_reply(bot.calls[0].req, 401, NULL,
                slice_of("{\"ok\":false,\"error_code\":401,"
                         "\"description\":\"Unauthorized\"}"));
    loop_run(bot.loop);
    expect_stopped(1);
    host_stop(host, false); /* a signal that comes just then */
    expect_stopped(1);
    assert_int_equal(bot.ncalls, 1);
}

/* deleteWebhook and setMyCommands are never answered. */
static void test_host__stopped_with_errands_out(void **state)
{
    (void)state;
    run(3);
    assert_true(call_of("deleteWebhook") > 0);
    assert_true(call_of("setMyCommands") > 0);
    host_stop(host, false);
    loop_run(bot.loop);
    expect_stopped(0);
}

static void test_host__a_stop_waits_for_handlers(void **state)
{
    (void)state;
    run(3);
    give("/call a");
    bot_wait_calls(5);
    host_stop(host, false);
    host_stop(host, false);
    bot_release("a");
    bot_wait_calls(6); /* acknowledges, behind it */
    assert_non_null(strstr(bot.calls[5].body, "\"offset\":501,"));
    bot_answer(5, "[]");
    loop_run(bot.loop);
    expect_stopped(0);
    bot_expect("began a\nended a\n");
}

static const char config_script[] =
    "local bot = require 'bot'\n"
    "bot.command('conf', 'C', function(ctx) return ctx.config.x end)\n";

/* Its update is in hand until the person has been told. */
static void lose_config(void)
{
    bot_write("scripts/main.lua", config_script);
    run(3);
    assert_true(
        pg_server_sql(pg_server_url(), "DROP TABLE test_host.chat_configs"));
    give("/conf");
    bot_wait_calls(5);
    assert_non_null(strstr(bot.calls[4].body, "\"chat_id\":7,"));
    assert_non_null(strstr(bot.calls[4].body, "can't reach my database"));
}

static void test_host__no_config_and_it_is_said(void **state)
{
    (void)state;
    lose_config();
    bot_answer(4, "{\"message_id\":1}");
    bot_wait_calls(6);
    assert_non_null(strstr(bot.calls[5].body, "\"offset\":501,"));
}

static void test_host__no_config_and_it_is_not_said(void **state)
{
    (void)state;
    lose_config();
    host_stop(host, false);
    bot_wait_calls(6);
    assert_non_null(strstr(bot.calls[5].body, "\"offset\":500,"));
    bot_answer(5, "[]");
    loop_run(bot.loop);
    expect_stopped(0);
}

static void expect_hurried(void)
{
    bot_wait_calls(6);
    assert_non_null(strstr(bot.calls[5].body, "\"offset\":500,"));
    bot_answer(5, "[]");
    loop_run(bot.loop);
    expect_stopped(0);
    bot_expect("began a\n");
}

static void test_host__in_a_hurry_at_once(void **state)
{
    (void)state;
    run(3);
    give("/call a");
    bot_wait_calls(5);
    host_stop(host, true);
    host_stop(host, false);
    expect_hurried();
}

static void test_host__in_a_hurry_at_the_second_time(void **state)
{
    (void)state;
    run(3);
    give("/call a");
    bot_wait_calls(5);
    host_stop(host, false);
    host_stop(host, true);
    expect_hurried();
}

static void test_host__freed_in_the_middle_of_everything(void **state)
{
    (void)state;
    run(3);
    give("/call a");
    bot_wait_calls(5);
}

/* Nothing would be lost by it, but for a list that was made by hand. */
static void test_host__no_command_is_described(void **state)
{
    (void)state;
    bot_write("scripts/main.lua",
              "require 'bot'.command('now', function() end)\n");
    run(2);
    bot_write("scripts/main.lua",
              "require 'bot'.command('now', 'It', function() end)\n");
    bot_wait_calls(4); /* reloaded, and told */
    assert_int_equal(call_of("setMyCommands"), 3);
}

static void test_host__what_is_saved_while_it_starts(void **state)
{
    (void)state;
    start();
    bot_wait_calls(1);
    bot_write("scripts/main.lua",
              "require 'bot'.command('late', 'Late', function() end)\n");
    run_until("reloaded");
    bot_answer(0, "{\"id\":1,\"username\":\"tester_bot\"}");
    bot_wait_calls(4);
    assert_non_null(
        strstr(bot.calls[call_of("setMyCommands")].body, "\"late\""));
}

/* A schema of its own: other tests use the same database. */
static int group_setup(void **state)
{
    (void)state;
    snprintf(database_url, sizeof(database_url),
             "%s%coptions=-csearch_path%%3Dtest_host", pg_server_url(),
             strchr(pg_server_url(), '?') ? '&' : '?');
    return 0;
}

static int group_teardown(void **state)
{
    (void)state;
    drop_schema();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_host__stopped_before_the_loop_runs),
        TEST(test_host__stopped_while_the_database_is_away),
        TEST(test_host__a_bad_migration_while_the_database_is_away),
        TEST(test_host__stopped_while_get_me_is_out),
        TEST(test_host__an_unknown_token),
        TEST(test_host__stopped_with_errands_out),
        TEST(test_host__a_stop_waits_for_handlers),
        TEST(test_host__no_config_and_it_is_said),
        TEST(test_host__no_config_and_it_is_not_said),
        TEST(test_host__in_a_hurry_at_once),
        TEST(test_host__in_a_hurry_at_the_second_time),
        TEST(test_host__freed_in_the_middle_of_everything),
        TEST(test_host__no_command_is_described),
        TEST(test_host__what_is_saved_while_it_starts),
    };

    log_setup(LOG_INFO, LOG_TEXT);
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
