/* moved.c - configs that are under another id now. See store.h. */
#include <stdlib.h>
#include <uthash.h>

#include "config/store_int.h"

#define MOVED_MAX 10000 /* remembered; the oldest are forgotten */

struct config_move {
    int64_t from, to;
    UT_hash_handle hh;
};

int64_t config_home(const struct config_store *store, int64_t chat_id)
{
    struct config_move *move;

    if (!store->moved)
        return chat_id;
    HASH_FIND(hh, store->moved, &chat_id, sizeof(chat_id), move);
    return move ? move->to : chat_id;
}

static void forget(struct config_store *store, struct config_move *move)
{
    HASH_DEL(store->moved, move);
    free(move);
}

void config_moved(struct config_store *store, int64_t from, int64_t to)
{
    struct config_move *move;

    HASH_FIND(hh, store->moved, &from, sizeof(from), move);
    if (move)
        forget(store, move);
    else if (HASH_COUNT(store->moved) == MOVED_MAX)
        forget(store, store->moved);
    move = xalloc(sizeof(*move));
    move->from = from;
    move->to = to;
    HASH_ADD(hh, store->moved, from, sizeof(from), move);
    config_forget(store, from);
    config_forget(store, to);
}

void config_moves_free(struct config_store *store)
{
    while (store->moved)
        forget(store, store->moved);
}
