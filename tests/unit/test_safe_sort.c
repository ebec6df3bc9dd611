/* test_safe_sort.c - table.sort against Lua's own: what comes out, what is raised, what
 * is left when it is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <lauxlib.h>
#include <lualib.h>

#include "script/vm.h"

/* table.sort is the vm's, own_sort and math.random are Lua's. */
static const char helpers[] =
    "local seed = ...\n"
    "local random = own_math.random\n"
    "own_math.randomseed(seed)\n"
    "local function copy(t) return table.move(t, 1, #t, 1, {}) end\n"
    "local function show(t) local s = {} for i = 1, #t do\n"
    "  s[i] = tostring(t[i]) end return table.concat(s, ' ') end\n"
    "local function same(a, b, what)\n"
    "  if a ~= b then error(what .. ': ' .. tostring(a) .. '; Lua: ' ..\n"
    "    tostring(b), 0) end end\n"
    /* the elements, in the order of their texts */
    "local function bag(t) local u = {} for i = 1, #t do\n"
    "  u[i] = tostring(t[i]) end own_sort(u)\n"
    "  return table.concat(u, ' ') end\n"
    "local sizes = { 0, 1, 2, 3, 4, 5, 11, 12, 13, 14, 25, 26, 40, 99, 100,\n"
    "  101, 300, 1000 }\n"
    "local kinds = {\n"
    "  function() return random(1 << 30) end,\n"
    "  function() return random(5) end,\n"
    "  function() return random() < 0.5 and random(9) or random() * 9 end,\n"
    "  function() return 'k' .. random(50) end,\n"
    "  function(i) return i end,\n"
    "  function(i, n) return n - i end,\n"
    "  function(i, n) return i < n / 2 and i or n - i end,\n"
    "  function(i, n) return i == n and 0 or i end,\n"
    "  function() return 7 end,\n"
    "}\n"
    "local function make(kind, n) local t = {} for i = 1, n do\n"
    "  t[i] = kind(i, n) end return t end\n"
    "local function each(f) for _, n in ipairs(sizes) do\n"
    "  for k, kind in ipairs(kinds) do\n"
    "    f(make(kind, n), 'kind ' .. k .. ', ' .. n .. ' elements') end\n"
    "  end end\n";

static const char orders[] =
    "each(function(t, what)\n"
    "  local a, b = copy(t), copy(t)\n"
    "  table.sort(a) own_sort(b) same(show(a), show(b), what)\n"
    "  local function down(x, y) return x > y end\n"
    "  a, b = copy(t), copy(t)\n"
    "  table.sort(a, down) own_sort(b, down)\n"
    "  same(show(a), show(b), what .. ', down')\n"
    /* of many equal ones it need not be the same order */
    "  local calls = 0\n"
    "  local function third(x, y) calls = calls + 1\n"
    "    return #tostring(x) % 3 < #tostring(y) % 3 end\n"
    "  a = copy(t) table.sort(a, third)\n"
    "  for i = 2, #a do assert(not third(a[i], a[i - 1]), what) end\n"
    "  same(bag(a), bag(t), what)\n"
    "  assert(calls <= 60 + 40 * #t, what .. ': ' .. calls .. ' calls')\n"
    "end)\n"
    /* metamethods of elements, and of the table */
    "local mt = { __lt = function(a, b) return a.v < b.v end }\n"
    "local t = {}\n"
    "for i = 1, 200 do t[i] = setmetatable({ v = random(50) }, mt) end\n"
    "table.sort(t)\n"
    "for i = 2, #t do assert(t[i - 1].v <= t[i].v) end\n"
    "local data, reads, writes = {}, 0, 0\n"
    "for i = 1, 100 do data[i] = random(1000) end\n"
    "local proxy = setmetatable({}, { __len = function() return 100 end,\n"
    "  __index = function(_, k) reads = reads + 1 return data[k] end,\n"
    "  __newindex = function(_, k, v) writes = writes + 1 data[k] = v end })\n"
    "table.sort(proxy)\n"
    "for i = 2, 100 do assert(data[i - 1] <= data[i]) end\n"
    "assert(reads > 100 and writes > 10 and next(proxy) == nil)\n"
    "local short = setmetatable({ 3, 2, 1 }, { __len = function()\n"
    "  return 2 end })\n"
    "table.sort(short) same(show({ short[1], short[2], short[3] }), '2 3 1',\n"
    "  '__len')\n"
    "assert(select('#', table.sort({ 2, 1 })) == 0)\n";

