/*
 * fetch.c - reading configs: what is asked for within a turn waits in `wanted`
 * until its end, then in a struct fetch for its statement; the answer is given
 * to all who asked. See store.h.
 */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "config/store_int.h"

#define CHATS_PER_STATEMENT 500

struct config *config_read_row(struct config_store *store,
                               const struct pg_op *query, int row,
                               struct err *err)
{
    int64_t chat_id = pg_int(query, row, 0);
    struct slice text = pg_value(query, row, 1);
    struct err why = ERR_INIT;

    if (pg_is_null(query, row, 1))
        text = slice_of("{}");
    if (!json_check(text, CONFIG_DEPTH_MAX, &why)) {
        err_set(err, ERR_CONFIG, "the stored config of chat %lld: %s",
                (long long)chat_id, why.text);
        return NULL;
    }
    if (json_kind(text) != JSON_OBJECT) {
        err_set(err, ERR_CONFIG,
                "the stored config of chat %lld is not a JSON object",
                (long long)chat_id);
        return NULL;
    }
    return config_upgraded(store,
                           config_make(chat_id, pg_int(query, row, 3),
                                       (int)pg_int(query, row, 2), text));
}

/* Rows come in the order of their chats. */
static int find_row(const struct pg_op *query, int64_t chat_id)
{
    int low = 0, high = pg_rows(query) - 1;

    while (low <= high) {
        int middle = (low + high) / 2;
        int64_t here = pg_int(query, middle, 0);

        if (here == chat_id)
            return middle;
        if (here < chat_id)
            low = middle + 1;
        else
            high = middle - 1;
    }
    return -1;
}

static void answer(struct config_store *store, const struct pg_op *query,
                   struct config_op *op)
{
    struct config *config = cache_get(store->cache, op->chat_id);
    int row;

    if (config) { /* another waiter of this answer, or a commit, put it there */
        op->config = config_ref(config);
        return;
    }
    row = find_row(query, op->chat_id);
    if (row < 0)
        config = config_make(op->chat_id, 0, store->version, slice_of("{}"));
    else
        config = config_read_row(store, query, row, &op->op.err);
    if (config) {
        cache_put(store->cache, config);
        if (row >= 0 && config->version > (int)pg_int(query, row, 2))
            config_write_back(store, config);
    }
    op->config = config;
}

static void on_fetched(struct op *op)
{
    struct fetch *fetch = op->arg;
    struct config_op *waiter;
    struct config_ops ops = TAILQ_HEAD_INITIALIZER(ops);

    TAILQ_REMOVE(&fetch->store->fetches, fetch, link);
    TAILQ_CONCAT(&ops, &fetch->ops, link);
    while ((waiter = TAILQ_FIRST(&ops))) {
        TAILQ_REMOVE(&ops, waiter, link);
        waiter->in_fetch = false;
        if (op->err.kind)
            config_op_failed(waiter, &op->err);
        else
            answer(fetch->store, fetch->query, waiter);
        op_complete(&waiter->op);
    }
    op_free(op);
    free(fetch);
}

/* Send one statement for up to CHATS_PER_STATEMENT of the wanted. */
static void send_fetch(struct config_store *store)
{
    struct fetch *fetch = xalloc(sizeof(*fetch));
    struct buf chats = BUF_INIT;
    struct config_op *op;
    int n = 0;

    TAILQ_INIT(&fetch->ops);
    fetch->store = store;
    buf_addc(&chats, '{');
    while (n++ < CHATS_PER_STATEMENT && (op = TAILQ_FIRST(&store->wanted))) {
        TAILQ_REMOVE(&store->wanted, op, link);
        TAILQ_INSERT_TAIL(&fetch->ops, op, link);
        if (chats.len > 1)
            buf_addc(&chats, ',');
        buf_add_int(&chats, op->chat_id);
    }
    buf_addc(&chats, '}');
    fetch->query = config_send_fetch(store, buf_slice(&chats));
    fetch->query->op.done = on_fetched;
    fetch->query->op.arg = fetch;
    TAILQ_INSERT_TAIL(&store->fetches, fetch, link);
    buf_release(&chats);
}

void config_fetch_wanted(void *arg)
{
    struct config_store *store = arg;

    while (!TAILQ_EMPTY(&store->wanted))
        send_fetch(store);
}

struct config_op *config_fetch(struct config_store *store, int64_t chat_id)
{
    struct config_op *op = config_op_new(store, chat_id);

    TAILQ_INSERT_TAIL(&store->wanted, op, link);
    op->in_fetch = true;
    loop_turn_wanted(store->loop);
    return op;
}

void config_fetches_free(struct config_store *store)
{
    struct fetch *fetch;

    while ((fetch = TAILQ_FIRST(&store->fetches))) {
        TAILQ_REMOVE(&store->fetches, fetch, link);
        op_free(&fetch->query->op);
        free(fetch);
    }
}
