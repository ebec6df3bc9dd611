/*
 * sim_test.h - a simulator in the test's own loop, and requests to it.
 */
#ifndef SIM_TEST_H
#define SIM_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "io/http.h"
#include "io/loop.h"
#include "simulator/simulator.h"

#define GROUP (-2001)
#define FORUM (-1001000002002)
#define CHANNEL (-1001000002003)
#define TEST(f) cmocka_unit_test_setup_teardown(f, sim_setup, sim_teardown)

struct sim {
    struct loop *loop;
    struct http *http;
    struct simulator *simulator;
    int status;      /* of the last answer */
    json_t *answers; /* all so far: callers need not free them */
};

static struct sim sim;

static inline int sim_setup(void **state)
{
    struct simulator_options o = { .first_update_id = 100 };
    struct err err = ERR_INIT;

    (void)state;
    memset(&sim, 0, sizeof(sim));
    sim.loop = loop_new();
    sim.http = http_new(sim.loop, &(struct http_options){ 0 });
    sim.simulator = simulator_start(sim.loop, &o, &err);
    assert_non_null(sim.simulator);
    sim.answers = json_array();
    return 0;
}

static inline int sim_teardown(void **state)
{
    (void)state;
    simulator_free(sim.simulator);
    http_free(sim.http);
    assert_int_equal(loop_live_ops(sim.loop), 0);
    loop_free(sim.loop);
    json_decref(sim.answers);
    return 0;
}

static inline void stop_loop(struct op *op)
{
    loop_stop(op->loop);
}

static inline void run_ms(int64_t ms)
{
    struct op *timer = timer_start(sim.loop, ms);

    timer->done = stop_loop;
    loop_run(sim.loop);
    op_free(timer);
}

/* Start a request with a JSON body (taken; NULL: a GET). */
static inline struct http_op *start(const char *path, json_t *body)
{
    struct buf text = BUF_INIT;
    struct http_request req = { 0 };
    char url[300];
    char *dump;

    snprintf(url, sizeof(url), "http://127.0.0.1:%d/%s",
             simulator_port(sim.simulator), path);
    req.url = url;
    if (body) {
        dump = json_dumps(body, 0);
        assert_non_null(dump);
        buf_adds(&text, dump);
        free(dump);
        json_decref(body);
        req.body = &text;
    }
    return http_start(sim.http, &req);
}

/* Its answer, borrowed; NULL: the connection was closed or it is no JSON. */
static inline json_t *finish(struct http_op *op)
{
    json_t *answer = NULL;

    if (op->op.state != OP_DONE) {
        op->op.done = stop_loop;
        loop_run(sim.loop);
    }
    sim.status = op->op.err.kind ? 0 : op->status;
    if (!op->op.err.kind)
        answer = json_loadb(op->body.data, op->body.len,
                            JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    op_free(&op->op);
    if (answer)
        json_array_append_new(sim.answers, answer);
    return answer;
}

static inline json_t *request(const char *path, json_t *body)
{
    return finish(start(path, body));
}

/* A call of bot 1; of another: request("bot2:x/getMe", …). */
static inline json_t *call(const char *method, json_t *params)
{
    char path[100];

    snprintf(path, sizeof(path), "bot1:x/%s", method);
    return request(path, params ? params : json_object());
}

/* The result of a call that must succeed. */
static inline json_t *ok(json_t *answer)
{
    if (!json_is_true(json_object_get(answer, "ok")))
        print_message("%s\n", json_string_value(
                                  json_object_get(answer, "description")));
    assert_true(json_is_true(json_object_get(answer, "ok")));
    assert_int_equal(sim.status, 200);
    return json_object_get(answer, "result");
}

static inline void fails(json_t *answer, int status, const char *description)
{
    assert_non_null(answer);
    assert_true(json_is_false(json_object_get(answer, "ok")));
    assert_string_equal(json_string_value(
                            json_object_get(answer, "description")),
                        description);
    assert_int_equal(json_integer_value(json_object_get(answer, "error_code")),
                     status);
    assert_int_equal(sim.status, status);
}

/* POST /sim/<path>, which must succeed. */
static inline json_t *person(const char *path, json_t *body)
{
    char whole[100];
    json_t *answer;

    snprintf(whole, sizeof(whole), "sim/%s", path);
    answer = request(whole, body);
    if (sim.status != 200)
        print_message("%s\n",
                      json_string_value(json_object_get(answer, "error")));
    assert_int_equal(sim.status, 200);
    return answer;
}

static inline int64_t num(const json_t *object, const char *key)
{
    assert_true(json_is_integer(json_object_get(object, key)));
    return json_integer_value(json_object_get(object, key));
}

static inline const char *str(const json_t *object, const char *key)
{
    assert_true(json_is_string(json_object_get(object, key)));
    return json_string_value(json_object_get(object, key));
}

/* Alice says something to the bot; the update's id. */
static inline int64_t alice_says(int64_t chat, const char *text)
{
    return num(person("send", json_pack("{s:i, s:I, s:s}", "as", 1001, "chat",
                                        (json_int_t)chat, "text", text)),
               "update_id");
}

/* What getUpdates gives now. */
static inline json_t *poll(int64_t offset)
{
    return ok(
        call("getUpdates", json_pack("{s:I}", "offset", (json_int_t)offset)));
}

/* Update number i of a list must be of that kind: its object. */
static inline json_t *update_at(const json_t *updates, size_t i,
                                const char *kind)
{
    json_t *object = json_object_get(json_array_get(updates, i), kind);

    if (!object)
        print_message("%s\n", json_dumps(updates, 0));
    assert_non_null(object);
    return object;
}

static inline void promote_bot(void)
{
    person("member", json_pack("{s:I, s:i, s:s}", "chat", (json_int_t)FORUM,
                               "user", 1, "status", "administrator"));
    person("member", json_pack("{s:i, s:i, s:s}", "chat", GROUP, "user", 1,
                               "status", "administrator"));
}

#endif
