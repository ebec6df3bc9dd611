/*
 * test_files.c - files of scripts: what is sent, what is fetched and where it
 * goes. The Bot API server is one of this test's own, that also breaks.
 */
#include "script_test.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>

#include "script/data_file.h"

#define SIZE 300000

/* A second server, for the files: it answers getFile as the first does. */
static struct {
    struct httpd *httpd;
    struct tg *tg, *before;
    struct sender *sender, *sender_before;
    struct buf contents;
    char path[300]; /* what getFile says */
    int64_t said;   /* file_size */
    int failures;   /* the next ones: the connection is dropped */
    int fetched;
    bool cut; /* fewer bytes than said, then the end */
    struct httpd_request *held;
} f;

static void serve(struct httpd_request *req)
{
    static const char not_found[] =
        "{\"ok\":false,\"error_code\":404,\"description\":\"Not Found\"}";

    f.fetched++;
    if (f.failures-- > 0) {
        httpd_drop(req);
    } else if (strcmp(httpd_path(req),
                      "/file/bot1:xxxxxxxx/documents/a%20b.txt")) {
        httpd_reply(req, 404, NULL, slice_of(not_found));
    } else if (f.cut) {
        httpd_stream_begin(req, 200, NULL);
        httpd_stream_add(req, (struct slice){ f.contents.data, SIZE / 2 });
        f.held = req;
    } else {
        httpd_reply(req, 200, NULL, buf_slice(&f.contents));
    }
}

static void on_file_call(struct httpd_request *req, void *arg)
{
    char text[600];

    if (strncmp(httpd_path(req), "/file/", 6) == 0) {
        serve(req);
        return;
    }
    if (!strstr(httpd_path(req), "getFile")) {
        on_call(req, arg);
        return;
    }
    snprintf(text, sizeof(text),
             "{\"ok\":true,\"result\":{\"file_id\":\"F\",\"file_unique_id\":"
             "\"U\",\"file_size\":%lld,\"file_path\":\"%s\"}}",
             (long long)f.said, f.path);
    httpd_reply(req, 200, NULL, slice_of(text));
}

static int setup(void **state)
{
    static const struct sender_options no_limits = { 1000000, 1000000, 1000000,
                                                     1000000, 1000000 };
    struct tg_options options = { .token = "1:xxxxxxxx",
                                  .timeout_ms = 5000,
                                  .file_timeout_ms = 1000 };
    struct httpd_options o = { .address = "127.0.0.1", .body_max = 8 << 20 };
    struct err err = ERR_INIT;
    char url[100];

    script_setup(state);
    memset(&f, 0, sizeof(f));
    buf_init(&f.contents);
    for (int i = 0; f.contents.len < SIZE; i++)
        buf_addf(&f.contents, "%d\n", i);
    f.contents.len = SIZE;
    f.said = SIZE;
    strcpy(f.path, "documents/a b.txt");
    f.httpd = httpd_start(t.db.loop, &o, on_file_call, NULL, &err);
    assert_non_null(f.httpd);
    snprintf(url, sizeof(url), "http://127.0.0.1:%d", httpd_port(f.httpd));
    options.url = url;
    f.before = t.services.tg;
    f.sender_before = t.services.sender;
    t.services.tg = f.tg = tg_new(t.db.loop, t.http, &options, &err);
    t.services.sender = f.sender = sender_new(t.db.loop, f.tg, &no_limits);
    t.services.files = (struct file_rules){ 0 };
    return 0;
}

static int teardown(void **state)
{
    int result;

    if (f.held)
        httpd_drop(f.held);
    result = script_teardown(state);
    sender_free(f.sender);
    tg_free(f.tg);
    t.services.tg = f.before;
    t.services.sender = f.sender_before;
    httpd_free(f.httpd);
    buf_release(&f.contents);
    return result;
}

static void body(const char *text)
{
    struct buf script = BUF_INIT;

    buf_addf(&script,
             "local bot = require 'bot'\n"
             "local function fails(...)\n"
             "  local ok, e = pcall(...)\n"
             "  assert(not ok, 'no error')\n"
             "  assert(not tostring(e):find('xxxxxxxx'), e)\n"
             "  return tostring(e), type(e) == 'table' and e.kind\n"
             "end\n"
             "bot.command('a', 'A', function(ctx)\n%s\nend)\n",
             text);
    file("scripts/a.lua", script.data);
    load_ok();
    buf_release(&script);
}

