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
#include "telegram/api.h"

static char path[] = "/tmp/moonpost-recorder-XXXXXX";
static char *text;

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
    struct err err = ERR_INIT;
    struct recorder *r;
    const struct recording *to;
    int fd = mkstemp(path);

    (void)state;
    assert_true(fd >= 0);
    close(fd);
    r = recorder_new(path, false, &err);
    assert_non_null(r);
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
    recorder_free(r);
    unlink(path);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recorder__only_calls_are_answers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
