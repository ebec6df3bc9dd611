/* text_split.c - see text_split.h. */
#include "telegram/text_split.h"

#include <stdlib.h>

/* How good a place for an end is; of equal ones the last is taken. */
enum place {
    PLACE_ANY,         /* between two code points */
    PLACE_WITHIN,      /* between two characters of a link, or of code */
    PLACE_WHOLE_WORD,  /* between words of a link, or of code */
    PLACE_CHARACTER,   /* between two characters of any other word */
    PLACE_INSIDE_WORD, /* between words of an entity that is no link or code */
    PLACE_INSIDE_LINE, /* between its lines */
    PLACE_WORD,        /* between words outside of entities */
    PLACE_LINE,
    PLACE_PARAGRAPH, /* behind an empty line */
    PLACES
};

struct end {
    size_t at;    /* a byte of the text; 0: there is no such place */
    size_t units; /* of the part until there */
};

struct splitting {
    const struct text_limits *limits;
    const struct text_range *ranges;
    size_t nranges;
    struct text_parts *parts;
    size_t offset; /* units of the text before the part */
    struct end ends[PLACES];
};

/* What the place behind the last character is. */
struct boundary {
    size_t at;
    bool free;          /* outside of entities */
    bool whole;         /* inside of one that is better not divided */
    bool frozen;        /* an entity has begun: it belongs to the next part */
    uint32_t before;    /* the character */
    bool is_empty_line; /* it ends one */
    bool flag_is_half;  /* an odd number of regional indicators stands before */
};

/* --- characters -------------------------------------------------------------------- */

static bool is_space(uint32_t c)
{
    return c <= ' ' || c == 0x3000 || c == 0x3001 || c == 0x3002;
}

static bool is_regional(uint32_t c)
{
    return c >= 0x1F1E6 && c <= 0x1F1FF;
}

/* Does it belong to the character before it? */
static bool extends(uint32_t c)
{
    return (c >= 0x300 && c <= 0x36F) || (c >= 0x20D0 && c <= 0x20FF) ||
           (c >= 0xFE00 && c <= 0xFE0F) || c == 0x200D ||
           (c >= 0x1F3FB && c <= 0x1F3FF) || (c >= 0xE0020 && c <= 0xE007F);
}

static bool is_one_character(const struct boundary *b, uint32_t next)
{
    return extends(next) || b->before == 0x200D ||
           (b->flag_is_half && is_regional(next));
}

/* --- where a part may end -------------------------------------------------------------- */

static void look_inside(const struct splitting *s, const struct text_scan *scan,
                        size_t units, struct boundary *b)
{
    size_t at = s->offset + units;

    b->free = scan->depth == 0;
    b->whole = false;
    for (int i = 0; i < scan->depth; i++)
        b->whole = b->whole || scan->open[i].whole;
    for (size_t i = 0; i < s->nranges; i++) {
        const struct text_range *r = &s->ranges[i];

        if (r->offset >= at || at - r->offset >= r->length)
            continue;
        b->free = false;
        b->whole = b->whole || r->whole;
    }
}

static enum place place_of(const struct boundary *b, uint32_t next)
{
    if (is_one_character(b, next))
        return PLACE_ANY;
    if (!is_space(b->before))
        return b->whole ? PLACE_WITHIN : PLACE_CHARACTER;
    if (b->whole)
        return PLACE_WHOLE_WORD;
    if (b->before == '\n' && b->free)
        return b->is_empty_line ? PLACE_PARAGRAPH : PLACE_LINE;
    if (b->before == '\n')
        return PLACE_INSIDE_LINE;
    return b->free ? PLACE_WORD : PLACE_INSIDE_WORD;
}

/* The best of the places in the second half of a part. */
static const struct end *late_end(const struct splitting *s, size_t max,
                                  enum place best, enum place least)
{
    for (int i = (int)best; i >= (int)least; i--)
        if (s->ends[i].at && s->ends[i].units >= max / 2)
            return &s->ends[i];
    return NULL;
}