static const char *path_of(const char *name)
{
    static char path[400];

    snprintf(path, sizeof(path), "%s/%s", t.dir, name);
    return path;
}

static void expect_file(const char *path)
{
    struct buf got = BUF_INIT;
    struct err err = ERR_INIT;

    if (!buf_add_file(&got, path, &err))
        fail_msg("%s", err.text);
    assert_int_equal(got.len, f.contents.len);
    assert_memory_equal(got.data, f.contents.data, got.len);
    buf_release(&got);
}

/* Nothing of a file that did not become whole. */
static void expect_nothing_left(void)
{
    DIR *dir = opendir(path_of("data/.part"));
    struct dirent *entry;

    assert_int_not_equal(access(path_of("data/x.txt"), F_OK), 0);
    while (dir && (entry = readdir(dir)))
        assert_int_equal(entry->d_name[0], '.');
    if (dir)
        closedir(dir);
}

/* --- names -------------------------------------------------------------------------- */

static void test_data_name__check(void **state)
{
    static const char *const good[] = { "a", "a.txt", "photos/1/a b.jpg",
                                        "\xc3\xa4..x" };
    static const char *const bad[] = {
        "",     "/a", "..",   "../a", "a/../b", "a/..", ".a",
        "a/.b", "a/", "a//b", "a\nb", "a\\b",   "./a",
    };
    char longest[202];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_true(data_name_check(good[i], NULL));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct err err = ERR_INIT;

        if (data_name_check(bad[i], &err) || err.kind != ERR_USAGE)
            fail_msg("\"%s\" is taken", bad[i]);
    }
    memset(longest, 'a', sizeof(longest));
    longest[201] = '\0';
    assert_false(data_name_check(longest, NULL));
    longest[200] = '\0';
    assert_true(data_name_check(longest, NULL));
}

/* --- fetching ------------------------------------------------------------------------- */

static void test_download__to_a_file(void **state)
{
    (void)state;
    body("assert(ctx:download('F', 'in/x.txt') == 'data/in/x.txt')\n"
         "assert(bot.download('F', 'y.txt') == 'data/y.txt')\n"
         "bot.api.sendDocument{ chat_id = 1, document = "
         "bot.file('data/in/x.txt') }\n"
         "assert(fails(bot.file, 'data/../scripts/a.lua'))\n");
    say_ok("/a");
    expect_file(path_of("data/in/x.txt"));
    expect_file(path_of("data/y.txt"));
    assert_has(t.calls.data, "filename=\"x.txt\"");
    expect_nothing_left();
}

static void test_download__to_a_data_folder_elsewhere(void **state)
{
    char dir[400];

    (void)state;
    snprintf(dir, sizeof(dir), "%s", path_of("else/where"));
    t.services.files.data_dir = dir;
    body("assert(ctx:download('F', 'x.txt') == 'data/x.txt')\n"
         "bot.api.sendDocument{ document = bot.file('data/x.txt') }\n");
    say_ok("/a");
    expect_file(path_of("else/where/x.txt"));
}

static void test_download__to_a_function(void **state)
{
    (void)state;
    body("local parts, most = {}, 0\n"
         "local n = ctx:download('F', function(chunk)\n"
         "  parts[#parts + 1] = chunk\n"
         "  most = math.max(most, #chunk)\n"
         "  assert(#parts > 1 or bot.api.x{} ~= nil)\n" /* it may wait */
         "end)\n"
         "local all = table.concat(parts)\n"
         "assert(n == 300000 and #all == n and most <= 65536 and #parts >= 5)\n"
         "assert(all == ctx:download('F'))\n");
    say_ok("/a");
    assert_int_equal(f.fetched, 2);
}

static void test_download__a_function_that_raises(void **state)
{
    (void)state;
    body("local n = 0\n"
         "local e = fails(ctx.download, ctx, 'F', function(chunk)\n"
         "  n = n + 1 if n == 2 then error('enough') end end)\n"
         "assert(e:find('enough') and n == 2)\n"
         "ctx:download('F', function() end)");
    say_ok("/a");
}

