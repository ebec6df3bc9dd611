/* sql_scan.c - see sql_scan.h. */
#include "script/sql_scan.h"

#include <ctype.h>
#include <stdlib.h>
#include <strings.h>

#define SHOWN_BEFORE 60 /* characters of a long line */
#define SHOWN_MAX 100
#define PARAM_MAX 65535 /* PostgreSQL's */

static bool is_word_char(char c)
{
    return isalnum((unsigned char)c) || c == '_' || (c & 0x80);
}

/* i is behind the opening quote; gives where the closing one ends. */
static size_t end_of_quoted(struct slice s, size_t i, char quote)
{
    for (; i < s.n; i++)
        if (s.p[i] == quote)
            return i + 1; /* a doubled one begins the next string */
    return s.n;
}

/* Behind the quote that a string ends with at i: where it goes on, after a doubled
 * quote or in a further line; i if it does not. */
static size_t goes_on(struct slice s, size_t i)
{
    size_t at = i;
    bool line = false;

    for (; at < s.n && isspace((unsigned char)s.p[at]); at++)
        line = line || s.p[at] == '\n' || s.p[at] == '\r';
    return at < s.n && s.p[at] == '\'' && (at == i || line) ? at + 1 : i;
}

/* The same of E'…', with its backslashes. */
static size_t end_of_escaped(struct slice s, size_t i)
{
    size_t next;

    while (i < s.n) {
        if (s.p[i] == '\\') {
            i += 2;
        } else if (s.p[i++] == '\'') {
            next = goes_on(s, i);
            if (next == i)
                return i;
            i = next;
        }
    }
    return s.n;
}

static size_t end_of_comment(struct slice s, size_t i)
{
    int depth = 1;

    for (; i + 1 < s.n; i++) {
        if (s.p[i] == '*' && s.p[i + 1] == '/') {
            i++;
            if (--depth == 0)
                return i + 1;
        } else if (s.p[i] == '/' && s.p[i + 1] == '*') {
            i++;
            depth++;
        }
    }
    return s.n;
}

/* $tag$ … $tag$ that begins at i; i if there is none. */
static size_t end_of_dollar(struct slice s, size_t i)
{
    size_t tag = i + 1, n;

    while (tag < s.n && is_word_char(s.p[tag]))
        tag++;
    if (tag >= s.n || s.p[tag] != '$' || isdigit((unsigned char)s.p[i + 1]))
        return i;
    n = tag + 1 - i;
    for (size_t end = tag + 1; end + n <= s.n; end++)
        if (memcmp(s.p + end, s.p + i, n) == 0)
            return end + n;
    return s.n;
}

/* The end of what can be skipped at i; i if there is nothing. */
static size_t end_of_space(struct slice s, size_t i)
{
    if (isspace((unsigned char)s.p[i]))
        return i + 1;
    if (i + 1 >= s.n)
        return i;
    if (s.p[i] == '-' && s.p[i + 1] == '-') {
        while (i < s.n && s.p[i] != '\n' && s.p[i] != '\r')
            i++;
        return i;
    }
    return s.p[i] == '/' && s.p[i + 1] == '*' ? end_of_comment(s, i + 2) : i;
}

static size_t read_param(struct slice s, size_t i, struct sql_scan *out)
{
    int n = 0;

    for (i++; i < s.n && isdigit((unsigned char)s.p[i]); i++)
        if (n <= PARAM_MAX)
            n = n * 10 + (s.p[i] - '0');
    if (n > out->params)
        out->params = n;
    return i;
}

static size_t read_word(struct slice s, size_t i, int number,
                        struct sql_scan *out)
{
    size_t begin = i;

    while (i < s.n && (is_word_char(s.p[i]) || s.p[i] == '$'))
        i++;
    for (size_t k = 0; number < 2 && k < i - begin && k + 1 < SQL_WORD_MAX; k++)
        out->words[number][k] = (char)toupper((unsigned char)s.p[begin + k]);
    return i;
}

