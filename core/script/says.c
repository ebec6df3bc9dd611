/* says.c - see says.h. */
#include "script/says.h"

#include <lauxlib.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "script/filter.h"
#include "script/generation.h"
#include "script/vm.h"

/* docs/scripting.md shows the same list; tests/scripts/docs.test.mjs compares. */
static const struct text {
    const char *key, *english;
} texts[] = {
    { "moonpost.admins_only", "Only administrators can do this." },
    { "moonpost.groups_only", "This works in groups only." },
    { "moonpost.need_right", "You need the right to {right} for this." },
    { "moonpost.bot_needs_right", "I need the right to {right} here." },
    { "moonpost.bot_needs_admin",
      "I must be an administrator with the right to {right}." },
    { "moonpost.target_missing",
      "Reply to a message of theirs, or mention them, or give their id." },
    { "moonpost.target_unknown",
      "I don't know @{name}. Reply to a message of theirs, or give their id." },
    { "moonpost.no_database",
      "I can't reach my database at the moment, so I can't do this now. "
      "Please try again later." },
    { "moonpost.ask_choose", "Please choose one of the buttons." },
    { "moonpost.ask_invalid", "That can't be. Please try again." },
    { "moonpost.ask_min", "It must be at least {n}." },
    { "moonpost.ask_max", "It must be at most {n}." },
    { "moonpost.ask_min_length", "It must have at least {n} characters." },
    { "moonpost.ask_max_length", "It must have at most {n} characters." },
    { "moonpost.ask_cancelled", "" },
    { "moonpost.ask_timed_out", "" },
    { "moonpost.ask_interrupted", "This was interrupted. Please start again." },
    { "moonpost.ask_restarted",
      "I was restarted in the middle of this. Please start again." },
    { "moonpost.ask_over", "This question is over." },
    { "moonpost.ask_foreign", "This question is for somebody else." },
    { "moonpost.ask_for.text", "Please answer with a text." },
    { "moonpost.ask_for.number", "Please answer with a number." },
    { "moonpost.ask_for.integer", "Please answer with a whole number." },
    { "moonpost.ask_for.any", "Please answer with a message." },
    { "moonpost.ask_for.photo", "Please send a photo." },
    { "moonpost.ask_for.video", "Please send a video." },
    { "moonpost.ask_for.media", "Please send a photo or a video." },
    { "moonpost.ask_for.document", "Please send a file." },
    { "moonpost.ask_for.audio", "Please send an audio file." },
    { "moonpost.ask_for.voice", "Please send a voice message." },
    { "moonpost.ask_for.animation", "Please send an animation." },
    { "moonpost.ask_for.sticker", "Please send a sticker." },
    { "moonpost.ask_for.video_note", "Please send a video message." },
    { "moonpost.ask_for.location", "Please send a location." },
    { "moonpost.ask_for.venue", "Please send a place." },
    { "moonpost.ask_for.contact", "Please send a contact." },
    { "moonpost.ask_for.poll", "Please send a poll." },
    { "moonpost.ask_for.dice", "Please send a dice." },
    { "moonpost.ask_for.users_shared", "Please choose with the button." },
    { "moonpost.ask_for.chat_shared", "Please choose with the button." },
    { "moonpost.menu_foreign", "This menu is somebody else's." },
    { "moonpost.menu_outdated", "This menu has changed. Please choose again." },
    { "moonpost.menu_invalid", "This button is not valid." },
    { "moonpost.menu_gone", "This menu does not exist any more." },
    { "moonpost.menu_back", "‹ Back" },
    { "moonpost.menu_close", "✕ Close" },
    { "moonpost.rights.can_manage_chat", "manage this chat" },
    { "moonpost.rights.can_delete_messages", "delete messages" },
    { "moonpost.rights.can_manage_video_chats", "manage video chats" },
    { "moonpost.rights.can_restrict_members", "ban users" },
    { "moonpost.rights.can_promote_members", "add administrators" },
    { "moonpost.rights.can_change_info", "change the chat's info" },
    { "moonpost.rights.can_invite_users", "invite users" },
    { "moonpost.rights.can_post_stories", "post stories" },
    { "moonpost.rights.can_edit_stories", "edit stories" },
    { "moonpost.rights.can_delete_stories", "delete stories" },
    { "moonpost.rights.can_post_messages", "post messages" },
    { "moonpost.rights.can_edit_messages", "edit messages" },
    { "moonpost.rights.can_pin_messages", "pin messages" },
    { "moonpost.rights.can_manage_topics", "manage topics" },
    { "moonpost.rights.can_manage_direct_messages", "manage direct messages" },
    { "moonpost.rights.can_manage_tags", "manage tags" },
    { "moonpost.rights.can_send_welcome_messages", "send welcome messages" },
    { "moonpost.rights.is_anonymous", "be anonymous" },
};

