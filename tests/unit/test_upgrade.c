/* test_upgrade.c - migrations/config/: what the functions do to stored documents. */
#include "script_test.h"

#include "script/upgrade.h"

static void declare(void)
{
    file("defaults/init.lua",
         "return { max = 5, words = { 'a', 'b' }, empty = {}, on = true, "
         "ratio = 0.5,\n"
         "  log = option.chat{ label = 'Log' }, tags = option.map{ default = "
         "{} } }");
    file("defaults/welcome.lua",
         "return { text = 'Hi', on = false, deep = { n = 1, list = { 1 } } }");
    file("scripts/a.lua", "");
}

static int setup(void **state)
{
    script_setup(state);
    declare();
    return 0;
}

/* One upgrade function, its body. */
static void step(const char *body)
{
    struct buf text = BUF_INIT;

    buf_addf(&text, "return function(config)\n%s\nend\n", body);
    file("migrations/config/0001_step.lua", text.data);
    buf_release(&text);
    load_ok();
}

static bool upgrade(const char *document, struct buf *out, struct err *err)
{
    bool ok;

    buf_reset(out);
    ok = upgrade_config(-1, slice_of(document), 0, out, err, t.gen);
    assert_int_equal(lua_gettop(t.vm->L), 0);
    return ok;
}

static void expect(const char *document, const char *wanted)
{
    struct buf out = BUF_INIT;
    struct err err = ERR_INIT;

    if (!upgrade(document, &out, &err))
        fail_msg("%s", err.text);
    assert_string_equal(out.data, wanted);
    buf_release(&out);
}

static void expect_error(const char *document, const char *wanted)
{
    struct buf out = BUF_INIT;
    struct err err = ERR_INIT;

    if (upgrade(document, &out, &err))
        fail_msg("it became %s", out.data);
    assert_int_equal(err.kind, ERR_SCRIPT);
    assert_has(err.text, wanted);
    assert_int_equal(out.len, 0);
    buf_release(&out);
}

/* --- what is written -------------------------------------------------------------- */

