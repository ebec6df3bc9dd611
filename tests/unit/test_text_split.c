/* test_text_split.c - telegram/text_split.h; what its parts say is read by the
 * simulator's own parser. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "simulator/entities.h"
#include "telegram/text_split.h"

static struct text_parts split(const char *text, enum text_markup markup,
                               size_t max)
{
    struct text_limits limits = { max, max };
    struct text_parts parts;
    struct err err = ERR_INIT;

    if (!text_split(slice_of(text), markup, &limits, NULL, 0, &parts, &err))
        fail_msg("%s: %s", text, err.text);
    return parts;
}

/* The parts with '|' between them. */
static void splits(const char *text, enum text_markup markup, size_t max,
                   const char *wanted)
{
    struct text_parts parts = split(text, markup, max);
    struct buf out = BUF_INIT;

    for (size_t i = 0; i < parts.n; i++) {
        if (i)
            buf_addc(&out, '|');
        buf_add_slice(&out, buf_slice(&parts.part[i].text));
    }
    assert_string_equal(out.data, wanted);
    buf_release(&out);
    text_parts_release(&parts);
}

static void refuses(const char *text, enum text_markup markup)
{
    struct text_limits limits = { 16, 16 };
    struct text_parts parts;
    struct err err = ERR_INIT;

    if (text_split(slice_of(text), markup, &limits, NULL, 0, &parts, &err))
        fail_msg("%s: is taken", text);
    assert_int_equal(err.kind, ERR_USAGE);
    assert_int_equal(parts.n, 0);
}

/* --- plain ------------------------------------------------------------------------- */

static void test_text_split__at_words_and_lines(void **state)
{
    (void)state;
    splits("", TEXT_PLAIN, 16, "");
    splits("fits", TEXT_PLAIN, 16, "fits");
    splits("0123456789abcdef", TEXT_PLAIN, 16, "0123456789abcdef");
    splits("0123456789abcdefg", TEXT_PLAIN, 16, "0123456789abcdef|g");
    splits("one two three four five", TEXT_PLAIN, 16,
           "one two three |four five");
    /* a line's end in the second half is better than a later word's */
    splits("one two\nthree four five six", TEXT_PLAIN, 16,
           "one two\n|three four five |six");
    splits("one\ntwo three four five six", TEXT_PLAIN, 16,
           "one\ntwo three |four five six");
    splits("one two\n\nthr\nfour five six", TEXT_PLAIN, 16,
           "one two\n\n|thr\nfour five |six");
    /* a long word stays whole if it fits into one part */
    splits("a bcdefghijklmnop", TEXT_PLAIN, 16, "a |bcdefghijklmnop");
    splits("a bcdefghijklmnopqrstuvwxyz", TEXT_PLAIN, 16,
           "a |bcdefghijklmnopq|rstuvwxyz");
}

static void test_text_split__counts_utf16(void **state)
{
    (void)state;
    /* 8 × 2 units, then one more */
    splits("😀😀😀😀😀😀😀😀a", TEXT_PLAIN, 16, "😀😀😀😀😀😀😀😀|a");
    splits("a😀😀😀😀😀😀😀😀", TEXT_PLAIN, 16, "a😀😀😀😀😀😀😀|😀");
    splits("ääääääääääääääääö", TEXT_PLAIN, 16, "ääääääääääääääää|ö");
    /* skin tones, families, flags and accents are one character */
    splits("123456789012345👍🏽", TEXT_PLAIN, 17,
           "123456789012345|👍🏽");
    splits("1234567890123👩‍👩‍👧", TEXT_PLAIN, 17,
           "1234567890123|👩‍👩‍👧");
    splits("1234567890123🇩🇪🇫🇷", TEXT_PLAIN, 19, "1234567890123🇩🇪|🇫🇷");
    splits("1234567890123🇩🇪🇫🇷", TEXT_PLAIN, 18, "1234567890123🇩🇪|🇫🇷");
    splits("123456789012345e\xcc\x81", TEXT_PLAIN, 16,
           "123456789012345|e\xcc\x81");
    /* what is no UTF-8 is not read beyond */
    splits("\xf0\x9f\x98", TEXT_PLAIN, 16, "\xf0\x9f\x98");
    splits("123456789012345\xf0\x9f\x98", TEXT_PLAIN, 16,
           "123456789012345\xf0|\x9f\x98");
}