static const char errors[] =
    "local function both(what, ...)\n"
    "  local args = table.pack(...)\n"
    "  local function of(sort) return select(2, pcall(function()\n"
    "    sort(table.unpack(args, 1, args.n)) end)) end\n"
    "  local a, b = of(table.sort), of(own_sort)\n"
    "  a = tostring(a):gsub('^table.sort:%d+: ', '')\n"
    "  b = tostring(b):gsub(\"'local 'sort''\", \"'sort'\")\n"
    "  same(a, b, what)\n"
    "  assert(b ~= 'nil', what)\n"
    "end\n"
    "both('nothing')\n"
    "both('no table', 5)\n"
    "both('userdata', bot)\n"
    "both('no function', { 1, 2 }, 'x')\n"
    "both('too big', setmetatable({}, { __len = function()\n"
    "  return 1 << 40 end }))\n"
    "both('no length', setmetatable({}, { __len = function()\n"
    "  return 'x' end }))\n"
    "both('mixed', { 1, 'x' })\n"
    "both('tables', { {}, {} })\n"
    "both('hole', { 1, 2, nil, 4 })\n"
    "both('raises', { 1, 2, 3 }, function() error('mine', 0) end)\n"
    "both('raises a table', { 1, 2, 3 }, function() error(false) end)\n"
    "both('always', make(kinds[1], 100), function() return true end)\n"
    "both('always, called', make(kinds[1], 100), function() return 1 end)\n"
    /* also by pcall itself, with no place to name */
    "same(select(2, pcall(table.sort, make(kinds[1], 50), function()\n"
    "  return true end)), 'invalid order function for sorting', 'pcall')\n"
    /* never reads or writes outside, never ends badly, keeps what is there */
    "each(function(t, what)\n"
    "  local n = #t\n"
    "  for way = 1, 5 do\n"
    "    local a, calls = copy(t), 0\n"
    "    local p = setmetatable({}, { __len = function() return n end,\n"
    "      __index = function(_, k) assert(k >= 1 and k <= n, what)\n"
    "        return a[k] end,\n"
    "      __newindex = function(_, k, v) assert(k >= 1 and k <= n, what)\n"
    "        a[k] = v end })\n"
    "    local stop = random(1, n * 4 + 1)\n"
    "    local ok, e = pcall(table.sort, p, function(x, y)\n"
    "      calls = calls + 1\n"
    "      if way == 1 then if calls == stop then error('stop', 0) end\n"
    "        return x < y\n"
    "      elseif way == 2 then return random(2) == 1\n"
    "      elseif way == 3 then return x <= y\n"
    "      elseif way == 4 then return true end\n"
    "    end)\n"
    "    assert(ok or e == 'stop' or\n"
    "      e == 'invalid order function for sorting', what .. tostring(e))\n"
    "    same(bag(a), bag(t), what .. ', way ' .. way)\n"
    "  end\n"
    "end)\n"
    /* the table changes meanwhile */
    "for n = 10, 200, 10 do\n"
    "  local a, left = make(kinds[1], n), random(n)\n"
    "  pcall(table.sort, a, function(x, y)\n"
    "    left = left - 1\n"
    "    if left == 0 then for i = n // 2, n do a[i] = nil end end\n"
    "    if left == -5 then for i = 1, 2 * n do a[i] = i end end\n"
    "    return (x or 0) < (y or 0) end)\n"
    "end\n";

static struct vm *make_vm(void)
{
    static const struct services services = { .bot_username = "" };
    struct vm_limits limits = { .memory_max = 64 << 20,
                                .cpu_ms = 60000,
                                .task_ms = 60000 };
    struct vm *vm = vm_new(&services, &limits);
    lua_State *L = vm->L;

    vm_push_globals(L);
    lua_getglobal(L, "math");
    lua_setfield(L, -2, "own_math");
    lua_pushcfunction(L, luaopen_table);
    lua_call(L, 0, 1);
    lua_getfield(L, -1, "sort");
    lua_setfield(L, -3, "own_sort");
    lua_pop(L, 1);
    return vm;
}

static void run(const char *text)
{
    for (int seed = 1; seed <= 4; seed++) {
        struct vm *vm = make_vm();
        lua_State *L = vm->L;
        char all[12000];

        snprintf(all, sizeof(all), "%s%s", helpers, text);
        assert_true(strlen(all) < sizeof(all) - 1);
        if (luaL_loadbuffer(L, all, strlen(all), "=test") != LUA_OK)
            fail_msg("%s", lua_tostring(L, -1));
        lua_pushvalue(L, 1);
        lua_setupvalue(L, -2, 1);
        lua_pushinteger(L, seed);
        if (lua_pcall(L, 1, 0, 0) != LUA_OK)
            fail_msg("seed %d: %s", seed, lua_tostring(L, -1));
        vm_free(vm);
    }
}

static void test_safe_sort__is_lua(void **state)
{
    (void)state;
    run(orders);
}

static void test_safe_sort__errors(void **state)
{
    (void)state;
    run(errors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_safe_sort__is_lua),
        cmocka_unit_test(test_safe_sort__errors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
