/* doctor_database.c - the connection, its limits, LISTEN, the tables. */
#include "bot/doctor_int.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/embedded.h"
#include "bot/doctor_statements.h"
#include "io/pg.h"

#define VERSION_MIN 140000 /* multiranges */
#define LISTEN_MS 3000
#define SLOTS                                                                  \
    3 /* what a bot may use: queries, LISTEN, and a new process beside it */

extern const struct embedded core_schema[];

struct ask {
    struct doctor *d;
    struct pg *pg;
    bool up, heard, told;
    char reason[700]; /* of being down */
};

/* NULL: it failed, *err says why. op_free() it. */
static struct pg_op *query(struct ask *a, const struct pg_statement *statement,
                           const struct slice *params, int n, struct err *err)
{
    struct pg_op *op = pg_query(a->pg, statement, params, n);

    if (doctor_wait(a->d, &op->op, err))
        return op;
    op_free(&op->op);
    return NULL;
}

/* --- connecting ------------------------------------------------------------------ */

static void on_state(bool up, const char *reason, void *arg)
{
    struct ask *a = arg;

    if (a->told)
        return;
    a->told = true;
    a->up = up;
    snprintf(a->reason, sizeof(a->reason), "%s", reason ? reason : "");
    loop_stop(a->d->loop);
}

static void on_time(struct op *op)
{
    loop_stop(op->arg);
}

static void run_for(struct doctor *d, int64_t ms)
{
    struct op *timer = timer_start(d->loop, ms);

    timer->done = on_time;
    timer->arg = d->loop;
    loop_run(d->loop);
    op_free(timer);
}

/* What is wrong is said. */
static bool connect_to(struct ask *a, const char *url, const char *setting)
{
    const struct settings *s = a->d->settings;
    struct err err = ERR_INIT;

    a->pg = pg_new(a->d->loop,
                   &(struct pg_options){
                       .url = url,
                       .schema = s->database_schema,
                       .application_name = "moonpost doctor",
                       .query_timeout_ms = DOCTOR_MS,
                       .wait_timeout_ms = DOCTOR_MS,
                       .require_ssl = s->on_heroku,
                   },
                   &err);
    if (!a->pg) {
        doctor_say(a->d, DOCTOR_FAIL, "database", "Mend the setting.", "%s: %s",
                   setting, err.text);
        return false;
    }
    pg_on_state(a->pg, on_state, a);
    run_for(a->d, DOCTOR_MS);
    if (!a->up)
        doctor_say(a->d, DOCTOR_FAIL, "database",
                   "Does the server run, and are name, role and password "
                   "right?",
                   "%s: no connection: %s", setting,
                   a->told ? a->reason : "no answer in time");
    return a->up;
}

/* --- the server ------------------------------------------------------------------ */

static bool is_pooled(const struct ask *a, const struct pg_op *server)
{
    return pg_int(server, 0, 5) != pg_backend(a->pg);
}

static void tell_server(struct ask *a, const struct pg_op *op)
{
    struct slice version = pg_value(op, 0, 0), role = pg_value(op, 0, 2);
    struct slice name = pg_value(op, 0, 3), schema = pg_value(op, 0, 4);
    struct doctor *d = a->d;

    if (pg_int(op, 0, 1) < VERSION_MIN)
        doctor_say(d, DOCTOR_FAIL, "database", "Upgrade it to 13 or later.",
                   "PostgreSQL %.*s is too old", (int)version.n, version.p);
    else
        doctor_say(d, DOCTOR_OK, "database", "",
                   "PostgreSQL %.*s, database %.*s, role %.*s", (int)version.n,
                   version.p, (int)name.n, name.p, (int)role.n, role.p);
    if (slice_eq(pg_value(op, 0, 7), "t"))
        doctor_say(d, DOCTOR_FAIL, "database",
                   "Name the primary in DATABASE_URL.",
                   "the server is read-only (a standby?)");
    if (pg_is_null(op, 0, 4))
        doctor_say(d, d->settings->database_schema ? DOCTOR_WARN : DOCTOR_FAIL,
                   "schema",
                   d->settings->database_schema
                       ? "The first start or `moonpost migrate` makes it."
                       : "Set DATABASE_SCHEMA, or the role's search_path.",
                   "there is no schema %s",
                   d->settings->database_schema ? d->settings->database_schema
                                                : "in the search path");
    else
        doctor_say(d, DOCTOR_OK, "schema", "", "%.*s", (int)schema.n, schema.p);
}

