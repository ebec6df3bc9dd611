/* Formatted text as the Bot API server takes it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "simulator/entities.h"

/* Everyone but 404 is known. */
static json_t *user(int64_t id, void *arg)
{
    (void)arg;
    return id == 404 ? NULL
                     : json_pack("{s:I, s:b, s:s}", "id", (json_int_t)id,
                                 "is_bot", 0, "first_name", "Alice");
}

/* "type offset+length argument, …" */
static char *describe(const json_t *entities)
{
    static const char *const names[] = { "url", "language", "custom_emoji_id",
                                         "date_time_format" };
    struct buf out = BUF_INIT;
    size_t i;
    json_t *e;

    json_array_foreach(entities, i, e)
    {
        buf_addf(&out, "%s%s %lld+%lld", i ? ", " : "",
                 json_string_value(json_object_get(e, "type")),
                 json_integer_value(json_object_get(e, "offset")),
                 json_integer_value(json_object_get(e, "length")));
        if (json_object_get(e, "unix_time"))
            buf_addf(&out, " %lld",
                     json_integer_value(json_object_get(e, "unix_time")));
        if (json_object_get(e, "user"))
            buf_addf(&out, " %lld",
                     json_integer_value(
                         json_object_get(json_object_get(e, "user"), "id")));
        for (size_t k = 0; k < ARRAY_LEN(names); k++)
            if (json_object_get(e, names[k]))
                buf_addf(&out, " %s",
                         json_string_value(json_object_get(e, names[k])));
    }
    return buf_detach(&out);
}

struct example {
    const char *in;
    const char *text;     /* NULL: an error … */
    const char *entities; /* … whose text without its beginning this is */
};

static void check(const struct example *x, const char *mode)
{
    struct entities_input input = { .text = slice_of(x->in),
                                    .parse_mode = mode,
                                    .user = user };
    struct buf text = BUF_INIT;
    struct err err = ERR_INIT;
    json_t *entities;
    bool ok = entities_apply(&input, &text, &entities, &err);
    static const char prefix[] = "Bad Request: can't parse entities: ";

    if (ok != (x->text != NULL))
        fail_msg("%s: %s", x->in, ok ? text.data : err.text);
    if (ok) {
        char *is = describe(entities);

        assert_string_equal(text.data, x->text);
        if (strcmp(is, x->entities) != 0)
            fail_msg("%s: %s, not %s", x->in, is, x->entities);
        free(is);
    } else {
        size_t n = strlen(prefix);

        assert_int_equal(err.kind, ERR_TELEGRAM);
        assert_null(entities);
        assert_string_equal(strncmp(err.text, prefix, n) ? err.text
                                                         : err.text + n,
                            x->entities);
    }
    json_decref(entities);
    buf_release(&text);
}

