/*
 * load.c - loading a bot's folder into a generation: defaults/, then
 * migrations/config/, locales/ and scripts/, each in the order of the files' names.
 */
#include <dirent.h>
#include <errno.h>
#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"

#include "script/chunks.h"
#include "script/excerpt.h"
#include "script/generation.h"
#include "script/json_lua.h"
#include "script/load_int.h"
#include "script/modules.h"
#include "script/option.h"
#include "script/raised.h"
#include "script/syntax_hint.h"
#include "script/vm.h"
#include "script/watchdog.h"

#define FILES_MAX 1000

/* --- finding files -------------------------------------------------------------- */

static int is_script(const struct dirent *entry)
{
    return folder_takes(entry->d_name, ".lua");
}

/* Push a table of the names of the .lua files in a folder, sorted. */
static void push_files(lua_State *L, const struct generation *gen,
                       const char *folder, bool required)
{
    struct dirent **list;
    const char *path = lua_pushfstring(L, "%s/%s", gen->dir, folder);
    int n = scandir(path, &list, is_script, alphasort);

    if (n < 0 && (errno != ENOENT || required))
        luaL_error(L, "%s: %s%s", path, strerror(errno),
                   required ? " (a bot's folder has its handlers in scripts/)"
                            : "");
    lua_pop(L, 1);
    lua_createtable(L, n > 0 ? n : 0, 0);
    for (int i = 0; i < n; i++) {
        lua_pushstring(L, list[i]->d_name);
        lua_rawseti(L, -2, i + 1);
        free(list[i]);
    }
    if (n >= 0)
        free(list);
    if (n > FILES_MAX)
        luaL_error(L, "%s: more than %d files", folder, FILES_MAX);
}

void load_run_file(lua_State *L, struct generation *gen, const char *name)
{
    const char *path = lua_pushfstring(L, "%s/%s", gen->dir, name);
    struct buf *text = json_push_buf(L);
    struct err err = ERR_INIT;

    snprintf(gen->file, sizeof(gen->file), "%s", name);
    if (!buf_add_file(text, path, &err))
        luaL_error(L, "%s", err.text);
    folder_note(&gen->sources, name, buf_slice(text));
    chunks_push(L, name, text);
    lua_rawgeti(L, LUA_REGISTRYINDEX, gen->globals_ref);
    lua_setupvalue(L, -2, 1);
    gen->files++;
    lua_call(L, 0, 1);
    lua_insert(L, -3); /* result, path, text */
    lua_pop(L, 2);
}

/* --- the folders ---------------------------------------------------------------- */

static void load_defaults_file(lua_State *L, struct generation *gen,
                               const char *file)
{
    const char *path = lua_pushfstring(L, "defaults/%s", file);

    load_run_file(L, gen, path);
    option_declare_file(L, gen, path);
    lua_pop(L, 2);
}

static void load_defaults(lua_State *L, struct generation *gen)
{
    int files;

    lua_rawgeti(L, LUA_REGISTRYINDEX, gen->globals_ref);
    option_push(L);
    lua_setfield(L, -2, "option");
    push_files(L, gen, "defaults", false);
    files = lua_gettop(L);
    for (lua_Integer i = 1; lua_rawgeti(L, files, i) == LUA_TSTRING; i++) {
        load_defaults_file(L, gen, lua_tostring(L, -1));
        lua_settop(L, files);
    }
    lua_pushnil(L);
    lua_setfield(L, files - 1, "option");
    lua_settop(L, files - 2);
}

/* "0003_split.lua" → 3; -1 when it has no number. */
static long migration_number(const char *file)
{
    bool has_number = strspn(file, "0123456789") == 4 && file[4] == '_';

    return has_number ? strtol(file, NULL, 10) : -1;
}

static void load_upgrade(lua_State *L, struct generation *gen, const char *file)
{
    long number = migration_number(file);
    const char *path = lua_pushfstring(L, "migrations/config/%s", file);

    if (number < 0)
        luaL_error(L,
                   "%s: the name must begin with four digits and _, like "
                   "0001_first.lua",
                   path);
    if (number != gen->config_version + 1)
        luaL_error(L,
                   "%s: number %d is expected here; numbers go up from 1 "
                   "without gaps or doubles",
                   path, gen->config_version + 1);
    load_run_file(L, gen, path);
    if (!lua_isfunction(L, -1))
        luaL_error(L, "%s: must return a function(config), returned %s", path,
                   luaL_typename(L, -1));
    lua_rawgeti(L, LUA_REGISTRYINDEX, gen->upgrades_ref);
    lua_insert(L, -2);
    lua_rawseti(L, -2, ++gen->config_version);
    lua_pop(L, 2);
}

