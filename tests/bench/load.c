#include "load.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define SUPERGROUP_BASE 1001200000000 /* ids as Telegram's, up to 13 digits */
#define SUPERGROUP_STEP 907
#define USER_BASE 2251799813685248 /* 2^51: ids of 52 bits */
#define USER_STEP 1048573
#define DATE_BASE 1760000000
#define EXAMPLES_MAX 10

static bool is_private(uint32_t chat)
{
    return chat % 3 == 0;
}

int64_t load_chat_id(uint32_t chat)
{
    if (is_private(chat))
        return USER_BASE + (int64_t)chat * USER_STEP;
    return -(SUPERGROUP_BASE + (int64_t)chat * SUPERGROUP_STEP);
}

int load_chat_limit(uint32_t chat)
{
    if (chat % 4 == 3)
        return LOAD_DEFAULT;
    return 6 + (int)(chat * 7u % 990u);
}

/* The chat's number, or -1. */
static int64_t chat_by_id(const struct load *l, int64_t id)
{
    int64_t n = id > 0 ? (id - USER_BASE) / USER_STEP
                       : (-id - SUPERGROUP_BASE) / SUPERGROUP_STEP;

    if (n < 0 || n >= l->chats || load_chat_id((uint32_t)n) != id)
        return -1;
    return n;
}

void load_print_sql(uint32_t chats, FILE *f)
{
    fputs("CREATE TABLE IF NOT EXISTS chat_configs (\n"
          "    chat_id BIGINT PRIMARY KEY,\n"
          "    config JSONB NOT NULL DEFAULT '{}',\n"
          "    version INT NOT NULL DEFAULT 0,\n"
          "    revision BIGINT NOT NULL DEFAULT 1,\n"
          "    updated_at TIMESTAMPTZ NOT NULL DEFAULT now());\n"
          "COPY chat_configs (chat_id, config) FROM stdin;\n",
          f);
    for (uint32_t i = 0; i < chats; i++) {
        if (load_chat_limit(i) == LOAD_DEFAULT)
            continue;
        fprintf(f,
                "%" PRId64 "\t{\"antiflood\": {\"max\": %d, \"action\": "
                "\"mute\"}, \"welcome\": {\"text\": \"Hello {name}, and welcome"
                " to group %" PRIu32 "! Please read the pinned message and the"
                " rules before you write, and be kind.\", \"enabled\": true},"
                " \"language\": \"en\"}\n",
                load_chat_id(i), load_chat_limit(i), i);
    }
    fputs("\\.\nANALYZE chat_configs;\n", f);
}

/* --- the updates -------------------------------------------------------------- */

static void add_user(struct buf *b, int64_t id, uint32_t n)
{
    buf_addf(b,
             "{\"id\":%" PRId64 ",\"is_bot\":false,\"first_name\":"
             "\"Ren\\u00e9e \\u041e\\u043b\\u044c\\u0433\\u0430\","
             "\"last_name\":\"O'Brien-%" PRIu32 "\",\"username\":"
             "\"person_%" PRIu32 "\",\"language_code\":\"en\"}",
             id, n, n);
}

static void add_chat(struct buf *b, uint32_t chat)
{
    if (is_private(chat))
        buf_addf(b,
                 "{\"id\":%" PRId64 ",\"first_name\":\"Ren\\u00e9e "
                 "\\u041e\\u043b\\u044c\\u0433\\u0430\",\"last_name\":"
                 "\"O'Brien-%" PRIu32 "\",\"username\":\"person_%" PRIu32
                 "\",\"type\":\"private\"}",
                 load_chat_id(chat), chat, chat);
    else
        buf_addf(b,
                 "{\"id\":%" PRId64 ",\"title\":\"Gardeners \\ud83c\\udf31 "
                 "\\\"north\\\" %" PRIu32 "\",\"username\":\"garden_%" PRIu32
                 "\",\"type\":\"supergroup\"}",
                 load_chat_id(chat), chat, chat);
}

/* What the update's message answers: its ids and texts must not be mistaken
 * for the message's own. */
static void add_replied_to(struct buf *b, uint32_t chat, int64_t message_id)
{
    buf_addf(b,
             ",\"reply_to_message\":{\"message_id\":%" PRId64 ",\"from\":"
             "{\"id\":1,\"is_bot\":true,\"first_name\":\"Bench\","
             "\"username\":\"bench_bot\"},\"chat\":",
             message_id);
    add_chat(b, chat);
    buf_addf(b,
             ",\"date\":%d,\"text\":\"You can ask for the /limit\","
             "\"entities\":[{\"offset\":20,\"length\":6,\"type\":"
             "\"bot_command\"}]}",
             DATE_BASE - 60);
}

