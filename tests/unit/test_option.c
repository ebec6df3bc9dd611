/* test_option.c - declaring settings in defaults/: what is refused, and how it is
 * said; what becomes of what is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <lauxlib.h>

#include "base/json.h"
#include "script/chunks.h"
#include "script/generation.h"
#include "script/vm.h"

static struct {
    char dir[64];
    struct services services;
    struct vm *vm;
    struct generation *gen;
    int registry;
} t;

/* References that are in use: freed ones hold the number of the next free. */
static int count_registry(void)
{
    lua_State *L = t.vm->L;
    int n = 0;

    lua_gc(L, LUA_GCCOLLECT);
    lua_gc(L, LUA_GCCOLLECT);
    lua_pushnil(L);
    while (lua_next(L, LUA_REGISTRYINDEX)) {
        n += lua_isinteger(L, -2) && !lua_isinteger(L, -1);
        lua_pop(L, 1);
    }
    return n;
}

static void mkdir_in(const char *name)
{
    char path[200];

    snprintf(path, sizeof(path), "%s/%s", t.dir, name);
    mkdir(path, 0755);
}

static int setup(void **state)
{
    struct vm_limits limits = { .memory_max = 64 << 20,
                                .cpu_ms = 5000,
                                .task_ms = 60000 };

    (void)state;
    strcpy(t.dir, "/tmp/moonpost-option-XXXXXX");
    assert_non_null(mkdtemp(t.dir));
    mkdir_in("scripts");
    mkdir_in("defaults");
    t.services = (struct services){ .bot_username = "", .dir = t.dir };
    t.vm = vm_new(&t.services, &limits);
    t.registry = count_registry();
    return 0;
}

static int teardown(void **state)
{
    char command[100];

    (void)state;
    assert_int_equal(lua_gettop(t.vm->L), 0);
    generation_unref(t.gen);
    t.gen = NULL;
    assert_int_equal(count_registry() - chunks_kept(t.vm->L), t.registry);
    vm_free(t.vm);
    snprintf(command, sizeof(command), "rm -r '%s'", t.dir);
    return system(command);
}

