/* dispatch_groups.c - see dispatch_groups.h. */
#include "script/dispatch_groups.h"

#include <string.h>

#include "base/json.h"
#include "script/ctx.h"
#include "script/task.h"

#define ASKED 2 /* the userdata's place on the stack */

/* What is known of a group: first the administrator, then the function. */
enum known { NOTHING, MEMBER_FITS, HOLDS, FAILS };

struct asked {
    int asking;      /* the group that was asked for last */
    uint8_t known[]; /* by number - 1 */
};

static struct asked *asked_of(lua_State *L)
{
    return lua_touserdata(L, ASKED);
}

/* Made when it is first needed: most updates need none. */
static struct asked *make_asked(lua_State *L, const struct handlers *hs)
{
    size_t n = (size_t)hs->ngroups;
    struct asked *a;

    if (!lua_isnil(L, ASKED))
        return asked_of(L);
    a = lua_newuserdatauv(L, sizeof(*a) + n, 0);
    memset(a, 0, sizeof(*a) + n);
    lua_replace(L, ASKED);
    return a;
}

/* Of the group and those around it, the outermost whose answer is not known. */
static const struct group *next_to_ask(const struct handlers *hs,
                                       const struct asked *a, int number,
                                       int *found)
{
    const struct group *g = handlers_group(hs, number), *next;

    if (!g || !g->asks)
        return NULL;
    next = next_to_ask(hs, a, g->parent, found);
    if (next || a->known[number - 1] >= HOLDS)
        return next;
    *found = number;
    return g;
}

static bool fails(const struct handlers *hs, const struct asked *a, int number)
{
    for (; number; number = handlers_group(hs, number)->parent)
        if (a->known[number - 1] == FAILS)
            return true;
    return false;
}

/* --- asking --------------------------------------------------------------------- */

/* ctx:is_admin(), or ctx:rights(), which is a table. Where there is no chat, or
 * no person, nobody is an administrator; in private everybody is. */
static void ask_member(lua_State *L, const struct group *g,
                       const struct update *u, lua_KContext context,
                       lua_KFunction k)
{
    bool private = slice_eq(json_raw(json_get(u->chat, "type")), "private");
    bool from_nobody = !u->user_id && !json_get(u->message, "sender_chat").p &&
                       !json_get(u->payload, "actor_chat").p;

    if (private || !u->chat_id || from_nobody) {
        lua_pushboolean(L, private);
        return;
    }
    lua_getfield(L, 1, g->rights ? "rights" : "is_admin");
    lua_pushvalue(L, 1);
    lua_callk(L, 1, 1, context, k);
}

static void ask_function(lua_State *L, const struct task *t, int number,
                         lua_KContext context, lua_KFunction k)
{
    lua_rawgeti(L, LUA_REGISTRYINDEX, t->gen->functions_ref);
    lua_rawgeti(L, -1, -number);
    lua_remove(L, -2);
    lua_pushvalue(L, 1);
    lua_callk(L, 1, 1, context, k);
}

/* Of what is asked: the handler, the group, and whether its administrators are known.
 * Several of parallel() may be asking. */
static lua_KContext pack(int number, int asking, uint8_t known)
{
    return (lua_KContext)number | (lua_KContext)asking << 32 |
           (lua_KContext)known << 61;
}

int groups_hold(lua_State *L, int group, int number, lua_KFunction k)
{
    lua_KContext context;
    const struct task *t = ctx_task(L, 1);
    const struct handlers *hs = &t->gen->handlers;
    struct asked *a = make_asked(L, hs);
    const struct group *g;

    if (fails(hs, a, group))
        return 0;
    g = next_to_ask(hs, a, group, &a->asking);
    if (!g)
        return 1;
    context = pack(number, a->asking, a->known[a->asking - 1]);
    if (a->known[a->asking - 1] == NOTHING &&
        (g->admin != ADMIN_ANY || g->rights))
        ask_member(L, g, &t->in->u, context, k);
    else if (a->known[a->asking - 1] == NOTHING || !g->has_when)
        lua_pushboolean(L, true);
    else
        ask_function(L, t, a->asking, context, k);
    return -1;
}

/* What is at the top: a boolean or so, or a table of rights. */
static bool is_yes(lua_State *L, const struct group *g, uint8_t known)
{
    bool yes = lua_toboolean(L, -1);
    int top = lua_gettop(L);

    if (known != NOTHING || !lua_istable(L, top))
        return yes;
    for (char **right = g->rights; yes && right && *right; right++) {
        lua_getfield(L, top, *right);
        yes = lua_toboolean(L, -1);
        lua_pop(L, 1);
    }
    return yes;
}

void groups_answer(lua_State *L)
{
    struct asked *a = asked_of(L);
    const struct group *g =
        handlers_group(&ctx_task(L, 1)->gen->handlers, a->asking);
    uint8_t *known = &a->known[a->asking - 1];
    bool yes = is_yes(L, g, *known);

    if (*known == NOTHING && g->admin == ADMIN_NO)
        yes = !yes;
    *known = !yes ? FAILS : *known == NOTHING ? MEMBER_FITS : HOLDS;
    lua_pop(L, 1);
}

int groups_answered(lua_State *L, lua_KContext context)
{
    struct asked *a = asked_of(L);
    int asking = (int)(context >> 32 & 0xffffff);

    if (a->known[asking - 1] == context >> 61) {
        a->asking = asking;
        groups_answer(L);
    } else {
        lua_pop(L, 1); /* the same was asked, and answered before */
    }
    return (int)(context & 0x7fffffff);
}
