/* mod_menu.c - the part of require "menu" that is C, for lua/moonpost.menu_data.lua: what
 * a button carries is signed, with a key made from the bot's token. */
#include <lauxlib.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>

#include "script/modules.h"
#include "script/vm.h"
#include "telegram/api.h"

#define SIGNS 8 /* of 6 bits each */

static void make_key(struct slice token, unsigned char *key)
{
    static const char word[] = "moonpost menu";
    unsigned int n = 32;

    if (!HMAC(EVP_sha256(), token.p, (int)token.n, (const unsigned char *)word,
              sizeof(word) - 1, key, &n))
        abort();
}

/* sign(text) -> 8 characters that only this bot can make of it */
static int l_sign(lua_State *L)
{
    static const char signs[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const struct tg *tg = vm_of(L)->services->tg;
    unsigned char key[EVP_MAX_MD_SIZE] = { 0 }, out[EVP_MAX_MD_SIZE];
    unsigned int n = 32;
    char text[SIGNS];
    size_t len;
    const char *p = luaL_checklstring(L, 1, &len);

    if (tg) /* not in `check` */
        make_key(tg_token(tg), key);
    if (!HMAC(EVP_sha256(), key, 32, (const unsigned char *)p, len, out, &n))
        return luaL_error(L, "a button can't be signed");
    for (size_t i = 0; i < SIGNS; i++)
        text[i] = signs[out[i] & 63];
    lua_pushlstring(L, text, SIGNS);
    return 1;
}

/* equal(a, b): in a time that does not tell where they differ */
static int l_equal(lua_State *L)
{
    size_t n, m;
    const char *a = luaL_checklstring(L, 1, &n),
               *b = luaL_checklstring(L, 2, &m);

    lua_pushboolean(L, n == m && CRYPTO_memcmp(a, b, n) == 0);
    return 1;
}

static const luaL_Reg functions[] = {
    { "equal", l_equal },
    { "sign", l_sign },
    { NULL, NULL },
};

void mod_menu_push(lua_State *L, struct generation *gen)
{
    (void)gen;
    luaL_newlib(L, functions);
}