static void test_download__bad_arguments(void **state)
{
    (void)state;
    body("for _, name in ipairs{ '..', '../x', '/x', '', 'a/../../x' } do\n"
         "  assert(fails(ctx.download, ctx, 'F', name):find('download: '))\n"
         "end\n"
         "assert(fails(ctx.download, ctx))\n"
         "assert(fails(ctx.download, ctx, 'F', {}))\n"
         "assert(fails(ctx.download, {}, 'F'))");
    say_ok("/a");
    assert_int_equal(f.fetched, 0);
}

static void test_download__no_such_file(void **state)
{
    (void)state;
    strcpy(f.path, "gone");
    body("local e, kind = fails(ctx.download, ctx, 'F', 'x.txt')\n"
         "assert(kind == 'telegram' and e:find('404: Not Found'), e)");
    say_ok("/a");
    assert_int_equal(f.fetched, 1);
    expect_nothing_left();
}

static void test_download__too_large(void **state)
{
    (void)state;
    f.said = (int64_t)21 << 20;
    body("local e, kind = fails(ctx.download, ctx, 'F', 'x.txt')\n"
         "assert(kind == 'usage' and e:find('DOWNLOAD_MAX_MB=20'), e)\n");
    say_ok("/a");
    assert_int_equal(f.fetched, 0);
    f.said = (int64_t)5 << 20; /* too large for a string only */
    body("local e = fails(ctx.download, ctx, 'F')\n"
         "assert(e:find('larger than 4 MiB'), e)\n"
         "ctx:download('F', function() end)");
    say_ok("/a");
}

/* The size is found out on the way when it was not said, or wrong. */
static void test_download__larger_than_said(void **state)
{
    (void)state;
    t.services.files.download_max_mb = 1;
    while (f.contents.len < 2 << 20)
        buf_addf(&f.contents, "%zu\n", f.contents.len);
    body("local e = fails(ctx.download, ctx, 'F', 'x.txt')\n"
         "assert(e:find('DOWNLOAD_MAX_MB=1'), e)\n");
    say_ok("/a");
    expect_nothing_left();
}

static void test_download__tried_again(void **state)
{
    (void)state;
    f.failures = 2;
    body("assert(ctx:download('F', 'y.txt'))");
    say_ok("/a");
    assert_int_equal(f.fetched, 3);
    expect_file(path_of("data/y.txt"));
    f.failures = 9;
    body("local _, kind = fails(ctx.download, ctx, 'F', 'x.txt')\n"
         "assert(kind == 'network')");
    say_ok("/a");
    /* libcurl asks once more itself where a kept connection broke */
    assert_in_range(f.fetched, 6, 9);
    expect_nothing_left();
}

static void test_download__stalled(void **state)
{
    (void)state;
    f.cut = true;
    body("local e, kind = fails(ctx.download, ctx, 'F', function() end)\n"
         "assert(kind == 'timeout' and e:find('stalled'), e)");
    say_ok("/a");
}

/* While a file is on its way the task's time stands still. */
static void test_download__takes_its_time(void **state)
{
    (void)state;
    make_vm(16 << 20, 200, 500);
    f.cut = true; /* three times 0.3 s, and pauses of 0.5 and 1 s */
    body("local _, kind = fails(ctx.download, ctx, 'F', 'x.txt')\n"
         "assert(kind == 'timeout')");
    say_ok("/a");
    assert_int_equal(f.fetched, 3);
    expect_nothing_left();
}

static void stop_loop_after(struct op *op)
{
    loop_stop(op->loop);
}

static void test_download__killed_task(void **state)
{
    struct op *timer;

    (void)state;
    f.cut = true;
    body("ctx:download('F', 'x.txt')");
    push(message_of("/a"));
    timer = timer_start(t.db.loop, 100);
    timer->done = stop_loop_after;
    loop_run(t.db.loop);
    op_free(timer);
    assert_int_equal(t.running, 1);
    tasks_kill_all(t.vm);
    assert_int_equal(t.result, TASK_KILLED);
    expect_nothing_left();
}

