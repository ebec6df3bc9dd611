/* test_log.c - base/log.h: whatever is said, each format stays what it is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log.h"

#define ROUNDS 1500

static int real_stderr = -1;
static FILE *captured;

/* From here on standard error goes to a file. */
static void listen_in(void)
{
    captured = tmpfile();
    assert_non_null(captured);
    real_stderr = dup(STDERR_FILENO);
    assert_true(dup2(fileno(captured), STDERR_FILENO) >= 0);
}

/* What was written since the last time. */
static void said(struct buf *out)
{
    int fd = fileno(captured);
    off_t n = lseek(fd, 0, SEEK_END);

    buf_reset(out);
    buf_reserve(out, (size_t)n + 1);
    assert_int_equal(pread(fd, out->data, (size_t)n, 0), n);
    out->len = (size_t)n;
    out->data[n] = '\0';
    assert_int_equal(ftruncate(fd, 0), 0);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
}

static int log_reset(void **state)
{
    (void)state;
    if (real_stderr >= 0) {
        dup2(real_stderr, STDERR_FILENO);
        close(real_stderr);
        fclose(captured);
        real_stderr = -1;
    }
    log_setup(LOG_INFO, LOG_TEXT);
    log_unhide_all();
    return 0;
}

/* --- JSON ------------------------------------------------------------------------- */

static void test_log__json(void **state)
{
    struct buf line = BUF_INIT, fields = BUF_INIT, text = BUF_INIT;
    struct slice value;

    (void)state;
    log_setup(LOG_INFO, LOG_JSON);
    log_field_int(&fields, "chat", -1001234567890);
    log_field(&fields, "handler", slice_of("/start \"x\"\\\nü\x01"));
    log_field(&fields, "n", slice_of("007"));
    log_field(&fields, "no", slice_of(""));
    listen_in();
    log_event(LOG_WARN, "poll", fields.data, "two\nlines \"q\" \xff");
    said(&line);
    assert_memory_equal(line.data, "{\"time\":\"20", 11);
    value = (struct slice){ strchr(line.data, ',') + 1, 0 };
    assert_string_equal(
        value.p,
        "\"level\":\"warn\",\"area\":\"poll\",\"msg\":\"two\\nlines \\\"q\\\" "
        "\xef\xbf\xbd\",\"chat\":-1001234567890,\"handler\":\"/start "
        "\\\"x\\\"\\\\\\nü\\u0001\",\"n\":\"007\",\"no\":\"\"}\n");
    assert_true(json_to_text(json_get(buf_slice(&line), "handler"), &text));
    assert_string_equal(text.data, "/start \"x\"\\\nü\x01");
    buf_release(&line);
    buf_release(&fields);
    buf_release(&text);
}

/* --- anything --------------------------------------------------------------------- */

static unsigned seed = 1;

static unsigned rnd(unsigned n)
{
    seed = seed * 1103515245u + 12345u;
    return (seed >> 8) % n;
}

static const char secret[] = "123:AA\"se cret=\\x";

/* Bytes that are awkward somewhere, and the secret; up to 3 × what fits. */
static void add_anything(struct buf *out, bool huge)
{
    static const char *const parts[] = {
        "\n",   "\"",   "\\",   "=",       " ",    "\x01",     "\x7f",
        "\r",   "ü",    "🌙",    "\xff",    "\xc3", "\xe2\x82", "\t",
        "a",    "word", "\\x4", "\\u0041", "}",    "key=\"",   "\xed\xa0\x80",
        secret,
    };
    unsigned n = huge ? rnd(12000) : rnd(12);

    for (unsigned i = 0; i < n; i++) {
        if (rnd(50) == 0) {
            unsigned run = rnd(huge ? 9000 : 20);

            while (run--)
                buf_addc(out, 'x');
            i += run;
        }
        buf_adds(out, parts[rnd(ARRAY_LEN(parts))]);
    }
}

static void make_fields(struct buf *fields)
{
    for (unsigned n = rnd(6) * (rnd(40) == 0 ? 20 : 1); n; n--) {
        struct buf value = BUF_INIT;

        add_anything(&value, rnd(60) == 0);
        if (rnd(3) == 0)
            log_field_int(fields, "number", (int64_t)rnd(1000) - 500);
        else
            log_field(fields, "key", buf_slice(&value));
        buf_release(&value);
    }
}

static void say_anything(struct buf *line)
{
    struct buf message = BUF_INIT, fields = BUF_INIT;

    add_anything(&message, rnd(60) == 0);
    make_fields(&fields);
    if (rnd(4) == 0) /* by somebody who does not use log_field() */
        add_anything(&fields, rnd(60) == 0);
    log_event(LOG_INFO, "area", fields.data, "%s", message.data);
    said(line);
    buf_release(&message);
    buf_release(&fields);
}

