/*
 * safe_gsub.c - see safe_gsub.h.
 *
 * Stack: text, pattern, replacement, nothing, the work or nothing, a buffer or nothing.
 * Where nothing can be called and the text is short, the work is on the C stack.
 */
#include "script/safe_gsub.h"

#include <ctype.h>
#include <lauxlib.h>
#include <stdbool.h>
#include <string.h>

#include "script/safe_match.h"
#include "script/watchdog.h"

#define SHORT 16384 /* bytes of a text: done in a millisecond */
#define ROOM 1024   /* of the result, before it needs a buffer */
#define ROOM_WAITING 256
#define NOWHERE SIZE_MAX

enum { TEXT = 1, PATTERN, REPLACEMENT, MOST, WORK, BUFFER };

enum kind { TEMPLATE, TABLE, INDEXED, FUNCTION };

struct work {
    enum kind kind;
    bool anchored, changed, may_yield;
    size_t from, at;  /* the match; or from where on one is looked for: at */
    size_t last;      /* where the one before ended */
    lua_Integer done; /* matches */
    lua_Integer most;
    int64_t steps; /* left; < 0: all */
    char *out;
    size_t n, size; /* of what is there; of its room */
};

struct place { /* for it, and for what it makes */
    struct work work;
    char room[ROOM];
};

/* --- the result -------------------------------------------------------------------- */

static void grow(lua_State *L, struct work *w, size_t n)
{
    size_t size = w->size * 2 > w->n + n ? w->size * 2 : w->n + n;
    char *out = lua_newuserdatauv(L, size, 0);

    memcpy(out, w->out, w->n);
    lua_replace(L, BUFFER);
    w->out = out;
    w->size = size;
}

static inline void add(lua_State *L, struct work *w, const void *text, size_t n)
{
    if (n > w->size - w->n)
        grow(L, w, n);
    memcpy(w->out + w->n, text, n);
    w->n += n;
}

static inline void add_char(lua_State *L, struct work *w, byte c)
{
    if (w->n == w->size)
        grow(L, w, 1);
    w->out[w->n++] = (char)c;
}

/* The string or number at the top; popped. */
static void add_top(lua_State *L, struct work *w)
{
    size_t n;
    const char *text = lua_tolstring(L, -1, &n);

    add(L, w, text, n);
    lua_pop(L, 1);
}

/* --- one match --------------------------------------------------------------------- */

/* The replacement is a string, with %0 … %9 in it. */
static void add_template(struct work *w, const struct matching *m,
                         const byte *s, const byte *e)
{
    lua_State *L = m->L;
    size_t n;
    const char *p = lua_tolstring(L, REPLACEMENT, &n), *end = p + n, *mark;

    while ((mark = memchr(p, '%', (size_t)(end - p)))) {
        add(L, w, p, (size_t)(mark - p));
        p = mark + 2;
        if (mark[1] == '%') {
            add_char(L, w, '%');
        } else if (mark[1] == '0') {
            add(L, w, s, (size_t)(e - s));
        } else if (isdigit((byte)mark[1])) {
            ptrdiff_t cn;
            const byte *c = match_capture(m, mark[1] - '1', s, e, &cn);

            if (cn == CAPTURE_POSITION)
                add_top(L, w);
            else
                add(L, w, c, (size_t)cn);
        } else {
            luaL_error(L, "invalid use of '%c' in replacement string", '%');
        }
    }
    add(L, w, p, (size_t)(end - p));
    w->changed = true;
}

/* Stack top: what the function or the table has for the match; popped. */
static void take(lua_State *L, struct work *w)
{
    const char *text = lua_tostring(L, TEXT);

    if (!lua_toboolean(L, -1)) {
        lua_pop(L, 1);
        add(L, w, text + w->from, w->at - w->from);
        return;
    }
    if (!lua_isstring(L, -1))
        luaL_error(L, "invalid replacement value (a %s)", luaL_typename(L, -1));
    add_top(L, w);
    w->changed = true;
}

static int go_on(lua_State *L, int status, lua_KContext ctx);

/* May yield: nothing of the C stack is used after that. */
static void replace(struct work *w, const struct matching *m)
{
    lua_State *L = m->L;
    const byte *s = m->text + w->from, *e = m->text + w->at;

    switch (w->kind) {
    case TEMPLATE: add_template(w, m, s, e); return;
    case TABLE:
        match_push_capture(m, 0, s, e);
        lua_gettable(L, REPLACEMENT);
        break;
    case INDEXED:
        lua_pushvalue(L, REPLACEMENT);
        match_push_capture(m, 0, s, e);
        lua_callk(L, 1, 1, true, go_on);
        break;
    case FUNCTION:
        lua_pushvalue(L, REPLACEMENT);
        lua_callk(L, match_push_captures(m, s, e), 1, true, go_on);
    }
    take(L, w);
}