/* Marks alone, more of them than a part holds. */
static void test_text_split__ends_with_endless_characters(void **state)
{
    struct buf text = BUF_INIT;
    struct text_parts parts;
    size_t units = 0;

    (void)state;
    buf_addc(&text, 'e');
    for (int i = 0; i < 100; i++)
        buf_adds(&text, "\xcc\x81");
    parts = split(text.data, TEXT_PLAIN, 16);
    for (size_t i = 0; i < parts.n; i++) {
        assert_true(parts.part[i].units <= 16);
        units += parts.part[i].units;
    }
    assert_int_equal(units, 101);
    text_parts_release(&parts);
    buf_release(&text);
}

static void test_text_split__says_where_parts_are(void **state)
{
    static const struct text_range ranges[] = { { 9, 9, true } };
    struct text_limits limits = { 16, 20 };
    struct text_parts parts;
    struct err err = ERR_INIT;

    (void)state;
    /* "three fou" is a link: it stays whole */
    assert_true(text_split(slice_of("one 😀 x three fou five six seven"),
                           TEXT_PLAIN, &limits, ranges, 1, &parts, &err));
    assert_int_equal(parts.n, 3);
    assert_string_equal(parts.part[0].text.data, "one 😀 x ");
    assert_int_equal(parts.part[0].units, 9);
    assert_string_equal(parts.part[1].text.data, "three fou five six ");
    assert_int_equal(parts.part[1].offset, 9);
    assert_string_equal(parts.part[2].text.data, "seven");
    assert_int_equal(parts.part[2].offset, 28);
    text_parts_release(&parts);
}

static void test_text_split__knows_blank_parts(void **state)
{
    struct text_parts parts =
        split("x                                   y", TEXT_PLAIN, 16);

    (void)state;
    assert_int_equal(parts.n, 3);
    assert_false(parts.part[0].blank);
    assert_true(parts.part[1].blank);
    assert_false(parts.part[2].blank);
    text_parts_release(&parts);
}

/* --- markup ------------------------------------------------------------------------- */

static void test_text_split__html(void **state)
{
    (void)state;
    splits("<b>one two three four</b>", TEXT_HTML, 16,
           "<b>one two three </b>|<b>four</b>");
    /* tags and references are not counted by their bytes */
    splits("<b>&lt;&amp;&gt;&quot;&#33;&#x1F600;</b>", TEXT_HTML, 16,
           "<b>&lt;&amp;&gt;&quot;&#33;&#x1F600;</b>");
    splits(
        "&lt;&lt;&lt;&lt;&lt;&lt;&lt;&lt;&lt;&lt;&lt;&lt;&lt;&lt;&lt;&#x1F600;",
        TEXT_HTML, 16,
        "&lt;&lt;&lt;&lt;&lt;&lt;&lt;&lt;&lt;&lt;&lt;&lt;&lt;&lt;&lt;|"
        "&#x1F600;");
    splits("&#3333333;&#3333333;", TEXT_HTML, 16, "&#3333333;|&#3333333;");
    splits("<b>one <i>two three four</i></b> x", TEXT_HTML, 16,
           "<b>one <i>two three </i></b>|<b><i>four</i></b> x");
    splits("one two <a href=\"http://x/?a>b\">three four</a>", TEXT_HTML, 16,
           "one two |<a href=\"http://x/?a>b\">three four</a>");
    splits(
        "<pre><code class=\"language-c\">int i;\nint j;\nint k;</code></pre>",
        TEXT_HTML, 16,
        "<pre><code class=\"language-c\">int i;\nint j;\n</code></pre>|"
        "<pre><code class=\"language-c\">int k;</code></pre>");
    splits("<blockquote expandable>one two three four</blockquote>", TEXT_HTML,
           16,
           "<blockquote expandable>one two three </blockquote>|"
           "<blockquote expandable>four</blockquote>");
    /* what ends with a part ends in it */
    splits("<b>0123456789abcdef</b>g", TEXT_HTML, 16,
           "<b>0123456789abcdef</b>|g");
    splits("0123456789abcdef<b>g</b>", TEXT_HTML, 16,
           "0123456789abcdef|<b>g</b>");
    refuses("<b>never closed", TEXT_HTML);
    refuses("<b>x</i>", TEXT_HTML);
    refuses("x</b>", TEXT_HTML);
    refuses("<b", TEXT_HTML);
}