static void file(const char *name, const char *text)
{
    char path[200];
    FILE *f;

    snprintf(path, sizeof(path), "%s/%s", t.dir, name);
    f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static bool load(struct err *err)
{
    generation_unref(t.gen);
    t.gen = generation_new(t.vm->L, t.dir, 1);
    return generation_load(t.gen, err);
}

static void declare(const char *name, const char *text)
{
    struct err err = ERR_INIT;

    file(name, text);
    if (!load(&err))
        fail_msg("%s", err.text);
}

static void refuses(const char *name, const char *text, const char *wanted)
{
    struct err err = ERR_INIT;
    char path[200];

    file(name, text);
    if (load(&err))
        fail_msg("it loads: %s", text);
    err.text[strcspn(err.text, "\n")] = '\0'; /* the line itself is below it */
    assert_string_equal(err.text, wanted);
    assert_int_equal(err.kind, ERR_SCRIPT);
    assert_int_equal(lua_gettop(t.vm->L), 0);
    snprintf(path, sizeof(path), "%s/%s", t.dir, name);
    unlink(path);
}

static const struct setting *find(const char *path)
{
    const struct setting *s = schema_find(t.gen->schema, path);

    if (!s)
        fail_msg("there is no %s", path);
    return s;
}

static void expect_allowed(const char *path, const char *wanted)
{
    struct buf text = BUF_INIT;

    setting_allowed(find(path), &text);
    assert_string_equal(text.data, wanted);
    buf_release(&text);
}

/* --- what is refused -------------------------------------------------------------- */

static const struct {
    const char *text, *err;
} refused[] = {
    /* files */
    { "error('mine')", "defaults/x.lua:1: mine" },
    { "return 5",
      "defaults/x.lua: must return a table of settings, returned number" },
    { "return option.integer{ default = 1 }",
      "defaults/x.lua: must return a table of settings, returned "
      "option.integer" },
    { "while true do end", "defaults/x.lua:1: it computes for too long" },
    { "return { a = }", "defaults/x.lua:1: unexpected symbol near '}'" },
    /* plain values */
    { "return {\n  a = 1,\n  b = print,\n}",
      "defaults/x.lua:3: x.b: a setting can't be a function" },
    { "return { a = 0/0 }",
      "defaults/x.lua:1: x.a: the default does not fit: cannot serialise "
      "number: NaN or infinity" },
    { "return {\n a = math.huge }",
      "defaults/x.lua:2: x.a: the default does not fit: cannot serialise "
      "number: NaN or infinity" },
    { "return { a = '\\xff' }",
      "defaults/x.lua:1: x.a: the default does not fit: cannot serialise "
      "string: bad UTF-8 at byte 1" },
    { "return { a = 'x\\0y' }",
      "defaults/x.lua:1: x.a: text in a config can't hold a NUL byte" },
    { "return {\n\n['a b'] = 1 }",
      "defaults/x.lua:3: x.a b: \"a b\" can't be a setting's name: letters, "
      "digits and _ only, not beginning with a digit" },
    { "return { ['a\\0b'] = 1 }",
      "defaults/x.lua: x: a name can't hold a NUL byte" },
    { "return { 1, 2 }",
      "defaults/x.lua: x: settings need names, this one has a number" },
    { "return { a = {\n [true] = 1 } }",
      "defaults/x.lua:1: x.a: settings need names, this one has a boolean" },
    { "return { a = { b = 1, 2 } }",
      "defaults/x.lua:1: x.a: a table is a list or a section; this one has "
      "both [1] and \"b\"" },
    { "return {\n a = { print } }",
      "defaults/x.lua:2: x.a: the default does not fit: cannot serialise "
      "function at [1]" },
    { "local t = {}\nt.t = t\nreturn t",
      "defaults/x.lua: x.t.t.t.t.t.t.t.t: sections are nested more than 8 "
      "deep at \"t\"" },
    { "local t = { 1 }\nt[2] = t\nreturn { a = t }",
      "defaults/x.lua:3: x.a: the default does not fit: cannot serialise: "
      "nested more than 56 deep at [2][2][2][2][2][2][2][2][2][2][2][2][2][2]"
      "[2][2]…" },
    { "local t = { a = 1 }\nfor i = 1, 1000 do t = { a = t } end\nreturn t",
      "defaults/x.lua: x.a.a.a.a.a.a.a.a: sections are nested more than 8 "
      "deep at \"a\"" },
    { "local t = {}\nfor i = 1, 1 << 20 do t[i] = 1 end\nreturn {\n a = t }",
      "defaults/x.lua:4: x.a: the default is too large: 2097153 bytes as "
      "JSON, at most 65536 are allowed" },
    /* options: the line of the call */
    { "return { a = option.integr{} }",
      "defaults/x.lua:1: there is no option.integr; there are boolean, chat, "
      "choice, integer, list, map, number, section, string, user" },
    { "return { a = option.integer(5) }",
      "defaults/x.lua:1: option.integer needs a table: option.integer{ … }" },
    { "return {\n  a = option.integer{\n min = 1 } }",
      "defaults/x.lua:2: x.a: option.integer needs a default" },
    { "return {\n  a = 1,\n  max = option.integer{ default = 0, min = 1,\n"
      "max = 100 } }",
      "defaults/x.lua:3: x.max: the default does not fit: must be a whole "
      "number from 1 to 100, got 0" },
    { "return { a = option.integer{ default = 1, mim = 1 } }",
      "defaults/x.lua:1: x.a: option.integer has no \"mim\"; it has default, "
      "min, max, unit, label, help, private" },
    { "return { a = option.boolean{ default = true, min = 1 } }",
      "defaults/x.lua:1: x.a: option.boolean has no \"min\"; it has default, "
      "label, help, private" },
    { "return { a = option.string{ default = '', 5 } }",
      "defaults/x.lua:1: x.a: option.string has no \"1\"; it has default, "
      "min, max, pattern, label, help, private" },
    { "return { a = option.list{ default = {}, unit = 'x' } }",
      "defaults/x.lua:1: x.a: option.list has no \"unit\"; it has default, "
      "min, max, of, label, help, private" },
    { "return { a = option.section{ default = {} } }",
      "defaults/x.lua:1: x.a: option.section has no \"default\"; it has "
      "settings, lazy, derive, label, help, private" },
    { "return { a = option.integer{ default = 1, min = 2, max = 1 } }",
      "defaults/x.lua:1: x.a: min is larger than max: nothing would fit" },
    { "return { a = option.integer{ default = 1, min = 0/0 } }",
      "defaults/x.lua:1: x.a: min must be a finite number" },
    { "return { a = option.number{ default = 1, max = math.huge } }",
      "defaults/x.lua:1: x.a: max must be a finite number" },
    { "return { a = option.number{ default = 0/0 } }",
      "defaults/x.lua:1: x.a: the default does not fit: cannot serialise "
      "number: NaN or infinity" },
    { "return { a = option.integer{ default = 1, min = 0.5 } }",
      "defaults/x.lua:1: x.a: min must be a whole number, got 0.5" },
    { "return { a = option.string{ default = '', min = -1 } }",
      "defaults/x.lua:1: x.a: min counts something: it can't be below 0" },
    { "return { a = option.string{ default = '', max = '5' } }",
      "defaults/x.lua:1: x.a: max must be a number, got string" },
    { "return { a = option.string{ default = 5 } }",
      "defaults/x.lua:1: x.a: the default does not fit: must be text, got 5" },
    { "return { a = option.string{ default = '', label = 5 } }",
      "defaults/x.lua:1: x.a: label must be text, got number" },
    { "return { a = option.string{ default = '', help = '\\xff' } }",
      "defaults/x.lua:1: x.a: help must be text in UTF-8" },
    { "return { a = option.integer{ default = 1, unit = 'a\\0b' } }",
      "defaults/x.lua:1: x.a: unit must be text in UTF-8" },
    { "return { a = option.string{ default = '', private = 1 } }",
      "defaults/x.lua:1: x.a: private must be true or false, got number" },
    { "return { a = option.string{ default = 'a', pattern = 'a[' } }",
      "defaults/x.lua:1: x.a: pattern \"a[\": malformed pattern (missing "
      "']')" },
    { "return { a = option.string{ default = 'a1', max = 5,\npattern = "
      "'^%a+$' } }",
      "defaults/x.lua:1: x.a: the default does not fit: must be text of at "
      "most 5 characters that matches \"^%a+$\", got \"a1\"" },
    /* choices */
    { "return { a = option.choice{ default = 'a' } }",
      "defaults/x.lua:1: x.a: option.choice needs choices: option.choice{ "
      "\"a\", \"b\", default = \"a\" }" },
    { "return { a = option.choice{ 'b', default = 'a' } }",
      "defaults/x.lua:1: x.a: the default does not fit: must be one of b, got "
      "\"a\"" },
    { "return { a = option.choice{ 'b', 1, default = 'b' } }",
      "defaults/x.lua:1: x.a: a choice must be text, got number" },
    { "return { a = option.choice{ 'b', 'c', 'b', default = 'b' } }",
      "defaults/x.lua:1: x.a: the choice \"b\" is there twice" },
    { "return { a = option.choice{ 'b', [0] = 'c', default = 'b' } }",
      "defaults/x.lua:1: x.a: option.choice has no \"0\"; it has [1], [2], …, "
      "default, label, help, private" },
    /* lists and maps */
    { "return { words = option.list{ of = option.string{ max = 5 },\n"
      "default = { 'a', 'b', 12 } } }",
      "defaults/x.lua:1: x.words[3]: the default does not fit: must be text "
      "of at most 5 characters, got 12" },
    { "return { a = option.map{ of = option.integer{}, default = { b = 'x' } "
      "} }",
      "defaults/x.lua:1: x.a[\"b\"]: the default does not fit: must be a whole "
      "number, got \"x\"" },
    { "return { a = option.list{ max = 1, default = { 1, 2 } } }",
      "defaults/x.lua:1: x.a: the default does not fit: must be a list of at "
      "most 1 element, got 2 elements" },
    { "return { a = option.map{ min = 1, of = option.boolean{},\ndefault = {} "
      "} }",
      "defaults/x.lua:1: x.a: the default does not fit: must be a table of at "
      "least 1 value, each true or false, got 0 values" },
    { "return { a = option.list{ default = { b = 1 } } }",
      "defaults/x.lua:1: x.a: the default does not fit: must be a list, got "
      "{\"b\":1}" },
    { "return { a = option.list{ of = 5, default = {} } }",
      "defaults/x.lua:1: x.a: of must be an option that is no section: of = "
      "option.string{ max = 50 }" },
    { "return { a = option.list{ of = option.section{ settings = {} }, "
      "default = {} } }",
      "defaults/x.lua:1: x.a: of must be an option that is no section: of = "
      "option.string{ max = 50 }" },
    { "return { a = option.list{\n default = {},\n of = option.string{ "
      "default = '' } } }",
      "defaults/x.lua:3: x.a[]: option.string in \"of\" has no \"default\"; it "
      "has min, max, pattern" },
    { "return { a = option.list{ default = {}, of = option.boolean{ help = '' "
      "} } }",
      "defaults/x.lua:1: x.a[]: option.boolean in \"of\" has no \"help\"; it "
      "has nothing" },
    { "return { a = option.list{ default = {}, of =\noption.map{ of = "
      "option.integer{ min = 2, max = 1 } } } }",
      "defaults/x.lua:2: x.a[][]: min is larger than max: nothing would fit" },
    { "return { a = option.list{ of = option.list{ of = option.string{} },\n"
      "default = { { 'a' }, {}, { 'b', false } } } }",
      "defaults/x.lua:1: x.a[3][2]: the default does not fit: must be text, "
      "got false" },
    { "local o = {}\no.of = option.list(o)\nreturn { a = option.list{ default "
      "= {}, of = o } }",
      "defaults/x.lua:2: x.a[][][][][][][][]: lists and maps are nested more "
      "than 8 deep" },
    { "return {\n a = { 'b', option.string{} } }",
      "defaults/x.lua:2: x.a: a value can't be an option; what is in a list is "
      "said by option.list{ of = … }" },
    { "return { a = option.map{\n default = { b = option.string{} } } }",
      "defaults/x.lua:1: x.a: a value can't be an option; what is in a list is "
      "said by option.list{ of = … }" },
    { "local o = option.list{ default = {} }\no.default = o\nreturn { a = o }",
      "defaults/x.lua:1: x.a: a value can't be an option; what is in a list is "
      "said by option.list{ of = … }" },
    /* chats and users */
    { "return { a = option.chat{ default = 0 } }",
      "defaults/x.lua:1: x.a: the default does not fit: must be a chat's id or "
      "none, got 0" },
    { "return { a = option.user{ default = -5 } }",
      "defaults/x.lua:1: x.a: the default does not fit: must be a user's id or "
      "none, got -5" },
    { "return { a = option.chat{ default = 1 << 52 } }",
      "defaults/x.lua:1: x.a: the default does not fit: must be a chat's id or "
      "none, got 4503599627370496" },
    { "return { a = option.list{ of = option.user{}, default = { 5, '6' } } }",
      "defaults/x.lua:1: x.a[2]: the default does not fit: must be a user's "
      "id, got \"6\"" },
    /* sections */
    { "return option.section{ label = 'X' }",
      "defaults/x.lua:1: x: option.section needs settings: option.section{ "
      "settings = { … } }" },
    { "return option.section{\n settings = option.integer{ default = 1 } }",
      "defaults/x.lua:1: x: settings is a table of settings, not an option" },
    { "return option.section{ label = 'X', settings = {\n a = 1,\n b = print "
      "} }",
      "defaults/x.lua:3: x.b: a setting can't be a function" },
    { "return {\n a = option.section{ lazy = true, settings = {} } }",
      "defaults/x.lua:2: x.a: only sections at the top level can be lazy" },
    { "return {\n a = option.section{ derive = print, settings = {} } }",
      "defaults/x.lua:2: x.a: only sections at the top level can have derive" },
    { "return option.section{ derive = 5, settings = {} }",
      "defaults/x.lua:1: x: derive must be a function, got number" },
    { "return option.section{ lazy = 'yes', settings = {} }",
      "defaults/x.lua:1: x: lazy must be true or false, got string" },
    { "local s = { settings = {} }\ns.settings.s = option.section(s)\nreturn "
      "s.settings",
      "defaults/x.lua:2: x.s.s.s.s.s.s.s.s: sections are nested more than 8 "
      "deep at \"s\"" },
};

static void test_option__refused(void **state)
{
    struct err err = ERR_INIT;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(refused); i++)
        refuses("defaults/x.lua", refused[i].text, refused[i].err);
    file("scripts/a.lua", "");
    if (!load(&err)) /* nothing is left of any of them */
        fail_msg("%s", err.text);
}

