/* ask.c - see ask.h: who waits for what. What scripts call is in ask_lua.c. */
#include "script/ask_int.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/json.h"

/* --- the list -------------------------------------------------------------------- */

static struct ask *find(const struct asks *asks, int64_t chat, int64_t user,
                        int64_t topic)
{
    struct ask_key key = { chat, user, topic };
    struct ask *ask;

    HASH_FIND(hh, asks->by_key, &key, sizeof(key), ask);
    return ask;
}

static void rearm(struct asks *asks);

static void on_timer(struct op *op)
{
    struct asks *asks = op->arg;
    struct heap_node *first;

    op_free(op);
    asks->timer = NULL;
    while ((first = heap_first(&asks->deadlines)) && first->at <= loop_now_ms())
        ask_end(ASK_OF_DEADLINE(first), "timeout");
    rearm(asks);
}

/* One timer for all, which is never later than the first of them. */
static void rearm(struct asks *asks)
{
    struct heap_node *first = heap_first(&asks->deadlines);

    if (!first || (asks->timer && asks->timer_at <= first->at))
        return;
    op_free(asks->timer);
    asks->timer_at = first->at;
    asks->timer = timer_start(asks->loop, first->at - loop_now_ms());
    asks->timer->done = on_timer;
    asks->timer->arg = asks;
}

static void note(const struct ask *ask, int64_t until_ms)
{
    const struct asks_options *o = &ask->asks->options;

    /* At the end what is over stays noted: it is told by the next process. */
    if (o->note && (until_ms || !ask->asks->stopped))
        o->note(&ask->key, ask->ended, until_ms, o->arg);
}

static void unlist(struct ask *ask)
{
    if (!ask->listed)
        return;
    ask->listed = false;
    HASH_DEL(ask->asks->by_key, ask);
    heap_remove(&ask->asks->deadlines, &ask->deadline);
    note(ask, 0);
}

/* --- waking ----------------------------------------------------------------------- */

static int push_nothing(lua_State *L, struct task *t)
{
    (void)L;
    (void)t;
    return 0;
}

static void nothing_done(struct incoming *in, enum task_result result)
{
    (void)in;
    (void)result;
}

static const struct origin waker = { .name = "ask",
                                     .push = push_nothing,
                                     .done = nothing_done };

/* Its task goes on when its chat's turn comes. */
void ask_wake(struct ask *ask)
{
    struct incoming *in = xalloc(sizeof(*in));

    buf_init(&in->text);
    in->u.chat_id = ask->key.chat_id;
    in->lane = ask->key.chat_id;
    in->origin = &waker;
    in->origin_arg = ask;
    ask->waker = in;
    ask->asks->push(in, ask->asks->push_arg);
}

bool ask_is_waker(const struct incoming *in)
{
    return in->origin == &waker;
}

struct ask *ask_of_waker(struct incoming *in)
{
    struct ask *ask = in->origin_arg;

    if (ask)
        ask->waker = NULL;
    return ask;
}

void ask_end(struct ask *ask, const char *why)
{
    unlist(ask);
    ask->why = why;
    if (ask->waiting)
        ask_wake(ask);
}

/* --- life -------------------------------------------------------------------------- */

static void ask_stop(struct op *op)
{
    (void)op;
}

static void ask_op_free(struct op *op)
{
    struct ask *ask = (struct ask *)op;

    unlist(ask);
    if (ask->waker)
        ask->waker->origin_arg = NULL;
    if (ask->in) /* nobody has waited for it: it is for the handlers */
        ask->asks->push(ask->in, ask->asks->push_arg);
    free(ask->filter);
    free(ask->cancel);
    free(ask->ended);
    free(ask);
}

static const struct op_class ask_class = { "ask", ask_stop, ask_op_free };

