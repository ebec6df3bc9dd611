/*
 * migrate.c - see migrate.h. The SQL statements of schema migrations are here.
 *
 *     list the files ─► read what has run ─► run the next one ─► … ─► done
 *                               ▲                   │
 *                               └───────────────────┘
 */
#include "bot/migrate.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/embedded.h"
#include "base/log.h"

extern const struct embedded core_schema[];

struct migration {
    char *owner; /* "moonpost" or "bot" */
    char *name;  /* "0001_chat_configs.sql" */
    char *sql;
};

struct migrate {
    struct migrate_op pub;
    struct pg *pg;
    bool dry_run;
    struct migration *files;
    size_t n, next;
    bool raced; /* another program may have applied this file just now */
    struct pg_op *query;
};

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

/* --- the files ----------------------------------------------------------------- */

static void add_file(struct migrate *m, const char *owner, const char *name,
                     struct slice sql)
{
    m->files = xrealloc(m->files, (m->n + 1) * sizeof(*m->files));
    m->files[m->n++] =
        (struct migration){ xstrdup(owner), xstrdup(name), slice_dup(sql) };
}

static int is_sql(const struct dirent *entry)
{
    size_t n = strlen(entry->d_name);

    return n > 4 && strcmp(entry->d_name + n - 4, ".sql") == 0 &&
           entry->d_name[0] != '.';
}

static bool check_name(const char *name, int expected, struct err *err)
{
    if (strspn(name, "0123456789") != 4 || name[4] != '_')
        return err_set(err, ERR_SCRIPT,
                       "migrations/schema/%s: the name must begin with four "
                       "digits and _, like 0001_first.sql",
                       name);
    if (strtol(name, NULL, 10) != expected)
        return err_set(err, ERR_SCRIPT,
                       "migrations/schema/%s: number %d is expected here; "
                       "numbers go up from 1 without gaps or doubles",
                       name, expected);
    return true;
}

/* Without the byte order mark that some editors put before it. */
static bool read_sql(const char *path, struct buf *file, struct slice *sql,
                     struct err *err)
{
    static const char mark[] = "\xEF\xBB\xBF";

    if (!buf_add_file(file, path, err))
        return false;
    *sql = buf_slice(file);
    if (strncmp(file->data, mark, 3) == 0)
        *sql = (struct slice){ file->data + 3, file->len - 3 };
    return !memchr(file->data, '\0', file->len) ||
           err_set(err, ERR_SCRIPT, "%s: not a text: save it as UTF-8", path);
}

static bool add_bot_file(struct migrate *m, const char *folder,
                         const char *name, int expected, struct err *err)
{
    struct buf path = BUF_INIT, file = BUF_INIT;
    struct slice sql;
    bool ok;

    buf_addf(&path, "%s/%s", folder, name);
    ok = check_name(name, expected, err) &&
         read_sql(path.data, &file, &sql, err);
    if (ok)
        add_file(m, "bot", name, sql);
    buf_release(&path);
    buf_release(&file);
    return ok;
}

static bool list_files(struct migrate *m, const char *dir, struct err *err)
{
    struct buf folder = BUF_INIT;
    struct dirent **list = NULL;
    bool ok = true;
    int n;

    for (const struct embedded *f = core_schema; f->name; f++)
        add_file(m, "moonpost", f->name, embedded_find(core_schema, f->name));
    buf_addf(&folder, "%s/migrations/schema", dir);
    n = scandir(folder.data, &list, is_sql, alphasort);
    if (n < 0 && errno != ENOENT)
        ok = err_set(err, ERR_SYSTEM, "%s: %s", folder.data, strerror(errno));
    for (int i = 0; i < n; i++) {
        ok = ok && add_bot_file(m, folder.data, list[i]->d_name, i + 1, err);
        free(list[i]);
    }
    free(list);
    buf_release(&folder);
    return ok;
}

/* --- running them ------------------------------------------------------------------ */

static void look_at_next(struct migrate *m);

