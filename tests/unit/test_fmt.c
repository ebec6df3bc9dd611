/* test_fmt.c - require "fmt": what it makes is read by the simulator's own parser,
 * so whatever people are called, it is never markup. */
#include "ctx_test.h"

/* jansson has the same names for other numbers. */
#define JSON_OBJECT JANSSON_OBJECT
#define JSON_ARRAY JANSSON_ARRAY
#define JSON_STRING JANSSON_STRING
#define JSON_NULL JANSSON_NULL
#include "simulator/entities.h"
#undef JSON_OBJECT
#undef JSON_ARRAY
#undef JSON_STRING
#undef JSON_NULL

/* --- what is made ------------------------------------------------------------------ */

static void test_fmt__fills_in(void **state)
{
    (void)state;
    handler(
        "local function is(v, text) same(v.text, text) return v end\n"
        "is(fmt.html('<b>{}</b>', '<&>\"\\''), "
        "'<b>&lt;&amp;&gt;&quot;&#39;</b>')\n"
        "is(fmt.html('{} {}', 1, true), '1 true')\n"
        "is(fmt.html('{name} {n}', { name = 'a<', n = 2 }), 'a&lt; 2')\n"
        "is(fmt.html('{2} {1} {2}', 'a', 'b'), 'b a b')\n"
        "is(fmt.html('{{}} {{{}}}', 'x'), '{} {x}')\n"
        "is(fmt.html('plain'), 'plain')\n"
        "is(fmt.md('*{}* _{}_', '*', '_'), '*\\\\** _\\\\__')\n"
        "is(fmt.html('{}', fmt.bold('<')), '<b>&lt;</b>')\n"
        "same(fmt.html('').parse_mode, 'HTML')\n"
        "same(fmt.md('').parse_mode, 'MarkdownV2')\n"
        "same(tostring(fmt.bold'x'), '<b>x</b>')\n"
        "is(fmt.bold'x' .. ' & ' .. fmt.italic(1), '<b>x</b> &amp; "
        "<i>1</i>')\n"
        "is('<' .. fmt.bold'x', '&lt;<b>x</b>')\n"
        "same(#fmt.bold'x', 8) assert(fmt.bold'x' == fmt.bold'x')\n"
        "assert(fmt.is(fmt.bold'x') and not fmt.is{ text = 'x', parse_mode = "
        "'HTML' })");
    message_ok("");
}

static void test_fmt__parts(void **state)
{
    (void)state;
    handler(
        "local function is(v, text) same(v.text, text) return v end\n"
        "is(fmt.code('<'), '<code>&lt;</code>') is(fmt.pre('x'), "
        "'<pre>x</pre>')\n"
        "is(fmt.pre('x', 'lua'), '<pre><code "
        "class=\"language-lua\">x</code></pre>')\n"
        "is(fmt.spoiler('x'), '<tg-spoiler>x</tg-spoiler>')\n"
        "is(fmt.quote('x'), '<blockquote>x</blockquote>')\n"
        "is(fmt.expandable('x'), '<blockquote expandable>x</blockquote>')\n"
        "is(fmt.underline('x'), '<u>x</u>') is(fmt.strike('x'), '<s>x</s>')\n"
        "is(fmt.link('<', 'http://x/?a=\"&b'), '<a "
        "href=\"http://x/?a=&quot;&amp;b\">&lt;</a>')\n"
        "is(fmt.link(fmt.md'*b*', 'http://x/)'), '[*b*](http://x/\\\\))')\n"
        "is(fmt.mention{ id = 5, first_name = 'A', last_name = '<B>' }, "
        "'<a href=\"tg://user?id=5\">A &lt;B&gt;</a>')\n"
        "is(fmt.mention({ id = 5, first_name = 'A' }, 'you'), "
        "'<a href=\"tg://user?id=5\">you</a>')\n"
        "is(fmt.mention(5), '<a href=\"tg://user?id=5\">5</a>')\n"
        "is(fmt.mention{ id = 5, first_name = ' ' }, '<a "
        "href=\"tg://user?id=5\">5</a>')\n"
        "is(fmt.mention{ id = -5, title = 'News', username = 'news' }, "
        "'<a href=\"https://t.me/news\">News</a>')\n"
        "is(fmt.mention{ id = -5, title = 'News' }, 'News')\n"
        "is(fmt.emoji('53', '👍'), '<tg-emoji "
        "emoji-id=\"53\">👍</tg-emoji>')\n"
        "is(fmt.join({ 'a<', fmt.bold'b', 3 }, ', '), 'a&lt;, <b>b</b>, 3')\n"
        "is(fmt.join({ 'a.', fmt.md'*b*' }, fmt.md'\\n'), 'a\\\\.\\n*b*')\n"
        "same(fmt.join({}).text, '')\n"
        "is(fmt.raw('<b>x</b>'), '<b>x</b>') is(fmt.raw('*x*', "
        "'MarkdownV2'), '*x*')\n"
        "is(fmt.bold(fmt.md'x'), '*x*') is(fmt.italic(fmt.md'__x__'), "
        "'_**__x__**_')\n"
        "is(fmt.italic(fmt.md''), '')\n"
        "same(fmt.name{ id = 5, first_name = 'A', last_name = 'B' }, 'A B')\n"
        "same(fmt.cut('äöü', 2), 'äö…') same(fmt.cut('äöü', 3), 'äöü')\n"
        "same(fmt.escape_html('<\\''), '&lt;&#39;') same(fmt.escape_md('a.b'), "
        "'a\\\\.b')");
    message_ok("");
}

