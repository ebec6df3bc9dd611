/* ctx_test.h - for tests of ctx: a script of one command or handler, and updates of
 * many kinds. */
#ifndef TESTS_CTX_TEST_H
#define TESTS_CTX_TEST_H

#include "script_test.h"

#define ME                                                                     \
    "{\"id\":1,\"is_bot\":true,\"first_name\":\"Test\",\"username\":"          \
    "\"test_bot\"}"

/* What every update runs. raises(f, …) is what it raised, as text. */
static inline void handler(const char *text)
{
    struct buf all = BUF_INIT;

    buf_addf(&all,
             "local bot, fmt, utf16 = require('bot'), require('fmt'), "
             "require('utf16')\n"
             "local log, cjson = require('log'), require('cjson')\n"
             "local function raises(f, ...) local ok, e = pcall(f, ...) "
             "assert(not ok, 'it did not raise') return tostring(e) end\n"
             "local function same(a, b) if a ~= b then "
             "error(tostring(a) .. ' ~= ' .. tostring(b), 2) end end\n"
             "bot.use(function(ctx)\n%s\nend)\n",
             text);
    t.services.me = slice_of(ME);
    script(all.data);
    buf_release(&all);
}

static inline void run_ok(const char *update)
{
    if (run_update(update) != TASK_OK)
        fail_msg("%s\n%s", update, t.log.data);
}

/* A message in the supergroup from Alice (7); more: further members, as in JSON,
 * with ' for ". */
static inline const char *message_with(const char *more)
{
    static struct buf out;

    if (!out.data)
        buf_init(&out);
    buf_reset(&out);
    buf_adds(&out, "{\"update_id\":10,\"message\":{\"message_id\":5,\"from\":{"
                   "\"id\":7,\"is_bot\":false,\"first_name\":\"Alice\","
                   "\"username\":\"alice\"},\"chat\":{\"id\":" CHAT_ID
                   ",\"type\":\"supergroup\",\"title\":\"G\"},\"date\":1");
    for (; *more; more++)
        buf_addc(&out, *more == '\'' ? '"' : *more);
    buf_adds(&out, "}}");
    return out.data;
}

static inline void message_ok(const char *more)
{
    run_ok(message_with(more));
}

/* The same of any update: the text with ' for ". */
static inline void update_ok(const char *text)
{
    struct buf out = BUF_INIT;

    for (; *text; text++)
        buf_addc(&out, *text == '\'' ? '"' : *text);
    run_ok(out.data);
    buf_release(&out);
}

static inline int by_key(const void *a, const void *b)
{
    const struct json_iter *x = a, *y = b;
    size_t n = x->key.n < y->key.n ? x->key.n : y->key.n;
    int order = memcmp(x->key.p, y->key.p, n);

    return order ? order : (x->key.n > y->key.n) - (x->key.n < y->key.n);
}

/* The members of objects in the order of their names. */
static inline void sorted(struct buf *out, struct slice value)
{
    bool is_object = json_kind(value) == JSON_OBJECT;
    struct json_iter it, members[50];
    size_t n = 0;

    if (!is_object && json_kind(value) != JSON_ARRAY) {
        buf_add_slice(out, value);
        return;
    }
    json_iter_init(&it, value);
    while (json_iter_next(&it) && n < ARRAY_LEN(members))
        members[n++] = it;
    if (is_object)
        qsort(members, n, sizeof(*members), by_key);
    buf_addc(out, is_object ? '{' : '[');
    for (size_t i = 0; i < n; i++) {
        if (i)
            buf_addc(out, ',');
        if (is_object)
            buf_addf(out, "%.*s:", (int)members[i].key.n, members[i].key.p);
        sorted(out, members[i].value);
    }
    buf_addc(out, is_object ? '}' : ']');
}

/* Lines of a method and its parameters. */
static inline void canonical(struct buf *out, const char *lines)
{
    while (*lines) {
        size_t n = strcspn(lines, "\n"), name = strcspn(lines, " ") + 1;
        struct slice json = { lines + name, n - name };
        struct err err = ERR_INIT;

        if (!json_check(json, JSON_DEPTH_MAX, &err))
            fail_msg("%s: %.*s", err.text, (int)n, lines);
        buf_add(out, lines, name);
        sorted(out, json);
        buf_addc(out, '\n');
        lines += n + (lines[n] != '\0');
    }
}

/* What was called since the last look; with ' for ". */
static inline void expect(const char *wanted)
{
    struct buf quoted = BUF_INIT, a = BUF_INIT, b = BUF_INIT;

    for (const char *p = wanted; *p; p++)
        buf_addc(&quoted, *p == '\'' ? '"' : *p);
    canonical(&a, t.calls.data);
    canonical(&b, quoted.data);
    assert_string_equal(a.data, b.data);
    buf_release(&quoted);
    buf_release(&a);
    buf_release(&b);
    buf_reset(&t.calls);
}

static inline void ok(const char *method, const char *result)
{
    static char texts[20][600];
    static int n;
    char *text = texts[n++ % 20];
    char *to = text;

    to += sprintf(to, "{\"ok\":true,\"result\":");
    for (; *result; result++)
        *to++ = *result == '\'' ? '"' : *result;
    strcpy(to, "}");
    answer(method, 200, text);
}

static inline void fails(const char *method, int code, const char *why)
{
    static char texts[20][300];
    static int n;
    char *text = texts[n++ % 20];

    snprintf(text, sizeof(texts[0]),
             "{\"ok\":false,\"error_code\":%d,\"description\":\"%s\"}", code,
             why);
    answer(method, code, text);
}

#endif
