/*
 * entities_html.c - parse_mode HTML. Tags, attributes, quirks and errors are
 * the Bot API server's: only named entities lt, gt, amp and quot; attributes
 * it does not know are skipped; </> closes the innermost tag.
 */
#include "simulator/entities_int.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static const struct tag {
    const char *name;
    enum entity_type type;
} tags[] = {
    { "b", ENTITY_BOLD },
    { "strong", ENTITY_BOLD },
    { "i", ENTITY_ITALIC },
    { "em", ENTITY_ITALIC },
    { "u", ENTITY_UNDERLINE },
    { "ins", ENTITY_UNDERLINE },
    { "s", ENTITY_STRIKETHROUGH },
    { "strike", ENTITY_STRIKETHROUGH },
    { "del", ENTITY_STRIKETHROUGH },
    { "span", ENTITY_SPOILER },
    { "tg-spoiler", ENTITY_SPOILER },
    { "a", ENTITY_TEXT_LINK },
    { "code", ENTITY_CODE },
    { "pre", ENTITY_PRE },
    { "blockquote", ENTITY_BLOCKQUOTE },
    { "tg-emoji", ENTITY_CUSTOM_EMOJI },
    { "tg-time", ENTITY_DATE_TIME },
};

struct open_tag {
    const struct tag *tag;
    struct buf arg;    /* href, class, emoji-id, format */
    int64_t unix_time; /* of tg-time */
    bool expandable;
    int offset;   /* where its text begins, in UTF-16 units … */
    size_t begin; /* … and in bytes of the plain text */
};

struct html {
    struct slice in;
    size_t i;
    struct marked *m;
    struct open_tag *open; /* a stack */
    size_t nopen, cap;
    bool numeric; /* surrogates may have come in as &#…; */
};

static char at(const struct html *h, size_t i)
{
    return i < h->in.n ? h->in.p[i] : '\0';
}

static bool is_end(const struct html *h)
{
    return h->i >= h->in.n;
}

/* White space, or the end. */
static bool space_at(const struct html *h)
{
    return is_end(h) || isspace((unsigned char)h->in.p[h->i]);
}

static void skip_space(struct html *h)
{
    while (!is_end(h) && space_at(h))
        h->i++;
}

static struct slice lower_slice(struct buf *out, struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        buf_addc(out, (char)tolower((unsigned char)s.p[i]));
    return buf_slice(out);
}

static const struct tag *tag_find(struct slice name)
{
    for (size_t i = 0; i < ARRAY_LEN(tags); i++)
        if (slice_eq(name, tags[i].name))
            return &tags[i];
    return NULL;
}

static uint32_t numeric_reference(const struct html *h, size_t *end)
{
    uint32_t code = 0;
    size_t i = h->i + 2;
    bool hex = at(h, i) == 'x';

    for (i += hex; i - h->i < 12; i++) {
        int c = (unsigned char)at(h, i);

        if (hex ? !isxdigit(c) : !isdigit(c))
            break;
        code = code * (hex ? 16 : 10) +
               (uint32_t)(isdigit(c) ? c - '0' : tolower(c) - 'a' + 10);
    }
    *end = i;
    return code >= 0x10FFFF || i - h->i >= 10 ? 0 : code;
}

static uint32_t named_reference(const struct html *h, size_t *end)
{
    static const struct {
        const char *name;
        char c;
    } names[] = {
        { "lt", '<' }, { "gt", '>' }, { "amp", '&' }, { "quot", '"' }
    };
    size_t i = h->i + 1;
    struct slice name;

    while (isalpha((unsigned char)at(h, i)))
        i++;
    *end = i;
    name = (struct slice){ h->in.p + h->i + 1, i - h->i - 1 };
    for (size_t k = 0; k < ARRAY_LEN(names); k++)
        if (slice_eq(name, names[k].name))
            return (uint32_t)names[k].c;
    return 0;
}

