/* test_json_lua.c - JSON to Lua and back, and require "cjson". */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <lauxlib.h>
#include <lualib.h>
#include <stdlib.h>
#include <string.h>

#include "script/json_lua.h"

/* A state with cjson, and the stack empty again at the end of each test. */
static int set_up(void **state)
{
    lua_State *L = luaL_newstate();

    luaL_openlibs(L);
    luaL_requiref(L, "cjson", luaopen_cjson, 1);
    luaL_requiref(L, "safe", luaopen_cjson_safe, 1);
    lua_settop(L, 0);
    *state = L;
    return 0;
}

static int tear_down(void **state)
{
    int top = lua_gettop(*state);

    lua_close(*state);
    return top;
}

/* Push what the Lua expression is. */
static void push(lua_State *L, const char *expression)
{
    lua_pushfstring(L, "return %s", expression);
    if (luaL_dostring(L, lua_tostring(L, -1)))
        fail_msg("%s: %s", expression, lua_tostring(L, -1));
    lua_remove(L, -2);
}

/* Run Lua that asserts what it expects. */
static void run(lua_State *L, const char *code)
{
    if (luaL_dostring(L, code))
        fail_msg("%s", lua_tostring(L, -1));
    lua_settop(L, 0);
}

/* --- decode --------------------------------------------------------------------- */

static void test_json_lua__push(void **state)
{
    lua_State *L = *state;

    json_push(L,
              slice_of(
                  " {\"n\":null,\"t\":true,\"f\":false,\"i\":-1001234567890123,"
                  "\"d\":1.0,\"s\":\"a\\u0000\\ud83d\\ude00\",\"a\":[1,null,"
                  "[],{}],\"e\":[],\"o\":{}, \"i2\":9223372036854775807,"
                  "\"k\\n\":1,\"dup\":1,\"dup\":2} "));
    assert_int_equal(lua_gettop(L), 1);
    lua_setglobal(L, "v");
    run(L,
        "assert(v.n == cjson.null and v.t == true and v.f == false)\n"
        "assert(math.type(v.i) == 'integer' and v.i == -1001234567890123)\n"
        "assert(math.type(v.d) == 'float' and v.d == 1)\n"
        "assert(v.s == 'a\\0\\u{1F600}' and v.i2 == math.maxinteger)\n"
        "assert(#v.a == 4 and v.a[2] == cjson.null and v['k\\n'] == 1)\n"
        "assert(v.dup == 2 and getmetatable(v.a) == nil)\n"
        "assert(getmetatable(v.e) == cjson.empty_array_mt and not next(v.e))\n"
        "assert(getmetatable(v.o) == nil and not next(v.o))\n"
        "assert(getmetatable(v.a[3]) == cjson.empty_array_mt)\n");
}

/* Around the number of members that wait on the stack. */
static void test_json_lua__push_sizes(void **state)
{
    struct buf array = BUF_INIT, object = BUF_INIT;
    lua_State *L = *state;

    for (int n = 0; n <= 200; n++) {
        buf_reset(&array);
        buf_reset(&object);
        for (int i = 1; i <= n; i++) {
            buf_addf(&array, "%c%d", i == 1 ? '[' : ',', i);
            buf_addf(&object, "%c\"k%d\":[%d]", i == 1 ? '{' : ',', i, i);
        }
        buf_adds(&array, n ? "]" : "[]");
        buf_adds(&object, n ? "}" : "{}");
        json_push(L, buf_slice(&array));
        lua_setglobal(L, "a");
        json_push(L, buf_slice(&object));
        lua_setglobal(L, "o");
        assert_int_equal(lua_gettop(L), 0);
        lua_pushinteger(L, n);
        lua_setglobal(L, "n");
        run(L,
            "assert(#a == n)\nlocal count = 0\n"
            "for i = 1, n do assert(a[i] == i and o['k' .. i][1] == i) end\n"
            "for _ in pairs(o) do count = count + 1 end assert(count == n)\n");
    }
    buf_release(&array);
    buf_release(&object);
}