static const struct {
    const char *body, *document, *wanted;
} cases[] = {
    /* nothing done: nothing touched, as it was written */
    { "", "{}", "{}" },
    { "", "{\"max\": 5, \"x\" : [1,  {}], \"words\": []}",
      "{\"max\": 5, \"x\" : [1,  {}], \"words\": []}" },
    { "assert(config.max == 5 and config.welcome.deep.n == 1)", "{}", "{}" },
    { "for k, v in pairs(config) do config[k] = v end", "{\"on\": true}",
      "{\"on\": true}" },
    /* setting, over a default and over what was set */
    { "config.max = 7", "{}", "{\"max\":7}" },
    { "config.max = 7", "{\"max\": 6}", "{\"max\":7}" },
    { "config.max = 7", "{\"max\": 7}", "{\"max\": 7}" },
    { "config.max = 5", "{\"max\": 6}", "{\"max\":5}" },
    { "config.max = 5", "{}", "{}" },
    { "config.max = 5.0", "{}", "{\"max\":5}" },
    { "config.welcome.deep.n = 2", "{\"max\": 6}",
      "{\"max\":6,\"welcome\":{\"deep\":{\"n\":2}}}" },
    { "config.welcome.deep.n = 2", "{\"welcome\": {\"text\": \"\\u00e4\"}}",
      "{\"welcome\":{\"text\":\"\\u00e4\",\"deep\":{\"n\":2}}}" },
    { "config.ratio = config.ratio * 2", "{}", "{\"ratio\":1}" },
    { "config.max = 9007199254740993", "{}", "{\"max\":9007199254740993}" },
    { "config.new = { a = 1 }", "{}", "{\"new\":{\"a\":1}}" },
    { "config.welcome.text = 'a\"\\\\'", "{}",
      "{\"welcome\":{\"text\":\"a\\\"\\\\\"}}" },
    /* strings that are written in another way are the same */
    { "config.x = config.x", "{\"x\":\"\\u0061\\n\"}",
      "{\"x\":\"\\u0061\\n\"}" },
    /* removing */
    { "config.old = nil", "{\"old\": {\"a\": 1}, \"max\": 6}", "{\"max\":6}" },
    { "config.max = nil", "{\"max\": 6}", "{}" },
    { "config.max = nil", "{}", "{}" },
    { "config.welcome = nil", "{\"welcome\": {\"on\": true}, \"max\": 6}",
      "{\"max\":6}" },
    { "config.welcome = nil", "{\"welcome\": {\"on\": true}}", "{}" },
    { "config.welcome.on = nil",
      "{\"welcome\": {\"on\": true, \"text\": \"x\"}}",
      "{\"welcome\":{\"text\":\"x\"}}" },
    { "config.welcome.deep.n = nil", "{\"welcome\": {\"deep\": {\"n\": 2}}}",
      "{}" },
    { "for k in pairs(config) do config[k] = nil end",
      "{\"max\": 6, \"welcome\": {\"on\": true}, \"other\": 1}", "{}" },
    { "", "{\"welcome\": {}, \"other\": {}}",
      "{\"welcome\": {}, \"other\": {}}" },
    { "config.other.a = nil", "{\"other\": {\"a\": 1}}", "{}" },
    /* renaming */
    { "config.max, config.limit = config.limit, nil", "{\"limit\": 9}",
      "{\"max\":9}" },
    { "config.greeting, config.welcome = config.welcome, nil",
      "{\"welcome\": {\"on\": true}}",
      "{\"greeting\":{" }, /* with the defaults: in any order */
    { "config.welcome.text = config.hello config.hello = nil",
      "{\"hello\": \"x\", \"welcome\": {\"on\": true}}",
      "{\"welcome\":{\"on\":true,\"text\":\"x\"}}" },
    /* lists */
    { "table.insert(config.words, 'c')", "{}",
      "{\"words\":[\"a\",\"b\",\"c\"]}" },
    { "config.words[1] = 'x'", "{\"words\": [\"y\", \"z\"]}",
      "{\"words\":[\"x\",\"z\"]}" },
    { "config.words[1] = 'y'", "{\"words\": [\"y\", \"z\"]}",
      "{\"words\": [\"y\", \"z\"]}" },
    { "config.words = {}", "{}", "{\"words\":[]}" },
    { "config.words = { 'a', 'b' }", "{}", "{}" },
    { "config.empty = {}", "{}", "{}" },
    { "config.empty = {}", "{\"empty\": [1]}", "{\"empty\":[]}" },
    { "config.tags = {}", "{\"tags\": {\"a\": 1}}", "{\"tags\":{}}" },
    { "table.remove(config.words)", "{\"words\": [\"y\"]}", "{\"words\":[]}" },
    { "config.welcome.deep.list[2] = { x = 1 }", "{}",
      "{\"welcome\":{\"deep\":{\"list\":[1,{\"x\":1}]}}}" },
    { "config.words[3] = config.words", "{\"words\": 5}", NULL },
    { "config.x[1].y = nil", "{\"x\": [{\"y\": 1}, {\"y\": 2}]}",
      "{\"x\":[{},{\"y\":2}]}" },
    { "config.a, config.b = config.x, config.x", "{\"x\": {\"n\": 1}}",
      "{\"x\":{\"n\": 1}," },
    /* null */
    { "assert(config.log == nil)", "{}", "{}" },
    { "config.log = -5", "{\"log\": null}", "{\"log\":-5}" },
    { "", "{\"log\": null}", "{\"log\": null}" },
    { "config.log = nil", "{\"log\": null}", "{}" },
    /* something else where a section is expected, or the other way */
    { "assert(config.welcome == 5)", "{\"welcome\": 5}", "{\"welcome\": 5}" },
    { "config.welcome = nil", "{\"welcome\": 5}", "{}" },
    { "config.welcome = { text = 'x' }", "{\"welcome\": 5}",
      "{\"welcome\":{\"text\":\"x\"}}" },
    { "config.welcome = 5", "{\"welcome\": {\"on\": true}}",
      "{\"welcome\":5}" },
    { "config.max = { 1 }", "{}", "{\"max\":[1]}" },
    { "config.other = 5", "{\"other\": {\"a\": 1}}", "{\"other\":5}" },
    { "config.x = {}", "{\"x\": []}", "{\"x\":{}}" },
    { "config.x = { config.x[1] }", "{\"x\": [{}]}", "{\"x\": [{}]}" },
    { "config.x = 5.0", "{\"x\": 5}", "{\"x\":5}" },
    { "", "{\"a\": {\"b\": {}, \"c\": null, \"d\": [null]}}",
      "{\"a\": {\"b\": {}, \"c\": null, \"d\": [null]}}" },
};