struct ask *ask_open(struct asks *asks, struct task *t,
                     const struct ask_key *key, int64_t timeout_ms)
{
    struct ask *before = find(asks, key->chat_id, key->user_id, key->topic);
    struct ask *ask = xalloc(sizeof(*ask));

    if (before)
        ask_end(before, "replaced");
    op_init(&ask->op, &ask_class, asks->loop);
    ask->asks = asks;
    ask->task = t;
    ask->key = *key;
    ask->listed = true;
    HASH_ADD(hh, asks->by_key, key, sizeof(ask->key), ask);
    heap_put(&asks->deadlines, &ask->deadline, loop_now_ms() + timeout_ms);
    rearm(asks);
    return ask;
}

void ask_noted(struct ask *ask, int64_t timeout_ms)
{
    note(ask, clock_wall_us() / 1000 + timeout_ms);
}

void ask_free(struct ask *ask)
{
    if (ask)
        op_free(&ask->op);
}

struct task *ask_task(const struct ask *ask)
{
    return ask->task;
}

bool ask_is_waited_for(const struct ask *ask)
{
    return ask->waiting;
}

void ask_give(struct ask *ask, struct incoming *in)
{
    if (!ask->waiting) {
        ask->in = in;
        return;
    }
    unlist(ask);
    ask->waiting = false;
    task_answer(ask->task, in);
    op_complete(&ask->op);
}

/* --- what answers -------------------------------------------------------------------- */

/* Fields of a message that somebody has written or chosen; others tell of what
 * happened in the chat. */
static const char *const contents[] = {
    "text",      "photo",      "document", "sticker",      "voice",
    "video",     "audio",      "location", "contact",      "animation",
    "poll",      "venue",      "dice",     "video_note",   "story",
    "game",      "paid_media", "caption",  "users_shared", "chat_shared",
    "checklist", "live_photo", NULL,
};

static bool has_content(const struct update *u)
{
    if (u->text.p)
        return true;
    for (const char *const *name = contents; *name; name++)
        if (json_get(u->message, *name).p)
            return true;
    return json_get(u->message, "web_app_data").p != NULL;
}

static bool fits(const struct ask *ask, const struct update *u)
{
    const struct filter *f = ask->filter;

    if (f)
        return filter_matches(f, u, ask->asks->bot_id);
    return (u->kind == UPDATE_MESSAGE || u->kind == UPDATE_CHANNEL_POST ||
            u->kind == UPDATE_BUSINESS_MESSAGE) &&
           has_content(u);
}

static bool is_cancel(const struct ask *ask, const struct update *u)
{
    const char *word = ask->cancel ? ask->cancel : "/cancel";

    return *word == '/' && strlen(word) == u->command.n + 1 &&
           strncasecmp(word + 1, u->command.p, u->command.n) == 0;
}

/* May this command be an answer? */
static bool takes_command(struct ask *ask, const struct update *u,
                          const char *bot)
{
    if (u->command_bot.n &&
        (strlen(bot) != u->command_bot.n ||
         strncasecmp(bot, u->command_bot.p, u->command_bot.n) != 0))
        return false;
    if (is_cancel(ask, u) || ask->commands == ASK_COMMANDS_TAKE)
        return true;
    if (ask->commands == ASK_COMMANDS_END)
        ask_end(ask, "command");
    return false;
}

static bool takes(struct ask *ask, const struct update *u, const char *bot)
{
    if (ask->why || ask->in)
        return false;
    if (u->command.n && !takes_command(ask, u, bot))
        return false;
    return fits(ask, u) || (u->command.n && is_cancel(ask, u));
}

static int64_t topic_of(const struct update *u)
{
    int64_t topic = 0;

    if (u->topic.n)
        json_to_int(u->topic, &topic);
    return topic;
}

/* --- presses: "ask~ID~PERSON~NUMBER" --------------------------------------------------- */

struct press {
    struct slice id;
    int64_t user_id;
};

