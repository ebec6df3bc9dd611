/* ctx_args.c - see ctx_args.h. */
#include "script/ctx_args.h"

#include <lauxlib.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "script/task.h"

/* Push what stands after the command, unescaped. */
static struct slice push_text(lua_State *L, const struct task *t)
{
    struct slice raw = t->in->u.command_args, text;
    luaL_Buffer b;
    char *to = luaL_buffinitsize(L, &b, raw.n);

    luaL_pushresultsize(&b, json_unescape(to, raw));
    text.p = lua_tolstring(L, -1, &text.n);
    return text;
}

/* --- ctx.args ------------------------------------------------------------------- */

/* As keyboards write them: phones make “ of ". */
static const struct quotes {
    const char *open, *close;
} quotes[] = {
    { "\"", "\"" },
    { "'", "'" },
    { "\xE2\x80\x9C", "\xE2\x80\x9D" }, /* “ ” */
    { "\xE2\x80\x9E", "\xE2\x80\x9C" }, /* „ “ */
    { "\xE2\x80\x9E", "\xE2\x80\x9D" }, /* „ ” */
    { "\xC2\xAB", "\xC2\xBB" },         /* « » */
};

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool begins(struct slice text, const char *with)
{
    size_t n = strlen(with);

    return text.n >= n && memcmp(text.p, with, n) == 0;
}

static void skip(struct slice *text, size_t n)
{
    text->p += n;
    text->n -= n;
}

/* Where the closing quote stands in text, which is after the opening one: behind
 * it the argument ends. NULL: nowhere, so it was none. */
static const char *find_close(struct slice text, const char *close)
{
    size_t n = strlen(close);

    while (text.n) {
        if (text.p[0] == '\\' && text.n > 1) {
            skip(&text, 2);
            continue;
        }
        if (begins(text, close) && (text.n == n || is_space(text.p[n])))
            return text.p;
        skip(&text, 1);
    }
    return NULL;
}

/* Push it without the backslashes before quotes and backslashes. */
static void push_unquoted(lua_State *L, struct slice text)
{
    luaL_Buffer b;

    luaL_buffinit(L, &b);
    for (; text.n; skip(&text, 1)) {
        if (text.p[0] == '\\' && text.n > 1 && strchr("\"'\\", text.p[1]))
            skip(&text, 1);
        luaL_addchar(&b, text.p[0]);
    }
    luaL_pushresult(&b);
}

/* Does an argument in quotes begin here? Then push it, and skip it. */
static bool push_quoted(lua_State *L, struct slice *text)
{
    for (size_t i = 0; i < ARRAY_LEN(quotes); i++) {
        struct slice rest = *text;
        const char *end;

        if (!begins(rest, quotes[i].open))
            continue;
        skip(&rest, strlen(quotes[i].open));
        end = find_close(rest, quotes[i].close);
        if (!end)
            continue;
        push_unquoted(L, (struct slice){ rest.p, (size_t)(end - rest.p) });
        skip(&rest, (size_t)(end - rest.p) + strlen(quotes[i].close));
        *text = rest;
        return true;
    }
    return false;
}

static void push_word(lua_State *L, struct slice *text)
{
    size_t n = 0;

    while (n < text->n && !is_space(text->p[n]))
        n++;
    lua_pushlstring(L, text->p, n);
    skip(text, n);
}

int ctx_get_args(lua_State *L, struct task *t)
{
    struct slice text = push_text(L, t); /* the stack keeps it */
    lua_Integer i = 0;

    lua_newtable(L);
    for (;;) {
        while (text.n && is_space(text.p[0]))
            skip(&text, 1);
        if (!text.n)
            return 1;
        if (!push_quoted(L, &text))
            push_word(L, &text);
        lua_rawseti(L, -2, ++i);
    }
}

/* --- ctx.payload ------------------------------------------------------------------ */

/* Of https://t.me/bot?start=payload, which arrives as "/start payload". */
int ctx_get_payload(lua_State *L, struct task *t)
{
    struct slice command = t->in->u.command;

    if (command.n == 5 && strncasecmp(command.p, "start", 5) == 0 &&
        t->in->u.command_args.n)
        push_text(L, t);
    else
        lua_pushnil(L);
    return 1;
}
