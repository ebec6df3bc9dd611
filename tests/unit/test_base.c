/* test_base.c - base/buf.h, base/err.h, base/log.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"

/* --- buf ----------------------------------------------------------- */

static void test_buf__is_always_a_c_string(void **state)
{
    struct buf b = BUF_INIT;

    (void)state;
    assert_string_equal(b.data, "");
    buf_release(&b); /* of nothing is allowed */
    buf_reset(&b);
    assert_string_equal(b.data, "");
    buf_add(&b, "abc", 2);
    assert_string_equal(b.data, "ab");
    buf_reset(&b);
    assert_string_equal(b.data, "");
    assert_int_equal(b.len, 0);
    buf_add(&b, NULL, 0);
    buf_add_slice(&b, SLICE_NONE);
    assert_string_equal(b.data, "");
    buf_release(&b);
    assert_string_equal(b.data, "");
    buf_adds(&b, "again");
    assert_string_equal(b.data, "again");
    buf_release(&b);
}

static void test_buf__holds_any_byte(void **state)
{
    struct buf b = BUF_INIT;

    (void)state;
    buf_add(&b, "a\0b", 3);
    buf_addc(&b, '\0');
    assert_int_equal(b.len, 4);
    assert_memory_equal(b.data, "a\0b\0", 5);
    buf_release(&b);
}

static void test_buf__grows(void **state)
{
    struct buf b = BUF_INIT;
    size_t cap = 0;
    int moves = 0;

    (void)state;
    for (int i = 0; i < 5000; i++) {
        buf_addc(&b, (char)('a' + i % 26));
        assert_true(b.cap > b.len);
        moves += b.cap != cap;
        cap = b.cap;
    }
    for (int i = 0; i < 5000; i++)
        assert_int_equal(b.data[i], 'a' + i % 26);
    assert_int_equal(strlen(b.data), 5000);
    assert_true(moves < 20); /* by a byte at a time would be quadratic */
    assert_true(b.cap <= 8000);
    buf_release(&b);
}

static void test_buf__numbers(void **state)
{
    static const struct {
        int64_t n;
        const char *text;
    } cases[] = {
        { 0, "0" },
        { 7, "7" },
        { -1, "-1" },
        { 10, "10" },
        { -1001234567890123, "-1001234567890123" },
        { INT64_MAX, "9223372036854775807" },
        { INT64_MIN, "-9223372036854775808" },
    };
    struct buf b = BUF_INIT;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        buf_reset(&b);
        buf_add_int(&b, cases[i].n);
        assert_string_equal(b.data, cases[i].text);
    }
    buf_release(&b);
}

static void test_buf__formats(void **state)
{
    struct buf b = BUF_INIT;
    char long_text[3000];

    (void)state;
    memset(long_text, 'x', sizeof(long_text) - 1);
    long_text[sizeof(long_text) - 1] = '\0';
    buf_addf(&b, "%d-%s", 1, "two");
    buf_addf(&b, "%s", "");
    buf_addf(&b, "[%s]", long_text);
    assert_int_equal(b.len, 5 + 2 + 2999);
    assert_memory_equal(b.data, "1-two[xxx", 9);
    assert_string_equal(b.data + b.len - 3, "xx]");
    buf_release(&b);
}

static void test_buf__gives_its_memory_away(void **state)
{
    struct buf a = BUF_INIT, b = BUF_INIT;
    char *text;

    (void)state;
    text = buf_detach(&a); /* also of an empty one: it can be freed */
    assert_string_equal(text, "");
    free(text);
    buf_adds(&a, "mine");
    text = buf_detach(&a);
    assert_string_equal(text, "mine");
    assert_int_equal(a.len, 0);
    assert_string_equal(a.data, "");
    free(text);

    buf_adds(&a, "old");
    buf_adds(&b, "new");
    buf_move(&a, &b);
    assert_string_equal(a.data, "new");
    assert_string_equal(b.data, "");
    buf_adds(&b, "again"); /* shares nothing with a */
    assert_string_equal(a.data, "new");
    buf_release(&a);
    buf_release(&b);
}