/* A disk that takes no more. */
static void test_download__no_room(void **state)
{
    struct rlimit before, small = { 100000, 0 };

    (void)state;
    body("local e, kind = fails(ctx.download, ctx, 'F', 'x.txt')\n"
         "assert(kind == 'system' and e:find('x.txt: '), e)");
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small.rlim_max = before.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    say_ok("/a");
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    expect_nothing_left();
}

static void test_download__data_is_no_folder(void **state)
{
    (void)state;
    file("data", "not a folder");
    body("local e, kind = fails(ctx.download, ctx, 'F', 'x.txt')\n"
         "assert(kind == 'system', e)");
    say_ok("/a");
}

/* --- a local server ------------------------------------------------------------------------ */

static void test_local__download(void **state)
{
    (void)state;
    file("server/file_1", "");
    snprintf(f.path, sizeof(f.path), "%s", path_of("server/file_1"));
    {
        int fd = open(f.path, O_WRONLY);

        assert_int_equal(write(fd, f.contents.data, SIZE), SIZE);
        close(fd);
    }
    body("local e, kind = fails(ctx.download, ctx, 'F', 'x.txt')\n"
         "assert(kind == 'usage' and e:find('TELEGRAM_API_LOCAL'), e)");
    say_ok("/a");
    expect_nothing_left();
    t.services.files.local = true;
    f.said = SIZE;
    body("assert(ctx:download('F', 'y.txt') == 'data/y.txt')\n"
         "local parts = {}\n"
         "ctx:download('F', function(chunk) assert(#chunk <= 65536)\n"
         "  parts[#parts + 1] = chunk bot.api.x{} end)\n"
         "assert(table.concat(parts) == ctx:download('F'))");
    say_ok("/a");
    expect_file(path_of("data/y.txt"));
    assert_int_equal(f.fetched, 0);
    unlink(f.path);
    body("local e, kind = fails(ctx.download, ctx, 'F', 'x.txt')\n"
         "assert(kind == 'system' and e:find('No such file'), e)");
    say_ok("/a");
    expect_nothing_left();
}

static void test_local__upload(void **state)
{
    (void)state;
    t.services.files.local = true;
    file("a b.txt", "text");
    body("bot.api.sendDocument{ chat_id = 1, document = bot.file('a b.txt') }\n"
         "bot.api.sendMediaGroup{ media = { { media = bot.file('a b.txt') }, "
         "{ media = bot.file{ data = 'x' } } } }");
    say_ok("/a");
    assert_has(t.calls.data, "sendDocument {");
    assert_has(t.calls.data, "\"document\":\"file:///");
    assert_has(t.calls.data, "/a%20b.txt\"");
    assert_has(t.calls.data, "sendMediaGroup (multipart)");
    assert_has(t.calls.data, "attach://file0");
}

/* A string is sent from where it is, and let go after that: also when the
 * script has no other reference to it. */
static void test_upload__string(void **state)
{
    (void)state;
    body("for i = 1, 3 do\n"
         "  bot.api.sendDocument{ document = bot.file{ data = "
         "('x'):rep(100000), name = 'x' } }\n"
         "  for j = 1, 300 do local _ = ('y'):rep(10000 + j) end\n"
         "end");
    say_ok("/a");
    assert_has(t.calls.data, "xxxxxxxxxxxx");
}

/* --- */

static int group_setup(void **state)
{
    (void)state;
    return script_group_setup("test_files");
}

static int group_teardown(void **state)
{
    (void)state;
    return script_group_teardown("test_files");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_data_name__check),
        TEST(test_download__to_a_file),
        TEST(test_download__to_a_data_folder_elsewhere),
        TEST(test_download__to_a_function),
        TEST(test_download__a_function_that_raises),
        TEST(test_download__bad_arguments),
        TEST(test_download__no_such_file),
        TEST(test_download__too_large),
        TEST(test_download__larger_than_said),
        TEST(test_download__tried_again),
        TEST(test_download__stalled),
        TEST(test_download__takes_its_time),
        TEST(test_download__killed_task),
        TEST(test_download__no_room),
        TEST(test_download__data_is_no_folder),
        TEST(test_local__download),
        TEST(test_local__upload),
        TEST(test_upload__string),
    };

    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
