/* vm.c - see vm.h. The one file that decides what scripts may see. */
#include "script/vm.h"

#include <lauxlib.h>
#include <limits.h>
#include <malloc.h>
#include <lualib.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "script/call.h"
#include "script/concat.h"
#include "script/ctx.h"
#include "script/lazy.h"
#include "script/safe_lib.h"
#include "script/safe_pattern.h"
#include "script/safe_sort.h"
#include "script/modules.h"
#include "script/raised.h"
#include "script/task.h"
#include "script/throttle.h"
#include "script/view.h"
#include "script/watchdog.h"

/*
 * Lua collects all garbage and asks again when a block is refused, then raises.
 * A task that was refused for good is ended (watchdog.h): scripts could catch the
 * error, and be refused again and again, which is a collection each time.
 */
static bool refuse(struct vm *vm, const void *p, size_t size)
{
    bool again = vm->refused_size == size && vm->refused == p;
    struct buf at = BUF_INIT;

    vm->refused = p;
    vm->refused_size = again ? 0 : size; /* once more, then it is for good */
    vm_add_traceback(watchdog_running(), 0, &at);
    if (at.len ||
        !watchdog_was_refused()) /* else it is the host that gives up */
        buf_move(&vm->ended_at, &at);
    buf_release(&at);
    watchdog_refuse(again);
    return false;
}

/* The memory is used up, and it is not the work of the task that runs. */
static bool is_innocent(struct vm *vm, size_t size)
{
    bool hog = tasks_find_hog(vm);

    return hog || watchdog_grown() + (int64_t)size <
                      (int64_t)(vm->limits.memory_max / VM_RESERVE);
}

/* The host has a reserve: to say what happened, and to end the task. */
static bool may_grow(struct vm *vm, const void *p, size_t old, size_t size)
{
    size_t max = vm->limits.memory_max;

    if (!watchdog_running())
        return vm->memory + (size - old) <=
               max + max / VM_EXTRA + max / VM_RESERVE;
    if (size > max / VM_BLOCK)
        return refuse(vm, p, size);
    if (watchdog_grown() < 0)
        max += max / VM_EXTRA;
    else if (vm->memory + (size - old) > max && is_innocent(vm, size))
        max += max / VM_EXTRA;
    if (vm->memory + (size - old) > max)
        return refuse(vm, p, size);
    if (vm->refused_size == size && vm->refused == p)
        watchdog_grant();
    vm->refused_size = 0;
    return true;
}

/* The same error of a handler: so many in full a minute, then how many there were. */
#define REPORTS_FULL 5
#define REPORT_WINDOW_MS 60000

static void *vm_alloc(void *ud, void *p, size_t old, size_t size)
{
    struct vm *vm = ud;

    if (!p)
        old = 0; /* then it is the kind of object */
    if (size == 0) {
        pool_resize(&vm->pool, p, old, 0);
        vm->memory -= old;
        return NULL;
    }
    if (size > old && !may_grow(vm, p, old, size))
        return NULL;
    p = pool_resize(&vm->pool, p, old, size);
    if (!p)
        return NULL;
    vm->memory += size - old;
    if (vm->memory > vm->memory_peak)
        vm->memory_peak = vm->memory;
    return p;
}

struct vm *vm_of(lua_State *L)
{
    void *vm;

    lua_getallocf(L, &vm);
    return vm;
}

/* --- globals ------------------------------------------------------------------ */

struct allowed {
    const char *library; /* "_G" or a table in it */
    const char *const *names;
};

static const char *const base_names[] = {
    "assert",   "error",  "getmetatable", "ipairs",   "pairs",
    "pcall",    "select", "rawequal",     "tonumber", "type",
    "tostring", "xpcall", "_VERSION",     NULL,
};
static const char *const string_names[] = {
    "byte", "char",     "find",   "format", "gmatch",  "gsub",
    "len",  "lower",    "match",  "pack",   "reverse", "rep",
    "sub",  "packsize", "unpack", "upper",  NULL,
};
static const char *const table_names[] = {
    "concat", "insert", "move", "pack", "remove", "sort", "unpack", NULL,
};
static const char *const math_names[] = {
    "abs",  "acos",       "asin",      "atan", "ceil", "cos",    "deg",
    "exp",  "floor",      "fmod",      "huge", "log",  "max",    "maxinteger",
    "min",  "mininteger", "modf",      "pi",   "rad",  "random", "sin",
    "sqrt", "tan",        "tointeger", "type", "ult",  NULL,
};
static const char *const utf8_names[] = {
    "char", "charpattern", "codepoint", "codes", "len", "offset", NULL,
};
static const char *const os_names[] = { "clock", "date", "difftime", "time",
                                        NULL };

static const struct allowed libraries[] = {
    { "string", string_names }, { "table", table_names },
    { "math", math_names },     { "utf8", utf8_names },
    { "os", os_names },
};

