/* test_breaker.c - handlers that keep failing pause; what repeats in the log is told a
 * few times. */
#include "script_test.h"

#include "base/clock.h"
#include "base/metrics.h"
#include "script/breaker.h"

static const char script_text[] =
    "local bot = require('bot')\n"
    "bad = true\n"
    "bot.command('outer', function(ctx, next)\n"
    "  if bad then error('outer fails') end next() end)\n"
    "bot.command('outer', function(ctx) ctx:reply('inner') end)\n"
    "bot.command('a', function(ctx)\n"
    "  if bad then error('fails ' .. ctx.update_id) end ctx:reply('ok') end)\n"
    "bot.command('good', function(ctx) bad = false end)\n"
    "bot.command('bad', function(ctx) bad = true end)\n"
    "bot.command('lines', function(ctx)\n"
    "  for i = 1, 100 do print('line ' .. i) end end)\n"
    "bot.command('loop', function() while true do end end)\n";

static void set_up(int failures)
{
    make_vm(16 << 20, 60, 60000);
    t.vm->limits.breaker_failures = failures;
    t.vm->limits.breaker_pause_ms = 600000;
    script(script_text);
    buf_reset(&t.log);
}

static const char *from(int64_t chat, const char *text)
{
    static char update[600];

    snprintf(update, sizeof(update),
             "{\"update_id\":10,\"message\":{\"message_id\":5,\"from\":{\"id\":"
             "7,\"is_bot\":false,\"first_name\":\"A\"},\"chat\":{\"id\":%lld,"
             "\"type\":\"private\"},\"date\":1,\"text\":\"%s\",\"entities\":[{"
             "\"type\":\"bot_command\",\"offset\":0,\"length\":%zu}]}}",
             (long long)chat, text, strlen(text));
    return update;
}

static int count(const char *part)
{
    int n = 0;

    for (const char *p = t.log.data; (p = strstr(p, part)); p++)
        n++;
    return n;
}

static bool page_has(const char *line)
{
    struct buf page = BUF_INIT;
    bool has;

    metrics_render(&page);
    has = strstr(page.data, line) != NULL;
    buf_release(&page);
    return has;
}

static void test_breaker__opens_and_closes(void **state)
{
    (void)state;
    set_up(3);
    for (int i = 0; i < 3; i++)
        assert_int_equal(run_update(from(1, "/a")), TASK_FAILED);
    assert_int_equal(count("/a (scripts/a.lua:6) failed 3 times in a row in "
                           "this chat, and is paused there: a try every 600 s "
                           "(chat=1 handler=/a)"),
                     1);
    assert_true(page_has("moonpost_handlers_paused 1\n"));
    buf_reset(&t.log);
    for (int i = 0; i < 50; i++)
        assert_int_equal(run_update(from(1, "/a")), TASK_OK);
    assert_string_equal(t.log.data, "");
    assert_true(page_has("moonpost_paused_updates_total 50\n"));
    /* another chat, and another handler */
    assert_int_equal(run_update(from(2, "/a")), TASK_FAILED);
    assert_int_equal(run_update(from(1, "/loop")), TASK_OVERRAN);
    /* a try fails: nothing new is told; then none for as long */
    buf_reset(&t.log);
    clock_advance(600001);
    assert_int_equal(run_update(from(1, "/a")), TASK_FAILED);
    assert_int_equal(run_update(from(1, "/a")), TASK_OK);
    assert_int_equal(count("is paused"), 0);
    /* one that goes well */
    clock_advance(600001);
    run_update(from(1, "/good"));
    assert_int_equal(run_update(from(1, "/a")), TASK_OK);
    expect_replies("ok\n");
    expect_log("info script: /a (scripts/a.lua:6) works again in this chat "
               "(chat=1 handler=/a)");
    assert_true(page_has("moonpost_handlers_paused 0\n"));
    run_update(from(1, "/bad"));
    assert_int_equal(run_update(from(1, "/a")), TASK_FAILED);
    assert_int_equal(run_update(from(1, "/a")), TASK_FAILED);
    run_update(from(1, "/good")); /* in a row: not these */
    run_update(from(1, "/a"));
    run_update(from(1, "/bad"));
    assert_int_equal(run_update(from(1, "/a")), TASK_FAILED);
    assert_int_equal(count("is paused"), 0);
}

