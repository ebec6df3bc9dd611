/* mod_db.c - require "db": SQL of scripts' own. The work is done by the host's
 * db_desk; here its questions are checked, and its answers become Lua values. */
#include "script/mod_db.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "script/db_values.h"
#include "script/json_lua.h"
#include "script/modules.h"
#include "script/raise.h"
#include "script/sql_scan.h"
#include "script/task.h"

#define SQL_MAX ((size_t)1 << 20)

const struct db_desk *db_desk_of(lua_State *L)
{
    const struct db_desk *desk = vm_of(L)->services->db;

    task_current(L);
    if (!desk)
        luaL_error(L, "there is no database here");
    return desk;
}

/* --- errors ------------------------------------------------------------------------- */

void db_push_error(lua_State *L, const char *message, const char *sqlstate,
                   bool no_database)
{
    raise_push(L, ERR_DATABASE, no_database, message);
    if (!*sqlstate)
        return;
    lua_pushstring(L, sqlstate);
    lua_setfield(L, -2, "sqlstate");
}

/* What the host's settings have to do with it. */
static const char *advice(const struct db_op *op)
{
    if (strcmp(op->sqlstate, PG_TOO_LARGE) == 0 && op->query &&
        !pg_error_field(op->query, PG_ERROR_HINT))
        return strstr(op->op.err.text, "rows")
                   ? " (DATABASE_SCRIPT_ROWS): LIMIT it, or read it in parts"
                   : " (DATABASE_SCRIPT_KB): LIMIT it, or read it in parts";
    if (strcmp(op->sqlstate, "57014") == 0)
        return " (DATABASE_SCRIPT_TIMEOUT_MS)";
    if (strcmp(op->sqlstate, "25P02") == 0)
        return ": an error before this one was caught; tx.transaction(…) goes "
               "back to where it began";
    return "";
}

static void add_message(const struct db_op *op, const char *what,
                        struct slice sql, struct buf *out)
{
    const char *position =
        op->query ? pg_error_field(op->query, PG_ERROR_POSITION) : NULL;
    const char *hint =
        op->query ? pg_error_field(op->query, PG_ERROR_HINT) : NULL;
    const char *text = op->op.err.text;

    if (strncmp(text, "query: ", 7) == 0) /* pg_text.c's name of it */
        text += 7;
    buf_addf(out, "%s: %s%s", what, text, advice(op));
    if (op->maybe_done)
        buf_adds(out, " (it may have been carried out)");
    if (hint)
        buf_addf(out, " (%s)", hint);
    if (position && sql.p)
        sql_add_place(out, sql, (int)strtol(position, NULL, 10));
}

static void set_field(lua_State *L, const struct db_op *op, const char *name,
                      enum pg_error_field field)
{
    const char *text = op->query ? pg_error_field(op->query, field) : NULL;

    if (!text)
        return;
    lua_pushstring(L, text);
    lua_setfield(L, -2, name);
}

/* Can the database not be used just now, whatever is asked? */
static bool is_outage(const struct db_op *op)
{
    static const char *const classes[] = { "08", "53", "57P" };

    if (!*op->sqlstate)
        return op->op.err.kind != ERR_USAGE;
    for (size_t i = 0; i < ARRAY_LEN(classes); i++)
        if (strncmp(op->sqlstate, classes[i], strlen(classes[i])) == 0)
            return true;
    return false;
}

int db_raise(lua_State *L, const struct db_op *op, const char *what,
             struct slice sql)
{
    struct buf *message = json_push_buf(L);

    add_message(op, what, sql, message);
    db_push_error(L, message->data, op->sqlstate, is_outage(op));
    set_field(L, op, "detail", PG_ERROR_DETAIL);
    set_field(L, op, "hint", PG_ERROR_HINT);
    set_field(L, op, "constraint", PG_ERROR_CONSTRAINT);
    set_field(L, op, "table", PG_ERROR_TABLE);
    set_field(L, op, "column", PG_ERROR_COLUMN);
    lua_pushboolean(L, op->maybe_done);
    lua_setfield(L, -2, "maybe_done");
    return lua_error(L);
}

