/* mod_crypto.c - require "crypto": digests, random values, encodings, and whether
 * what a Web App or a login button sent is Telegram's. */
#include <ctype.h>
#include <lauxlib.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "script/json_lua.h"
#include "script/modules.h"
#include "script/vm.h"
#include "telegram/api.h"

#define RANDOM_MAX 65536
#define DIGEST_MAX EVP_MAX_MD_SIZE
#define AGE_MAX_S 86400 /* of what Telegram has signed */
#define FIELDS_MAX 50
#define INIT_DATA_MAX ((size_t)64 << 10)

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

static int hex_value(char c)
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
        int high = hex_value(s.p[i]), low = hex_value(s.p[i + 1]);

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

static int push_digest(lua_State *L, const EVP_MD *md)
{
    unsigned char out[DIGEST_MAX];

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
    unsigned char out[DIGEST_MAX];
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

static bool is_equal(struct slice a, struct slice b)
{
    return a.n == b.n && CRYPTO_memcmp(a.p, b.p, a.n) == 0;
}

/* equal(a, b): takes as long whatever they differ in */
static int l_equal(lua_State *L)
{
    lua_pushboolean(L, is_equal(check_bytes(L, 1), check_bytes(L, 2)));
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

/* --- what Telegram has signed ------------------------------------------------------------ */

struct signed_field {
    struct slice name, value;
};

static int by_name(const void *a, const void *b)
{
    const struct signed_field *x = a, *y = b;
    int c = memcmp(x->name.p, y->name.p,
                   x->name.n < y->name.n ? x->name.n : y->name.n);

    return c ? c : (x->name.n > y->name.n) - (x->name.n < y->name.n);
}

static const struct signed_field *find(const struct signed_field *fields, int n,
                                       const char *name)
{
    for (int i = 0; i < n; i++)
        if (slice_eq(fields[i].name, name))
            return &fields[i];
    return NULL;
}

/* The lines "name=value" that are signed: all but the hash, by name. */
static void add_lines(struct signed_field *fields, int n, struct buf *out)
{
    qsort(fields, (size_t)n, sizeof(*fields), by_name);
    for (int i = 0; i < n; i++) {
        if (slice_eq(fields[i].name, "hash"))
            continue;
        if (out->len)
            buf_addc(out, '\n');
        buf_add_slice(out, fields[i].name);
        buf_addc(out, '=');
        buf_add_slice(out, fields[i].value);
    }
}

/* hash: as hex. */
static bool is_signature(struct slice key, struct slice lines,
                         struct slice hash)
{
    unsigned char mac[DIGEST_MAX];
    char hex[2 * DIGEST_MAX + 1];
    struct slice made = hmac(EVP_sha256(), key, lines, mac);

    for (size_t i = 0; i < made.n; i++)
        snprintf(hex + 2 * i, 3, "%02x", mac[i]);
    return is_equal((struct slice){ hex, made.n * 2 }, hash);
}

/* nil and a text */
static int refuse(lua_State *L, const char *why)
{
    lua_pushnil(L);
    lua_pushstring(L, why);
    return 2;
}

/* NULL: they are Telegram's, and not too old. Else what is wrong. */
static const char *check_fields(lua_State *L, struct signed_field *fields,
                                int n, struct slice key, int64_t age_max)
{
    const struct signed_field *hash = find(fields, n, "hash"),
                              *date = find(fields, n, "auth_date");
    struct slice given;
    struct buf *lines;
    int64_t at, now = clock_wall_us() / 1000000;

    if (!hash || !date)
        return "there is no hash or no auth_date in it";
    if (!json_to_int(date->value, &at))
        return "auth_date is no number";
    given = hash->value; /* before they are sorted */
    lines = json_push_buf(L);
    add_lines(fields, n, lines);
    if (!is_signature(key, buf_slice(lines), given))
        return "the signature is not this bot's";
    if (age_max > 0 && now - at > age_max)
        return "it is too old";
    return NULL;
}

static struct slice check_token(lua_State *L)
{
    const struct tg *tg = vm_of(L)->services->tg;

    if (!tg)
        luaL_error(L, "there is no bot now, so nothing can be checked");
    return tg_token(tg);
}

static int64_t check_age(lua_State *L, int arg)
{
    lua_Integer age = luaL_optinteger(L, arg, AGE_MAX_S);

    luaL_argcheck(L, age >= 0, arg, "seconds, or 0 for any age");
    return age;
}

/* Undo %41 and +, in place. */
static struct slice unescape(char *p, size_t n)
{
    char *out = p;
    size_t i;

    for (i = 0; i < n; i++) {
        if (p[i] == '%' && i + 2 < n && hex_value(p[i + 1]) >= 0 &&
            hex_value(p[i + 2]) >= 0) {
            *out++ = (char)(hex_value(p[i + 1]) << 4 | hex_value(p[i + 2]));
            i += 2;
        } else {
            *out++ = p[i] == '+' ? ' ' : p[i];
        }
    }
    return (struct slice){ p, (size_t)(out - p) };
}

/* "a=1&b=2" in place; -1: it is none. */
static int read_query(char *p, struct signed_field *fields)
{
    int n = 0;

    while (*p) {
        size_t length = strcspn(p, "&");
        char *next = p + length + (p[length] == '&'), *value;

        value = memchr(p, '=', length);
        if (!value || n == FIELDS_MAX)
            return -1;
        fields[n].name = unescape(p, (size_t)(value - p));
        value++;
        fields[n].value = unescape(value, (size_t)(p + length - value));
        for (int i = 0; i < n; i++)
            if (fields[i].name.n == fields[n].name.n &&
                memcmp(fields[i].name.p, fields[n].name.p, fields[n].name.n) ==
                    0)
                return -1;
        n++;
        p = next;
    }
    return n;
}

/* Numbers and JSON as such: auth_date, user, chat, receiver. */
static void push_value(lua_State *L, const struct signed_field *field)
{
    struct err err = ERR_INIT;
    int64_t n;

    if (slice_eq(field->name, "auth_date") && json_to_int(field->value, &n))
        lua_pushinteger(L, n);
    else if (!field->value.n || *field->value.p != '{' ||
             !json_push_text(L, field->value, JSON_DEPTH_MAX, false, &err))
        lua_pushlstring(L, field->value.p, field->value.n);
}

/* check_web_app(init_data [, max_age]) -> fields, or nil, why
 * https://core.telegram.org/bots/webapps#validating-data-received-via-the-mini-app */
static int l_check_web_app(lua_State *L)
{
    struct signed_field fields[FIELDS_MAX];
    unsigned char secret[DIGEST_MAX];
    struct slice data = check_bytes(L, 1), key;
    int64_t age = check_age(L, 2);
    struct buf *copy = json_push_buf(L);
    const char *why;
    int n;

    key = hmac(EVP_sha256(), slice_of("WebAppData"), check_token(L), secret);
    if (data.n > INIT_DATA_MAX)
        return refuse(L, "it is too long");
    buf_add_slice(copy, data);
    n = strlen(copy->data) == data.n ? read_query(copy->data, fields) : -1;
    if (n < 0)
        return refuse(L, "it is no initData of a Web App");
    why = check_fields(L, fields, n, key, age);
    if (why)
        return refuse(L, why);
    lua_createtable(L, 0, n);
    for (int i = 0; i < n; i++) {
        lua_pushlstring(L, fields[i].name.p, fields[i].name.n);
        push_value(L, &fields[i]);
        lua_rawset(L, -3);
    }
    return 1;
}

/* The fields in the table at 1; their texts are in texts. */
static int read_login(lua_State *L, struct signed_field *fields)
{
    int n = 0;

    lua_newtable(L); /* keeps the texts alive */
    lua_pushnil(L);
    while (lua_next(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING || n == FIELDS_MAX)
            luaL_argerror(L, 1, "a table of the fields that the widget gave");
        fields[n].name.p = lua_tolstring(L, -2, &fields[n].name.n);
        fields[n].value.p = luaL_tolstring(L, -1, &fields[n].value.n);
        lua_rawseti(L, -4, ++n);
        lua_pop(L, 1);
    }
    return n;
}

/* check_login({ id =, first_name =, auth_date =, hash = } [, max_age]) -> the
 * table, or nil, why. https://core.telegram.org/widgets/login#checking-authorization */
static int l_check_login(lua_State *L)
{
    struct signed_field fields[FIELDS_MAX];
    unsigned char secret[DIGEST_MAX];
    int64_t age = check_age(L, 2);
    struct slice key;
    const char *why;

    luaL_checktype(L, 1, LUA_TTABLE);
    key = digest(EVP_sha256(), check_token(L), secret);
    why = check_fields(L, fields, read_login(L, fields), key, age);
    if (why)
        return refuse(L, why);
    lua_pushvalue(L, 1);
    return 1;
}

static const luaL_Reg functions[] = {
    { "base64", l_base64 },
    { "base64url", l_base64url },
    { "check_login", l_check_login },
    { "check_web_app", l_check_web_app },
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