static void test_option__too_many_settings(void **state)
{
    struct err err = ERR_INIT;

    (void)state;
    file("defaults/x.lua", "local t = {}\n"
                           "for i = 1, 10001 do t['a' .. i] = i end\n"
                           "return t");
    assert_false(load(&err));
    if (!strstr(err.text, ": there are more than 10000 settings"))
        fail_msg("%s", err.text);
}

static void test_option__init(void **state)
{
    (void)state;
    refuses("defaults/init.lua", "return option.section{ settings = {} }",
            "defaults/init.lua: must return a table of settings, returned "
            "option.section");
    refuses("defaults/init.lua",
            "return {\n max = option.integer{ default = 0, min = 1 } }",
            "defaults/init.lua:2: max: the default does not fit: must be a "
            "whole number at least 1, got 0");
    refuses("defaults/init.lua", "return {\n a = 1,\n max = print }",
            "defaults/init.lua:3: max: a setting can't be a function");
    file("defaults/init.lua", "return { x = 1 }");
    refuses("defaults/x.lua", "return { a = 1 }",
            "defaults/x.lua: the setting \"x\" is declared twice");
    refuses("defaults/x-y.lua", "return { a = 1 }",
            "defaults/x-y.lua: \"x-y\" can't be a setting's name: letters, "
            "digits and _ only, not beginning with a digit");
}