/* One token that is no space; number: how many came before. */
static size_t read_token(struct slice s, size_t i, int number,
                         struct sql_scan *out)
{
    char c = s.p[i], next = i + 1 < s.n ? s.p[i + 1] : '\0';
    size_t end;

    if (c == '\'' || c == '"')
        return end_of_quoted(s, i + 1, c);
    if ((c == 'e' || c == 'E') && next == '\'')
        return end_of_escaped(s, i + 2);
    if (c == '$' && isdigit((unsigned char)next))
        return read_param(s, i, out);
    if (c == '$') {
        end = end_of_dollar(s, i);
        return end > i ? end : i + 1;
    }
    if (is_word_char(c))
        return read_word(s, i, number, out);
    return i + 1;
}

/* A semicolon that is inside of something ends no statement. */
struct inside {
    int brackets;
    int blocks; /* BEGIN ATOMIC … END of a function, and CASE … END in it */
    bool begin; /* the word before was BEGIN */
};

static bool is_word(struct slice token, const char *word)
{
    return token.n == strlen(word) && strncasecmp(token.p, word, token.n) == 0;
}

static void look_inside(struct inside *in, struct slice token)
{
    in->brackets += is_word(token, "(") - is_word(token, ")");
    if ((in->begin && is_word(token, "ATOMIC")) ||
        (in->blocks && is_word(token, "CASE")))
        in->blocks++;
    else if (in->blocks && is_word(token, "END"))
        in->blocks--;
    in->begin = is_word(token, "BEGIN");
}

void sql_scan(struct slice sql, struct sql_scan *out)
{
    struct inside in = { 0 };
    bool over = false; /* a semicolon has come */
    int number = 0;
    size_t i = 0;

    *out = (struct sql_scan){ .empty = true, .begins = sql.n };
    while (i < sql.n) {
        size_t end = end_of_space(sql, i);

        if (end > i) {
            i = end;
            continue;
        }
        if (sql.p[i] == ';' && in.brackets <= 0 && !in.blocks) {
            over = !out->empty;
            i++;
            continue;
        }
        if (over) {
            out->several = i;
            return;
        }
        /* a bracket before SELECT says nothing */
        end = read_token(sql, i, number, out);
        number += sql.p[i] != '(';
        look_inside(&in, (struct slice){ sql.p + i, end - i });
        if (out->empty)
            out->begins = i;
        out->empty = false;
        i = end;
    }
}

/* --- showing where ---------------------------------------------------------------- */

static bool begins_char(char c)
{
    return (c & 0xC0) != 0x80;
}

/* The byte that the character number position begins with. */
static size_t byte_of(struct slice sql, int position)
{
    size_t i = 0;

    for (int left = position - 1; left > 0 && i < sql.n; left--)
        for (i++; i < sql.n && !begins_char(sql.p[i]);)
            i++;
    return i;
}

void sql_add_place(struct buf *out, struct slice sql, int position)
{
    size_t at = byte_of(sql, position), from = at, to = at;
    int before = 0, shown = 0;

    while (from > 0 && sql.p[from - 1] != '\n' && before < SHOWN_BEFORE)
        before += begins_char(sql.p[--from]);
    while (from < at && !begins_char(sql.p[from]))
        from++;
    for (; to < sql.n && sql.p[to] != '\n' && shown + before < SHOWN_MAX; to++)
        shown += begins_char(sql.p[to]);
    while (to < sql.n && !begins_char(sql.p[to]))
        to++;
    buf_adds(out, "\n  ");
    for (size_t i = from; i < to; i++)
        buf_addc(out, sql.p[i] == '\t' || sql.p[i] == '\r' ? ' ' : sql.p[i]);
    buf_adds(out, "\n  ");
    for (int i = 0; i < before; i++)
        buf_addc(out, ' ');
    buf_addc(out, '^');
}
