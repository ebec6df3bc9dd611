/*
 * load.c - loading a bot's folder into a generation: defaults/, then
 * migrations/config/, then scripts/, each in the order of the files' names.
 */
#include <dirent.h>
#include <errno.h>
#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"

#include "script/generation.h"
#include "script/json_lua.h"
#include "script/load_int.h"
#include "script/modules.h"
#include "script/option.h"
#include "script/vm.h"
#include "script/watchdog.h"

#define FILES_MAX 1000

/* --- finding files -------------------------------------------------------------- */

/* Not what editors leave beside a file: ".#x.lua", "x.lua~", "#x.lua#". */
static int is_script(const struct dirent *entry)
{
    size_t n = strlen(entry->d_name);

    return n > 4 && strcmp(entry->d_name + n - 4, ".lua") == 0 &&
           entry->d_name[0] != '.' && entry->d_name[0] != '#';
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

/* As luaL_loadfilex() does: without a byte order mark and a first line with #,
 * but for its end, so that line numbers stay. */
static struct slice skip_head(struct slice text)
{
    const char *end = text.p + text.n;

    if (text.n >= 3 && memcmp(text.p, "\xEF\xBB\xBF", 3) == 0)
        text.p += 3;
    if (text.p < end && *text.p == '#') {
        text.p = memchr(text.p, '\n', (size_t)(end - text.p));
        if (!text.p)
            text.p = end;
    }
    text.n = (size_t)(end - text.p);
    return text;
}

void load_run_file(lua_State *L, struct generation *gen, const char *name)
{
    const char *path = lua_pushfstring(L, "%s/%s", gen->dir, name);
    const char *chunk = lua_pushfstring(L, "@%s", name);
    struct buf *text = json_push_buf(L);
    struct slice source;
    struct err err = ERR_INIT;

    snprintf(gen->file, sizeof(gen->file), "%s", name);
    if (!buf_add_file(text, path, &err))
        luaL_error(L, "%s", err.text);
    source = skip_head(buf_slice(text));
    if (source.n && *source.p == *LUA_SIGNATURE)
        luaL_error(L, "%s: compiled Lua is not loaded, only its text", name);
    if (luaL_loadbufferx(L, source.p, source.n, chunk, "t") != LUA_OK)
        lua_error(L);
    lua_rawgeti(L, LUA_REGISTRYINDEX, gen->globals_ref);
    lua_setupvalue(L, -2, 1);
    gen->files++;
    lua_call(L, 0, 1);
    lua_insert(L, -4); /* result, path, chunk, text */
    lua_pop(L, 3);
}

/* --- the three folders ---------------------------------------------------------------- */

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
    if (!gen->settings_only)
        load_scripts(L, gen);
    return 0;
}

/* An error that is no text says where it was raised: nothing else will. */
static int on_load_error(lua_State *L)
{
    lua_Debug ar;

    if (lua_isstring(L, 1) || luaL_getmetafield(L, 1, "__tostring")) {
        lua_settop(L, 1);
        return 1;
    }
    for (int level = 0; lua_getstack(L, level, &ar); level++) {
        lua_getinfo(L, "Sl", &ar);
        if (ar.currentline > 0) {
            lua_pushfstring(L, "%s:%d: raised a %s, not a text", ar.short_src,
                            ar.currentline, luaL_typename(L, 1));
            return 1;
        }
    }
    return 1;
}

bool generation_load(struct generation *gen, struct err *err)
{
    lua_State *L = gen->L;
    struct buf text = BUF_INIT;
    bool overran = false;
    int status;

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
        err_set(err, ERR_SCRIPT, "%s", text.data);
        buf_release(&text);
    }
    lua_pop(L, 1);
    return status == LUA_OK;
}
