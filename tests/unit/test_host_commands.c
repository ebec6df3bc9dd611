/* test_host_commands.c - Telegram's lists of commands: what is sent, and when again. */
#include "store_test.h"

#include <stdio.h>

#include "bot/command_lists.h"
#include "bot/host_commands.h"
#include "io/httpd.h"
#include "telegram/send.h"

#define SCHEMA "test_host_commands"

static struct {
    struct httpd *httpd;
    struct http *http;
    struct tg *tg;
    struct sender *sender;
    struct host_commands *commands;
    struct buf calls;    /* a line each, for the test to look at */
    const char *refused; /* what is in the body of calls that fail; or NULL */
    struct buf log;
} t;

static void on_request(struct httpd_request *req, void *arg)
{
    struct slice body = httpd_body(req);
    const char *method = strrchr(httpd_path(req), '/') + 1;
    bool ok =
        !t.refused || !memmem(body.p, body.n, t.refused, strlen(t.refused));

    (void)arg;
    buf_addf(&t.calls, "%s%s %.*s\n", method, ok ? "" : " (no)", (int)body.n,
             body.p);
    httpd_reply(req, ok ? 200 : 400, NULL,
                ok ? slice_of("{\"ok\":true,\"result\":true}")
                   : slice_of("{\"ok\":false,\"error_code\":400,"
                              "\"description\":\"Bad Request: no\"}"));
}

static void on_log_line(enum log_level level, const char *area,
                        const char *message, const char *fields, void *arg)
{
    (void)level;
    (void)fields;
    (void)arg;
    buf_addf(&t.log, "%s: %s\n", area, message);
}

/* --- what scripts have registered ------------------------------------------------------ */

static struct command *add_command(struct handlers *hs, const char *name,
                                   const char *description,
                                   enum command_scope_type scope)
{
    struct handler h = { .type = HANDLER_COMMAND,
                         .kinds = 1,
                         .source = xstrdup("a.lua:1") };
    struct err err = ERR_INIT;
    struct command *c = h.command = xalloc(sizeof(*c));

    command_add_name(c, name);
    if (description)
        c->description = xstrdup(description);
    if (scope)
        command_add_scope(c, (struct command_scope){ .type = scope });
    assert_true(handlers_add(hs, &h, &err) >= 0);
    return c;
}

/* Everything that was begun is over, but for what waits for a time. */
static void settle(void)
{
    for (int i = 0; i < 5000; i++) {
        loop_once(db.loop, 10);
        if (loop_is_idle(db.loop) && loop_outside(db.loop) == 0)
            return;
    }
    fail_msg("it does not end:\n%s", t.calls.data);
}

static void want(const struct handlers *hs, bool afresh)
{
    host_commands_want(t.commands, hs, afresh);
    settle();
}

static void expect(const char *calls)
{
    assert_string_equal(t.calls.data, calls);
    buf_reset(&t.calls);
}

static void restart(void)
{
    host_commands_free(t.commands);
    t.commands = host_commands_new(db.loop, db.pg, t.sender, 1);
}

#define SET(scope, more)                                                       \
    "setMyCommands {\"scope\":{\"type\":\"" scope "\"}" more "}\n"
#define DELETE(scope, more)                                                    \
    "deleteMyCommands {\"scope\":{\"type\":\"" scope "\"}" more "}\n"
#define A "{\"command\":\"a\",\"description\":\"A\"}"
#define B "{\"command\":\"b\",\"description\":\"B \\\"x\\\"\"}"

/* --- the tests ----------------------------------------------------------------------------- */

static void test_host_commands__only_what_changed(void **state)
{
    struct handlers hs = { .n = 0 }, more = { .n = 0 }, none = { .n = 0 };

    (void)state;
    add_command(&hs, "a", "A", SCOPE_DEFAULT);
    want(&hs, true);
    expect(SET("default", ",\"commands\":[" A "]"));
    want(&hs, false);
    want(&hs, true);
    expect("");
    restart();
    want(&hs, true);
    expect("");
    add_command(&more, "a", "A", SCOPE_DEFAULT);
    add_command(&more, "b", "B \"x\"", SCOPE_PRIVATE);
    want(&more, false);
    expect(SET("all_private_chats", ",\"commands\":[" A "," B "]"));
    restart();
    want(&none, true);
    expect(DELETE("all_private_chats", "") DELETE("default", ""));
    want(&none, true);
    expect("");
    handlers_release(&hs);
    handlers_release(&more);
}

static void test_host_commands__another_bot(void **state)
{
    struct handlers hs = { .n = 0 };

    (void)state;
    add_command(&hs, "a", "A", SCOPE_DEFAULT);
    want(&hs, true);
    host_commands_free(t.commands);
    t.commands = host_commands_new(db.loop, db.pg, t.sender, 2);
    want(&hs, true);
    expect(SET("default", ",\"commands\":[" A "]")
               SET("default", ",\"commands\":[" A "]"));
    handlers_release(&hs);
}

