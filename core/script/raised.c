/* raised.c - see raised.h. */
#include "script/raised.h"

#include <ctype.h>
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#define SHOWN_MAX 130 /* bytes of all, when no more is begun */
#define TEXT_MAX 60   /* of a text in it */
#define KEYS_MAX 16   /* of a table */
#define DEPTH_MAX 2

static bool has_tostring(lua_State *L, int index)
{
    if (luaL_getmetafield(L, index, "__tostring") == LUA_TNIL &&
        luaL_getmetafield(L, index, "__name") == LUA_TNIL)
        return false;
    lua_pop(L, 1);
    return true;
}

bool raised_is_no_text(lua_State *L, int index)
{
    int type = lua_type(L, index);

    if (type == LUA_TTABLE)
        return !has_tostring(L, index);
    return type == LUA_TFUNCTION || type == LUA_TBOOLEAN || type == LUA_TNIL;
}

/* --- values ------------------------------------------------------------------- */

static bool continues(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

static void add_text(struct buf *out, const char *text, size_t n)
{
    size_t shown = n < TEXT_MAX ? n : TEXT_MAX;

    while (shown > 0 && shown < n && continues(text[shown]))
        shown--;
    buf_addc(out, '"');
    for (size_t i = 0; i < shown; i++) {
        if (text[i] == '\n')
            buf_adds(out, "\\n");
        else if (iscntrl((unsigned char)text[i]))
            buf_addf(out, "\\%03d", (unsigned char)text[i]);
        else
            buf_addc(out, text[i]);
    }
    buf_adds(out, shown < n ? "…\"" : "\"");
}

static void add_table(lua_State *L, int index, int depth, struct buf *out,
                      size_t end);

static void add_value(lua_State *L, int index, int depth, struct buf *out,
                      size_t end)
{
    size_t n;
    const char *text;

    switch (lua_type(L, index)) {
    case LUA_TSTRING:
        text = lua_tolstring(L, index, &n);
        add_text(out, text, n);
        break;
    case LUA_TNUMBER:
        if (lua_isinteger(L, index))
            buf_addf(out, "%lld", (long long)lua_tointeger(L, index));
        else
            buf_addf(out, "%.14g", lua_tonumber(L, index));
        break;
    case LUA_TBOOLEAN:
        buf_adds(out, lua_toboolean(L, index) ? "true" : "false");
        break;
    case LUA_TTABLE: add_table(L, index, depth, out, end); break;
    default: buf_adds(out, luaL_typename(L, index));
    }
}

/* --- tables -------------------------------------------------------------------- */

/* A key and its value are on the stack. */
struct pair {
    lua_State *L;
    int key;
};

/* Numbers first, then texts, then the rest. */
static int rank(int type)
{
    return type == LUA_TNUMBER ? 0 : type == LUA_TSTRING ? 1 : 2;
}

static int by_key(const void *a, const void *b)
{
    const struct pair *x = a, *y = b;
    int tx = lua_type(x->L, x->key), ty = lua_type(y->L, y->key);

    if (rank(tx) != rank(ty))
        return rank(tx) - rank(ty);
    if (tx == LUA_TSTRING)
        return strcmp(lua_tostring(x->L, x->key), lua_tostring(y->L, y->key));
    if (tx == LUA_TNUMBER) {
        lua_Number m = lua_tonumber(x->L, x->key),
                   n = lua_tonumber(y->L, y->key);

        return (m > n) - (m < n);
    }
    return x->key - y->key;
}

static bool is_name(struct slice text)
{
    for (size_t i = 0; i < text.n; i++)
        if (!isalnum((unsigned char)text.p[i]) && text.p[i] != '_')
            return false;
    return text.n > 0 && text.n < TEXT_MAX && !isdigit((unsigned char)*text.p);
}

/* "code = ", "[5] = ", nothing for the next of a list. */
static void add_key(lua_State *L, int key, int place, struct buf *out)
{
    struct slice text = SLICE_NONE;

    if (lua_isinteger(L, key) && lua_tointeger(L, key) == place)
        return;
    if (lua_type(L, key) == LUA_TSTRING)
        text.p = lua_tolstring(L, key, &text.n);
    if (is_name(text)) {
        buf_addf(out, "%s = ", text.p);
        return;
    }
    buf_addc(out, '[');
    if (lua_type(L, key) == LUA_TTABLE)
        buf_adds(out, "table");
    else
        add_value(L, key, 0, out, 0);
    buf_adds(out, "] = ");
}

/* The first keys that come, with their values; *more: there are others. */
static int push_pairs(lua_State *L, int index, struct pair *pairs, bool *more)
{
    int n = 0;

    *more = false;
    lua_pushnil(L);
    while (lua_next(L, index)) { /* …, key, value */
        if (n == KEYS_MAX) {
            lua_pop(L, 2);
            *more = true;
            break;
        }
        pairs[n++] = (struct pair){ L, lua_gettop(L) - 1 };
        lua_pushvalue(L, -2);
    }
    return n;
}

static void add_table(lua_State *L, int index, int depth, struct buf *out,
                      size_t end)
{
    struct pair pairs[KEYS_MAX];
    int top = lua_gettop(L), n, i;
    bool more;

    if (depth == DEPTH_MAX || !lua_checkstack(L, 2 * KEYS_MAX + 6)) {
        buf_adds(out, "table");
        return;
    }
    n = push_pairs(L, index, pairs, &more);
    qsort(pairs, (size_t)n, sizeof(*pairs), by_key);
    buf_adds(out, n ? "{ " : "{}");
    for (i = 0; i < n && out->len < end; i++) {
        buf_adds(out, i ? ", " : "");
        add_key(L, pairs[i].key, i + 1, out);
        add_value(L, pairs[i].key + 1, depth + 1, out, end);
    }
    if (n)
        buf_adds(out, more || i < n ? ", … }" : " }");
    lua_settop(L, top);
}

void raised_add(lua_State *L, int index, struct buf *out)
{
    index = lua_absindex(L, index);
    buf_addf(out, "raised a %s, not a text", luaL_typename(L, index));
    if (lua_type(L, index) != LUA_TTABLE)
        return;
    buf_adds(out, ": ");
    add_table(L, index, 0, out, out->len + SHOWN_MAX);
}
