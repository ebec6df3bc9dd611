/* test_safe_pattern.c - the functions of patterns against Lua's own, their bounds; and
 * those of safe_lib.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <lauxlib.h>
#include <lualib.h>

#include "script/vm.h"

/* string is the vm's; own and own_table are Lua's. */
static const char differ[] =
    "local seed = ...\n"
    "local parts = { 'a', 'b', '.', '%a', '%d', '%S', '%w', '[ab]', '[^a]',\n"
    "  '[a-c]', '[%a1]', '[]a]', '[^]a]', '[a-]', '[%-x]', '*', '+', '-', "
    "'?',\n"
    "  '(', ')', '()', '(a)', '(.-)', '$', '^', '%b()', '%bab', '%f[a]',\n"
    "  '%f[%z]', '%f[^a]', '%1', '%2', '%0', '%', '[', ']', '%%', '\\0', 'z',\n"
    "  '%z', '%Z', '%x', '%p', '%g', '%c', '%l', '%U', '%b', '%f', '%.' }\n"
    "local chars = { 'a', 'b', 'a', 'ab', '(', ')', '1', ' ', '\\0', 'Z',\n"
    "  '\\200', '-', ']', '%', '\\n' }\n"
    "local news = { '', 'x', '<%0>', '%1', '%2', '%%', '%', '%9', '[%1%1]',\n"
    "  5, function(a, b) return b or a end, function() return nil end,\n"
    "  function() return {} end, { a = 'A', ab = 1, b = false },\n"
    "  setmetatable({ a = 1 }, { __index = { b = 'B' } }),\n"
    "  setmetatable({}, { __index = function(_, k) return k == 'a' and {}\n"
    "    or k == 'b' and k .. k end }),\n"
    "  setmetatable({}, { __index = function(_, k) error('no ' .. k) end }),\n"
    "  function(a) error(a, 0) end }\n"
    "local function pick(t) return t[own_math.random(#t)] end\n"
    "local function make(t, n)\n"
    "  local s = {}\n"
    "  for i = 1, own_math.random(0, n) do s[i] = pick(t) end\n"
    "  return table.concat(s)\n"
    "end\n"
    "local function show(...)\n"
    "  local t = table.pack(...)\n"
    "  for i = 1, t.n do t[i] = own.format(type(t[i]) == 'string' and '%q'\n"
    "    or '%s', t[i]) end\n"
    "  return table.concat(t, ',')\n"
    "end\n"
    "local function all(f, ...)\n"
    "  local t, n = {}, 0\n"
    "  for a, b, c in f(...) do\n"
    "    n = n + 1 t[n] = show(a, b, c)\n"
    "    if n > 100 then break end\n"
    "  end\n"
    "  return table.concat(t, ';')\n"
    "end\n"
    "local function same(name, a, b, ...)\n"
    "  local x, y = show(pcall(a, ...)), show(pcall(b, ...))\n"
    "  x = own.gsub(x, \"to '[%w.]+'\", \"to '?'\")\n"
    "  if x ~= y then error(own.format('%s(%s): %s, Lua: %s', name,\n"
    "    show(...), x, y), 0) end\n"
    "end\n"
    "own_math.randomseed(seed)\n"
    "for round = 1, 30000 do\n"
    "  local text, pattern = make(chars, 14), make(parts, 6)\n"
    "  local init = pick{ 1, 1, 1, 0, -1, -3, 3, 20, -20 }\n"
    "  same('find', string.find, own.find, text, pattern, init)\n"
    "  same('find', string.find, own.find, text, pattern, init, true)\n"
    "  same('match', string.match, own.match, text, pattern, init)\n"
    "  local new, max = pick(news), pick{ 100, 100, 0, 1, 2, -1 }\n"
    "  same('gsub', string.gsub, own.gsub, text, pattern, new, max)\n"
    "  same('gmatch', function(...) return all(string.gmatch, ...) end,\n"
    "    function(...) return all(own.gmatch, ...) end, text, pattern, init)\n"
    "  same('rep', string.rep, own.rep, text, own_math.random(-1, 5),\n"
    "    make(chars, 2))\n"
    "end\n"
    "local deep = own.rep('(', 40) .. own.rep('a?', 300)\n"
    "same('find', string.find, own.find, 'aaa', deep)\n"
    "same('find', string.find, own.find, own.rep('a', 300),\n"
    "  own.rep('a?', 300))\n"
    /* those that have a buffer, that grows */
    "for _, n in ipairs(seed == 1 and { 300, 1100, 17000 } or {}) do\n"
    "  local text = {}\n"
    "  for i = 1, n do text[i] = pick(chars) end\n"
    "  text = table.concat(text)\n"
    "  for _, pattern in ipairs{ 'a', '%a+', '()b', '(a)(b)', '.', '' } do\n"
    "    for i, new in ipairs(news) do\n"
    "      same('gsub', string.gsub, own.gsub, text, pattern, new) end\n"
    "  end\n"
    "end\n"
    "same('find', string.find, own.find)\n"
    "same('find', string.find, own.find, 'a', {})\n"
    "same('gsub', string.gsub, own.gsub, 'a', 'a', true)\n"
    "same('gsub', string.gsub, own.gsub, 'a', 'a')\n"
    "same('gmatch', string.gmatch, own.gmatch, 'a')\n"
    "same('rep', string.rep, own.rep, 'aa', 1 << 62)\n"
    "same('rep', string.rep, own.rep, 'aa')\n";

