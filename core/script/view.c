/* view.c - a config view as a whole: see view.h and view_int.h. */
#include <stdlib.h>

#include "script/raise.h"
#include "script/recording.h"
#include "script/task.h"
#include "script/view_int.h"

#define VIEW_MT "moonpost.view"

static void forget_unfit(struct view *v)
{
    free(v->unfit);
    v->unfit = NULL;
}

static void let_go(struct view *v)
{
    config_unref(v->config);
    v->config = NULL;
    config_patch_release(&v->patch);
    forget_unfit(v);
    v->dirty = false;
}

static int view_gc(lua_State *L)
{
    let_go(lua_touserdata(L, 1));
    return 0;
}

void view_open(lua_State *L)
{
    luaL_newmetatable(L, VIEW_MT);
    lua_pushcfunction(L, view_gc);
    lua_setfield(L, -2, "__gc");
    lua_pop(L, 1);
}

/* --- a task's views ----------------------------------------------------------------- */

/* Push the root of a new view. */
static void push_view(lua_State *L, struct task *t, struct config *config)
{
    const struct recording *recording = t->vm->services->recording;
    struct view *v = lua_newuserdatauv(L, sizeof(*v), 3);
    int view = lua_gettop(L);

    if (recording)
        recording->config(recording->arg, config);
    *v = (struct view){ .chat_id = config->chat_id,
                        .ref = LUA_NOREF,
                        .gen = t->gen };
    luaL_setmetatable(L, VIEW_MT);
    v->config = config_ref(config);
    view_push_section(L, view, t->gen->schema);
    lua_pushvalue(L, -1);
    lua_setiuservalue(L, view, ROOT);
    lua_pushvalue(L, view); /* last: till then an error leaves nothing behind */
    v->ref = luaL_ref(L, LUA_REGISTRYINDEX);
    v->next = t->views;
    t->views = v;
    lua_remove(L, view);
}

struct view *view_find(const struct task *t, int64_t chat_id)
{
    struct view *v = t->views;

    while (v && v->chat_id != chat_id)
        v = v->next;
    return v;
}

static int fetched(lua_State *L, int status, lua_KContext ctx)
{
    struct task *t = task_current(L);
    const struct config_op *op = (struct config_op *)task_finished(L);
    struct err err = op->op.err;

    (void)status;
    if (err.kind)
        return raise_err(L, &err);
    /* of parallel(), another was first */
    if (view_find(t, op->config->chat_id))
        return view_with(L, t, op->config->chat_id, (lua_KFunction)ctx);
    push_view(L, t, op->config);
    return ((lua_KFunction)ctx)(L, LUA_OK, 0);
}

int view_with(lua_State *L, struct task *t, int64_t chat_id, lua_KFunction k)
{
    struct config_store *store = t->vm->services->store;
    const struct view *v = view_find(t, chat_id);
    struct config *config;
    uint32_t sections;

    if (v) {
        view_push_self(L, v);
        lua_getiuservalue(L, -1, ROOT);
        lua_remove(L, -2);
        return k(L, LUA_OK, 0);
    }
    config = config_cached(store, chat_id);
    sections = config_sections(store, t->gen->schema, 0);
    if (!config || (sections && config->partial))
        return task_wait_ctx(L, &config_fetch(store, chat_id, sections)->op,
                             (lua_KContext)k, fetched);
    push_view(L, t, config);
    return k(L, LUA_OK, 0);
}

void views_end(struct task *t)
{
    struct view *v;

    while ((v = t->views)) {
        t->views = v->next;
        let_go(v);
        luaL_unref(t->vm->L, LUA_REGISTRYINDEX, v->ref);
        v->ref = LUA_NOREF;
    }
}

void views_reset(lua_State *L, struct task *t)
{
    for (struct view *v = t->views; v; v = v->next)
        if (view_is_changed(v))
            view_reset(L, v);
}

/* --- after a long wait ------------------------------------------------------------------ */

void views_age(struct task *t)
{
    for (struct view *v = t->views; v; v = v->next)
        v->aged = true;
}

/* What was changed becomes what is to be changed in now. */
static bool rebase(lua_State *L, struct view *v, const struct config *now)
{
    struct config_patch patch;
    struct err err = ERR_INIT;

    if (!view_is_changed(v))
        return true;
    if (!view_ready(L, v, &err))
        return false;
    config_patch_copy(&patch, &v->patch);
    if (config_patch_rebase(&patch, v->gen->schema, v->config->omitted,
                            v->config->text, now->text, &err)) {
        config_patch_release(&v->patch);
        v->patch = patch;
        return true;
    }
    config_patch_release(&patch);
    return false;
}

/* The config as it is now, with all sections that the view has. Changes that don't
 * go with it stay with the old one: the commit will say so. */
