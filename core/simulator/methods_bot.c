/* methods_bot.c - about the bot itself: who it is, and how it hears of things. */
#include <string.h>

#include "simulator/call.h"
#include "simulator/updates.h"

static bool get_me(struct call *c)
{
    return call_ok(c, json_incref(c->bot->me));
}

static bool log_out(struct call *c)
{
    return call_true(c);
}

/* --- name and descriptions, by language -------------------------------------------- */

static void profile_key(const struct call *c, const char *what, char *key,
                        size_t size)
{
    const char *language = json_str(c->params, "language_code");

    snprintf(key, size, "%s/%s", what, language ? language : "");
}

static bool set_profile(struct call *c, const char *what, size_t max)
{
    const char *text = json_str(c->params, what);
    char key[64];

    profile_key(c, what, key, sizeof(key));
    if (text && strlen(text) > max * 4)
        return call_fail(c, 400, "Bad Request: %s is too long", what);
    if (text && text[0])
        json_set_str(c->bot->profile, key, text);
    else
        json_object_del(c->bot->profile, key);
    if (strcmp(key, "name/") == 0 && text && text[0]) {
        json_set_str(c->bot->user->json, "first_name", text);
        json_set_str(c->bot->me, "first_name", text);
    }
    feed_signal(c->sim->feed, "state");
    return call_true(c);
}

static bool get_profile(struct call *c, const char *what, const char *otherwise)
{
    const char *text;
    char key[64];

    profile_key(c, what, key, sizeof(key));
    text = json_str(c->bot->profile, key);
    if (!text) { /* no own text in that language: the one for all */
        snprintf(key, sizeof(key), "%s/", what);
        text = json_str(c->bot->profile, key);
    }
    return call_ok(c, json_pack("{s:s}", what, text ? text : otherwise));
}

static bool set_name(struct call *c)
{
    return set_profile(c, "name", 64);
}

static bool get_name(struct call *c)
{
    return get_profile(c, "name", json_str(c->bot->user->json, "first_name"));
}

static bool set_description(struct call *c)
{
    return set_profile(c, "description", 512);
}

static bool get_description(struct call *c)
{
    return get_profile(c, "description", "");
}

static bool set_short_description(struct call *c)
{
    return set_profile(c, "short_description", 120);
}

static bool get_short_description(struct call *c)
{
    return get_profile(c, "short_description", "");
}

const struct method methods_bot[] = {
    { "getMe", get_me },
    { "logOut", log_out },
    { "close", log_out },
    { "setMyName", set_name },
    { "getMyName", get_name },
    { "setMyDescription", set_description },
    { "getMyDescription", get_description },
    { "setMyShortDescription", set_short_description },
    { "getMyShortDescription", get_short_description },
    { NULL, NULL },
};

static bool get_updates(struct call *c)
{
    return updates_poll(c->bot->updates, c);
}

static bool set_webhook(struct call *c)
{
    return updates_set_webhook(c->bot->updates, c);
}

static bool delete_webhook(struct call *c)
{
    return updates_delete_webhook(c->bot->updates, c);
}

static bool webhook_info_of(struct call *c)
{
    return updates_webhook_info(c->bot->updates, c);
}

const struct method methods_webhook[] = {
    { "getUpdates", get_updates },
    { "setWebhook", set_webhook },
    { "deleteWebhook", delete_webhook },
    { "getWebhookInfo", webhook_info_of },
    { NULL, NULL },
};
