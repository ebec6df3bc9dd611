/* pattern.c - see pattern.h. */
#include "script/pattern.h"

#include <ctype.h>
#include <lauxlib.h>
#include <string.h>

#define CAPTURES_MAX 32 /* LUA_MAXCAPTURES */

/* --- well-formed? ------------------------------------------------------------------ */

struct reading {
    const char *p;
    int captures;            /* begun so far */
    bool open[CAPTURES_MAX]; /* those that have not ended */
    struct err *err;
};

static bool malformed(struct reading *r, const char *why)
{
    return err_set(r->err, ERR_CONFIG, "%s", why);
}

static bool begin_capture(struct reading *r)
{
    if (r->captures == CAPTURES_MAX)
        return malformed(r, "too many captures");
    r->open[r->captures++] = true;
    r->p++;
    return true;
}

static bool end_capture(struct reading *r)
{
    int i = r->captures;

    while (i > 0 && !r->open[i - 1])
        i--;
    if (i == 0)
        return malformed(r, "invalid pattern capture");
    r->open[i - 1] = false;
    r->p++;
    return true;
}

/* [a-z], with its brackets. The first character may be a ] */
static bool read_set(struct reading *r)
{
    const char *p = r->p + 1;

    if (*p == '^')
        p++;
    do {
        if (!*p)
            return malformed(r, "malformed pattern (missing ']')");
        if (*p == '%' && p[1])
            p++;
        p++;
    } while (*p != ']');
    r->p = p + 1;
    return true;
}

static bool read_escape(struct reading *r)
{
    char c = r->p[1];
    int i = c - '1';

    if (!c)
        return malformed(r, "malformed pattern (ends with '%')");
    r->p += 2;
    if (c == 'b') {
        if (!r->p[0] || !r->p[1])
            return malformed(r,
                             "malformed pattern (missing arguments to '%b')");
        r->p += 2;
    } else if (c == 'f') {
        if (*r->p != '[')
            return malformed(r, "missing '[' after '%f' in pattern");
        return read_set(r);
    } else if (isdigit((unsigned char)c) &&
               (i < 0 || i >= r->captures || r->open[i])) {
        return err_set(r->err, ERR_CONFIG, "invalid capture index %%%c", c);
    }
    return true;
}

bool pattern_check(const char *pattern, struct err *err)
{
    struct reading r = { .p = pattern, .err = err };
    bool ok = true;

    if (!strpbrk(pattern, "^$*+?.([%-"))
        return true; /* string.find() takes it as it is, also ")" */
    if (*r.p == '^')
        r.p++;
    while (ok && *r.p) {
        switch (*r.p) {
        case '(': ok = begin_capture(&r); break;
        case ')': ok = end_capture(&r); break;
        case '[': ok = read_set(&r); break;
        case '%': ok = read_escape(&r); break;
        default: r.p++; break;
        }
    }
    for (int i = 0; ok && i < r.captures; i++)
        if (r.open[i])
            ok = malformed(&r, "unfinished capture");
    return ok;
}

/* --- matching ------------------------------------------------------------------------ */

struct match {
    const char *pattern;
    struct slice text;
    bool found;
};

static int find(lua_State *L)
{
    struct match *match = lua_touserdata(L, 1);

    lua_pushlstring(L, match->text.p, match->text.n);
    lua_getfield(L, -1, "find"); /* the methods of strings: out of reach */
    lua_insert(L, -2);
    lua_pushstring(L, match->pattern);
    lua_call(L, 2, 1);
    match->found = !lua_isnil(L, -1);
    return 0;
}

bool pattern_matches(const char *pattern, struct slice text, void *arg)
{
    struct match match = { pattern, text, false };
    lua_State *L = arg;

    if (!lua_checkstack(L, 8))
        return false;
    lua_pushcfunction(L, find);
    lua_pushlightuserdata(L, &match);
    if (lua_pcall(L, 1, 0, 0) != LUA_OK)
        lua_pop(L, 1);
    return match.found;
}
