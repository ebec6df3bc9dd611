/* test_types.c - settings as annotations: the text, and that it is Lua. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <lauxlib.h>

#include "bot/types.h"

static struct setting *add(struct setting *section, const char *name,
                           enum setting_type type, const char *def)
{
    struct err err = ERR_INIT;
    struct setting *s = schema_add(section, name, type, def, &err);

    if (!s)
        fail_msg("%s", err.text);
    return s;
}

static struct setting *of(struct setting *list, enum setting_type type)
{
    struct err err = ERR_INIT;
    struct setting *s = schema_add_element(list, type, &err);

    if (!s)
        fail_msg("%s", err.text);
    return s;
}

static char **choices(const char *a, const char *b)
{
    char **list = xalloc(3 * sizeof(*list));

    list[0] = xstrdup(a);
    list[1] = xstrdup(b);
    return list;
}

/* What is written, without the lines about the file; it must be Lua. */
static void expect(struct setting *root, const char *wanted)
{
    static const char head[] =
        "---@meta\n"
        "-- Made by `moonpost types` from defaults/, for lua-language-server: "
        "not to be run,\n"
        "-- and not to be edited. ctx.config is a Config, ctx.derived a "
        "Derived.\n";
    lua_State *L = luaL_newstate();
    struct buf out = BUF_INIT;

    types_write(root, &out);
    assert_memory_equal(out.data, head, strlen(head));
    assert_string_equal(out.data + strlen(head), wanted);
    if (luaL_dostring(L, out.data) != LUA_OK)
        fail_msg("%s", lua_tostring(L, -1));
    assert_int_equal(lua_gettop(L), 0);
    lua_close(L);
    buf_release(&out);
    schema_free(root);
}

static void test_types__of_each_kind(void **state)
{
    struct setting *root = schema_new(), *s;

    (void)state;
    s = add(root, "antiflood", SETTING_SECTION, NULL);
    s->label = xstrdup("Flood");
    s->help = xstrdup("how many messages");
    s->derive = 5;
    s = add(s, "max", SETTING_INTEGER, "5");
    s->help = xstrdup("messages a minute");
    s->has_min = s->has_max = true;
    s->min = 1;
    s->max = 100;
    add(root, "ratio", SETTING_NUMBER, "0.5")->label = xstrdup("Ratio");
    add(root, "on", SETTING_BOOLEAN, "true");
    add(root, "text", SETTING_STRING, "\"Hi\"");
    add(root, "lang", SETTING_CHOICE, "\"en\"")->choices = choices("en", "de");
    add(root, "chat", SETTING_CHAT, "null");
    add(root, "user", SETTING_USER, "7");
    of(add(root, "words", SETTING_LIST, "[]"), SETTING_STRING);
    add(root, "any", SETTING_LIST, "[]");
    of(of(add(root, "grid", SETTING_LIST, "[]"), SETTING_LIST),
       SETTING_INTEGER);
    of(add(root, "langs", SETTING_LIST, "[]"), SETTING_CHOICE)->choices =
        choices("a", "b");
    of(add(root, "counts", SETTING_MAP, "{}"), SETTING_INTEGER);
    add(root, "notes", SETTING_MAP, "{}");
    of(add(root, "chats", SETTING_LIST, "[]"), SETTING_CHAT);
    expect(
        root,
        "\n---@class Config\n"
        "---@field antiflood Config.Antiflood # Flood: how many messages\n"
        "---@field any any[] # a list; default []\n"
        "---@field chat integer? # a chat's id or none; default null\n"
        "---@field chats integer[] # a list, each a chat's id; default []\n"
        "---@field counts table<string, integer> # a table, each a whole "
        "number; default {}\n"
        "---@field grid integer[][] # a list, each a list, each a whole "
        "number; default []\n"
        "---@field lang \"en\"|\"de\" # one of en, de; default \"en\"\n"
        "---@field langs (\"a\"|\"b\")[] # a list, each one of a, b; default "
        "[]\n"
        "---@field notes table<string, any> # a table; default {}\n"
        "---@field on boolean # true or false; default true\n"
        "---@field ratio number # Ratio; a number; default 0.5\n"
        "---@field text string # text; default \"Hi\"\n"
        "---@field user integer? # a user's id or none; default 7\n"
        "---@field words string[] # a list, each text; default []\n"
        "\n---@class Config.Antiflood\n"
        "---@field max integer # messages a minute; a whole number from 1 to "
        "100; default 5\n"
        "\n---@class Derived\n"
        "---@field antiflood any # what derive of this section returns\n");
}

/* What people write in labels, choices and names must not end a line or a
 * string, nor be taken for a word of the annotations. */
static void test_types__odd_names_and_texts(void **state)
{
    struct setting *root = schema_new(), *s, *deep;
    char long_default[100] = "\"";

    (void)state;
    memset(long_default + 1, 'x', 60);
    strcat(long_default, "\"");
    s = add(root, "private", SETTING_BOOLEAN, "true");
    s->help = xstrdup("one\nerror('x')\r\ntwo");
    add(root, "end", SETTING_SECTION, NULL);
    add(root, "End", SETTING_SECTION, NULL);
    add(root, "_1", SETTING_SECTION, NULL);
    add(root, "q", SETTING_CHOICE, "\"a\"")->choices = choices("a\"b", "c\\d");
    add(root, "r", SETTING_CHOICE, "\"a\"")->choices = choices("a", "b\nc");
    add(root, "t", SETTING_STRING, long_default);
    deep = add(add(root, "my_own", SETTING_SECTION, NULL), "deep",
               SETTING_SECTION, NULL);
    add(deep, "n", SETTING_INTEGER, "1")->unit = xstrdup("]]\nminutes");
    expect(root,
           "\n---@class Config\n"
           "---@field End Config.End\n"
           "---@field _1 Config._1\n"
           "---@field [\"end\"] Config.end\n"
           "---@field my_own Config.My_own\n"
           "---@field [\"private\"] boolean # one error('x')  two; true or "
           "false; default true\n"
           "---@field q \"a\\\"b\"|\"c\\\\d\" # one of a\"b, c\\d; default "
           "\"a\"\n"
           "---@field r string # one of a, b c; default \"a\"\n"
           "---@field t string # text\n"
           "\n---@class Config.End\n"
           "\n---@class Config._1\n"
           "\n---@class Config.end\n"
           "\n---@class Config.My_own\n"
           "---@field deep Config.My_own.Deep\n"
           "\n---@class Config.My_own.Deep\n"
           "---@field n integer # a whole number, in ]] minutes; default 1\n"
           "\n---@class Derived\n");
}

static void test_types__of_nothing(void **state)
{
    (void)state;
    expect(schema_new(), "\n---@class Config\n\n---@class Derived\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_types__of_each_kind),
        cmocka_unit_test(test_types__odd_names_and_texts),
        cmocka_unit_test(test_types__of_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