void says_push_english(lua_State *L)
{
    lua_createtable(L, 0, (int)ARRAY_LEN(texts));
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        lua_pushstring(L, texts[i].english);
        lua_setfield(L, -2, texts[i].key);
    }
}

const char *says_near(struct slice key)
{
    const char *best = texts[0].key;

    for (size_t i = 1; i < ARRAY_LEN(texts); i++)
        if (filter_distance(key, texts[i].key) < filter_distance(key, best))
            best = texts[i].key;
    return best;
}

static const char *english(const char *key)
{
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (strcmp(texts[i].key, key) == 0)
            return texts[i].english;
    return key;
}

/* --- where no task runs ------------------------------------------------------------- */

struct asked {
    struct generation *gen;
    const char *key;
    const struct update *u;
    struct slice config;
    struct buf *out;
};

static void push_text(lua_State *L, struct slice text)
{
    if (text.p)
        lua_pushlstring(L, text.p, text.n);
    else
        lua_pushnil(L);
}

/* "language.code" in a document: the text there, not unescaped. */
static struct slice text_at(struct slice document, const char *path)
{
    char name[64];
    size_t n;

    while (document.p) {
        n = strcspn(path, ".");
        if (n >= sizeof(name))
            return SLICE_NONE;
        memcpy(name, path, n);
        name[n] = '\0';
        document = json_get(document, name);
        if (!path[n])
            return json_raw(document);
        path += n + 1;
    }
    return SLICE_NONE;
}

/* setting(path) -> the chat's own value, its default: texts or nil */
static int l_setting(lua_State *L)
{
    const struct asked *a = lua_touserdata(L, lua_upvalueindex(1));
    const char *path = luaL_checkstring(L, 1);
    const struct setting *s =
        a->gen->schema ? schema_find(a->gen->schema, path) : NULL;

    push_text(L, text_at(a->config, path));
    push_text(L, s && s->def ? json_raw(slice_of(s->def)) : SLICE_NONE);
    return 2;
}

static int add_text(lua_State *L)
{
    struct asked *a = lua_touserdata(L, 1);
    struct slice text, kind = SLICE_NONE, code = SLICE_NONE;

    lua_rawgeti(L, LUA_REGISTRYINDEX, a->gen->modules_ref);
    if (lua_getfield(L, -1, "i18n") != LUA_TTABLE)
        return 0;
    lua_getfield(L, -1, "said");
    lua_pushstring(L, a->key);
    lua_pushlightuserdata(L, a);
    lua_pushcclosure(L, l_setting, 1);
    if (a->u) {
        kind = json_raw(json_get(a->u->chat, "type"));
        code = json_raw(json_get(a->u->from, "language_code"));
    }
    push_text(L, code);
    lua_pushboolean(L, !kind.p || slice_eq(kind, "private"));
    lua_call(L, 4, 1);
    text.p = lua_tolstring(L, -1, &text.n);
    if (text.p)
        buf_add_slice(a->out, text);
    return 0;
}

void says_add(struct generation *gen, const char *key, const struct update *u,
              struct slice config, struct buf *out)
{
    struct asked asked = { gen, key, u, config, out };
    size_t before = out->len;

    if (gen) {
        lua_pushcfunction(gen->L, add_text);
        lua_pushlightuserdata(gen->L, &asked);
        if (lua_pcall(gen->L, 1, 0, 0) != LUA_OK) { /* out of memory, at most */
            log_debug("script", "%s can't be said in the chat's language", key);
            lua_pop(gen->L, 1);
        }
    }
    if (out->len == before)
        buf_adds(out, english(key));
}

/* --- the module --------------------------------------------------------------------- */

void mod_says_push(lua_State *L, struct generation *gen)
{
    lua_createtable(L, 0, 2);
    says_push_english(L);
    lua_setfield(L, -2, "english");
    lua_rawgeti(L, LUA_REGISTRYINDEX, gen->locales_ref);
    lua_setfield(L, -2, "locales");
}
