/*
 * pace.c - see pace.h; its buckets are in pace_bucket.h.
 *
 * A chat with messages in line is either in the heap, until its own limits let
 * one go, or in the ring of its first priority, where the bot's limit decides.
 */
#include "telegram/pace.h"

#include <assert.h>
#include <stdlib.h>
#include <uthash.h>

#include "base/heap.h"
#include "telegram/pace_bucket.h"

/* How many chats are looked at, for being forgotten: more than are added. */
#define SWEEP_EVERY 16 /* calls */
#define SWEEP_CHATS 8
#define SWEEP_AT_NEW 2

#define FLOODS 3 /* chats that prove it is the bot's limit */
#define FLOODS_APART (3 * SECOND / 2) /* retry_after is in whole seconds */

TAILQ_HEAD(line, pace_item);
TAILQ_HEAD(ring, pace_chat);

enum place { IDLE, IN_HEAP, IN_RING };

struct pace_chat {
    int64_t id;
    int64_t full;           /* the bucket of seconds */
    struct minute *minute;  /* of groups */
    int64_t held_until;     /* by a 429, or before another try */
    int64_t busy_until;     /* by a message in flight, to keep the order */
    struct pace_item *busy; /* that message */
    int flying, waiting;
    struct line lines[PACE_PRIORITIES];
    enum place place;
    int ring;
    struct heap_node node;
    TAILQ_ENTRY(pace_chat) in_ring, in_all;
    UT_hash_handle hh;
};

struct pace {
    struct bucket_size bot[PACE_PRIORITIES], chat, group;
    int group_per_min;
    int64_t bot_full, bot_held_until;
    struct pace_chat *chats;
    struct ring all; /* in the order in which they are looked at by sweep() */
    struct ring rings[PACE_PRIORITIES];
    struct heap heap;
    int waiting[PACE_PRIORITIES];
    unsigned turns;
    struct {
        int64_t chat_id, until;
    } floods[FLOODS];
    int next_flood;
};

/* --- chats ------------------------------------------------------------------------ */

static struct pace_chat *find_chat(const struct pace *p, int64_t id)
{
    struct pace_chat *chat;

    HASH_FIND(hh, p->chats, &id, sizeof(id), chat);
    return chat;
}

static void drop_chat(struct pace *p, struct pace_chat *chat)
{
    TAILQ_REMOVE(&p->all, chat, in_all);
    HASH_DEL(p->chats, chat);
    free(chat->minute);
    free(chat);
}

static struct pace_chat *add_chat(struct pace *p, int64_t id)
{
    struct pace_chat *chat = xalloc(sizeof(*chat));

    chat->id = id;
    for (int i = 0; i < PACE_PRIORITIES; i++)
        TAILQ_INIT(&chat->lines[i]);
    if (id < 0)
        chat->minute = xalloc(sizeof(*chat->minute));
    TAILQ_INSERT_TAIL(&p->all, chat, in_all);
    HASH_ADD(hh, p->chats, id, sizeof(chat->id), chat);
    return chat;
}

/* Would a new one be the same? */
static bool means_nothing(struct pace_chat *chat, int64_t now)
{
    if (chat->flying || chat->waiting || chat->full > now ||
        chat->held_until > now)
        return false;
    if (!chat->minute)
        return true;
    minute_forget(chat->minute, now);
    return chat->minute->sum == 0 && chat->minute->full <= now;
}

/* A few chats at a time, so that no call pays for all of them. */
static void sweep(struct pace *p, int n, int64_t now)
{
    struct pace_chat *chat;

    while (n-- > 0) {
        chat = TAILQ_FIRST(&p->all);
        if (!chat)
            return;
        if (means_nothing(chat, now)) {
            drop_chat(p, chat);
        } else {
            TAILQ_REMOVE(&p->all, chat, in_all);
            TAILQ_INSERT_TAIL(&p->all, chat, in_all);
        }
    }
}

/* When the chat's own limits let the next message go. */
static int64_t chat_ready(const struct pace *p, const struct pace_chat *chat)
{
    int64_t at = later(chat->held_until, chat->busy_until);

    if (!chat->id)
        return chat->held_until;
    at = later(at, bucket_ready(p->chat, chat->full));
    if (chat->minute) {
        at = later(at, bucket_ready(p->group, chat->minute->full));
        at = later(at, minute_ready(chat->minute, p->group_per_min));
    }
    return at;
}

static int64_t bot_ready(const struct pace *p, int priority)
{
    return later(p->bot_held_until,
                 bucket_ready(p->bot[priority], p->bot_full));
}

static int first_priority(const struct pace_chat *chat)
{
    int priority = 0;

    while (TAILQ_EMPTY(&chat->lines[priority]))
        priority++;
    return priority;
}

