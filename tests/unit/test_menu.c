/* test_menu.c - require "keyboard" and require "menu": what they send, what they
 * refuse, and at which line mistakes are told. */
#include "script_test.h"

/* --- keyboards ---------------------------------------------------------------------- */

static const struct {
    const char *code, *json;
} keyboards[] = {
    { "keyboard.inline()", "{\"inline_keyboard\":[]}" },
    { "keyboard.inline():button('A')",
      "{\"inline_keyboard\":[[{\"callback_data\":\"A\",\"text\":\"A\"}]]}" },
    { "keyboard.inline():row():url('A', 'https://a.b'):row():row()",
      "{\"inline_keyboard\":[[{\"text\":\"A\",\"url\":\"https://a.b\"}]]}" },
    { "keyboard.inline({ 'A', 'B', 'C' }, { columns = 2 })",
      "{\"inline_keyboard\":[[{\"callback_data\":\"A\",\"text\":\"A\"},"
      "{\"callback_data\":\"B\",\"text\":\"B\"}],"
      "[{\"callback_data\":\"C\",\"text\":\"C\"}]]}" },
    { "keyboard.inline{ { { 'A', 1 }, { 'B', 'b' } } }",
      "{\"inline_keyboard\":[[{\"callback_data\":\"1\",\"text\":\"A\"},"
      "{\"callback_data\":\"b\",\"text\":\"B\"}]]}" },
    { "keyboard.reply{ { 'A', 'B' }, 'C', one_time = true }",
      "{\"keyboard\":[[{\"text\":\"A\"},{\"text\":\"B\"}],[{\"text\":\"C\"}]],"
      "\"one_time_keyboard\":true,\"resize_keyboard\":true}" },
    { "keyboard.reply():request_contact('A'):row():request_users('B', 5)",
      "{\"keyboard\":[[{\"request_contact\":true,\"text\":\"A\"}],"
      "[{\"request_users\":{\"request_id\":5},\"text\":\"B\"}]],"
      "\"resize_keyboard\":true}" },
    { "keyboard.remove{ selective = true }",
      "{\"remove_keyboard\":true,\"selective\":true}" },
    { "keyboard.force_reply{ placeholder = 'x' }",
      "{\"force_reply\":true,\"input_field_placeholder\":\"x\"}" },
    { "keyboard.inline():append(keyboard.inline{ 'A' }):columns(1)",
      "{\"inline_keyboard\":[[{\"callback_data\":\"A\",\"text\":\"A\"}]]}" },
};

/* Keys in the order of their names, so that texts can be compared. */
static const char sorted[] =
    "local function write(v)\n"
    "  if type(v) ~= 'table' then return cjson.encode(v) end\n"
    "  if #v > 0 or getmetatable(v) == cjson.empty_array_mt then\n"
    "    local list = {}\n"
    "    for i, x in ipairs(v) do list[i] = write(x) end\n"
    "    return '[' .. table.concat(list, ',') .. ']'\n"
    "  end\n"
    "  local names, list = {}, {}\n"
    "  for name in pairs(v) do names[#names + 1] = name end\n"
    "  table.sort(names)\n"
    "  for i, name in ipairs(names) do\n"
    "    list[i] = cjson.encode(name) .. ':' .. write(v[name])\n"
    "  end\n"
    "  return '{' .. table.concat(list, ',') .. '}'\n"
    "end\n";

static void test_keyboard__what_is_built(void **state)
{
    struct buf text = BUF_INIT, wanted = BUF_INIT;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(keyboards); i++) {
        buf_reset(&text);
        buf_addf(&text,
                 "local bot, cjson = require 'bot', require 'cjson'\n"
                 "local keyboard = require 'keyboard'\n%s"
                 "bot.command('a', 'a', function(ctx)\n"
                 "  ctx:reply(write(%s))\n"
                 "end)\n",
                 sorted, keyboards[i].code);
        script(text.data);
        say_ok("/a");
        buf_reset(&wanted);
        buf_addf(&wanted, "%s\n", keyboards[i].json);
        expect_replies(wanted.data);
    }
    buf_release(&text);
    buf_release(&wanted);
}

