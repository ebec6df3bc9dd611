/* chats.c - see chats.h. */
#include "bot/chats.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "base/log.h"
#include "bot/broadcast_statements.h"

#define KNOWN_MIN 256 /* places in the hash; a power of two */
#define KNOWN_MAX                                                              \
    131072            /* 1 MB; half of them are used, then all are forgotten */
#define NEWS_MAX 1000 /* chats to be written at once */
#define FLUSH_MS 1000
#define RETRY_MS 10000
#define DAY_S 86400

struct news {
    int64_t chat_id;
    const char *kind, *why; /* static; why "": it is there */
};

struct chats {
    struct loop *loop;
    struct pg *pg;
    int64_t bot;
    bool on;
    int64_t *known; /* chats seen today; open addressing, 0: free */
    size_t places, n;
    time_t until; /* the end of today */
    struct news news[NEWS_MAX];
    int nnews;
    struct op *timer;
    struct pg_op *query;
    bool told;
};

/* --- the hash ------------------------------------------------------------------------ */

static void forget_all(struct chats *c)
{
    free(c->known);
    c->places = KNOWN_MIN;
    c->n = 0;
    c->known = xalloc(c->places * sizeof(*c->known));
}

/* Where it is, or would be. */
static size_t place_of(const struct chats *c, int64_t chat_id)
{
    uint64_t h = (uint64_t)chat_id * 0x9E3779B97F4A7C15u;
    size_t i = (size_t)(h >> 32) & (c->places - 1);

    while (c->known[i] && c->known[i] != chat_id)
        i = (i + 1) & (c->places - 1);
    return i;
}

static void grow(struct chats *c)
{
    int64_t *old = c->known;
    size_t places = c->places;

    c->places *= 2;
    c->known = xalloc(c->places * sizeof(*c->known));
    for (size_t i = 0; i < places; i++)
        if (old[i])
            c->known[place_of(c, old[i])] = old[i];
    free(old);
}

static void remember(struct chats *c, int64_t chat_id)
{
    if (c->n >= c->places / 2) {
        if (c->places < KNOWN_MAX)
            grow(c);
        else
            forget_all(c);
    }
    c->known[place_of(c, chat_id)] = chat_id;
    c->n++;
}

/* Taking one out of the middle of a run: those after it move up. */
void chats_forget(struct chats *c, int64_t chat_id)
{
    size_t i;
    int64_t moving;

    if (!c || !c->on)
        return;
    i = place_of(c, chat_id);
    if (!c->known[i])
        return;
    c->known[i] = 0;
    c->n--;
    for (i = (i + 1) & (c->places - 1); c->known[i];
         i = (i + 1) & (c->places - 1)) {
        moving = c->known[i];
        c->known[i] = 0;
        c->known[place_of(c, moving)] = moving;
    }
}

/* --- writing -------------------------------------------------------------------------- */

static void flush(struct chats *c);

static void on_timer(struct op *op)
{
    struct chats *c = op->arg;

    op_free(op);
    c->timer = NULL;
    flush(c);
}

static void flush_in(struct chats *c, int64_t ms)
{
    if (c->timer)
        return;
    c->timer = timer_in_background(timer_start(c->loop, ms));
    c->timer->done = on_timer;
    c->timer->arg = c;
}

/* What was not written is told again by the chats' next updates. */
static void on_written(struct op *op)
{
    struct chats *c = op->arg;

    if (op->err.kind) {
        forget_all(c);
        if (!c->told)
            log_warn("chats", "chats that were seen are not noted for now: %s",
                     op->err.text);
    }
    c->told = op->err.kind != ERR_NONE;
    c->query = NULL;
    op_free(op);
    if (c->nnews)
        flush_in(c, c->told ? RETRY_MS : FLUSH_MS);
}