static void unplace(struct pace *p, struct pace_chat *chat)
{
    if (chat->place == IN_RING)
        TAILQ_REMOVE(&p->rings[chat->ring], chat, in_ring);
    else if (chat->place == IN_HEAP)
        heap_remove(&p->heap, &chat->node);
    chat->place = IDLE;
}

/* Where it belongs now; one that is in its ring already keeps its place there. */
static void place(struct pace *p, struct pace_chat *chat, int64_t now)
{
    int64_t at;
    int ring;

    if (!chat->waiting) {
        unplace(p, chat);
        return;
    }
    at = chat_ready(p, chat);
    ring = first_priority(chat);
    if (at > now) {
        if (chat->place == IN_RING)
            unplace(p, chat);
        heap_put(&p->heap, &chat->node, at);
        chat->place = IN_HEAP;
    } else if (chat->place != IN_RING || chat->ring != ring) {
        unplace(p, chat);
        TAILQ_INSERT_TAIL(&p->rings[ring], chat, in_ring);
        chat->ring = ring;
        chat->place = IN_RING;
    }
}

/* --- the line ------------------------------------------------------------------------ */

static void join_line(struct pace *p, struct pace_item *item, bool first)
{
    struct line *line = &item->chat->lines[item->priority];

    if (first)
        TAILQ_INSERT_HEAD(line, item, link);
    else
        TAILQ_INSERT_TAIL(line, item, link);
    item->state = PACE_IN_LINE;
    item->chat->waiting++;
    p->waiting[item->priority]++;
}

static void leave_line(struct pace *p, struct pace_item *item)
{
    TAILQ_REMOVE(&item->chat->lines[item->priority], item, link);
    item->state = PACE_NONE;
    item->chat->waiting--;
    p->waiting[item->priority]--;
}

static void take_off(struct pace *p, struct pace_item *item, int64_t now)
{
    struct pace_chat *chat = item->chat;

    item->state = PACE_IN_FLIGHT;
    item->went = now;
    chat->flying++;
    bucket_take(p->bot[0], &p->bot_full, now);
    if (!chat->id)
        return;
    bucket_take(p->chat, &chat->full, now);
    if (chat->minute)
        minute_take(chat->minute, p->group, now);
    if (item->ordered) {
        chat->busy = item;
        chat->busy_until = now + PACE_ORDER_NS;
    }
}

static void land(struct pace_item *item)
{
    struct pace_chat *chat = item->chat;

    item->state = PACE_NONE;
    chat->flying--;
    if (chat->busy == item) {
        chat->busy = NULL;
        chat->busy_until = 0;
    }
}

/* Does anybody wait for the bot's limit whose turn comes before? */
static bool is_somebody_before(const struct pace *p, int priority)
{
    for (int i = 0; i <= priority; i++)
        if (!TAILQ_EMPTY(&p->rings[i]))
            return true;
    return false;
}

bool pace_ask(struct pace *p, struct pace_item *item, int64_t now)
{
    struct pace_chat *chat;

    assert(item->state == PACE_NONE);
    if (++p->turns % SWEEP_EVERY == 0)
        sweep(p, SWEEP_CHATS, now);
    chat = find_chat(p, item->chat_id);
    if (!chat) {
        sweep(p, SWEEP_AT_NEW, now);
        chat = add_chat(p, item->chat_id);
    }
    item->chat = chat;
    if (!chat->waiting && chat_ready(p, chat) <= now &&
        bot_ready(p, item->priority) <= now &&
        !is_somebody_before(p, item->priority)) {
        take_off(p, item, now);
        return true;
    }
    join_line(p, item, false);
    place(p, chat, now);
    return false;
}

struct pace_item *pace_next(struct pace *p, int64_t now)
{
    struct heap_node *node;
    struct pace_chat *chat;
    struct pace_item *item;
    int priority = 0;

    while ((node = heap_first(&p->heap)) && node->at <= now) {
        chat = (struct pace_chat *)((char *)node -
                                    offsetof(struct pace_chat, node));
        unplace(p, chat);
        place(p, chat, now);
    }
    while (priority < PACE_PRIORITIES && TAILQ_EMPTY(&p->rings[priority]))
        priority++;
    if (priority == PACE_PRIORITIES || bot_ready(p, priority) > now)
        return NULL;
    chat = TAILQ_FIRST(&p->rings[priority]);
    item = TAILQ_FIRST(&chat->lines[priority]);
    unplace(p, chat);
    leave_line(p, item);
    take_off(p, item, now);
    place(p, chat, now); /* behind the others */
    return item;
}

