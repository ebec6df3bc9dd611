/*
 * ctx_methods.c - what a handler can do: the table of contents.
 *
 * A method without a function is in lua/moonpost.ctx.lua, or in a file that it
 * requires: ctx_index() finds it there (ctx_push_lua_method()).
 */
#include <lauxlib.h>

#include "script/ask.h"
#include "script/ctx_has.h"
#include "script/ctx_int.h"
#include "script/download.h"
#include "script/view.h"

static struct view *own_view(struct task *t)
{
    return view_find(t, update_chat(&t->in->u));
}

static int tell_is_set(lua_State *L, int status, lua_KContext k)
{
    const struct setting *s = (const struct setting *)k;

    (void)status;
    lua_pushboolean(L, view_is_set(L, own_view(ctx_task(L, 1)), s));
    return 1;
}

/* Stack: ctx, path, …, config. */
static int find_setting(lua_State *L, int status, lua_KContext k)
{
    struct task *t = ctx_task(L, 1);
    const char *path = lua_tostring(L, 2);
    const struct setting *s = schema_find(t->gen->schema, path);

    (void)status;
    (void)k;
    if (!s || s->type == SETTING_SECTION)
        return luaL_error(L, "there is no setting \"%s\"", path);
    return view_load(L, own_view(t), s, (lua_KContext)s, tell_is_set);
}

/* ctx:is_set(path) -> boolean: has this chat a value of its own?         [waits] */
static int ctx_is_set(lua_State *L)
{
    ctx_task(L, 1);
    luaL_checkstring(L, 2);
    lua_settop(L, 2);
    return ctx_with_config(L, find_setting);
}

/* ctx:download(file_id [, name | function]): see bot.download.           [waits] */
static int ctx_download(lua_State *L)
{
    ctx_task(L, 1);
    lua_remove(L, 1);
    return download(L);
}

const luaL_Reg ctx_methods[] = {
    { "answer", ctx_answer },
    { "approve", NULL },
    { "ask", ctx_ask },
    { "ban", NULL },
    { "copy", NULL },
    { "decline", NULL },
    { "delete", NULL },
    { "demote", NULL },
    { "download", ctx_download },
    { "edit", NULL },
    { "entities", NULL },
    { "entity_text", NULL },
    { "forward", NULL },
    { "has", ctx_has },
    { "is_admin", ctx_is_admin },
    { "is_creator", NULL },
    { "is_set", ctx_is_set },
    { "kick", NULL },
    { "leave", NULL },
    { "member", NULL },
    { "mute", NULL },
    { "my_rights", NULL },
    { "pin", NULL },
    { "promote", NULL },
    { "react", NULL },
    { "reactions", NULL },
    { "reply", ctx_reply },
    { "reply_animation", NULL },
    { "reply_audio", NULL },
    { "reply_checklist", NULL },
    { "reply_contact", NULL },
    { "reply_dice", NULL },
    { "reply_document", NULL },
    { "reply_game", NULL },
    { "reply_invoice", NULL },
    { "reply_live_photo", NULL },
    { "reply_location", NULL },
    { "reply_media_group", NULL },
    { "reply_paid_media", NULL },
    { "reply_photo", NULL },
    { "reply_poll", NULL },
    { "reply_rich_message", NULL },
    { "reply_sticker", NULL },
    { "reply_venue", NULL },
    { "reply_video", NULL },
    { "reply_video_note", NULL },
    { "reply_voice", NULL },
    { "require_admin", ctx_require_admin },
    { "require_my_rights", NULL },
    { "require_rights", NULL },
    { "restrict", NULL },
    { "rights", NULL },
    { "send", NULL },
    { "t", NULL },
    { "t_html", NULL },
    { "target", NULL },
    { "title", NULL },
    { "typing", NULL },
    { "unban", NULL },
    { "unmute", NULL },
    { "unpin", NULL },
    { "unpin_all", NULL },
    { "wait", ctx_wait },
    { "whisper", NULL },
    { NULL, NULL },
};
