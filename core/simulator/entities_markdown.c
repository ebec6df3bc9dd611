/*
 * entities_markdown.c - parse_mode MarkdownV2 and the old Markdown, as the Bot
 * API server reads them.
 */
#include "simulator/entities_int.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

struct open_mark {
    enum entity_type type;
    struct slice language;
    int offset;   /* where its text begins, in UTF-16 units … */
    size_t begin; /* … in bytes of the plain text … */
    size_t from;  /* … and the mark itself in the input */
};

struct markdown {
    struct slice in;
    size_t i;
    struct marked *m;
    struct open_mark *open; /* a stack */
    size_t nopen, cap;
    bool quote;      /* a quote is open */
    bool line_start; /* nothing of this line has been written */
};

static char at(const struct markdown *d, size_t i)
{
    return i < d->in.n ? d->in.p[i] : '\0';
}

static bool looking_at(const struct markdown *d, const char *s)
{
    size_t n = strlen(s);

    return d->in.n - d->i >= n && memcmp(d->in.p + d->i, s, n) == 0;
}

/* Behind ```: the language, if there is one, and one line break. */
static struct slice code_head(struct markdown *d)
{
    struct slice language = SLICE_NONE;
    size_t end = d->i;

    while (end < d->in.n && !isspace((unsigned char)d->in.p[end]) &&
           d->in.p[end] != '`')
        end++;
    if (end > d->i && end < d->in.n && d->in.p[end] != '`') {
        language = (struct slice){ d->in.p + d->i, end - d->i };
        d->i = end;
    }
    if (at(d, d->i) == '\n' || at(d, d->i) == '\r') {
        char other = at(d, d->i) == '\n' ? '\r' : '\n';

        d->i += at(d, d->i + 1) == other ? 2 : 1;
    }
    return language;
}

/* The old Markdown: entities do not nest. */

static void old_link(struct markdown *d, int offset, size_t begin)
{
    struct slice url = { d->in.p + begin + 1, d->i - begin - 1 };

    if (at(d, d->i + 1) == '(') {
        size_t from = d->i += 2;

        while (d->i < d->in.n && d->in.p[d->i] != ')')
            d->i++;
        url = (struct slice){ d->in.p + from, d->i - from };
    }
    entities_add_link(&d->m->list, offset, d->m->units - offset, url);
}

static void old_add(struct markdown *d, char mark, int offset,
                    struct slice language, bool pre)
{
    enum entity_type type = mark == '_'   ? ENTITY_ITALIC
                            : mark == '*' ? ENTITY_BOLD
                            : pre         ? ENTITY_PRE
                                          : ENTITY_CODE;
    struct entity *e =
        entities_add(&d->m->list, type, offset, d->m->units - offset);

    if (language.n)
        e->arg = slice_dup(language);
}

static bool old_entity(struct markdown *d, struct err *err)
{
    size_t begin = d->i;
    char mark = d->in.p[d->i++], end = mark == '[' ? ']' : mark;
    bool pre = mark == '`' && at(d, d->i) == '`' && at(d, d->i + 1) == '`';
    struct slice language = SLICE_NONE;
    int offset = d->m->units;

    if (pre) {
        d->i += 2;
        language = code_head(d);
    }
    while (d->i < d->in.n &&
           (d->in.p[d->i] != end || (pre && !looking_at(d, "```"))))
        marked_byte(d->m, d->in.p[d->i++]);
    if (d->i >= d->in.n)
        return entities_fail(
            err, "Can't find end of the entity starting at byte offset %zu",
            begin);
    if (d->m->units > offset && mark == '[')
        old_link(d, offset, begin);
    else if (d->m->units > offset)
        old_add(d, mark, offset, language, pre);
    d->i += pre ? 3 : 1;
    return true;
}

bool markdown_parse(struct slice in, struct marked *m, struct err *err)
{
    struct markdown d = { .in = in, .m = m };

    while (d.i < in.n) {
        char c = in.p[d.i];

        if (c == '\\' && at(&d, d.i + 1) && strchr("_*`[", at(&d, d.i + 1))) {
            marked_byte(m, in.p[d.i + 1]);
            d.i += 2;
        } else if (c && strchr("_*`[", c)) {
            if (!old_entity(&d, err))
                return false;
        } else {
            marked_byte(m, c);
            d.i++;
        }
    }
    return true;
}

/* MarkdownV2 */

static struct open_mark *top(const struct markdown *d)
{
    return d->nopen ? &d->open[d->nopen - 1] : NULL;
}

static struct open_mark *push(struct markdown *d, enum entity_type type)
{
    if (d->nopen == d->cap) {
        d->cap = d->cap ? d->cap * 2 : 8;
        d->open = xrealloc(d->open, d->cap * sizeof(*d->open));
    }
    d->open[d->nopen++] = (struct open_mark){ .type = type, .from = d->i };
    return top(d);
}

/* Its text begins here. */
static void text_begins(struct markdown *d)
{
    top(d)->offset = d->m->units;
    top(d)->begin = d->m->text->len;
}

static void text_byte(struct markdown *d, char c)
{
    marked_byte(d->m, c);
    d->line_start = c == '\n';
}

