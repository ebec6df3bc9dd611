/* mod_log.c - require "log": lines in the program's log. */
#include <lauxlib.h>

#include "base/log.h"
#include "script/modules.h"
#include "script/task.h"

/* The arguments as one text: with a format if the first has a %. */
static void push_text(lua_State *L)
{
    int n = lua_gettop(L);

    luaL_checkany(L, 1);
    if (n > 1 && lua_type(L, 1) == LUA_TSTRING) {
        lua_getfield(L, 1, "format");
        lua_insert(L, 1);
        lua_call(L, n, 1);
    } else {
        luaL_tolstring(L, 1, NULL);
    }
}

static int write_line(lua_State *L, enum log_level level)
{
    struct task *t = task_find(L);
    struct buf fields = BUF_INIT;

    push_text(L);
    if (t) {
        log_field_int(&fields, "update", t->in->u.id);
        if (t->in->u.chat_id)
            log_field_int(&fields, "chat", t->in->u.chat_id);
    }
    log_event(level, "bot", fields.data, "%s", lua_tostring(L, -1));
    buf_release(&fields);
    return 0;
}

static int l_debug(lua_State *L)
{
    return write_line(L, LOG_DEBUG);
}

static int l_info(lua_State *L)
{
    return write_line(L, LOG_INFO);
}

static int l_warn(lua_State *L)
{
    return write_line(L, LOG_WARN);
}

static int l_error(lua_State *L)
{
    return write_line(L, LOG_ERROR);
}

static const luaL_Reg functions[] = {
    { "debug", l_debug }, { "info", l_info }, { "warn", l_warn },
    { "error", l_error }, { NULL, NULL },
};

void mod_log_push(lua_State *L, struct generation *gen)
{
    (void)gen;
    luaL_newlib(L, functions);
}