static void add_update(struct load *l, uint32_t n)
{
    struct load_update *u = &l->update[n];
    struct load_chat *c = &l->chat[u->chat];
    int64_t id = load_chat_id(u->chat);

    u->text = (uint32_t)l->text.len;
    c->message_id += 2;
    buf_addf(&l->text,
             "{\"update_id\":%" PRId64 ",\n\"message\":{\"message_id\":%" PRId64
             ",\"from\":",
             l->first_id + n, c->message_id);
    add_user(&l->text, id > 0 ? id : USER_BASE + (int64_t)n * 15485863,
             u->chat);
    buf_adds(&l->text, ",\"chat\":");
    add_chat(&l->text, u->chat);
    buf_addf(&l->text, ",\"date\":%" PRIu32, DATE_BASE + n / 30);
    add_replied_to(&l->text, u->chat, c->message_id - 1);
    if (u->number % 2)
        buf_adds(&l->text, ",\"text\":\"/limit\"");
    else
        buf_addf(&l->text, ",\"text\":\"/limit n%" PRIu32 "\"", u->number);
    buf_adds(&l->text, ",\"entities\":[{\"offset\":0,\"length\":6,\"type\":"
                       "\"bot_command\"}]}}");
    u->len = (uint32_t)l->text.len - u->text;
}

static uint32_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return (uint32_t)(*state >> 32);
}

/* Every chat gets its share; then all of them are shuffled. */
static void choose_chats(struct load *l, unsigned seed)
{
    uint64_t state = 0x9E3779B97F4A7C15u ^ seed;

    for (uint32_t i = 0; i < l->updates; i++)
        l->update[i].chat = i % l->chats;
    for (uint32_t i = l->updates - 1; i > 0; i--) {
        uint32_t j = next_random(&state) % (i + 1), t = l->update[i].chat;

        l->update[i].chat = l->update[j].chat;
        l->update[j].chat = t;
    }
}

static void number_updates(struct load *l)
{
    uint32_t first = 0;

    for (uint32_t i = 0; i < l->updates; i++)
        l->update[i].number = ++l->chat[l->update[i].chat].count;
    for (uint32_t i = 0; i < l->chats; i++) {
        l->chat[i].first = first;
        l->chat[i].message_id = 1000;
        first += l->chat[i].count;
    }
    for (uint32_t i = 0; i < l->updates; i++) {
        struct load_update *u = &l->update[i];

        l->order[l->chat[u->chat].first + u->number - 1] = i;
    }
}

void load_init(struct load *l, uint32_t updates, uint32_t chats, unsigned seed,
               int64_t first_id)
{
    *l = (struct load){ .updates = updates, .chats = chats };
    l->first_id = first_id;
    l->update = xalloc(updates * sizeof(*l->update));
    l->chat = xalloc(chats * sizeof(*l->chat));
    l->order = xalloc(updates * sizeof(*l->order));
    buf_init(&l->text);
    buf_init(&l->examples);
    choose_chats(l, seed);
    number_updates(l);
    for (uint32_t i = 0; i < updates; i++)
        add_update(l, i);
}

void load_release(struct load *l)
{
    free(l->update);
    free(l->chat);
    free(l->order);
    buf_release(&l->text);
    buf_release(&l->examples);
}

void load_hand_out(struct load *l, uint32_t update, int64_t now,
                   struct buf *out)
{
    struct load_update *u = &l->update[update];

    if (u->handed) {
        l->redelivered++;
    } else {
        u->handed = now;
        l->handed++;
        if (!l->first_handed)
            l->first_handed = now;
    }
    buf_add(out, l->text.data + u->text, u->len);
}

/* --- the answers -------------------------------------------------------------- */

static void example(struct load *l, const char *what, const char *chat_id,
                    const char *text)
{
    if (l->example_count++ >= EXAMPLES_MAX)
        return;
    if (l->examples.len)
        buf_addc(&l->examples, ',');
    buf_addf(&l->examples, "\"%s: chat %" PRId64 ", ", what,
             (int64_t)strtoll(chat_id, NULL, 10));
    for (size_t i = 0; text[i] && i < 80; i++)
        buf_addc(&l->examples,
                 isalnum((unsigned char)text[i]) || strchr(" :-_.,", text[i])
                     ? text[i]
                     : '?');
    buf_addc(&l->examples, '"');
}

static struct load_update *update_of(struct load *l, struct load_chat *c,
                                     uint32_t number)
{
    return &l->update[l->order[c->first + number - 1]];
}

/* Handed out and not yet answered? */
static bool is_open(struct load *l, struct load_chat *c, uint32_t number)
{
    const struct load_update *u;

    if (number < 1 || number > c->count)
        return false;
    u = update_of(l, c, number);
    return u->handed && !u->answered;
}

