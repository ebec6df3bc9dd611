/* mod_bot_config.c - bot.config(): other chats' configs. */
#include <lauxlib.h>

#include "script/modules.h"
#include "script/task.h"
#include "script/view.h"

static int give_config(lua_State *L, int status, lua_KContext k)
{
    (void)L;
    (void)status;
    (void)k;
    return 1;
}

/* bot.config(chat_id) -> config: of any chat, by the rules of ctx.config.  [waits] */
int bot_config(lua_State *L)
{
    struct task *t = task_current(L);
    lua_Integer chat_id;
    int is_int;

    lua_settop(L, 1);
    chat_id = lua_tointegerx(L, 1, &is_int);
    if (!is_int || chat_id == 0 || lua_type(L, 1) != LUA_TNUMBER)
        return luaL_error(L,
                          "bot.config(chat_id): a chat's id is a whole number "
                          "other than 0, got %s",
                          luaL_tolstring(L, 1, NULL));
    return view_with(L, t, chat_id, give_config);
}