/* --- checks ---------------------------------------------------------------------------- */

#define SHARED                                                                 \
    "connections are shared, and what is set on one would hold for others"

/* Statements that would break what the host does with its connections. */
static const struct {
    const char *word, *second; /* second NULL: any; "!X": any but X */
    const char *why;
} refused[] = {
    { "BEGIN", NULL, "db.transaction(function(tx) … end) is for that" },
    { "START", NULL, "db.transaction(function(tx) … end) is for that" },
    { "COMMIT", NULL, "a transaction is committed when its function returns" },
    { "END", NULL, "a transaction is committed when its function returns" },
    { "ROLLBACK", NULL, "an error in its function rolls a transaction back" },
    { "ABORT", NULL, "an error in its function rolls a transaction back" },
    { "SAVEPOINT", NULL, "tx.transaction(function() … end) is for that" },
    { "RELEASE", NULL, "tx.transaction(function() … end) is for that" },
    { "PREPARE", NULL, "what is asked again is prepared by itself" },
    { "EXECUTE", NULL, "what is asked again is prepared by itself" },
    { "DEALLOCATE", NULL, "what is asked again is prepared by itself" },
    { "SET", "!LOCAL", SHARED "; SET LOCAL ends with its transaction" },
    { "RESET", NULL, SHARED },
    { "DISCARD", NULL, SHARED },
    { "LISTEN", NULL, SHARED },
    { "UNLISTEN", NULL, SHARED },
    { "LOAD", NULL, SHARED },
    { "COPY", NULL, "rows are inserted and read by INSERT and SELECT" },
};

static bool is_second(const char *wanted, const char *word)
{
    if (!wanted)
        return true;
    if (*wanted == '!') /* SET TRANSACTION and CONSTRAINTS end with it, too */
        return strcmp(wanted + 1, word) != 0 &&
               strcmp("TRANSACTION", word) != 0 &&
               strcmp("CONSTRAINTS", word) != 0;
    return strcmp(wanted, word) == 0;
}

static void check_statement(lua_State *L, const char *what,
                            const struct sql_scan *scan)
{
    if (scan->empty)
        luaL_error(L, "%s: there is no SQL in it", what);
    if (scan->several)
        luaL_error(L,
                   "%s: more than one statement; ask one after the other, in "
                   "db.transaction(…) if they belong together",
                   what);
    for (size_t i = 0; i < ARRAY_LEN(refused); i++)
        if (strcmp(refused[i].word, scan->words[0]) == 0 &&
            is_second(refused[i].second, scan->words[1]))
            luaL_error(L, "%s: %s is not possible: %s", what, refused[i].word,
                       refused[i].why);
}

static void check_params(lua_State *L, const char *what, int given, int wanted)
{
    if (wanted > PG_QUESTION_PARAMS)
        luaL_error(L,
                   "%s: $%d: there can be %d parameters; db.array{ … } is "
                   "one",
                   what, wanted, PG_QUESTION_PARAMS);
    if (given < wanted)
        luaL_error(L,
                   "%s: $%d has no value: %d value%s given after the SQL (nil "
                   "is NULL)",
                   what, given + 1, given, given == 1 ? " is" : "s are");
    if (given > wanted && wanted == 0)
        luaL_error(L,
                   "%s: %d value%s given, but the SQL has no parameter ($1, "
                   "$2, …)",
                   what, given, given == 1 ? " is" : "s are");
    if (given > wanted)
        luaL_error(L, "%s: %d values are given, but the SQL ends with $%d",
                   what, given, wanted);
}

static struct slice sql_at_1(lua_State *L)
{
    struct slice sql;

    sql.p = lua_tolstring(L, 1, &sql.n);
    return sql;
}

static struct slice check_sql(lua_State *L, const char *what,
                              struct sql_scan *scan)
{
    struct slice sql;

