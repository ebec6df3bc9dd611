/*
 * mod_bot_every.c - bot.every and bot.job: what is declared belongs to the
 * generation that is being loaded.
 */
#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/duration.h"
#include "script/generation.h"
#include "script/job_options.h"
#include "script/json_lua.h"
#include "script/mod_bot_jobs.h"
#include "telegram/job.h"

#define INTERVAL_MIN_MS 1000
#define BACKOFF_MS 10000
#define TRIES_MAX 100

static void read_tries(lua_State *L, int index, const char *what,
                       struct job_def *def)
{
    def->tries = 1;
    def->backoff_ms = BACKOFF_MS;
    if (!index)
        return;
    if (lua_getfield(L, index, "tries") != LUA_TNIL) {
        int is_int;
        lua_Integer n = lua_tointegerx(L, -1, &is_int);

        if (!is_int || n < 1 || n > TRIES_MAX)
            luaL_error(L, "%s: tries: 1 to %d is expected", what, TRIES_MAX);
        def->tries = (int)n;
    }
    lua_pop(L, 1);
    def->backoff_ms = job_span_option(L, index, what, "backoff", BACKOFF_MS);
}

static struct generation *check_loading(lua_State *L, const char *what)
{
    struct generation *gen = generation_of(L);

    if (!gen->loading)
        luaL_error(L,
                   "%s can only be called while the scripts are loaded, not "
                   "in a handler; bot.after and bot.at are for those",
                   what);
    return gen;
}

/* Where the optional options and the function are: at 2 or at 3. */
static int find_function(lua_State *L, int *options)
{
    *options = lua_isfunction(L, 2) ? 0 : 2;
    if (*options)
        luaL_checktype(L, 2, LUA_TTABLE);
    luaL_checktype(L, *options + (*options ? 1 : 2), LUA_TFUNCTION);
    lua_settop(L, *options ? 3 : 2);
    return *options ? 3 : 2;
}

/* The script that calls: its file, and the line in *line. */
static const char *push_source(lua_State *L, int *line)
{
    lua_Debug ar;

    if (!lua_getstack(L, 1, &ar) || !lua_getinfo(L, "Sl", &ar)) {
        *line = 0;
        return lua_pushliteral(L, "?");
    }
    *line = ar.currentline;
    return lua_pushstring(L, ar.short_src);
}

/* Take what is declared, with the function at index. All of def's texts are on the
 * stack: from here on nothing raises but the last step. */
static void declare(lua_State *L, struct generation *gen, struct job_def *def,
                    int function)
{
    struct err err = ERR_INIT;
    struct buf source = BUF_INIT, what = BUF_INIT;
    const char *file;
    int line;

    file = push_source(L, &line);
    lua_rawgeti(L, LUA_REGISTRYINDEX, gen->functions_ref);
    lua_pushfstring(L, "job %s", def->name);
    lua_pushvalue(L, -1);
    if (lua_rawget(L, -3) == LUA_TNIL) {
        lua_pop(L, 1);
        lua_pushvalue(L, function);
        lua_rawset(L, -3);
    }
    buf_addf(&source, "%s:%d", file, line);
    buf_addf(&what, "bot.%s %s", def->every ? "every" : "job", def->name);
    def->name = xstrdup(def->name);
    def->schedule = def->schedule ? xstrdup(def->schedule) : NULL;
    def->zone = def->zone ? xstrdup(def->zone) : NULL;
    def->source = buf_detach(&source);
    def->what = buf_detach(&what);
    if (!job_defs_add(&gen->jobs, def, &err))
        luaL_error(L, "bot.%s: %s", def->every ? "every" : "job", err.text);
}

static void check_name(lua_State *L, const char *what, const char *name)
{
    struct err err = ERR_INIT;
    size_t n = strlen(name);

    if (n == 0 || n > JOB_NAME_MAX)
        luaL_error(L, "%s: a name has 1 to %d bytes", what, JOB_NAME_MAX);
    if (!json_add_string(json_push_buf(L), slice_of(name), &err))
        luaL_error(L, "%s: the name is not UTF-8", what);
    lua_pop(L, 1);
}

/* bot.job(name [, options], function(ctx, data) … end) */
int bot_job(lua_State *L)
{
    static const char *const names[] = { "backoff", "tries", NULL };
    struct generation *gen = check_loading(L, "bot.job");
    struct job_def def = { .name = (char *)luaL_checkstring(L, 1) };
    int options, function = find_function(L, &options);

    check_name(L, "bot.job", def.name);
    if (options)
        job_check_names(L, options, "bot.job", names);
    read_tries(L, options, "bot.job", &def);
    declare(L, gen, &def, function);
    return 0;
}

