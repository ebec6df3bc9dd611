/* test_http_form.c - outgoing forms: texts, files, shared ones, half ones. */
#include "http_test.h"

static struct http_form *form_of(const struct http_part *parts, size_t n)
{
    struct http_form *form = http_form_new();

    for (size_t i = 0; i < n; i++)
        http_form_add(form, &parts[i]);
    return form;
}

static void test_http__multipart(void **state)
{
    char path[] = "/tmp/moonpost-test-XXXXXX";
    int fd = mkstemp(path);
    struct http_part parts[] = {
        { .name = "chat_id", .data = { "12", 2 } },
        { .name = "empty", .data = { NULL, 0 } },
        { .name = "photo", .path = path, .type = "image/png" },
        { .name = "doc", .data = { "d\0ta", 4 }, .filename = "a.txt" },
    };
    struct http_request req = { .url = url_of(t.raw.port, "/"),
                                .form = form_of(parts, ARRAY_LEN(parts)) };
    static const char *const wanted[] = {
        "name=\"chat_id\"\r\n\r\n12\r\n",
        "name=\"empty\"\r\n\r\n\r\n",
        "name=\"photo\"; filename=\"moonpost-test-",
        "image/png",
        "\r\n\r\nfile's text\r\n",
        "name=\"doc\"; filename=\"a.txt\""
    };
    struct http_op *op;

    (void)state;
    assert_int_equal(write(fd, "file's text", 11), 11);
    close(fd);
    op = http_start(t.http, &req);
    http_form_unref(req.form);
    wait_for(&op, 1);
    assert_string_equal(op->op.err.text, "");
    assert_non_null(strstr(t.raw.last, "multipart/form-data; boundary="));
    assert_null(strstr(t.raw.last, "Expect:"));
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
        assert_non_null(
            memmem(op->body.data, op->body.len, wanted[i], strlen(wanted[i])));
    assert_non_null(memmem(op->body.data, op->body.len, "d\0ta", 4));
    op_free(&op->op);
    unlink(path);
    expect_ok(start("/a", "{}"), "POST /a? [application/json][][] {}");
}

static void test_http__a_file_that_is_none(void **state)
{
    static const char *const paths[] = { "/nowhere/x.png", "/tmp" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        struct http_part part = { .name = "photo", .path = paths[i] };
        struct http_request req = { .url = url_of(t.raw.port, "/"),
                                    .form = form_of(&part, 1) };

        expect_err(http_start(t.http, &req), ERR_SYSTEM, false);
        http_form_unref(req.form);
    }
    assert_int_equal(t.raw.requests, 0);
}

static void on_release(void *arg)
{
    assert_ptr_equal(arg, &t);
    t.released++;
}

/* Two tries of one call, at the same time even, send the same memory. */
static void test_http__a_form_is_shared(void **state)
{
    struct http_part part = {
        .name = "a", .data = { "one text", 8 }, .release = on_release, .arg = &t
    };
    struct http_request req = { .url = url_of(t.raw.port, "/"),
                                .form = form_of(&part, 1) };
    struct http_op *ops[3];

    (void)state;
    assert_int_equal(http_form_size(req.form), 8);
    for (int i = 0; i < 3; i++)
        ops[i] = http_start(t.http, &req);
    http_form_unref(req.form);
    wait_for(ops, 3);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(t.released, 0);
        assert_non_null(memmem(ops[i]->body.data, ops[i]->body.len,
                               "\r\n\r\none text\r\n", 14));
        op_free(&ops[i]->op);
    }
    assert_int_equal(t.released, 1);
}

/* Half an upload has no effect, whatever becomes of it. */
static void test_http__half_an_upload_is_not_maybe_sent(void **state)
{
    struct http_part part = { .name = "a" };
    struct http_request req = { .url = url_of(t.raw.port, "/") };

    (void)state;
    make_large();
    part.data = buf_slice(&t.large);
    req.form = form_of(&part, 1);
    t.raw.refuse = true;
    expect_err(http_start(t.http, &req), ERR_NETWORK, false);
    http_form_unref(req.form);
}

static void test_http__a_file_that_shrinks(void **state)
{
    char path[] = "/tmp/moonpost-test-XXXXXX";
    int fd = mkstemp(path);
    struct http_part part = { .name = "photo", .path = path };
    struct http_request req = { .url = url_of(t.raw.port, "/"),
                                .form = form_of(&part, 1) };
    struct http_op *op;

    (void)state;
    assert_int_equal(ftruncate(fd, 32 << 20), 0);
    op = http_start(t.http, &req);
    assert_int_equal(ftruncate(fd, 1 << 10), 0);
    wait_for(&op, 1);
    assert_int_equal(op->op.err.kind, ERR_SYSTEM);
    assert_non_null(strstr(op->op.err.text, "became shorter"));
    assert_false(op->maybe_sent);
    op_free(&op->op);
    http_form_unref(req.form);
    close(fd);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_http__multipart),
        TEST(test_http__a_file_that_is_none),
        TEST(test_http__a_form_is_shared),
        TEST(test_http__half_an_upload_is_not_maybe_sent),
        TEST(test_http__a_file_that_shrinks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