static void renew(lua_State *L, struct view *v, struct config *config)
{
    v->aged = false;
    if (config->revision == v->config->revision ||
        (config->omitted & ~v->config->omitted) || !rebase(L, v, config))
        return;
    config_unref(v->config);
    v->config = config_ref(config);
    view_refill(L, v);
}

static struct view *find_aged(const struct task *t)
{
    struct view *v = t->views;

    while (v && !v->aged)
        v = v->next;
    return v;
}

/* Who goes on afterwards is at the top: its function and context. */
static int refresh_next(lua_State *L);

static int refreshed(lua_State *L, int status, lua_KContext ctx)
{
    const struct config_op *op = (struct config_op *)task_finished(L);

    (void)status;
    if (!op->op.err.kind)
        renew(L, (struct view *)ctx, op->config);
    return refresh_next(L);
}

static int refresh_next(lua_State *L)
{
    struct task *t = task_current(L);
    struct config_store *store = t->vm->services->store;
    struct config *cached;
    lua_KFunction k;
    lua_KContext ctx;
    struct view *v;
    uint32_t sections;

    while ((v = find_aged(t))) {
        cached = config_cached(store, v->chat_id);
        if (cached && !(cached->omitted & ~v->config->omitted)) {
            renew(L, v, cached);
            continue;
        }
        v->aged = false;
        sections = schema_lazy_sections(v->gen->schema) & ~v->config->omitted;
        sections = config_sections(store, v->gen->schema, sections);
        return task_wait_ctx(L, &config_fetch(store, v->chat_id, sections)->op,
                             (lua_KContext)v, refreshed);
    }
    k = (lua_KFunction)lua_touserdata(L, -2);
    ctx = (lua_KContext)lua_touserdata(L, -1);
    lua_pop(L, 2);
    return k(L, LUA_OK, ctx);
}

int views_refresh(lua_State *L, lua_KContext ctx, lua_KFunction k)
{
    if (!find_aged(task_current(L)))
        return k(L, LUA_OK, ctx);
    lua_pushlightuserdata(L, (void *)k);
    lua_pushlightuserdata(L, (void *)ctx);
    return refresh_next(L);
}

/* --- lazy sections -------------------------------------------------------------------- */

/* The lazy sections that a setting is or is in; of the root, all of them. */
static uint32_t lazy_of(const struct setting *s)
{
    if (!s->parent)
        return schema_lazy_sections(s);
    while (s->parent->parent)
        s = s->parent;
    return s->lazy;
}

static int loaded(lua_State *L, int status, lua_KContext ctx)
{
    struct view *v = (struct view *)ctx;
    lua_KContext k_ctx = (lua_KContext)lua_touserdata(L, -1);
    lua_KFunction k = (lua_KFunction)lua_touserdata(L, -2);
    uint32_t wanted = (uint32_t)lua_tointeger(L, -3);
    const struct config_op *op = (struct config_op *)task_finished(L);
    int64_t before = v->config->revision;
    struct err err = op->op.err;

    (void)status;
    lua_pop(L, 3);
    if (!err.kind && (op->config->omitted & wanted))
        err_set(&err, ERR_DATABASE, "a lazy section was not read");
    if (err.kind)
        return raise_err(L, &err);
    config_unref(v->config);
    v->config = config_ref(op->config);
    if (v->config->revision != before)
        view_refill(L, v); /* somebody has written it meanwhile */
    return k(L, LUA_OK, k_ctx);
}

static int cannot_wait(lua_State *L, const struct view *v, uint32_t wanted)
{
    const struct setting *s =
        schema_lazy_section(v->gen->schema, wanted & (~wanted + 1));
    const char *path = view_push_path(L, s);

    return luaL_error(
        L,
        "%s is loaded when it is first read, and that can't be waited for "
        "here (in __tostring, in what cjson.encode calls): read it "
        "before, as a statement of its own: local x = ctx.%s",
        path, path);
}

int view_load(lua_State *L, struct view *v, const struct setting *s,
              lua_KContext ctx, lua_KFunction k)
{
    struct config_store *store = vm_of(L)->services->store;
    uint32_t wanted = v->config->omitted, sections;

    if (wanted)
        wanted &= lazy_of(s);
    if (!wanted)
        return k(L, LUA_OK, ctx);
    if (!lua_isyieldable(L))
        return cannot_wait(L, v, wanted);
    /* not kept in v: of parallel(), several may load */
    lua_pushinteger(L, wanted);
    lua_pushlightuserdata(L, (void *)k);
    lua_pushlightuserdata(L, (void *)ctx);
    /* also those that it has: the answer takes the place of what there is */
    sections = schema_lazy_sections(v->gen->schema) & ~v->config->omitted;
    sections = config_sections(store, v->gen->schema, wanted | sections);
    return task_wait_ctx(L, &config_fetch(store, v->chat_id, sections)->op,
                         (lua_KContext)v, loaded);
}

/* --- what changed ---------------------------------------------------------------------- */