static void test_buf__slices(void **state)
{
    struct slice part = { "hello", 4 };
    char *copy;

    (void)state;
    assert_true(slice_eq(part, "hell"));
    assert_false(slice_eq(part, "hello"));
    assert_false(slice_eq(part, "help"));
    assert_true(slice_eq(SLICE_NONE, ""));
    assert_false(slice_eq(SLICE_NONE, "x"));
    assert_int_equal(slice_of("four").n, 4);
    copy = slice_dup(part);
    assert_string_equal(copy, "hell");
    free(copy);
    copy = slice_dup(SLICE_NONE);
    assert_string_equal(copy, "");
    free(copy);
}

/* A file with n bytes; its name goes to path, which has room. */
static void make_file(char *path, size_t n)
{
    int fd;

    snprintf(path, 64, "/tmp/moonpost-base-XXXXXX");
    fd = mkstemp(path);
    assert_true(fd >= 0);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(write(fd, &(char){ (char)(i % 251) }, 1), 1);
    close(fd);
}

static void test_buf__reads_files(void **state)
{
    static const size_t sizes[] = { 0, 1, 16383, 16384, 16385, 40000 };
    struct err err = ERR_INIT;
    char path[64];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct buf b = BUF_INIT;

        make_file(path, sizes[i]);
        buf_adds(&b, ">"); /* appends */
        assert_true(buf_add_file(&b, path, &err));
        assert_int_equal(b.len, sizes[i] + 1);
        assert_int_equal(b.data[0], '>');
        for (size_t j = 0; j < sizes[i]; j++)
            assert_int_equal((unsigned char)b.data[j + 1], j % 251);
        assert_int_equal(b.data[b.len], '\0');
        buf_release(&b);
        unlink(path);
    }
    assert_int_equal(err.kind, ERR_NONE);
}

static void test_buf__cannot_read(void **state)
{
    static const struct {
        const char *path, *text;
    } cases[] = {
        { "/nowhere/at all", "/nowhere/at all: No such file or directory" },
        { "/tmp", "/tmp: Is a directory" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf b = BUF_INIT;
        struct err err = ERR_INIT;

        assert_false(buf_add_file(&b, cases[i].path, &err));
        assert_int_equal(err.kind, ERR_SYSTEM);
        assert_string_equal(err.text, cases[i].text);
        buf_release(&b);
    }
}

/* --- err ----------------------------------------------------------- */

static void test_err__first_one_stays(void **state)
{
    struct err err = ERR_INIT;

    (void)state;
    assert_false(err_set(&err, ERR_TIMEOUT, "after %d s", 3));
    assert_false(err_set(&err, ERR_SYSTEM, "and then this"));
    assert_int_equal(err.kind, ERR_TIMEOUT);
    assert_string_equal(err.text, "after 3 s");
    err_clear(&err);
    assert_int_equal(err.kind, ERR_NONE);
    assert_string_equal(err.text, "");
    assert_false(err_set(NULL, ERR_SYSTEM, "nobody asks"));
}

/* A text that is too long ends where a code point ends, whatever its length. */
static void test_err__cut_at_a_code_point(void **state)
{
    static const char *const points[] = { "x", "ü", "€", "🌙" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(points); i++) {
        for (size_t lead = 0; lead < 4; lead++) {
            struct err err = ERR_INIT;
            struct buf b = BUF_INIT;
            size_t n = strlen(points[i]), len;

            buf_add(&b, "....", lead);
            while (b.len < 1200)
                buf_adds(&b, points[i]);
            err_set(&err, ERR_SCRIPT, "%s", b.data);
            len = strlen(err.text);
            assert_true(len < sizeof(err.text));
            assert_true(len > sizeof(err.text) - 9);
            assert_int_equal((len - lead) % n, 0);
            assert_memory_equal(err.text, b.data, len);
            buf_release(&b);
        }
    }
}

static void test_err__kinds_have_names(void **state)
{
    (void)state;
    for (int kind = ERR_NONE; kind <= ERR_CANCELLED; kind++) {
        assert_non_null(err_kind_name((enum err_kind)kind));
        for (int other = ERR_NONE; other < kind; other++)
            assert_string_not_equal(err_kind_name((enum err_kind)kind),
                                    err_kind_name((enum err_kind)other));
    }
}

/* --- log ----------------------------------------------------------- */

static int real_stderr = -1;
static FILE *captured;

/* From here to said(): standard error goes to a file. */
static void listen_in(void)
{
    captured = tmpfile();
    assert_non_null(captured);
    real_stderr = dup(STDERR_FILENO);
    assert_true(real_stderr >= 0);
    assert_true(dup2(fileno(captured), STDERR_FILENO) >= 0);
}

/* What was written; free() it. */
static char *said(void)
{
    struct buf b = BUF_INIT;
    int c;

    dup2(real_stderr, STDERR_FILENO);
    close(real_stderr);
    real_stderr = -1;
    rewind(captured);
    while ((c = getc(captured)) != EOF)
        buf_addc(&b, (char)c);
    fclose(captured);
    return buf_detach(&b);
}

static int log_reset(void **state)
{
    (void)state;
    if (real_stderr >= 0) /* a failed test left it captured */
        free(said());
    log_setup(LOG_INFO, LOG_TEXT);
    log_set_sink(NULL, NULL);
    log_unhide_all();
    return 0;
}

static void assert_ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);

    if (n < m || strcmp(text + n - m, end) != 0)
        fail_msg("'%s' does not end with '%s'", text, end);
}