static void utf8_add(struct buf *out, uint32_t c)
{
    if (c < 0x80) {
        buf_addc(out, (char)c);
    } else if (c < 0x800) {
        buf_addc(out, (char)(0xC0 | (c >> 6)));
        buf_addc(out, (char)(0x80 | (c & 0x3F)));
    } else if (c < 0x10000) {
        buf_addc(out, (char)(0xE0 | (c >> 12)));
        buf_addc(out, (char)(0x80 | ((c >> 6) & 0x3F)));
        buf_addc(out, (char)(0x80 | (c & 0x3F)));
    } else {
        buf_addc(out, (char)(0xF0 | (c >> 18)));
        buf_addc(out, (char)(0x80 | ((c >> 12) & 0x3F)));
        buf_addc(out, (char)(0x80 | ((c >> 6) & 0x3F)));
        buf_addc(out, (char)(0x80 | (c & 0x3F)));
    }
}

/* At '&': append what a reference means and go behind it. false: it is none. */
static bool reference(struct html *h, struct buf *out)
{
    size_t end;
    uint32_t code = at(h, h->i + 1) == '#' ? numeric_reference(h, &end)
                                           : named_reference(h, &end);

    if (!code)
        return false;
    utf8_add(out, code);
    h->numeric = true;
    h->i = at(h, end) == ';' ? end + 1 : end;
    return true;
}

static struct open_tag *push(struct html *h, const struct tag *tag)
{
    struct open_tag *open;

    if (h->nopen == h->cap) {
        h->cap = h->cap ? h->cap * 2 : 8;
        h->open = xrealloc(h->open, h->cap * sizeof(*h->open));
    }
    open = &h->open[h->nopen++];
    *open = (struct open_tag){ .tag = tag,
                               .offset = h->m->units,
                               .begin = h->m->text->len };
    buf_init(&open->arg);
    return open;
}

static void pop(struct html *h)
{
    buf_release(&h->open[--h->nopen].arg);
}

/* value may be changed. */
static void take_attribute(struct open_tag *open, struct slice name,
                           struct buf *value)
{
    const char *tag = open->tag->name;
    size_t skip = 0;

    if (slice_eq(name, "expandable")) {
        open->expandable = true;
        return;
    }
    if (strcmp(tag, "tg-time") == 0 && slice_eq(name, "unix")) {
        open->unix_time = strtoll(value->data, NULL, 10);
        return;
    }
    if (strcmp(tag, "code") == 0 && slice_eq(name, "class"))
        skip = strlen("language-");
    else if (strcmp(tag, "span") == 0 && slice_eq(name, "class"))
        skip = strlen("tg-");
    else if (!(strcmp(tag, "a") == 0 && slice_eq(name, "href")) &&
             !(strcmp(tag, "tg-emoji") == 0 && slice_eq(name, "emoji-id")) &&
             !(strcmp(tag, "tg-time") == 0 && slice_eq(name, "format")))
        return;
    if (skip && strncmp(value->data, skip == 3 ? "tg-" : "language-", skip))
        return;
    buf_reset(&open->arg);
    buf_adds(&open->arg, value->data + skip);
}

static bool quoted_value(struct html *h, struct buf *value)
{
    char quote = h->in.p[h->i++];

    while (!is_end(h) && h->in.p[h->i] != quote)
        if (h->in.p[h->i] != '&' || !reference(h, value))
            buf_addc(value, h->in.p[h->i++]);
    if (!is_end(h))
        h->i++;
    return !is_end(h);
}

static bool value_read(struct html *h, struct buf *value, size_t begin,
                       struct err *err)
{
    size_t token = h->i;
    char c = at(h, h->i);

    if (c == '"' || c == '\'')
        return quoted_value(h, value) ||
               entities_fail(err, "Unclosed start tag at byte offset %zu",
                             begin);
    while (isalnum((unsigned char)at(h, h->i)) || at(h, h->i) == '.' ||
           at(h, h->i) == '-')
        buf_addc(value, (char)tolower((unsigned char)h->in.p[h->i++]));
    if (is_end(h))
        return entities_fail(err, "Unclosed start tag at byte offset %zu",
                             begin);
    if (!space_at(h) && at(h, h->i) != '>')
        return entities_fail(err,
                             "Unexpected end of name token at byte offset %zu",
                             token);
    return true;
}

