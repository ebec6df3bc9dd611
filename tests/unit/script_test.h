/*
 * script_test.h - for tests of script/: the real vm, loop and database, a bot's
 * folder written by the test, and a Bot API server in the same loop that notes
 * what it is called with.
 */
#ifndef TESTS_SCRIPT_TEST_H
#define TESTS_SCRIPT_TEST_H

#include "pg_client.h"

#include <lauxlib.h>
#include <sys/stat.h>

#include "base/json.h"
#include "config/store.h"
#include "io/httpd.h"
#include "script/admins.h"
#include "script/chunks.h"
#include "script/generation.h"
#include "script/task.h"
#include "script/upgrade.h"
#include "telegram/api.h"

#define CHAT_ID "-100123"

static struct {
    struct client db;
    PGconn *peek; /* sees what is committed when a call comes in */
    struct http *http;
    struct httpd *httpd;
    struct services services;
    struct vm_limits limits;
    struct vm *vm;
    struct generation *gen;
    char dir[64];
    int registry; /* references in it before anything was loaded */
    /* the server: what it was called with, a line each; with the row of the chat
     * in front if peeking */
    struct buf calls;
    bool peeking;
    const char
        *sql_on_write; /* carried out when the method "write" is called */
    struct {
        const char *method, *answer;
        int status;
    } answers[20];
    int nanswers;
    struct buf log;
    int running, ended;
    enum task_result result;
} t;

/* --- the server ------------------------------------------------------------------ */

/* The next call of this method gets this; "drop": the connection is closed. */
static inline void answer(const char *method, int status, const char *text)
{
    t.answers[t.nanswers].method = method;
    t.answers[t.nanswers].status = status;
    t.answers[t.nanswers++].answer = text;
}

static inline int find_answer(const char *method)
{
    for (int i = 0; i < t.nanswers; i++)
        if (t.answers[i].method && strcmp(t.answers[i].method, method) == 0)
            return i;
    return -1;
}

static inline void note_row(void)
{
    PGresult *res = PQexec(t.peek, "SELECT config FROM chat_configs WHERE "
                                   "chat_id = " CHAT_ID);

    if (PQresultStatus(res) != PGRES_TUPLES_OK)
        fail_msg("%s", PQerrorMessage(t.peek));
    buf_addf(&t.calls, "[%s] ", PQntuples(res) ? PQgetvalue(res, 0, 0) : "");
    PQclear(res);
}

static inline void on_call(struct httpd_request *req, void *arg)
{
    const char *method = strrchr(httpd_path(req), '/') + 1;
    const char *type = httpd_header(req, "Content-Type");
    int i = find_answer(method);

    (void)arg;
    if (t.peeking)
        note_row();
    if (strcmp(method, "write") == 0)
        PQclear(PQexec(t.peek, t.sql_on_write));
    buf_addf(&t.calls, "%s ", method);
    if (type && strncmp(type, "multipart/", 10) == 0)
        buf_adds(&t.calls, "(multipart) ");
    buf_add_slice(&t.calls, httpd_body(req));
    buf_addc(&t.calls, '\n');
    if (i < 0) {
        httpd_reply(req, 200, NULL,
                    slice_of("{\"ok\":true,\"result\":{\"message_id\":99}}"));
        return;
    }
    t.answers[i].method = NULL;
    if (strcmp(t.answers[i].answer, "drop") == 0)
        httpd_drop(req);
    else
        httpd_reply(req, t.answers[i].status, NULL,
                    slice_of(t.answers[i].answer));
}

static inline void on_log_line(enum log_level level, const char *area,
                               const char *message, const char *fields,
                               void *arg)
{
    (void)arg;
    buf_addf(&t.log, "%s %s: %s (%s)\n", log_level_name(level), area, message,
             fields);
}

/* --- the folder -------------------------------------------------------------------- */

