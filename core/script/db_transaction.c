/*
 * db_transaction.c - db.transaction(), of mod_db.c.
 *
 *     begin ─► f(tx) ─ returned ─► COMMIT ─► its values
 *       ▲        └─ raised ─► rolled back ─► the error
 *       └─ after a pause, if it was a serialization failure or a deadlock
 *
 * The transaction is a variable to be closed of the C function's frame: however
 * that ends, also by the task's end, its session is released.
 */
#include "script/mod_db.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "script/raise.h"
#include "script/task.h"

#define TRANSACTION_MT "moonpost.db.transaction"
#define RETRIES 3 /* unless retry says otherwise */
#define RETRIES_MAX 20
#define PAUSE_MS 10 /* doubling, with jitter */

struct transaction {
    const struct db_desk *desk;
    struct db_session *session; /* NULL: none is open */
    int retries;                /* that are left */
    int tries;
    int savepoints;
    char how[100]; /* "BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY" */
};

/* The stack of db.transaction(). */
enum { FUNCTION = 1, OPTIONS, TRANSACTION, TX, RESULTS };

/* By its session, for a transaction that is begun inside of it. */
static void keep_in_registry(lua_State *L, const struct transaction *tr,
                             bool keep)
{
    if (keep)
        lua_pushvalue(L, TRANSACTION);
    else
        lua_pushnil(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, tr->session);
}

static void let_go(lua_State *L, struct transaction *tr)
{
    struct db_session *session = tr->session;

    if (!session)
        return;
    keep_in_registry(L, tr, false);
    tr->session = NULL;
    tr->desk->release(tr->desk->arg, session);
}

static int close_transaction(lua_State *L)
{
    let_go(L, lua_touserdata(L, 1));
    return 0;
}

/* --- tx -------------------------------------------------------------------------------- */

static struct transaction *check_open(lua_State *L)
{
    struct transaction *tr = lua_touserdata(L, lua_upvalueindex(1));

    if (!tr->session)
        luaL_error(L, "this transaction has ended");
    return tr;
}

/* tx.query(sql, …), as db.query                                           [waits] */
static int tx_query(lua_State *L)
{
    return db_ask(L, check_open(L)->session, "tx.query", DB_ROWS);
}

static int tx_one(lua_State *L)
{
    return db_ask(L, check_open(L)->session, "tx.one", DB_FIRST_ROW);
}

static int tx_value(lua_State *L)
{
    return db_ask(L, check_open(L)->session, "tx.value", DB_FIRST_VALUE);
}

static int tx_exec(lua_State *L)
{
    return db_ask(L, check_open(L)->session, "tx.exec", DB_COUNT);
}

static int tx_transaction(lua_State *L);

static const luaL_Reg tx_functions[] = {
    { "exec", tx_exec },   { "one", tx_one },
    { "query", tx_query }, { "transaction", tx_transaction },
    { "value", tx_value }, { NULL, NULL },
};

/* --- savepoints --------------------------------------------------------------------------- */

/* The stack of a transaction in a transaction. */
enum { SP_FUNCTION = 1, SP_OPTIONS, SP_TRANSACTION, SP_NUMBER, SP_RESULTS };

static struct op *control(const struct transaction *tr, const char *verb,
                          int number)
{
    char sql[60];

    snprintf(sql, sizeof(sql), "%s moonpost_%d", verb, number);
    return &tr->desk
                ->query(tr->desk->arg, tr->session,
                        &(struct pg_question){ .sql = slice_of(sql),
                                               .control = true })
                ->op;
}

static void check_control(lua_State *L)
{
    const struct db_op *op = (const struct db_op *)task_finished(L);

    if (op->op.err.kind)
        db_raise(L, op, "tx.transaction", SLICE_NONE);
}

/* Stack: … results. */
static int sp_released(lua_State *L, int status, lua_KContext k)
{
    (void)status;
    (void)k;
    check_control(L);
    return lua_gettop(L) - SP_RESULTS + 1;
}

/* Stack top: the error, which is more telling than one that comes now. */
static int sp_rolled_back(lua_State *L, int status, lua_KContext k)
{
    (void)status;
    (void)k;
    return lua_error(L);
}

static int sp_ran(lua_State *L, int status, lua_KContext k)
{
    struct transaction *tr = lua_touserdata(L, SP_TRANSACTION);
    int number = (int)lua_tointeger(L, SP_NUMBER);

    (void)k;
    if (!tr->session)
        return status == LUA_OK || status == LUA_YIELD
                   ? luaL_error(L, "this transaction has ended")
                   : lua_error(L);
    if (status == LUA_OK || status == LUA_YIELD)
        return task_wait(L, control(tr, "RELEASE SAVEPOINT", number),
                         sp_released);
    return task_wait(L, control(tr, "ROLLBACK TO SAVEPOINT", number),
                     sp_rolled_back);
}