bool view_is_changed(const struct view *v)
{
    return v->dirty || v->patch.n > 0;
}

void view_push_self(lua_State *L, const struct view *v)
{
    lua_rawgeti(L, LUA_REGISTRYINDEX, v->ref);
}

/* The list or map whose metatable is at mt becomes part of the patch. */
static bool collect(lua_State *L, struct view *v, int mt, bool check,
                    struct err *err)
{
    const struct setting *node = view_node(L, mt);
    int top = lua_gettop(L);
    struct buf *path = json_push_buf(L), *json = json_push_buf(L);
    struct buf *shaped = json_push_buf(L);
    struct err why = ERR_INIT;

    setting_path(node, path);
    lua_rawgeti(L, mt, VALUES);
    if (!json_add_lua(L, -1, NULL, json, &why))
        return err_set(err, ERR_CONFIG, "config.%s: %s", path->data, why.text);
    setting_add_shaped(node, buf_slice(json), shaped);
    if (check && !setting_check(node, buf_slice(shaped), &why))
        return err_set(err, ERR_CONFIG, "config.%s", why.text);
    config_patch_set(&v->patch, path->data, buf_slice(shaped));
    lua_settop(L, top);
    return true;
}

static bool collect_all(lua_State *L, struct view *v, bool check,
                        struct err *err)
{
    int top = lua_gettop(L);
    bool ok = true;

    if (!v->dirty)
        return true;
    view_push_self(L, v);
    lua_getiuservalue(L, -1, DIRTY);
    lua_pushnil(L);
    while (ok && lua_next(L, top + 2)) { /* view, dirty, mt, true */
        ok = collect(L, v, top + 3, check, err);
        lua_settop(L, top + 3);
    }
    lua_settop(L, top);
    return ok;
}

void view_collect(lua_State *L, struct view *v)
{
    struct err err = ERR_INIT;

    if (!collect_all(L, v, false, &err))
        luaL_error(L, "%s", err.text);
}

static void forget_dirty(lua_State *L, struct view *v)
{
    if (!v->dirty)
        return;
    view_push_self(L, v);
    lua_pushnil(L);
    lua_setiuservalue(L, -2, DIRTY);
    lua_pop(L, 1);
    v->dirty = false;
}

bool view_ready(lua_State *L, struct view *v, struct err *err)
{
    if (v->unfit)
        return err_set(err, ERR_CONFIG, "%s", v->unfit);
    if (!collect_all(L, v, true, err))
        return false;
    forget_dirty(L, v);
    return true;
}

bool view_is_set(lua_State *L, struct view *v, const struct setting *leaf)
{
    struct buf path = BUF_INIT;
    bool is_reset, is_set;

    view_collect(L, v);
    setting_path(leaf, &path);
    if (config_patch_has(&v->patch, path.data, &is_reset))
        is_set = !is_reset;
    else
        setting_value(leaf, v->config->text, &is_set);
    buf_release(&path);
    return is_set;
}

void view_refill(lua_State *L, struct view *v)
{
    int top = lua_gettop(L);
    struct buf *document = json_push_buf(L);

    config_patch_apply(&v->patch, v->config->text, document);
    view_push_self(L, v);
    lua_getiuservalue(L, -1, SECTIONS); /* document, view, mt */
    while (lua_istable(L, top + 3)) {
        view_refill_section(L, top + 2, top + 3, buf_slice(document));
        lua_settop(L, top + 3);
        lua_rawgeti(L, top + 3, BEFORE);
        lua_replace(L, top + 3);
    }
    lua_settop(L, top);
}

void view_reset(lua_State *L, struct view *v)
{
    config_patch_release(&v->patch);
    forget_unfit(v);
    forget_dirty(L, v);
    view_refill(L, v);
}

/* What was not in the commit was changed in what the commit was to make. If it does
 * not go with what was stored, the next commit says so. */
static void rebase_rest(struct view *v, const struct config_op *op)
{
    struct buf made = BUF_INIT;
    struct err err = ERR_INIT;

    if (!v->patch.n)
        return;
    config_patch_apply(&op->patch, v->config->text, &made);
    if (!config_patch_rebase(&v->patch, v->gen->schema, v->config->omitted,
                             buf_slice(&made), op->config->text, &err))
        v->unfit = xstrdup(err.text);
    buf_release(&made);
}

void view_committed(lua_State *L, struct view *v, const struct config_op *op)
{
    /* after a row that was deleted, the next one goes on counting */
    bool only_ours =
        op->config->revision == v->config->revision + 1 && op->conflicts == 0;

    /* not all of it: parallel() may have added some */
    config_patch_drop(&v->patch, &op->patch);
    if (!only_ours) {
        view_collect(L, v);
        rebase_rest(v, op);
    }
    config_unref(v->config);
    v->config = config_ref(op->config);
    if (!only_ours) /* somebody else wrote too: read all of it anew */
        view_refill(L, v);
}
