/*
 * safe_match.c - see safe_match.h. The language of patterns is that of Lua's
 * manual, §6.4.1.
 *
 * A pattern is read while it is matched: an item is a single character class with
 * what follows it (* + - ?), or one of ( ) %b %f %1 $. match() goes on from item to
 * item and calls itself only where it may have to come back.
 */
#include "script/safe_match.h"

#include <ctype.h>
#include <lauxlib.h>
#include <string.h>

#include "script/vm.h"
#include "script/watchdog.h"

#define DEPTH_MAX 200 /* of match() in itself */
#define STEPS_PER_BYTE 4
#define AT_ONCE 4 /* so much of the limit is a part that can't give way */
#define STEPS_PER_LOOK 20000 /* some 0.1 ms */

static const byte *match(struct matching *m, const byte *s, const byte *p);

void matching_init(struct matching *m, lua_State *L, const byte *text,
                   size_t text_n, const byte *pattern, size_t pattern_n)
{
    int64_t limit = vm_of(L)->limits.pattern_steps;

    m->L = L;
    m->text = text;
    m->text_end = text + text_n;
    m->pattern_end = pattern + pattern_n;
    m->depth = DEPTH_MAX;
    m->steps = m->at_once = INT64_MAX;
    if (limit) {
        m->steps = limit + (int64_t)text_n * STEPS_PER_BYTE;
        m->at_once = limit / AT_ONCE + (int64_t)text_n * STEPS_PER_BYTE;
    }
    m->look = m->steps;
}

static int too_many_steps(struct matching *m)
{
    int64_t limit = vm_of(m->L)->limits.pattern_steps;

    return luaL_error(m->L,
                      "pattern too complex: %I steps (%sPATTERN_STEPS) were "
                      "not enough for %s of %I bytes",
                      (LUAI_UACINT)(m->floor ? limit / AT_ONCE : limit),
                      m->floor ? "a quarter of " : "",
                      m->floor ? "one place in this text" : "this text",
                      (LUAI_UACINT)(m->text_end - m->text));
}

static inline void step(struct matching *m, int64_t n)
{
    m->steps -= n;
    if (__builtin_expect(m->steps < m->floor, 0))
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
        if (m->captures[i].n == CAPTURE_OPEN)
            c = &m->captures[i];
    if (!c) {
        luaL_error(m->L, "invalid pattern capture");
        return NULL;
    }
    c->n = s - c->p;
    rest = match(m, s, p);
    if (!rest)
        c->n = CAPTURE_OPEN;
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

    if (i < 0 || i >= m->n || m->captures[i].n == CAPTURE_OPEN) {
        luaL_error(m->L, "invalid capture index %%%d", i + 1);
        return NULL;
    }
    c = &m->captures[i];
    if (c->n == CAPTURE_POSITION || m->text_end - s < c->n)
        return NULL;
    step(m, c->n);
    return memcmp(c->p, s, (size_t)c->n) == 0 ? s + c->n : NULL;
}

/* After a %: is it more than a class of characters? */
static inline bool is_special(int c)
{
    return c == 'b' || c == 'f' || (c >= '0' && c <= '9');
}

/* %b, %f, %1: where the text goes on, or NULL; *p is moved behind the item. */
static const byte *match_special(struct matching *m, const byte *s,
                                 const byte **p)
{
    const byte *item = *p;

    switch (item[1]) {
    case 'b': *p = item + 4; return match_balanced(m, s, item + 2);
    case 'f': *p = match_frontier(m, s, item + 2); return *p ? s : NULL;
    default: *p = item + 2; return match_again(m, s, item[1]);
    }
}

/* Where the text ends that the pattern from p on fits from s on, or NULL. */
static const byte *match_items(struct matching *m, const byte *s, const byte *p)
{
    const byte *end, *rest;

    for (; p != m->pattern_end; step(m, 1)) {
        switch (*p) {
        case '(':
            return p[1] == ')' ? begin_capture(m, s, p + 2, CAPTURE_POSITION)
                               : begin_capture(m, s, p + 1, CAPTURE_OPEN);
        case ')': return end_capture(m, s, p + 1);
        case '$':
            if (p + 1 == m->pattern_end)
                return s == m->text_end ? s : NULL;
            break;
        case '%':
            if (!is_special(p[1]))
                break;
            if (!(s = match_special(m, s, &p)))
                return NULL;
            continue;
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

const byte *match_at(struct matching *m, const byte *s, const byte *p)
{
    m->n = 0;
    m->depth = DEPTH_MAX;
    m->floor = m->steps > m->at_once ? m->steps - m->at_once : 0;
    return match(m, s, p);
}

bool matching_wants_way(struct matching *m)
{
    if (m->look - m->steps < STEPS_PER_LOOK)
        return false;
    m->look = m->steps;
    return watchdog_wants_way(m->L);
}

/* --- captures as values ------------------------------------------------------------- */

const byte *match_capture(const struct matching *m, int i, const byte *s,
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

void match_push_capture(const struct matching *m, int i, const byte *s,
                        const byte *e)
{
    ptrdiff_t n;
    const byte *p = match_capture(m, i, s, e, &n);

    if (n != CAPTURE_POSITION)
        lua_pushlstring(m->L, (const char *)p, (size_t)n);
}

int match_push_captures(const struct matching *m, const byte *s, const byte *e)
{
    int n = m->n == 0 && s ? 1 : m->n;

    luaL_checkstack(m->L, n, "too many captures");
    for (int i = 0; i < n; i++)
        match_push_capture(m, i, s, e);
    return n;
}