/* file: NULL before the first. sqlstate: "" if the server did not say no. */
static void fail(struct migrate *m, const struct migration *file,
                 const char *sqlstate, const struct err *why)
{
    static const char ours[] = "script: ";      /* pg.h's name for a script */
    static const char away[] = "no connection"; /* no file is to blame */
    const char *hint = "", *text = why->text;

    if (strncmp(text, ours, sizeof(ours) - 1) == 0)
        text += sizeof(ours) - 1;
    if (strcmp(sqlstate, "42501") == 0) /* insufficient_privilege */
        hint = "; run `moonpost migrate` as the owner of the tables, or, if "
               "there are none yet, GRANT CREATE ON SCHEMA public to this role "
               "(ON DATABASE, for a schema of its own)";
    if (strncmp(text, away, sizeof(away) - 1) == 0)
        err_set(&m->pub.op.err, why->kind, "%s", text);
    else
        err_set(&m->pub.op.err, why->kind, "%s%s: %s%s",
                file && strcmp(file->owner, "bot") == 0 ? "migrations/schema/"
                                                        : "",
                file ? file->name : "the table schema_migrations", text, hint);
    m->pub.try_again = why->kind != ERR_SCRIPT && pg_may_pass(sqlstate);
    op_complete_here(&m->pub.op);
}

static void on_applied(struct op *op)
{
    struct migrate *m = op->arg;
    struct migration *f = &m->files[m->next];
    struct err err = op->err;
    bool exists = err.kind && strcmp(m->query->sqlstate, "23505") == 0;
    char sqlstate[6];

    snprintf(sqlstate, sizeof(sqlstate), "%s", m->query->sqlstate);
    op_free(op);
    m->query = NULL;
    if (exists && !m->raced) {
        m->raced = true; /* look whether its row is there now */
        look_at_next(m);
        return;
    }
    if (err.kind) {
        fail(m, f, sqlstate, &err);
        return;
    }
    log_info("migrate", "applied %s (%s)", f->name, f->owner);
    m->pub.applied++;
    m->next++;
    m->raced = false;
    look_at_next(m);
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
    buf_adds(&sql, f->sql);
    m->query = pg_script(m->pg, buf_slice(&sql));
    m->query->op.done = on_applied;
    m->query->op.arg = m;
    buf_release(&sql);
}

static bool same(struct slice a, struct slice b)
{
    return a.n == b.n && memcmp(a.p, b.p, a.n) == 0;
}

/* It has not run. */
static void take_next(struct migrate *m, struct slice checksum)
{
    const struct migration *f = &m->files[m->next];

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
           err_set(err, ERR_SCRIPT,
                   "it was changed after it was applied; put the change in a "
                   "new migration and restore this file");
}

static void on_looked(struct op *op)
{
    struct migrate *m = op->arg;
    struct migration *f = &m->files[m->next];
    struct pg_op *query = m->query;
    struct err err = op->err;

    m->query = NULL;
    if (m->dry_run && strcmp(query->sqlstate, "42P01") == 0) {
        take_next(m, SLICE_NONE); /* no table yet: nothing has run */
    } else if (err.kind) {
        fail(m, f, query->sqlstate, &err);
    } else if (pg_is_null(query, 0, 2)) {
        take_next(m, pg_value(query, 0, 0));
    } else if (!is_what_ran(f, query, &err)) {
        fail(m, f, "", &err);
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

    if (m->next == m->n) {
        op_complete_here(&m->pub.op);
        return;
    }
    params[0] = slice_of(m->files[m->next].owner);
    params[1] = slice_of(m->files[m->next].name);
    params[2] = slice_of(m->files[m->next].sql);
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
        fail(m, NULL, query->sqlstate, &op->err);
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
    for (size_t i = 0; i < m->n; i++) {
        free(m->files[i].owner);
        free(m->files[i].name);
        free(m->files[i].sql);
    }
    free(m->files);
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
    if (!list_files(m, dir, &m->pub.op.err)) {
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
