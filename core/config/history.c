/* history.c - see history.h. */
#include "config/history.h"

#include "config/admin_int.h"
#include "config/cache.h"

struct pg_op *config_history_start(struct pg *pg, int64_t chat_id)
{
    char chat[24];
    struct slice param = pg_int_param(chat, chat_id);

    return pg_query(pg, &config_history_statement, &param, 1);
}

bool config_history_is_present(const struct pg_op *op, int i)
{
    return slice_eq(pg_value(op, i, 6), "t");
}

struct config_op *config_replace(struct config_store *store, int64_t chat_id,
                                 int64_t revision, int version,
                                 struct slice document, const char *who)
{
    struct config *base =
        config_make(chat_id, revision, version, slice_of("{}"));
    struct config_patch patch = { 0 };
    struct config_op *op;

    config_patch_set(&patch, "", document);
    op = config_commit(store, base, &patch, who);
    config_patch_release(&patch);
    config_unref(base);
    return op;
}