/* One attribute of the tag that began at byte begin. */
static bool attribute(struct html *h, struct open_tag *open, size_t begin,
                      struct err *err)
{
    struct buf value = BUF_INIT, lower = BUF_INIT;
    struct slice name = { h->in.p + h->i, h->i };
    bool ok = true;

    while (!space_at(h) && !strchr("=>/\"'", at(h, h->i)))
        h->i++;
    name.n = h->i - name.n;
    if (!name.n)
        return entities_fail(
            err, "Empty attribute name in the tag \"%s\" at byte offset %zu",
            open->tag->name, begin);
    skip_space(h);
    if (at(h, h->i) == '=') {
        h->i++;
        skip_space(h);
        ok = value_read(h, &value, begin, err);
    }
    if (ok && is_end(h))
        ok = entities_fail(err, "Unclosed start tag \"%s\" at byte offset %zu",
                           open->tag->name, begin);
    if (ok)
        take_attribute(open, lower_slice(&lower, name), &value);
    buf_release(&value);
    buf_release(&lower);
    return ok;
}

static bool attributes(struct html *h, struct open_tag *open, size_t begin,
                       struct err *err)
{
    for (;;) {
        skip_space(h);
        if (at(h, h->i) == '>')
            break;
        if (is_end(h))
            return entities_fail(err,
                                 "Unclosed start tag \"%s\" at byte offset %zu",
                                 open->tag->name, begin);
        if (!attribute(h, open, begin, err))
            return false;
    }
    if (strcmp(open->tag->name, "span") == 0 &&
        strcmp(open->arg.data, "spoiler") != 0)
        return entities_fail(err,
                             "Tag \"span\" must have class \"tg-spoiler\" at "
                             "byte offset %zu",
                             begin);
    return true;
}

static bool start_tag(struct html *h, size_t begin, struct err *err)
{
    struct buf lower = BUF_INIT;
    const struct tag *tag;
    struct slice name;
    bool ok = true;

    while (!space_at(h) && at(h, h->i) != '>')
        h->i++;
    if (is_end(h))
        return entities_fail(err, "Unclosed start tag at byte offset %zu",
                             begin);
    name = (struct slice){ h->in.p + begin + 1, h->i - begin - 1 };
    tag = tag_find(lower_slice(&lower, name));
    if (!tag)
        ok = entities_fail(err,
                           "Unsupported start tag \"%s\" at byte offset %zu",
                           lower.data, begin);
    buf_release(&lower);
    return ok && attributes(h, push(h, tag), begin, err);
}

/* <pre><code class="language-x">: one entity of the two, whichever is inside. */
static bool merge_pre(struct entity_list *list, const struct open_tag *open,
                      int length)
{
    struct entity *last = list->n ? &list->items[list->n - 1] : NULL;
    bool same = last && last->offset == open->offset && last->length == length;

    if (!same)
        return false;
    if (open->tag->type == ENTITY_PRE && last->type == ENTITY_CODE &&
        last->arg) {
        last->type = ENTITY_PRE;
        return true;
    }
    if (open->tag->type == ENTITY_CODE && last->type == ENTITY_PRE &&
        open->arg.len) {
        free(last->arg);
        last->arg = xstrdup(open->arg.data);
        return true;
    }
    return false;
}

static bool emoji_add(struct entity_list *list, const struct open_tag *open,
                      int length, struct err *err)
{
    char *end;

    if (strtoll(open->arg.data, &end, 10) == 0 || *end)
        return entities_fail(err, "Invalid custom emoji identifier specified");
    entities_add(list, ENTITY_CUSTOM_EMOJI, open->offset, length)->arg =
        xstrdup(open->arg.data);
    return true;
}