static void push_tx(lua_State *L, int transaction);

static int sp_began(lua_State *L, int status, lua_KContext k)
{
    (void)status;
    (void)k;
    check_control(L);
    lua_pushvalue(L, SP_FUNCTION);
    push_tx(L, SP_TRANSACTION);
    return sp_ran(L, lua_pcallk(L, 1, LUA_MULTRET, 0, 0, sp_ran), 0);
}

/* Stack: function, options, transaction. */
static int begin_savepoint(lua_State *L)
{
    struct transaction *tr = lua_touserdata(L, SP_TRANSACTION);

    luaL_checktype(L, SP_FUNCTION, LUA_TFUNCTION);
    if (!lua_isnil(L, SP_OPTIONS))
        return luaL_error(L, "a transaction within a transaction has no "
                             "options: they are those of the outer one");
    lua_pushinteger(L, ++tr->savepoints);
    return task_wait(L, control(tr, "SAVEPOINT", tr->savepoints), sp_began);
}

/* tx.transaction(f) -> what f returns; an error in it undoes what it did   [waits] */
static int tx_transaction(lua_State *L)
{
    check_open(L);
    db_desk_of(L);
    lua_settop(L, 2);
    lua_pushvalue(L, lua_upvalueindex(1));
    return begin_savepoint(L);
}

/* --- options --------------------------------------------------------------------------------- */

static const char *read_isolation(lua_State *L)
{
    static const char *const levels[][2] = {
        { "read committed", "READ COMMITTED" },
        { "repeatable read", "REPEATABLE READ" },
        { "serializable", "SERIALIZABLE" },
    };
    const char *level = lua_tostring(L, -1);

    for (size_t i = 0; level && i < ARRAY_LEN(levels); i++)
        if (strcmp(level, levels[i][0]) == 0)
            return levels[i][1];
    luaL_error(L,
               "db.transaction: isolation: \"read committed\", \"repeatable "
               "read\" or \"serializable\" is expected, got %s",
               level ? level : luaL_typename(L, -1));
    return NULL;
}

static int read_retry(lua_State *L)
{
    int is_int;
    lua_Integer n = lua_tointegerx(L, -1, &is_int);

    if (!is_int || n < 0 || n > RETRIES_MAX)
        luaL_error(L,
                   "db.transaction: retry: a whole number from 0 to %d is "
                   "expected",
                   RETRIES_MAX);
    return (int)n;
}

static void read_options(lua_State *L, struct transaction *tr)
{
    const char *isolation = NULL;
    bool read_only = false;

    tr->retries = RETRIES;
    lua_pushnil(L);
    while (lua_istable(L, OPTIONS) && lua_next(L, OPTIONS)) {
        const char *name =
            lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "[…]";

        if (strcmp(name, "isolation") == 0)
            isolation = read_isolation(L);
        else if (strcmp(name, "retry") == 0)
            tr->retries = read_retry(L);
        else if (strcmp(name, "read_only") == 0)
            read_only = lua_toboolean(L, -1);
        else
            luaL_error(L,
                       "db.transaction: there is no option %s; isolation, "
                       "read_only and retry are",
                       name);
        lua_pop(L, 1);
    }
    lua_settop(L, TRANSACTION);
    snprintf(tr->how, sizeof(tr->how), "BEGIN%s%s%s",
             isolation ? " ISOLATION LEVEL " : "", isolation ? isolation : "",
             read_only ? " READ ONLY" : "");
}

/* --- db.transaction ---------------------------------------------------------------------------- */

/* 0A000: a prepared statement's table was changed meanwhile; it is prepared anew. */
static bool may_go_well(const char *sqlstate)
{
    return strcmp(sqlstate, "40001") == 0 || strcmp(sqlstate, "40P01") == 0 ||
           strcmp(sqlstate, "0A000") == 0;
}

static int began(lua_State *L, int status, lua_KContext k);

static int begin(lua_State *L, int status, lua_KContext k)
{
    struct transaction *tr = lua_touserdata(L, TRANSACTION);

    (void)status;
    (void)k;
    lua_settop(L, TX);
    return task_wait(L, &tr->desk->begin(tr->desk->arg, L, tr->how)->op, began);
}

static int ran(lua_State *L, int status, lua_KContext k);

static int began(lua_State *L, int status, lua_KContext k)
{
    struct transaction *tr = lua_touserdata(L, TRANSACTION);
    struct db_op *op = (struct db_op *)task_finished(L);

    (void)status;
    (void)k;
    if (op->op.err.kind)
        return db_raise(L, op, "db.transaction", SLICE_NONE);
    tr->session = op->session;
    op->session = NULL;
    keep_in_registry(L, tr, true);
    tr->tries++;
    lua_pushvalue(L, FUNCTION);
    lua_pushvalue(L, TX);
    return ran(L, lua_pcallk(L, 1, LUA_MULTRET, 0, 0, ran), 0);
}