/* "09:00" */
static bool read_clock(const char *text, int *hour, int *minute)
{
    char end;

    return strlen(text) <= 5 &&
           sscanf(text, "%2d:%2d%c", hour, minute, &end) == 2 && *hour >= 0 &&
           *hour <= 23 && *minute >= 0 && *minute <= 59;
}

/* With { at = "09:00" }, every day is a line of cron. */
static void read_at(lua_State *L, const char *at, struct job_def *def)
{
    struct err err = ERR_INIT;
    int hour = 0, minute = 0;

    if (!read_clock(at, &hour, &minute))
        luaL_error(L,
                   "bot.every: at: \"%s\": a time like \"09:00\" is expected",
                   at);
    if (def->interval_ms != 24 * 3600 * 1000)
        luaL_error(L, "bot.every: at goes with \"1d\"; for other days write a "
                      "cron line like \"0 9 * * 1-5\"");
    def->interval_ms = 0;
    def->schedule = (char *)lua_pushfstring(L, "%d %d * * *", minute, hour);
    if (!cron_parse(&def->cron, def->schedule, &err))
        luaL_error(L, "bot.every: %s", err.text);
}

void job_read_schedule(lua_State *L, const char *what, struct cron *cron,
                       int64_t *interval_ms)
{
    const char *text = luaL_checkstring(L, 1);
    struct err ignored = ERR_INIT, err = ERR_INIT;
    int64_t ms;

    *interval_ms = 0;
    if (strpbrk(text, "*@ ") &&
        !duration_parse(slice_of(text), &ms, &ignored)) {
        if (!cron_parse(cron, text, &err))
            luaL_error(L, "%s(\"%s\"): %s", what, text, err.text);
        return;
    }
    *interval_ms = job_read_span(L, 1, what);
    if (*interval_ms < INTERVAL_MIN_MS)
        luaL_error(L, "%s: at least a second is expected", what);
}

static void read_missed(lua_State *L, int options, struct job_def *def)
{
    static const char *const words[] = { [JOB_MISSED_ONCE] = "once",
                                         [JOB_MISSED_SKIP] = "skip",
                                         [JOB_MISSED_ALL] = "all" };
    const char *missed = job_text_option(L, options, "bot.every", "missed");

    for (int i = 0; missed && i < (int)ARRAY_LEN(words); i++) {
        if (strcmp(missed, words[i]) == 0) {
            def->missed = (enum job_missed)i;
            return;
        }
    }
    if (missed)
        luaL_error(L,
                   "bot.every: missed: \"%s\": \"once\", \"skip\" or \"all\" "
                   "is expected",
                   missed);
}

static void read_zone(lua_State *L, int options, struct job_def *def)
{
    const char *zone = job_text_option(L, options, "bot.every", "timezone");

    if (!zone)
        return;
    if (def->interval_ms)
        luaL_error(L, "bot.every: a timezone goes with a cron line or with at");
    if (!job_zone_exists(zone))
        luaL_error(L,
                   "bot.every: timezone: there is no \"%s\"; a name like "
                   "\"Europe/Berlin\" is expected",
                   zone);
    def->zone = (char *)zone;
}

static void read_every(lua_State *L, int options, struct job_def *def)
{
    static const char *const names[] = { "at",   "backoff",  "jitter", "missed",
                                         "name", "timezone", "tries",  NULL };
    const char *at;

    job_check_names(L, options, "bot.every", names);
    at = job_text_option(L, options, "bot.every", "at");
    if (at)
        read_at(L, at, def);
    read_missed(L, options, def);
    read_zone(L, options, def);
    def->name = (char *)job_text_option(L, options, "bot.every", "name");
    def->jitter_ms = job_span_option(L, options, "bot.every", "jitter", 0);
    if (def->interval_ms && def->jitter_ms >= def->interval_ms)
        luaL_error(L, "bot.every: jitter: less than the interval is expected");
}

/* bot.every(interval or cron line [, options], function(ctx) … end) */
int bot_every(lua_State *L)
{
    struct generation *gen = check_loading(L, "bot.every");
    struct job_def def = { .every = true };
    int options, function = find_function(L, &options), line;

    def.schedule = (char *)luaL_checkstring(L, 1);
    job_read_schedule(L, "bot.every", &def.cron, &def.interval_ms);
    if (options)
        read_every(L, options, &def);
    read_tries(L, options, "bot.every", &def);
    if (!def.interval_ms && !def.zone)
        def.zone = (char *)"UTC";
    if (!def.name) /* where it stands in the file does not matter */
        def.name = (char *)lua_pushfstring(L, "%s %s", push_source(L, &line),
                                           def.schedule);
    check_name(L, "bot.every", def.name);
    declare(L, gen, &def, function);
    return 0;
}
