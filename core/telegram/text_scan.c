/* text_scan.c - see text_scan.h. */
#include "telegram/text_scan.h"

#include <ctype.h>
#include <stdlib.h>
#include <strings.h>

#define NO_CHARACTER 0xFFFDu
#define REFERENCE_MAX 12 /* bytes of "&#x10FFFF;" and the like */

static char at(const struct text_scan *s, size_t i)
{
    return i < s->in.n ? s->in.p[i] : '\0';
}

static bool looking_at(const struct text_scan *s, const char *what)
{
    size_t n = strlen(what);

    return s->in.n - s->i >= n && memcmp(s->in.p + s->i, what, n) == 0;
}

static struct text_open *top(struct text_scan *s)
{
    return s->depth ? &s->open[s->depth - 1] : NULL;
}

void text_scan_init(struct text_scan *s, enum text_markup markup,
                    struct slice in)
{
    *s = (struct text_scan){ .markup = markup, .in = in, .line_start = true };
}

/* --- characters ------------------------------------------------------------------ */

uint32_t text_code_point(const char *p, size_t n, size_t *length)
{
    static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    unsigned char c = (unsigned char)*p;
    size_t bytes = c < 0x80   ? 1
                   : c < 0xC2 ? 0
                   : c < 0xE0 ? 2
                   : c < 0xF0 ? 3
                              : 4;
    uint32_t code = bytes > 1 ? c & (0x7Fu >> bytes) : c;

    *length = 1;
    if (bytes < 1 || bytes > n)
        return NO_CHARACTER;
    for (size_t i = 1; i < bytes; i++) {
        if (((unsigned char)p[i] & 0xC0) != 0x80)
            return NO_CHARACTER;
        code = code << 6 | ((unsigned char)p[i] & 0x3F);
    }
    if (bytes > 1 && (code < least[bytes] || code > 0x10FFFF))
        return NO_CHARACTER;
    *length = bytes;
    return code;
}

/* The token that is n bytes further. */
static struct text_token take(struct text_scan *s, enum text_token_kind kind,
                              size_t n)
{
    struct text_token t = { .kind = kind, .raw = { s->in.p + s->i, n } };

    s->i += n;
    return t;
}

static struct text_token bad(struct text_scan *s)
{
    struct text_token t = take(s, TEXT_BAD, 0);

    s->i = s->in.n;
    s->depth = 0;
    return t;
}

/* Behind skip bytes of escape stands a character. */
static struct text_token character(struct text_scan *s, size_t skip)
{
    size_t n;
    uint32_t code =
        text_code_point(s->in.p + s->i + skip, s->in.n - s->i - skip, &n);
    struct text_token t = take(s, TEXT_CHAR, skip + n);

    t.character = code;
    t.units = code > 0xFFFF ? 2 : 1;
    s->line_start = skip == 0 && code == '\n';
    return t;
}

/* --- HTML ---------------------------------------------------------------------------- */

static uint32_t reference_code(struct slice name)
{
    static const struct {
        const char *name;
        char c;
    } names[] = {
        { "lt", '<' }, { "gt", '>' }, { "amp", '&' }, { "quot", '"' }
    };
    char digits[REFERENCE_MAX + 1];
    unsigned long code;

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (slice_eq(name, names[i].name))
            return (uint32_t)names[i].c;
    if (name.n < 2 || name.n > 8 || *name.p != '#')
        return 0;
    memcpy(digits, name.p + 1, name.n - 1);
    digits[name.n - 1] = '\0';
    code = digits[0] == 'x' ? strtoul(digits + 1, NULL, 16)
                            : strtoul(digits, NULL, 10);
    return code < 0x10FFFF ? (uint32_t)code : 0;
}

/* How many bytes at '&' may be a reference, without its ';'. */
static size_t reference_length(const struct text_scan *s)
{
    bool number = at(s, s->i + 1) == '#', hex = at(s, s->i + 2) == 'x';
    size_t n = !number ? 1 : hex ? 3 : 2;

    for (; n < REFERENCE_MAX - 1; n++) {
        int c = (unsigned char)at(s, s->i + n);

        if (!number ? !isalpha(c) : hex ? !isxdigit(c) : !isdigit(c))
            break;
    }
    return n;
}

/* At '&'. What is no reference counts as what it looks like; it is not divided, so
 * that it does not become one. */
static struct text_token reference(struct text_scan *s)
{
    size_t n = reference_length(s);
    uint32_t code = reference_code((struct slice){ s->in.p + s->i + 1, n - 1 });
    struct text_token t;

