/*
 * safe_pattern.c - see safe_pattern.h. The language of patterns is that of Lua's
 * manual, §6.4.1.
 *
 * A pattern is read while it is matched: an item is a single character class with
 * what follows it (* + - ?), or one of ( ) %b %f %1 $. match() goes on from item to
 * item and calls itself only where it may have to come back.
 */
#include "script/safe_pattern.h"

#include <ctype.h>
#include <lauxlib.h>
#include <stdint.h>
#include <string.h>

#include "script/vm.h"

#define CAPTURES_MAX 32 /* LUA_MAXCAPTURES */
#define DEPTH_MAX 200   /* of match() in itself */
#define STEPS_PER_BYTE 4

typedef unsigned char byte;

enum { OPEN = -1, POSITION = -2 }; /* for the length of a capture */

struct capture {
    const byte *p;
    ptrdiff_t n; /* or OPEN, POSITION */
};

struct matching {
    lua_State *L;
    const byte *text, *text_end, *pattern_end;
    int64_t steps; /* left */
    int depth;     /* left */
    int n;         /* of captures */
    struct capture captures[CAPTURES_MAX];
};

static const byte *match(struct matching *m, const byte *s, const byte *p);

static void matching_init(struct matching *m, lua_State *L, const byte *text,
                          size_t text_n, const byte *pattern, size_t pattern_n)
{
    m->L = L;
    m->text = text;
    m->text_end = text + text_n;
    m->pattern_end = pattern + pattern_n;
    m->depth = DEPTH_MAX;
    m->steps = vm_of(L)->limits.pattern_steps;
    m->steps = m->steps ? m->steps + (int64_t)text_n * STEPS_PER_BYTE
                        : INT64_MAX; /* no limit was set */
}

static int too_many_steps(struct matching *m)
{
    return luaL_error(m->L,
                      "pattern too complex: %I steps (PATTERN_STEPS) were not "
                      "enough for this text of %I bytes",
                      (LUAI_UACINT)vm_of(m->L)->limits.pattern_steps,
                      (LUAI_UACINT)(m->text_end - m->text));
}

static inline void step(struct matching *m, int64_t n)
{
    m->steps -= n;
    if (__builtin_expect(m->steps < 0, 0))
        too_many_steps(m);
}

/* --- one character ---------------------------------------------------------------- */

static inline bool in_class(int c, int class)
{
    bool in;

    switch (class | 0x20) { /* lower case; nothing but letters become letters */
    case 'a': in = isalpha(c) != 0; break;
    case 'c': in = iscntrl(c) != 0; break;
    case 'd': in = isdigit(c) != 0; break;
    case 'g': in = isgraph(c) != 0; break;
    case 'l': in = islower(c) != 0; break;
    case 'p': in = ispunct(c) != 0; break;
    case 's': in = isspace(c) != 0; break;
    case 'u': in = isupper(c) != 0; break;
    case 'w': in = isalnum(c) != 0; break;
    case 'x': in = isxdigit(c) != 0; break;
    case 'z': in = c == 0; break; /* not in the manual any more */
    default: return class == c;
    }
    return in == ((class & 0x20) != 0); /* upper case: all others */
}

/* p: at its [, end: at its ]. */
static bool in_set(int c, const byte *p, const byte *end)
{
    bool found = true;

    if (p[1] == '^') {
        found = false;
        p++;
    }
    while (++p < end) {
        if (*p == '%') {
            p++;
            if (in_class(c, *p))
                return found;
        } else if (p[1] == '-' && p + 2 < end) {
            if (p[0] <= c && c <= p[2])
                return found;
            p += 2;
        } else if (*p == c) {
            return found;
        }
    }
    return !found;
}

/* Behind the class that begins at p. */
static const byte *class_end(struct matching *m, const byte *p)
{
    const byte *end = m->pattern_end;

    if (*p == '%') {
        if (p + 1 == end)
            luaL_error(m->L, "malformed pattern (ends with '%%')");
        return p + 2;
    }
    if (*p != '[')
        return p + 1;
    p += p[1] == '^' ? 2 : 1;
    do { /* a ] that comes first is one of the set */
        if (p == end)
            luaL_error(m->L, "malformed pattern (missing ']')");
        p += *p == '%' && p + 1 < end ? 2 : 1;
    } while (p >= end || *p != ']');
    return p + 1;
}

/* Does the class from p to end have what stands at s? */
static inline bool fits(const struct matching *m, const byte *s, const byte *p,
                        const byte *end)
{
    if (s >= m->text_end)
        return false;
    switch (*p) {
    case '.': return true;
    case '%': return in_class(*s, p[1]);
    case '[': return in_set(*s, p, end - 1);
    default: return *p == *s;
    }
}

/* How many in a row fit, from s on. */
static ptrdiff_t count_fitting(const struct matching *m, const byte *s,
                               const byte *p, const byte *end)
{
    const byte *start = s;

    switch (*p) {
    case '.': return m->text_end - s;
    case '%':
        while (s < m->text_end && in_class(*s, p[1]))
            s++;
        break;
    case '[':
        while (s < m->text_end && in_set(*s, p, end - 1))
            s++;
        break;
    default:
        while (s < m->text_end && *s == *p)
            s++;
    }
    return s - start;
}

/* --- items ------------------------------------------------------------------------ */

static const byte *match_most(struct matching *m, const byte *s, const byte *p,
                              const byte *end)
{
    ptrdiff_t n = count_fitting(m, s, p, end);

    step(m, n);
    for (; n >= 0; n--) {
        const byte *rest = match(m, s + n, end + 1);

        if (rest)
            return rest;
    }
    return NULL;
}