static void copy_names(lua_State *L, int from, int to, const char *const *names)
{
    for (; *names; names++) {
        lua_getfield(L, from, *names);
        lua_setfield(L, to, *names);
    }
}

bool vm_may_write(lua_State *L)
{
    lua_Debug ar;

    if (!lua_getstack(L, 1, &ar))
        return true;
    lua_getinfo(L, "S", &ar);
    return throttle_pass(vm_of(L)->lines,
                         throttle_kind(0, slice_of(ar.short_src)),
                         ar.short_src);
}

static void tell_lines(const char *file, uint64_t dropped)
{
    log_warn("script",
             "%s wrote %llu more lines than SCRIPT_LINES_PER_S; they are not "
             "shown",
             file, (unsigned long long)dropped);
}

static void tell_reports(const char *error, uint64_t dropped)
{
    log_error("script", "%llu times more: %.*s", (unsigned long long)dropped,
              (int)strcspn(error, "\n"), error);
}

/* Add the texts that make one line of print(). */
static int l_print(lua_State *L)
{
    luaL_Buffer b;
    int n = lua_gettop(L);

    if (!vm_may_write(L))
        return 0;
    luaL_buffinit(L, &b);
    for (int i = 1; i <= n; i++) {
        if (i > 1)
            luaL_addchar(&b, '\t');
        luaL_tolstring(L, i, NULL);
        luaL_addvalue(&b);
    }
    luaL_pushresult(&b);
    log_info("script", "%s", lua_tostring(L, -1));
    return 0;
}

#define LOAD_MAX (1 << 20) /* bytes: the compiler can't be interrupted */

/* load(text [, name [, "t" [, env]]]): text only, the script's globals. */
static int l_load(lua_State *L)
{
    size_t n;
    const char *text = luaL_checklstring(L, 1, &n);
    const char *name = luaL_optstring(L, 2, text);

    if (n > LOAD_MAX)
        return luaL_error(L, "load: %d MiB of text is more than 1 MiB",
                          (int)(n >> 20));

    if (luaL_loadbufferx(L, text, n, name, "t") != LUA_OK) {
        lua_pushnil(L);
        lua_insert(L, -2);
        return 2;
    }
    if (lua_isnoneornil(L, 4))
        lua_pushvalue(L, lua_upvalueindex(1));
    else
        lua_pushvalue(L, 4);
    lua_setupvalue(L, -2, 1);
    return 1;
}

/* Only asking: a script can't stop the collector of everybody. */
static int l_collectgarbage(lua_State *L)
{
    const char *what = luaL_optstring(L, 1, "count");

    if (strcmp(what, "count") != 0)
        return luaL_error(L,
                          "collectgarbage(\"%s\"): only \"count\" is "
                          "available to scripts",
                          what);
    lua_pushnumber(L, (lua_Number)vm_of(L)->memory / 1024);
    return 1;
}

/* As Lua's own, but __gc would run when its generation is gone. */
static int l_setmetatable(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_argexpected(L, lua_isnil(L, 2) || lua_istable(L, 2), 2,
                     "nil or table");
    lua_settop(L, 2);
    lazy_settle(L, 1);
    if (lua_istable(L, 2)) {
        lua_pushliteral(L, "__gc");
        if (lua_rawget(L, 2) != LUA_TNIL)
            return luaL_error(L, "__gc is not available to scripts");
        lua_pop(L, 1);
        concat_wrap(L, 2);
    }
    if (luaL_getmetafield(L, 1, "__metatable") != LUA_TNIL)
        return luaL_error(L, "cannot change a protected metatable");
    lua_settop(L, 2);
    lua_setmetatable(L, 1);
    return 1;
}

