/* mod_bot_settings.c - bot.settings() and bot.parse_setting(), of mod_bot.c. */
#include <lauxlib.h>

#include "base/json.h"
#include "script/generation.h"
#include "script/json_lua.h"
#include "script/modules.h"

static void set_text(lua_State *L, const char *field, const char *text)
{
    lua_pushstring(L, text); /* NULL: nil */
    lua_setfield(L, -2, field);
}

static void set_path(lua_State *L, const char *field, const struct setting *s)
{
    struct buf *path = json_push_buf(L);

    setting_path(s, path);
    lua_pushlstring(L, path->data, path->len);
    lua_setfield(L, -3, field);
    lua_pop(L, 1);
}

static void set_allowed(lua_State *L, const struct setting *s)
{
    struct buf *text = json_push_buf(L);

    setting_allowed(s, text);
    lua_pushlstring(L, text->data, text->len);
    lua_setfield(L, -3, "allowed");
    lua_pop(L, 1);
}

static void set_choices(lua_State *L, const struct setting *s)
{
    lua_newtable(L);
    for (char **c = s->choices; *c; c++) {
        lua_pushstring(L, *c);
        lua_rawseti(L, -2, (lua_Integer)(c - s->choices) + 1);
    }
    lua_setfield(L, -2, "choices");
}

/* The section that it is in; none at the top level. */
static void set_section(lua_State *L, const struct setting *section)
{
    if (!section->parent)
        return;
    set_path(L, "section", section);
    set_text(L, "section_label", section->label);
    set_text(L, "section_help", section->help);
}

static void push_setting(lua_State *L, const struct setting *s)
{
    lua_createtable(L, 0, 10);
    set_path(L, "path", s);
    set_text(L, "type", setting_type_word(s->type));
    set_text(L, "label", s->label);
    set_text(L, "help", s->help);
    set_text(L, "unit", s->unit);
    set_text(L, "default_json", s->def);
    set_allowed(L, s);
    lua_pushboolean(L, setting_is_private(s));
    lua_setfield(L, -2, "private");
    if (s->choices)
        set_choices(L, s);
    if (s->element)
        set_text(L, "of", setting_type_word(s->element->type));
    set_section(L, s->parent);
}

static void add_settings(lua_State *L, const struct setting *section)
{
    luaL_checkstack(L, 8, "sections are nested too deep");
    for (size_t i = 0; i < section->nchildren; i++) {
        if (section->children[i]->type == SETTING_SECTION) {
            add_settings(L, section->children[i]);
            continue;
        }
        push_setting(L, section->children[i]);
        lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
    }
}

int mod_bot_settings(lua_State *L)
{
    lua_newtable(L);
    add_settings(L, generation_of(L)->schema);
    return 1;
}

int mod_bot_parse_setting(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    const struct setting *s = schema_find(generation_of(L)->schema, path);
    struct buf *json = json_push_buf(L);
    struct err err = ERR_INIT;
    struct slice text;

    text.p = luaL_checklstring(L, 2, &text.n);
    if (!s || s->type == SETTING_SECTION) {
        lua_pushnil(L);
        lua_pushfstring(L, "there is no setting \"%s\"", path);
        return 2;
    }
    if (setting_parse(s, text, json, &err) &&
        setting_check(s, buf_slice(json), &err)) {
        json_push(L, buf_slice(json));
        return 1;
    }
    lua_pushnil(L);
    lua_pushstring(L, err.text);
    return 2;
}
