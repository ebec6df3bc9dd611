/* doctor_telegram.c - the token, the webhook, privacy mode, rights in a chat. */
#include "bot/doctor_int.h"

#include <string.h>
#include <time.h>

#include "base/json.h"
#include "telegram/api.h"

#define PENDING_MANY 1000
#define ERROR_OLD_S 3600 /* a webhook's error before that is history */

struct talk {
    struct doctor *d;
    struct http *http;
    struct tg *tg;
};

/* body: a JSON object, or "". NULL: it failed, *err says why. op_free() it. */
static struct tg_op *call(struct talk *t, const char *method, const char *body,
                          struct err *err)
{
    struct buf text = BUF_INIT;
    struct tg_op *op;

    buf_adds(&text, body);
    op = tg_start(t->tg, &(struct tg_call){ .method = method,
                                            .body = body[0] ? &text : NULL,
                                            .timeout_ms = DOCTOR_MS });
    buf_release(&text);
    if (doctor_wait(t->d, &op->op, err))
        return op;
    op_free(&op->op);
    return NULL;
}

static bool wants(const struct doctor *d, enum update_kind kind)
{
    return d->gen && handlers_want(&d->gen->handlers, kind);
}

/* --- the server and its clock ---------------------------------------------------- */

static void look_at_clock(struct talk *t)
{
    int64_t began = doctor_now_ms();
    struct err err = ERR_INIT;
    struct http_op *op =
        http_start(t->http, &(struct http_request){ .url = tg_url(t->tg),
                                                    .timeout_ms = DOCTOR_MS,
                                                    .wants_date = true });

    if (doctor_wait(t->d, &op->op, &err) && op->date)
        doctor_compare_clock(t->d, "the Bot API server", op->date * 1000,
                             doctor_now_ms() - began + 1000);
    op_free(&op->op);
}

/* --- who we are ------------------------------------------------------------------ */

static void look_at_privacy(struct doctor *d, struct slice me)
{
    bool all = json_is_true(json_get(me, "can_read_all_group_messages"));

    if (all)
        doctor_say(d, DOCTOR_OK, "privacy", "",
                   "the bot sees all messages of its groups");
    else if (wants(d, UPDATE_MESSAGE))
        doctor_say(d, DOCTOR_WARN, "privacy",
                   "If it should see all messages: @BotFather, /setprivacy, "
                   "Disable, then add the bot to its groups again; or make it "
                   "an administrator.",
                   "privacy mode is on: in groups where it is no "
                   "administrator, the bot sees only commands and replies to "
                   "it, but there are handlers for other messages");
    else
        doctor_say(d, DOCTOR_OK, "privacy", "",
                   "privacy mode is on: in groups the bot sees commands and "
                   "replies to it, and no handler is for other messages");
    if (!json_is_true(json_get(me, "can_join_groups")))
        doctor_say(d, DOCTOR_WARN, "groups",
                   "If it should: @BotFather, /setjoingroups, Enable.",
                   "the bot can't be added to groups");
}

/* The bot's user object; freed by the caller with the op. */
static struct tg_op *look_at_token(struct talk *t)
{
    struct err err = ERR_INIT;
    struct buf name = BUF_INIT;
    struct tg_op *me = call(t, "getMe", "", &err);

    if (me) {
        json_to_text(json_get(me->result, "username"), &name);
        doctor_say(t->d, DOCTOR_OK, "token", "", "it is @%s's, number %lld",
                   name.data, (long long)tg_bot_id(t->tg));
    } else if (err.kind == ERR_TELEGRAM && (strncmp(err.text, "401", 3) == 0 ||
                                            strncmp(err.text, "404", 3) == 0)) {
        doctor_say(t->d, DOCTOR_FAIL, "token",
                   "Ask @BotFather for the right one (/token).",
                   "the Bot API server at %s does not know this BOT_TOKEN: %s",
                   tg_url(t->tg), err.text);
    } else {
        doctor_say(t->d, DOCTOR_FAIL, "token",
                   "Is the network there, and TELEGRAM_API_URL right?",
                   "no answer from the Bot API server at %s: %s", tg_url(t->tg),
                   err.text);
    }
    buf_release(&name);
    return me;
}

