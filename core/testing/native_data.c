/* native_data.c - what is in the database of a bot that is tested. */
#include <stdlib.h>
#include <string.h>

#include "bot/testing.h"
#include "config/schema.h"
#include "config/store.h"
#include "io/pg_fault.h"
#include "script/json_lua.h"
#include "script/vm.h"
#include "testing/native_int.h"

#define ALL_SECTIONS UINT32_MAX

/* --- the author's tables ---------------------------------------------------------------- */

/*
 * Statements have their address as identity, and a connection may remember them: so
 * each text has one, for the whole run.
 */
static const struct pg_statement *statement_of(const char *sql, int nparams)
{
    static struct known {
        struct pg_statement st;
        char *sql;
        struct known *next;
    } * all; /* ends with the program */
    struct known *k;

    for (k = all; k; k = k->next)
        if (k->st.nparams == nparams && strcmp(k->sql, sql) == 0)
            return &k->st;
    k = xalloc(sizeof(*k));
    k->sql = xstrdup(sql);
    k->st = (struct pg_statement){ "db.query", k->sql, nparams };
    k->next = all;
    all = k;
    return &k->st;
}

static int push_answer(lua_State *L, const struct pg_op *op, bool rows)
{
    struct slice json;

    if (!rows) {
        lua_pushnil(L);
        lua_pushinteger(L, pg_affected(op));
        return 2;
    }
    json = pg_value(op, 0, 0);
    lua_pushlstring(L, json.p, json.n);
    return 1;
}

/* query(sql, n, …) -> JSON of the rows | nil, how many it touched. Parameters are
 * text or nil. */
static int l_query(lua_State *L)
{
    struct stage *stage = native_begun(L);
    const char *sql = luaL_checkstring(L, 1);
    int n = (int)luaL_checkinteger(L, 2), pushed = 0;
    struct slice params[PG_PARAMS_MAX] = { 0 };
    struct buf text = BUF_INIT;
    struct err err = ERR_INIT;
    struct pg_op *op;
    bool rows, ok;

    luaL_argcheck(L, n <= PG_PARAMS_MAX, 2, "too many parameters");
    if (pg_fault_is_down())
        return luaL_error(L, "the database is down: database:up()");
    pg_fault_spare(true);
    for (int i = 0; i < n; i++)
        if (!lua_isnil(L, 3 + i))
            params[i].p = luaL_checklstring(L, 3 + i, &params[i].n);
    testing_query(slice_of(sql), &text, &rows);
    op = pg_query(stage_pg(stage), statement_of(text.data, n), params, n);
    buf_release(&text);
    ok = stage_wait(stage, &op->op, &err) && stage_heed(stage, &err);
    pg_fault_spare(false);
    native_waited(native_self(L));
    if (ok)
        pushed = push_answer(L, op, rows);
    op_free(&op->op);
    return ok ? pushed : native_fail(L, &err);
}

/* --- settings of chats ----------------------------------------------------------------- */

static void add_merged(struct buf *out, const struct setting *s,
                       struct slice overrides)
{
    bool set;

    if (s->type != SETTING_SECTION) {
        buf_add_slice(out, setting_value(s, overrides, &set));
        return;
    }
    buf_addc(out, '{');
    for (size_t i = 0; i < s->nchildren; i++) {
        buf_addf(out, "%s\"%s\":", i ? "," : "", s->children[i]->name);
        add_merged(out, s->children[i], overrides);
    }
    buf_addc(out, '}');
}

static const struct setting *setting_at(lua_State *L, struct stage *stage,
                                        const char *path)
{
    const struct setting *s = schema_find(host_schema(stage_host(stage)), path);

    if (!s) {
        lua_pushfstring(L, "there is no setting \"%s\"", path);
        lua_error(L);
    }
    return s;
}

/* What the bot would read: through its own store. *config is the caller's. */
static bool fetch(struct stage *stage, int64_t chat, struct config **config,
                  struct err *err)
{
    struct config_op *op = config_fetch(host_services(stage_host(stage))->store,
                                        chat, ALL_SECTIONS);
    bool ok = stage_wait(stage, &op->op, err);

    if (ok)
        *config = config_ref(op->config);
    op_free(&op->op);
    return ok;
}

