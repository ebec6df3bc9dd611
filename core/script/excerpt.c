/* excerpt.c - see excerpt.h. */
#include "script/excerpt.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHOWN_MAX 100 /* bytes of the line */
#define BEFORE_CARET 60
#define NAME_MAX_BYTES 60

bool excerpt_place(const char *message, char *path, size_t path_size, int *line)
{
    const char *colon = strchr(message, ':'), *end = strpbrk(message, " \n");
    size_t n = colon ? (size_t)(colon - message) : 0;

    if (!colon || (end && end < colon) || n == 0 || n >= path_size ||
        !isdigit((unsigned char)colon[1]))
        return false;
    memcpy(path, message, n);
    path[n] = '\0';
    *line = atoi(colon + 1);
    return *line > 0;
}

struct slice excerpt_line(struct slice source, int line)
{
    const char *p = source.p, *end = source.p + source.n, *next;

    while (--line > 0) {
        next = memchr(p, '\n', (size_t)(end - p));
        if (!next)
            return SLICE_NONE;
        p = next + 1;
    }
    next = memchr(p, '\n', (size_t)(end - p));
    source = (struct slice){ p, (size_t)((next ? next : end) - p) };
    if (source.n && source.p[source.n - 1] == '\r')
        source.n--;
    return source;
}

/* What the message names: what stands in the last quotes of "near '…'" or after
 * local, global, field and the like. */
static bool find_name(const char *message, char name[NAME_MAX_BYTES])
{
    static const char *const before[] = { "near '",    "local '",  "global '",
                                          "field '",   "method '", "upvalue '",
                                          "constant '" };
    const char *start = NULL, *end;

    for (size_t i = 0; i < ARRAY_LEN(before) && !start; i++) {
        start = strstr(message, before[i]);
        if (start)
            start += strlen(before[i]);
    }
    end = start ? strchr(start, '\'') : NULL;
    if (end == start && end) /* ''' */
        end++;
    if (!end || end - start >= NAME_MAX_BYTES)
        return false;
    memcpy(name, start, (size_t)(end - start));
    name[end - start] = '\0';
    return true;
}

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

/* Where the name stands in the line as a word; -1: nowhere. */
static long find_in_line(struct slice line, const char *name)
{
    size_t n = strlen(name);

    for (size_t i = 0; n && i + n <= line.n; i++) {
        if (memcmp(line.p + i, name, n) != 0)
            continue;
        if (is_word(name[0]) && i > 0 && is_word(line.p[i - 1]))
            continue;
        if (is_word(name[n - 1]) && i + n < line.n && is_word(line.p[i + n]))
            continue;
        return (long)i;
    }
    return -1;
}

static size_t caret_at(struct slice line, const char *message)
{
    char name[NAME_MAX_BYTES];
    size_t first = 0;
    long at;

    while (first < line.n && isspace((unsigned char)line.p[first]))
        first++;
    if (strstr(message, "near <eof>"))
        return line.n;
    if (find_name(message, name) && (at = find_in_line(line, name)) >= 0)
        return (size_t)at;
    return first;
}

static bool continues(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

/* caret: in bytes of the line. */
static void add(struct buf *out, struct slice text, int line, size_t caret)
{
    size_t from = caret > BEFORE_CARET ? caret - BEFORE_CARET : 0, n;
    char number[16];
    int width;

    while (from < text.n && from > 0 && continues(text.p[from]))
        from++;
    n = text.n - from < SHOWN_MAX ? text.n - from : SHOWN_MAX;
    while (n > 0 && from + n < text.n && continues(text.p[from + n]))
        n--;
    width = snprintf(number, sizeof(number), "%d", line);
    buf_addf(out, "\n  %s | %s%.*s%s\n  %*s | %s", number, from ? "…" : "",
             (int)n, text.p + from, from + n < text.n ? "…" : "", width, "",
             from ? " " : "");
    for (size_t i = from; i < caret; i++)
        if (i >= text.n || !continues(text.p[i]))
            buf_addc(out, i < text.n && text.p[i] == '\t' ? '\t' : ' ');
    buf_addc(out, '^');
}

void excerpt_add(struct buf *out, struct slice source, int line,
                 const char *message)
{
    struct slice text = excerpt_line(source, line);

    if (text.p)
        add(out, text, line, caret_at(text, message));
}

int excerpt_add_at(struct buf *out, struct slice source, size_t at)
{
    size_t begins = 0;
    struct slice text;
    int line = 1;

    for (size_t i = 0; i < at; i++)
        if (source.p[i] == '\n') {
            begins = i + 1;
            line++;
        }
    text = excerpt_line(source, line);
    at -= begins;
    add(out, text, line, at < text.n ? at : text.n);
    return line;
}
