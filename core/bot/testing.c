/* testing.c - see testing.h; the SQL is in testing_statements.c. */
#include "bot/testing.h"

#include <stdio.h>
#include <strings.h>

#include "bot/host_int.h"
#include "bot/testing_statements.h"

/* --- the host ---------------------------------------------------------------------- */

bool host_is_up(const struct host *host)
{
    return host->state == HOST_RUNNING && host->ready && !host->step &&
           host_is_at_rest(host);
}

bool host_is_at_rest(const struct host *host)
{
    return TAILQ_EMPTY(&host->errands) && TAILQ_EMPTY(&host->vm->turns);
}

bool host_is_stopped(const struct host *host)
{
    return host->state == HOST_STOPPED;
}

void host_describe(const struct host *host, struct buf *out)
{
    if (host->state != HOST_RUNNING || !host->ready)
        buf_adds(out, "the bot is still starting");
    else
        buf_addf(out, "%d updates in hand, %d tasks alive",
                 intake_in_hand(host->intake), host->vm->ntasks);
    if (!pg_is_up(host->pg))
        buf_adds(out, ", no connection to PostgreSQL");
}

int64_t host_number(const struct host *host)
{
    return instance_id(host->instance);
}

void host_hurry(struct host *host)
{
    intake_hurry(host->intake);
}

const struct services *host_services(const struct host *host)
{
    return &host->services;
}

const struct setting *host_schema(const struct host *host)
{
    return host->gen->schema;
}

/* --- the database ------------------------------------------------------------------- */

static struct pg_op *run(struct pg *pg, const char *sql, const char *name)
{
    struct buf text = BUF_INIT;
    struct pg_op *op;

    buf_addf(&text, sql, name); /* ours, all of them: testing_statements.c */
    op = pg_script(pg, buf_slice(&text));
    buf_release(&text);
    return op;
}

struct pg_op *testing_drop_old(struct pg *pg, int64_t now_s)
{
    char oldest[64];

    snprintf(oldest, sizeof(oldest), TESTING_PREFIX "%010lld",
             (long long)(now_s - TESTING_KEEP_S));
    return run(pg, testing_drop_old_sql, oldest);
}

struct pg_op *testing_keep(struct pg *pg)
{
    return run(pg, testing_keep_sql, "");
}

struct pg_op *testing_reset(struct pg *pg)
{
    return run(pg, testing_reset_sql, "");
}

struct pg_op *testing_drop(struct pg *pg)
{
    return run(pg, testing_drop_sql, pg_schema(pg));
}

struct pg_op *testing_bury(struct pg *pg, int64_t id)
{
    char number[24];

    snprintf(number, sizeof(number), "%lld", (long long)id);
    return run(pg, testing_bury_sql, number);
}

struct pg_op *testing_heed(struct pg *pg)
{
    return run(pg, testing_heed_sql, "");
}

/* --- what specs ask ------------------------------------------------------------------ */

static struct slice trim(struct slice sql)
{
    while (sql.n && strchr(" \t\r\n", *sql.p))
        sql.p++, sql.n--;
    while (sql.n && strchr(" \t\r\n;", sql.p[sql.n - 1]))
        sql.n--;
    return sql;
}

static bool begins(struct slice sql, const char *word)
{
    size_t n = strlen(word);

    return sql.n >= n && strncasecmp(sql.p, word, n) == 0;
}

static bool has_word(struct slice sql, const char *word)
{
    size_t n = strlen(word);

    for (size_t i = 0; i + n <= sql.n; i++)
        if (strncasecmp(sql.p + i, word, n) == 0)
            return true;
    return false;
}

void testing_query(struct slice sql, struct buf *out, bool *rows)
{
    sql = trim(sql);
    *rows = begins(sql, "select") || begins(sql, "with") ||
            begins(sql, "values") || begins(sql, "table") ||
            has_word(sql, "returning");
    if (*rows)
        buf_adds(out, "WITH asked AS (");
    buf_add_slice(out, sql);
    if (*rows) /* a line break: a comment may be the last thing in it */
        buf_adds(out, "\n) SELECT coalesce(json_agg(row_to_json(asked)), '[]') "
                      "FROM asked");
}