static void tell_slots_of(struct doctor *d, const char *whose, int64_t used,
                          int64_t max)
{
    bool tight = max >= 0 && max - used < SLOTS;

    if (max < 0)
        return;
    doctor_say(d, tight ? DOCTOR_WARN : DOCTOR_OK, "slots",
               tight ? "See in pg_stat_activity who has them; a pooler in "
                       "between helps. A bot has two, and its next process "
                       "two more while it takes over."
                     : "",
               "%lld of %s's %lld connections are used", (long long)used, whose,
               (long long)max);
}

static void tell_slots(struct ask *a, const struct pg_op *op)
{
    tell_slots_of(a->d, "the server", pg_int(op, 0, 9), pg_int(op, 0, 8));
    tell_slots_of(a->d, "the role", pg_int(op, 0, 11), pg_int(op, 0, 10));
    tell_slots_of(a->d, "the database", pg_int(op, 0, 13), pg_int(op, 0, 12));
}

static void tell_pooler(struct ask *a, bool pooled)
{
    const struct settings *s = a->d->settings;

    if (!pooled)
        doctor_say(a->d, DOCTOR_OK, "pooler", "", "none in between");
    else if (s->database_listen_url)
        doctor_say(a->d, DOCTOR_OK, "pooler", "",
                   "there is one in between; LISTEN goes by "
                   "DATABASE_LISTEN_URL");
    else
        doctor_say(a->d, DOCTOR_WARN, "pooler",
                   "Set DATABASE_LISTEN_URL to the server itself, so that "
                   "changes by other programs are known at once; and "
                   "DATABASE_PREPARE=off.",
                   "there is one in between (PgBouncer or the like)");
}

static bool look_at_server(struct ask *a)
{
    int64_t began = doctor_now_ms();
    struct err err = ERR_INIT;
    struct pg_op *op = query(a, &doctor_server_statement, NULL, 0, &err);

    if (!op || pg_rows(op) != 1) {
        doctor_say(a->d, DOCTOR_FAIL, "database", "Try again.", "%s",
                   op ? "the server does not know this role" : err.text);
        op_free(op ? &op->op : NULL);
        return false;
    }
    tell_server(a, op);
    tell_slots(a, op);
    tell_pooler(a, is_pooled(a, op));
    doctor_compare_clock(a->d, "PostgreSQL", pg_int(op, 0, 6),
                         doctor_now_ms() - began);
    op_free(&op->op);
    return true;
}

/* --- LISTEN ---------------------------------------------------------------------- */

static void on_notify(const char *channel, struct slice payload, void *arg)
{
    struct ask *a = arg;

    (void)channel;
    (void)payload;
    a->heard = true;
    loop_stop(a->d->loop);
}

/*
 * Between two connections, as between two programs: behind a pooler a session may hear
 * itself by chance, while it has the server.
 */
static bool hears(struct ask *listener, struct ask *sender, struct err *err)
{
    char channel[40], sql[80];
    struct pg_op *op;
    bool ok;

    snprintf(channel, sizeof(channel), "moonpost_doctor_%d", (int)getpid());
    snprintf(sql, sizeof(sql), "LISTEN %s", channel);
    pg_on_notify(listener->pg, on_notify, listener);
    op = pg_script(listener->pg, slice_of(sql));
    ok = doctor_wait(listener->d, &op->op, err);
    op_free(&op->op);
    if (!ok)
        return false;
    op = query(sender, &doctor_notify_statement,
               (struct slice[]){ slice_of(channel), slice_of("x") }, 2, err);
    if (!op)
        return false;
    op_free(&op->op);
    if (!listener->heard)
        run_for(listener->d, LISTEN_MS);
    return listener->heard;
}

