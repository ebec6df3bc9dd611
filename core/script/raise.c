/* raise.c - see raise.h. */
#include "script/raise.h"

#include <lauxlib.h>
#include <string.h>

#include "script/filter.h"
#include "script/filter_table.h"
#include "script/json_lua.h"

#define ERROR_MT "moonpost.error"

static const char stop_key;

static int error_tostring(lua_State *L)
{
    lua_getfield(L, 1, "where");
    lua_getfield(L, 1, "message");
    if (!lua_isstring(L, -2))
        lua_pushliteral(L, "");
    else
        lua_pushvalue(L, -2);
    luaL_tolstring(L, -2, NULL);
    lua_concat(L, 2);
    return 1;
}

/* The host's modules in Lua are no place where an author could mend something. */
static bool is_script(const lua_Debug *ar)
{
    return ar->currentline > 0 && strncmp(ar->short_src, "moonpost/", 9) != 0;
}

void raise_push_where(lua_State *L)
{
    lua_Debug ar;

    for (int level = 1; lua_getstack(L, level, &ar); level++) {
        lua_getinfo(L, "Sl", &ar);
        if (is_script(&ar)) {
            lua_pushfstring(L, "%s:%d: ", ar.short_src, ar.currentline);
            return;
        }
    }
    lua_pushliteral(L, "");
}

static void push_error(lua_State *L, enum err_kind kind, const char *message)
{
    lua_createtable(L, 0, 8);
    raise_push_where(L);
    lua_setfield(L, -2, "where");
    lua_pushstring(L, message);
    lua_setfield(L, -2, "message");
    lua_pushstring(L, err_kind_name(kind));
    lua_setfield(L, -2, "kind");
    lua_pushinteger(L, kind);
    lua_rawsetp(L, -2, &stop_key);
    if (luaL_newmetatable(L, ERROR_MT)) {
        lua_pushcfunction(L, error_tostring);
        lua_setfield(L, -2, "__tostring");
        lua_pushboolean(L, false);
        lua_setfield(L, -2, "__metatable");
    }
    lua_setmetatable(L, -2);
}

void raise_push(lua_State *L, enum err_kind kind, bool no_database,
                const char *message)
{
    push_error(L, kind, message);
    if (no_database)
        return;
    lua_pushinteger(L, ERR_SCRIPT);
    lua_rawsetp(L, -2, &stop_key);
}

void raise_push_err(lua_State *L, const struct err *err)
{
    push_error(L, err->kind, err->text);
}

int raise_err(lua_State *L, const struct err *err)
{
    raise_push_err(L, err);
    return lua_error(L);
}

static void push_text(lua_State *L, struct slice raw)
{
    json_push(L, (struct slice){ raw.p - 1, raw.n + 2 });
}

/* The method that is meant by a name that is none; NULL: it is one, or nothing
 * comes near. */
static const char *nearest_method(const char *name)
{
    int best = 2 + (int)strlen(name) / 4;
    const char *meant = NULL;

    for (const char *const *m = method_names; *m && best > 0; m++) {
        int distance = filter_distance(slice_of(name), *m);

        if (distance < best) { /* of those that are as near, the first */
            best = distance;
            meant = *m;
        }
    }
    return best > 0 ? meant : NULL;
}

/* "Not Found" alone is about the token. Names that are not known here are
 * called all the same: Telegram may know more of them. */
static bool is_no_method(const struct tg_op *op)
{
    return op->error_code == 404 &&
           strstr(op->op.err.text, "method not found") != NULL;
}

static void push_tg_message(lua_State *L, const struct tg_op *op,
                            const char *method)
{
    const char *meant = is_no_method(op) ? nearest_method(method) : NULL;

    if (meant)
        lua_pushfstring(L, "%s: no such method \"%s\"; did you mean %s?",
                        op->op.err.text, method, meant);
    else
        lua_pushfstring(L, "%s: %s", method, op->op.err.text);
}

int raise_tg(lua_State *L, const struct tg_op *op, const char *method)
{
    push_tg_message(L, op, method);
    push_error(L, op->op.err.kind, lua_tostring(L, -1));
    lua_pushstring(L, method);
    lua_setfield(L, -2, "method");
    if (op->error_code) {
        lua_pushinteger(L, op->error_code);
        lua_setfield(L, -2, "error_code");
    }
    if (op->description.p) {
        push_text(L, op->description);
        lua_setfield(L, -2, "description");
    }
    if (op->parameters.p) {
        json_push(L, op->parameters);
        lua_setfield(L, -2, "parameters");
    }
    lua_pushboolean(L, op->maybe_sent);
    lua_setfield(L, -2, "maybe_sent");
    return lua_error(L);
}

int raise_stop(lua_State *L)
{
    lua_pushlightuserdata(L, (void *)&stop_key);
    return lua_error(L);
}

bool raise_is_stop(lua_State *L, int index)
{
    return lua_touserdata(L, index) == &stop_key;
}

enum err_kind raise_kind(lua_State *L, int index)
{
    lua_Integer kind = ERR_SCRIPT;

    if (lua_istable(L, index)) {
        lua_rawgetp(L, index, &stop_key);
        if (lua_isinteger(L, -1))
            kind = lua_tointeger(L, -1);
        lua_pop(L, 1);
    }
    return (enum err_kind)kind;
}
