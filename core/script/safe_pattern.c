/* safe_pattern.c - see safe_pattern.h. What fits is found by safe_match.c. */
#include "script/safe_pattern.h"

#include <lauxlib.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "script/safe_gsub.h"
#include "script/safe_match.h"
#include "script/watchdog.h"

/* --- find, match -------------------------------------------------------------------- */

static size_t start_of(lua_Integer at, size_t n)
{
    if (at > 0)
        return (size_t)at - 1;
    if (at == 0 || at < -(lua_Integer)n)
        return 0;
    return n - (size_t)-at;
}

static bool is_plain(const byte *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strchr("^$*+?.([%-", p[i]) && p[i])
            return false;
    return true;
}

static int find_plain(lua_State *L, const byte *s, size_t n, size_t start,
                      const byte *p, size_t pn)
{
    const byte *at = pn ? memmem(s + start, n - start, p, pn) : s + start;

    if (!at) {
        luaL_pushfail(L);
        return 1;
    }
    lua_pushinteger(L, at - s + 1);
    lua_pushinteger(L, at - s + (ptrdiff_t)pn);
    return 2;
}

/* Is it a character that stands for itself, whatever follows it? Then what does not
 * begin with it need not be tried. */
static int first_byte(const byte *p, const byte *end)
{
    if (p == end || strchr("^$*+?.([%-)", *p) || !*p)
        return -1;
    if (p + 1 < end && strchr("*?-", p[1]) && p[1])
        return -1;
    return *p;
}

static int find_on(lua_State *L, int status, lua_KContext at);
static int match_on(lua_State *L, int status, lua_KContext at);

/* How the search goes on from a place, with so many steps left. Stack top, after it has
 * given way: the steps. */
static int find_from(lua_State *L, size_t start, int64_t steps,
                     bool wants_place)
{
    size_t n, pn;
    const byte *s = (const byte *)lua_tolstring(L, 1, &n), *at, *e;
    const byte *p = (const byte *)lua_tolstring(L, 2, &pn);
    bool anchored = *p == '^';
    struct matching m;
    int first;

    p += anchored;
    pn -= anchored;
    matching_init(&m, L, s, n, p, pn);
    if (steps >= 0)
        m.steps = steps;
    first = anchored ? -1 : first_byte(p, p + pn);
    for (at = s + start; at <= s + n; at++) {
        if (first >= 0 && !(at = memchr(at, first, (size_t)(s + n - at))))
            break;
        if (matching_wants_way(&m)) {
            lua_pushinteger(L, m.steps);
            return watchdog_give_way(L, at - s,
                                     wants_place ? find_on : match_on);
        }
        e = match_at(&m, at, p);
        if (e && wants_place) {
            lua_pushinteger(L, at - s + 1);
            lua_pushinteger(L, e - s);
            return match_push_captures(&m, NULL, NULL) + 2;
        }
        if (e)
            return match_push_captures(&m, at, e);
        if (anchored)
            break;
    }
    luaL_pushfail(L);
    return 1;
}

/* Popped: a long search gives way often. */
static int64_t pop_steps(lua_State *L)
{
    lua_Integer steps = lua_tointeger(L, -1);

    lua_pop(L, 1);
    return steps;
}

static int find_on(lua_State *L, int status, lua_KContext at)
{
    (void)status;
    return find_from(L, (size_t)at, pop_steps(L), true);
}

static int match_on(lua_State *L, int status, lua_KContext at)
{
    (void)status;
    return find_from(L, (size_t)at, pop_steps(L), false);
}

static int find(lua_State *L, bool wants_place)
{
    size_t n, pn;
    const byte *s = (const byte *)luaL_checklstring(L, 1, &n);
    const byte *p = (const byte *)luaL_checklstring(L, 2, &pn);
    size_t start = start_of(luaL_optinteger(L, 3, 1), n);

    if (start > n) {
        luaL_pushfail(L);
        return 1;
    }
    if (wants_place && (lua_toboolean(L, 4) || is_plain(p, pn)))
        return find_plain(L, s, n, start, p, pn);
    return find_from(L, start, -1, wants_place);
}

static int l_find(lua_State *L)
{
    return find(L, true);
}

static int l_match(lua_State *L)
{
    return find(L, false);
}

/* --- gmatch -------------------------------------------------------------------------- */

struct walk {
    size_t at;     /* from where the next one is looked for */
    size_t last;   /* where the one before ended; SIZE_MAX: there was none */
    int64_t steps; /* left, when it gave way */
};

static int gmatch_on(lua_State *L, int status, lua_KContext ctx);

/* Upvalues: text, pattern, struct walk. */
static int gmatch_from(lua_State *L, bool again)
{
    size_t n, pn;
    const byte *s, *p;
    struct walk *walk = lua_touserdata(L, lua_upvalueindex(3));
    struct matching m;

    s = (const byte *)lua_tolstring(L, lua_upvalueindex(1), &n);
    p = (const byte *)lua_tolstring(L, lua_upvalueindex(2), &pn);
    matching_init(&m, L, s, n, p, pn);
    if (again)
        m.steps = walk->steps;
    for (; walk->at <= n; walk->at++) {
        const byte *from = s + walk->at, *e;

        if (matching_wants_way(&m)) {
            walk->steps = m.steps;
            return watchdog_give_way(L, 0, gmatch_on);
        }
        e = match_at(&m, from, p);
        if (e && (size_t)(e - s) != walk->last) {
            walk->at = walk->last = (size_t)(e - s);
            return match_push_captures(&m, from, e);
        }
    }
    return 0;
}

static int gmatch_on(lua_State *L, int status, lua_KContext ctx)
{
    (void)status;
    (void)ctx;
    return gmatch_from(L, true);
}

static int gmatch_next(lua_State *L)
{
    return gmatch_from(L, false);
}

static int l_gmatch(lua_State *L)
{
    size_t n;
    struct walk *walk;
    size_t start;

    luaL_checklstring(L, 1, &n);
    luaL_checkstring(L, 2);
    start = start_of(luaL_optinteger(L, 3, 1), n);
    lua_settop(L, 2);
    walk = lua_newuserdatauv(L, sizeof(*walk), 0);
    *walk = (struct walk){ start > n ? n + 1 : start, SIZE_MAX, 0 };
    lua_pushcclosure(L, gmatch_next, 3);
    return 1;
}

static const luaL_Reg functions[] = {
    { "find", l_find },
    { "gmatch", l_gmatch },
    { "match", l_match },
    { NULL, NULL },
};

void safe_pattern_set(lua_State *L)
{
    luaL_setfuncs(L, functions, 0);
    safe_gsub_set(L);
}
