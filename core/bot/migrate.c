/*
 * migrate.c - see migrate.h. The SQL statements of schema migrations are here.
 *
 *     list the files ─► read what has run ─► run the next one ─► … ─► done
 *                               ▲                   │
 *                               └───────────────────┘
 */
#include "bot/migrate_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

struct migrate {
    struct migrate_op pub;
    struct pg *pg;
    bool dry_run;
    struct migrations files;
    size_t next;
    bool raced; /* another program may have applied this file just now */
    struct pg_op *query;
    bool applying; /* the query is the file */
    int prefix;    /* characters of ours before it */
    struct buf message;
};

#define PREFIX_STATEMENTS 3 /* of ours before a file: see apply() */

/* Of each schema one, so that bots that share a database don't wait for each other. */
#define LOCK                                                                   \
    "pg_advisory_xact_lock(CASE current_schema() WHEN 'public' THEN "          \
    "7299154105 ELSE hashtextextended('moonpost migrate ' || "                 \
    "coalesce(current_schema(), ''), 0) END)"

/*
 * IF NOT EXISTS asks for the right to make schemas also where it exists. Without it
 * there is none in the search path: its lock is that of whoever makes one.
 */
static const char schema_sql[] = "DO $$ BEGIN"
                                 " IF to_regnamespace('%s') IS NULL THEN"
                                 "  PERFORM " LOCK ";"
                                 "  CREATE SCHEMA IF NOT EXISTS %s;"
                                 " END IF; END $$;";

/*
 * One statement that makes the table, without its notice, and one reader. The
 * checksum tells a file that was edited after it ran.
 */
static const char prepare_sql[] =
    "DO $$ BEGIN"
    " IF to_regclass('schema_migrations') IS NULL THEN"
    "  PERFORM " LOCK ";"
    "  CREATE TABLE IF NOT EXISTS schema_migrations ("
    "   owner TEXT NOT NULL, name TEXT NOT NULL, checksum TEXT NOT NULL,"
    "   applied_at TIMESTAMPTZ NOT NULL DEFAULT now(),"
    "   PRIMARY KEY (owner, name));"
    " END IF; END $$";

/* Always one row: the file's checksum; the checksum and the name that the file
 * of this number ran with, or null. */
const struct pg_statement migrate_seen_statement = {
    "migrations_seen",
    "SELECT md5($3), ran.checksum, ran.name FROM (SELECT) AS one "
    "LEFT JOIN schema_migrations AS ran "
    "ON ran.owner = $1 AND left(ran.name, 5) = left($2, 5) "
    "ORDER BY ran.name = $2 DESC LIMIT 1",
    3,
};

/* --- running them ------------------------------------------------------------------ */

static void look_at_next(struct migrate *m);

/* Not within the done of a query: the owner may free pg then. */
static void complete(struct migrate *m)
{
    op_complete(&m->pub.op);
}

static void fail(struct migrate *m, enum err_kind kind)
{
    err_set(&m->pub.op.err, kind, "%s", m->message.data);
    m->pub.message = m->message.data;
    complete(m);
}

static const struct migration *next_file(const struct migrate *m)
{
    return &m->files.list[m->next];
}

/* file: NULL before the first; query: NULL: the server was not asked. */
static void explain(struct migrate *m, const struct migration *file,
                    const struct pg_op *query, const struct err *err)
{
    migration_explain(&m->message, &(struct migration_failure){
                                       .file = file,
                                       .query = query,
                                       .err = err,
                                       .statements = PREFIX_STATEMENTS,
                                       .characters = m->prefix,
                                   });
    m->pub.try_again = query && pg_may_pass(query->sqlstate);
    fail(m, err->kind);
}

static void on_applied(struct op *op)
{
    struct migrate *m = op->arg;
    const struct migration *f = next_file(m);
    struct pg_op *query = m->query;
    bool exists = op->err.kind && strcmp(query->sqlstate, "23505") == 0;

    m->query = NULL;
    m->applying = false;
    if (exists && !m->raced) {
        m->raced = true; /* look whether its row is there now */
        look_at_next(m);
    } else if (op->err.kind) {
        explain(m, f, query, &op->err);
    } else {
        log_info("migrate", "applied %s (%s)", f->name, f->owner);
        m->pub.applied++;
        m->next++;
        m->raced = false;
        look_at_next(m);
    }
    op_free(op);
}

/* The same whatever standard_conforming_strings is. */
static void add_literal(struct buf *out, const char *text)
{
    buf_adds(out, "E'");
    for (; *text; text++) {
        if (*text == '\'' || *text == '\\')
            buf_addc(out, *text);
        buf_addc(out, *text);
    }
    buf_addc(out, '\'');
}

static int characters(const struct buf *text)
{
    int n = 0;

    for (size_t i = 0; i < text->len; i++)
        n += (text->data[i] & 0xC0) != 0x80;
    return n;
}

/*
 * One transaction: the lock, the row (which fails when another program was
 * faster: it has run there), the file. What is before the file stands on its
 * first line, so that the server's line numbers are the file's.
 */
static void apply(struct migrate *m, const struct migration *f,
                  struct slice checksum)
{
    struct buf sql = BUF_INIT;