/* Roll back, and begin anew after a pause. */
static int again(lua_State *L, struct transaction *tr)
{
    int64_t ms = (int64_t)PAUSE_MS << tr->tries;

    let_go(L, tr);
    tr->retries--;
    tr->savepoints = 0;
    return task_wait(L,
                     timer_start(vm_of(L)->services->loop,
                                 ms / 2 + random() % ms),
                     begin);
}

/* Stack top: the error of f. */
static int raised(lua_State *L, struct transaction *tr)
{
    char sqlstate[6] = "";

    if (tr->session && tr->retries > 0 && lua_istable(L, -1)) {
        lua_pushliteral(L, "sqlstate");
        lua_rawget(L, -2);
        if (lua_type(L, -1) == LUA_TSTRING)
            snprintf(sqlstate, sizeof(sqlstate), "%s", lua_tostring(L, -1));
        lua_pop(L, 1);
    }
    if (may_go_well(sqlstate))
        return again(L, tr);
    let_go(L, tr);
    return lua_error(L);
}

/* PostgreSQL answers COMMIT with ROLLBACK after an error, also one that the script
 * has caught. */
static int was_rolled_back(lua_State *L, struct transaction *tr)
{
    const struct db_first_error *first = tr->desk->first_error(tr->session);

    if (tr->retries > 0 && may_go_well(first->sqlstate))
        return again(L, tr);
    lua_pushfstring(L,
                    "db.transaction: rolled back: an error in it was caught, "
                    "but ends the transaction all the same (what may fail goes "
                    "into tx.transaction): %s",
                    first->text);
    db_push_error(L, lua_tostring(L, -1),
                  first->sqlstate[0] ? first->sqlstate : "25P02", false);
    return lua_error(L);
}

static int committed(lua_State *L, int status, lua_KContext k)
{
    struct transaction *tr = lua_touserdata(L, TRANSACTION);
    const struct db_op *op = (const struct db_op *)task_finished(L);

    (void)status;
    (void)k;
    if (op->op.err.kind && tr->retries > 0 && may_go_well(op->sqlstate))
        return again(L, tr);
    if (op->op.err.kind)
        return db_raise(L, op,
                        op->maybe_done
                            ? "db.transaction: the transaction may have been "
                              "committed"
                            : "db.transaction",
                        SLICE_NONE);
    if (strcmp(pg_answer(op->query)->tag, "COMMIT") != 0)
        return was_rolled_back(L, tr);
    let_go(L, tr);
    return lua_gettop(L) - RESULTS + 1;
}

static int ran(lua_State *L, int status, lua_KContext k)
{
    struct transaction *tr = lua_touserdata(L, TRANSACTION);

    (void)k;
    if (status != LUA_OK && status != LUA_YIELD)
        return raised(L, tr);
    return task_wait(L, &tr->desk->commit(tr->desk->arg, tr->session)->op,
                     committed);
}

static void push_tx(lua_State *L, int transaction)
{
    transaction = lua_absindex(L, transaction);
    luaL_newlibtable(L, tx_functions);
    lua_pushvalue(L, transaction);
    luaL_setfuncs(L, tx_functions, 1);
}

static struct transaction *push_transaction(lua_State *L)
{
    struct transaction *tr = lua_newuserdatauv(L, sizeof(*tr), 0);

    *tr = (struct transaction){ .desk = db_desk_of(L) };
    if (luaL_newmetatable(L, TRANSACTION_MT)) {
        lua_pushcfunction(L, close_transaction);
        lua_setfield(L, -2, "__close");
    }
    lua_setmetatable(L, -2);
    return tr;
}

int db_transaction(lua_State *L)
{
    const struct db_desk *desk = db_desk_of(L);
    const struct db_session *session;
    struct transaction *tr;

    luaL_checktype(L, 1, LUA_TFUNCTION);
    if (!lua_isnoneornil(L, 2))
        luaL_checktype(L, 2, LUA_TTABLE);
    lua_settop(L, OPTIONS);
    session = desk->session_of(desk->arg, L);
    if (session && lua_rawgetp(L, LUA_REGISTRYINDEX, session) == LUA_TUSERDATA)
        return begin_savepoint(L);
    lua_settop(L, OPTIONS);
    tr = push_transaction(L);
    read_options(L, tr);
    lua_toclose(L, TRANSACTION);
    push_tx(L, TRANSACTION);
    return begin(L, LUA_OK, 0);
}
