/* safe_pattern.c - see safe_pattern.h. What fits is found by safe_match.c. */
#include "script/safe_pattern.h"

#include <ctype.h>
#include <lauxlib.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "script/safe_match.h"

/* --- captures as values ------------------------------------------------------------- */

/* The text of capture i (from 0; without any, the 0th is all of s … e). A position is
 * pushed, then *n is CAPTURE_POSITION. */
static const byte *get_capture(const struct matching *m, int i, const byte *s,
                               const byte *e, ptrdiff_t *n)
{
    const struct capture *c = &m->captures[i];

    if (i >= m->n) {
        if (i != 0)
            luaL_error(m->L, "invalid capture index %%%d", i + 1);
        *n = e - s;
        return s;
    }
    *n = c->n;
    if (c->n == CAPTURE_OPEN)
        luaL_error(m->L, "unfinished capture");
    if (c->n == CAPTURE_POSITION)
        lua_pushinteger(m->L, c->p - m->text + 1);
    return c->p;
}

static void push_capture(const struct matching *m, int i, const byte *s,
                         const byte *e)
{
    ptrdiff_t n;
    const byte *p = get_capture(m, i, s, e, &n);

    if (n != CAPTURE_POSITION)
        lua_pushlstring(m->L, (const char *)p, (size_t)n);
}

/* All of them; without any, s … e, unless s is NULL. */
static int push_captures(const struct matching *m, const byte *s, const byte *e)
{
    int n = m->n == 0 && s ? 1 : m->n;

    luaL_checkstack(m->L, n, "too many captures");
    for (int i = 0; i < n; i++)
        push_capture(m, i, s, e);
    return n;
}

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

static int find(lua_State *L, bool wants_place)
{
    size_t n, pn;
    const byte *s = (const byte *)luaL_checklstring(L, 1, &n), *at, *e;
    const byte *p = (const byte *)luaL_checklstring(L, 2, &pn);
    size_t start = start_of(luaL_optinteger(L, 3, 1), n);
    struct matching m;
    bool anchored;
    int first;

    if (start > n) {
        luaL_pushfail(L);
        return 1;
    }
    if (wants_place && (lua_toboolean(L, 4) || is_plain(p, pn)))
        return find_plain(L, s, n, start, p, pn);
    anchored = *p == '^';
    if (anchored) {
        p++;
        pn--;
    }
    matching_init(&m, L, s, n, p, pn);
    first = anchored ? -1 : first_byte(p, p + pn);
    for (at = s + start; at <= s + n; at++) {
        if (first >= 0 && !(at = memchr(at, first, (size_t)(s + n - at))))
            break;
        e = match_at(&m, at, p);
        if (e && wants_place) {
            lua_pushinteger(L, at - s + 1);
            lua_pushinteger(L, e - s);
            return push_captures(&m, NULL, NULL) + 2;
        }
        if (e)
            return push_captures(&m, at, e);
        if (anchored)
            break;
    }
    luaL_pushfail(L);
    return 1;
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
    size_t at;   /* from where the next one is looked for */
    size_t last; /* where the one before ended; SIZE_MAX: there was none */
};

/* Upvalues: text, pattern, struct walk. */
static int gmatch_next(lua_State *L)
{
    size_t n, pn;
    const byte *s, *p;
    struct walk *walk = lua_touserdata(L, lua_upvalueindex(3));
    struct matching m;

    s = (const byte *)lua_tolstring(L, lua_upvalueindex(1), &n);
    p = (const byte *)lua_tolstring(L, lua_upvalueindex(2), &pn);
    matching_init(&m, L, s, n, p, pn);
    for (; walk->at <= n; walk->at++) {
        const byte *from = s + walk->at, *e = match_at(&m, from, p);

        if (e && (size_t)(e - s) != walk->last) {
            walk->at = walk->last = (size_t)(e - s);
            return push_captures(&m, from, e);
        }
    }
    return 0;
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
    *walk = (struct walk){ start > n ? n + 1 : start, SIZE_MAX };
    lua_pushcclosure(L, gmatch_next, 3);
    return 1;
}