    buf_adds(&sql, "SET LOCAL client_min_messages = warning;"
                   "SELECT " LOCK ";"
                   "INSERT INTO schema_migrations (owner, name, checksum) "
                   "VALUES (");
    add_literal(&sql, f->owner);
    buf_addc(&sql, ',');
    add_literal(&sql, f->name);
    buf_adds(&sql, ",'");
    buf_add_slice(&sql, checksum);
    buf_adds(&sql, "');");
    m->prefix = characters(&sql);
    buf_adds(&sql, f->sql);
    m->query = pg_script(m->pg, buf_slice(&sql));
    m->query->op.done = on_applied;
    m->query->op.arg = m;
    m->applying = true;
    buf_release(&sql);
}

static bool same(struct slice a, struct slice b)
{
    return a.n == b.n && memcmp(a.p, b.p, a.n) == 0;
}

/* It has not run. */
static void take_next(struct migrate *m, struct slice checksum)
{
    const struct migration *f = next_file(m);

    if (!migration_check(f, &m->message)) {
        fail(m, ERR_SCRIPT);
        return;
    }
    if (!m->dry_run) {
        apply(m, f, checksum);
        return;
    }
    log_info("migrate", "would apply %s (%s)", f->name, f->owner);
    m->pub.applied++;
    m->next++;
    look_at_next(m);
}

/* If a file of its number has run: was it this one? */
static bool is_what_ran(const struct migration *f, const struct pg_op *query,
                        struct err *err)
{
    struct slice name = pg_value(query, 0, 2);

    if (!slice_eq(name, f->name))
        return err_set(err, ERR_SCRIPT,
                       "it was applied under the name %.*s; a migration that "
                       "has run keeps its name",
                       (int)name.n, name.p);
    return same(pg_value(query, 0, 0), pg_value(query, 0, 1)) ||
           err_set(
               err, ERR_SCRIPT,
               "it was changed after it was applied; put the change in a "
               "new migration and restore this file\n"
               "  hint: where its data may go: undo by hand what it made, "
               "DELETE FROM schema_migrations WHERE owner = 'bot' AND name = "
               "'%s', and save it again",
               f->name);
}

static void on_looked(struct op *op)
{
    struct migrate *m = op->arg;
    const struct migration *f = next_file(m);
    struct pg_op *query = m->query;
    struct err err = ERR_INIT;

    m->query = NULL;
    if (m->dry_run && strcmp(query->sqlstate, "42P01") == 0) {
        take_next(m, SLICE_NONE); /* no table yet: nothing has run */
    } else if (op->err.kind) {
        explain(m, f, query, &op->err);
    } else if (pg_is_null(query, 0, 2)) {
        take_next(m, pg_value(query, 0, 0));
    } else if (!is_what_ran(f, query, &err)) {
        explain(m, f, NULL, &err);
    } else {
        m->next++;
        m->raced = false;
        look_at_next(m);
    }
    op_free(op);
}

static void look_at_next(struct migrate *m)
{
    struct slice params[3];

    if (m->next == m->files.n) {
        complete(m);
        return;
    }
    params[0] = slice_of(next_file(m)->owner);
    params[1] = slice_of(next_file(m)->name);
    params[2] = slice_of(next_file(m)->sql);
    m->query = pg_query(m->pg, &migrate_seen_statement, params, 3);
    m->query->op.done = on_looked;
    m->query->op.arg = m;
}

static void on_prepared(struct op *op)
{
    struct migrate *m = op->arg;
    struct pg_op *query = m->query;

    m->query = NULL;
    if (op->err.kind)
        explain(m, NULL, query, &op->err);
    else
        look_at_next(m);
    op_free(op);
}

static void prepare(struct migrate *m)
{
    const char *schema = pg_schema(m->pg);
    struct buf sql = BUF_INIT;

    if (schema)
        buf_addf(&sql, schema_sql, schema, schema);
    buf_adds(&sql, prepare_sql);
    m->query = pg_script(m->pg, buf_slice(&sql));
    m->query->op.done = on_prepared;
    m->query->op.arg = m;
    buf_release(&sql);
}

static void migrate_stop(struct op *op)
{
    (void)op;
}

static void migrate_free(struct op *op)
{
    struct migrate *m = (struct migrate *)op;

    if (m->query)
        op_free(&m->query->op);
    migrations_release(&m->files);
    buf_release(&m->message);
    free(m);
}

static const struct op_class migrate_class = { "migrate", migrate_stop,
                                               migrate_free };

struct op *migrate_start(struct loop *loop, struct pg *pg, const char *dir,
                         bool dry_run)
{
    struct migrate *m = xalloc(sizeof(*m));

    op_init(&m->pub.op, &migrate_class, loop);
    m->pg = pg;
    m->dry_run = dry_run;
    buf_init(&m->message);
    if (!migrations_list(&m->files, dir, &m->pub.op.err)) {
        m->pub.message = m->pub.op.err.text;
        op_complete(&m->pub.op);
        return &m->pub.op;
    }
    if (dry_run) { /* makes nothing; there is at least the core's own file */
        look_at_next(m);
        return &m->pub.op;
    }
    prepare(m);
    return &m->pub.op;
}

const char *migrate_running(const struct op *op)
{
    const struct migrate *m = (const struct migrate *)op;

    return m->applying && !migration_is_ours(next_file(m)) ? next_file(m)->name
                                                           : NULL;
}
