/* test_recorder.c - what is recorded of operations: whose answers they are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "bot/recorder.h"
#include "io/http.h"
#include "telegram/api.h"

#define PATH "/tmp/moonpost-recorder-XXXXXX"

static char path[] = PATH;
static char *text;

/* One that records into a new file. */
static struct recorder *open_recorder(void)
{
    struct err err = ERR_INIT;
    struct recorder *r;
    int fd;

    strcpy(path, PATH);
    fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    r = recorder_new(path, false, &err);
    assert_non_null(r);
    return r;
}

static void end(struct recorder *r)
{
    recorder_free(r);
    unlink(path);
    free(text);
    text = NULL;
}

/* What has been written. */
static const char *written(void)
{
    FILE *f = fopen(path, "r");
    size_t n;

    free(text);
    text = calloc(1, 10000);
    assert_non_null(f);
    n = fread(text, 1, 9999, f);
    text[n] = '\0';
    fclose(f);
    return text;
}

static const struct op_class call_class = { .name = "call" };
static const struct op_class timer_class = { .name = "timer" };

/* A call's task is ended, its memory is given to a timer, which then ends. */
static void test_recorder__only_calls_are_answers(void **state)
{
    struct tg_op op = { .op.class = &call_class, .result = slice_of("true") };
    struct recorder *r = open_recorder();
    const struct recording *to;

    (void)state;
    to = recorder_recording(r);
    to->sent(to->arg, to->call(to->arg, NULL, "getMe", SLICE_NONE), &op.op);
    op.op.class = &timer_class;
    to->finished(to->arg, &op.op);
    op.op.class = &call_class;
    to->finished(to->arg, &op.op); /* and then it is forgotten */
    assert_string_equal(written(),
                        "{\"call\":1,\"update\":0,\"method\":\"getMe\"}\n");
    to->sent(to->arg, to->call(to->arg, NULL, "getMe", SLICE_NONE), &op.op);
    to->finished(to->arg, &op.op);
    assert_string_equal(written(),
                        "{\"call\":1,\"update\":0,\"method\":\"getMe\"}\n"
                        "{\"call\":2,\"update\":0,\"method\":\"getMe\"}\n"
                        "{\"answer\":2,\"result\":true}\n");
    end(r);
}

/* What http asked and was answered: bodies that are text, and not too large. */
static void test_recorder__requests(void **state)
{
    static char large[RECORD_BODY_MAX + 1];
    struct http_op op = { .op.class = &call_class, .status = 200 };
    struct http_request req = { .method = "POST",
                                .url = "https://a.example/?\"q\"" };
    struct recorder *r = open_recorder();
    const struct recording *to;
    struct buf body = BUF_INIT;

    (void)state;
    to = recorder_recording(r);
    buf_adds(&body, "{\"a\":\"ä\"}");
    req.body = &body;
    buf_adds(&op.headers, "A: b\r\n");
    buf_adds(&op.body, "yes");
    to->sent(to->arg, to->request(to->arg, NULL, &req), &op.op);
    to->finished(to->arg, &op.op);
    buf_reset(&body);
    buf_adds(&body, "\xC3(");
    buf_reset(&op.body);
    buf_add(&op.body, large, sizeof(large));
    to->sent(to->arg, to->request(to->arg, NULL, &req), &op.op);
    to->finished(to->arg, &op.op);
    req.body = NULL;
    err_set(&op.op.err, ERR_TIMEOUT, "too late");
    op.maybe_sent = true;
    to->sent(to->arg, to->request(to->arg, NULL, &req), &op.op);
    to->finished(to->arg, &op.op);
#define URL                                                                    \
    ",\"update\":0,\"method\":\"POST\",\"url\":\"https://a.example/"           \
    "?\\\"q\\\"\""
    assert_string_equal(written(),
                        "{\"request\":1" URL
                        ",\"body\":\"{\\\"a\\\":\\\"ä\\\"}\"}\n"
                        "{\"response\":1,\"status\":200,\"headers\":\"A: "
                        "b\\r\\n\",\"body\":\"yes\"}\n"
                        "{\"request\":2" URL ",\"bytes\":2}\n"
                        "{\"response\":2,\"status\":200,\"headers\":\"A: "
                        "b\\r\\n\",\"bytes\":65537}\n"
                        "{\"request\":3" URL "}\n"
                        "{\"response\":3,\"error\":\"timeout\",\"maybe_sent\":"
                        "true,\"reason\":\"too late\"}\n");
    buf_release(&body);
    buf_release(&op.body);
    buf_release(&op.headers);
    end(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recorder__only_calls_are_answers),
        cmocka_unit_test(test_recorder__requests),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