static void test_upgrade__cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf out = BUF_INIT;
        struct err err = ERR_INIT;
        const char *wanted = cases[i].wanted;
        bool ok;

        step(cases[i].body);
        ok = upgrade(cases[i].document, &out, &err);
        if (ok != (wanted != NULL))
            fail_msg("%s: %s %s", cases[i].body, err.text, out.data);
        if (ok && strncmp(out.data, wanted, strlen(wanted)) != 0)
            fail_msg("%s: %s", cases[i].body, out.data);
        if (ok && wanted[strlen(wanted) - 1] == '}' &&
            strlen(wanted) != out.len)
            fail_msg("%s: %s", cases[i].body, out.data);
        if (ok && !json_check(buf_slice(&out), JSON_DEPTH_MAX, &err))
            fail_msg("%s: %s", out.data, err.text);
        buf_release(&out);
    }
}

static void test_upgrade__several_steps(void **state)
{
    struct buf out = BUF_INIT;
    struct err err = ERR_INIT;

    (void)state;
    file("migrations/config/0002_b.lua",
         "return function(config) config.max = config.max * 2 end");
    file("migrations/config/0003_c.lua",
         "return function(config) config.max = config.max + 1 return config "
         "end");
    step("config.max = config.max + 1");
    expect("{}", "{\"max\":13}");
    expect("{\"max\": 1}", "{\"max\":5}");
    assert_true(
        upgrade_config(-1, slice_of("{\"max\": 1}"), 2, &out, &err, t.gen));
    assert_string_equal(out.data, "{\"max\":2}"); /* the last one only */
    buf_reset(&out);
    assert_true(
        upgrade_config(-1, slice_of("{\"max\": 1}"), 3, &out, &err, t.gen));
    assert_string_equal(out.data, "{\"max\": 1}");
    buf_reset(&out);
    buf_adds(&out, "before");
    assert_true(upgrade_config(-1, slice_of("{}"), 2, &out, &err, t.gen));
    assert_string_equal(out.data, "before{\"max\":6}"); /* it is appended */
    assert_false(upgrade_config(-1, slice_of("{}"), -1, &out, &err, t.gen));
    buf_release(&out);
}

/* A function does not change what the next document begins with. */
static void test_upgrade__the_defaults_stay(void **state)
{
    (void)state;
    step("config.words[1] = 'x' config.welcome.deep.list[1] = 9 "
         "config.welcome.text = 'y' config.tags.a = 1");
    for (int i = 0; i < 3; i++)
        expect("{\"max\": 6, \"words\": [\"x\", \"b\"], \"tags\": {\"a\": 1}, "
               "\"welcome\": {\"text\": \"y\", \"deep\": {\"list\": [9]}}}",
               "{\"max\": 6, \"words\": [\"x\", \"b\"], \"tags\": {\"a\": 1}, "
               "\"welcome\": {\"text\": \"y\", \"deep\": {\"list\": [9]}}}");
    step("assert(config.words[1] == 'a' and config.welcome.text == 'Hi' and "
         "config.welcome.deep.list[1] == 1 and next(config.tags) == nil)");
    expect("{}", "{}");
}

/* --- what goes wrong ------------------------------------------------------------------ */

static const struct {
    const char *body, *wanted;
} mistakes[] = {
    { "error('boom')", "migrations/config/0001_step.lua:2: boom" },
    { "config.x.y = 1", "migrations/config/0001_step.lua:2: attempt to index" },
    { "while true do end",
      "migrations/config/0001_step.lua: it computes for too long" },
    { "while true do pcall(error) end", ".lua: it computes for too long" },
    { "error({})", ".lua: raised a table, not a text: {}" },
    { "error()", ".lua: raised a nil, not a text" },
    { "error(setmetatable({}, { __tostring = function() return 'hm' end }))",
      "hm" },
    { "return {}", ".lua: returned a table; it should change" },
    { "return 5", ".lua: returned a number" },
    { "return false", ".lua: returned a boolean" },
    { "config.max = print", "cannot serialise function in what the upgrade "
                            "left as \"max\"" },
    { "config.x = { a = { print } }", "as \"x\"" },
    { "config.welcome.text = require('cjson').null config.f = require('bot')",
      "left as \"f\"" },
    { "config.max = 0/0", "in what the upgrade left as \"max\"" },
    { "config.max = 1/0", "in what the upgrade left as \"max\"" },
    { "config.welcome.text = '\\xff'", "left as \"text\"" },
    { "config.welcome.text = 'a\\0b'",
      "a NUL byte in what the upgrade left as \"text\"" },
    { "config.x = { { 'a\\0b' } }", "a NUL byte in what the upgrade left" },
    { "config['a\\0b'] = 1", "a NUL byte in a key" },
    { "config['\\xff'] = 1", "in a key that an upgrade left" },
    { "config.me = config", "left as \"me\"" },
    { "local t = {} t.t = t config.welcome.deep.list = t", "left as \"list\"" },
    { "config[1] = 1", "an upgrade left a key that is not a text: [1]" },
    { "config.welcome[1.5] = 1", "a key that is not a text: [1.5]" },
    { "config[true] = 1", "a key that is not a text: [true]" },
    { "config.x = ('x'):rep(1 << 30)", "not enough memory" },
    { "require('time').sleep(1)", "only be called in a handler" },
};

