/* op.c - a fetch or a commit as an operation. See store.h and io/op.h. */
#include <stdlib.h>

#include "config/store_int.h"

/* Which list a waiting fetch is in, only its neighbours know. */
static void leave_list(struct config_op *op)
{
    struct config_store *store = op->store;
    struct config_op *other;
    struct fetch *fetch;

    TAILQ_FOREACH(other, &store->wanted, link)
    {
        if (other == op) {
            TAILQ_REMOVE(&store->wanted, op, link);
            return;
        }
    }
    TAILQ_FOREACH(fetch, &store->fetches, link)
    {
        TAILQ_FOREACH(other, &fetch->ops, link)
        {
            if (other == op) {
                TAILQ_REMOVE(&fetch->ops, op, link);
                return;
            }
        }
    }
}

static void config_op_stop(struct op *op)
{
    struct config_op *c = (struct config_op *)op;

    if (c->in_fetch)
        leave_list(c);
    c->in_fetch = false;
    if (c->base) /* a commit: it may be carried out all the same */
        cache_drop(c->store->cache, c->chat_id);
}

static void config_op_free(struct op *op)
{
    struct config_op *c = (struct config_op *)op;

    if (c->query)
        op_free(&c->query->op);
    config_unref(c->config);
    config_unref(c->base);
    config_patch_release(&c->patch);
    buf_release(&c->next);
    free(c);
}

static const struct op_class config_class = { "config", config_op_stop,
                                              config_op_free };

struct config_op *config_op_new(struct config_store *store, int64_t chat_id)
{
    struct config_op *op = xalloc(sizeof(*op));

    op_init(&op->op, &config_class, store->loop);
    op->store = store;
    op->chat_id = chat_id;
    buf_init(&op->next);
    return op;
}

void config_op_failed(struct config_op *op, const struct err *why)
{
    op->op.err = *why;
    if (why->kind == ERR_TIMEOUT || why->kind == ERR_NETWORK)
        op->op.err.kind = ERR_DATABASE;
}