    if (code && at(s, s->i + n) == ';')
        n++;
    t = take(s, TEXT_CHAR, n > s->in.n - s->i ? s->in.n - s->i : n);
    t.character = code ? code : 'x';
    t.units = code > 0xFFFF ? 2 : code ? 1 : (int)t.raw.n;
    return t;
}

/* The length of the tag at '<'; 0: it does not end. A '>' within quotes is part of
 * an attribute. */
static size_t tag_length(const struct text_scan *s)
{
    bool value = false; /* behind a '=' */
    char quote = '\0';

    for (size_t i = s->i + 1; i < s->in.n; i++) {
        char c = s->in.p[i];

        if (quote)
            quote = c == quote ? '\0' : quote;
        else if (c == '>')
            return i + 1 - s->i;
        else if (value && (c == '"' || c == '\''))
            quote = c;
        value = c == '=' || (value && isspace((unsigned char)c));
    }
    return 0;
}

static struct slice tag_name(struct slice tag)
{
    struct slice name = { tag.p + 1, 0 };

    if (*name.p == '/')
        name.p++;
    while (name.p[name.n] != '>' && !isspace((unsigned char)name.p[name.n]))
        name.n++;
    return name;
}

static bool same_name(struct slice a, struct slice b)
{
    return a.n == b.n && strncasecmp(a.p, b.p, a.n) == 0;
}

static bool is_whole(struct slice name)
{
    static const char *const names[] = { "a", "code", "tg-emoji", "tg-time" };

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (same_name(name, slice_of(names[i])))
            return true;
    return false;
}

static struct text_token html_tag(struct text_scan *s)
{
    size_t n = tag_length(s);
    struct slice tag = { s->in.p + s->i, n }, name;

    if (!n)
        return bad(s);
    name = tag_name(tag);
    if (tag.p[1] != '/') {
        /* In <pre> it only says which language. */
        bool in_pre =
            top(s) && same_name(tag_name(top(s)->token), slice_of("pre"));

        if (!name.n || s->depth == TEXT_OPEN_MAX)
            return bad(s);
        s->open[s->depth++] = (struct text_open){
            .mark = MARK_TAG, .whole = !in_pre && is_whole(name), .token = tag
        };
        return take(s, TEXT_OPEN, n);
    }
    /* "</>" closes the innermost. */
    if (!s->depth || (name.n && !same_name(name, tag_name(top(s)->token))))
        return bad(s);
    s->depth--;
    return take(s, TEXT_CLOSE, n);
}

static struct text_token html_next(struct text_scan *s)
{
    switch (s->in.p[s->i]) {
    case '<': return html_tag(s);
    case '&': return reference(s);
    default: return character(s, 0);
    }
}

/* --- MarkdownV2 -------------------------------------------------------------------------- */

static bool in_code(struct text_scan *s)
{
    return s->depth && (top(s)->mark == MARK_CODE || top(s)->mark == MARK_PRE);
}

static struct text_token open_mark(struct text_scan *s, enum text_mark mark,
                                   size_t n)
{
    struct text_token t;

    if (s->depth == TEXT_OPEN_MAX)
        return bad(s);
    t = take(s, TEXT_OPEN, n);
    s->open[s->depth++] =
        (struct text_open){ .mark = mark,
                            .whole = mark == MARK_LINK || mark == MARK_EMOJI ||
                                     mark == MARK_CODE,
                            .token = t.raw };
    return t;
}

static struct text_token close_mark(struct text_scan *s, size_t n)
{
    if (top(s)->mark == MARK_QUOTE)
        s->quote = false;
    s->depth--;
    return take(s, TEXT_CLOSE, n);
}

/* How long "```lua\n" is. */
static size_t pre_length(const struct text_scan *s)
{
    size_t i = s->i + 3, end = i;

    while (end < s->in.n && !isspace((unsigned char)s->in.p[end]) &&
           s->in.p[end] != '`')
        end++;
    if (end > i && end < s->in.n && s->in.p[end] != '`')
        i = end;
    if (at(s, i) == '\n' || at(s, i) == '\r')
        i += at(s, i + 1) == (at(s, i) == '\n' ? '\r' : '\n') ? 2 : 1;
    return i - s->i;
}

/* "](https://…)", or "]" alone; 0: the address does not end. */
static size_t link_end_length(const struct text_scan *s)
{
    size_t i = s->i + 1;

    if (at(s, i) != '(')
        return s->open[s->depth - 1].mark == MARK_LINK ? 1 : 0;
    for (i++; i < s->in.n && s->in.p[i] != ')'; i++)
        if (s->in.p[i] == '\\')
            i++;
    return i < s->in.n ? i + 1 - s->i : 0;
}

