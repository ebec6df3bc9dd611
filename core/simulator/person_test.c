/* person_test.c - for tests: ready-made updates, faults, limits, reset, and lines
 * of the host. */
#include <string.h>

#include "simulator/person.h"
#include "simulator/updates.h"

static void push_update(struct sim_request *r)
{
    const struct bot *bot = arg_bot(r);

    if (!bot)
        return;
    json_object_del(r->args, "bot");
    sim_ok_update(r, updates_push_update(bot->updates, r->args), NULL);
}

static void push_raw(struct sim_request *r)
{
    struct slice text = json_str_slice(r->args, "text");
    const struct bot *bot = arg_bot(r);

    if (!bot)
        return;
    if (!text.p)
        sim_fail(r, 400, "\"text\" is missing");
    else
        sim_ok_update(r, updates_push_raw(bot->updates, text), NULL);
}

static void add_fault(struct sim_request *r)
{
    struct err err = ERR_INIT;
    int id = faults_add(r->sim->faults, r->args, &err);

    if (!id) {
        sim_fail(r, 400, "%s", err.text);
        return;
    }
    feed_signal(r->sim->feed, "state");
    sim_ok(r, json_pack("{s:i}", "id", id));
}

static void remove_fault(struct sim_request *r)
{
    int64_t id = arg_int(r, "id", 0);

    if (!faults_remove(r->sim->faults, (int)id)) {
        sim_fail(r, 404, "there is no fault %lld", (long long)id);
        return;
    }
    feed_signal(r->sim->feed, "state");
    sim_ok(r, json_object());
}

static void set_limits(struct sim_request *r)
{
    static const char *const names[] = { "bot_per_s", "chat_per_s",
                                         "chat_burst", "group_per_min" };
    struct limit_rates rates = limits_telegram;
    int *const fields[] = { &rates.bot_per_s, &rates.chat_per_s,
                            &rates.chat_burst, &rates.group_per_min };

    if (!json_object_get(r->args, "on")) {
        sim_fail(r, 400, "\"on\" is missing: true or false");
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        int64_t n = arg_int(r, names[i], *fields[i]);

        if (n < 1 || n > 1000000) {
            sim_fail(r, 400, "%s must be from 1 to 1000000", names[i]);
            return;
        }
        *fields[i] = (int)n;
    }
    limits_turn(r->sim->limits, arg_bool(r, "on"), &rates);
    feed_signal(r->sim->feed, "state");
    sim_ok(r, json_object());
}

static void get_limits(struct sim_request *r)
{
    sim_ok(r, limits_json(r->sim->limits));
}

static void reset(struct sim_request *r)
{
    simulator_reset(r->sim);
    sim_ok(r, json_object());
}

static void host_line(struct sim_request *r)
{
    const char *level = arg_str(r, "level"), *text = arg_str(r, "text");
    const char *area = arg_str(r, "area");

    if (!text || (level && strcmp(level, "info") != 0 &&
                  strcmp(level, "warn") != 0 && strcmp(level, "error") != 0)) {
        sim_fail(r, 400,
                 "\"text\" and \"level\" (info, warn or error) are needed");
        return;
    }
    simulator_say(r->sim, level ? level : "info", area ? area : "", text);
    sim_ok(r, json_object());
}

const struct sim_route person_test_routes[] = {
    { "POST", "update", push_update },
    { "POST", "raw", push_raw },
    { "POST", "fault", add_fault },
    { "DELETE", "fault", remove_fault },
    { "POST", "limits", set_limits },
    { "GET", "limits", get_limits },
    { "POST", "reset", reset },
    { "POST", "host", host_line },
    { NULL, NULL, NULL },
};
