/* host_schema.c - see host_schema.h. */
#include "bot/host_schema.h"

#include <stdlib.h>

#include "base/log.h"
#include "bot/host_metrics.h"
#include "bot/migrate.h"

#define BACKOFF_MIN_MS 250
#define BACKOFF_MAX_MS 10000
#define SLOW_MS 3000 /* then it is said that something runs */

struct host_schema {
    struct generation *gen;
    char *changes;
    int64_t started_ns;
    struct pg *pg;
    struct op *op; /* migrate, or the timer of the next try */
    struct op *slow;
    bool waits; /* op is the timer */
    bool told;  /* why it waits */
    bool again; /* something was saved meanwhile */
    int backoff_ms;
};

static void try_it(struct host *host);

static void release(struct host_schema *s)
{
    op_free(s->op);
    op_free(s->slow);
    pg_free(s->pg);
    generation_unref(s->gen);
    free(s->changes);
    free(s);
}

void host_schema_stop(struct host *host)
{
    struct host_schema *s = host->schema;
    const char *name;

    if (!s)
        return;
    name = s->op && !s->waits ? migrate_running(s->op) : NULL;
    if (name)
        log_warn("reload",
                 "migrations/schema/%s was running: the server may take it "
                 "back, or do it to its end",
                 name);
    host->schema = NULL;
    release(s);
}

bool host_schema_is_busy(struct host *host)
{
    if (!host->schema)
        return false;
    if (host->schema->waits) {
        host_schema_stop(host);
        return false;
    }
    host->schema->again = true;
    return true;
}

/* --- its end ------------------------------------------------------------------------ */

static void refuse(struct host *host, const char *why)
{
    bool again = host->schema->again;

    host_refuse_loaded(host, why);
    host_schema_stop(host);
    if (again)
        host_reload(host);
}

static void use(struct host *host, int applied)
{
    struct host_schema *s = host->schema;
    struct buf changes = BUF_INIT;
    bool again = s->again;

    host->schema = NULL;
    buf_adds(&changes, s->changes);
    if (applied)
        buf_addf(&changes, ", %d schema file%s applied", applied,
                 applied == 1 ? "" : "s");
    host_use_loaded(host, s->gen, changes.data, s->started_ns);
    s->gen = NULL;
    release(s);
    buf_release(&changes);
    if (again)
        host_reload(host);
}

static void on_retry(struct op *op)
{
    struct host *host = op->arg;

    op_free(op);
    host->schema->op = NULL;
    host->schema->waits = false;
    try_it(host);
}

static void wait_for_database(struct host *host, const char *why)
{
    struct host_schema *s = host->schema;

    if (s->again) { /* what was saved is as good a reason to try again */
        host_schema_stop(host);
        host_reload(host);
        return;
    }
    if (!s->told)
        log_warn("reload",
                 "%s\nnot reloaded yet: this is tried again; the scripts "
                 "loaded before stay in use until then",
                 why);
    s->told = s->waits = true;
    s->backoff_ms = s->backoff_ms ? s->backoff_ms * 2 : BACKOFF_MIN_MS;
    if (s->backoff_ms > BACKOFF_MAX_MS)
        s->backoff_ms = BACKOFF_MAX_MS;
    s->op = timer_start(host->loop, s->backoff_ms);
    s->op->done = on_retry;
    s->op->arg = host;
}

static void on_migrated(struct op *op)
{
    struct host *host = op->arg;
    struct migrate_op *migrate = (struct migrate_op *)op;

    host->schema->op = NULL;
    if (host->state != HOST_STARTING && host->state != HOST_RUNNING)
        host_schema_stop(host);
    else if (!op->err.kind)
        use(host, migrate->applied);
    else if (migrate->try_again)
        wait_for_database(host, migrate->message);
    else
        refuse(host, migrate->message);
    op_free(op);
}

/* --- its begin ---------------------------------------------------------------------- */

static void on_slow(struct op *op)
{
    struct host *host = op->arg;
    struct host_schema *s = host->schema;
    const char *name = s->waits ? NULL : migrate_running(s->op);

    op_free(op);
    s->slow = NULL;
    if (name)
        log_info("reload",
                 "migrations/schema/%s is still running; the scripts loaded "
                 "before stay in use until it is done",
                 name);
}

static void try_it(struct host *host)
{
    struct host_schema *s = host->schema;

    s->op = migrate_start(host->loop, s->pg, host->dir, false);
    s->op->done = on_migrated;
    s->op->arg = host;
    if (s->slow)
        return;
    s->slow = timer_in_background(timer_start(host->loop, SLOW_MS));
    s->slow->done = on_slow;
    s->slow->arg = host;
}

void host_schema_begin(struct host *host, struct generation *gen,
                       const char *changes, int64_t started_ns)
{
    struct host_schema *s = xalloc(sizeof(*s));
    const struct settings *settings = host->settings;
    struct err err = ERR_INIT;

    host->schema = s;
    s->gen = gen;
    s->changes = xstrdup(changes);
    s->started_ns = started_ns;
    s->pg = pg_new(host->loop,
                   &(struct pg_options){
                       .url = settings->database_url,
                       .schema = settings->database_schema,
                       .application_name = "moonpost migrate",
                       .query_timeout_ms = settings->database_timeout_ms,
                       .wait_timeout_ms = settings->database_timeout_ms / 2,
                       .require_ssl = settings->on_heroku,
                   },
                   &err);
    if (s->pg)
        try_it(host);
    else /* it is the host's own address */
        refuse(host, err.text);
}
