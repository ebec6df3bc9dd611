/*
 * pattern_hint.c - see pattern_hint.h.
 *
 * The pattern is read item by item: a single character or class with what may
 * come after it (* + - ?), a group's bracket, %b, %f, %1. Only single characters
 * that must come exactly once, or at least once, are of use. Where anything else
 * begins, the literal text ends.
 */
#include "script/pattern_hint.h"

#include <ctype.h>
#include <string.h>

/* One item of a pattern. */
struct item {
    const char *p; /* after it */
    bool single;   /* one character or class; else a bracket, %b, %f, %1, $ */
    bool optional; /* may come not at all */
    bool many;     /* may come more than once */
    bool literal;
    char c;       /* what it is, if literal */
    bool bracket; /* of a capture: takes no room */
};

static bool is_class(char c)
{
    return strchr("acdglpsuwxz", tolower((unsigned char)c)) != NULL;
}

/* The end of [set], which begins at p. */
static const char *end_of_set(const char *p)
{
    p++;
    if (*p == '^')
        p++;
    do {
        if (*p == '%' && p[1])
            p++;
        p++;
    } while (*p != ']');
    return p + 1;
}

static void read_escaped(struct item *item, const char *p)
{
    char c = p[1];

    item->p = p + 2;
    if (c == 'b') {
        item->p = p + 4;
    } else if (c == 'f') {
        item->p = end_of_set(p + 2);
    } else if (!isdigit((unsigned char)c)) {
        item->single = true;
        item->literal = !isalpha((unsigned char)c) || !is_class(c);
        item->c = c;
    }
}

static struct item read_item(const char *p)
{
    struct item item = { .p = p + 1 };

    if (*p == '(' || *p == ')') {
        item.bracket = true;
        return item;
    }
    if (*p == '$' && !p[1])
        return item;
    if (*p == '%')
        read_escaped(&item, p);
    else if (*p == '[')
        item.p = end_of_set(p);
    item.single = item.single || *p == '.' || *p == '[';
    if (!item.single && *p != '%') {
        item.single = item.literal = true;
        item.c = *p;
    }
    if (item.single && *item.p && strchr("*+-?", *item.p)) {
        item.optional = *item.p != '+';
        item.many = *item.p != '?';
        item.p++;
    }
    return item;
}

/* --- what a first character may be ---------------------------------------------------- */

static bool class_has(char class, int c)
{
    bool has;

    switch (tolower((unsigned char)class)) {
    case 'a': has = isalpha(c); break;
    case 'c': has = iscntrl(c); break;
    case 'd': has = isdigit(c); break;
    case 'g': has = isgraph(c); break;
    case 'l': has = islower(c); break;
    case 'p': has = ispunct(c); break;
    case 's': has = isspace(c); break;
    case 'u': has = isupper(c); break;
    case 'w': has = isalnum(c); break;
    case 'x': has = isxdigit(c); break;
    case 'z': has = c == 0; break; /* Lua 5.1 had it */
    default: return (unsigned char)class == c;
    }
    return isupper((unsigned char)class) ? !has : has;
}

/* [set] from p, without its brackets, to end. */
static bool set_has(const char *p, const char *end, int c)
{
    bool negated = *p == '^';

    for (p += negated; p < end; p++) {
        if (*p == '%' && p + 1 < end) {
            if (class_has(*++p, c))
                return !negated;
        } else if (p + 2 < end && p[1] == '-') {
            if ((unsigned char)p[0] <= c && c <= (unsigned char)p[2])
                return !negated;
            p += 2;
        } else if ((unsigned char)*p == c) {
            return !negated;
        }
    }
    return negated;
}

static bool item_has(const char *p, const struct item *item, int c)
{
    if (item->literal)
        return (unsigned char)item->c == c;
    if (*p == '.')
        return true;
    if (*p == '%')
        return class_has(p[1], c);
    return set_has(p + 1, end_of_set(p) - 1, c);
}

static void add_bytes(uint8_t *set, const char *p, const struct item *item)
{
    for (int c = 0; c < 256; c++)
        if (item_has(p, item, c))
            set[c / 8] |= (uint8_t)(1 << c % 8);
}

/* Of a pattern from its beginning to its end: what its items together may be. */
static void find_all(struct pattern_hint *hint, const char *p)
{
    while (*p && !(*p == '$' && !p[1])) {
        struct item item = read_item(p);

        if (!item.single && !item.bracket)
            return;
        if (item.single)
            add_bytes(hint->all, p, &item);
        p = item.p;
    }
    hint->has_all = *p == '$';
}

static void find_first(struct pattern_hint *hint, const char *p)
{
    struct item item;

    while (*p == '(')
        p++;
    if (!*p || *p == ')')
        return;
    item = read_item(p);
    if (!item.single || item.optional)
        return;
    hint->has_first = true;
    add_bytes(hint->first, p, &item);
}

/* --- literal texts -------------------------------------------------------------------- */

/* The literal characters from p on, at most as many as there is room for. Returns
 * where they end, which may be within what is literal. */
static const char *take_literal(const char *p, char *text, uint8_t *n)
{
    *n = 0;
    while (*p && *n < PATTERN_HINT_MAX) {
        struct item item = read_item(p);

        if (item.bracket) {
            p = item.p;
            continue;
        }
        if (!item.literal || item.optional)
            break;
        text[(*n)++] = item.c;
        p = item.p;
        if (item.many) /* what follows it does not stand right after this one */
            break;
    }
    return p;
}

/* The longest of them. */
static void find_part(struct pattern_hint *hint, const char *p)
{
    while (*p) {
        char text[PATTERN_HINT_MAX];
        uint8_t n;
        const char *end = take_literal(p, text, &n);

        if (n > hint->part) {
            hint->part = n;
            memcpy(hint->part_text, text, n);
        }
        p = end > p ? end : read_item(p).p;
    }
}

void pattern_hint_of(struct pattern_hint *hint, const char *pattern)
{
    *hint = (struct pattern_hint){ .anchored = *pattern == '^' };
    if (hint->anchored)
        pattern++;
    find_first(hint, pattern);
    if (hint->anchored) {
        take_literal(pattern, hint->front_text, &hint->front);
        find_all(hint, pattern);
    }
    find_part(hint, pattern);
    if (hint->front >= hint->part)
        hint->part = 0; /* it is the same, or longer */
}

/* --- trying ----------------------------------------------------------------------------- */

static bool in(const uint8_t *set, char c)
{
    return set[(unsigned char)c / 8] & 1 << (unsigned char)c % 8;
}

static bool has_only(struct slice text, const uint8_t *set)
{
    for (size_t i = 0; i < text.n; i++)
        if (!in(set, text.p[i]))
            return false;
    return true;
}

static bool may_begin_somewhere(const struct pattern_hint *hint,
                                struct slice text)
{
    for (size_t i = 0; i < text.n; i++)
        if (in(hint->first, text.p[i]))
            return true;
    return false;
}

bool pattern_hint_allows(const struct pattern_hint *hint, struct slice text)
{
    if (hint->front &&
        (text.n < hint->front || memcmp(text.p, hint->front_text, hint->front)))
        return false;
    if (hint->part && !memmem(text.p, text.n, hint->part_text, hint->part))
        return false;
    if (hint->has_all && !has_only(text, hint->all))
        return false;
    if (!hint->has_first)
        return true;
    return hint->anchored ? text.n && in(hint->first, text.p[0])
                          : may_begin_somewhere(hint, text);
}