static const struct {
    const char *code, *error;
} mistakes[] = {
    { "keyboard.inline():button('')", "keyboard: a button's text must be a "
                                      "text, got an empty one" },
    { "keyboard.inline():button('A', ('x'):rep(65))",
      "keyboard: a button's data can have 64 bytes" },
    { "keyboard.inline():button('A', {})",
      "keyboard: a button's data must be a text, got a table" },
    { "keyboard.inline():url('A', 'ftp://x')",
      "keyboard: a URL must begin with http:// or https:// or tg://" },
    { "keyboard.inline():copy_text('A', ('x'):rep(257))",
      "keyboard: what is copied must have at most 256 characters" },
    { "keyboard.inline():button('A'):pay('P')",
      "keyboard: pay must be the first button" },
    { "keyboard.inline({ 'A' }, { columns = 9 })",
      "keyboard: columns must be a whole number from 1 to 8" },
    { "keyboard.reply{ 'A', onetime = true }",
      "keyboard: there is no option \"onetime\"" },
    { "keyboard.inline{ { '', 'x' } }",
      "keyboard: a button's text must be a text, got an empty one" },
    { "keyboard.reply{ { 'A', {} } }",
      "keyboard: a button's text must be a text, got a nil" },
    { "keyboard.reply{ '' }",
      "keyboard: a button's text must be a text, got an empty one" },
    { "keyboard.request_contact('')",
      "keyboard: a button's text must be a text, got an empty one" },
    { "keyboard.reply():request_contact('')",
      "keyboard: a button's text must be a text, got an empty one" },
    { "keyboard.inline():add(nil)",
      "keyboard: a button must be a table, got nil" },
    { "keyboard.remove{ x = 1 }", "keyboard: there is no option \"x\"" },
    { "keyboard.reply():request_users('A', 'x')",
      "keyboard: a request must have a whole number as its id" },
    { "menu.new('a b', { text = 'x' })",
      "menu: a menu's name must be 1 to 16 letters" },
    { "menu.new('m', { text = 'x', foo = 1 })",
      "menu: there is no option \"foo\"" },
    { "menu.new('m', {})", "menu: a menu must have a text" },
    { "menu.new('m', { text = 'x' }):toggle('no.such')",
      "menu: there is no setting \"no.such\"" },
    { "menu.new('m', { text = 'x' }):toggle('size')",
      "menu: size is a integer: :toggle() is for a boolean" },
    { "menu.new('m', { text = 'x' }):button('A')",
      "menu: a button's function must be a function, got a nil" },
    { "menu.new('m', { text = 'x' }):submenu('A', {})",
      "menu: a submenu must be a menu" },
    { "menu.new('m', { text = 'x' }):page{ list = {} }",
      "menu: a page must have list and press" },
    { "menu.new('m', { text = 'x' }):page{ list = {}, press = print, per = 0 }",
      "menu: per must be a whole number from 1 to 90" },
};

static void test_keyboard__mistakes_are_told_at_their_line(void **state)
{
    struct buf text = BUF_INIT;
    struct err err;
    char wanted[200];

    (void)state;
    file("defaults/init.lua", "return { size = 3 }\n");
    for (size_t i = 0; i < ARRAY_LEN(mistakes); i++) {
        buf_reset(&text);
        buf_addf(&text,
                 "local keyboard, menu = require 'keyboard', require 'menu'\n"
                 "\n"
                 "local x = %s\n"
                 "return x\n",
                 mistakes[i].code);
        file("scripts/a.lua", text.data);
        err = (struct err)ERR_INIT;
        assert_false(load(&err));
        snprintf(wanted, sizeof(wanted), "scripts/a.lua:3: %s",
                 mistakes[i].error);
        if (strncmp(err.text, wanted, strlen(wanted)) != 0)
            fail_msg("%s: %s", wanted, err.text);
    }
    buf_release(&text);
}

static void test_keyboard__limits(void **state)
{
    (void)state;
    script("local bot, keyboard = require 'bot', require 'keyboard'\n"
           "bot.command('a', 'a', function(ctx)\n"
           "  local k = keyboard.inline()\n"
           "  for i = 1, 8 do k:button('x', ('x'):rep(64)) end\n"
           "  print(pcall(k.button, k, 'x'))\n"
           "  k:row()\n"
           "  for i = 9, 100 do k:button('x') k:row() end\n"
           "  print(pcall(k.button, k, 'x'))\n"
           "end)");
    say_ok("/a");
    assert_has(t.log.data, "a row of an inline keyboard can have 8 buttons");
    assert_has(t.log.data, "an inline keyboard can have 100 buttons");
}

/* --- menus ----------------------------------------------------------------------------- */

