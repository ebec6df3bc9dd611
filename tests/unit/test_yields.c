/*
 * test_yields.c - what the watchdog relies on: a count hook may yield anywhere where
 * lua_isyieldable(), also in metamethods, in what they call, and while variables are
 * closed. A program of all that is interrupted at every few instructions, on stacks
 * that move as often as they can, and has to come to the same as undisturbed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <lauxlib.h>
#include <lualib.h>

#include "script/concat.h"
#include "script/task.h"

static struct {
    lua_State *L;
    struct fiber fiber;
    struct task task;
    int yields;
} t;

/* Every block moves, and what is left behind is overwritten. */
static void *move_always(void *arg, void *p, size_t old, size_t size)
{
    void *to = NULL;

    (void)arg;
    if (size) {
        to = malloc(size);
        memset(to, 0xcc, size);
        if (p)
            memcpy(to, p, old < size ? old : size);
    }
    if (p)
        memset(p, 0xdd, old);
    free(p);
    return to;
}

static void on_hook(lua_State *L, lua_Debug *ar)
{
    (void)ar;
    if (!lua_isyieldable(L))
        return;
    t.yields++;
    lua_yield(L, 0);
}

/* wrap(f): as setmetatable() does with a __concat. */
static int l_wrap(lua_State *L)
{
    lua_createtable(L, 0, 1);
    lua_pushvalue(L, 1);
    lua_setfield(L, -2, "__concat");
    concat_wrap(L, -1);
    lua_getfield(L, -1, "__concat");
    return 1;
}

static unsigned next_random(unsigned *seed)
{
    *seed = *seed * 1103515245u + 12345u;
    return *seed >> 16;
}

/* As fiber_resume() does. */
static int resume(lua_State *co, int every)
{
    int status, n;

    lua_sethook(co, every ? on_hook : NULL, every ? LUA_MASKCOUNT : 0, every);
    do {
        t.fiber.again = false;
        status = lua_resume(co, NULL, 0, &n);
    } while (status == LUA_YIELD && t.fiber.again);
    lua_sethook(co, NULL, 0, 0);
    return status;
}

/* Runs it with a yield after 1 to most instructions (0: none), and a collection now
 * and then, which makes stacks smaller. The result is to be freed. */
static char *run(int most, unsigned seed)
{
    char path[400], *out;
    lua_State *co;
    int status;

    t.L = lua_newstate(move_always, NULL);
    luaL_openlibs(t.L);
    lua_register(t.L, "wrap", l_wrap);
    snprintf(path, sizeof(path), "%.*syields.lua",
             (int)(strlen(__FILE__) - strlen("test_yields.c")), __FILE__);
    co = lua_newthread(t.L);
    t.fiber = (struct fiber){ .task = &t.task };
    *(struct fiber **)lua_getextraspace(co) = &t.fiber;
    if (luaL_loadfile(co, path) != LUA_OK)
        fail_msg("%s", lua_tostring(co, -1));
    t.yields = 0;
    do {
        status =
            resume(co,
                   most ? 1 + (int)(next_random(&seed) % (unsigned)most) : 0);
        if (status == LUA_YIELD && next_random(&seed) % 4 == 0)
            lua_gc(t.L, LUA_GCCOLLECT);
    } while (status == LUA_YIELD);
    if (status != LUA_OK)
        fail_msg("%s", lua_tostring(co, -1));
    out = strdup(lua_tostring(co, -1));
    lua_close(t.L);
    return out;
}

static void test_yields__change_nothing(void **state)
{
    static const int most[] = { 1, 2, 7, 40 };
    char *undisturbed = run(0, 1), *out;

    (void)state;
    assert_true(strlen(undisturbed) > 1000);
    for (size_t i = 0; i < ARRAY_LEN(most); i++) {
        for (unsigned seed = 1; seed <= 2; seed++) {
            out = run(most[i], seed);
            assert_string_equal(out, undisturbed);
            assert_true(t.yields > 100);
            free(out);
        }
    }
    free(undisturbed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_yields__change_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