int64_t pace_due(const struct pace *p)
{
    struct heap_node *node = heap_first(&p->heap);
    int64_t at = node ? node->at : PACE_NEVER, bot;

    for (int i = 0; i < PACE_PRIORITIES; i++) {
        bot = TAILQ_EMPTY(&p->rings[i]) ? PACE_NEVER : bot_ready(p, i);
        at = bot < at ? bot : at;
    }
    return at;
}

void pace_done(struct pace *p, struct pace_item *item, int64_t now)
{
    struct pace_chat *chat = item->chat;
    int64_t flew = now - item->went;

    if (item->state == PACE_IN_LINE) {
        leave_line(p, item);
    } else if (item->state == PACE_IN_FLIGHT) {
        land(item);
        /* It may have arrived only now, and Telegram counts from then on. */
        if (chat->full > now)
            chat->full += flew < p->chat.token ? flew : p->chat.token;
    } else {
        return;
    }
    place(p, chat, now);
}

void pace_back(struct pace *p, struct pace_item *item, int64_t until)
{
    struct pace_chat *chat = item->chat;

    assert(item->state == PACE_IN_FLIGHT);
    land(item);
    chat->held_until = later(chat->held_until, until);
    join_line(p, item, true);
    place(p, chat, INT64_MIN);
}

/* --- 429 ------------------------------------------------------------------------------ */

static bool is_near(int64_t a, int64_t b)
{
    return a - b <= FLOODS_APART && b - a <= FLOODS_APART;
}

/* Note it; is it as in the other chats that were flooded last? */
static bool is_the_bots(struct pace *p, int64_t chat_id, int64_t until)
{
    int place = -1;

    for (int i = 0; i < FLOODS; i++)
        if (p->floods[i].until && p->floods[i].chat_id == chat_id)
            place = i;
    if (place < 0) {
        place = p->next_flood;
        p->next_flood = (p->next_flood + 1) % FLOODS;
    }
    p->floods[place].chat_id = chat_id;
    p->floods[place].until = until;
    for (int i = 0; i < FLOODS; i++)
        if (!p->floods[i].until || !is_near(p->floods[i].until, until))
            return false;
    return true;
}

void pace_flood(struct pace *p, struct pace_item *item, int64_t now,
                int64_t until)
{
    struct pace_chat *chat = item->chat;

    chat->held_until = later(chat->held_until, until);
    if (chat->id)
        bucket_empty(p->chat, &chat->full, until);
    if (chat->minute)
        bucket_empty(p->group, &chat->minute->full, until);
    if (is_the_bots(p, chat->id, until)) {
        p->bot_held_until = later(p->bot_held_until, until);
        bucket_empty(p->bot[0], &p->bot_full, until);
    }
    place(p, chat, now);
}

int64_t pace_held_until(const struct pace *p, int64_t chat_id, int64_t now)
{
    struct pace_chat *chat = find_chat(p, chat_id);
    int64_t until = later(p->bot_held_until, chat ? chat->held_until : 0);

    return until > now ? until : 0;
}

/* --- the rest --------------------------------------------------------------------------- */

int pace_waiting(const struct pace *p, int priority)
{
    return p->waiting[priority];
}

int pace_chats(const struct pace *p)
{
    return (int)HASH_COUNT(p->chats);
}

/*
 * The bot's bucket holds two thirds of a second's: what arrives closer together
 * than it was sent does not overflow Telegram's. Of that, a quarter is for
 * replies only, and another one not for broadcasts.
 */
static void set_bot_limit(struct pace *p, int per_s)
{
    int burst = per_s * 2 / 3;

    for (int i = 0; i < PACE_PRIORITIES; i++)
        p->bot[i] = bucket_size(SECOND / per_s, burst - i * burst / 4);
}

struct pace *pace_new(const struct pace_limits *limits)
{
    struct pace *p = xalloc(sizeof(*p));

    TAILQ_INIT(&p->all);
    for (int i = 0; i < PACE_PRIORITIES; i++)
        TAILQ_INIT(&p->rings[i]);
    set_bot_limit(p, limits->bot_per_s);
    p->chat = bucket_size(SECOND / limits->chat_per_s, limits->chat_burst);
    p->group =
        bucket_size(60 * SECOND / limits->group_per_min, limits->chat_burst);
    p->group_per_min = limits->group_per_min;
    return p;
}

void pace_free(struct pace *p)
{
    struct pace_chat *chat;

    if (!p)
        return;
    while ((chat = TAILQ_FIRST(&p->all))) {
        assert(!chat->flying && !chat->waiting);
        drop_chat(p, chat);
    }
    heap_release(&p->heap);
    free(p);
}