static void test_breaker__middleware(void **state)
{
    (void)state;
    set_up(3);
    for (int round = 0; round < 4; round++) { /* never three in a row */
        run_update(from(1, "/bad"));
        for (int i = 0; i < 2; i++)
            assert_int_equal(run_update(from(1, "/outer")), TASK_FAILED);
        run_update(from(1, "/good"));
        assert_int_equal(run_update(from(1, "/outer")), TASK_OK);
        expect_replies("inner\n");
    }
    assert_int_equal(count("is paused"), 0);
    run_update(from(1, "/bad"));
    for (int i = 0; i < 3; i++)
        run_update(from(1, "/outer"));
    run_update(from(1, "/good"));
    /* paused, it lets nothing through to the next handler */
    assert_int_equal(run_update(from(1, "/outer")), TASK_OK);
    expect_replies("");
    clock_advance(600001);
    run_update(from(1, "/outer"));
    expect_replies("inner\n");
    assert_int_equal(count("works again"), 1);
}

static void test_breaker__off_and_reload(void **state)
{
    (void)state;
    set_up(0);
    for (int i = 0; i < 30; i++)
        assert_int_equal(run_update(from(1, "/a")), TASK_FAILED);
    set_up(2);
    for (int i = 0; i < 2; i++)
        assert_int_equal(run_update(from(1, "/a")), TASK_FAILED);
    assert_int_equal(run_update(from(1, "/a")), TASK_OK);
    script(script_text); /* begins anew */
    assert_int_equal(run_update(from(1, "/a")), TASK_FAILED);
    assert_true(page_has("moonpost_handlers_paused 0\n"));
}

static void test_breaker__is_bounded(void **state)
{
    (void)state;
    set_up(2);
    for (int chat = 1; chat <= BREAKER_KEYS_MAX + 10; chat++)
        run_update(from(chat, "/a"));
    assert_int_equal(run_update(from(1, "/a")), TASK_FAILED); /* forgotten: 1 */
    assert_int_equal(count("is paused"), 0);
    run_update(from(BREAKER_KEYS_MAX, "/a")); /* its second */
    assert_int_equal(count("is paused"), 1);
}

/* --- the log ---------------------------------------------------------------------- */

static void test_log__repeats(void **state)
{
    (void)state;
    set_up(0);
    for (int i = 0; i < 1000; i++)
        run_update(from(i + 1, "/a"));
    assert_int_equal(count("handler failed: scripts/a.lua:7: fails 10"), 5);
    clock_advance(61000);
    run_update(from(1, "/a"));
    assert_int_equal(count("error script: 995 times more: "
                           "scripts/a.lua:7: fails 10 ()"),
                     1);
    assert_int_equal(count("handler failed: "), 6);
}

static void test_log__lines(void **state)
{
    (void)state;
    vm_free(t.vm);
    t.limits.log_lines_per_s = 10;
    t.vm = vm_new(&t.services, &t.limits);
    script(script_text);
    buf_reset(&t.log);
    run_update(from(1, "/lines"));
    assert_int_equal(count("line "), 10);
    clock_advance(2000);
    run_update(from(1, "/lines"));
    assert_int_equal(count("scripts/a.lua wrote 90 more lines than "
                           "SCRIPT_LINES_PER_S; they are not shown"),
                     1);
}

static int group_setup(void **state)
{
    (void)state;
    return script_group_setup("test_breaker");
}

static int group_teardown(void **state)
{
    (void)state;
    return script_group_teardown("test_breaker");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRIPT_TEST(test_breaker__opens_and_closes),
        SCRIPT_TEST(test_breaker__middleware),
        SCRIPT_TEST(test_breaker__off_and_reload),
        SCRIPT_TEST(test_breaker__is_bounded),
        SCRIPT_TEST(test_log__repeats),
        SCRIPT_TEST(test_log__lines),
    };

    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