/* The lowest open number above after that is odd (or any); 0: none. */
static uint32_t find_open(struct load *l, struct load_chat *c, uint32_t after,
                          bool odd)
{
    for (uint32_t n = after + 1; n <= c->count; n++) {
        if ((n % 2 || !odd) && is_open(l, c, n))
            return n;
    }
    return 0;
}

/*
 * Which number the text answers: "Limit: 7" the next unmarked one, "Limit: 7
 * n2" the one it names. 0: none that is open; *wrong: the text is not what this
 * chat should be told (then the lowest open one counts as answered by it).
 */
static uint32_t number_of(struct load *l, struct load_chat *c, const char *text,
                          bool *wrong)
{
    int limit = -1, used = 0;
    uint32_t n = 0;
    char rest;

    sscanf(text, "Limit: %d%n", &limit, &used);
    *wrong = limit != load_chat_limit((uint32_t)(c - l->chat));
    if (!*wrong && !text[used]) {
        n = find_open(l, c, c->high > c->plain ? c->high : c->plain, true);
        return n ? n : find_open(l, c, c->low, true);
    }
    if (!*wrong && sscanf(text + used, " n%" SCNu32 "%c", &n, &rest) == 1 &&
        n % 2 == 0)
        return is_open(l, c, n) ? n : 0;
    *wrong = true;
    return find_open(l, c, c->low, false);
}

static void mark_answered(struct load *l, struct load_chat *c, uint32_t number,
                          int64_t now)
{
    update_of(l, c, number)->answered = now;
    while (c->low < c->count && update_of(l, c, c->low + 1)->answered)
        c->low++;
    if (number % 2 && number > c->plain)
        c->plain = number;
    if (number > c->high)
        c->high = number;
    l->last_reply = now;
}

struct load_chat *load_reply(struct load *l, const char *chat_id,
                             const char *text, int64_t now)
{
    int64_t i = chat_by_id(l, strtoll(chat_id, NULL, 10));
    struct load_chat *c;
    uint32_t number;
    bool wrong;

    l->replies++;
    if (i < 0) {
        l->strange++;
        example(l, "strange", chat_id, text);
        return NULL;
    }
    c = &l->chat[i];
    if (c->unanswered++)
        l->overlapped++;
    number = number_of(l, c, text, &wrong);
    if (!number) {
        l->duplicates++;
        example(l, "duplicate", chat_id, text);
        return c;
    }
    if (wrong) {
        l->wrong++;
        example(l, "wrong", chat_id, text);
    } else {
        l->right++;
        if (number < c->high) {
            l->out_of_order++;
            example(l, "out of order", chat_id, text);
        }
    }
    mark_answered(l, c, number, now);
    return c;
}

bool load_done(const struct load *l)
{
    return l->right + l->wrong >= l->updates;
}

/* --- the report --------------------------------------------------------------- */

static int compare_times(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return x < y ? -1 : x > y;
}

static void add_latency(const struct load *l, struct buf *out)
{
    int64_t *times = xalloc((l->updates + 1) * sizeof(*times));
    uint32_t n = 0;

    for (uint32_t i = 0; i < l->updates; i++) {
        if (l->update[i].answered)
            times[n++] = l->update[i].answered - l->update[i].handed;
    }
    qsort(times, n, sizeof(*times), compare_times);
    buf_addf(out, ",\"latency_ms\":{\"p50\":%.3f,\"p99\":%.3f,\"max\":%.3f}",
             (double)times[n / 2] / 1e6, (double)times[n * 99ull / 100] / 1e6,
             (double)times[n ? n - 1 : 0] / 1e6);
    free(times);
}

void load_report(const struct load *l, struct buf *out)
{
    double seconds = l->last_reply > l->first_handed
                         ? (double)(l->last_reply - l->first_handed) / 1e9
                         : 0;

    buf_addf(out, "\"updates\":%" PRIu32 ",\"chats\":%" PRIu32, l->updates,
             l->chats);
    buf_addf(out, ",\"served\":%" PRIu32 ",\"redelivered\":%" PRIu32, l->handed,
             l->redelivered);
    buf_addf(out, ",\"replies\":%" PRIu32 ",\"right\":%" PRIu32, l->replies,
             l->right);
    buf_addf(out, ",\"wrong\":%" PRIu32 ",\"duplicates\":%" PRIu32, l->wrong,
             l->duplicates);
    buf_addf(out, ",\"missing\":%" PRIu32 ",\"out_of_order\":%" PRIu32,
             l->updates - l->right - l->wrong, l->out_of_order);
    buf_addf(out, ",\"overlapped\":%" PRIu32 ",\"strange\":%" PRIu32,
             l->overlapped, l->strange);
    buf_addf(out, ",\"seconds\":%.6f", seconds);
    add_latency(l, out);
    buf_addf(out, ",\"examples\":[%s]", l->examples.data);
}