static void test_fmt__says_what_is_wrong(void **state)
{
    (void)state;
    handler(
        "local function says(part, f, ...) local e = raises(f, ...)\n"
        "  if not e:find('^scripts/a.lua:%d+: fmt%.') or not e:find(part, 1, "
        "true) then error(e) end end\n"
        "says('no value for the 2. {}', fmt.html, '{} {}', 1)\n"
        "says('no value for {name}', fmt.html, '{name}', { nam = 1 })\n"
        "says('no value for {3}', fmt.html, '{3}', 1)\n"
        "says('a single \"{\"', fmt.html, 'a { b')\n"
        "says('a single \"}\"', fmt.md, 'a } b')\n"
        "says(\"a table can't be put in\", fmt.html, '{}', {}, 1)\n"
        "says('must be a string', fmt.html, 5)\n"
        "says(\"a text of MarkdownV2 can't be put into one of HTML\", "
        "fmt.html, '{}', fmt.md'x')\n"
        "says('is nil', fmt.bold) says('a function', fmt.code, print)\n"
        "says('parse mode', fmt.raw, 'x', 'Markdown')\n"
        "says('a User', fmt.mention, {}) says('a User', fmt.name, 'x')\n"
        "says('a list', fmt.join, 'x')\n"
        "assert(raises(function() fmt.bold'x'.x = 1 end):find(\"can't be "
        "changed\"))\n"
        "assert(raises(function() return fmt.bold'x' .. {} end):find(\"can't "
        "be put in\"))");
    message_ok("");
}

/* --- whatever people are called ------------------------------------------------------ */

static unsigned seed;

static unsigned below(unsigned n)
{
    seed = seed * 1103515245u + 12345u;
    return (seed >> 16) % n;
}

static void add_hostile(struct buf *out)
{
    static const char *const parts[] = {
        "</b>", "<a href='x'>",
        "&lt;", "&#60;",
        "&",    "\"",
        "'",    "<",
        ">",    "*",
        "_",    "__",
        "~",    "||",
        "`",    "```",
        "[x](", "](http://x)",
        "![",   ")",
        "\\",   "\n",
        "\n>",  "#",
        "{",    "}",
        "{}",   "{1}",
        "😀",    "ä",
        "%",    "%1",
        "x",    " ",
        "-->",  "]]>",
        ".",    "!",
        "=",    "+",
    };

    buf_adds(out, "z"); /* white space at the ends is in no entity */
    for (unsigned n = 1 + below(8); n; n--)
        buf_adds(out, parts[below(ARRAY_LEN(parts))]);
    buf_adds(out, "z");
}

/* Bold from an offset on, and nothing else but what Telegram finds by itself, which
 * may divide it. */
static void check_bold(const json_t *entities, int offset, int length)
{
    static const char *const found[] = { "mention",     "hashtag", "cashtag",
                                         "bot_command", "url",     "email",
                                         "phone_number" };
    int end = offset;

    for (size_t i = 0; i < json_array_size(entities); i++) {
        const json_t *e = json_array_get(entities, i);
        const char *type = json_string_value(json_object_get(e, "type"));
        int at = (int)json_integer_value(json_object_get(e, "offset"));
        bool by_itself = false;

        for (size_t k = 0; k < ARRAY_LEN(found); k++)
            by_itself = by_itself || strcmp(type, found[k]) == 0;
        if (by_itself)
            continue;
        assert_string_equal(type, "bold");
        assert_int_equal(at, end);
        end += (int)json_integer_value(json_object_get(e, "length"));
    }
    assert_int_equal(end, offset + length);
}

