/*
 * mod_utf16.c - require "utf16": Telegram counts the offsets and lengths of entities
 * in UTF-16 units, from 0; Lua counts bytes, from 1.
 */
#include <lauxlib.h>

#include "script/modules.h"
#include "telegram/text_scan.h"

/* Go over text until unit units or byte bytes have been passed; in the end both say
 * where. A character that begins before either is passed as a whole. */
static void advance(struct slice text, size_t *byte, size_t *unit,
                    size_t max_byte, size_t max_unit)
{
    while (*byte < text.n && *byte < max_byte && *unit < max_unit) {
        size_t n;
        uint32_t c = text_code_point(text.p + *byte, text.n - *byte, &n);

        *byte += n;
        *unit += c > 0xFFFF ? 2 : 1;
    }
}

static struct slice check_text(lua_State *L)
{
    struct slice text;

    text.p = luaL_checklstring(L, 1, &text.n);
    return text;
}

static size_t check_count(lua_State *L, int arg)
{
    lua_Integer n = luaL_checkinteger(L, arg);

    luaL_argcheck(L, n >= 0, arg, "can't be negative");
    return (size_t)n;
}

/* utf16.len(text) -> its units */
static int utf16_len(lua_State *L)
{
    size_t byte = 0, unit = 0;

    advance(check_text(L), &byte, &unit, SIZE_MAX, SIZE_MAX);
    lua_pushinteger(L, (lua_Integer)unit);
    return 1;
}

/* utf16.sub(text, offset [, length]) -> what an entity covers */
static int utf16_sub(lua_State *L)
{
    struct slice text = check_text(L);
    size_t offset = check_count(L, 2), byte = 0, unit = 0, from;
    size_t length =
        lua_isnoneornil(L, 3) ? SIZE_MAX - offset : check_count(L, 3);

    advance(text, &byte, &unit, SIZE_MAX, offset);
    from = byte;
    if (length > SIZE_MAX - offset)
        length = SIZE_MAX - offset;
    advance(text, &byte, &unit, SIZE_MAX, offset + length);
    lua_pushlstring(L, text.p + from, byte - from);
    return 1;
}

/* utf16.offset(text, index) -> the units before the byte at index, as string.find()
 * gives it */
static int utf16_offset(lua_State *L)
{
    struct slice text = check_text(L);
    lua_Integer index = luaL_checkinteger(L, 2);
    size_t byte = 0, unit = 0;

    luaL_argcheck(L, index >= 1 && (size_t)index <= text.n + 1, 2,
                  "is not in the text");
    advance(text, &byte, &unit, (size_t)index - 1, SIZE_MAX);
    lua_pushinteger(L, (lua_Integer)unit);
    return 1;
}

/* utf16.index(text, offset) -> the byte that an entity's offset means, from 1 */
static int utf16_index(lua_State *L)
{
    size_t byte = 0, unit = 0;

    advance(check_text(L), &byte, &unit, SIZE_MAX, check_count(L, 2));
    lua_pushinteger(L, (lua_Integer)byte + 1);
    return 1;
}

void mod_utf16_push(lua_State *L, struct generation *gen)
{
    static const luaL_Reg functions[] = {
        { "index", utf16_index },
        { "len", utf16_len },
        { "offset", utf16_offset },
        { "sub", utf16_sub },
        { NULL, NULL },
    };

    (void)gen;
    luaL_newlib(L, functions);
}
