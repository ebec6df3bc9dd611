/*
 * queries.h - callback queries and inline queries that wait for an answer.
 */
#ifndef SIMULATOR_QUERIES_H
#define SIMULATOR_QUERIES_H

#include <uthash.h>

#include "simulator/text.h"

#define QUERIES_KEPT 1000
#define QUERY_OLD_MS (15LL * 60 * 1000) /* then it is too old to be answered */

struct query {
    char id[32];
    int64_t bot, user, time_ms;
    bool inline_query;
    json_t *text;   /* an inline query's */
    json_t *answer; /* {text, show_alert, url}, or an inline query's results */
    bool answered;
    UT_hash_handle hh;
};

struct queries;

struct queries *queries_new(void);
void queries_free(struct queries *queries);
struct query *queries_add(struct queries *queries, bool inline_query,
                          int64_t bot, int64_t user);
struct query *queries_find(const struct queries *queries, const char *id);

#endif