static const byte *match_least(struct matching *m, const byte *s, const byte *p,
                               const byte *end)
{
    for (;;) {
        const byte *rest = match(m, s, end + 1);

        if (rest)
            return rest;
        if (!fits(m, s, p, end))
            return NULL;
        s++;
    }
}

static const byte *begin_capture(struct matching *m, const byte *s,
                                 const byte *p, int n)
{
    const byte *rest;

    if (m->n >= CAPTURES_MAX)
        luaL_error(m->L, "too many captures");
    m->captures[m->n++] = (struct capture){ s, n };
    rest = match(m, s, p);
    if (!rest)
        m->n--;
    return rest;
}

static const byte *end_capture(struct matching *m, const byte *s, const byte *p)
{
    struct capture *c = NULL;
    const byte *rest;

    for (int i = m->n - 1; i >= 0 && !c; i--)
        if (m->captures[i].n == OPEN)
            c = &m->captures[i];
    if (!c) {
        luaL_error(m->L, "invalid pattern capture");
        return NULL;
    }
    c->n = s - c->p;
    rest = match(m, s, p);
    if (!rest)
        c->n = OPEN;
    return rest;
}

/* %bxy: behind the y that closes it, or NULL. p: at the x. */
static const byte *match_balanced(struct matching *m, const byte *s,
                                  const byte *p)
{
    const byte *start = s;
    int open = 1;

    if (p + 1 >= m->pattern_end)
        luaL_error(m->L, "malformed pattern (missing arguments to '%%b')");
    if (s >= m->text_end || *s != p[0])
        return NULL;
    while (++s < m->text_end) {
        if (*s == p[1]) {
            if (--open == 0)
                break;
        } else if (*s == p[0]) {
            open++;
        }
    }
    step(m, s - start);
    return s < m->text_end ? s + 1 : NULL;
}

/* %f[set]: behind the pattern's part, or NULL. p: at the [. */
static const byte *match_frontier(struct matching *m, const byte *s,
                                  const byte *p)
{
    int before = s == m->text ? '\0' : s[-1];
    int after = *s; /* at the end, the string's own '\0' */
    const byte *end;

    if (*p != '[')
        luaL_error(m->L, "missing '[' after '%%f' in pattern");
    end = class_end(m, p);
    return !in_set(before, p, end - 1) && in_set(after, p, end - 1) ? end
                                                                    : NULL;
}

/* %1 … %9: behind the same text again, or NULL. */
static const byte *match_again(struct matching *m, const byte *s, int digit)
{
    int i = digit - '1';
    const struct capture *c;

    if (i < 0 || i >= m->n || m->captures[i].n == OPEN) {
        luaL_error(m->L, "invalid capture index %%%d", i + 1);
        return NULL;
    }
    c = &m->captures[i];
    if (c->n == POSITION || m->text_end - s < c->n)
        return NULL;
    step(m, c->n);
    return memcmp(c->p, s, (size_t)c->n) == 0 ? s + c->n : NULL;
}

/* Where the text ends that the pattern from p on fits from s on, or NULL. */
static const byte *match_items(struct matching *m, const byte *s, const byte *p)
{
    const byte *end, *rest;

    for (; p != m->pattern_end; step(m, 1)) {
        switch (*p) {
        case '(':
            return p[1] == ')' ? begin_capture(m, s, p + 2, POSITION)
                               : begin_capture(m, s, p + 1, OPEN);
        case ')': return end_capture(m, s, p + 1);
        case '$':
            if (p + 1 == m->pattern_end)
                return s == m->text_end ? s : NULL;
            break;
        case '%':
            if (p[1] == 'b') {
                if (!(s = match_balanced(m, s, p + 2)))
                    return NULL;
                p += 4;
                continue;
            }
            if (p[1] == 'f') {
                if (!(p = match_frontier(m, s, p + 2)))
                    return NULL;
                continue;
            }
            if (p[1] >= '0' && p[1] <= '9') {
                if (!(s = match_again(m, s, p[1])))
                    return NULL;
                p += 2;
                continue;
            }
            break;
        default: break;
        }
        end = class_end(m, p);
        switch (end < m->pattern_end ? *end : '\0') {
        case '*': return match_most(m, s, p, end);
        case '-': return match_least(m, s, p, end);
        case '+':
            return fits(m, s, p, end) ? match_most(m, s + 1, p, end) : NULL;
        case '?':
            if (fits(m, s, p, end) && (rest = match(m, s + 1, end + 1)))
                return rest;
            p = end + 1;
            break;
        default:
            if (!fits(m, s, p, end))
                return NULL;
            s++;
            p = end;
        }
    }
    return s;
}

static const byte *match(struct matching *m, const byte *s, const byte *p)
{
    if (m->depth-- == 0)
        luaL_error(m->L, "pattern too complex");
    step(m, 1);
    s = match_items(m, s, p);
    m->depth++;
    return s;
}

/* From s on, with nothing captured yet. */
static const byte *match_at(struct matching *m, const byte *s, const byte *p)
{
    m->n = 0;
    m->depth = DEPTH_MAX;
    return match(m, s, p);
}

/* --- captures as values ------------------------------------------------------------- */

/* The text of capture i (from 0; without any, the 0th is all of s … e). A position is
 * pushed, then *n is POSITION. */
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
    if (c->n == OPEN)
        luaL_error(m->L, "unfinished capture");
    if (c->n == POSITION)
        lua_pushinteger(m->L, c->p - m->text + 1);
    return c->p;
}

static void push_capture(const struct matching *m, int i, const byte *s,
                         const byte *e)
{
    ptrdiff_t n;
    const byte *p = get_capture(m, i, s, e, &n);

    if (n != POSITION)
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

            if (cn == POSITION)
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