static bool reserved(const struct markdown *d, struct err *err)
{
    return entities_fail(err,
                         "Character '%c' is reserved and must be escaped with "
                         "the preceding '\\'",
                         d->in.p[d->i]);
}

static bool not_ended(const struct markdown *d, struct err *err)
{
    return entities_fail(err, "Can't find end of %s entity at byte offset %zu",
                         top(d)->type == ENTITY_PRE && top(d)->language.n
                             ? "PreCode"
                             : entity_kinds[top(d)->type].message,
                         top(d)->from);
}

static bool in_code(const struct markdown *d)
{
    return d->nopen &&
           (top(d)->type == ENTITY_CODE || top(d)->type == ENTITY_PRE);
}

/* Does a quote end with this line break? */
static bool quote_ends(const struct markdown *d)
{
    return d->quote && d->in.p[d->i] == '\n' && at(d, d->i + 1) != '>';
}

/* A "||" that ends a quote makes it expandable. */
static bool quote_expands(const struct markdown *d)
{
    size_t next = d->i + 2;

    return d->nopen && top(d)->type == ENTITY_BLOCKQUOTE &&
           looking_at(d, "||") &&
           (next >= d->in.n || (at(d, next) == '\n' && at(d, next + 1) != '>'));
}

static bool mark_ends(const struct markdown *d)
{
    switch (top(d)->type) {
    case ENTITY_BOLD: return looking_at(d, "*");
    case ENTITY_ITALIC: return looking_at(d, "_") && !looking_at(d, "__");
    case ENTITY_UNDERLINE: return looking_at(d, "__");
    case ENTITY_STRIKETHROUGH: return looking_at(d, "~");
    case ENTITY_SPOILER: return looking_at(d, "||");
    case ENTITY_CODE: return looking_at(d, "`");
    case ENTITY_PRE: return looking_at(d, "```");
    case ENTITY_TEXT_LINK:
    case ENTITY_CUSTOM_EMOJI: return looking_at(d, "]");
    default: return false; /* a quote ends with a line */
    }
}

static bool code_begins(struct markdown *d)
{
    if (!looking_at(d, "```")) {
        push(d, ENTITY_CODE);
        d->i++;
    } else {
        push(d, ENTITY_PRE);
        d->i += 3;
        top(d)->language = code_head(d);
    }
    text_begins(d);
    return true;
}

static bool quote_begins(struct markdown *d, struct err *err)
{
    if (!d->line_start)
        return reserved(d, err);
    d->line_start = false;
    if (!d->quote) {
        push(d, ENTITY_BLOCKQUOTE);
        text_begins(d);
    }
    d->quote = true;
    d->i++;
    return true;
}

static bool mark_begins(struct markdown *d, struct err *err)
{
    static const struct {
        const char *mark;
        enum entity_type type;
    } marks[] = {
        { "__", ENTITY_UNDERLINE },    { "_", ENTITY_ITALIC },
        { "*", ENTITY_BOLD },          { "~", ENTITY_STRIKETHROUGH },
        { "||", ENTITY_SPOILER },      { "[", ENTITY_TEXT_LINK },
        { "![", ENTITY_CUSTOM_EMOJI },
    };

    if (looking_at(d, "`"))
        return code_begins(d);
    if (looking_at(d, ">"))
        return quote_begins(d, err);
    if (looking_at(d, "\n")) {
        text_byte(d, d->in.p[d->i++]);
        return true;
    }
    for (size_t k = 0; k < ARRAY_LEN(marks); k++)
        if (looking_at(d, marks[k].mark)) {
            push(d, marks[k].type);
            d->i += strlen(marks[k].mark);
            text_begins(d);
            return true;
        }
    return reserved(d, err);
}

/* At "(": the address within, unescaped. false: no ")" follows. */
static bool address(struct markdown *d, struct buf *url)
{
    d->i++;
    while (d->i < d->in.n && d->in.p[d->i] != ')') {
        if (d->in.p[d->i] == '\\' && at(d, d->i + 1) > 0 &&
            at(d, d->i + 1) <= 126)
            d->i++;
        buf_addc(url, d->in.p[d->i++]);
    }
    return at(d, d->i) == ')';
}

static bool link_ends(struct markdown *d, struct err *err)
{
    struct open_mark o = *top(d);
    struct buf url = BUF_INIT;
    size_t begin = d->i + 2;
    bool ok = true;

    d->i++;
    if (at(d, d->i) == '(') {
        ok = address(d, &url) ||
             entities_fail(err, "Can't find end of a URL at byte offset %zu",
                           begin);
        d->i++;
    } else { /* the text is the link */
        buf_add(&url, d->m->text->data + o.begin, d->m->text->len - o.begin);
    }
    if (ok && d->m->units > o.offset)
        entities_add_link(&d->m->list, o.offset, d->m->units - o.offset,
                          buf_slice(&url));
    buf_release(&url);
    return ok;
}

/* The value of name=… in an address, up to '&'; SLICE_NONE: not there. */
static struct slice query_value(const char *url, const char *name)
{
    const char *p = strchr(url, '?');
    size_t n = strlen(name);