/* After a minute, after two, … up to an hour; what goes well does not wait. */
static void test_host_commands__again(void **state)
{
    struct handlers hs = { .n = 0 };
    int64_t waits[] = { 60000,  120000,  240000,  480000,
                        960000, 1920000, 3600000, 3600000 };

    (void)state;
    t.refused = "default";
    add_command(&hs, "a", "A", SCOPE_DEFAULT);
    add_command(&hs, "b", "B \"x\"", SCOPE_GROUPS);
    want(&hs, true);
    expect("setMyCommands (no) {\"scope\":{\"type\":\"default\"},\"commands\":"
           "[" A "]}\n" SET("all_group_chats", ",\"commands\":[" A "," B "]"));
    for (size_t i = 0; i < ARRAY_LEN(waits); i++) {
        assert_in_range(loop_next_timer_ms(db.loop), waits[i] - 5000, waits[i]);
        loop_advance(db.loop, waits[i]);
        if (i + 1 == ARRAY_LEN(waits))
            t.refused = NULL;
        settle();
        assert_non_null(strstr(t.calls.data, "default"));
        assert_null(strstr(t.calls.data, "all_group_chats"));
        buf_reset(&t.calls);
    }
    assert_int_equal(loop_next_timer_ms(db.loop), -1);
    assert_non_null(strstr(t.log.data,
                           "commands: setMyCommands for "
                           "{\"type\":\"default\"}: 400 Bad Request: no; it is "
                           "tried again later\n"));
    handlers_release(&hs);
}

static void test_host_commands__an_end_meanwhile(void **state)
{
    struct handlers hs = { .n = 0 };

    (void)state;
    add_command(&hs, "a", "A", SCOPE_DEFAULT);
    host_commands_want(t.commands, &hs, true);
    restart(); /* while it reads */
    host_commands_want(t.commands, &hs, true);
    while (!t.calls.len)
        loop_once(db.loop, 10);
    restart(); /* while it sends, or notes */
    handlers_release(&hs);
}

static void test_command_lists__at_most_a_hundred(void **state)
{
    struct handlers hs = { .n = 0 };
    struct command_lists lists = { .n = 0 };
    const char *p;
    int n = 0;

    (void)state;
    for (int i = 0; i <= COMMAND_LIST_MAX; i++) {
        char name[20];

        snprintf(name, sizeof(name), "c%d", i);
        command_lists_release(&lists);
        command_lists_make(&lists, &hs);
        assert_false(lists.too_long);
        add_command(&hs, name, "x", SCOPE_DEFAULT);
    }
    command_lists_release(&lists);
    command_lists_make(&lists, &hs);
    assert_true(lists.too_long);
    assert_int_equal(lists.n, 1);
    for (p = lists.list[0].commands; (p = strstr(p, "\"command\"")); p++)
        n++;
    assert_int_equal(n, COMMAND_LIST_MAX);
    command_lists_release(&lists);
    handlers_release(&hs);
}

/* Two handlers of one command, each in a group of its own. */
static void test_command_lists__a_name_once(void **state)
{
    struct handlers hs = { .n = 0 };
    struct command_lists lists = { .n = 0 };

    (void)state;
    add_command(&hs, "a", "A", SCOPE_PRIVATE);
    add_command(&hs, "a", "Other", SCOPE_GROUPS);
    add_command(&hs, "a", "Third", SCOPE_GROUPS);
    add_command(&hs, "bare", NULL, SCOPE_DEFAULT);
    add_command(&hs, "hidden", "x", SCOPE_DEFAULT)->hidden = true;
    command_lists_make(&lists, &hs);
    assert_int_equal(lists.n, 2);
    assert_string_equal(lists.list[0].commands, "[" A "]");
    assert_string_equal(lists.list[1].commands,
                        "[{\"command\":\"a\",\"description\":\"Other\"}]");
    command_lists_release(&lists);
    handlers_release(&hs);
}

static int setup(void **state)
{
    (void)state;
    sql("DELETE FROM bot_commands");
    t.refused = NULL;
    t.calls = t.log = (struct buf)BUF_INIT;
    buf_adds(&t.calls, "");
    t.commands = host_commands_new(db.loop, db.pg, t.sender, 1);
    log_set_sink(on_log_line, NULL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    log_set_sink(NULL, NULL);
    host_commands_free(t.commands);
    assert_int_equal(loop_live_ops(db.loop), 0);
    buf_release(&t.calls);
    buf_release(&t.log);
    return 0;
}

static int group_setup(void **state)
{
    static const struct sender_options no_limits = { 1000000, 1000000, 1000000,
                                                     1000000, 1000000 };
    struct tg_options options = { .token = "1:xxxxxxxx", .timeout_ms = 5000 };
    struct err err = ERR_INIT;
    char url[100];

    (void)state;
    make_tables(SCHEMA);
    run_schema_file("0010_commands.sql");
    t.http = http_new(db.loop, &(struct http_options){ .connections_max = 4 });
    t.httpd = httpd_start(db.loop,
                          &(struct httpd_options){ .address = "127.0.0.1",
                                                   .body_max = 1 << 20 },
                          on_request, NULL, &err);
    assert_non_null(t.httpd);
    snprintf(url, sizeof(url), "http://127.0.0.1:%d", httpd_port(t.httpd));
    options.url = url;
    t.tg = tg_new(db.loop, t.http, &options, &err);
    assert_non_null(t.tg);
    t.sender = sender_new(db.loop, t.tg, &no_limits);
    return 0;
}

static int group_teardown(void **state)
{
    (void)state;
    sender_free(t.sender);
    tg_free(t.tg);
    http_free(t.http);
    httpd_free(t.httpd);
    drop_tables(SCHEMA);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_host_commands__only_what_changed),
        TEST(test_host_commands__another_bot),
        TEST(test_host_commands__again),
        TEST(test_host_commands__an_end_meanwhile),
        TEST(test_command_lists__at_most_a_hundred),
        TEST(test_command_lists__a_name_once),
    };

    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
