/*
 * generation.h - one loading of the bot's folder: its globals, handlers,
 * settings and upgrade functions.
 *
 * Everything that scripts register belongs to the generation that is being
 * loaded, so one that fails leaves nothing behind. Tasks hold a reference; the
 * last one to let go frees it.
 */
#ifndef SCRIPT_GENERATION_H
#define SCRIPT_GENERATION_H

#include <lua.h>

#include "config/schema.h"
#include "script/folder.h"
#include "script/handlers.h"
#include "script/job_defs.h"

struct breaker;

struct generation {
    lua_State *L; /* the main thread */
    int refs;
    int number;           /* 1, 2, … */
    char *dir;            /* the bot's folder */
    int globals_ref;      /* scripts' _G */
    int host_globals_ref; /* of the host's modules in Lua, or LUA_NOREF */
    int modules_ref;      /* what require() has loaded */
    int functions_ref;    /* handlers' functions, by handler number */
    int locales_ref;      /* what the files in locales/ returned, by language */
    bool loading;
    bool settings_only; /* set before loading: scripts/ stays unread */
    struct handlers handlers;
    struct job_defs jobs;
    struct setting *schema;
    int config_version;            /* how many upgrade functions there are */
    int upgrades_ref;              /* they, in order */
    int move_ref;                  /* their second argument: upgrade_move.h */
    const struct slice *upgrading; /* the document, while they run; else NULL */
    struct breaker *breaker;       /* handlers that fail, or NULL: breaker.h */
    struct shared *shared;       /* what its configs share, or NULL: shared.h */
    int files;                   /* loaded in all */
    struct folder_files sources; /* they, and SQL */
    char file[200];              /* the one being loaded */
};

struct generation *generation_new(lua_State *L, const char *dir, int number);
struct generation *generation_ref(struct generation *gen);
void generation_unref(struct generation *gen); /* NULL is allowed */

/* The generation a C function belongs to: modules have it as upvalue 1. */
struct generation *generation_of(lua_State *L);

/*
 * Load defaults/, migrations/config/, locales/ and scripts/ of gen->dir. ERR_SCRIPT
 * names file and line, and shows the line.
 */
bool generation_load(struct generation *gen, struct err *err) MUST_CHECK;

/* A line for each thing that is not as it should be, though everything loads: texts
 * that a language lacks, commands that never run. */
void generation_add_problems(struct generation *gen, struct buf *out);

#endif