static void test_entities__html(void **state)
{
    static const struct example examples[] = {
        { "plain &lt;b&gt; &amp; &quot;x&quot; &apos; &nbsp;",
          "plain <b> & \"x\" &apos; &nbsp;", "" },
        { "<b>a</b><strong>b</strong>", "ab", "bold 0+2" },
        { "<i>a</i> <em>b</em>", "a b", "italic 0+1, italic 2+1" },
        { "<u>a</u> <ins>b</ins>", "a b", "underline 0+1, underline 2+1" },
        { "<s>a</s> <strike>b</strike> <del>c</del>", "a b c",
          "strikethrough 0+1, strikethrough 2+1, strikethrough 4+1" },
        { "<span class=\"tg-spoiler\">a</span> <tg-spoiler>b</tg-spoiler>",
          "a b", "spoiler 0+1, spoiler 2+1" },
        { "<B>a</b>", "a", "bold 0+1" },
        { "<b>a</>", "a", "bold 0+1" },
        { "<b>a<i>b</i>c</b>", "abc", "bold 0+1, bold 1+2, italic 1+1" },
        { "<b></b>x", "x", "" },
        { "<a href=\"http://www.example.com/\">x</a>", "x",
          "text_link 0+1 http://www.example.com/" },
        { "<a href='HTTPS://Example.com?a=1&amp;b=2'>x</a>", "x",
          "text_link 0+1 https://example.com/?a=1&b=2" },
        { "<a href=\"example.com/x\">x</a>", "x",
          "text_link 0+1 http://example.com/x" },
        { "<a href=\"nothing\">x</a>", "x", "" },
        { "<a>example.com</a>", "example.com",
          "text_link 0+11 http://example.com/" },
        { "<a href=\"tg://user?id=1001\">Al</a>", "Al",
          "text_mention 0+2 1001" },
        { "<a href=\"tg://user?id=404\">Al</a>", "Al", "" },
        { "<code>a<b>b</b></code>", "ab", "code 0+2" },
        { "<pre>x</pre>", "x", "pre 0+1" },
        { "<pre><code class=\"language-c\">int x;</code></pre>", "int x;",
          "pre 0+6 c" },
        { "<code class=\"language-c\"><pre>x</pre></code>", "x", "pre 0+1 c" },
        { "<code class=\"language-c\">x</code>", "x", "code 0+1" },
        { "<blockquote>a\nb</blockquote>", "a\nb", "blockquote 0+3" },
        { "<blockquote expandable>a</blockquote>", "a",
          "expandable_blockquote 0+1" },
        { "<tg-emoji emoji-id=\"5368324170671202286\">👍</tg-emoji>", "👍",
          "custom_emoji 0+2 5368324170671202286" },
        { "<tg-time unix=\"1647531900\" format=\"wDT\">later</tg-time>",
          "later", "date_time 0+5 1647531900 wDT" },
        { "👍é<b>x</b>", "👍éx", "bold 3+1" },
        { "&#128077;<b>x</b>", "👍x", "bold 2+1" },
        { "  <b> a </b>  ", "a", "bold 0+1" },
        { "<b> </b>a", "a", "" },
        { "<b>a</b>\r\n<i>b</i>", "a\nb", "bold 0+1, italic 2+1" },
        { "&#x110000;&#;&lt", "&#x110000;&#;<", "hashtag 1+8" },
        { "<x>a</x>", NULL, "Unsupported start tag \"x\" at byte offset 0" },
        { "a<b>b", NULL,
          "Can't find end tag corresponding to start tag \"b\"" },
        { "a</b>", NULL, "Unexpected end tag at byte offset 1" },
        { "<b>a</i>", NULL,
          "Unmatched end tag at byte offset 4, expected \"</b>\", found "
          "\"</i>\"" },
        { "<b", NULL, "Unclosed start tag at byte offset 0" },
        { "<b>a</b", NULL, "Unclosed end tag at byte offset 4" },
        { "<a href=\"x", NULL, "Unclosed start tag at byte offset 0" },
        { "<a =x>", NULL,
          "Empty attribute name in the tag \"a\" at byte offset 0" },
        { "<a href=x/>", NULL,
          "Unexpected end of name token at byte offset 8" },
        { "<span>a</span>", NULL,
          "Tag \"span\" must have class \"tg-spoiler\" at byte offset 0" },
        { "<tg-emoji>a</tg-emoji>", NULL,
          "Invalid custom emoji identifier specified" },
        { "&#xD800;", NULL,
          "Text contains invalid Unicode characters after decoding HTML "
          "entities, check for unmatched surrogate code units" },
        { " \n ", NULL, "Bad Request: message text is empty" },
        { "<b></b>", NULL, "Bad Request: message text is empty" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(examples); i++)
        check(&examples[i], "HTML");
}

static void test_entities__markdown_v2(void **state)
{
    static const struct example examples[] = {
        { "*bold \\*text*", "bold *text", "bold 0+10" },
        { "_a_ __b__ ~c~ ||d||", "a b c d",
          "italic 0+1, underline 2+1, strikethrough 4+1, spoiler 6+1" },
        { "_a__b___", "ab", "italic 0+1, italic 1+1, underline 1+1" },
        { "*a _b_*", "a b", "bold 0+2, bold 2+1, italic 2+1" },
        { "[x](http://example.com/\\))", "x",
          "text_link 0+1 http://example.com/)" },
        { "[al](tg://user?id=1001)", "al", "text_mention 0+2 1001" },
        { "![👍](tg://emoji?id=5368324170671202286)", "👍",
          "custom_emoji 0+2 5368324170671202286" },
        { "![later](tg://time?unix=1647531900&format=wDT)", "later",
          "date_time 0+5 1647531900 wDT" },
        { "`a*b`", "a*b", "code 0+3" },
        { "```\nint x;\n```", "int x;", "pre 0+6" },
        { "```c\nint x;```", "int x;", "pre 0+6 c" },
        { ">a\n>b\nc", "a\nb\nc", "blockquote 0+4" },
        { "x\n>a", "x\na", "blockquote 2+1" },
        { ">a\n**>b||", "a\nb", "blockquote 0+2, expandable_blockquote 2+1" },
        { "a\\.", "a.", "" },
        { "👍*x*", "👍x", "bold 2+1" },
        { "a.", NULL,
          "Character '.' is reserved and must be escaped with the preceding "
          "'\\'" },
        { "1 > 2", NULL,
          "Character '>' is reserved and must be escaped with the preceding "
          "'\\'" },
        { "a!", NULL,
          "Character '!' is reserved and must be escaped with the preceding "
          "'\\'" },
        { "a *b", NULL, "Can't find end of Bold entity at byte offset 2" },
        { "```c\nx", NULL,
          "Can't find end of PreCode entity at byte offset 0" },
        { ">*a\nb*", NULL, "Can't find end of Bold entity at byte offset 1" },
        { "[x](http://y", NULL, "Can't find end of a URL at byte offset 4" },
        { "![x]", NULL, "Custom emoji entity must contain a tg://emoji URL" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(examples); i++)
        check(&examples[i], "MarkdownV2");
}

static void test_entities__old_markdown(void **state)
{
    static const struct example examples[] = {
        { "*a* _b_ `c`", "a b c", "bold 0+1, italic 2+1, code 4+1" },
        { "```c\nx```", "x", "pre 0+1 c" },
        { "[x](http://example.com)", "x", "text_link 0+1 http://example.com/" },
        { "\\*a. (b)!", "*a. (b)!", "" },
        { "a *b", NULL,
          "Can't find end of the entity starting at byte offset 2" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(examples); i++)
        check(&examples[i], "markdown");
}

static void test_entities__found_in_plain_text(void **state)
{
    static const struct example examples[] = {
        { "/start", "/start", "bot_command 0+6" },
        { "/start@moonpost_bot x", "/start@moonpost_bot x",
          "bot_command 0+19" },
        { "a/b 1/2 /a/b", "a/b 1/2 /a/b", "" },
        { "hi @alice and @bob, a@b", "hi @alice and @bob, a@b",
          "mention 3+6, mention 14+4" },
        { "#tag #übung #1 a#b", "#tag #übung #1 a#b",
          "hashtag 0+4, hashtag 5+6" },
        { "$USD 5$ $usd", "$USD 5$ $usd", "cashtag 0+4" },
        { "see https://example.com/a_(b)?c=d, or example.org.",
          "see https://example.com/a_(b)?c=d, or example.org.",
          "url 4+29, url 38+11" },
        { "http://localhost:8080/x", "http://localhost:8080/x", "url 0+23" },
        { "file.txt is no link", "file.txt is no link", "" },
        { "write me@example.com!", "write me@example.com!", "email 6+14" },
        { "+1-212-555-0123 or +12", "+1-212-555-0123 or +12",
          "phone_number 0+15" },
        { "👍 /go", "👍 /go", "bot_command 3+3" },
        { "<b>/go</b>", "<b>/go</b>", "" },
        { "  a\t\x01"
          "b\r ",
          "a  b", "" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(examples); i++)
        check(&examples[i], "");
}

static void test_entities__found_beside_marked(void **state)
{
    static const struct example examples[] = {
        { "<code>/go @alice</code> /go", "/go @alice /go",
          "code 0+10, bot_command 11+3" },
        { "<b>/go</b>", "/go", "bot_command 0+3, bold 0+3" },
        { "<a href=\"http://a.de/\">example.com</a>", "example.com",
          "text_link 0+11 http://a.de/" },
        { "<blockquote>@alice</blockquote>", "@alice",
          "blockquote 0+6, mention 0+6" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(examples); i++)
        check(&examples[i], "HTML");
}

/* The `entities` parameter: text, entities as JSON, and what comes out. */
static void check_given(const char *text, const char *given,
                        const char *expected)
{
    json_t *list = json_loads(given, 0, NULL), *entities;
    struct entities_input input = { .text = slice_of(text),
                                    .given = list,
                                    .user = user };
    struct buf out = BUF_INIT;
    struct err err = ERR_INIT;
    char *is;

    assert_non_null(list);
    is = entities_apply(&input, &out, &entities, &err) ? describe(entities)
                                                       : xstrdup(err.text);
    assert_string_equal(is, expected);
    free(is);
    json_decref(list);
    json_decref(entities);
    buf_release(&out);
}

static void test_entities__given(void **state)
{
    (void)state;
    check_given("abc", "[{\"type\":\"bold\",\"offset\":1,\"length\":2}]",
                "bold 1+2");
    check_given("abc /x",
                "[{\"type\":\"bold\",\"offset\":0,\"length\":2},"
                "{\"type\":\"italic\",\"offset\":1,\"length\":2}]",
                "bold 0+1, italic 1+2, bold 1+1, bot_command 4+2");
    check_given("abcd",
                "[{\"type\":\"code\",\"offset\":0,\"length\":2},"
                "{\"type\":\"text_link\",\"offset\":1,\"length\":2,"
                "\"url\":\"http://a.de/\"}]",
                "code 0+2");
    check_given("abc", "[{\"type\":\"bold\",\"offset\":1,\"length\":3}]",
                "Bad Request: entity beginning at UTF-16 offset 1 ends after "
                "the end of the text at UTF-16 offset 4");
    check_given("a👍", "[{\"type\":\"bold\",\"offset\":2,\"length\":1}]",
                "Bad Request: entity beginning at UTF-16 offset 2 ends after "
                "the end of the text at UTF-16 offset 3");
    check_given("abc", "[{\"type\":\"bold\",\"offset\":-1,\"length\":1}]",
                "Bad Request: receive an entity with incorrect offset -1");
    check_given("abc", "[7]",
                "Bad Request: can't parse MessageEntity: expected an Object");
}

static void test_entities__bad_input(void **state)
{
    struct entities_input input = { .text = slice_of("a"),
                                    .parse_mode = "BBCode" };
    struct buf text = BUF_INIT;
    struct err err = ERR_INIT;
    json_t *entities;

    (void)state;
    assert_false(entities_apply(&input, &text, &entities, &err));
    assert_string_equal(err.text, "Bad Request: unsupported parse_mode");
    err_clear(&err);
    input = (struct entities_input){ .text = slice_of("abc"), .max = 2 };
    assert_false(entities_apply(&input, &text, &entities, &err));
    assert_string_equal(err.text, "Bad Request: message is too long");
    err_clear(&err);
    input = (struct entities_input){ .text = slice_of("a\xC0\x80") };
    assert_false(entities_apply(&input, &text, &entities, &err));
    assert_string_equal(err.text,
                        "Bad Request: strings must be encoded in UTF-8");
    err_clear(&err);
    input =
        (struct entities_input){ .text = slice_of(" "), .keep_empty = true };
    assert_true(entities_apply(&input, &text, &entities, &err));
    assert_int_equal(text.len, 0);
    json_decref(entities);
    buf_release(&text);
}

static void test_entities__much_markup(void **state)
{
    struct entities_input input = { .parse_mode = "HTML", .max = 10 };
    struct buf in = BUF_INIT, text = BUF_INIT;
    struct err err = ERR_INIT;
    json_t *entities;

    (void)state;
    while (in.len < ENTITIES_INPUT_MAX)
        buf_adds(&in, "<b></b>");
    input.text = buf_slice(&in);
    assert_false(entities_apply(&input, &text, &entities, &err));
    assert_string_equal(err.text, "Bad Request: message is too long");
    buf_release(&in);
    buf_release(&text);
}

static void test_entities__utf(void **state)
{
    static const char *const bad[] = {
        "\xFF",         "\xC3",         "\xE2\x82",        "\xC1\x81",
        "\xE0\x80\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80"
    };

    (void)state;
    assert_int_equal(utf16_length(slice_of("aé€👍")), 5);
    assert_true(utf8_valid(slice_of("aé€👍\xED\x9F\xBF")));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(utf8_valid(slice_of(bad[i])));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_entities__html),
        cmocka_unit_test(test_entities__markdown_v2),
        cmocka_unit_test(test_entities__old_markdown),
        cmocka_unit_test(test_entities__found_in_plain_text),
        cmocka_unit_test(test_entities__found_beside_marked),
        cmocka_unit_test(test_entities__given),
        cmocka_unit_test(test_entities__bad_input),
        cmocka_unit_test(test_entities__much_markup),
        cmocka_unit_test(test_entities__utf),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