static void look_at_listen(struct ask *sender)
{
    const struct settings *s = sender->d->settings;
    const char *url = s->database_listen_url;
    struct ask listener = { .d = sender->d };
    struct err err = ERR_INIT;

    if (!connect_to(&listener, url ? url : s->database_url,
                    url ? "DATABASE_LISTEN_URL" : "DATABASE_URL"))
        ; /* it was said */
    else if (hears(&listener, sender, &err))
        doctor_say(sender->d, DOCTOR_OK, "listen", "", "notifications come");
    else
        doctor_say(sender->d, DOCTOR_WARN, "listen",
                   "Set DATABASE_LISTEN_URL to the server itself; without, "
                   "changed configs are looked up every CONFIG_POLL_SECONDS.",
                   "notifications don't come%s%s", err.kind ? ": " : "",
                   err.text);
    pg_free(listener.pg);
}

/* --- tables ---------------------------------------------------------------------- */

static bool skip_words(const char **p, const char *words)
{
    size_t n = strlen(words);

    if (strncmp(*p, words, n) != 0)
        return false;
    *p += n;
    return true;
}

/* What a line makes, or drops, or "". */
static struct slice made_by(const char *line, bool *drops)
{
    const char *p = line;

    *drops = skip_words(&p, "DROP ");
    if (!*drops && !skip_words(&p, "CREATE "))
        return SLICE_NONE;
    skip_words(&p, "UNLOGGED ");
    skip_words(&p, "UNIQUE ");
    if (!skip_words(&p, "TABLE ") && !skip_words(&p, "INDEX "))
        return SLICE_NONE;
    if (!skip_words(&p, "IF NOT EXISTS "))
        skip_words(&p, "IF EXISTS ");
    return (struct slice){ p, strspn(p, "abcdefghijklmnopqrstuvwxyz_"
                                        "0123456789") };
}

/* ",chat_configs,config_history,…": the tables and indices that our files make. */
static void list_made(struct buf *names)
{
    for (const struct embedded *f = core_schema; f->name; f++) {
        const char *line = f->data;

        for (; line < f->end; line += strcspn(line, "\n") + 1) {
            struct buf word = BUF_INIT;
            bool drops;
            struct slice name = made_by(line, &drops);
            char *old;

            buf_addf(&word, "%.*s,", (int)name.n, name.n ? name.p : "");
            if (name.n && !drops)
                buf_adds(names, word.data);
            else if (name.n && (old = strstr(names->data, word.data))) {
                size_t rest = strlen(old + word.len) + 1;

                memmove(old, old + word.len, rest);
                names->len -= word.len;
            }
            buf_release(&word);
        }
    }
}

/* Of the first column, with commas; "" if there are none. */
static void list_rows(const struct pg_op *op, struct buf *out)
{
    for (int i = 0; i < pg_rows(op); i++) {
        struct slice name = pg_value(op, i, 0);

        buf_addf(out, "%s%.*s", i ? ", " : "", (int)name.n, name.p);
    }
}

/* Of the tables and indices that our files make, those that are not there. */
static bool find_missing(struct ask *a, struct buf *missing, struct err *err)
{
    struct buf names = BUF_INIT, array = BUF_INIT;
    struct slice param;
    struct pg_op *op;

    list_made(&names);
    buf_addf(&array, "{%sschema_migrations}", names.data);
    param = buf_slice(&array);
    op = query(a, &doctor_missing_statement, &param, 1, err);
    if (op)
        list_rows(op, missing);
    op_free(op ? &op->op : NULL);
    buf_release(&names);
    buf_release(&array);
    return op != NULL;
}

/* Are they of this program's version? */
static bool look_at_newest(struct ask *a)
{
    const char *ours = "";
    struct err err = ERR_INIT;
    struct pg_op *op = query(a, &doctor_newest_statement, NULL, 0, &err);
    struct slice theirs;
    int order;

    if (!op) {
        doctor_say(a->d, DOCTOR_FAIL, "migrations",
                   "May this role read schema_migrations?", "%s", err.text);
        return false;
    }
    for (const struct embedded *f = core_schema; f->name; f++)
        ours = f->name;
    theirs = pg_value(op, 0, 0);
    order = strncmp(theirs.n ? theirs.p : "", ours, 4);
    if (order > 0)
        doctor_say(a->d, DOCTOR_WARN, "migrations",
                   "Run the newer Moonpost again, or see its CHANGELOG "
                   "whether one can go back behind it.",
                   "the tables are of a newer Moonpost: %.*s has run",
                   (int)theirs.n, theirs.p);
    else if (order < 0)
        doctor_say(a->d, DOCTOR_WARN, "migrations",
                   "The next start runs what is new, or `moonpost migrate`.",
                   "%.*s has run, %s has not", (int)theirs.n,
                   theirs.n ? theirs.p : "none", ours);
    else
        doctor_say(a->d, DOCTOR_OK, "migrations", "", "up to %.*s",
                   (int)theirs.n, theirs.p);
    op_free(&op->op);
    return order >= 0;
}