static const struct end *last_end(const struct splitting *s, enum place best,
                                  enum place least)
{
    const struct end *last = NULL;

    for (int i = (int)best; i >= (int)least; i--)
        if (s->ends[i].at && (!last || s->ends[i].units > last->units))
            last = &s->ends[i];
    return last;
}

/* A part is rather short than that a word or a link is divided. */
static const struct end *best_end(const struct splitting *s, size_t max)
{
    const struct end *end =
        late_end(s, max, PLACE_PARAGRAPH, PLACE_INSIDE_WORD);

    if (!end)
        end = last_end(s, PLACE_PARAGRAPH, PLACE_INSIDE_WORD);
    if (!end)
        end = late_end(s, max, PLACE_CHARACTER, PLACE_WITHIN);
    if (!end)
        end = last_end(s, PLACE_CHARACTER, PLACE_WITHIN);
    return end ? end : &s->ends[PLACE_ANY];
}

static void step_over(struct boundary *b, const struct text_token *t)
{
    b->flag_is_half = is_regional(t->character) && !b->flag_is_half;
    b->is_empty_line = t->character == '\n' && b->before == '\n';
    b->before = t->character;
    b->frozen = false;
}

/*
 * Look for the end of the part that begins at scan. true: end is set, which is the
 * end of the text if that fits; false: the markup can't be read.
 */
static bool find_end(struct splitting *s, struct text_scan scan, size_t max,
                     struct end *end)
{
    struct boundary b = { 0 };
    size_t units = 0;

    memset(s->ends, 0, sizeof(s->ends));
    for (;;) {
        struct text_token t = text_scan_next(&scan);

        if (t.kind == TEXT_BAD)
            return false;
        if (t.kind == TEXT_END) {
            *end = (struct end){ scan.in.n, units };
            return true;
        }
        if (t.kind == TEXT_CHAR) {
            if (units)
                s->ends[place_of(&b, t.character)] =
                    (struct end){ b.at, units };
            if (units + (size_t)t.units > max)
                break;
            units += (size_t)t.units;
            step_over(&b, &t);
        }
        if (t.kind == TEXT_OPEN || t.kind == TEXT_NEXT_LINE)
            b.frozen = true;
        if (!b.frozen) {
            b.at = scan.i;
            look_inside(s, &scan, units, &b);
        }
    }
    *end = *best_end(s, max);
    return true;
}

/* --- writing a part ------------------------------------------------------------------------ */

static bool has_mark(const struct text_scan *s, enum text_mark mark)
{
    for (int i = 0; i < s->depth; i++)
        if (s->open[i].mark == mark)
            return true;
    return false;
}

/* "_" and "__" side by side would be read as "__" and "_": an empty entity keeps
 * them apart. */
static void keep_apart(struct buf *out, const struct text_scan *s, char next)
{
    if (s->markup != TEXT_MARKDOWN_V2 || next != '_' || !out->len ||
        out->data[out->len - 1] != '_')
        return;
    buf_adds(out, !has_mark(s, MARK_BOLD)     ? "**"
                  : !has_mark(s, MARK_STRIKE) ? "~~"
                                              : "||||");
}

static void open_again(struct buf *out, const struct text_scan *s)
{
    for (int i = 0; i < s->depth; i++) {
        struct slice token = s->open[i].token;

        keep_apart(out, s, *token.p);
        buf_add_slice(out, token);
        if (s->open[i].mark == MARK_PRE && out->data[out->len - 1] != '\n')
            buf_addc(out, '\n'); /* or the first word would be a language */
    }
    if (s->depth && s->i < s->in.n)
        keep_apart(out, s, s->in.p[s->i]);
}

static void close_tag(struct buf *out, struct slice tag)
{
    size_t n = strcspn(tag.p + 1, "> \t\r\n\v\f");

    buf_adds(out, "</");
    buf_add(out, tag.p + 1, n);
    buf_addc(out, '>');
}