static void test_upgrade__mistakes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(mistakes); i++) {
        step(mistakes[i].body);
        expect_error("{\"max\": 6}", mistakes[i].wanted);
        step("config.max = 7"); /* it harmed nobody */
        expect("{\"max\": 6}", "{\"max\":7}");
    }
}

static void nest(struct buf *out, int n, const char *open, const char *close)
{
    buf_adds(out, "{\"deep\":");
    for (int i = 0; i < n; i++)
        buf_adds(out, open);
    for (int i = 0; i < n; i++)
        buf_adds(out, close);
    buf_addc(out, '}');
}

static void test_upgrade__nested_deep(void **state)
{
    struct buf text = BUF_INIT, inner = BUF_INIT, all = BUF_INIT;

    (void)state;
    step("config.max = 7");
    nest(&text, 60, "[", "]");
    buf_add(&all, text.data, text.len - 1);
    buf_adds(&all, ",\"max\":7}");
    expect(text.data, all.data);
    buf_reset(&text);
    buf_reset(&all);
    nest(&text, 60, "{\"a\":", "");
    buf_reset(&inner);
    buf_add(&inner, text.data, text.len - 1);
    buf_adds(&inner, "1");
    for (int i = 0; i < 60; i++)
        buf_addc(&inner, '}');
    buf_add_slice(&all, buf_slice(&inner));
    buf_addc(&inner, '}');
    buf_adds(&all, ",\"max\":7}");
    expect(inner.data, all.data);
    step("local t = config.deep for i = 1, 59 do t = t.a end t.a = 2");
    buf_reset(&all);
    buf_adds(&all, "{\"deep\":");
    for (int i = 0; i < 60; i++)
        buf_adds(&all, "{\"a\":");
    buf_adds(&all, "2");
    for (int i = 0; i < 61; i++)
        buf_addc(&all, '}');
    expect(inner.data, all.data);
    buf_release(&text);
    buf_release(&inner);
    buf_release(&all);
}

/* --- against what the function left -------------------------------------------------------- */

/* The function changes the config at random and remembers it; run again over what
 * was written, it must find the same, but for defaults that it removed. */