static void link_add(struct html *h, const struct open_tag *open, int length)
{
    struct slice url = buf_slice(&open->arg);

    if (!url.n) /* the text is the link */
        url = (struct slice){ h->m->text->data + open->begin,
                              h->m->text->len - open->begin };
    entities_add_link(&h->m->list, open->offset, length, url);
}

static bool entity_end(struct html *h, const struct open_tag *open,
                       struct err *err)
{
    struct entity_list *list = &h->m->list;
    int length = h->m->units - open->offset;
    enum entity_type type = open->tag->type;
    struct entity *e;

    if (length <= 0 || merge_pre(list, open, length))
        return true;
    if (type == ENTITY_CUSTOM_EMOJI)
        return emoji_add(list, open, length, err);
    if (type == ENTITY_TEXT_LINK) {
        link_add(h, open, length);
        return true;
    }
    if (type == ENTITY_BLOCKQUOTE && open->expandable)
        type = ENTITY_EXPANDABLE_BLOCKQUOTE;
    e = entities_add(list, type, open->offset, length);
    e->id = open->unix_time;
    if ((type == ENTITY_CODE || type == ENTITY_DATE_TIME) && open->arg.len)
        e->arg = xstrdup(open->arg.data);
    return true;
}

static bool end_tag(struct html *h, size_t begin, struct err *err)
{
    struct buf name = BUF_INIT;
    const struct open_tag *open;
    bool ok = true;

    if (!h->nopen)
        return entities_fail(err, "Unexpected end tag at byte offset %zu",
                             begin);
    open = &h->open[h->nopen - 1];
    h->i++;
    while (!space_at(h) && at(h, h->i) != '>')
        buf_addc(&name, (char)tolower((unsigned char)h->in.p[h->i++]));
    skip_space(h);
    if (at(h, h->i) != '>')
        ok = entities_fail(err, "Unclosed end tag at byte offset %zu", begin);
    else if (name.len && strcmp(name.data, open->tag->name) != 0)
        ok = entities_fail(err,
                           "Unmatched end tag at byte offset %zu, expected "
                           "\"</%s>\", found \"</%s>\"",
                           begin, open->tag->name, name.data);
    ok = ok && entity_end(h, open, err);
    if (ok)
        pop(h);
    buf_release(&name);
    return ok;
}

/* A reference or one byte of text. */
static void character(struct html *h)
{
    struct buf *text = h->m->text;
    size_t before = text->len;

    if (h->in.p[h->i] == '&' && reference(h, text)) {
        for (; before < text->len; before++)
            h->m->units += utf16_units(text->data[before]);
        return;
    }
    marked_byte(h->m, h->in.p[h->i++]);
}

static bool read_all(struct html *h, struct err *err)
{
    while (!is_end(h)) {
        size_t begin = h->i;

        if (h->in.p[begin] != '<') {
            character(h);
            continue;
        }
        h->i++;
        if (at(h, h->i) == '/' ? !end_tag(h, begin, err)
                               : !start_tag(h, begin, err))
            return false;
        h->i++; /* the '>' */
    }
    if (h->nopen)
        return entities_fail(
            err, "Can't find end tag corresponding to start tag \"%s\"",
            h->open[h->nopen - 1].tag->name);
    if (h->numeric && !utf8_valid(buf_slice(h->m->text)))
        return entities_fail(err,
                             "Text contains invalid Unicode characters after "
                             "decoding HTML entities, check for unmatched "
                             "surrogate code units");
    return true;
}

bool html_parse(struct slice in, struct marked *m, struct err *err)
{
    struct html h = { .in = in, .m = m };
    bool ok = read_all(&h, err);

    while (h.nopen)
        pop(&h);
    free(h.open);
    for (size_t i = 0; i < m->list.n; i++)
        if (m->list.items[i].type == ENTITY_CODE) { /* only <pre> has one */
            free(m->list.items[i].arg);
            m->list.items[i].arg = NULL;
        }
    return ok;
}