static bool read_press(const struct update *u, struct press *out)
{
    static const char prefix[] = "ask~";
    const char *p = u->data.p, *end = p + u->data.n, *tilde;
    struct slice user;

    if (u->kind != UPDATE_CALLBACK_QUERY || !p || u->data.n < sizeof(prefix) ||
        memcmp(p, prefix, sizeof(prefix) - 1) != 0)
        return false;
    p += sizeof(prefix) - 1;
    tilde = memchr(p, '~', (size_t)(end - p));
    if (!tilde)
        return false;
    out->id = (struct slice){ p, (size_t)(tilde - p) };
    user.p = tilde + 1;
    tilde = memchr(user.p, '~', (size_t)(end - user.p));
    if (!tilde)
        return false;
    user.n = (size_t)(tilde - user.p);
    return user.n > 0 && json_to_int(user, &out->user_id);
}

static enum ask_found find_press(struct asks *asks, const struct update *u,
                                 const struct press *press, struct ask **found)
{
    bool foreign = press->user_id && press->user_id != u->user_id;
    struct ask *ask = find(asks, u->chat_id, press->user_id, topic_of(u));

    if (ask && !foreign && !ask->why && !ask->in &&
        slice_eq(press->id, ask->id)) {
        *found = ask;
        return ASK_ANSWERED;
    }
    if (!asks->options.stray)
        return ASK_NONE;
    asks->options.stray(u, foreign, asks->options.arg);
    return ASK_TOLD;
}

/* --- for lanes ------------------------------------------------------------------------- */

bool asks_may_take(const struct asks *asks, const struct update *u)
{
    struct press press;
    int64_t topic;

    if (!asks || !u->chat_id)
        return false;
    if (read_press(u, &press))
        return true;
    if (!asks->by_key)
        return false;
    topic = topic_of(u);
    return find(asks, u->chat_id, u->user_id, topic) ||
           find(asks, u->chat_id, 0, topic);
}

enum ask_found asks_find(struct asks *asks, const struct update *u,
                         const char *bot_username, struct ask **found)
{
    struct press press;
    struct ask *ask;
    int64_t topic;

    if (!asks || !u->chat_id)
        return ASK_NONE;
    if (read_press(u, &press))
        return find_press(asks, u, &press, found);
    if (!asks->by_key)
        return ASK_NONE;
    topic = topic_of(u);
    ask = find(asks, u->chat_id, u->user_id, topic);
    if (!ask || !takes(ask, u, bot_username)) {
        ask = find(asks, u->chat_id, 0, topic);
        if (!ask || !takes(ask, u, bot_username))
            return ASK_NONE;
    }
    *found = ask;
    return ASK_ANSWERED;
}

void asks_on_wake(struct asks *asks,
                  void (*push)(struct incoming *in, void *arg), void *arg)
{
    asks->push = push;
    asks->push_arg = arg;
}

/* --- all of them ------------------------------------------------------------------------- */

struct asks *asks_new(struct loop *loop, const struct asks_options *options)
{
    struct asks *asks = xalloc(sizeof(*asks));

    asks->loop = loop;
    asks->options = *options;
    return asks;
}

void asks_free(struct asks *asks)
{
    if (!asks)
        return;
    op_free(asks->timer);
    heap_release(&asks->deadlines);
    free(asks);
}

int asks_count(const struct asks *asks)
{
    return asks ? (int)HASH_COUNT(asks->by_key) : 0;
}

void asks_stop(struct asks *asks)
{
    asks->stopped = true;
}

void asks_each(struct asks *asks,
               void (*fn)(const struct ask_key *key, const char *ended,
                          void *arg),
               void *arg)
{
    struct ask *ask, *next;

    HASH_ITER (hh, asks->by_key, ask, next)
        fn(&ask->key, ask->ended, arg);
}

static void end_where(struct asks *asks, int64_t chat_id, const char *why)
{
    struct ask *ask, *next;

    HASH_ITER (hh, asks->by_key, ask, next)
        if (!chat_id || ask->key.chat_id == chat_id)
            ask_end(ask, why);
}

void asks_chat_moved(struct asks *asks, int64_t chat_id)
{
    if (asks && asks->by_key)
        end_where(asks, chat_id, "moved");
}

void asks_end_all(struct asks *asks)
{
    if (asks)
        end_where(asks, 0, "ended");
}
