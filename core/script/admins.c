/* admins.c - see admins.h. */
#include "script/admins.h"

#include <stdlib.h>
#include <uthash.h>

#include "base/json.h"

struct pair {
    int64_t chat_id, user_id;
};

struct known {
    struct pair pair;
    char *member; /* or NULL */
    size_t n;
    int64_t until_ms;
    UT_hash_handle hh;
};

struct admins {
    struct known *known; /* uthash keeps them in the order of adding */
    size_t bytes;
};

struct admins *admins_new(void)
{
    return xalloc(sizeof(struct admins));
}

static void drop(struct admins *admins, struct known *k)
{
    HASH_DEL(admins->known, k);
    admins->bytes -= k->n;
    free(k->member);
    free(k);
}

void admins_free(struct admins *admins)
{
    if (!admins)
        return;
    while (admins->known)
        drop(admins, admins->known);
    free(admins);
}

static struct known *find(struct admins *admins, int64_t chat_id,
                          int64_t user_id)
{
    struct pair pair = { chat_id, user_id };
    struct known *k;

    HASH_FIND(hh, admins->known, &pair, sizeof(pair), k);
    return k;
}

bool admins_get(struct admins *admins, int64_t chat_id, int64_t user_id,
                int64_t now_ms, struct slice *member)
{
    struct known *k = find(admins, chat_id, user_id);

    if (!k || now_ms >= k->until_ms)
        return false;
    *member = (struct slice){ k->member, k->n };
    return true;
}

static bool is_full(const struct admins *admins, size_t more)
{
    return HASH_COUNT(admins->known) >= ADMINS_MAX ||
           admins->bytes + more > ADMINS_BYTES_MAX;
}

void admins_put(struct admins *admins, int64_t chat_id, int64_t user_id,
                int64_t now_ms, struct slice member)
{
    struct known *k;

    admins_forget(admins, chat_id, user_id);
    /* The first is the oldest: all live equally long. */
    while (admins->known &&
           (admins->known->until_ms <= now_ms || is_full(admins, member.n)))
        drop(admins, admins->known);
    k = xalloc(sizeof(*k));
    *k = (struct known){ .pair = { chat_id, user_id },
                         .member = member.p ? slice_dup(member) : NULL,
                         .n = member.n,
                         .until_ms = now_ms + ADMINS_REMEMBER_MS };
    admins->bytes += k->n;
    HASH_ADD(hh, admins->known, pair, sizeof(k->pair), k);
}

void admins_forget(struct admins *admins, int64_t chat_id, int64_t user_id)
{
    struct known *k = find(admins, chat_id, user_id);

    if (k)
        drop(admins, k);
}

static void forget_user(struct admins *admins, int64_t chat_id,
                        struct slice user)
{
    int64_t id;

    if (json_to_int(json_get(user, "id"), &id))
        admins_forget(admins, chat_id, id);
}

static void see_message(struct admins *admins, const struct update *u)
{
    struct slice joined = json_get(u->message, "new_chat_members");
    struct json_iter it;

    forget_user(admins, u->chat_id, json_get(u->message, "left_chat_member"));
    if (!joined.p)
        return;
    json_iter_init(&it, joined);
    while (json_iter_next(&it))
        forget_user(admins, u->chat_id, it.value);
}

void admins_see(struct admins *admins, const struct update *u)
{
    if (!admins->known)
        return;
    if (u->kind == UPDATE_MESSAGE)
        see_message(admins, u);
    if (u->kind == UPDATE_CHAT_MEMBER || u->kind == UPDATE_MY_CHAT_MEMBER)
        forget_user(admins, u->chat_id,
                    json_path(u->payload, "new_chat_member", "user", NULL));
}