/* The line is the one in defaults/, also of an option that a library makes. */
static void test_option__made_by_a_library(void **state)
{
    (void)state;
    mkdir_in("scripts/lib");
    file("scripts/lib/o.lua", "return { most = function(n)\n  local o = "
                              "option.integer{ default = n, max = 3 }\n"
                              "  return o\nend }");
    refuses("defaults/x.lua",
            "local o = require 'o'\nreturn {\n a = o.most(3),\n"
            " b = o.most(4),\n}",
            "defaults/x.lua:4: x.b: the default does not fit: must be a whole "
            "number at most 3, got 4");
}

static void test_option__too_many_lazy(void **state)
{
    (void)state;
    declare("defaults/init.lua",
            "local t = {}\n"
            "for i = 1, 32 do\n"
            "  t['s' .. i] = option.section{ lazy = true, settings = {} }\n"
            "end\n"
            "return t");
    assert_int_equal(schema_lazy_sections(t.gen->schema), UINT32_MAX);
    refuses("defaults/x.lua",
            "return option.section{ lazy = true, settings = "
            "{} }",
            "defaults/x.lua:1: x: more than 32 sections are lazy");
}

/* --- what is declared ---------------------------------------------------------------- */

static void test_option__all_fields(void **state)
{
    const struct setting *s;

    (void)state;
    declare("defaults/x.lua",
            "return {\n"
            "  n = option.integer{ default = 5, min = 1, max = 100,\n"
            "    unit = 'minutes', label = 'L', help = 'H', private = true },\n"
            "  r = option.number{ default = 1, unit = 'seconds' },\n"
            "  r1 = option.number{ default = 1, min = 0.5, unit = 's' },\n"
            "  s = option.string{ default = 'abc', pattern = '^%a+$' },\n"
            "  chat = option.chat{}, boss = option.user{ default = 7 },\n"
            "  words = option.list{ of = option.string{ max = 50 }, max = 100,"
            " default = {} },\n"
            "  lists = option.list{ of = option.list{ of = option.map{} },"
            " default = { {}, { {} } } },\n"
            "  tags = option.map{ of = option.choice{ 'a', 'b' }, default = {}"
            " },\n"
            "  ids = option.list{ of = option.chat{}, default = { -100 } },\n"
            "  any = option.list{ default = { 1, 'a', {} } },\n"
            "  empty = {},\n"
            "}");
    s = find("x.n");
    assert_string_equal(s->label, "L");
    assert_string_equal(s->help, "H");
    assert_string_equal(s->unit, "minutes");
    assert_true(s->is_private && setting_is_private(s));
    assert_false(setting_is_private(find("x.r")));
    expect_allowed("x.n", "a whole number from 1 to 100 minutes");
    expect_allowed("x.r", "a number, in seconds");
    expect_allowed("x.r1", "a number at least 0.5, in s");
    expect_allowed("x.s", "text that matches \"^%a+$\"");
    expect_allowed("x.chat", "a chat's id or none");
    expect_allowed("x.boss", "a user's id or none");
    expect_allowed("x.words", "a list of at most 100 elements, each text of at "
                              "most 50 characters");
    expect_allowed("x.tags", "a table, each one of a, b");
    expect_allowed("x.ids", "a list, each a chat's id");
    assert_string_equal(find("x.chat")->def, "null");
    assert_string_equal(find("x.boss")->def, "7");
    assert_string_equal(find("x.lists")->def, "[[],[{}]]");
    assert_string_equal(find("x.tags")->def, "{}");
    assert_string_equal(find("x.empty")->def, "[]");
    assert_string_equal(find("x.any")->def, "[1,\"a\",{}]");
}