static void test_text_split__markdown(void **state)
{
    (void)state;
    splits("*one two three four*", TEXT_MARKDOWN_V2, 16,
           "*one two three *|*four*");
    splits("*one* two\\. three four", TEXT_MARKDOWN_V2, 16,
           "*one* two\\. three |four");
    splits("one two [three four](http://x/\\))", TEXT_MARKDOWN_V2, 16,
           "one two |[three four](http://x/\\))");
    splits("[0123456789abcdef0123](http://x/)", TEXT_MARKDOWN_V2, 16,
           "[0123456789abcdef](http://x/)|[0123](http://x/)");
    splits("```c\nint i;\nint j;\nint k;```", TEXT_MARKDOWN_V2, 16,
           "```c\nint i;\nint j;\n```|```c\nint k;```");
    splits("*_one `two three four` five_*", TEXT_MARKDOWN_V2, 16,
           "*_one _*|*_`two three four` _*|*_five_*");
    splits(">one two\n>three four\n>five", TEXT_MARKDOWN_V2, 16,
           ">one two\n|>three four\n>five");
    splits(">one two three four", TEXT_MARKDOWN_V2, 16,
           ">one two three |>four");
    splits(">one two three\n>four||", TEXT_MARKDOWN_V2, 16,
           ">one two three\n>|||>four||");
    splits(">0123456789abcde\nx", TEXT_MARKDOWN_V2, 16, ">0123456789abcde\n|x");
    splits(">0123456789abcdef\nx", TEXT_MARKDOWN_V2, 16,
           ">0123456789abcdef|\nx");
    splits("[ab] 0123456789abcd", TEXT_MARKDOWN_V2, 16, "[ab] |0123456789abcd");
    /* "_" beside "__" */
    splits("__under _both one two_ three__", TEXT_MARKDOWN_V2, 16,
           "__under _both one _**__|__**_two_ three__");
    splits("_it __both one two__ three_", TEXT_MARKDOWN_V2, 16,
           "_it __both one two__ _|_three_");
    splits("_i __0123456789abcdef__x_", TEXT_MARKDOWN_V2, 16,
           "_i _|_**__0123456789abcdef__**_|_x_");
    refuses("*never closed", TEXT_MARKDOWN_V2);
    refuses("a.b", TEXT_MARKDOWN_V2);
    refuses("[x](http://", TEXT_MARKDOWN_V2);
    refuses("a > b", TEXT_MARKDOWN_V2);
}

/* --- any text ------------------------------------------------------------------------- */

static unsigned seed;

static unsigned below(unsigned n)
{
    seed = seed * 1103515245u + 12345u;
    return (seed >> 16) % n;
}

static void add_words(struct buf *out, enum text_markup markup, bool lines)
{
    static const char *const html[] = { "word", "ä",     "😀",        " ",
                                        " ",    "&lt;",  "👍🏽", "longer",
                                        " ",    "&#33;", "\n",       "&",
                                        "🇩🇪" };
    static const char *const markdown[] = { "word", "ä",   "😀",        " ",
                                            " ",    "\\_", "👍🏽", "longer",
                                            " ",    "\\.", "\n",       "x",
                                            "🇩🇪" };
    const char *const *words = markup == TEXT_HTML ? html : markdown;

    for (unsigned n = 1 + below(12); n; n--) {
        const char *word = words[below(ARRAY_LEN(html))];

        buf_adds(out, *word == '\n' && !lines ? " " : word);
    }
}

static void add_html(struct buf *out, int depth)
{
    static const char *const tags[] = {
        "b",          "i",
        "u",          "s",
        "tg-spoiler", "a href=\"http://example.com/\"",
        "code",       "pre",
        "blockquote", "blockquote expandable",
    };
    unsigned k = below(ARRAY_LEN(tags));

    add_words(out, TEXT_HTML, true);
    if (depth == 4 || (k > 5 && depth)) /* code and quotes are in nothing */
        return;
    buf_addf(out, "<%s>", tags[k]);
    if (k < 6 || k > 7)
        add_html(out, depth + 1);
    else
        add_words(out, TEXT_HTML, true);
    buf_addf(out, "</%.*s>", (int)strcspn(tags[k], " "), tags[k]);
    if (below(3))
        add_html(out, depth + 1);
}

/* open: which marks are. Two "_" must not meet, so words stand between. */
static void add_markdown(struct buf *out, int depth, unsigned open)
{
    static const char *const marks[][2] = {
        { "*", "*" }, { "_", "_" },        { "__", "__" },
        { "~", "~" }, { "||", "||" },      { "[", "](http://example.com/\\))" },
        { "`", "`" }, { "```c\n", "```" }, { "```", "```" },
    };
    unsigned k = below(ARRAY_LEN(marks));

    buf_adds(out, "w ");
    add_words(out, TEXT_MARKDOWN_V2, !(open & 1u << 9));
    if (depth == 4 || (open & 1u << k) || (k > 5 && (open & 63)))
        return;
    buf_adds(out, marks[k][0]);
    if (k < 6)
        add_markdown(out, depth + 1, open | 1u << k);
    else
        add_words(out, TEXT_MARKDOWN_V2, !(open & 1u << 9));
    buf_adds(out, "y");
    buf_adds(out, marks[k][1]);
    buf_adds(out, " z");
    if (below(3))
        add_markdown(out, depth + 1, open);
}

