/* register.c - see register.h: all but commands and groups. */
#include "script/register.h"

#include <stdlib.h>
#include <string.h>

#include "script/pattern.h"
#include "script/vm.h"
#include "telegram/api.h"

#define WHAT_MAX 200 /* bytes of a handler's name in the log */

static const char
    box_key; /* in the registry: the metatable of what is filled */

/* --- who calls ------------------------------------------------------------------- */

/* bot:on(…) instead of bot.on(…)? */
static bool is_called_with_colon(lua_State *L)
{
    bool is = false;

    if (lua_istable(L, 1)) {
        lua_pushliteral(L, "command");
        lua_rawget(L, 1);
        is = lua_tocfunction(L, -1) == register_command;
        lua_pop(L, 1);
    }
    return is;
}

struct generation *register_check(lua_State *L, const char *what)
{
    struct generation *gen = generation_of(L);
    const struct services *s = vm_of(L)->services;

    if (!gen->loading)
        luaL_error(L,
                   "%s can only be called while the scripts are loaded, not "
                   "in a handler",
                   what);
    if (is_called_with_colon(L))
        luaL_error(L, "%s is called with a dot, not with a colon", what);
    gen->handlers.me = s->tg ? tg_bot_id(s->tg) : 0;
    return gen;
}

int register_group(lua_State *L)
{
    return (int)lua_tointeger(L, lua_upvalueindex(2));
}

/* The script's line, also when a module of the host, in Lua, is in between. */
char *register_source(lua_State *L)
{
    lua_Debug ar;
    struct buf source = BUF_INIT;

    for (int level = 1; lua_getstack(L, level, &ar); level++) {
        lua_getinfo(L, "Sl", &ar);
        if (ar.currentline <= 0 || strncmp(ar.short_src, "moonpost/", 9) == 0)
            continue;
        buf_addf(&source, "%s:%d", ar.short_src, ar.currentline);
        break;
    }
    if (!source.len)
        buf_adds(&source, "moonpost");
    return buf_detach(&source);
}

/* --- what is being filled ----------------------------------------------------------- */

static int free_box(lua_State *L)
{
    struct handler *h = lua_touserdata(L, 1);

    handler_release(h);
    memset(h, 0, sizeof(*h));
    return 0;
}

void *register_box(lua_State *L, size_t size, const void *key,
                   lua_CFunction free_it)
{
    void *box = lua_newuserdatauv(L, size, 0);

    memset(box, 0, size);
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, key) != LUA_TTABLE) {
        lua_pop(L, 1);
        lua_createtable(L, 0, 1);
        lua_pushcfunction(L, free_it);
        lua_setfield(L, -2, "__gc");
        lua_pushvalue(L, -1);
        lua_rawsetp(L, LUA_REGISTRYINDEX, key);
    }
    lua_setmetatable(L, -2);
    return box;
}

struct handler *register_begin(lua_State *L, enum handler_type type)
{
    struct handler *h = register_box(L, sizeof(*h), &box_key, free_box);

    h->type = type;
    h->source = register_source(L);
    h->group = register_group(L);
    return h;
}

/* Does the function at index take a second argument, next? */
static bool takes_next(lua_State *L, int index)
{
    lua_Debug ar;

    if (lua_tocfunction(L, index) != bot_run_concurrent ||
        !lua_getupvalue(L, index, 1))
        lua_pushvalue(L, index);
    lua_getinfo(L, ">u", &ar);
    return ar.nparams > 1 || ar.isvararg;
}

void register_end(lua_State *L, struct generation *gen, struct handler *h,
                  int function)
{
    struct err err = ERR_INIT;
    int number;

    h->wants_next = takes_next(L, function);
    number = handlers_add(&gen->handlers, h, &err);
    memset(h, 0, sizeof(*h)); /* taken, or freed */
    if (number < 0)
        luaL_error(L, "%s", err.text);
    lua_rawgeti(L, LUA_REGISTRYINDEX, gen->functions_ref);
    lua_pushvalue(L, function);
    lua_rawseti(L, -2, number + 1);
    lua_pop(L, 1);
}

/* --- arguments ------------------------------------------------------------------------ */

void register_each(lua_State *L, int index, const char *what,
                   void (*fn)(lua_State *L, int index, void *arg), void *arg)
{
    lua_Integer n;

    if (lua_type(L, index) == LUA_TSTRING) {
        fn(L, index, arg);
        return;
    }
    n = lua_istable(L, index) ? (lua_Integer)lua_rawlen(L, index) : 0;
    if (n == 0)
        luaL_error(L, "%s: a text or a list of texts is expected, got %s", what,
                   luaL_typename(L, index));
    for (lua_Integer i = 1; i <= n; i++) {
        if (lua_rawgeti(L, index, i) != LUA_TSTRING)
            luaL_error(L, "%s: [%d] is not a text", what, (int)i);
        fn(L, lua_gettop(L), arg);
        lua_pop(L, 1);
    }
}