static void test_option__sections(void **state)
{
    const struct setting *root;

    (void)state;
    declare("defaults/filters.lua",
            "return option.section{ label = 'Filters', help = 'What may be "
            "said',\n"
            "  private = true, lazy = true,\n"
            "  derive = function(section) return section.words end,\n"
            "  settings = { words = { 'a' }, deep = { n = 1 } } }");
    declare("defaults/init.lua",
            "return { zeta = option.section{ lazy = true, settings = { a = 1 "
            "} },\n"
            "  alpha = option.section{ lazy = true, settings = { a = 1 } },\n"
            "  plain = { derived = option.section{ label = 'D', settings = { b "
            "= 2 } } } }");
    root = t.gen->schema;
    assert_int_equal(find("alpha")->lazy, 1);
    assert_int_equal(find("filters")->lazy, 2);
    assert_int_equal(find("zeta")->lazy, 4);
    assert_int_equal(find("plain")->lazy, 0);
    assert_int_equal(schema_lazy_sections(root), 7);
    assert_ptr_equal(schema_lazy_section(root, 2), find("filters"));
    assert_null(schema_lazy_section(root, 8));
    assert_null(schema_lazy_section(root, 0));
    assert_string_equal(find("filters")->label, "Filters");
    assert_string_equal(find("filters")->help, "What may be said");
    assert_true(setting_is_private(find("filters.deep.n")));
    assert_string_equal(find("plain.derived")->label, "D");
    assert_string_equal(find("plain.derived.b")->def, "2");
    assert_int_equal(find("alpha")->derive, 0);
    lua_rawgeti(t.vm->L, LUA_REGISTRYINDEX, find("filters")->derive);
    assert_true(lua_isfunction(t.vm->L, -1));
    lua_pop(t.vm->L, 1);
}

/* Checking a value runs Lua: from a plain call, and within a handler's task. */
static void test_option__patterns_are_matched(void **state)
{
    struct err err = ERR_INIT;

    (void)state;
    declare("defaults/x.lua", "return { s = option.string{ default = 'a', "
                              "pattern = '^%a+$' } }");
    assert_true(setting_check(find("x.s"), slice_of("\"abc\""), &err));
    assert_false(setting_check(find("x.s"), slice_of("\"a1\""), &err));
    assert_string_equal(err.text,
                        "x.s: must be text that matches \"^%a+$\", got "
                        "\"a1\"");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_option__refused),
        TEST(test_option__too_many_settings),
        TEST(test_option__init),
        TEST(test_option__made_by_a_library),
        TEST(test_option__too_many_lazy),
        TEST(test_option__all_fields),
        TEST(test_option__sections),
        TEST(test_option__patterns_are_matched),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
