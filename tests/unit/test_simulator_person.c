/* test_simulator_person.c - /sim/: its errors, waiting, reactions, faults, limits,
 * events and reset. */
#include "sim_test.h"

static void test_person__errors(void **state)
{
    static const struct {
        const char *path, *body;
        int status;
        const char *part; /* of what it says */
    } cases[] = {
        { "nothing", "{}", 404, "there is no POST /sim/nothing" },
        { "state", "{}", 405, "POST /sim/state is not possible" },
        { "send", "{", 400, "" },
        { "send", "[]", 400, "" },
        { "send", "{}", 400, "\"as\" is missing" },
        { "send", "{\"as\":77}", 404, "nobody has the id 77" },
        { "send", "{\"as\":1}", 400, "1 is a bot" },
        { "send", "{\"as\":1001}", 400, "\"chat\" is missing" },
        { "send", "{\"as\":1001,\"chat\":-9}", 404, "no chat -9" },
        { "send", "{\"as\":1001,\"chat\":1002,\"text\":\"x\"}", 400,
          "Alice is not in this chat" },
        { "send", "{\"as\":1001,\"chat\":1001,\"bot\":9}", 404,
          "there is no bot 9" },
        { "send", "{\"as\":1001,\"chat\":-2001,\"text\":\" \"}", 400, "empty" },
        { "send", "{\"as\":1001,\"chat\":-2001,\"text\":\"x\",\"reply_to\":9}",
          404, "no message 9" },
        { "send", "{\"as\":1001,\"chat\":-2001,\"text\":\"x\",\"thread\":9}",
          404, "no thread 9" },
        { "edit", "{\"as\":1001,\"chat\":-2001,\"message_id\":5}", 404,
          "no message 5" },
        { "join", "{\"as\":1001,\"chat\":-2001}", 400, "already in" },
        { "leave", "{\"as\":1001,\"chat\":1001}", 400, "private" },
        { "member", "{\"chat\":-2001,\"user\":1001,\"status\":\"x\"}", 400,
          "must be member" },
        { "chat", "{\"type\":\"party\"}", 400, "must be group" },
        { "chat", "{\"type\":\"group\"}", 400, "\"title\" is missing" },
        { "chat", "{\"type\":\"group\",\"title\":\"x\",\"id\":5}", 400,
          "does not fit" },
        { "person", "{\"id\":1001,\"first_name\":\"x\"}", 400, "taken" },
        { "fault", "{\"method\":\"*\",\"kind\":\"odd\"}", 400, "kind" },
        { "host", "{\"level\":\"loud\",\"text\":\"x\"}", 400, "level" },
        { "migrate", "{\"chat\":-1001000002002}", 400, "only a group" },
        { "pick", "{\"as\":1001,\"chat\":-2001}", 404, "no such result" },
        { "limits", "{}", 400, "\"on\"" },
    };

    (void)state;
    call("getMe", NULL);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf body = BUF_INIT;
        char url[200];
        struct http_request req = { .url = url, .body = &body };
        json_t *answer;

        snprintf(url, sizeof(url), "http://127.0.0.1:%d/sim/%s",
                 simulator_port(sim.simulator), cases[i].path);
        buf_adds(&body, cases[i].body);
        answer = finish(http_start(sim.http, &req));
        if (sim.status != cases[i].status ||
            !strstr(str(answer, "error"), cases[i].part))
            print_message("%s %s: %d %s\n", cases[i].path, cases[i].body,
                          sim.status, str(answer, "error"));
        assert_int_equal(sim.status, cases[i].status);
        assert_non_null(strstr(str(answer, "error"), cases[i].part));
    }
}

/* The status of GET /sim/state with one more header. */
static int status_with(const char *header)
{
    const char *headers[] = { header, NULL };
    char url[200];
    struct http_request req = { .url = url, .headers = headers };

    snprintf(url, sizeof(url), "http://127.0.0.1:%d/sim/state",
             simulator_port(sim.simulator));
    finish(http_start(sim.http, &req));
    return sim.status;
}

/* A page of another site may not act here. */
static void test_person__foreign_origin(void **state)
{
    (void)state;
    assert_int_equal(status_with("Origin: http://example.org"), 403);
}