static void assert_one_line(const struct buf *line)
{
    assert_in_range(line->len, 30, LOG_LINE_MAX);
    assert_int_equal(strlen(line->data), line->len);
    assert_ptr_equal(strchr(line->data, '\n'), line->data + line->len - 1);
    assert_null(strstr(line->data, secret));
    assert_null(strstr(line->data, "123:AA"));
}

static void test_log__json_of_anything(void **state)
{
    static const char *const keys[] = { "time", "level", "area", "msg" };
    struct buf line = BUF_INIT;
    struct err err = ERR_INIT;

    (void)state;
    log_setup(LOG_INFO, LOG_JSON);
    log_hide(secret);
    listen_in();
    for (int i = 0; i < ROUNDS; i++) {
        say_anything(&line);
        assert_one_line(&line);
        if (!json_check(buf_slice(&line), 2, &err))
            fail_msg("%s: %s", err.text, line.data);
        for (size_t k = 0; k < ARRAY_LEN(keys); k++)
            assert_int_equal(json_kind(json_get(buf_slice(&line), keys[k])),
                             JSON_STRING);
    }
    buf_release(&line);
}

/* A reader of its own: key=value, key="value", one space between; 0: not that. */
static int count_logfmt(const char *p)
{
    int n = 0;

    for (;; n++) {
        size_t key = strcspn(p, " =\"\n");

        if (key == 0 || p[key] != '=')
            return 0;
        p += key + 1;
        if (*p == '"') {
            for (p++; *p != '"'; p += *p == '\\' ? 2 : 1)
                if ((unsigned char)*p < ' ' ||
                    (*p == '\\' && !strchr("n\"\\x", p[1])))
                    return 0;
            p++;
        } else {
            p += strcspn(p, " =\"\\\n");
        }
        if (*p == '\n')
            return n + 1;
        if (*p++ != ' ')
            return 0;
    }
}

static void test_log__logfmt_of_anything(void **state)
{
    struct buf line = BUF_INIT, quoted = BUF_INIT;
    struct err err = ERR_INIT;

    (void)state;
    log_setup(LOG_INFO, LOG_LOGFMT);
    log_hide(secret);
    listen_in();
    for (int i = 0; i < ROUNDS; i++) {
        say_anything(&line);
        assert_one_line(&line);
        if (count_logfmt(line.data) < 4)
            fail_msg("not logfmt: %s", line.data);
        buf_reset(&quoted);
        if (!json_add_string(&quoted, buf_slice(&line), &err))
            fail_msg("%s: %s", err.text, line.data);
    }
    buf_release(&line);
    buf_release(&quoted);
}

static void test_log__text_of_anything(void **state)
{
    struct buf line = BUF_INIT, quoted = BUF_INIT;
    struct err err = ERR_INIT;

    (void)state;
    log_hide(secret);
    listen_in();
    for (int i = 0; i < ROUNDS / 4; i++) {
        say_anything(&line);
        assert_in_range(line.len, 15, LOG_LINE_MAX);
        assert_null(strstr(line.data, "123:AA"));
        assert_null(strpbrk(line.data, "\x01\x7f\r"));
        buf_reset(&quoted);
        if (!json_add_string(&quoted, buf_slice(&line), &err))
            fail_msg("%s: %s", err.text, line.data);
    }
    buf_release(&line);
    buf_release(&quoted);
}

/* What is cut is the longest: the fields say which chat it was. */
static void test_log__fields_survive_a_long_message(void **state)
{
    static const enum log_format formats[] = { LOG_LOGFMT, LOG_JSON };
    struct buf message = BUF_INIT, line = BUF_INIT;

    (void)state;
    while (message.len < 3 * LOG_LINE_MAX)
        buf_adds(&message, "€\"");
    listen_in();
    for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
        log_setup(LOG_INFO, formats[i]);
        log_event(LOG_INFO, "area", "chat=12", "%s", message.data);
        said(&line);
        assert_in_range(line.len, LOG_LINE_MAX - 6, LOG_LINE_MAX);
        assert_non_null(
            strstr(line.data, i ? "…\",\"chat\":12}\n" : "…\" chat=12\n"));
    }
    buf_release(&message);
    buf_release(&line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_log__json, log_reset),
        cmocka_unit_test_teardown(test_log__json_of_anything, log_reset),
        cmocka_unit_test_teardown(test_log__logfmt_of_anything, log_reset),
        cmocka_unit_test_teardown(test_log__text_of_anything, log_reset),
        cmocka_unit_test_teardown(test_log__fields_survive_a_long_message,
                                  log_reset),
    };

    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
