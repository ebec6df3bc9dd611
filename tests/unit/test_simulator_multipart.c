/* Multipart bodies, and parameters from wherever they come. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "simulator/params.h"

#define TYPE "multipart/form-data; boundary=xYx"

static struct multipart parse(const char *type, const char *body)
{
    struct multipart m;
    struct err err = ERR_INIT;

    if (!multipart_parse(&m, type, slice_of(body), &err))
        fail_msg("%s: %s", body, err.text);
    return m;
}

static void assert_slice(struct slice s, const char *text)
{
    assert_int_equal(s.n, strlen(text));
    assert_memory_equal(s.p, text, s.n);
}

static void test_multipart__parts(void **state)
{
    struct multipart m =
        parse("multipart/form-data; charset=utf-8; boundary=\"xYx\"",
              "ignored\r\n--xYx\r\n"
              "Content-Disposition: form-data; name=\"chat_id\"\r\n\r\n"
              "1001\r\n--xYx  \r\n"
              "content-type: image/png\r\n"
              "content-disposition: form-data; filename=\"a;\\\"b%22.png\"; "
              "name=photo\r\n\r\n"
              "--xY\r\n\r\n--xYxx\n\r\n"
              "--xYx--\r\nignored");

    (void)state;
    assert_int_equal(m.n, 2);
    assert_string_equal(m.parts[0].name, "chat_id");
    assert_null(m.parts[0].filename);
    assert_null(m.parts[0].type);
    assert_slice(m.parts[0].data, "1001");
    assert_string_equal(m.parts[1].name, "photo");
    assert_string_equal(m.parts[1].filename, "a;\"b\".png");
    assert_string_equal(m.parts[1].type, "image/png");
    assert_ptr_equal(multipart_find(&m, "photo"), &m.parts[1]);
    assert_null(multipart_find(&m, "chat"));
    multipart_release(&m);
    assert_int_equal(m.n, 0);
}

static void test_multipart__edges(void **state)
{
    struct multipart m;

    (void)state;
    m = parse(TYPE, "--xYx--");
    assert_int_equal(m.n, 0);
    multipart_release(&m);
    m = parse(TYPE, "--xYx\nContent-Disposition: form-data; name=\"\"\n\n"
                    "\n--xYx--\n");
    assert_string_equal(m.parts[0].name, "");
    assert_slice(m.parts[0].data, "");
    multipart_release(&m);
    m = parse(TYPE, "--xYx\r\nContent-Disposition: form-data; name=a\r\n\r\n"
                    "\r\n\r\n--xYx--");
    assert_slice(m.parts[0].data, "\r\n");
    multipart_release(&m);
}

static void test_multipart__errors(void **state)
{
    static const struct {
        const char *type, *body, *why;
    } bad[] = {
        { TYPE,
          "--xYx\r\nContent-Disposition: form-data; name\r\n\r\nx\r\n--xYx--",
          "part 1 has no name or no data" },
        { "multipart/form-data", "--xYx--", "Content-Type has no boundary" },
        { "multipart/form-data; boundary=\"\"", "--",
          "Content-Type has no boundary" },
        { TYPE, "", "the boundary is not in the body" },
        { TYPE, "a--xYx--", "the boundary is not in the body" },
        { TYPE, "--xYx", "a boundary is cut off" },
        { TYPE, "--xYx\r\nContent-Disposition: form-data; name=a\r\n\r\nx",
          "the last boundary is missing" },
        { TYPE, "--xYx\r\n\r\nx\r\n--xYx--", "part 1 has no name or no data" },
        { TYPE, "--xYx\r\nContent-Disposition: form-data; name=a\r\n--xYx--",
          "part 1 has no name or no data" },
        { TYPE, "--xYx\r\n--xYx--", "part 1 has no name or no data" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct multipart m;
        struct err err = ERR_INIT;

        assert_false(
            multipart_parse(&m, bad[i].type, slice_of(bad[i].body), &err));
        assert_string_equal(err.text, bad[i].why);
        assert_int_equal(m.n, 0);
    }
}

static void test_multipart__too_many_parts(void **state)
{
    struct buf body = BUF_INIT;
    struct multipart m;
    struct err err = ERR_INIT;

    (void)state;
    for (int i = 0; i <= MULTIPART_PARTS_MAX; i++)
        buf_adds(&body, "--xYx\r\nContent-Disposition: form-data; "
                        "name=a\r\n\r\n\r\n");
    buf_adds(&body, "--xYx--");
    assert_false(multipart_parse(&m, TYPE, buf_slice(&body), &err));
    buf_release(&body);
}

static char *params_of(const char *query, const char *type, const char *body)
{
    struct multipart parts;
    struct err err = ERR_INIT;
    json_t *params;
    char *text;

    if (!params_read(&params, &parts, query, type, slice_of(body), &err))
        return xstrdup(err.text);
    text = json_dumps(params, JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(params);
    multipart_release(&parts);
    return text;
}

static void test_params__from_everywhere(void **state)
{
    static const struct {
        const char *query, *type, *body, *expected;
    } cases[] = {
        { "a=1&b=%C3%A9+x&c&a=2&=z", NULL, "",
          "{\"a\":\"2\",\"b\":\"é x\","
          "\"c\":\"\"}" },
        { "a=%zz%4", NULL, "", "{\"a\":\"%zz%4\"}" },
        { "a=%FF", NULL, "", "{}" },
        { "a=1", "application/x-www-form-urlencoded; charset=utf-8", "b=2&a=3",
          "{\"a\":\"3\",\"b\":\"2\"}" },
        { "a=1", "application/json", "{\"b\":[1],\"a\":2}",
          "{\"a\":2,\"b\":[1]}" },
        { NULL, "application/json", "", "{}" },
        { NULL, "application/json", "[1]",
          "Bad Request: can't parse the request's JSON object" },
        { NULL, "application/json",
          "{\"a\":", "Bad Request: can't parse the request's JSON object" },
        { "a=1", "text/plain", "b=2", "{\"a\":\"1\"}" },
        { NULL, TYPE,
          "--xYx\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n"
          "--xYx\r\nContent-Disposition: form-data; name=f; filename=x\r\n\r\n"
          "2\r\n--xYx--",
          "{\"a\":\"1\",\"f\":\"attach://f\"}" },
        { NULL, TYPE, "x", "Bad Request: the boundary is not in the body" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char *is = params_of(cases[i].query, cases[i].type, cases[i].body);

        assert_string_equal(is, cases[i].expected);
        free(is);
    }
}

static void test_params__upload(void **state)
{
    struct multipart m =
        parse(TYPE,
              "--xYx\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n"
              "--xYx\r\nContent-Disposition: form-data; name=f; "
              "filename=x\r\n\r\n2\r\n--xYx--");

    (void)state;
    assert_slice(params_upload(&m, "attach://f")->data, "2");
    assert_null(params_upload(&m, "attach://a")); /* no file */
    assert_null(params_upload(&m, "attach://x"));
    assert_null(params_upload(&m, "f"));
    assert_null(params_upload(&m, NULL));
    multipart_release(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_multipart__parts),
        cmocka_unit_test(test_multipart__edges),
        cmocka_unit_test(test_multipart__errors),
        cmocka_unit_test(test_multipart__too_many_parts),
        cmocka_unit_test(test_params__from_everywhere),
        cmocka_unit_test(test_params__upload),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
