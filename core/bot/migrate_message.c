/*
 * migrate_message.c - what is said of a schema migration that can't run, or fails:
 * see migrate_int.h.
 *
 * The server says where a statement can't be read, but not which one failed when it
 * ran: those before it, which went well, are counted, and found in the text.
 */
#include "bot/migrate_int.h"

#include <ctype.h>
#include <string.h>

#include "io/pg_text.h"
#include "script/excerpt.h"
#include "script/sql_scan.h"

/* Where in the file the statement with this number (from 0) begins; sql.n: it has
 * not that many. */
static size_t find_statement(struct slice sql, int number)
{
    struct sql_scan scan;
    size_t at = 0;

    for (;; number--) {
        sql_scan((struct slice){ sql.p + at, sql.n - at }, &scan);
        if (number == 0 || !scan.several)
            return number == 0 ? at + scan.begins : sql.n;
        at += scan.several;
    }
}

/* "file:3: " and, in excerpt, the line. */
static void add_place(struct buf *out, struct buf *excerpt,
                      const struct migration *file, size_t at)
{
    struct slice sql = slice_of(file->sql);

    if (at >= sql.n) /* the end of what is written, not of the space behind */
        for (at = sql.n; at > 0 && isspace((unsigned char)sql.p[at - 1]);)
            at--;
    buf_addf(out, "migrations/schema/%s:%d: ", file->name,
             excerpt_add_at(excerpt, sql, at));
}

/* --- before it runs ------------------------------------------------------------------ */

static bool ends_transaction(const struct sql_scan *scan)
{
    static const char *const words[] = { "BEGIN", "COMMIT", "END", "ABORT",
                                         "ROLLBACK" };

    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (strcmp(scan->words[0], words[i]) == 0)
            return true;
    return (strcmp(scan->words[0], "START") == 0 ||
            strcmp(scan->words[0], "PREPARE") == 0) &&
           strcmp(scan->words[1], "TRANSACTION") == 0;
}

static bool refuse(const struct migration *file, size_t at, const char *word,
                   struct buf *out)
{
    struct buf excerpt = BUF_INIT;

    add_place(out, &excerpt, file, at);
    buf_addf(out,
             "%s: each file is one transaction, which begins and ends with it; "
             "leave BEGIN, COMMIT and ROLLBACK out",
             word);
    buf_add_slice(out, buf_slice(&excerpt));
    buf_release(&excerpt);
    return false;
}

/* An empty one is what an editor makes before anything is written. */
bool migration_check(const struct migration *file, struct buf *out)
{
    struct slice sql = slice_of(file->sql);
    struct sql_scan scan;
    size_t at = 0;

    sql_scan(sql, &scan);
    if (scan.empty) {
        buf_addf(out,
                 "migrations/schema/%s: there is no SQL in it; one that is to "
                 "do nothing can say SELECT 1;",
                 file->name);
        return migration_is_ours(file);
    }
    while (!ends_transaction(&scan)) {
        if (!scan.several)
            return true;
        at += scan.several;
        sql_scan((struct slice){ sql.p + at, sql.n - at }, &scan);
    }
    return refuse(file, at + scan.begins, scan.words[0], out);
}

/* --- when it has failed --------------------------------------------------------------- */

static size_t byte_of(struct slice sql, int character)
{
    size_t i = 0;

    for (; i < sql.n && character > 0; i++)
        if (i + 1 == sql.n || (sql.p[i + 1] & 0xC0) != 0x80)
            character--;
    return i;
}

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_' || (c & 0x80);
}

/* What the server names (relation "warning" …) in the statement that begins at; at,
 * if it isn't there. */
static size_t find_name(struct slice sql, size_t at, const char *message)
{
    const char *name = strchr(message, '"');
    size_t n = name ? strcspn(++name, "\"") : 0, end = sql.n;
    struct sql_scan scan;

    sql_scan((struct slice){ sql.p + at, sql.n - at }, &scan);
    if (scan.several)
        end = at + scan.several;
    for (size_t i = at; n && i + n <= end; i++)
        if (memcmp(sql.p + i, name, n) == 0 && !is_word(sql.p[i + n]) &&
            (i == 0 || !is_word(sql.p[i - 1])))
            return i;
    return at;
}