static const char menus[] =
    "local bot, menu = require 'bot', require 'menu'\n"
    "local m = menu.new('m', { text = 'M' })\n"
    "m:button('go', function(ctx) return 'gone' end)\n"
    "m:page{ list = { 1, 2, 3 }, per = 2, press = function(ctx, id)\n"
    "  return 'item ' .. math.type(id) .. id end }\n"
    "local a = menu.new('a', { text = 'A', admin = true })\n"
    "a:button('go', function(ctx) return 'admin' end)\n"
    "bot.command('m', 'm', function(ctx) m:reply(ctx) end)\n"
    "bot.command('a', 'a', function(ctx) a:reply(ctx) end)\n";

/* The n-th button's data in what was sent. */
static void read_data(int n, char *out, size_t size)
{
    const char *p = t.calls.data;

    for (int i = 0; i <= n; i++) {
        p = strstr(p, "\"callback_data\":\"");
        assert_non_null(p);
        p += strlen("\"callback_data\":\"");
    }
    snprintf(out, size, "%.*s", (int)strcspn(p, "\""), p);
    assert_true(strlen(out) <= 64);
    buf_reset(&t.calls);
}

static void expect_press(const char *data, const char *answer)
{
    if (press(data) != TASK_OK)
        fail_msg("%s: %s", data, t.log.data);
    if (!strstr(t.calls.data, answer))
        fail_msg("%s: %s, not %s", data, t.calls.data, answer);
    buf_reset(&t.calls);
}

static void test_menu__presses(void **state)
{
    char data[100];

    (void)state;
    script(menus);
    say_ok("/m");
    read_data(0, data, sizeof(data));
    expect_press(data, "\"text\":\"gone\"");
    say_ok("/m");
    read_data(2, data, sizeof(data));
    expect_press(data, "\"text\":\"item integer2\"");
    script(menus); /* another loading: it is the same menu */
    expect_press(data, "\"text\":\"item integer2\"");
}

/* Whatever is changed of it, it is nobody's. */
static void test_menu__what_was_tampered_with(void **state)
{
    char data[100], changed[100];

    (void)state;
    script(menus);
    say_ok("/m");
    read_data(2, data, sizeof(data));
    for (size_t i = 2; i < strlen(data); i++) {
        strcpy(changed, data);
        changed[i] = changed[i] == 'A' ? 'B' : 'A';
        expect_press(changed, "This button is not valid.");
        snprintf(changed, sizeof(changed), "%.*s", (int)i, data);
        expect_press(changed, "This button is not valid.");
        snprintf(changed, sizeof(changed), "%.*sx%s", (int)i, data, data + i);
        expect_press(changed, "This button is not valid.");
    }
    expect_press("m~", "This button is not valid.");
    expect_press("m~m~1~1~0~AAABBBBBBBB", "This button is not valid.");
    expect_press(data, "\"text\":\"item integer2\"");
}

static void test_menu__admins_only(void **state)
{
    char data[100];

    (void)state;
    script(menus);
    say_ok("/a");
    read_data(0, data, sizeof(data));
    answer("getChatMember", 200,
           "{\"ok\":true,\"result\":{\"status\":\"member\",\"user\":{\"id\":7}}"
           "}");
    expect_press(data, "Only administrators can do this.");
    admins_forget(t.services.admins, -100123, 7);
    answer("getChatMember", 200,
           "{\"ok\":true,\"result\":{\"status\":\"creator\",\"user\":{\"id\":7}"
           "}}");
    expect_press(data, "\"text\":\"admin\"");
}

static void test_menu__another_shape(void **state)
{
    struct buf text = BUF_INIT;
    char data[100];

    (void)state;
    script(menus);
    say_ok("/m");
    read_data(0, data, sizeof(data));
    buf_adds(&text, menus);
    buf_adds(&text, "m:button('new', function(ctx) return 'new' end)\n");
    script(text.data);
    press(data);
    assert_has(t.calls.data, "editMessageText ");
    assert_has(t.calls.data, "This menu has changed. Please choose again.");
    assert_null(strstr(t.calls.data, "gone"));
    buf_reset(&t.calls);
    script("require 'menu'\n");
    expect_press(data, "This menu does not exist any more.");
    buf_release(&text);
}

static int group_setup(void **state)
{
    (void)state;
    return script_group_setup("test_menu");
}

static int group_teardown(void **state)
{
    (void)state;
    return script_group_teardown("test_menu");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRIPT_TEST(test_keyboard__what_is_built),
        SCRIPT_TEST(test_keyboard__mistakes_are_told_at_their_line),
        SCRIPT_TEST(test_keyboard__limits),
        SCRIPT_TEST(test_menu__presses),
        SCRIPT_TEST(test_menu__what_was_tampered_with),
        SCRIPT_TEST(test_menu__admins_only),
        SCRIPT_TEST(test_menu__another_shape),
    };

    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