static void test_json_lua__push_text_errors(void **state)
{
    static const char *const bad[] = {
        "",         "[1,2",   "{\"a\":[1,x]}", "[[[[1]]]]", "1 2",
        "{\"a\":1", "{\"a\"", "[\"\\ud8\"]",   "]"
    };
    lua_State *L = *state;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct err err = ERR_INIT;

        lua_pushliteral(L, "below");
        assert_false(json_push_text(L, slice_of(bad[i]), 3, false, &err));
        assert_int_equal(err.kind, ERR_JSON);
        assert_int_equal(lua_gettop(L), 1);
        lua_pop(L, 1);
    }
}

static void test_json_lua__push_deep(void **state)
{
    lua_State *L = *state;

    run(L,
        "local deep = ('['):rep(512) .. (']'):rep(512)\n"
        "assert(cjson.encode(cjson.decode(deep)) == deep)\n"
        "deep = ('{\"a\":'):rep(512) .. '1' .. ('}'):rep(512)\n"
        "assert(cjson.encode(cjson.decode(deep)) == deep)\n"
        "assert(not pcall(cjson.decode, '[' .. deep .. ']'))\n"
        "local full = ('[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,"
        "1,1,1,1,1,'):rep(511) .. '[]' .. (']'):rep(511)\n"
        "assert(cjson.encode(cjson.decode(full)) == full)\n");
}

/* --- encode --------------------------------------------------------------------- */

static void assert_encodes(lua_State *L, const char *expression, unsigned flags,
                           const char *wanted)
{
    struct json_lua_options options = { .flags = flags };
    struct err err = ERR_INIT;
    struct buf *out = json_push_buf(L);

    buf_adds(out, "x");
    push(L, expression);
    if (!json_add_lua(L, -1, &options, out, &err))
        fail_msg("%s: %s", expression, err.text);
    assert_int_equal(lua_gettop(L), 2);
    assert_int_equal(err.kind, ERR_NONE);
    if (strcmp(out->data + 1, wanted) != 0)
        fail_msg("%s: %s is not %s", expression, out->data + 1, wanted);
    lua_settop(L, 0);
}