/* config_get(chat, path) -> "section" | "setting", JSON */
static int l_config_get(lua_State *L)
{
    struct stage *stage = native_begun(L);
    int64_t chat = luaL_checkinteger(L, 1);
    const struct setting *s = setting_at(L, stage, luaL_checkstring(L, 2));
    struct config *config;
    struct buf out = BUF_INIT;
    struct err err = ERR_INIT;

    if (!fetch(stage, chat, &config, &err))
        return native_fail(L, &err);
    add_merged(&out, s, config->text);
    config_unref(config);
    native_waited(native_self(L));
    lua_pushstring(L, s->type == SETTING_SECTION ? "section" : "setting");
    lua_pushlstring(L, out.data, out.len);
    buf_release(&out);
    return 2;
}

static bool commit(struct stage *stage, int64_t chat, const char *path,
                   struct slice value, struct err *err)
{
    struct config *config = NULL;
    struct config_patch patch = { 0 };
    struct config_op *op;
    bool ok;

    if (!fetch(stage, chat, &config, err))
        return false;
    config_patch_set(&patch, path, value);
    op = config_commit(host_services(stage_host(stage))->store, config, &patch,
                       "spec");
    ok = stage_wait(stage, &op->op, err);
    op_free(&op->op);
    config_patch_release(&patch);
    config_unref(config);
    return ok;
}

/* config_set(chat, path, JSON | nil) */
static int l_config_set(lua_State *L)
{
    struct stage *stage = native_begun(L);
    int64_t chat = luaL_checkinteger(L, 1);
    const char *path = luaL_checkstring(L, 2);
    const struct setting *s = setting_at(L, stage, path);
    struct slice value = SLICE_NONE;
    struct buf shaped = BUF_INIT;
    struct err err = ERR_INIT;
    bool ok;

    value.p = luaL_optlstring(L, 3, NULL, &value.n);
    if (value.p && s->type == SETTING_SECTION)
        return luaL_error(L, "\"%s\" is a section: set the settings in it",
                          path);
    if (value.p)
        setting_add_shaped(s, value, &shaped);
    ok = (!value.p || setting_check(s, buf_slice(&shaped), &err)) &&
         commit(stage, chat, path, value.p ? buf_slice(&shaped) : SLICE_NONE,
                &err);
    buf_release(&shaped);
    return native_done(L, ok, &err);
}

/* --- faults ----------------------------------------------------------------------------- */

static int l_database_down(lua_State *L)
{
    struct err err = ERR_INIT;

    return native_done(L, stage_database_down(native_begun(L), &err), &err);
}

/* The bot goes on, and listens to what is written again. */
static bool come_up(struct stage *stage, struct err *err)
{
    return stage_database_up(stage, err) && stage_settle(stage, err) &&
           stage_heed(stage, err);
}

static int l_database_up(lua_State *L)
{
    struct err err = ERR_INIT;

    return native_done(L, come_up(native_begun(L), &err), &err);
}

/* database_slow(ms) */
static int l_database_slow(lua_State *L)
{
    native_begun(L);
    pg_fault_slow(luaL_checkinteger(L, 1));
    return 0;
}

/* database_fail(table, sqlstate, message, constraint | nil, times) */
static int l_database_fail(lua_State *L)
{
    native_begun(L);
    pg_fault_fail(&(struct pg_failure){
        .table = luaL_checkstring(L, 1),
        .sqlstate = luaL_checkstring(L, 2),
        .message = luaL_checkstring(L, 3),
        .constraint = luaL_optstring(L, 4, NULL),
        .times = (int)luaL_checkinteger(L, 5),
    });
    return 0;
}

/* database_heal(): all is well again, and up */
static int l_database_heal(lua_State *L)
{
    struct stage *stage = native_begun(L);
    struct err err = ERR_INIT;

    pg_fault_end();
    return native_done(L, come_up(stage, &err), &err);
}

const luaL_Reg native_data[] = {
    { "database_down", l_database_down },
    { "database_up", l_database_up },
    { "database_slow", l_database_slow },
    { "database_fail", l_database_fail },
    { "database_heal", l_database_heal },
    { "query", l_query },
    { "config_get", l_config_get },
    { "config_set", l_config_set },
    { NULL, NULL },
};
