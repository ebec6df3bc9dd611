/* dispatch_groups.c - see dispatch_groups.h. */
#include "script/dispatch_groups.h"

#include <string.h>

#include "base/json.h"
#include "script/call.h"
#include "script/ctx.h"
#include "script/raise.h"
#include "script/task.h"

#define ASKED 2 /* the userdata's place on the stack */

/* What is known of a group: first the administrator, then the function. */
enum known { NOTHING, MEMBER_FITS, HOLDS, FAILS };

struct asked {
    int asking;      /* the group that was asked for last */
    lua_KFunction k; /* who waits for the answer */
    uint8_t known[]; /* by number - 1 */
};

void groups_push(lua_State *L, const struct handlers *hs)
{
    size_t n = (size_t)hs->ngroups;
    struct asked *a = lua_newuserdatauv(L, sizeof(*a) + n, 0);

    memset(a, 0, sizeof(*a) + n);
}

static struct asked *asked_of(lua_State *L)
{
    return lua_touserdata(L, ASKED);
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

/* --- administrators ------------------------------------------------------------- */

static bool has_rights(struct slice member, char *const *rights)
{
    struct slice status = json_raw(json_get(member, "status"));

    if (slice_eq(status, "creator"))
        return true;
    if (!slice_eq(status, "administrator"))
        return false;
    for (; rights && *rights; rights++)
        if (!json_is_true(json_get(member, *rights)))
            return false;
    return true;
}

static int member_known(lua_State *L, int status, lua_KContext context)
{
    const struct tg_op *op = (struct tg_op *)task_finished(L);
    const struct asked *a = asked_of(L);
    const struct group *g =
        handlers_group(&ctx_task(L, 1)->gen->handlers, a->asking);

    /* A person whom Telegram does not find in the chat is no administrator. */
    if (op->op.err.kind && op->error_code != 400)
        return raise_tg(L, op, "getChatMember");
    lua_pushboolean(L, !op->op.err.kind && has_rights(op->result, g->rights));
    return a->k(L, status, context);
}

static int ask_member(lua_State *L, const struct update *u,
                      lua_KContext context)
{
    struct slice type = json_raw(json_get(u->chat, "type"));
    struct buf body = BUF_INIT;

    if (!u->user_id || !u->chat_id || slice_eq(type, "private")) {
        lua_pushboolean(L, slice_eq(type, "private"));
        return -1;
    }
    buf_addf(&body, "{\"chat_id\":%lld,\"user_id\":%lld}",
             (long long)u->chat_id, (long long)u->user_id);
    return task_wait_ctx(L,
                         &call_start(L, &(struct tg_call){ .method =
                                                               "getChatMember",
                                                           .body = &body })
                              ->op,
                         context, member_known);
}

/* --- asking --------------------------------------------------------------------- */

static void ask_function(lua_State *L, const struct task *t, int number,
                         lua_KContext context, lua_KFunction k)
{
    lua_rawgeti(L, LUA_REGISTRYINDEX, t->gen->functions_ref);
    lua_rawgeti(L, -1, -number);
    lua_remove(L, -2);
    lua_pushvalue(L, 1);
    lua_callk(L, 1, 1, context, k);
}

int groups_hold(lua_State *L, int group, lua_KContext context, lua_KFunction k)
{
    const struct task *t = ctx_task(L, 1);
    const struct handlers *hs = &t->gen->handlers;
    struct asked *a = asked_of(L);
    const struct group *g;

    if (fails(hs, a, group))
        return 0;
    g = next_to_ask(hs, a, group, &a->asking);
    a->k = k;
    if (!g)
        return 1;
    if (a->known[a->asking - 1] == NOTHING &&
        (g->admin != ADMIN_ANY || g->rights))
        return ask_member(L, &t->in->u, context);
    else if (a->known[a->asking - 1] == NOTHING || !g->has_when)
        lua_pushboolean(L, true);
    else
        ask_function(L, t, a->asking, context, k);
    return -1;
}

void groups_answer(lua_State *L)
{
    struct asked *a = asked_of(L);
    const struct group *g =
        handlers_group(&ctx_task(L, 1)->gen->handlers, a->asking);
    uint8_t *known = &a->known[a->asking - 1];
    bool yes = lua_toboolean(L, -1);

    if (*known == NOTHING && g->admin == ADMIN_NO)
        yes = !yes;
    *known = !yes ? FAILS : *known == NOTHING ? MEMBER_FITS : HOLDS;
    lua_pop(L, 1);
}