static void test_json_lua__encode(void **state)
{
    static const struct {
        const char *expression, *text;
        unsigned flags;
    } cases[] = {
        { "nil", "null", 0 },
        { "cjson.null", "null", 0 },
        { "true", "true", 0 },
        { "false", "false", 0 },
        { "math.mininteger", "-9223372036854775808", 0 },
        { "3", "3", 0 },
        { "3.0", "3.0", 0 },
        { "3.0", "3", JSON_LUA_INTEGRAL_FLOATS_AS_INTEGERS },
        { "10 / 2", "5", JSON_LUA_INTEGRAL_FLOATS_AS_INTEGERS },
        { "-0.0", "0", JSON_LUA_INTEGRAL_FLOATS_AS_INTEGERS },
        { "0.5", "0.5", JSON_LUA_INTEGRAL_FLOATS_AS_INTEGERS },
        { "2^53", "9007199254740992", JSON_LUA_INTEGRAL_FLOATS_AS_INTEGERS },
        { "2^63", "9.223372036854776e+18",
          JSON_LUA_INTEGRAL_FLOATS_AS_INTEGERS },
        { "-2^63", "-9223372036854775808",
          JSON_LUA_INTEGRAL_FLOATS_AS_INTEGERS },
        { "{0/0, 1/0}", "[null,null]", JSON_LUA_INVALID_NUMBERS_AS_NULL },
        { "''", "\"\"", 0 },
        { "'a\\n\\0\\u{e9}/'", "\"a\\n\\u0000\xc3\xa9/\"", 0 },
        { "{}", "{}", 0 },
        { "{1, 2, 3}", "[1,2,3]", 0 },
        { "{{}, {{}}}", "[{},[{}]]", 0 },
        { "{a = {b = {1}}}", "{\"a\":{\"b\":[1]}}", 0 },
        { "{[1] = 1, [3] = 3}", "[1,null,3]", 0 },
        { "{[10] = 1}", "[null,null,null,null,null,null,null,null,null,1]", 0 },
        { "{[11] = 1}", "{\"11\":1}", JSON_LUA_SPARSE_AS_OBJECTS },
        { "{[0] = 1}", "{\"0\":1}", 0 },
        { "{[-1] = 1}", "{\"-1\":1}", 0 },
        { "{[1.5] = 1}", "{\"1.5\":1}", 0 },
        { "{[2^53] = 1}", "{\"9007199254740992\":1}",
          JSON_LUA_SPARSE_AS_OBJECTS },
        { "{[''] = 1}", "{\"\":1}", 0 },
        { "setmetatable({}, cjson.array_mt)", "[]", 0 },
        { "setmetatable({1, 2, x = 3}, cjson.array_mt)", "[1,2]", 0 },
        { "setmetatable({}, cjson.empty_array_mt)", "[]", 0 },
        { "setmetatable({x = 1}, cjson.empty_array_mt)", "{\"x\":1}", 0 },
        { "setmetatable({5}, cjson.empty_array_mt)", "[5]", 0 },
        { "setmetatable({1}, {})", "[1]", 0 },
        { "cjson.empty_array", "[]", 0 },
        { "{cjson.null, cjson.empty_array}", "[null,[]]", 0 },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_encodes(*state, cases[i].expression, cases[i].flags,
                       cases[i].text);
}

static void test_json_lua__mixed_keys(void **state)
{
    run(*state,
        "local t = cjson.decode(cjson.encode{1, 2, a = 3})\n"
        "assert(t['1'] == 1 and t['2'] == 2 and t.a == 3 and not t[1])\n");
}

static void test_json_lua__metatables(void **state)
{
    static const struct {
        const char *expression, *text;
    } cases[] = {
        { "setmetatable({}, {__jsonvalue = function(v) return {5} end})",
          "[5]" },
        { "{a = setmetatable({x = 7}, {__jsonvalue = function(v) return v.x "
          "end})}",
          "{\"a\":7}" },
        { "setmetatable({}, {__jsonvalue = function() return nil end})",
          "null" },
        { "setmetatable({z = 1}, {__pairs = function() return next, {q = 1} "
          "end})",
          "{\"q\":1}" },
        { "setmetatable({1, 2}, {__pairs = function() return next, {} end})",
          "{}" },
        { "setmetatable({}, {__pairs = function(t) local i = 0 return "
          "function() "
          "i = i + 1 if i < 4 then return i, i * i end end end})",
          "{\"1\":1,\"2\":4,\"3\":9}" },
        { "setmetatable({}, {__pairs = error, __len = function() return 3 end, "
          "__index = function(t, k) return k * 2 end})",
          "[2,4,6]" },
        { "setmetatable({}, {__pairs = error, __jsontype = 'array', "
          "__len = function() return 0 end})",
          "[]" },
        { "setmetatable({4}, {__pairs = error, __jsontype = 'array'})", "[4]" },
        { "setmetatable({}, {__pairs = function() return next, {a = 1} end, "
          "__jsontype = 'object', __len = function() return 3 end})",
          "{\"a\":1}" },
        { "setmetatable({}, {__pairs = function() return next, {a = 1} end, "
          "__len = function() return 0 end})",
          "{\"a\":1}" },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_encodes(*state, cases[i].expression, 0, cases[i].text);
}

static void test_json_lua__encode_errors(void **state)
{
    static const struct {
        const char *expression, *message;
    } cases[] = {
        { "print", "cannot serialise function" },
        { "{a = {b = {1, 2, print}}}", "cannot serialise function at .a.b[3]" },
        { "{['a b'] = coroutine.create(print)}",
          "cannot serialise thread at [\"a b\"]" },
        { "{f = io.stdout}", "cannot serialise FILE* at .f" },
        { "{a = '\\xff'}",
          "cannot serialise string: bad UTF-8 at byte 1 at .a" },
        { "{{['\\xff'] = 1}}", "cannot serialise string: bad UTF-8 at byte 1 "
                               "at [1][\"\xef\xbf\xbd\"]" },
        { "{x = 0/0}", "cannot serialise number: NaN or infinity at .x" },
        { "{x = -1/0}", "cannot serialise number: NaN or infinity at .x" },
        { "{x = {[true] = 1}}",
          "cannot serialise table: a key is a boolean at .x" },
        { "{x = {[1/0] = 1}}",
          "cannot serialise table: infinity as a key at .x" },
        { "{x = {[11] = 1}}",
          "cannot serialise table: excessively sparse array at .x" },
        { "{x = {[math.maxinteger] = 1}}",
          "cannot serialise table: excessively sparse array at .x" },
        { "{m = setmetatable({}, {__jsonvalue = function() error('no', 0) "
          "end})}",
          "cannot serialise: no at .m" },
        { "{m = setmetatable({}, {__pairs = function() error({}) end})}",
          "cannot serialise: table at .m" },
        { "{m = setmetatable({}, {__pairs = function() return error, 'no' "
          "end})}",
          "cannot serialise: no at .m" },
        { "{m = setmetatable({}, {__jsonvalue = function() return {print} "
          "end})}",
          "cannot serialise function at .m[1]" },
        { "setmetatable({}, {__jsonvalue = function(v) return v end})",
          "cannot serialise: nested more than 512 deep" },
    };
    lua_State *L = *state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = ERR_INIT;
        struct buf *out = json_push_buf(L);

        buf_adds(out, "kept");
        push(L, cases[i].expression);
        assert_false(json_add_lua(L, -1, NULL, out, &err));
        assert_string_equal(err.text, cases[i].message);
        assert_string_equal(out->data, "kept");
        assert_int_equal(lua_gettop(L), 2);
        lua_settop(L, 0);
    }
}

static void test_json_lua__limits(void **state)
{
    run(*state,
        "local t = {} t.t = {t}\n"
        "local ok, m = pcall(cjson.encode, t)\n"
        "assert(not ok and m:find('nested more than 512 deep at .t[1].t[1]', "
        "1, true))\n"
        "assert(#m < 200)\n"
        /* as a tree it would have 2^60 leaves */
        "t = {('x'):rep(1000000)} for _ = 1, 60 do t = {t, t} end\n"
        "ok, m = pcall(cjson.encode, t)\n"
        "assert(not ok and m:find('more than 33554432 bytes', 1, true), m)\n"
        "ok = pcall(cjson.encode, setmetatable({}, {__pairs = print,\n"
        "  __len = function() return math.maxinteger end}))\n"
        "assert(not ok)\n"
        "local function wait() return coroutine.yield() end\n"
        "ok, m = coroutine.wrap(pcall)(cjson.encode, {w = setmetatable({},\n"
        "  {__jsonvalue = wait})})\n"
        "assert(ok == false and m:find('at .w', 1, true), m)\n");
}

static bool write_file(lua_State *L, int index, struct buf *out, void *arg)
{
    int *calls = arg;

    buf_adds(out, "\"attach://");
    if (!lua_touserdata(L, index) || lua_rawlen(L, index) != 1)
        return false; /* what was appended must go */
    ++*calls;
    buf_addf(out, "file%d\"", *calls);
    return true;
}

static void test_json_lua__userdata(void **state)
{
    lua_State *L = *state;
    int calls = 0;
    struct json_lua_options options = { .userdata = write_file, .arg = &calls };
    struct err err = ERR_INIT;
    struct buf *out = json_push_buf(L);

    lua_createtable(L, 2, 0);
    for (int i = 1; i <= 2; i++) {
        lua_newuserdatauv(L, 1, 0);
        lua_rawseti(L, -2, i);
    }
    assert_true(json_add_lua(L, 2, &options, out, &err));
    assert_string_equal(out->data, "[\"attach://file1\",\"attach://file2\"]");
    lua_newuserdatauv(L, 2, 0);
    lua_rawseti(L, -2, 3);
    buf_reset(out);
    assert_false(json_add_lua(L, 2, &options, out, &err));
    assert_string_equal(err.text, "cannot serialise userdata at [3]");
    assert_int_equal(out->len, 0);
    lua_geti(L, 2, 3); /* the same with a metatable that helps */
    push(L, "{__jsonvalue = function(u) return type(u) end}");
    lua_setmetatable(L, -2);
    assert_true(json_add_lua(L, -1, &options, out, NULL));
    assert_string_equal(out->data, "\"userdata\"");
    lua_settop(L, 0);
}

/* Lua's memory ends at every possible point: it raises, and nothing leaks. */
struct ration {
    size_t left;
};

static void *rationed(void *ud, void *p, size_t old, size_t size)
{
    struct ration *r = ud;

    if (size == 0) {
        free(p);
        return NULL;
    }
    if (!p || size > old) {
        if (r->left == 0)
            return NULL;
        r->left--;
    }
    return realloc(p, size);
}

static int work(lua_State *L)
{
    struct buf *out = json_push_buf(L);

    json_push(L,
              slice_of(
                  "{\"a\":[1,2,{\"long \\n\":\"text that is long enough to be "
                  "\\u00e9 allocated on its own, which short strings are\"}],"
                  "\"b\":[],\"c\":[[],[[1.5]]]}"));
    if (!json_add_lua(L, -1, NULL, out, NULL))
        return luaL_error(L, "not encoded");
    luaL_requiref(L, "cjson", luaopen_cjson, 0);
    lua_getfield(L, -1, "encode");
    lua_pushvalue(L, -3);
    lua_call(L, 1, 1);
    return 0;
}

static void test_json_lua__out_of_memory(void **state)
{
    bool done = false;

    (void)state;
    for (size_t n = 0; !done; n++) {
        struct ration ration = { SIZE_MAX };
        lua_State *L = lua_newstate(rationed, &ration);

        assert_non_null(L);
        assert_true(n < 1000);
        ration.left = n;
        lua_pushcfunction(L, work);
        done = lua_pcall(L, 0, 0, 0) == LUA_OK;
        ration.left = SIZE_MAX;
        lua_close(L);
    }
}

/* --- cjson ------------------------------------------------------------------------ */

static void test_json_lua__round_trips(void **state)
{
    run(*state,
        "for _, text in ipairs{'null', 'true', '0', '-1001234567890123',\n"
        "  '9223372036854775807', '1.0', '0.1', '1e+300', '\"\"', '[]', '{}',\n"
        "  '[[],{},[{}],null]', '{\"a\":[]}', '{\"a\":{}}', "
        "'[1,2.5,\"x\\\\u0000\"]',\n"
        "  '[-0.0]', '\"\\u{1F600}\"', '[null,null,null]'} do\n"
        "  assert(cjson.encode(cjson.decode(text)) == text, text)\n"
        "end\n");
}

static void test_json_lua__cjson_settings(void **state)
{
    run(*state,
        "local c = cjson.new()\n"
        "assert(c ~= cjson and c._NAME == 'cjson' and type(c._VERSION) == "
        "'string')\n"
        "assert(c.encode_max_depth() == 512 and c.encode_max_depth(2) == 2)\n"
        "assert(c.encode{{}} == '[{}]' and not pcall(c.encode, {{{}}}))\n"
        "assert(cjson.encode_max_depth() == 512)\n"
        "assert(not pcall(c.encode_max_depth, 0) and not "
        "pcall(c.encode_max_depth, 513))\n"
        "assert(c.decode_max_depth(1) == 1 and c.decode('[]'))\n"
        "assert(not pcall(c.decode, '[[]]') and cjson.decode('[[]]'))\n"
        "local conv, ratio, keep = c.encode_sparse_array()\n"
        "assert(conv == false and ratio == 2 and keep == 10)\n"
        "assert(not pcall(c.encode, {[11] = 1}))\n"
        "conv, ratio, keep = c.encode_sparse_array(true, nil, 1)\n"
        "assert(conv == true and ratio == 2 and keep == 1)\n"
        "assert(c.encode{[3] = 1} == '{\"3\":1}')\n"
        "c.encode_sparse_array(false, 0)\n"
        "assert(#c.encode{[100] = 1} == 99 * 5 + 3)\n"
        "c.encode_sparse_array(false, 2, 0)\n"
        "assert(not pcall(c.encode, {[3] = 1}))\n"
        "assert(c.encode_number_precision(3) == 3 and c.encode(0.12345) == "
        "'0.12345')\n"
        "assert(not pcall(c.encode_number_precision, 0))\n"
        "assert(c.encode_invalid_numbers() == false and not pcall(c.encode, "
        "0/0))\n"
        "assert(c.encode_invalid_numbers('null') == 'null' and c.encode(0/0) "
        "== 'null')\n"
        "assert(c.encode_invalid_numbers(false) == false and not "
        "pcall(c.encode, 0/0))\n"
        "assert(not pcall(c.encode_invalid_numbers, true))\n"
        "assert(not pcall(c.encode_invalid_numbers, 'x'))\n"
        "assert(c.decode_invalid_numbers(false) == false)\n"
        "assert(not pcall(c.decode_invalid_numbers, true))\n"
        "assert(c.encode_keep_buffer() == true and c.encode_keep_buffer(false) "
        "== false)\n"
        "assert(c.encode{1} == '[1]' and c.encode{2} == '[2]')\n"
        "assert(c.decode_array_with_array_mt() == false)\n"
        "assert(c.decode_array_with_array_mt(true) == true)\n"
        "assert(getmetatable(c.decode('[1]')) == c.array_mt)\n"
        "assert(c.null == cjson.null and c.array_mt == cjson.array_mt)\n");
}

static void test_json_lua__cjson_calls(void **state)
{
    run(*state,
        "assert(not pcall(cjson.encode) and not pcall(cjson.encode, 1, 2))\n"
        "assert(not pcall(cjson.decode) and not pcall(cjson.decode, {}))\n"
        "assert(cjson.decode(12) == 12)\n"
        "local ok, m = pcall(function() cjson.decode('[1,}') end)\n"
        "assert(not ok and m:find('^%[string.*expected a value at byte 4$'), "
        "m)\n"
        "local v, m = safe.decode('[1,}')\n"
        "assert(v == nil and m == 'expected a value at byte 4')\n"
        "v, m = safe.encode{print}\n"
        "assert(v == nil and m == 'cannot serialise function at [1]')\n"
        "v, m = safe.decode(nil)\n"
        "assert(v == nil and m == 'expected a string, got nil')\n"
        "assert(safe.encode{1} == '[1]' and safe.new().decode('x') == nil)\n"
        "assert(safe.decode('null') == cjson.null)\n");
}

/* A metamethod may itself encode with the instance that is at work. */
static void test_json_lua__cjson_reenters(void **state)
{
    run(*state, "local inner = setmetatable({}, {__jsonvalue = function()\n"
                "  return cjson.encode{'inner', ('x'):rep(500)} end})\n"
                "local text = cjson.encode{'before', inner, 'after'}\n"
                "local t = cjson.decode(text)\n"
                "assert(t[1] == 'before' and t[3] == 'after')\n"
                "assert(cjson.decode(t[2])[1] == 'inner')\n"
                "local bad = setmetatable({}, {__jsonvalue = function()\n"
                "  cjson.encode(print) end})\n"
                "assert(not pcall(cjson.encode, {'before', bad}))\n"
                "assert(cjson.encode{1} == '[1]')\n"
                "assert(#cjson.encode(('x'):rep(100000)) == 100002)\n"
                "assert(cjson.encode{2} == '[2]')\n");
}

/* Long texts are read in parts, by other code: it has to come to the same. */
static void test_json_lua__long_texts(void **state)
{
    run(*state,
        "math.randomseed(7)\n"
        "local random, c = math.random, cjson.new()\n"
        "c.decode_array_with_array_mt(true)\n"
        "local words = { 'null', 'true', '1', '-2.5', '\"a\"', "
        "'\"\\\\n\"', '[]', '{}', '[[]]', '9e9' }\n"
        "local function value(depth)\n"
        "  local kind, n, t = random(3), random(0, 5) ^ 3 // 1 | 0, {}\n"
        "  if depth == 0 or kind == 1 then return words[random(#words)] end\n"
        "  for i = 1, n // (4 - depth) do t[i] = value(depth - 1) end\n"
        "  if kind == 2 then return '[' .. table.concat(t, ', ') .. ']' end\n"
        "  for i = 1, #t do t[i] = '\"' .. random(40) .. '\":' .. t[i] end\n"
        "  return '{' .. table.concat(t, ',') .. '}'\n"
        "end\n"
        "local function same(a, b)\n"
        "  if type(a) ~= 'table' then return a == b and math.type(a) == "
        "math.type(b) end\n"
        "  if getmetatable(a) ~= getmetatable(b) then return false end\n"
        "  for k, v in pairs(a) do if not same(v, b[k]) then return false end "
        "end\n"
        "  for k in pairs(b) do if a[k] == nil then return false end end\n"
        "  return true\n"
        "end\n"
        "local wrong, right = 0, 0\n"
        "for i = 1, 400 do\n"
        "  local text = value(3)\n"
        "  if i % 2 == 0 then local at = random(#text)\n"
        "    text = text:sub(1, at - 1) .. "
        "('x[]{},:\"0'):sub(random(9)):sub(1, "
        "1) .. text:sub(at + random(0, 1)) end\n"
        "  if #text < 60000 then\n"
        "  for _, decode in ipairs{ cjson.decode, c.decode } do\n"
        "    local ok, a = pcall(decode, text)\n"
        "    local ok_too, b = pcall(decode, (' '):rep(70000) .. text)\n"
        "    assert(ok == ok_too, text)\n"
        "    if ok then assert(same(a, b), text) right = right + 1\n"
        "    else assert(a:gsub('%d+', '') == b:gsub('%d+', ''), a .. b)\n"
        "      wrong = wrong + 1 end\n"
        "  end end\n"
        "end\n"
        "assert(wrong > 100 and right > 200, wrong .. ' ' .. right)\n"
        "local deep = ('['):rep(512) .. (' '):rep(70000) .. (']'):rep(512)\n"
        "assert(cjson.encode(cjson.decode(deep)) == deep:gsub(' ', ''))\n"
        "assert(not pcall(cjson.decode, '[' .. deep .. ']'))\n"
        "assert(safe.decode((' '):rep(70000)) == nil)\n"
        "local big = '[' .. ('{\"a\":[1,2,null]},'):rep(9999) .. '0]'\n"
        "assert(cjson.encode(cjson.decode(big)) == big)\n");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_json_lua__push),
        TEST(test_json_lua__push_sizes),
        TEST(test_json_lua__push_text_errors),
        TEST(test_json_lua__push_deep),
        TEST(test_json_lua__long_texts),
        TEST(test_json_lua__encode),
        TEST(test_json_lua__mixed_keys),
        TEST(test_json_lua__metatables),
        TEST(test_json_lua__encode_errors),
        TEST(test_json_lua__limits),
        TEST(test_json_lua__userdata),
        TEST(test_json_lua__out_of_memory),
        TEST(test_json_lua__round_trips),
        TEST(test_json_lua__cjson_settings),
        TEST(test_json_lua__cjson_calls),
        TEST(test_json_lua__cjson_reenters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