/* Nor one whose name leads to this machine (DNS rebinding). */
static void test_person__foreign_host(void **state)
{
    static const struct {
        const char *host;
        int status;
    } cases[] = {
        { "Host: example.org", 403 },       { "Host: 127.0.0.1.example", 403 },
        { "Host: localhost.example", 403 }, { "Host: localhost", 200 },
        { "Host: LOCALHOST:8081", 200 },    { "Host: 127.0.0.1:8081", 200 },
        { "Host: [::1]:8081", 200 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(status_with(cases[i].host), cases[i].status);
}

static void test_person__waits_for_messages(void **state)
{
    struct http_op *op;
    json_t *answer;
    int64_t seq, before;

    (void)state;
    call("getMe", NULL);
    alice_says(1001, "question");
    seq = num(request("sim/messages?chat=1001", NULL), "seq");
    op = start("sim/messages?chat=1001&wait_ms=5000&after=999", NULL);
    op_free(&op->op); /* one that leaves */
    {
        char path[100];

        snprintf(path, sizeof(path),
                 "sim/messages?chat=1001&wait_ms=5000&after=%lld",
                 (long long)seq);
        op = start(path, NULL);
    }
    run_ms(50);
    assert_int_equal(op->op.state, OP_RUNNING);
    ok(call("sendMessage",
            json_pack("{s:i, s:s}", "chat_id", 1001, "text", "answer")));
    answer = json_object_get(finish(op), "messages");
    assert_int_equal(json_array_size(answer), 1);
    assert_string_equal(str(json_array_get(answer, 0), "text"), "answer");
    before = loop_now_ms();
    answer = request("sim/messages?chat=1001&wait_ms=100&after=9999", NULL);
    assert_int_equal(json_array_size(json_object_get(answer, "messages")), 0);
    assert_true(loop_now_ms() - before >= 95);
}

static void test_person__entities(void **state)
{
    json_t *m, *entities;

    (void)state;
    call("getMe", NULL);
    m = json_object_get(
        person("send", json_pack("{s:i, s:i, s:s}", "as", 1001, "chat", 1001,
                                 "text", "/set @bob *x* #tag http://a.org")),
        "message");
    assert_string_equal(str(m, "text"), "/set @bob *x* #tag http://a.org");
    entities = json_object_get(m, "entities");
    assert_int_equal(json_array_size(entities), 4);
    assert_string_equal(str(json_array_get(entities, 0), "type"),
                        "bot_command");
}

static void test_person__reactions(void **state)
{
    json_t *m, *r;

    (void)state;
    call("getMe", NULL);
    alice_says(1001, "like it?");
    ok(call("getUpdates", json_pack("{s:i, s:[s]}", "offset", 101,
                                    "allowed_updates", "message_reaction")));
    person("react", json_pack("{s:i, s:i, s:i, s:[s]}", "as", 1001, "chat",
                              1001, "message_id", 1, "reaction", "👍"));
    r = update_at(poll(0), 0, "message_reaction");
    assert_int_equal(json_array_size(json_object_get(r, "old_reaction")), 0);
    assert_int_equal(json_array_size(json_object_get(r, "new_reaction")), 1);
    ok(call("setMessageReaction",
            json_pack("{s:i, s:i, s:[{s:s, s:s}]}", "chat_id", 1001,
                      "message_id", 1, "reaction", "type", "emoji", "emoji",
                      "👍")));
    m = json_array_get(json_object_get(request("sim/messages?chat=1001", NULL),
                                       "messages"),
                       0);
    r = json_array_get(json_object_get(m, "reactions"), 0);
    assert_string_equal(str(r, "emoji"), "👍");
    assert_int_equal(json_array_size(json_object_get(r, "users")), 2);
    person("react", json_pack("{s:i, s:i, s:i, s:[]}", "as", 1001, "chat", 1001,
                              "message_id", 1, "reaction"));
    assert_int_equal(json_array_size(poll(0)), 2);
}

static json_t *fault(const char *method, const char *kind)
{
    return person("fault", json_pack("{s:s, s:s, s:i, s:i, s:i}", "method",
                                     method, "kind", kind, "status", 429,
                                     "retry_after", 3, "ms", 200));
}

static json_t *say_hi(void)
{
    return call("sendMessage",
                json_pack("{s:i, s:s}", "chat_id", 1001, "text", "hi"));
}

static size_t messages_in_private(void)
{
    return json_array_size(
        json_object_get(request("sim/messages?chat=1001", NULL), "messages"));
}

static void test_person__faults(void **state)
{
    json_t *answer;
    int64_t before;

    (void)state;
    call("getMe", NULL);
    fault("sendMessage", "error");
    answer = say_hi();
    fails(answer, 429, "Too Many Requests: retry after 3");
    assert_int_equal(num(json_object_get(answer, "parameters"), "retry_after"),
                     3);
    assert_int_equal(messages_in_private(), 0);
    fault("sendmessage", "drop");
    assert_null(say_hi());
    assert_int_equal(sim.status, 0);
    assert_int_equal(messages_in_private(), 0);
    fault("*", "drop_after");
    assert_null(say_hi());
    assert_int_equal(messages_in_private(), 1);
    fault("*", "garbage");
    assert_null(say_hi());
    assert_int_equal(sim.status, 200);
    fault("*", "delay");
    before = loop_now_ms();
    ok(say_hi());
    assert_true(loop_now_ms() - before >= 190);
    assert_int_equal(messages_in_private(), 2);
    ok(say_hi());
}

static void test_person__limits(void **state)
{
    json_t *answer;
    int sent = 0;

    (void)state;
    person("limits", json_pack("{s:b}", "on", 1));
    for (answer = say_hi(); sim.status == 200; answer = say_hi())
        assert_true(++sent < 10);
    assert_int_equal(sent, 5);
    fails(answer, 429, "Too Many Requests: retry after 1");
    ok(call("sendMessage",
            json_pack("{s:i, s:s}", "chat_id", 1002, "text", "another chat")));
    ok(call("sendChatAction",
            json_pack("{s:i, s:s}", "chat_id", 1001, "action", "typing")));
    person("limits", json_pack("{s:b}", "on", 0));
    ok(say_hi());
}

static void test_person__events(void **state)
{
    struct http_op *op;
    char path[100];

    (void)state;
    call("getMe", NULL);
    alice_says(1001, "in the stream");
    simulator_say(sim.simulator, "warn", "script", "line \"7\"");
    snprintf(path, sizeof(path), "sim/events?after=0");
    op = start(path, NULL);
    run_ms(50);
    assert_int_equal(op->op.state, OP_RUNNING);
    simulator_free(sim.simulator); /* ends the stream */
    sim.simulator = NULL;
    op->op.done = stop_loop;
    loop_run(sim.loop);
    assert_non_null(strstr(op->body.data, "event: message\ndata: {\"bot\":1,"
                                          "\"chat\":1001,"));
    assert_non_null(strstr(op->body.data, "event: update\n"));
    assert_non_null(strstr(op->body.data, "event: call\n"));
    assert_non_null(strstr(op->body.data,
                           "event: host\ndata: {\"level\":\"warn\",\"area\":"
                           "\"script\",\"text\":\"line \\\"7\\\"\""));
    op_free(&op->op);
}

static void test_person__reset(void **state)
{
    struct http_op *op;
    json_t *bots;

    (void)state;
    call("getMe", NULL);
    alice_says(GROUP, "soon gone");
    op = start("bot1:x/getUpdates",
               json_pack("{s:i, s:i}", "timeout", 30, "offset", 5000));
    run_ms(30);
    person("reset", json_object());
    assert_null(finish(op)); /* the poll's connection is closed */
    bots = json_object_get(request("sim/state", NULL), "bots");
    assert_int_equal(json_array_size(bots), 0);
    call("getMe", NULL);
    assert_int_equal(messages_in_private(), 0);
    assert_int_equal(alice_says(1001, "new"), 100);
}

static void test_person__state(void **state)
{
    json_t *s, *chat;

    (void)state;
    call("getMe", NULL);
    person("chat", json_pack("{s:s, s:s, s:[i, i]}", "type", "supergroup",
                             "title", "New", "members", 1001, 1));
    s = request("sim/state", NULL);
    assert_int_equal(json_array_size(json_object_get(s, "people")), 3);
    assert_int_equal(json_array_size(json_object_get(s, "bots")), 1);
    assert_int_equal(json_array_size(json_object_get(s, "chats")), 4);
    chat = json_array_get(json_object_get(s, "chats"), 3);
    assert_string_equal(str(chat, "title"), "New");
    assert_int_equal(json_array_size(json_object_get(chat, "members")), 2);
    alice_says(num(chat, "id"), "here");
    assert_int_equal(json_array_size(poll(0)), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_person__errors),       TEST(test_person__foreign_origin),
        TEST(test_person__foreign_host), TEST(test_person__waits_for_messages),
        TEST(test_person__entities),     TEST(test_person__reactions),
        TEST(test_person__faults),       TEST(test_person__limits),
        TEST(test_person__events),       TEST(test_person__reset),
        TEST(test_person__state),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