static inline void file(const char *name, const char *text)
{
    char path[300];
    FILE *f;

    snprintf(path, sizeof(path), "%s/%s", t.dir, name);
    for (char *p = path + strlen(t.dir) + 1; (p = strchr(p, '/')); p++) {
        *p = '\0';
        mkdir(path, 0755);
        *p = '/';
    }
    f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

/* --- loading ------------------------------------------------------------------------ */

static inline bool load(struct err *err)
{
    struct config_rules none = { 0 };

    config_store_use(t.services.store, &none); /* they are the generation's */
    generation_unref(t.gen);
    t.gen = generation_new(t.vm->L, t.dir, 1);
    return generation_load(t.gen, err);
}

/* Configs as the loaded generation has them. */
static inline void use_rules(void)
{
    struct config_rules rules = { .version = t.gen->config_version,
                                  .upgrade = upgrade_config,
                                  .arg = t.gen,
                                  .schema = t.gen->schema };

    config_store_use(t.services.store, &rules);
}

static inline void load_ok(void)
{
    struct err err = ERR_INIT;

    if (!load(&err))
        fail_msg("%s", err.text);
    assert_int_equal(lua_gettop(t.vm->L), 0);
    use_rules();
}

/* The whole message, but for the excerpt of the file below it; %s in it stands for
 * the folder. */
static inline void load_fails(const char *wanted)
{
    struct err err = ERR_INIT;
    char text[600];

    snprintf(text, sizeof(text), wanted, t.dir);
    assert_false(load(&err));
    assert_int_equal(err.kind, ERR_SCRIPT);
    if (!strstr(text, "\n") && strstr(err.text, "\n"))
        *strstr(err.text, "\n") = '\0';
    assert_string_equal(err.text, text);
    assert_int_equal(lua_gettop(t.vm->L), 0);
}

/* One script, loaded. */
static inline void script(const char *text)
{
    file("scripts/a.lua", text);
    load_ok();
}

/* --- running ---------------------------------------------------------------------------- */

static inline void on_task_end(struct task *task, enum task_result result,
                               void *arg)
{
    (void)task;
    (void)arg;
    t.result = result;
    t.ended++;
    if (--t.running == 0)
        loop_stop(t.db.loop);
}

/* Start the handlers for an update; they run once the loop does. */
static inline void start_task(struct op *op)
{
    struct task *task = op->arg;

    op_free(op);
    task_run(task);
}

static inline struct task *push(const char *update)
{
    struct incoming *in = xalloc(sizeof(*in));
    struct err err = ERR_INIT;
    struct task *task;
    struct op *timer;

    buf_init(&in->text);
    buf_adds(&in->text, update);
    if (!json_check(buf_slice(&in->text), JSON_DEPTH_MAX, &err) ||
        !update_read(buf_slice(&in->text), &in->u, &err))
        fail_msg("%s: %s", update, err.text);
    task = task_new(t.vm, t.gen, in, on_task_end, NULL);
    t.running++;
    timer = timer_start(t.db.loop, 0);
    timer->done = start_task;
    timer->arg = task;
    return task;
}

static inline void wait_tasks(void)
{
    if (t.running)
        loop_run(t.db.loop);
}

static inline enum task_result run_update(const char *update)
{
    push(update);
    wait_tasks();
    assert_int_equal(lua_gettop(t.vm->L), 0);
    return t.result;
}

/* A message in a group, from user 7; text as in JSON. */
static inline const char *message_of(const char *text)
{
    static char update[2000];

    snprintf(
        update, sizeof(update),
        "{\"update_id\":10,\"message\":{\"message_id\":5,\"from\":{\"id\":7,"
        "\"is_bot\":false,\"first_name\":\"Alice\"},\"chat\":{\"id\":" CHAT_ID
        ",\"type\":\"supergroup\",\"title\":\"G\"},\"date\":1,"
        "\"text\":\"%s\"}}",
        text);
    return update;
}

static inline enum task_result say(const char *text)
{
    return run_update(message_of(text));
}

static inline void say_ok(const char *text)
{
    if (say(text) != TASK_OK)
        fail_msg("%s: %s", text, t.log.data);
}

static inline enum task_result press(const char *data)
{
    char update[1000];

    snprintf(
        update, sizeof(update),
        "{\"update_id\":11,\"callback_query\":{\"id\":\"77\",\"from\":{\"id\":"
        "7,\"first_name\":\"Alice\"},\"message\":{\"message_id\":6,\"chat\":{"
        "\"id\":" CHAT_ID ",\"type\":\"supergroup\"},\"text\":\"Pick\"},"
        "\"data\":\"%s\"}}",
        data);
    return run_update(update);
}

/* --- looking ------------------------------------------------------------------------------- */

/* All calls since the last look. */
static inline void expect_calls(const char *wanted)
{
    assert_string_equal(t.calls.data, wanted);
    buf_reset(&t.calls);
}

/* What ctx:reply() was called with since the last look, a line each. */
static inline void expect_replies(const char *wanted)
{
    struct buf out = BUF_INIT;
    const char *p = t.calls.data;

    while ((p = strstr(p, "\"text\":"))) {
        struct slice value = json_outline(slice_of(p + 7));

        json_to_text(value, &out);
        buf_addc(&out, '\n');
        p = value.p + value.n;
    }
    assert_string_equal(out.data, wanted);
    buf_release(&out);
    buf_reset(&t.calls);
}

static inline void expect_log(const char *part)
{
    assert_has(t.log.data, part);
    buf_reset(&t.log);
}

/* --- a test's frame -------------------------------------------------------------------------- */

/* References that are in use: freed ones hold the number of the next free. But for
 * compiled files, which are kept from one loading to the next. */
static inline int count_registry(void)
{
    lua_State *L = t.vm->L;
    int n = 0;

    lua_gc(L, LUA_GCCOLLECT);
    lua_gc(L, LUA_GCCOLLECT);
    lua_pushnil(L);
    while (lua_next(L, LUA_REGISTRYINDEX)) {
        n += lua_isinteger(L, -2) && !lua_isinteger(L, -1);
        lua_pop(L, 1);
    }
    return n - chunks_kept(L);
}

/* With what was loaded into it. */
static inline void free_vm(void)
{
    config_store_use(t.services.store, &(struct config_rules){ 0 });
    generation_unref(t.gen);
    t.gen = NULL;
    vm_free(t.vm);
}

static inline void make_vm(size_t memory_max, int cpu_ms, int64_t task_ms)
{
    free_vm();
    t.limits = (struct vm_limits){ .memory_max = memory_max,
                                   .cpu_ms = cpu_ms,
                                   .task_ms = task_ms };
    t.vm = vm_new(&t.services, &t.limits);
    t.registry = count_registry();
}

static inline int script_setup(void **state)
{
    struct config_store_options o = { .cache_bytes = 1 << 20,
                                      .document_max = 4000,
                                      .history = 5 };

    (void)state;
    script_ok(&t.db, "DELETE FROM chat_configs; DELETE FROM config_history");
    strcpy(t.dir, "/tmp/moonpost-script-XXXXXX");
    assert_non_null(mkdtemp(t.dir));
    t.services.dir = t.dir;
    t.services.bot_username = "test_bot";
    t.services.loop = t.db.loop;
    t.services.store = config_store_new(t.db.loop, t.db.pg, &o);
    t.services.admins = admins_new();
    t.peeking = false;
    t.nanswers = t.running = t.ended = 0;
    buf_init(&t.calls);
    buf_init(&t.log);
    make_vm(16 << 20, 200, 60000);
    log_set_sink(on_log_line, NULL);
    return 0;
}

static inline int script_teardown(void **state)
{
    char command[100];

    (void)state;
    log_set_sink(NULL, NULL);
    assert_int_equal(t.vm->ntasks, 0);
    assert_int_equal(lua_gettop(t.vm->L), 0);
    config_store_use(t.services.store, &(struct config_rules){ 0 });
    generation_unref(t.gen);
    t.gen = NULL;
    assert_int_equal(count_registry(), t.registry);
    vm_free(t.vm);
    t.vm = NULL;
    admins_free(t.services.admins);
    config_store_free(t.services.store);
    assert_int_equal(loop_live_ops(t.db.loop), 0);
    buf_release(&t.calls);
    buf_release(&t.log);
    snprintf(command, sizeof(command), "rm -r '%s'", t.dir);
    return system(command);
}

static inline void add_schema_file(const char *name, struct buf *sql)
{
    int root = (int)(strlen(__FILE__) - strlen("tests/unit/script_test.h"));
    struct buf path = BUF_INIT;
    struct err err = ERR_INIT;

    buf_addf(&path, "%.*score/bot/schema/%s", root, __FILE__, name);
    assert_true(buf_add_file(sql, path.data, &err));
    buf_release(&path);
}

static inline void make_table(const char *schema)
{
    struct buf sql = BUF_INIT;

    buf_addf(&sql,
             "SET client_min_messages = warning; DROP SCHEMA IF EXISTS %s "
             "CASCADE; CREATE SCHEMA %s; SET search_path = %s;",
             schema, schema, schema);
    add_schema_file("0001_chat_configs.sql", &sql);
    add_schema_file("0002_config_history.sql", &sql);
    add_schema_file("0005_channels.sql", &sql);
    script_ok(&t.db, sql.data);
    buf_release(&sql);
}

/* schema: in the database, of this test program's own. */
static inline int script_group_setup(const char *schema)
{
    struct httpd_options o = { .address = "127.0.0.1", .body_max = 1 << 20 };
    struct http_options client = { .connections_max = 4 };
    struct tg_options options = { .token = "1:xxxxxxxx", .timeout_ms = 5000 };
    struct err err = ERR_INIT;
    static const struct sender_options no_limits = { 1000000, 1000000, 1000000,
                                                     1000000, 1000000 };
    char url[100], text[100];

    t.db = connect_to(pg_server_url());
    make_table(schema);
    t.peek = PQconnectdb(pg_server_url());
    snprintf(text, sizeof(text), "SET search_path = %s", schema);
    PQclear(PQexec(t.peek, text));
    t.http = http_new(t.db.loop, &client);
    t.httpd = httpd_start(t.db.loop, &o, on_call, NULL, &err);
    assert_non_null(t.httpd);
    snprintf(url, sizeof(url), "http://127.0.0.1:%d", httpd_port(t.httpd));
    options.url = url;
    t.services.tg = tg_new(t.db.loop, t.http, &options, &err);
    assert_non_null(t.services.tg);
    t.services.sender = sender_new(t.db.loop, t.services.tg, &no_limits);
    return 0;
}

static inline int script_group_teardown(const char *schema)
{
    char sql[100];

    snprintf(sql, sizeof(sql), "DROP SCHEMA %s CASCADE", schema);
    script_ok(&t.db, sql);
    PQfinish(t.peek);
    sender_free(t.services.sender);
    tg_free(t.services.tg);
    http_free(t.http);
    httpd_free(t.httpd);
    client_free(&t.db);
    log_unhide_all();
    return 0;
}

#define SCRIPT_TEST(name)                                                      \
    cmocka_unit_test_setup_teardown(name, script_setup, script_teardown)

#endif