void register_check_keys(lua_State *L, int index, const char *what,
                         const char *const *known)
{
    lua_pushnil(L);
    while (lua_next(L, index)) {
        const char *const *k = known, *best = known[0];
        struct slice key;

        if (lua_type(L, -2) != LUA_TSTRING)
            luaL_error(L, "%s: a table with names is expected", what);
        key.p = lua_tolstring(L, -2, &key.n);
        for (; *k && !slice_eq(key, *k); k++)
            if (filter_distance(key, *k) < filter_distance(key, best))
                best = *k;
        if (!*k)
            luaL_error(L, "%s: there is no \"%s\"; did you mean \"%s\"?", what,
                       key.p, best);
        lua_pop(L, 1);
    }
}

/* A name for the log: the texts, one after another. */
static void add_what(struct handler *h, const char *text)
{
    struct buf what = BUF_INIT;

    if (h->what && strlen(h->what) >= WHAT_MAX)
        return;
    if (h->what)
        buf_addf(&what, "%s, ", h->what);
    buf_adds(&what, text);
    free(h->what);
    h->what = buf_detach(&what);
}

/* --- on, use ---------------------------------------------------------------------------- */

static void add_filter(lua_State *L, int index, void *arg)
{
    struct handler *h = arg;
    const char *text = lua_tostring(L, index);
    struct filter f;
    struct err err = ERR_INIT;

    if (!filter_parse(&f, text, &err))
        luaL_error(L, "bot.on(\"%s\"): %s", text, err.text);
    handler_add_filter(h, &f);
    add_what(h, text);
}

/* bot.on(filter or filters, function) */
static int l_on(lua_State *L)
{
    struct generation *gen = register_check(L, "bot.on");
    struct handler *h;

    luaL_checktype(L, 2, LUA_TFUNCTION);
    h = register_begin(L, HANDLER_ON);
    register_each(L, 1, "bot.on", add_filter, h);
    register_end(L, gen, h, 2);
    return 0;
}

/* bot.use(function(ctx, next) … end) */
static int l_use(lua_State *L)
{
    struct generation *gen = register_check(L, "bot.use");
    struct handler *h;

    luaL_checktype(L, 1, LUA_TFUNCTION);
    h = register_begin(L, HANDLER_USE);
    h->kinds = ((uint64_t)1 << (UPDATE_KINDS + 1)) - 1;
    h->what = xstrdup("bot.use");
    register_end(L, gen, h, 1);
    return 0;
}

/* --- by texts ------------------------------------------------------------------------------ */

struct by_text {
    const char *name; /* "bot.hears" */
    enum handler_type type;
    uint64_t kinds;
    bool all;   /* may come without a text: for any */
    bool empty; /* may be the empty text: for that one */
};

#define KIND(kind) ((uint64_t)1 << (kind))

static const struct by_text by_hears = { "bot.hears", HANDLER_HEARS,
                                         KIND(UPDATE_MESSAGE) |
                                             KIND(UPDATE_CHANNEL_POST),
                                         false, false };
static const struct by_text by_callback = { "bot.callback", HANDLER_CALLBACK,
                                            KIND(UPDATE_CALLBACK_QUERY), true,
                                            false };
static const struct by_text by_game = { "bot.callback", HANDLER_GAME,
                                        KIND(UPDATE_CALLBACK_QUERY), true,
                                        false };
static const struct by_text by_inline = { "bot.inline", HANDLER_INLINE,
                                          KIND(UPDATE_INLINE_QUERY), true,
                                          true };
static const struct by_text by_chosen = { "bot.chosen", HANDLER_CHOSEN,
                                          KIND(UPDATE_CHOSEN_INLINE_RESULT),
                                          true, false };

static const struct by_text by_shipping = { "bot.shipping", HANDLER_INVOICE,
                                            KIND(UPDATE_SHIPPING_QUERY), true,
                                            false };
static const struct by_text by_pre_checkout = { "bot.pre_checkout",
                                                HANDLER_INVOICE,
                                                KIND(UPDATE_PRE_CHECKOUT_QUERY),
                                                true, false };

struct adding {
    struct handler *h;
    const struct by_text *by;
};