    while (p) {
        p++;
        if (strncmp(p, name, n) == 0 && p[n] == '=')
            return (struct slice){ p + n + 1, strcspn(p + n + 1, "&#") };
        p = strchr(p, '&');
    }
    return SLICE_NONE;
}

static bool time_add(struct markdown *d, const struct open_mark *o,
                     const char *url, struct err *err)
{
    struct slice unix_time = query_value(url, "unix");
    struct slice format = query_value(url, "format");
    struct entity *e;

    if (!unix_time.n || !isdigit((unsigned char)*unix_time.p))
        return entities_fail(err, "Invalid Unix time specified");
    e = entities_add(&d->m->list, ENTITY_DATE_TIME, o->offset,
                     d->m->units - o->offset);
    e->id = strtoll(unix_time.p, NULL, 10);
    if (format.n)
        e->arg = slice_dup(format);
    return true;
}

static bool media_add(struct markdown *d, const struct open_mark *o,
                      const char *url, struct err *err)
{
    struct slice id = query_value(url, "id");
    char *end;

    if (strncmp(url, "tg://time?", 10) == 0)
        return d->m->units <= o->offset || time_add(d, o, url, err);
    if (strncmp(url, "tg://emoji?", 11) != 0)
        return entities_fail(
            err, "Custom emoji entity must contain a tg://emoji URL");
    if (!id.n || strtoll(id.p, &end, 10) == 0 || end != id.p + id.n)
        return entities_fail(err, "Invalid custom emoji identifier specified");
    if (d->m->units > o->offset)
        entities_add(&d->m->list, ENTITY_CUSTOM_EMOJI, o->offset,
                     d->m->units - o->offset)
            ->arg = slice_dup(id);
    return true;
}

static bool media_ends(struct markdown *d, struct err *err)
{
    struct open_mark o = *top(d);
    struct buf url = BUF_INIT;
    size_t begin = d->i + 2;
    bool ok;

    d->i++;
    if (at(d, d->i) != '(')
        return entities_fail(
            err, "Custom emoji entity must contain a tg://emoji URL");
    ok = address(d, &url) ||
         entities_fail(err,
                       "Can't find end of a custom emoji URL at byte offset "
                       "%zu",
                       begin);
    d->i++;
    ok = ok && media_add(d, &o, url.data, err);
    buf_release(&url);
    return ok;
}

static void plain_ends(struct markdown *d, const struct open_mark *o)
{
    struct entity *e;

    if (d->m->units <= o->offset)
        return;
    e = entities_add(&d->m->list, o->type, o->offset, d->m->units - o->offset);
    if (o->language.n)
        e->arg = slice_dup(o->language);
}

static bool mark_closes(struct markdown *d, struct err *err)
{
    struct open_mark o = *top(d);
    bool ok = true;

    if (o.type == ENTITY_TEXT_LINK) {
        ok = link_ends(d, err);
    } else if (o.type == ENTITY_CUSTOM_EMOJI) {
        ok = media_ends(d, err);
    } else {
        plain_ends(d, &o);
        d->i += o.type == ENTITY_PRE                                     ? 3
                : o.type == ENTITY_UNDERLINE || o.type == ENTITY_SPOILER ? 2
                                                                         : 1;
    }
    if (ok)
        d->nopen--;
    return ok;
}

static bool quote_closes(struct markdown *d, struct err *err)
{
    if (top(d)->type != ENTITY_BLOCKQUOTE)
        return not_ended(d, err);
    if (quote_expands(d)) {
        top(d)->type = ENTITY_EXPANDABLE_BLOCKQUOTE;
        d->i += 2;
    }
    if (d->i < d->in.n)
        text_byte(d, d->in.p[d->i++]);
    plain_ends(d, top(d));
    d->nopen--;
    d->quote = false;
    return true;
}

static bool v2_step(struct markdown *d, struct err *err)
{
    char c = d->in.p[d->i];
    const char *special = in_code(d) ? "`" : "_*[]()~`>#+-=|{}.!\n";

    if (c == '\\' && at(d, d->i + 1) > 0 && at(d, d->i + 1) <= 126) {
        text_byte(d, d->in.p[d->i + 1]);
        d->line_start = false;
        d->i += 2;
        return true;
    }
    if (!c || !strchr(special, c)) {
        text_byte(d, c);
        d->i++;
        return true;
    }
    if (quote_ends(d) || quote_expands(d))
        return quote_closes(d, err);
    return d->nopen && mark_ends(d) ? mark_closes(d, err) : mark_begins(d, err);
}

bool markdown_v2_parse(struct slice in, struct marked *m, struct err *err)
{
    struct markdown d = { .in = in, .m = m, .line_start = true };
    bool ok = true;

    while (ok && d.i < in.n)
        ok = v2_step(&d, err);
    if (ok && d.quote && top(&d)->type == ENTITY_BLOCKQUOTE) {
        plain_ends(&d, top(&d));
        d.nopen--;
    }
    if (ok && d.nopen)
        ok = not_ended(&d, err);
    free(d.open);
    return ok;
}