static struct vm *make_vm(int64_t steps, bool with_own)
{
    static const struct services services = { .bot_username = "" };
    struct vm_limits limits = { .memory_max = 64 << 20,
                                .cpu_ms = 60000,
                                .task_ms = 60000,
                                .pattern_steps = steps };
    struct vm *vm = vm_new(&services, &limits);
    lua_State *L = vm->L;

    vm_push_globals(L);
    lua_getglobal(L, "math");
    lua_setfield(L, -2, "own_math");
    if (with_own) { /* the methods of strings are Lua's own then */
        lua_pushcfunction(L, luaopen_string);
        lua_call(L, 0, 1);
        lua_setfield(L, -2, "own");
    }
    return vm;
}

/* Run text with the globals at 1; the error, or NULL. */
static const char *run(struct vm *vm, const char *text, int seed)
{
    lua_State *L = vm->L;

    lua_settop(L, 1);
    assert_int_equal(luaL_loadstring(L, text), LUA_OK);
    lua_pushvalue(L, 1);
    lua_setupvalue(L, -2, 1);
    lua_pushinteger(L, seed);
    return lua_pcall(L, 1, 0, 0) == LUA_OK ? NULL : lua_tostring(L, -1);
}

static void test_safe_pattern__is_lua(void **state)
{
    struct vm *vm = make_vm(1 << 30, true);

    (void)state;
    for (int seed = 1; seed <= 3; seed++) {
        const char *error = run(vm, differ, seed);

        if (error)
            fail_msg("seed %d: %s", seed, error);
    }
    vm_free(vm);
}

/* Each would take longer than the world stands. */
static void test_safe_pattern__ends(void **state)
{
    static const char *const bombs[] = {
        "('a'):rep(3000):find(('.-'):rep(30) .. 'b')",
        "('a'):rep(100):match(('a?'):rep(100) .. ('a'):rep(100) .. 'b')",
        "('a'):rep(30000):find('.*.*.*b')",
        "('a'):rep(3000):gsub(('a*'):rep(30) .. 'b', '')",
        "for _ in ('('):rep(3000):gmatch(('(.-)'):rep(20) .. '%)') do end",
        "('x'):rep(100000):find('(x+)%1%1%1y')",
        "('('):rep(100000):find('%b()')",
        "('('):rep(100000):gsub('%b()', '')",
    };
    struct vm *vm = make_vm(1000000, false);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bombs); i++) {
        const char *error = run(vm, bombs[i], 0);

        if (!error || !strstr(error, "PATTERN_STEPS) were not enough for"))
            fail_msg("%s: %s", bombs[i], error ? error : "went well");
    }
    vm_free(vm);
}

/* What reads a long text once is not refused, whatever the setting. */
static void test_safe_pattern__long_texts(void **state)
{
    static const char *const texts[] = {
        "local s = ('word '):rep(200000) .. '!' assert(s:find('!'))\n"
        "assert(s:find('%p')) assert(s:match('^.*!$') == s)\n"
        "assert(select(2, s:gsub('%a+', '')) == 200000)\n"
        "local n = 0 for w in s:gmatch('%w') do n = n + 1 end\n"
        "assert(n == 800000)",
        /* two texts whose plain search is quadratic if it is done simply */
        "assert(not ('a'):rep(1000000):find(('a'):rep(499999) .. 'b', 1, "
        "true))",
    };
    struct vm *vm = make_vm(10000, false);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        const char *error = run(vm, texts[i], 0);

        if (error)
            fail_msg("%s", error);
    }
    vm_free(vm);
}

/* --- safe_lib.c ------------------------------------------------------------------- */

static void test_safe_lib__bounds(void **state)
{
    static const char text[] =
        "local long = setmetatable({}, { __len = function() return 1 << 60 "
        "end })\n"
        "local function raises(part, f, ...)\n"
        "  local ok, e = pcall(f, ...)\n"
        "  assert(not ok and e:find(part, 1, true), part .. ': ' .. "
        "tostring(e))\n"
        "end\n"
        "raises('table.insert: more than 16777216', table.insert, long, 1, 'x')"
        "\n"
        "raises('table.remove: more than 16777216', table.remove, long, 1)\n"
        "raises('table.move: more than 16777216', table.move, {}, 1, 1 << 60, "
        "2)\n"
        "raises('table.move: more than 16777216', table.move, {}, 1, 16777217, "
        "2)\n"
        "assert(('').rep('', 1 << 62) == '' and ('a'):rep(0) == '')\n"
        "local t = {}\n"
        "for i = 1, 5 do table.insert(t, 1, i) end\n"
        "assert(table.concat(t) == '54321' and table.remove(t, 1) == 5)\n"
        "assert(table.remove(t) == 1 and table.remove(t, 3) == 2)\n"
        "assert(table.concat(table.move({ 1, 2, 3 }, 2, 3, 1)) == '233')\n"
        "raises(\"bad argument #2 to 'insert' (position out of bounds)\",\n"
        "  function() table.insert(t, 9, 1) end)\n"
        "raises(\"wrong number of arguments to 'insert'\", table.insert, t)\n"
        "raises('load: 2 MiB of text is more than 1 MiB', load,\n"
        "  ('x'):rep(2 << 20))";
    struct vm *vm = make_vm(10000, false);
    const char *error;

    (void)state;
    error = run(vm, text, 0);
    if (error)
        fail_msg("%s", error);
    vm_free(vm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_safe_pattern__is_lua),
        cmocka_unit_test(test_safe_pattern__ends),
        cmocka_unit_test(test_safe_pattern__long_texts),
        cmocka_unit_test(test_safe_lib__bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
