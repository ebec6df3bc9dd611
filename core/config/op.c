/* op.c - a fetch or a commit as an operation. See store.h and io/op.h. */
#include <stdlib.h>

#include "base/kept.h"
#include "config/store_int.h"

static void config_op_stop(struct op *op)
{
    struct config_op *c = (struct config_op *)op;

    if (c->loading)
        config_fetch_leave(c);
    if (c->base) /* a commit: it may be carried out all the same */
        config_forget(c->store, c->chat_id);
}

static void config_op_free(struct op *op)
{
    struct config_op *c = (struct config_op *)op;

    if (c->query)
        op_free(&c->query->op);
    op_free(c->pause);
    if (c->flight)
        config_flight_end(c->store, c->flight);
    config_unref(c->config);
    config_unref(c->base);
    config_patch_release(&c->patch);
    config_patch_release(&c->rebased);
    buf_release(&c->next);
    free(c->who);
    kept_free(c, sizeof(*c));
}

static const struct op_class config_class = { "config", config_op_stop,
                                              config_op_free };

struct config_op *config_op_new(struct config_store *store, int64_t chat_id)
{
    struct config_op *op = op_alloc(sizeof(*op));

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
