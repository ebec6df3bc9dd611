/* chunks.c - see chunks.h. */
#include "script/chunks.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

struct chunk {
    char *path;
    struct buf text;
    int function; /* reference in the registry; LUA_NOREF: it has a mistake */
    int round;    /* the loading that used it last */
};

struct chunks {
    struct chunk *list; /* by path */
    size_t n;
    int round, compiled;
};

static const char key;

static void release(struct chunk *c)
{
    free(c->path);
    buf_release(&c->text);
}

static int chunks_gc(lua_State *L)
{
    struct chunks *all = lua_touserdata(L, 1);

    for (size_t i = 0; i < all->n; i++)
        release(&all->list[i]);
    free(all->list);
    *all = (struct chunks){ 0 };
    return 0;
}

/* Makes them when first asked for. */
static struct chunks *chunks_of(lua_State *L)
{
    struct chunks *all;

    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &key) == LUA_TNIL) {
        lua_pop(L, 1);
        all = lua_newuserdatauv(L, sizeof(*all), 0);
        *all = (struct chunks){ 0 };
        lua_createtable(L, 0, 1);
        lua_pushcfunction(L, chunks_gc);
        lua_setfield(L, -2, "__gc");
        lua_setmetatable(L, -2);
        lua_pushvalue(L, -1);
        lua_rawsetp(L, LUA_REGISTRYINDEX, &key);
    }
    all = lua_touserdata(L, -1);
    lua_pop(L, 1);
    return all;
}

/* Where it is, or would be. */
static size_t find(const struct chunks *all, const char *path, bool *found)
{
    size_t low = 0, high = all->n;

    *found = false;
    while (low < high && !*found) {
        size_t middle = (low + high) / 2;
        int c = strcmp(all->list[middle].path, path);

        if (c == 0) {
            low = middle;
            *found = true;
        } else if (c < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static struct chunk *get(struct chunks *all, const char *path)
{
    bool found;
    size_t i = find(all, path, &found);

    if (found)
        return &all->list[i];
    all->list = xrealloc(all->list, (all->n + 1) * sizeof(*all->list));
    memmove(&all->list[i + 1], &all->list[i],
            (all->n - i) * sizeof(*all->list));
    all->n++;
    all->list[i] = (struct chunk){ .path = xstrdup(path),
                                   .text = BUF_INIT,
                                   .function = LUA_NOREF };
    return &all->list[i];
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

static void compile(lua_State *L, struct chunk *c)
{
    struct slice source = skip_head(buf_slice(&c->text));
    const char *name = lua_pushfstring(L, "@%s", c->path);

    luaL_unref(L, LUA_REGISTRYINDEX, c->function);
    c->function = LUA_NOREF;
    if (source.n && *source.p == *LUA_SIGNATURE)
        luaL_error(L, "%s: compiled Lua is not loaded, only its text", c->path);
    if (luaL_loadbufferx(L, source.p, source.n, name, "t") != LUA_OK)
        lua_error(L);
    c->function = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_pop(L, 1);
}

/* Functions of an earlier call keep the variable that they have. */
static void give_new_env(lua_State *L)
{
    if (luaL_loadbufferx(L, "", 0, "=", "t") != LUA_OK)
        lua_error(L);
    lua_upvaluejoin(L, -2, 1, -1, 1);
    lua_pop(L, 1);
}

void chunks_begin(lua_State *L)
{
    struct chunks *all = chunks_of(L);

    all->round++;
    all->compiled = 0;
}

void chunks_push(lua_State *L, const char *path, struct buf *text)
{
    struct chunks *all = chunks_of(L);
    struct chunk *c = get(all, path);
    bool same = c->text.len == text->len &&
                memcmp(c->text.data, text->data, text->len) == 0;

    c->round = all->round;
    if (!same || c->function == LUA_NOREF) {
        buf_move(&c->text, text);
        all->compiled++;
        compile(L, c);
    }
    lua_rawgeti(L, LUA_REGISTRYINDEX, c->function);
    give_new_env(L);
}

static bool is_host(const struct chunk *c)
{
    return strncmp(c->path, CHUNKS_OF_HOST, strlen(CHUNKS_OF_HOST)) == 0;
}

void chunks_end(lua_State *L)
{
    struct chunks *all = chunks_of(L);
    size_t n = 0;

    for (size_t i = 0; i < all->n; i++) {
        struct chunk *c = &all->list[i];

        if (c->round == all->round || is_host(c)) {
            all->list[n++] = *c;
        } else {
            luaL_unref(L, LUA_REGISTRYINDEX, c->function);
            release(c);
        }
    }
    all->n = n;
}

struct slice chunks_text(lua_State *L, const char *path)
{
    struct chunks *all = chunks_of(L);
    bool found;
    size_t i = find(all, path, &found);

    return found ? buf_slice(&all->list[i].text) : SLICE_NONE;
}

int chunks_compiled(lua_State *L)
{
    return chunks_of(L)->compiled;
}

int chunks_kept(lua_State *L)
{
    const struct chunks *all = chunks_of(L);
    int n = 0;

    for (size_t i = 0; i < all->n; i++)
        n += all->list[i].function != LUA_NOREF;
    return n;
}

/* FNV-1a, then mixed. */
uint64_t chunks_hash(struct slice text)
{
    uint64_t h = 0xcbf29ce484222325u;

    for (size_t i = 0; i < text.n; i++)
        h = (h ^ (unsigned char)text.p[i]) * 0x100000001b3u;
    h ^= h >> 32;
    return h * 0x9e3779b97f4a7c15u ^ text.n;
}