    if (lua_type(L, 1) != LUA_TSTRING)
        luaL_error(L, "%s(sql, …): SQL as a text is expected, got %s", what,
                   luaL_typename(L, 1));
    sql = sql_at_1(L);
    if (sql.n > SQL_MAX)
        luaL_error(L, "%s: the SQL has more than %d bytes", what, (int)SQL_MAX);
    if (memchr(sql.p, 0, sql.n))
        luaL_error(L, "%s: a NUL byte is in the SQL", what);
    sql_scan(sql, scan);
    check_statement(L, what, scan);
    return sql;
}

/* --- queries ------------------------------------------------------------------------------ */

struct asked {
    const char *what;
    enum db_give give;
};

static int push_rows(lua_State *L, const struct pg_answer *answer)
{
    size_t at = 0;

    lua_createtable(L, (int)answer->nrows, 1);
    for (int64_t i = 1; i <= answer->nrows; i++) {
        db_push_row(L, answer, &at);
        lua_rawseti(L, -2, i);
    }
    lua_pushinteger(L, answer->affected);
    lua_setfield(L, -2, "n");
    return 1;
}

/* Stack top: what was asked. */
static int answered(lua_State *L, int status, lua_KContext k)
{
    const struct db_op *op = (const struct db_op *)task_finished(L);
    const struct asked *asked = lua_touserdata(L, -1);
    const struct pg_answer *answer;
    size_t at = 0;

    (void)status;
    (void)k;
    if (op->op.err.kind)
        return db_raise(L, op, asked->what, sql_at_1(L));
    answer = pg_answer(op->query);
    switch (asked->give) {
    case DB_ROWS: return push_rows(L, answer);
    case DB_FIRST_VALUE: db_push_value(L, answer); return 1;
    case DB_COUNT: lua_pushinteger(L, answer->affected); return 1;
    case DB_FIRST_ROW: break;
    }
    if (answer->nrows)
        db_push_row(L, answer, &at);
    else
        lua_pushnil(L);
    return 1;
}

int db_ask(lua_State *L, struct db_session *session, const char *what,
           enum db_give give)
{
    const struct db_desk *desk = db_desk_of(L);
    int n = lua_gettop(L) - 1;
    struct pg_question question = { 0 };
    struct sql_scan scan;
    struct asked *asked;

    question.sql = check_sql(L, what, &scan);
    check_params(L, what, n, scan.params);
    question.params = db_push_params(L, what, 2, n);
    question.nparams = n;
    asked = lua_newuserdatauv(L, sizeof(*asked), 0);
    *asked = (struct asked){ what, give };
    if (!session) /* a branch of parallel() has its own */
        session = desk->session_of(desk->arg, L);
    return task_wait(L, &desk->query(desk->arg, session, &question)->op,
                     answered);
}

/* db.query(sql, …) -> { { column = value, … }, …, n = rows }               [waits] */
static int l_query(lua_State *L)
{
    return db_ask(L, NULL, "db.query", DB_ROWS);
}

/* db.one(sql, …) -> the first row | nil                                    [waits] */
static int l_one(lua_State *L)
{
    return db_ask(L, NULL, "db.one", DB_FIRST_ROW);
}

/* db.value(sql, …) -> the first row's first column | nil                   [waits] */
static int l_value(lua_State *L)
{
    return db_ask(L, NULL, "db.value", DB_FIRST_VALUE);
}

/* db.exec(sql, …) -> how many rows it changed                              [waits] */
static int l_exec(lua_State *L)
{
    return db_ask(L, NULL, "db.exec", DB_COUNT);
}

static const luaL_Reg functions[] = {
    { "array", db_array }, { "bytes", db_bytes },
    { "exec", l_exec },    { "one", l_one },
    { "query", l_query },  { "transaction", db_transaction },
    { "value", l_value },  { NULL, NULL },
};

void mod_db_push(lua_State *L, struct generation *gen)
{
    (void)gen;
    luaL_newlib(L, functions);
    lua_pushlightuserdata(L, NULL); /* cjson.null */
    lua_setfield(L, -2, "null");
}