/* --- gsub ---------------------------------------------------------------------------- */

/* The string at 3, with %0 … %9 in it. */
static void add_template(struct matching *m, luaL_Buffer *b, const byte *s,
                         const byte *e)
{
    size_t n;
    const char *p = lua_tolstring(m->L, 3, &n), *end = p + n, *mark;

    while ((mark = memchr(p, '%', (size_t)(end - p)))) {
        luaL_addlstring(b, p, (size_t)(mark - p));
        p = mark + 2;
        if (mark[1] == '%') {
            luaL_addchar(b, '%');
        } else if (mark[1] == '0') {
            luaL_addlstring(b, (const char *)s, (size_t)(e - s));
        } else if (isdigit((byte)mark[1])) {
            ptrdiff_t cn;
            const byte *c = get_capture(m, mark[1] - '1', s, e, &cn);

            if (cn == CAPTURE_POSITION)
                luaL_addvalue(b);
            else
                luaL_addlstring(b, (const char *)c, (size_t)cn);
        } else {
            luaL_error(m->L, "invalid use of '%c' in replacement string", '%');
        }
    }
    luaL_addlstring(b, p, (size_t)(end - p));
}

/* What a match becomes. Returns whether it is something else. */
static bool add_replacement(struct matching *m, luaL_Buffer *b, const byte *s,
                            const byte *e, int type)
{
    lua_State *L = m->L;

    if (type == LUA_TFUNCTION) {
        lua_pushvalue(L, 3);
        lua_call(L, push_captures(m, s, e), 1);
    } else if (type == LUA_TTABLE) {
        push_capture(m, 0, s, e);
        lua_gettable(L, 3);
    } else {
        add_template(m, b, s, e);
        return true;
    }
    if (!lua_toboolean(L, -1)) {
        lua_pop(L, 1);
        luaL_addlstring(b, (const char *)s, (size_t)(e - s));
        return false;
    }
    if (!lua_isstring(L, -1))
        luaL_error(L, "invalid replacement value (a %s)", luaL_typename(L, -1));
    luaL_addvalue(b);
    return true;
}

static int l_gsub(lua_State *L)
{
    size_t n, pn;
    const byte *s = (const byte *)luaL_checklstring(L, 1, &n), *last = NULL;
    const byte *p = (const byte *)luaL_checklstring(L, 2, &pn), *e;
    int type = lua_type(L, 3);
    lua_Integer max = luaL_optinteger(L, 4, (lua_Integer)n + 1), done = 0;
    bool anchored = *p == '^', changed = false;
    struct matching m;
    luaL_Buffer b;

    luaL_argexpected(L,
                     type == LUA_TNUMBER || type == LUA_TSTRING ||
                         type == LUA_TFUNCTION || type == LUA_TTABLE,
                     3, "string/function/table");
    luaL_buffinit(L, &b);
    p += anchored;
    matching_init(&m, L, s, n, p, pn - anchored);
    while (done < max) {
        e = match_at(&m, s, p);
        if (e && e != last) {
            done++;
            changed |= add_replacement(&m, &b, s, e, type);
            s = last = e;
        } else if (s < m.text_end) {
            luaL_addchar(&b, (char)*s++);
        } else {
            break;
        }
        if (anchored)
            break;
    }
    if (changed) {
        luaL_addlstring(&b, (const char *)s, (size_t)(m.text_end - s));
        luaL_pushresult(&b);
    } else {
        lua_pushvalue(L, 1);
    }
    lua_pushinteger(L, done);
    return 2;
}

static const luaL_Reg functions[] = {
    { "find", l_find },   { "gmatch", l_gmatch }, { "gsub", l_gsub },
    { "match", l_match }, { NULL, NULL },
};

void safe_pattern_set(lua_State *L)
{
    luaL_setfuncs(L, functions, 0);
}