static void add_quoted(struct buf *out)
{
    add_markdown(out, 2, 0);
    for (unsigned n = 1 + below(3); n; n--) {
        buf_adds(out, "\n>");
        add_markdown(out, 2, 1u << 9);
    }
    buf_adds(out, below(2) ? "||\n" : "\n");
    add_markdown(out, 2, 0);
}

/* A character of the text that is not white space, and which entities it is in. */
static void add_character(struct buf *out, const char *p, size_t n, size_t unit,
                          const json_t *entities)
{
    static const char *const shown[] = {
        "bold", "italic", "underline", "strikethrough", "spoiler",
        "code", "pre",    "text_link", "blockquote",    "expandable_blockquote",
    };
    const json_t *e;
    size_t i;

    buf_add(out, p, n);
    buf_addc(out, '{');
    for (size_t k = 0; k < ARRAY_LEN(shown); k++)
        json_array_foreach(entities, i, e)
        {
            size_t from =
                (size_t)json_integer_value(json_object_get(e, "offset"));
            size_t length =
                (size_t)json_integer_value(json_object_get(e, "length"));

            if (unit >= from && unit - from < length &&
                strcmp(json_string_value(json_object_get(e, "type")),
                       shown[k]) == 0)
                buf_addf(out, "%zu", k);
        }
    buf_addc(out, '}');
}

/* What the simulator makes of a text. */
static size_t add_meaning(struct buf *out, struct slice text, const char *mode)
{
    struct entities_input input = { .text = text,
                                    .parse_mode = mode,
                                    .keep_empty = true };
    struct buf plain = BUF_INIT;
    struct err err = ERR_INIT;
    json_t *entities;
    size_t unit = 0, n;

    if (!entities_apply(&input, &plain, &entities, &err))
        fail_msg("%s\n%.*s", err.text, (int)text.n, text.p);
    for (size_t i = 0; i < plain.len; i += n) {
        uint32_t c = text_code_point(plain.data + i, plain.len - i, &n);

        if (c > ' ')
            add_character(out, plain.data + i, n, unit, entities);
        unit += c > 0xFFFF ? 2 : 1;
    }
    json_decref(entities);
    buf_release(&plain);
    return unit;
}

static void check_any(const struct buf *text, enum text_markup markup,
                      const char *mode, size_t max)
{
    struct text_parts parts = split(text->data, markup, max);
    struct buf whole = BUF_INIT, joined = BUF_INIT, raw = BUF_INIT;

    add_meaning(&whole, buf_slice(text), mode);
    for (size_t i = 0; i < parts.n; i++) {
        const struct text_part *p = &parts.part[i];

        assert_true(p->units <= max && p->units > 0);
        buf_add_slice(&raw, p->raw);
        if (!p->blank && add_meaning(&joined, buf_slice(&p->text), mode) > max)
            fail_msg("too long: %s", p->text.data);
    }
    for (size_t i = 0; i <= whole.len; i++)
        if (whole.data[i] != joined.data[i])
            fail_msg("%s\n… %.60s\nbecame\n… %.60s", text->data,
                     whole.data + (i < 30 ? 0 : i - 30),
                     joined.data + (i < 30 ? 0 : i - 30));
    buf_release(&whole);
    buf_release(&joined);
    buf_release(&raw);
    text_parts_release(&parts);
}

static void test_text_split__any_html(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3000; i++) {
        struct buf text = BUF_INIT;

        seed = i;
        add_html(&text, 0);
        check_any(&text, TEXT_HTML, "HTML", 16 + below(60));
        buf_release(&text);
    }
}

static void test_text_split__any_markdown(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3000; i++) {
        struct buf text = BUF_INIT;

        seed = i;
        if (i % 3)
            add_markdown(&text, 0, 0);
        else
            add_quoted(&text);
        check_any(&text, TEXT_MARKDOWN_V2, "MarkdownV2", 16 + below(60));
        buf_release(&text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_split__at_words_and_lines),
        cmocka_unit_test(test_text_split__counts_utf16),
        cmocka_unit_test(test_text_split__ends_with_endless_characters),
        cmocka_unit_test(test_text_split__says_where_parts_are),
        cmocka_unit_test(test_text_split__knows_blank_parts),
        cmocka_unit_test(test_text_split__html),
        cmocka_unit_test(test_text_split__markdown),
        cmocka_unit_test(test_text_split__any_html),
        cmocka_unit_test(test_text_split__any_markdown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