/* How long what closes the innermost entity here is; 0: it stays open. */
static size_t closing_length(struct text_scan *s)
{
    switch (s->depth ? top(s)->mark : MARK_TAG) {
    case MARK_BOLD: return looking_at(s, "*");
    case MARK_ITALIC: return looking_at(s, "_") && !looking_at(s, "__");
    case MARK_UNDERLINE: return looking_at(s, "__") ? 2 : 0;
    case MARK_STRIKE: return looking_at(s, "~");
    case MARK_SPOILER: return looking_at(s, "||") ? 2 : 0;
    case MARK_CODE: return looking_at(s, "`");
    case MARK_PRE: return looking_at(s, "```") ? 3 : 0;
    case MARK_LINK:
    case MARK_EMOJI: return looking_at(s, "]") ? link_end_length(s) : 0;
    default: return 0; /* a quote ends with a line */
    }
}

/* "||" at the end of a quote makes it expandable; a line break ends it. */
static bool quote_ends(struct text_scan *s)
{
    size_t next = s->i + 2;

    if (s->quote && looking_at(s, "\n") && at(s, s->i + 1) != '>')
        return true;
    return s->depth && top(s)->mark == MARK_QUOTE && looking_at(s, "||") &&
           (next >= s->in.n || (at(s, next) == '\n' && at(s, next + 1) != '>'));
}

static struct text_token quote_mark(struct text_scan *s)
{
    struct text_token t;

    if (!s->line_start)
        return bad(s);
    t = s->quote ? take(s, TEXT_NEXT_LINE, 1) : open_mark(s, MARK_QUOTE, 1);
    s->quote = true;
    s->line_start = false;
    return t;
}

static struct text_token opening(struct text_scan *s)
{
    static const struct {
        const char *mark;
        enum text_mark type;
    } marks[] = {
        { "__", MARK_UNDERLINE }, { "_", MARK_ITALIC },   { "*", MARK_BOLD },
        { "~", MARK_STRIKE },     { "||", MARK_SPOILER }, { "![", MARK_EMOJI },
        { "[", MARK_LINK },
    };

    if (looking_at(s, "```"))
        return open_mark(s, MARK_PRE, pre_length(s));
    if (looking_at(s, "`"))
        return open_mark(s, MARK_CODE, 1);
    if (looking_at(s, ">"))
        return quote_mark(s);
    for (size_t i = 0; i < ARRAY_LEN(marks); i++)
        if (looking_at(s, marks[i].mark))
            return open_mark(s, marks[i].type, strlen(marks[i].mark));
    return bad(s);
}

static struct text_token markdown_next(struct text_scan *s)
{
    char c = s->in.p[s->i], next = at(s, s->i + 1);
    const char *special = in_code(s) ? "`" : "_*[]()~`>#+-=|{}.!\n";
    size_t n;

    if (c == '\\' && next > 0 && next <= 126)
        return character(s, 1);
    if (!c || !strchr(special, c))
        return character(s, 0);
    if (quote_ends(s)) {
        if (top(s)->mark != MARK_QUOTE)
            return bad(s);
        s->line_start = c == '\n';
        if (c == '\n')
            return close_mark(s, 0);
        return close_mark(s, 2);
    }
    n = closing_length(s);
    if (n)
        return close_mark(s, n);
    return c == '\n' ? character(s, 0) : opening(s);
}

/* --- all ----------------------------------------------------------------------------------- */

struct text_token text_scan_next(struct text_scan *s)
{
    if (s->i >= s->in.n) {
        /* A quote ends with the text. */
        if (s->depth == 1 && s->open[0].mark == MARK_QUOTE)
            return close_mark(s, 0);
        return s->depth ? bad(s) : take(s, TEXT_END, 0);
    }
    switch (s->markup) {
    case TEXT_HTML: return html_next(s);
    case TEXT_MARKDOWN_V2: return markdown_next(s);
    default: return character(s, 0);
    }
}

void text_scan_closers(const struct text_scan *s, struct slice *closers)
{
    struct text_scan ahead = *s;
    int open = s->depth;

    for (int i = 0; i < open; i++)
        closers[i] = SLICE_NONE;
    while (open) {
        struct text_token t = text_scan_next(&ahead);

        if (t.kind == TEXT_BAD || t.kind == TEXT_END)
            return;
        if (t.kind == TEXT_CLOSE && ahead.depth < open)
            closers[--open] = t.raw;
    }
}
