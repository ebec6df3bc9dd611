/* queries.c - see queries.h. */
#include "simulator/queries.h"

#include <stdio.h>
#include <stdlib.h>

#include "simulator/feed.h"

struct queries {
    struct query *by_id; /* in the order they came */
    long long count;
};

struct queries *queries_new(void)
{
    return xalloc(sizeof(struct queries));
}

static void remove_query(struct queries *queries, struct query *query)
{
    HASH_DEL(queries->by_id, query);
    json_decref(query->text);
    json_decref(query->answer);
    free(query);
}

void queries_free(struct queries *queries)
{
    if (!queries)
        return;
    while (queries->by_id)
        remove_query(queries, queries->by_id);
    free(queries);
}

struct query *queries_add(struct queries *queries, bool inline_query,
                          int64_t bot, int64_t user)
{
    struct query *query = xalloc(sizeof(*query));

    snprintf(query->id, sizeof(query->id), "%lld",
             4382000000000000000LL + ++queries->count);
    query->inline_query = inline_query;
    query->bot = bot;
    query->user = user;
    query->time_ms = now_ms();
    HASH_ADD_STR(queries->by_id, id, query);
    if (HASH_COUNT(queries->by_id) > QUERIES_KEPT)
        remove_query(queries, queries->by_id);
    return query;
}

struct query *queries_find(const struct queries *queries, const char *id)
{
    struct query *query;

    HASH_FIND_STR(queries->by_id, id, query);
    return query;
}