void vm_push_globals(lua_State *L)
{
    int all, globals;

    lua_newtable(L);
    globals = lua_gettop(L);
    lua_pushglobaltable(L);
    all = lua_gettop(L);
    copy_names(L, all, globals, base_names);
    for (size_t i = 0; i < ARRAY_LEN(libraries); i++) {
        lua_getfield(L, all, libraries[i].library);
        lua_newtable(L);
        copy_names(L, lua_gettop(L) - 1, lua_gettop(L), libraries[i].names);
        lua_setfield(L, globals, libraries[i].library);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    lazy_set_functions(L, globals); /* next, rawget, rawset, rawlen */
    time_set_os(L, globals);        /* by base/clock.h */
    lua_pushcfunction(L, l_setmetatable);
    lua_setfield(L, globals, "setmetatable");
    lua_pushcfunction(L, l_print);
    lua_setfield(L, globals, "print");
    lua_pushcfunction(L, l_collectgarbage);
    lua_setfield(L, globals, "collectgarbage");
    lua_pushvalue(L, globals);
    lua_pushcclosure(L, l_load, 1);
    lua_setfield(L, globals, "load");
    lua_pushvalue(L, globals);
    lua_setfield(L, globals, "_G");
}

/* --- errors --------------------------------------------------------------------- */

static int protected_tolstring(lua_State *L)
{
    luaL_tolstring(L, 1, NULL);
    return 1;
}

#define ERROR_MAX 4000 /* bytes of an error that are kept */

static void add_start(struct buf *out, const char *text, size_t n)
{
    size_t kept = n;

    if (n > ERROR_MAX) {
        kept = ERROR_MAX;
        /* not within a letter */
        while (kept > 0 && (text[kept] & 0xc0) == 0x80)
            kept--;
    }
    buf_add(out, text, kept);
    if (kept < n)
        buf_addf(out, "… (%zu bytes)", n);
}

void vm_add_error(lua_State *L, int index, struct buf *out)
{
    bool alone = !watchdog_running(), overran = false;
    const char *text;
    size_t n;
    int status;

    index = lua_absindex(L, index);
    if (raised_is_no_text(L, index)) {
        raised_add(L, index, out);
        return;
    }
    lua_pushcfunction(L, protected_tolstring);
    lua_pushvalue(L, index);
    if (alone) /* a __tostring may loop for ever */
        watchdog_enter(L, WATCHDOG_CLOSE, &overran);
    status = lua_pcall(L, 1, 1, 0);
    if (alone)
        watchdog_leave();
    if (status != LUA_OK)
        buf_adds(out, "(an error whose __tostring raises)");
    else if ((text = lua_tolstring(L, -1, &n)))
        add_start(out, text, n);
    lua_pop(L, 1);
}

/* --- the state -------------------------------------------------------------------- */

/* The methods of strings: a table of its own that no script can reach. */
static void close_string_metatable(lua_State *L)
{
    lua_pushliteral(L, "");
    lua_getmetatable(L, -1); /* "", mt */
    lua_newtable(L);         /* "", mt, methods */
    lua_getglobal(L, "string");
    copy_names(L, lua_gettop(L), lua_gettop(L) - 1, string_names);
    lua_pop(L, 1);
    lua_setfield(L, -2, "__index");
    lua_pushboolean(L, false);
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 2);
}

static int set_up(lua_State *L)
{
    luaL_openlibs(L);
    lua_getglobal(L, "table");
    safe_sort_set(L);
    lua_pop(L, 1);
    lua_getglobal(L, "string");
    safe_pattern_set(L);
    lua_pop(L, 1);
    safe_lib_open(L);
    close_string_metatable(L);
    lazy_open(L);
    view_open(L);
    call_open(L);
    ctx_open(L);
    return 0;
}

/* Lua ends the program after this: an error outside of any protected call. */
static int on_panic(lua_State *L)
{
    log_error("script", "Lua: %s", lua_tostring(L, -1));
    return 0;
}

struct vm *vm_new(const struct services *services,
                  const struct vm_limits *limits)
{
    struct vm *vm = xalloc(sizeof(*vm));

    /* What is large is the system's again when it is freed: glibc would keep more of
     * it after each such block. */
    mallopt(M_MMAP_THRESHOLD, 1 << 20);
    vm->services = services;
    vm->limits = *limits;
    vm->pool.keeps = POOL_KEEPS;
    buf_init(&vm->ended_at);
    vm->reports = throttle_new(services->loop, REPORT_WINDOW_MS, REPORTS_FULL,
                               tell_reports);
    vm->lines = throttle_new(services->loop, 1000,
                             limits->log_lines_per_s ? limits->log_lines_per_s
                                                     : INT_MAX,
                             tell_lines);
    TAILQ_INIT(&vm->tasks);
    TAILQ_INIT(&vm->turns);
    TAILQ_INIT(&vm->asking);
    vm->L = lua_newstate(vm_alloc, vm);
    if (!vm->L)
        abort();
    lua_atpanic(vm->L, on_panic);
    *(struct task **)lua_getextraspace(vm->L) = NULL;
    lua_pushcfunction(vm->L, set_up);
    if (lua_pcall(vm->L, 0, 0, 0) != LUA_OK) {
        log_error("script", "Lua: %s", lua_tostring(vm->L, -1));
        abort();
    }
    lua_checkstack(vm->L, CONCAT_SLOTS);
    watchdog_start(vm);
    return vm;
}

void vm_free(struct vm *vm)
{
    if (!vm)
        return;
    tasks_kill_all(vm);
    watchdog_stop(vm);
    op_free(vm->sweep);
    op_free(vm->renewal);
    op_free(vm->trim);
    lua_close(vm->L);
    throttle_free(vm->reports);
    throttle_free(vm->lines);
    pool_release(&vm->pool);
    buf_release(&vm->ended_at);
    free(vm);
}
