/* mod_crypto.c - require "crypto": digests, random values, encodings; the rest is
 * mod_crypto_signed.c. */
#include <ctype.h>
#include <lauxlib.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

#include "script/crypto.h"
#include "script/json_lua.h"
#include "script/modules.h"

#define RANDOM_MAX 65536

static struct slice check_bytes(lua_State *L, int arg)
{
    struct slice s;

    s.p = luaL_checklstring(L, arg, &s.n);
    return s;
}

/* --- encodings ------------------------------------------------------------------- */

static const char base64_signs[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char base64url_signs[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void push_hex(lua_State *L, struct slice s)
{
    static const char digits[] = "0123456789abcdef";
    luaL_Buffer b;
    char *out = luaL_buffinitsize(L, &b, s.n * 2);

    for (size_t i = 0; i < s.n; i++) {
        out[i * 2] = digits[(unsigned char)s.p[i] >> 4];
        out[i * 2 + 1] = digits[(unsigned char)s.p[i] & 15];
    }
    luaL_pushresultsize(&b, s.n * 2);
}

static void push_base64(lua_State *L, struct slice s, bool url)
{
    const char *signs = url ? base64url_signs : base64_signs;
    const unsigned char *p = (const unsigned char *)s.p;
    luaL_Buffer b;
    char *out = luaL_buffinitsize(L, &b, (s.n + 2) / 3 * 4);
    size_t n = 0;

    for (size_t i = 0; i < s.n; i += 3) {
        size_t left = s.n - i;
        unsigned v = (unsigned)p[i] << 16 |
                     (left > 1 ? (unsigned)p[i + 1] << 8 : 0) |
                     (left > 2 ? (unsigned)p[i + 2] : 0);

        out[n++] = signs[v >> 18];
        out[n++] = signs[v >> 12 & 63];
        if (left > 1 || !url)
            out[n++] = left > 1 ? signs[v >> 6 & 63] : '=';
        if (left > 2 || !url)
            out[n++] = left > 2 ? signs[v & 63] : '=';
    }
    luaL_pushresultsize(&b, n);
}

/* Of both alphabets; -1: none of them. */
static int base64_value(char c)
{
    const char *at;

    if (c == '-')
        return 62;
    if (c == '_')
        return 63;
    at = c ? strchr(base64_signs, c) : NULL;
    return at ? (int)(at - base64_signs) : -1;
}

/* Without the = at the end; false: it is no base64. */
static bool trim_base64(struct slice *s)
{
    size_t padded = s->n;

    while (s->n && padded - s->n < 2 && s->p[s->n - 1] == '=')
        s->n--;
    return s->n % 4 != 1 && (padded == s->n || padded % 4 == 0);
}

/* from_base64(text) -> bytes, or nil: base64 and base64url, with = or without */
static int l_from_base64(lua_State *L)
{
    struct slice s = check_bytes(L, 1);
    unsigned v = 0;
    int bits = 0;
    luaL_Buffer b;

    luaL_buffinit(L, &b);
    if (!trim_base64(&s))
        goto bad;
    for (size_t i = 0; i < s.n; i++) {
        int value = base64_value(s.p[i]);

        if (value < 0)
            goto bad;
        v = (v << 6 | (unsigned)value) & 0xffff;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            luaL_addchar(&b, (char)(v >> bits & 255));
        }
    }
    luaL_pushresult(&b);
    return 1;
bad:
    luaL_pushresult(&b);
    lua_pushnil(L);
    return 1;
}

int crypto_hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)tolower((unsigned char)c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* from_hex(text) -> bytes, or nil */
static int l_from_hex(lua_State *L)
{
    struct slice s = check_bytes(L, 1);
    luaL_Buffer b;
    char *out;

    if (s.n % 2) {
        lua_pushnil(L);
        return 1;
    }
    out = luaL_buffinitsize(L, &b, s.n / 2);
    for (size_t i = 0; i < s.n; i += 2) {
        int high = crypto_hex_value(s.p[i]), low = crypto_hex_value(s.p[i + 1]);

        if (high < 0 || low < 0) {
            luaL_pushresultsize(&b, 0);
            lua_pushnil(L);
            return 1;
        }
        out[i / 2] = (char)(high << 4 | low);
    }
    luaL_pushresultsize(&b, s.n / 2);
    return 1;
}

static int l_hex(lua_State *L)
{
    push_hex(L, check_bytes(L, 1));
    return 1;
}

static int l_base64(lua_State *L)
{
    push_base64(L, check_bytes(L, 1), false);
    return 1;
}

static int l_base64url(lua_State *L)
{
    push_base64(L, check_bytes(L, 1), true);
    return 1;
}

/* The bytes as the argument at arg says: "hex" if it is nil. */
static int push_as(lua_State *L, struct slice s, int arg)
{
    static const char *const ways[] = { "hex", "raw", "base64", "base64url",
                                        NULL };

    switch (luaL_checkoption(L, arg, "hex", ways)) {
    case 0: push_hex(L, s); break;
    case 1: lua_pushlstring(L, s.p, s.n); break;
    case 2: push_base64(L, s, false); break;
    default: push_base64(L, s, true); break;
    }
    return 1;
}

/* --- digests ------------------------------------------------------------------------ */

/* Out of what OpenSSL needs is being out of memory. */
static struct slice digest(const EVP_MD *md, struct slice s, unsigned char *out)
{
    unsigned n = 0;

    if (!EVP_Digest(s.p, s.n, out, &n, md, NULL))
        abort();
    return (struct slice){ (char *)out, n };
}

static struct slice hmac(const EVP_MD *md, struct slice key, struct slice s,
                         unsigned char *out)
{
    unsigned n = 0;

    if (!HMAC(md, key.p, (int)key.n, (const unsigned char *)s.p, s.n, out, &n))
        abort();
    return (struct slice){ (char *)out, n };
}

struct slice crypto_sha256(struct slice s, unsigned char *out)
{
    return digest(EVP_sha256(), s, out);
}

struct slice crypto_hmac_sha256(struct slice key, struct slice s,
                                unsigned char *out)
{
    return hmac(EVP_sha256(), key, s, out);
}

static int push_digest(lua_State *L, const EVP_MD *md)
{
    unsigned char out[CRYPTO_DIGEST_MAX];

    return push_as(L, digest(md, check_bytes(L, 1), out), 2);
}

static int l_md5(lua_State *L)
{
    return push_digest(L, EVP_md5());
}

static int l_sha1(lua_State *L)
{
    return push_digest(L, EVP_sha1());
}

static int l_sha256(lua_State *L)
{
    return push_digest(L, EVP_sha256());
}

static int l_sha512(lua_State *L)
{
    return push_digest(L, EVP_sha512());
}

static int push_hmac(lua_State *L, const EVP_MD *md)
{
    unsigned char out[CRYPTO_DIGEST_MAX];
    struct slice key = check_bytes(L, 1);

    luaL_argcheck(L, key.n <= INT32_MAX, 1, "too long");
    return push_as(L, hmac(md, key, check_bytes(L, 2), out), 3);
}

static int l_hmac_sha1(lua_State *L)
{
    return push_hmac(L, EVP_sha1());
}

static int l_hmac_sha256(lua_State *L)
{
    return push_hmac(L, EVP_sha256());
}

static int l_hmac_sha512(lua_State *L)
{
    return push_hmac(L, EVP_sha512());
}

bool crypto_equal(struct slice a, struct slice b)
{
    return a.n == b.n && CRYPTO_memcmp(a.p, b.p, a.n) == 0;
}

/* equal(a, b): takes as long whatever they differ in */
static int l_equal(lua_State *L)
{
    lua_pushboolean(L, crypto_equal(check_bytes(L, 1), check_bytes(L, 2)));
    return 1;
}

/* --- random values -------------------------------------------------------------------- */

static void fill_random(void *p, size_t n)
{
    if (n && RAND_bytes(p, (int)n) != 1)
        abort();
}

/* random(n [, "hex" …]) -> n bytes, as they are unless it says how */
static int l_random(lua_State *L)
{
    lua_Integer n = luaL_checkinteger(L, 1);
    struct buf *bytes = json_push_buf(L);

    luaL_argcheck(L, n >= 0 && n <= RANDOM_MAX, 1, "0 to 65536 bytes");
    lua_insert(L, 1);
    buf_reserve(bytes, (size_t)n + 1);
    fill_random(bytes->data, (size_t)n);
    if (lua_isnoneornil(L, 3)) {
        lua_pushlstring(L, bytes->data, (size_t)n);
        return 1;
    }
    return push_as(L, (struct slice){ bytes->data, (size_t)n }, 3);
}

/* integer(a, b): each of a … b as likely as the others */
static int l_integer(lua_State *L)
{
    lua_Integer a = luaL_checkinteger(L, 1), b = luaL_checkinteger(L, 2);
    uint64_t range = (uint64_t)b - (uint64_t)a, mask = range, v;

    luaL_argcheck(L, a <= b, 2, "must not be less than the first");
    for (int i = 1; i < 64; i *= 2)
        mask |= mask >> i;
    do {
        fill_random(&v, sizeof(v));
        v &= mask;
    } while (v > range);
    lua_pushinteger(L, (lua_Integer)((uint64_t)a + v));
    return 1;
}

/* uuid() -> "f81d4fae-7dec-41d0-a765-00a0c91e6bf6": version 4 */
static int l_uuid(lua_State *L)
{
    unsigned char b[16];
    char out[37];

    fill_random(b, sizeof(b));
    b[6] = (unsigned char)((b[6] & 15) | 0x40);
    b[8] = (unsigned char)((b[8] & 63) | 0x80);
    for (int i = 0, n = 0; i < 16; i++) {
        snprintf(out + n, 3, "%02x", b[i]);
        n += 2;
        if (i == 3 || i == 5 || i == 7 || i == 9)
            out[n++] = '-';
    }
    lua_pushlstring(L, out, 36);
    return 1;
}

static const luaL_Reg functions[] = {
    { "base64", l_base64 },
    { "base64url", l_base64url },
    { "check_login", crypto_check_login },
    { "check_web_app", crypto_check_web_app },
    { "equal", l_equal },
    { "from_base64", l_from_base64 },
    { "from_hex", l_from_hex },
    { "hex", l_hex },
    { "hmac_sha1", l_hmac_sha1 },
    { "hmac_sha256", l_hmac_sha256 },
    { "hmac_sha512", l_hmac_sha512 },
    { "integer", l_integer },
    { "md5", l_md5 },
    { "random", l_random },
    { "sha1", l_sha1 },
    { "sha256", l_sha256 },
    { "sha512", l_sha512 },
    { "uuid", l_uuid },
    { NULL, NULL },
};

void mod_crypto_push(lua_State *L, struct generation *gen)
{
    (void)gen;
    luaL_newlib(L, functions);
}