static void add_text(lua_State *L, int index, void *arg)
{
    struct adding *a = arg;
    struct slice text;
    struct err err = ERR_INIT;

    text.p = lua_tolstring(L, index, &text.n);
    if (!text.n && !a->by->empty)
        luaL_error(L, "an empty text or pattern would match everything");
    if (strlen(text.p) != text.n)
        luaL_error(L, "a text or pattern can't hold a NUL byte; %%z is one");
    if (!pattern_check(text.p, &err))
        luaL_error(L, "\"%s\": %s", text.p, err.text);
    handler_add_trigger(a->h, text.p, is_plain_text(text.p));
    add_what(a->h, *text.p ? text.p : "\"\"");
}

/* (texts, function), or, for any text, (function) */
static int register_by_text(lua_State *L, const struct by_text *by,
                            int function)
{
    struct generation *gen = register_check(L, by->name);
    struct adding a = { .by = by };

    luaL_checktype(L, function, LUA_TFUNCTION);
    a.h = register_begin(L, by->type);
    a.h->kinds = by->kinds;
    if (function > 1)
        register_each(L, 1, by->name, add_text, &a);
    else
        a.h->what = xstrdup(by->name);
    register_end(L, gen, a.h, function);
    return 0;
}

static int function_after_texts(lua_State *L, const struct by_text *by)
{
    return by->all && lua_isfunction(L, 1) ? 1 : 2;
}

/* bot.hears(text or Lua pattern, or a list of them, function) */
static int l_hears(lua_State *L)
{
    return register_by_text(L, &by_hears, 2);
}

/* bot.callback([data or Lua pattern, or a list of them,] [{ game = true },]
 * function) */
static int l_callback(lua_State *L)
{
    static const char *const known[] = { "game", NULL };
    int function = function_after_texts(L, &by_callback);
    bool game = false;

    register_check(L, "bot.callback");
    if (function == 2 && lua_istable(L, 2)) {
        register_check_keys(L, 2, "bot.callback", known);
        lua_getfield(L, 2, "game");
        game = lua_toboolean(L, -1);
        lua_pop(L, 1);
        function = 3;
    }
    return register_by_text(L, game ? &by_game : &by_callback, function);
}

/* bot.inline([query or Lua pattern, or a list of them,] function) */
static int l_inline(lua_State *L)
{
    return register_by_text(L, &by_inline, function_after_texts(L, &by_inline));
}

/* bot.chosen([result_id or Lua pattern, or a list of them,] function) */
static int l_chosen(lua_State *L)
{
    return register_by_text(L, &by_chosen, function_after_texts(L, &by_chosen));
}

/* bot.shipping([invoice_payload or Lua pattern, or a list of them,] function) */
static int l_shipping(lua_State *L)
{
    return register_by_text(L, &by_shipping,
                            function_after_texts(L, &by_shipping));
}

/* bot.pre_checkout([invoice_payload or Lua pattern, or a list of them,] function) */
static int l_pre_checkout(lua_State *L)
{
    return register_by_text(L, &by_pre_checkout,
                            function_after_texts(L, &by_pre_checkout));
}

/* --- reactions -------------------------------------------------------------------------------- */

static void add_reaction(lua_State *L, int index, void *arg)
{
    struct handler *h = arg;
    const char *text = lua_tostring(L, index);

    if (!*text)
        luaL_error(L, "bot.reaction: an emoji is expected, got an empty text");
    handler_add_trigger(h, text, true);
    add_what(h, text);
}

/* bot.reaction([emoji, or a list of them,] function): when one is added. Also the id
 * of a custom emoji, and "paid". */
static int l_reaction(lua_State *L)
{
    struct generation *gen = register_check(L, "bot.reaction");
    int function = lua_isfunction(L, 1) ? 1 : 2;
    struct handler *h;

    luaL_checktype(L, function, LUA_TFUNCTION);
    h = register_begin(L, HANDLER_REACTION);
    h->kinds = KIND(UPDATE_MESSAGE_REACTION);
    if (function == 2)
        register_each(L, 1, "bot.reaction", add_reaction, h);
    else
        h->what = xstrdup("bot.reaction");
    register_end(L, gen, h, function);
    return 0;
}

const luaL_Reg register_functions[] = {
    { "callback", l_callback },
    { "chosen", l_chosen },
    { "command", register_command },
    { "group", register_new_group },
    { "hears", l_hears },
    { "inline", l_inline },
    { "on", l_on },
    { "pre_checkout", l_pre_checkout },
    { "reaction", l_reaction },
    { "shipping", l_shipping },
    { "use", l_use },
    { NULL, NULL },
};