static void close_quote(struct buf *out, const struct text_scan *s,
                        struct slice closer)
{
    if (s->depth > 1)
        buf_addc(out, '\n'); /* only a line break ends it */
    else if (closer.n)
        buf_add_slice(out, closer);
}

/* A quote goes on behind a line break only with another ">". */
static bool goes_on(const struct buf *out, const struct text_scan *s,
                    struct slice closer)
{
    enum text_mark top = s->open[s->depth - 1].mark;

    if (!s->quote || !out->len || out->data[out->len - 1] != '\n')
        return false;
    if (top == MARK_QUOTE)
        return closer.n > 0;
    return top != MARK_CODE && top != MARK_PRE; /* there it is any character */
}

static void close_all(struct buf *out, struct text_scan s)
{
    struct slice closers[TEXT_OPEN_MAX] = { 0 };

    if (s.depth && s.markup == TEXT_MARKDOWN_V2)
        text_scan_closers(&s, closers);
    if (s.depth && goes_on(out, &s, closers[s.depth - 1]))
        buf_addc(out, '>');
    for (; s.depth; s.depth--) {
        const struct text_open *o = &s.open[s.depth - 1];
        struct slice closer = closers[s.depth - 1];

        if (o->mark == MARK_TAG) {
            close_tag(out, o->token);
        } else if (o->mark == MARK_QUOTE) {
            close_quote(out, &s, closer);
        } else {
            if (closer.n)
                keep_apart(out, &s, *closer.p);
            buf_add_slice(out, closer);
        }
    }
}

/* A quote that ends with the line break that comes next: nothing in the text says
 * so. */
static void end_quote(struct text_scan *scan)
{
    struct text_scan ahead = *scan;
    struct text_token t;

    if (scan->i >= scan->in.n)
        return;
    t = text_scan_next(&ahead);
    if (t.kind == TEXT_CLOSE && !t.raw.n)
        *scan = ahead;
}

/* The ">" of a quote's next line stands there already. */
static void skip_next_line(struct text_scan *scan)
{
    struct text_scan ahead = *scan;

    if (scan->quote && text_scan_next(&ahead).kind == TEXT_NEXT_LINE)
        *scan = ahead;
}

/* Write the part from scan to end, and leave scan there. */
static void write_part(struct splitting *s, struct text_scan *scan,
                       const struct end *end)
{
    struct text_part *part;

    s->parts->part =
        xrealloc(s->parts->part, (s->parts->n + 1) * sizeof(*s->parts->part));
    part = &s->parts->part[s->parts->n++];
    *part = (struct text_part){ .offset = s->offset,
                                .units = end->units,
                                .blank = true };
    buf_init(&part->text);
    open_again(&part->text, scan);
    skip_next_line(scan);
    part->raw = (struct slice){ scan->in.p + scan->i, end->at - scan->i };
    buf_add_slice(&part->text, part->raw);
    while (scan->i < end->at) {
        struct text_token t = text_scan_next(scan);

        if (t.kind == TEXT_CHAR && t.character > ' ')
            part->blank = false;
    }
    close_all(&part->text, *scan);
    end_quote(scan);
    s->offset += end->units;
}

bool text_split(struct slice text, enum text_markup markup,
                const struct text_limits *limits,
                const struct text_range *ranges, size_t nranges,
                struct text_parts *parts, struct err *err)
{
    struct splitting s = {
        .limits = limits, .ranges = ranges, .nranges = nranges, .parts = parts
    };
    struct text_scan scan;
    struct end end;

    *parts = (struct text_parts){ 0 };
    text_scan_init(&scan, markup, text);
    do {
        if (!find_end(&s, scan, parts->n ? limits->others : limits->first,
                      &end)) {
            text_parts_release(parts);
            return err_set(err, ERR_USAGE, "the markup can't be read");
        }
        write_part(&s, &scan, &end);
    } while (scan.i < text.n);
    return true;
}

void text_parts_release(struct text_parts *parts)
{
    for (size_t i = 0; i < parts->n; i++)
        buf_release(&parts->part[i].text);
    free(parts->part);
    *parts = (struct text_parts){ 0 };
}