/* Where in the file; false: nobody knows. */
static bool find_place(const struct migration_failure *why, size_t *at)
{
    struct slice sql = slice_of(why->file->sql);
    int position = pg_script_position(why->query) - why->characters;
    int number = pg_script_done(why->query) - why->statements;

    if (!*why->query->sqlstate)
        return false;
    if (position > 0)
        *at = byte_of(sql, position - 1);
    else if (number >= 0)
        *at = find_statement(sql, number);
    if (position <= 0 && number >= 0 && *at < sql.n)
        *at = find_name(sql, *at, why->err->text);
    return position > 0 || (number >= 0 && *at < sql.n);
}

/* Without pg.h's name for a script. */
static const char *plain(const char *text)
{
    static const char ours[] = "script: ";
    size_t n = sizeof(ours) - 1;

    return strncmp(text, ours, n) == 0 ? text + n : text;
}

/* Without its line, which is said before. */
static const char *without_line(const char *text)
{
    const char *p = text;

    if (strncmp(p, "line ", 5) != 0)
        return text;
    for (p += 5; isdigit((unsigned char)*p);)
        p++;
    return strncmp(p, ": ", 2) == 0 ? p + 2 : text;
}

/* In which function: the innermost. */
static void add_context(struct buf *out, const struct pg_op *query)
{
    const char *context = pg_error_field(query, PG_ERROR_CONTEXT);
    const char *p = context ? strstr(context, "PL/pgSQL function") : NULL;

    if (p)
        buf_addf(out, " (%.*s)", (int)strcspn(p, "\n"), p);
}

static const char *our_hint(const char *sqlstate)
{
    static const char *const hints[][2] = {
        { "42501", "run `moonpost migrate` as the owner of the tables, or, if "
                   "there are none yet, GRANT CREATE ON SCHEMA public to this "
                   "role (ON DATABASE, for a schema of its own)" },
        { "25001", "each file is one transaction; leave CONCURRENTLY out, or "
                   "run this by hand, and write IF NOT EXISTS here" },
        { "42P07", "if it is what this file would make: IF NOT EXISTS" },
        { "42701", "if it is what this file would make: IF NOT EXISTS" },
    };

    for (size_t i = 0; i < ARRAY_LEN(hints); i++)
        if (strcmp(sqlstate, hints[i][0]) == 0)
            return hints[i][1];
    return "";
}

static void add_hints(struct buf *out, const struct pg_op *query)
{
    const char *theirs = pg_error_field(query, PG_ERROR_HINT);
    const char *ours = our_hint(query->sqlstate);

    if (theirs)
        buf_addf(out, "\n  hint: %s", theirs);
    if (*ours)
        buf_addf(out, "\n  hint: %s", ours);
}

static void explain_bot_file(struct buf *out,
                             const struct migration_failure *why)
{
    struct buf excerpt = BUF_INIT;
    size_t at;

    if (why->query && find_place(why, &at))
        add_place(out, &excerpt, why->file, at);
    else
        buf_addf(out, "migrations/schema/%s: ", why->file->name);
    buf_adds(out, without_line(plain(why->err->text)));
    if (why->query) {
        add_context(out, why->query);
        buf_add_slice(out, buf_slice(&excerpt));
        add_hints(out, why->query);
    }
    buf_release(&excerpt);
}

void migration_explain(struct buf *out, const struct migration_failure *why)
{
    static const char away[] = "no connection"; /* no file is to blame */

    if (strncmp(why->err->text, away, sizeof(away) - 1) == 0) {
        buf_adds(out, why->err->text);
    } else if (why->file && !migration_is_ours(why->file)) {
        explain_bot_file(out, why);
    } else {
        buf_addf(out, "%s: %s",
                 why->file ? why->file->name : "the table schema_migrations",
                 plain(why->err->text));
        if (why->query)
            add_hints(out, why->query);
    }
}