static void test_log__text(void **state)
{
    char *text;

    (void)state;
    listen_in();
    log_warn("poll", "no connection, again in %d s", 2);
    text = said();
    assert_int_equal(text[2], ':');
    assert_int_equal(text[5], ':');
    assert_ends_with(text, " warn  poll: no connection, again in 2 s\n");
    assert_int_equal(strlen(text), 8 + strlen(" warn  poll: no connection, "
                                              "again in 2 s\n"));
    free(text);

    listen_in();
    log_event(LOG_ERROR, "db", "try=3", "gone");
    text = said();
    assert_ends_with(text, " error db: gone (try=3)\n");
    free(text);
}

static void test_log__logfmt(void **state)
{
    char *text;

    (void)state;
    log_setup(LOG_INFO, LOG_LOGFMT);
    listen_in();
    log_event(LOG_INFO, "poll", "chat=-1 n=2", "say \"hi\"\nto all");
    text = said();
    /* time=2026-01-02T12:34:56.789Z */
    assert_memory_equal(text, "time=20", 7);
    assert_int_equal(text[15], 'T');
    assert_int_equal(text[28], 'Z');
    assert_string_equal(text + 29, " level=info area=poll msg=\"say \\\"hi\\\""
                                   "\\nto all\" chat=-1 n=2\n");
    free(text);
}

static void test_log__levels(void **state)
{
    static const enum log_level levels[] = { LOG_DEBUG, LOG_INFO, LOG_WARN,
                                             LOG_ERROR };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
        char *text;
        int lines = 0;

        log_setup(levels[i], LOG_TEXT);
        listen_in();
        log_debug("a", "x");
        log_info("a", "x");
        log_warn("a", "x");
        log_error("a", "x");
        text = said();
        for (const char *p = text; *p; p++)
            lines += *p == '\n';
        assert_int_equal(lines, 4 - (int)i);
        free(text);
    }
}

static void test_log__one_event_one_line(void **state)
{
    char *text;

    (void)state;
    listen_in();
    log_info("script", "one\ntwo\033[31mred\rback\ttab");
    text = said();
    assert_ends_with(text, ": one\n         two [31mred back\ttab\n");
    free(text);

    log_setup(LOG_INFO, LOG_LOGFMT);
    listen_in();
    log_info("script", "a\nb\033c\\d");
    text = said();
    assert_ends_with(text, " msg=\"a\\nb\\x1bc\\\\d\"\n");
    assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
    free(text);
}

static void test_log__fields(void **state)
{
    static const struct {
        const char *value, *text;
    } cases[] = {
        { "plain", "k=plain" },
        { "", "k=\"\"" },
        { "two words", "k=\"two words\"" },
        { "a=b", "k=\"a=b\"" },
        { "q\"q", "k=\"q\\\"q\"" },
        { "b\\b", "k=\"b\\\\b\"" },
        { "l\nl", "k=\"l\\nl\"" },
        { "\x01", "k=\"\\x01\"" },
        { "ü", "k=ü" },
    };
    struct buf b = BUF_INIT;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        buf_reset(&b);
        log_field(&b, "k", slice_of(cases[i].value));
        assert_string_equal(b.data, cases[i].text);
    }
    buf_reset(&b);
    log_field_int(&b, "chat", -1001234567890123);
    log_field(&b, "user", slice_of("7"));
    log_field_int(&b, "n", 0);
    assert_string_equal(b.data, "chat=-1001234567890123 user=7 n=0");
    buf_release(&b);
}