static void look_at_invalid(struct ask *a)
{
    struct err err = ERR_INIT;
    struct buf names = BUF_INIT;
    struct pg_op *op = query(a, &doctor_invalid_statement, NULL, 0, &err);

    if (!op) {
        doctor_say(a->d, DOCTOR_FAIL, "indices", "Try again.", "%s", err.text);
        return;
    }
    list_rows(op, &names);
    if (names.len)
        doctor_say(a->d, DOCTOR_WARN, "indices",
                   "REINDEX INDEX CONCURRENTLY for each.",
                   "not valid, so not used: %s", names.data);
    else
        doctor_say(a->d, DOCTOR_OK, "indices", "", "all are valid");
    buf_release(&names);
    op_free(&op->op);
}

static void look_at_versions(struct ask *a)
{
    char number[24];
    struct slice param = pg_int_param(number, a->d->gen->config_version);
    struct err err = ERR_INIT;
    struct pg_op *op = query(a, &doctor_versions_statement, &param, 1, &err);
    long long below, above;

    if (!op) {
        doctor_say(a->d, DOCTOR_FAIL, "configs",
                   "May this role read chat_configs?", "%s", err.text);
        return;
    }
    below = pg_int(op, 0, 0);
    above = pg_int(op, 0, 1);
    if (above)
        doctor_say(a->d, DOCTOR_WARN, "configs",
                   "Are the functions in migrations/config/ complete? Newer "
                   "rows are used as they are.",
                   "%lld%s are of a later version than %s (%d)",
                   above > 100000 ? 100000 : above, above > 100000 ? "+" : "",
                   a->d->options->dir, a->d->gen->config_version);
    if (below)
        doctor_say(a->d, DOCTOR_OK, "configs", "",
                   "%lld%s are below version %d: upgraded when they are read, "
                   "in the background, or by `moonpost migrate`",
                   below > 100000 ? 100000 : below, below > 100000 ? "+" : "",
                   a->d->gen->config_version);
    else if (!above)
        doctor_say(a->d, DOCTOR_OK, "configs", "", "all are of version %d",
                   a->d->gen->config_version);
    op_free(&op->op);
}

static void tell_missing(struct doctor *d, const char *missing)
{
    if (missing[0])
        doctor_say(d, DOCTOR_FAIL, "tables",
                   "Somebody dropped them. Make them again as core/bot/schema/ "
                   "does, or restore a backup.",
                   "missing: %s", missing);
    else
        doctor_say(d, DOCTOR_OK, "tables", "",
                   "all tables and indices are there");
}

static void look_at_tables(struct ask *a)
{
    struct buf missing = BUF_INIT;
    struct err err = ERR_INIT;

    if (!find_missing(a, &missing, &err)) {
        doctor_say(a->d, DOCTOR_FAIL, "tables", "Try again.", "%s", err.text);
    } else if (strstr(missing.data, "chat_configs,") ||
               strstr(missing.data, "schema_migrations")) {
        doctor_say(a->d, DOCTOR_WARN, "tables",
                   "The first start makes them, or `moonpost migrate`.",
                   "there are none yet");
    } else {
        if (look_at_newest(a))
            tell_missing(a->d, missing.data);
        look_at_invalid(a);
        if (a->d->gen)
            look_at_versions(a);
    }
    buf_release(&missing);
}

/* --- all of it ------------------------------------------------------------------- */

void doctor_database(struct doctor *d)
{
    struct ask a = { .d = d };

    if (!d->settings->database_url) {
        doctor_say(d, DOCTOR_FAIL, "database",
                   "Set it: postgres://user:password@host/database; bin/run "
                   "brings up a private one.",
                   "DATABASE_URL is not set; no database was looked at");
        return;
    }
    if (connect_to(&a, d->settings->database_url, "DATABASE_URL") &&
        look_at_server(&a)) {
        look_at_listen(&a);
        look_at_tables(&a);
    }
    pg_free(a.pg);
}