/* --- the webhook ----------------------------------------------------------------- */

static void compare_webhook(struct doctor *d, const char *url)
{
    const char *ours = d->settings->webhook_url;

    if (ours && strcmp(url, ours) == 0)
        doctor_say(d, DOCTOR_OK, "webhook", "", "it is WEBHOOK_URL, %s", url);
    else if (ours)
        doctor_say(
            d, DOCTOR_WARN, "webhook",
            "`moonpost run` registers WEBHOOK_URL when it starts; should "
            "it be running, another program with this token took it "
            "away.",
            "Telegram has %s%s, not WEBHOOK_URL (%s)",
            url[0] ? "the webhook " : "no webhook", url, ours);
    else if (url[0])
        doctor_say(d, DOCTOR_WARN, "webhook",
                   "`moonpost run` removes it when it starts. If another "
                   "program uses it, this one needs a token of its own; if "
                   "this bot should have it, set WEBHOOK_URL.",
                   "Telegram sends updates to %s, though WEBHOOK_URL is not "
                   "set and they are to be polled",
                   url);
    else
        doctor_say(d, DOCTOR_OK, "webhook", "", "none: updates are polled");
}

static void look_at_delivery(struct doctor *d, struct slice info)
{
    struct buf why = BUF_INIT;
    int64_t when = 0, pending = 0;

    json_to_int(json_get(info, "last_error_date"), &when);
    json_to_int(json_get(info, "pending_update_count"), &pending);
    if (time(NULL) - when < ERROR_OLD_S &&
        json_to_text(json_get(info, "last_error_message"), &why))
        doctor_say(d, DOCTOR_WARN, "webhook",
                   "See that Telegram reaches WEBHOOK_URL, and that the bot "
                   "runs (/healthz).",
                   "Telegram could not deliver an update %lld s ago: %s",
                   (long long)(time(NULL) - when), why.data);
    if (pending > PENDING_MANY)
        doctor_say(d, DOCTOR_WARN, "updates",
                   "Is the bot running, and fast enough? moonpost_updates_in_"
                   "hand of /metrics shows it.",
                   "%lld wait at Telegram", (long long)pending);
    else
        doctor_say(d, DOCTOR_OK, "updates", "", "%lld wait at Telegram",
                   (long long)pending);
    buf_release(&why);
}

static void look_at_webhook(struct talk *t)
{
    struct err err = ERR_INIT;
    struct buf url = BUF_INIT;
    struct tg_op *info = call(t, "getWebhookInfo", "", &err);

    if (!info) {
        doctor_say(t->d, DOCTOR_WARN, "webhook", "Try again.",
                   "getWebhookInfo: %s", err.text);
        return;
    }
    json_to_text(json_get(info->result, "url"), &url);
    compare_webhook(t->d, url.data);
    look_at_delivery(t->d, info->result);
    buf_release(&url);
    op_free(&info->op);
}

/* --- a chat ---------------------------------------------------------------------- */

static void list_missing_rights(struct slice member, struct buf *out)
{
    struct json_iter it;

    json_iter_init(&it, member);
    while (json_iter_next(&it)) {
        if (it.key.n < 4 || memcmp(it.key.p, "can_", 4) != 0 ||
            slice_eq(it.key, "can_be_edited") || json_is_true(it.value))
            continue;
        buf_addf(out, "%s%.*s", out->len ? ", " : "", (int)it.key.n, it.key.p);
    }
}

/* What handlers wait for that only administrators get. */
static const char *needs_administrator(const struct doctor *d)
{
    if (wants(d, UPDATE_CHAT_MEMBER))
        return "; handlers of chat_member need it";
    if (wants(d, UPDATE_MESSAGE_REACTION) ||
        wants(d, UPDATE_MESSAGE_REACTION_COUNT))
        return "; handlers of reactions need it";
    if (wants(d, UPDATE_CHAT_JOIN_REQUEST))
        return "; handlers of join requests need it";
    return "";
}