static void test_log__long_lines_are_cut(void **state)
{
    static const char *const points[] = { "x", "ü", "€", "🌙" };
    static const enum log_format formats[] = { LOG_TEXT, LOG_LOGFMT };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(points) * 2; i++) {
        struct buf b = BUF_INIT;
        char *text, *end;

        while (b.len < LOG_LINE_MAX * 2)
            buf_adds(&b, points[i / 2]);
        log_setup(LOG_INFO, formats[i % 2]);
        listen_in();
        log_info("area", "%s", b.data);
        text = said();
        assert_true(strlen(text) <= LOG_LINE_MAX);
        assert_true(strlen(text) > LOG_LINE_MAX - 10);
        assert_ends_with(text, i % 2 ? "…\"\n" : "…\n");
        end =
            text + strlen(text) - strlen("…\n") - i % 2 - strlen(points[i / 2]);
        assert_memory_equal(end, points[i / 2], strlen(points[i / 2]));
        free(text);
        buf_release(&b);
    }
}

static void test_log__hides_secrets(void **state)
{
    char *text;

    (void)state;
    log_hide("123:AAsecret");
    log_hide("hunter22");
    log_hide("short"); /* would hide ordinary words */
    log_hide(NULL);
    listen_in();
    log_event(LOG_INFO, "http", "url=/bot123:AAsecret/getMe",
              "%s%s hunter22hunter22 short", "123:AA", "secret");
    text = said();
    assert_ends_with(text, "http: *** ****** short (url=/bot***/getMe)\n");
    free(text);

    log_unhide_all();
    listen_in();
    log_info("http", "hunter22");
    text = said();
    assert_ends_with(text, "http: hunter22\n");
    free(text);
}

static void test_log__redacts_for_others(void **state)
{
    struct buf b = BUF_INIT;

    (void)state;
    log_hide("hunter22");
    log_redact(&b, slice_of("a hunter22b hunter2"));
    assert_string_equal(b.data, "a ***b hunter2");
    buf_release(&b);
}

static struct {
    int calls;
    enum log_level level;
    char text[200];
} heard;

static void hear(enum log_level level, const char *area, const char *message,
                 const char *fields, void *arg)
{
    heard.calls += *(int *)arg;
    heard.level = level;
    snprintf(heard.text, sizeof(heard.text), "%s|%s|%s", area, message, fields);
}

static void test_log__sink(void **state)
{
    int one = 1;

    (void)state;
    memset(&heard, 0, sizeof(heard));
    log_hide("hunter22");
    log_set_sink(hear, &one);
    listen_in();
    log_debug("a", "below the level");
    log_event(LOG_WARN, "area", "k=hunter22", "line %d\nhunter22", 1);
    log_set_sink(NULL, NULL);
    log_error("a", "nobody hears");
    free(said());
    assert_int_equal(heard.calls, 1);
    assert_int_equal(heard.level, LOG_WARN);
    assert_string_equal(heard.text, "area|line 1\n***|k=***");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_buf__is_always_a_c_string),
        cmocka_unit_test(test_buf__holds_any_byte),
        cmocka_unit_test(test_buf__grows),
        cmocka_unit_test(test_buf__numbers),
        cmocka_unit_test(test_buf__formats),
        cmocka_unit_test(test_buf__gives_its_memory_away),
        cmocka_unit_test(test_buf__slices),
        cmocka_unit_test(test_buf__reads_files),
        cmocka_unit_test(test_buf__cannot_read),
        cmocka_unit_test(test_err__first_one_stays),
        cmocka_unit_test(test_err__cut_at_a_code_point),
        cmocka_unit_test(test_err__kinds_have_names),
        cmocka_unit_test_teardown(test_log__text, log_reset),
        cmocka_unit_test_teardown(test_log__logfmt, log_reset),
        cmocka_unit_test_teardown(test_log__levels, log_reset),
        cmocka_unit_test_teardown(test_log__one_event_one_line, log_reset),
        cmocka_unit_test_teardown(test_log__fields, log_reset),
        cmocka_unit_test_teardown(test_log__long_lines_are_cut, log_reset),
        cmocka_unit_test_teardown(test_log__hides_secrets, log_reset),
        cmocka_unit_test_teardown(test_log__redacts_for_others, log_reset),
        cmocka_unit_test_teardown(test_log__sink, log_reset),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