static const char random_step[] =
    "local cjson = require('cjson')\n"
    "seed = seed or 1\n"
    "local function random(n) seed = (seed * 1103515245 + "
    "12345) % 2147483648\n"
    "  return seed // 65536 % n + 1 end\n"
    "local names = { 'max', 'words', 'empty', 'on', 'ratio', "
    "'log', 'tags', "
    "'welcome', 'text', 'deep', 'n', 'list', 'x', 'y', "
    "'\\xc3\\xa4\"' }\n"
    "local function value(depth)\n"
    "  local what = random(depth > 3 and 7 or 9)\n"
    "  if what == 1 then return random(3) elseif what == 2 "
    "then return 0.5\n"
    "  elseif what == 3 then return true elseif what == 4 then "
    "return 'Hi'\n"
    "  elseif what == 5 then return cjson.null elseif what == "
    "6 then return "
    "'\\n'\n"
    "  elseif what == 7 then return cjson.decode('[]') end\n"
    "  local t = {}\n"
    "  if what == 8 then for i = 1, random(3) do t[i] = "
    "value(depth + 1) end\n"
    "  else for _ = 1, random(3) do t[names[random(#names)]] = "
    "value(depth + 1) "
    "end end\n"
    "  return t end\n"
    "local function mutate(t, depth)\n"
    "  local list = #t > 0\n"
    "  for _ = 1, random(3) do\n"
    "    local k = list and random(#t) or "
    "names[random(#names)]\n"
    "    if type(t[k]) == 'table' and random(3) > 1 then "
    "mutate(t[k], depth + "
    "1)\n"
    "    elseif list then t[k] = value(depth)\n"
    "    elseif next(t) == nil and getmetatable(t) then "
    "return\n"
    "    elseif random(3) == 1 then t[k] = nil\n"
    "    else t[k] = value(depth) end\n"
    "  end end\n"
    "local function copy(v) if type(v) ~= 'table' then return "
    "v end\n"
    "  if next(v) == nil and getmetatable(v) then return v end\n"
    "  local t = {} for k, x in pairs(v) do t[k] = copy(x) end "
    "return t end\n"
    /* what the defaults give back */
    "local function refill(v, d) for k, x in pairs(d) do\n"
    "  if v[k] == nil then v[k] = copy(x)\n"
    "  elseif type(x) == 'table' and type(v[k]) == 'table' and "
    "#x == 0 and\n"
    "    (k == 'welcome' or k == 'deep') and #v[k] == 0 and\n"
    "    not getmetatable(v[k]) then refill(v[k], x) end end "
    "end\n"
    /* tables of no setting that were emptied go */
    "local function empty(v) if type(v) ~= 'table' or #v > 0 then\n"
    "  return false end\n"
    "  for _, x in pairs(v) do if not empty(x) then return false end end\n"
    "  return not getmetatable(v) end\n"
    "local function same(a, b, path)\n"
    "  if b == nil and empty(a) then return end\n"
    "  if path == 'config.log' and a == cjson.null then a = b "
    "end\n" /* its default */
    "  if type(a) ~= 'table' or type(b) ~= 'table' then\n"
    "    if a ~= b then error(path .. ': ' .. tostring(a) .. ' "
    "~= ' .. "
    "tostring(b)) end\n"
    "    return end\n"
    "  for k, x in pairs(a) do same(x, b[k], path .. '.' .. k) "
    "end\n"
    "  for k, x in pairs(b) do if a[k] == nil then error(path "
    ".. '.' .. k) end "
    "end end\n"
    "return function(config)\n"
    "  if what == 'defaults' then plain = copy(config) what = "
    "'change' return "
    "end\n"
    "  if what == 'change' then mutate(config, 1) left = "
    "copy(config) what = "
    "'look'\n"
    "    return end\n"
    "  if what == 'look' then what = 'change' refill(left, "
    "plain)\n"
    "    same(left, config, 'config') return end\n"
    "  what = 'defaults' error('begin')\n"
    "end\n";

static void test_upgrade__what_the_function_left(void **state)
{
    struct buf now = BUF_INIT, next = BUF_INIT, seen = BUF_INIT;

    (void)state;
    file("migrations/config/0001_step.lua", random_step);
    load_ok();
    expect_error("{}", "begin");
    expect("{}", "{}");
    buf_adds(&now, "{}");
    for (int i = 0; i < 3000; i++) {
        struct err err = ERR_INIT;

        if (!upgrade(now.data, &next, &err) ||
            !json_check(buf_slice(&next), JSON_DEPTH_MAX, &err))
            fail_msg("%d: %s: %s", i, now.data, err.text);
        if (!upgrade(next.data, &seen, &err))
            fail_msg("%d: %s became %s: %s", i, now.data, next.data, err.text);
        assert_string_equal(seen.data, next.data);
        buf_move(&now, &next);
        if (now.len > 1000) {
            buf_reset(&now);
            buf_adds(&now, "{\"words\": [\"q\"], \"welcome\": {\"on\": true}}");
        }
    }
    buf_release(&now);
    buf_release(&next);
    buf_release(&seen);
}

static int group_setup(void **state)
{
    (void)state;
    return script_group_setup("test_upgrade");
}

static int group_teardown(void **state)
{
    (void)state;
    return script_group_teardown("test_upgrade");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, script_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_upgrade__cases),
        TEST(test_upgrade__several_steps),
        TEST(test_upgrade__the_defaults_stay),
        TEST(test_upgrade__mistakes),
        TEST(test_upgrade__nested_deep),
        TEST(test_upgrade__what_the_function_left),
    };

    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