static void tell_membership(struct doctor *d, struct slice member)
{
    struct slice status = json_raw(json_get(member, "status"));
    const char *needs = needs_administrator(d);
    struct buf missing = BUF_INIT;
    bool may_send = slice_eq(json_get(member, "can_send_messages"), "true");

    if (slice_eq(status, "administrator")) {
        list_missing_rights(member, &missing);
        doctor_say(d, missing.len ? DOCTOR_WARN : DOCTOR_OK, "chat",
                   missing.len ? "Give it those that its features need, in the "
                                 "group's administrators."
                               : "",
                   "the bot is an administrator%s%s",
                   missing.len ? " without " : " with all rights",
                   missing.data);
    } else if (slice_eq(status, "member") || slice_eq(status, "creator")) {
        doctor_say(d, DOCTOR_WARN, "chat",
                   "Make it an administrator, if it is to delete messages, "
                   "restrict people, or see all of them.",
                   "the bot is a member, no administrator%s", needs);
    } else if (slice_eq(status, "restricted") && may_send) {
        doctor_say(d, DOCTOR_WARN, "chat", "Lift its restrictions.",
                   "the bot is restricted in this chat");
    } else {
        doctor_say(d, DOCTOR_FAIL, "chat",
                   "Add it to the chat (again), with the right to send "
                   "messages.",
                   "the bot can't send messages there: it is \"%.*s\"",
                   (int)status.n, status.p ? status.p : "");
    }
    buf_release(&missing);
}

static void look_at_chat(struct talk *t)
{
    int64_t chat = t->d->options->chat_id;
    struct buf body = BUF_INIT;
    struct err err = ERR_INIT;
    struct tg_op *member;

    if (chat > 0) { /* a private one: there are no rights */
        buf_addf(&body, "{\"chat_id\":%lld}", (long long)chat);
        member = call(t, "getChat", body.data, &err);
        if (member)
            doctor_say(t->d, DOCTOR_OK, "chat", "",
                       "a private chat, known to the bot");
    } else {
        buf_addf(&body, "{\"chat_id\":%lld,\"user_id\":%lld}", (long long)chat,
                 (long long)tg_bot_id(t->tg));
        member = call(t, "getChatMember", body.data, &err);
        if (member)
            tell_membership(t->d, member->result);
    }
    if (!member)
        doctor_say(t->d, DOCTOR_FAIL, "chat",
                   "Is the number right (groups' are negative, supergroups' "
                   "begin with -100), and the bot in it?",
                   "chat %lld: %s", (long long)chat, err.text);
    else
        op_free(&member->op);
    buf_release(&body);
}

/* --- all of it ------------------------------------------------------------------- */

static void talk(struct talk *t)
{
    struct tg_op *me = look_at_token(t);

    if (!me)
        return;
    look_at_privacy(t->d, me->result);
    op_free(&me->op);
    look_at_webhook(t);
    if (t->d->options->chat_id)
        look_at_chat(t);
    look_at_clock(t);
}

void doctor_telegram(struct doctor *d)
{
    const struct settings *s = d->settings;
    struct talk t = { .d = d };
    struct err err = ERR_INIT;

    if (!s->bot_token) {
        doctor_say(d, DOCTOR_FAIL, "token",
                   "Get one from @BotFather, or use `moonpost dev` to work "
                   "without Telegram.",
                   "BOT_TOKEN is not set; nothing was asked of Telegram");
        return;
    }
    t.http = http_new(d->loop, &(struct http_options){ .connections_max = 2 });
    t.tg = tg_new(d->loop, t.http,
                  &(struct tg_options){ .url = s->telegram_api_url,
                                        .token = s->bot_token,
                                        .timeout_ms = DOCTOR_MS },
                  &err);
    if (t.tg)
        talk(&t);
    else
        doctor_say(d, DOCTOR_FAIL, "token", "Mend the setting.", "%s",
                   err.text);
    tg_free(t.tg);
    http_free(t.http);
}