/* One in the wrong folder would never run, and nobody would notice. */
static void refuse_misplaced(lua_State *L, const struct generation *gen,
                             const char *folder, const char *ending,
                             const char *where)
{
    const char *path = lua_pushfstring(L, "%s/%s", gen->dir, folder);
    DIR *dir = opendir(path);
    struct dirent *entry;

    lua_pop(L, 1);
    if (!dir)
        return;
    while ((entry = readdir(dir))) {
        size_t n = strlen(entry->d_name), m = strlen(ending);

        if (n > m && entry->d_name[0] != '.' &&
            strcmp(entry->d_name + n - m, ending) == 0) {
            lua_pushstring(L, entry->d_name);
            closedir(dir);
            luaL_error(L, "%s/%s: %s", folder, lua_tostring(L, -1), where);
        }
    }
    closedir(dir);
}

static void load_upgrades(lua_State *L, struct generation *gen)
{
    int files;

    refuse_misplaced(L, gen, "migrations/config", ".sql",
                     "SQL is for tables, in migrations/schema; upgrades of "
                     "settings are Lua");
    refuse_misplaced(L, gen, "migrations/schema", ".lua",
                     "upgrades of settings belong into migrations/config; "
                     "here is only SQL");
    push_files(L, gen, "migrations/config", false);
    files = lua_gettop(L);
    for (lua_Integer i = 1; lua_rawgeti(L, files, i) == LUA_TSTRING; i++) {
        load_upgrade(L, gen, lua_tostring(L, -1));
        lua_settop(L, files);
    }
    lua_settop(L, files - 1);
}

/* Each file's table, by the language; lua/i18n.lua reads them, and says what is
 * wrong in them. */
static void load_locales(lua_State *L, struct generation *gen)
{
    int files;

    push_files(L, gen, "locales", false);
    files = lua_gettop(L);
    lua_rawgeti(L, LUA_REGISTRYINDEX, gen->locales_ref);
    for (lua_Integer i = 1; lua_rawgeti(L, files, i) == LUA_TSTRING; i++) {
        size_t n;
        const char *name = lua_tolstring(L, -1, &n);

        lua_pushlstring(L, name, n - 4); /* without .lua */
        load_run_file(L, gen, lua_pushfstring(L, "locales/%s", name));
        lua_remove(L, -2);
        if (lua_isnil(L, -1)) { /* to be told of as such */
            lua_pop(L, 1);
            lua_pushboolean(L, false);
        }
        lua_rawset(L, files + 1);
        lua_settop(L, files + 1);
    }
    lua_settop(L, files + 1);
    lua_pushnil(L);
    if (lua_next(L, files + 1)) {
        require_push(L, gen);
        lua_pushliteral(L, "i18n");
        lua_call(L, 1, 0);
    }
    lua_settop(L, files - 1);
}

static void load_scripts(lua_State *L, struct generation *gen)
{
    int files;

    push_files(L, gen, "scripts", true);
    files = lua_gettop(L);
    for (lua_Integer i = 1; lua_rawgeti(L, files, i) == LUA_TSTRING; i++) {
        load_run_file(L, gen,
                      lua_pushfstring(L, "scripts/%s", lua_tostring(L, -1)));
        lua_settop(L, files);
    }
    lua_settop(L, files - 1);
}

static int load_all(lua_State *L)
{
    struct generation *gen = lua_touserdata(L, 1);

    if (gen->globals_ref == LUA_NOREF)
        return luaL_error(L, "not enough memory");
    lua_rawgeti(L, LUA_REGISTRYINDEX, gen->globals_ref);
    require_push(L, gen);
    lua_setfield(L, -2, "require");
    lua_pop(L, 1);
    load_defaults(L, gen);
    load_upgrades(L, gen);
    if (!gen->settings_only) {
        load_locales(L, gen);
        load_scripts(L, gen);
    }
    return 0;
}

/* --- what is not as it should be --------------------------------------------------------- */