static void flush(struct chats *c)
{
    struct buf ids = BUF_INIT, kinds = BUF_INIT, whys = BUF_INIT;
    char bot[24];

    if (c->query || c->nnews == 0)
        return;
    for (int i = 0; i < c->nnews; i++) {
        char between = i ? ',' : '{';

        buf_addc(&ids, between);
        buf_add_int(&ids, c->news[i].chat_id);
        buf_addc(&kinds, between);
        buf_adds(&kinds, c->news[i].kind);
        buf_addc(&whys, between);
        buf_addc(&whys, '"');
        buf_adds(&whys, c->news[i].why);
        buf_addc(&whys, '"');
    }
    buf_addc(&ids, '}');
    buf_addc(&kinds, '}');
    buf_addc(&whys, '}');
    c->query =
        pg_query(c->pg, &chats_write_statement,
                 (struct slice[]){ pg_int_param(bot, c->bot), buf_slice(&ids),
                                   buf_slice(&kinds), buf_slice(&whys) },
                 4);
    c->query->op.done = on_written;
    c->query->op.arg = c;
    c->nnews = 0;
    buf_release(&ids);
    buf_release(&kinds);
    buf_release(&whys);
}

void chats_flush(struct chats *c)
{
    if (c && c->on)
        flush(c);
}

/* --- hearing -------------------------------------------------------------------------- */

static void add_news(struct chats *c, int64_t chat_id, const char *kind,
                     const char *why)
{
    int i = 0;

    /* A statement can't write a row twice; only what became of the bot comes
     * again. */
    while (i < c->nnews && c->news[i].chat_id != chat_id)
        i++;
    if (i == NEWS_MAX) {
        chats_forget(c, chat_id);
        return;
    }
    c->news[i] = (struct news){ chat_id, kind, why };
    if (i == c->nnews)
        c->nnews++;
    if (c->nnews == NEWS_MAX)
        flush(c);
    if (c->nnews)
        flush_in(c, c->told ? RETRY_MS : FLUSH_MS);
}

/* One of ours, so that no text from outside gets into an array. */
static const char *kind_of(struct slice chat)
{
    static const char *const kinds[] = { "private", "group", "supergroup",
                                         "channel" };
    struct slice type = json_raw(json_get(chat, "type"));

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (slice_eq(type, kinds[i]))
            return kinds[i];
    return "unknown";
}

/* Did this take the bot out of the chat? */
static const char *why_gone(const struct update *u)
{
    struct slice member = json_get(u->payload, "new_chat_member");
    struct slice status = json_raw(json_get(member, "status"));

    if (slice_eq(status, "kicked"))
        return u->chat_id > 0 ? "the user has blocked the bot"
                              : "the bot was removed";
    return slice_eq(status, "left") ? "the bot is not in the chat" : "";
}

/* Kinds whose chat the bot itself is in. */
static bool is_of_the_bots_chat(const struct update *u)
{
    switch (u->kind) {
    case UPDATE_MESSAGE:
    case UPDATE_EDITED_MESSAGE:
    case UPDATE_CHANNEL_POST:
    case UPDATE_EDITED_CHANNEL_POST:
    case UPDATE_MESSAGE_REACTION:
    case UPDATE_MESSAGE_REACTION_COUNT:
    case UPDATE_CALLBACK_QUERY:
    case UPDATE_CHAT_MEMBER:
    case UPDATE_CHAT_JOIN_REQUEST:
    case UPDATE_CHAT_BOOST:
    case UPDATE_REMOVED_CHAT_BOOST: return !u->business.p;
    default: return false;
    }
}

static void new_day(struct chats *c, time_t now)
{
    c->until = now - now % DAY_S + DAY_S;
    forget_all(c);
}

void chats_seen(struct chats *c, const struct update *u)
{
    time_t now;

    if (!c || !c->on || !u->chat_id)
        return;
    now = time(NULL);
    if (now >= c->until)
        new_day(c, now);
    if (u->kind == UPDATE_MY_CHAT_MEMBER) {
        chats_forget(c, u->chat_id);
        remember(c, u->chat_id);
        add_news(c, u->chat_id, kind_of(u->chat), why_gone(u));
    } else if (!c->known[place_of(c, u->chat_id)] && is_of_the_bots_chat(u)) {
        remember(c, u->chat_id);
        add_news(c, u->chat_id, kind_of(u->chat), "");
    }
}

/* --- making ---------------------------------------------------------------------------- */

struct chats *chats_new(struct loop *loop, struct pg *pg, int64_t bot, bool on)
{
    struct chats *c = xalloc(sizeof(*c));

    c->loop = loop;
    c->pg = pg;
    c->bot = bot;
    c->on = on;
    if (on)
        new_day(c, time(NULL));
    return c;
}

void chats_free(struct chats *c)
{
    if (!c)
        return;
    op_free(c->timer);
    if (c->query)
        op_free(&c->query->op);
    free(c->known);
    free(c);
}