/* The text and what is bold in it, as Telegram shows the call's text. */
static void check_shown(struct slice call, const struct buf *name)
{
    struct buf text = BUF_INIT, mode = BUF_INIT, plain = BUF_INIT;
    struct buf wanted = BUF_INIT;
    struct entities_input input = { 0 };
    struct err err = ERR_INIT;
    json_t *entities;

    assert_true(json_to_text(json_get(call, "text"), &text));
    assert_true(json_to_text(json_get(call, "parse_mode"), &mode));
    input.text = buf_slice(&text);
    input.parse_mode = mode.data;
    if (!entities_apply(&input, &plain, &entities, &err))
        fail_msg("%s\n%s", err.text, text.data);
    buf_addf(&wanted, "(%s) (%s)", name->data, name->data);
    assert_string_equal(plain.data, wanted.data);
    check_bold(entities, 1, (int)utf16_length(buf_slice(name)));
    json_decref(entities);
    buf_release(&text);
    buf_release(&mode);
    buf_release(&plain);
    buf_release(&wanted);
}

static void check_calls(const struct buf *name)
{
    const char *p = t.calls.data;

    for (int n = 0; *p; n++) {
        size_t line = strcspn(p, "\n"), at = strcspn(p, " ") + 1;

        check_shown((struct slice){ p + at, line - at }, name);
        p += line + 1;
    }
    buf_reset(&t.calls);
}

static void test_fmt__is_safe_with_any_name(void **state)
{
    (void)state;
    handler(
        "local name = ctx.from.first_name\n"
        "ctx:reply(fmt.html('(<b>{}</b>) ({1})', name))\n"
        "ctx:reply(fmt.html('({}) ({})', fmt.bold(name), name))\n"
        "ctx:reply(fmt.html('(<b>{n}</b>) ({n})', { n = name }))\n"
        "ctx:reply('(' .. fmt.bold(name) .. ') (' .. name .. ')')\n"
        "ctx:reply(fmt.md('\\\\({}\\\\) \\\\({}\\\\)', fmt.md('*{}*', name), "
        "name))\n"
        "ctx:reply(fmt.join({ '(', fmt.bold(fmt.md('{}', name)), ') (', "
        "name, ')' }))");
    for (unsigned i = 0; i < 300; i++) {
        struct buf name = BUF_INIT, update = BUF_INIT;

        seed = i;
        add_hostile(&name);
        buf_adds(&update, "{\"update_id\":1,\"message\":{\"message_id\":1,"
                          "\"from\":{\"id\":7,\"first_name\":");
        json_add_text(&update, buf_slice(&name));
        buf_adds(&update, "},\"chat\":{\"id\":7,\"type\":\"private\"},\"date\":"
                          "1,\"text\":\"x\"}}");
        run_ok(update.data);
        check_calls(&name);
        buf_release(&name);
        buf_release(&update);
    }
}

/* What somebody wrote comes out with the same entities. */
static void test_fmt__message_is_as_it_was(void **state)
{
    (void)state;
    handler("log.info('%s', fmt.message(ctx.message))");
    message_ok(",'text':'a <b> \\ud83d\\ude00 cd','entities':[{'type':'url',"
               "'offset':0,'length':1},{'type':'bold','offset':2,'length':6},"
               "{'type':'italic','offset':6,'length':2},{'type':'text_link',"
               "'offset':9,'length':1,'url':'http://x/?&'},{'type':"
               "'text_mention','offset':10,'length':1,'user':{'id':8}}]");
    expect_log("a <b>&lt;b&gt; <i>😀</i></b> <a href=\"http://x/?&amp;\">c</a>"
               "<a href=\"tg://user?id=8\">d</a>");
    message_ok(",'caption':'x y','caption_entities':[{'type':'pre','offset':0,"
               "'length':1,'language':'c'},{'type':'expandable_blockquote',"
               "'offset':2,'length':1}]");
    expect_log("<pre><code class=\"language-c\">x</code></pre> <blockquote "
               "expandable>y</blockquote>");
}

static int group_setup(void **state)
{
    (void)state;
    return script_group_setup("test_fmt");
}

static int group_teardown(void **state)
{
    (void)state;
    return script_group_teardown("test_fmt");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRIPT_TEST(test_fmt__fills_in),
        SCRIPT_TEST(test_fmt__parts),
        SCRIPT_TEST(test_fmt__says_what_is_wrong),
        SCRIPT_TEST(test_fmt__is_safe_with_any_name),
        SCRIPT_TEST(test_fmt__message_is_as_it_was),
    };

    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
