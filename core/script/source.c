/*
 * source.c - see source.h. Lua's words are read, not its grammar: a key is what
 * stands after { , or ; and before =, in a table that begins with `return {`.
 * What is in a function's body is skipped.
 */
#include "script/source.h"

#include <ctype.h>
#include <string.h>

#define DEPTH_MAX 40 /* tables within each other */

enum word_kind { WORD_END, WORD_NAME, WORD_STRING, WORD_SIGN };

struct word {
    enum word_kind kind;
    struct slice text; /* of a string: between its quotes, as written */
    int line;
};

struct reading {
    const char *p, *end;
    int line;
    const char *path;
    int found; /* the line */
    bool doubtful;
    struct slice keys[DEPTH_MAX]; /* of the tables that are open; [0]: none */
    int depth;
    bool returned; /* is it the table that the file returns? */
    int blocks;    /* function … end and others that are open */
};

/* --- words ------------------------------------------------------------------------ */

/* At [[ or [==[: how many =; else -1. */
static int long_level(const struct reading *r)
{
    const char *p = r->p + 1;

    while (p < r->end && *p == '=')
        p++;
    return p < r->end && *p == '[' ? (int)(p - r->p) - 1 : -1;
}

/* Past [==[ … ]==]; gives what is between. */
static struct slice skip_long(struct reading *r, int level)
{
    const char *start = r->p + level + 2;

    for (const char *p = start; p < r->end; p++) {
        const char *q = p + 1;

        r->line += *p == '\n';
        if (*p != ']')
            continue;
        while (q < r->end && *q == '=')
            q++;
        if (q < r->end && *q == ']' && q - p == level + 1) {
            r->p = q + 1;
            return (struct slice){ start, (size_t)(p - start) };
        }
    }
    r->p = r->end;
    return SLICE_NONE;
}

static struct slice skip_string(struct reading *r)
{
    const char quote = *r->p, *start = ++r->p;
    struct slice text;

    while (r->p < r->end && *r->p != quote) {
        if (*r->p == '\\' && r->p + 1 < r->end)
            r->p++;
        r->line += *r->p++ == '\n';
    }
    text = (struct slice){ start, (size_t)(r->p - start) };
    if (r->p < r->end)
        r->p++;
    return text;
}

static void skip_comment(struct reading *r)
{
    int level;

    r->p += 2;
    level = r->p < r->end && *r->p == '[' ? long_level(r) : -1;
    if (level >= 0)
        skip_long(r, level);
    while (level < 0 && r->p < r->end && *r->p != '\n')
        r->p++;
}

static void skip_space(struct reading *r)
{
    while (r->p < r->end) {
        if (r->end - r->p > 1 && r->p[0] == '-' && r->p[1] == '-') {
            skip_comment(r);
        } else if (isspace((unsigned char)*r->p)) {
            r->line += *r->p++ == '\n';
        } else {
            return;
        }
    }
}

static bool is_name(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

static struct word next_word(struct reading *r)
{
    const char *start;
    struct word w;

    skip_space(r);
    w = (struct word){ WORD_END, SLICE_NONE, r->line };
    if (r->p >= r->end)
        return w;
    start = r->p;
    if (*start == '"' || *start == '\'') {
        w.kind = WORD_STRING;
        w.text = skip_string(r);
        return w;
    }
    if (*start == '[' && long_level(r) >= 0) {
        w.kind = WORD_STRING;
        w.text = skip_long(r, long_level(r));
        return w;
    }
    w.kind = is_name(*start) ? WORD_NAME : WORD_SIGN;
    do
        r->p++;
    while (w.kind == WORD_NAME && r->p < r->end && is_name(*r->p));
    if (w.kind == WORD_SIGN && strchr("=~<>", *start) && r->p < r->end &&
        *r->p == '=')
        r->p++; /* == is no = */
    w.text = (struct slice){ start, (size_t)(r->p - start) };
    return w;
}

static bool is_sign(const struct word *w, const char *sign)
{
    return w->kind == WORD_SIGN && slice_eq(w->text, sign);
}

static bool is_word(const struct word *w, const char *name)
{
    return w->kind == WORD_NAME && slice_eq(w->text, name);
}

/* --- keys -------------------------------------------------------------------------- */

/* Take name = or ["name"] = if that comes here; else nothing is taken. */
static bool read_key(struct reading *r, struct word *key)
{
    struct reading before = *r;
    struct word w = next_word(r);
    bool ok;

    *key = w;
    if (is_sign(&w, "[")) {
        *key = next_word(r);
        w = next_word(r);
        ok = key->kind == WORD_STRING && is_sign(&w, "]");
    } else {
        ok = key->kind == WORD_NAME;
    }
    w = ok ? next_word(r) : w;
    if (ok && is_sign(&w, "="))
        return true;
    *r = before;
    return false;
}

/* Is the key in the table at hand the one at path? What option.section{} has in
 * its `settings` is in the section. */
static bool is_wanted(const struct reading *r, struct slice key)
{
    const char *path = r->path;

    for (int i = 1; i <= r->depth; i++) {
        struct slice name = i < r->depth ? r->keys[i] : key;
        size_t n = strcspn(path, ".");

        if (name.p && name.n == n && memcmp(name.p, path, n) == 0)
            path += n + (path[n] == '.');
        else if (!name.p || !slice_eq(name, "settings"))
            return false;
    }
    return !*path;
}

static void note_key(struct reading *r, const struct word *key)
{
    if (!r->returned || !is_wanted(r, key->text))
        return;
    r->doubtful = r->found > 0;
    r->found = key->line;
}

static void count_blocks(struct reading *r, const struct word *w)
{
    static const char *const begin[] = { "function", "if", "do", "repeat" };

    for (size_t i = 0; i < ARRAY_LEN(begin); i++)
        r->blocks += is_word(w, begin[i]);
    r->blocks -= is_word(w, "end") || is_word(w, "until");
}

/* Between `return` and its table there may be option.section and ( */
static bool still_returns(bool returns, const struct word *w)
{
    return is_word(w, "return") ||
           (returns && (is_word(w, "option") || is_word(w, "section") ||
                        is_sign(w, ".") || is_sign(w, "(")));
}

int source_key_line(struct slice source, const char *path)
{
    struct reading r = {
        .p = source.p, .end = source.p + source.n, .line = 1, .path = path
    };
    struct slice key = SLICE_NONE;
    bool returns = false;
    struct word w;

    while ((w = next_word(&r)).kind != WORD_END && !r.doubtful) {
        count_blocks(&r, &w);
        if (r.blocks > 0)
            continue;
        if (is_sign(&w, "{")) {
            if (r.depth == 0)
                r.returned = returns;
            if (r.depth == DEPTH_MAX)
                return 0;
            r.keys[r.depth++] = key;
        } else if (is_sign(&w, "}") && r.depth > 0) {
            r.depth--;
        }
        returns = still_returns(returns, &w);
        if (is_sign(&w, "{") || is_sign(&w, ",") || is_sign(&w, ";")) {
            key = SLICE_NONE;
            if (r.depth > 0 && read_key(&r, &w)) {
                key = w.text;
                note_key(&r, &w);
            }
        }
    }
    return r.doubtful ? 0 : r.found;
}