/* A literal key in a script: ctx:t("key"), i18n.t(code, "key") are looked for. */
static int add_problems(lua_State *L)
{
    struct generation *gen = lua_touserdata(L, 1);
    struct buf *out = lua_touserdata(L, 2);

    lua_rawgeti(L, LUA_REGISTRYINDEX, gen->modules_ref);
    if (lua_getfield(L, -1, "i18n") != LUA_TTABLE)
        return 0;
    lua_getfield(L, -1, "problems");
    lua_newtable(L);
    for (size_t i = 0; i < gen->sources.n; i++) {
        struct slice text = chunks_text(L, gen->sources.list[i].path);

        lua_pushlstring(L, text.p ? text.p : "", text.n);
        lua_setfield(L, -2, gen->sources.list[i].path);
    }
    lua_call(L, 1, 1);
    for (lua_Integer i = 1; lua_rawgeti(L, -1, i) == LUA_TSTRING; i++) {
        buf_addf(out, "%s\n", lua_tostring(L, -1));
        lua_pop(L, 1);
    }
    return 0;
}

void generation_add_problems(struct generation *gen, struct buf *out)
{
    lua_State *L = gen->L;

    handlers_add_covered(&gen->handlers, out);
    lua_pushcfunction(L, add_problems);
    lua_pushlightuserdata(L, gen);
    lua_pushlightuserdata(L, out);
    if (lua_pcall(L, 2, 0, 0) != LUA_OK) {
        vm_add_error(L, -1, out);
        buf_addc(out, '\n');
        lua_pop(L, 1);
    }
}

/* --- loading ------------------------------------------------------------------------------ */

/* An error that is no text says where it was raised: nothing else will. */
static int on_load_error(lua_State *L)
{
    struct buf *text;
    lua_Debug ar;

    if (!raised_is_no_text(L, 1))
        return 1;
    for (int level = 0; lua_getstack(L, level, &ar); level++) {
        lua_getinfo(L, "Sl", &ar);
        if (ar.currentline > 0) {
            text = json_push_buf(L);
            buf_addf(text, "%s:%d: ", ar.short_src, ar.currentline);
            raised_add(L, 1, text);
            lua_pushlstring(L, text->data, text->len);
            return 1;
        }
    }
    lua_settop(L, 1);
    return 1;
}

static int begin_chunks(lua_State *L)
{
    chunks_begin(L);
    return 0;
}

static int end_chunks(lua_State *L)
{
    chunks_end(L);
    return 0;
}

/* Out of memory here is told of by what comes after. */
static void call_safely(lua_State *L, lua_CFunction f)
{
    lua_pushcfunction(L, f);
    if (lua_pcall(L, 0, 0, 0) != LUA_OK)
        lua_pop(L, 1);
}

/* The message, cut so that the line it is about comes with it. */
static void set_error(lua_State *L, struct buf *text, struct err *err)
{
    struct buf excerpt = BUF_INIT, hint = BUF_INIT;
    char path[200];
    int line;

    if (excerpt_place(text->data, path, sizeof(path), &line)) {
        excerpt_add(&excerpt, chunks_text(L, path), line, text->data);
        syntax_hint_add(&hint, chunks_text(L, path), line, text->data);
    }
    if (hint.len + text->len < sizeof(err->text)) { /* rather than the line */
        if (excerpt.len + hint.len + text->len < sizeof(err->text))
            buf_add_slice(text, buf_slice(&excerpt));
        buf_add_slice(text, buf_slice(&hint));
    }
    err_set(err, ERR_SCRIPT, "%s", text->data);
    buf_release(&excerpt);
    buf_release(&hint);
}

bool generation_load(struct generation *gen, struct err *err)
{
    lua_State *L = gen->L;
    struct buf text = BUF_INIT;
    bool overran = false;
    int status;

    call_safely(L, begin_chunks);
    folder_note_sql(&gen->sources, gen->dir);

    gen->loading = true;
    lua_pushcfunction(L, on_load_error);
    lua_pushcfunction(L, load_all);
    lua_pushlightuserdata(L, gen);
    watchdog_enter(L, WATCHDOG_LOAD, &overran);
    status = lua_pcall(L, 1, 0, -3);
    watchdog_leave();
    gen->loading = false;
    if (status != LUA_OK) {
        if (status == LUA_ERRMEM) /* it does not say where */
            buf_addf(&text, "%s: ", gen->file);
        vm_add_error(L, -1, &text);
        lua_pop(L, 1);
        set_error(L, &text, err);
        buf_release(&text);
    } else {
        call_safely(L, end_chunks);
    }
    lua_pop(L, 1);
    return status == LUA_OK;
}
