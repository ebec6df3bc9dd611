/* admins.c - see admins.h. */
#include "script/admins.h"

#include <stdlib.h>
#include <uthash.h>

#include "base/buf.h"

struct pair {
    int64_t chat_id, user_id;
};

struct known {
    struct pair pair;
    bool is_admin;
    int64_t until_ms;
    UT_hash_handle hh;
};

struct admins {
    struct known *known; /* uthash keeps them in the order of adding */
};

struct admins *admins_new(void)
{
    return xalloc(sizeof(struct admins));
}

static void drop(struct admins *admins, struct known *k)
{
    HASH_DEL(admins->known, k);
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
                int64_t now_ms, bool *is_admin)
{
    struct known *k = find(admins, chat_id, user_id);

    if (!k || now_ms >= k->until_ms)
        return false;
    *is_admin = k->is_admin;
    return true;
}

void admins_put(struct admins *admins, int64_t chat_id, int64_t user_id,
                int64_t now_ms, bool is_admin)
{
    struct known *k;

    admins_forget(admins, chat_id, user_id);
    /* The first is the oldest: all live equally long. */
    while (admins->known && (admins->known->until_ms <= now_ms ||
                             HASH_COUNT(admins->known) >= ADMINS_MAX))
        drop(admins, admins->known);
    k = xalloc(sizeof(*k));
    *k = (struct known){ .pair = { chat_id, user_id },
                         .is_admin = is_admin,
                         .until_ms = now_ms + ADMINS_REMEMBER_MS };
    HASH_ADD(hh, admins->known, pair, sizeof(k->pair), k);
}

void admins_forget(struct admins *admins, int64_t chat_id, int64_t user_id)
{
    struct known *k = find(admins, chat_id, user_id);

    if (k)
        drop(admins, k);
}