/* --- all of them -------------------------------------------------------------------- */

enum found { FOUND, WANTS_WAY, AT_END };

/* The next match; what does not match goes into the result. */
static enum found find_next(struct work *w, struct matching *m, const byte *p)
{
    const byte *begin = m->text + w->at, *s = begin, *e = NULL;
    const byte *last = w->last == NOWHERE ? NULL : m->text + w->last;
    enum found found = AT_END;

    if (w->done >= w->most || (w->anchored && w->done))
        return AT_END;
    for (;; s++) {
        if (w->may_yield && matching_wants_way(m)) {
            found = WANTS_WAY;
            break;
        }
        e = match_at(m, s, p);
        if (e && e != last) {
            found = FOUND;
            break;
        }
        if (s == m->text_end || w->anchored)
            break;
    }
    add(m->L, w, begin, (size_t)(s - begin));
    w->at = w->from = (size_t)(s - m->text);
    if (found == FOUND) {
        w->at = w->last = (size_t)(e - m->text);
        w->done++;
    }
    return found;
}

static int end(lua_State *L, struct work *w, const struct matching *m)
{
    if (w->changed) {
        add(L, w, m->text + w->at, (size_t)(m->text_end - m->text) - w->at);
        lua_pushlstring(L, w->out, w->n);
    } else {
        lua_pushvalue(L, TEXT);
    }
    lua_pushinteger(L, w->done);
    return 2;
}

static int run(lua_State *L, struct work *w)
{
    size_t n, pn;
    const byte *s = (const byte *)lua_tolstring(L, TEXT, &n);
    const byte *p = (const byte *)lua_tolstring(L, PATTERN, &pn);
    enum found found;
    struct matching m;

    p += w->anchored;
    matching_init(&m, L, s, n, p, pn - w->anchored);
    if (w->steps >= 0)
        m.steps = m.look = w->steps;
    while ((found = find_next(w, &m, p)) == FOUND) {
        w->steps = m.steps;
        replace(w, &m);
    }
    w->steps = m.steps;
    return found == AT_END ? end(L, w, &m) : watchdog_give_way(L, false, go_on);
}

/* Stack top, if there is a result: that of the call that has waited. */
static int go_on(lua_State *L, int status, lua_KContext has_result)
{
    struct work *w = lua_touserdata(L, WORK);

    (void)status;
    if (has_result)
        take(L, w);
    return run(L, w);
}

static enum kind find_kind(lua_State *L)
{
    switch (lua_type(L, REPLACEMENT)) {
    case LUA_TFUNCTION: return FUNCTION;
    case LUA_TTABLE:
        if (luaL_getmetafield(L, REPLACEMENT, "__index") == LUA_TNIL)
            return TABLE;
        lua_pop(L, 1);
        return INDEXED;
    default: return TEMPLATE;
    }
}

/* string.gsub(s, pattern, replacement [, n]). Upvalue: makes of a table the function that
 * indexes it. */
static int l_gsub(lua_State *L)
{
    size_t n;
    const char *pattern;
    lua_Integer most;
    int type = lua_type(L, REPLACEMENT);
    struct work first;

    luaL_checklstring(L, TEXT, &n);
    pattern = luaL_checkstring(L, PATTERN);
    most = luaL_optinteger(L, MOST, (lua_Integer)n + 1);
    luaL_argexpected(L,
                     type == LUA_TNUMBER || type == LUA_TSTRING ||
                         type == LUA_TFUNCTION || type == LUA_TTABLE,
                     REPLACEMENT, "string/function/table");
    first = (struct work){ .kind = find_kind(L),
                           .anchored = *pattern == '^',
                           .last = NOWHERE,
                           .most = most,
                           .steps = -1 };
    lua_settop(L, BUFFER);
    if (first.kind <= TABLE && n <= SHORT) {
        struct place here;

        here.work = first;
        here.work.out = here.room;
        here.work.size = sizeof(here.room);
        return run(L, &here.work);
    }
    if (first.kind == INDEXED) {
        lua_pushvalue(L, lua_upvalueindex(1));
        lua_pushvalue(L, REPLACEMENT);
        lua_call(L, 1, 1);
        lua_replace(L, REPLACEMENT);
    }
    struct work *w = lua_newuserdatauv(L, sizeof(*w) + ROOM_WAITING, 0);

    *w = first;
    w->may_yield = true;
    w->out = (char *)(w + 1);
    w->size = ROOM_WAITING;
    lua_replace(L, WORK);
    return run(L, w);
}

void safe_gsub_set(lua_State *L)
{
    static const char text[] = "local t = ...\n"
                               "return function(k) return t[k] end";

    if (luaL_loadbufferx(L, text, sizeof(text) - 1, "=string.gsub", "t") !=
        LUA_OK)
        lua_error(L);
    lua_pushcclosure(L, l_gsub, 1);
    lua_setfield(L, -2, "gsub");
}
