/* mod_crypto_signed.c - of require "crypto": whether what a Web App or a login
 * button sent is Telegram's. */
#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "script/crypto.h"
#include "script/json_lua.h"
#include "script/vm.h"
#include "telegram/api.h"

#define AGE_MAX_S 86400 /* of what Telegram has signed */
#define FIELDS_MAX 50
#define INIT_DATA_MAX ((size_t)64 << 10)

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
    unsigned char mac[CRYPTO_DIGEST_MAX];
    char hex[2 * CRYPTO_DIGEST_MAX + 1];
    struct slice made = crypto_hmac_sha256(key, lines, mac);

    for (size_t i = 0; i < made.n; i++)
        snprintf(hex + 2 * i, 3, "%02x", mac[i]);
    return crypto_equal((struct slice){ hex, made.n * 2 }, hash);
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
        if (p[i] == '%' && i + 2 < n && crypto_hex_value(p[i + 1]) >= 0 &&
            crypto_hex_value(p[i + 2]) >= 0) {
            *out++ = (char)(crypto_hex_value(p[i + 1]) << 4 |
                            crypto_hex_value(p[i + 2]));
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
int crypto_check_web_app(lua_State *L)
{
    struct signed_field fields[FIELDS_MAX];
    unsigned char secret[CRYPTO_DIGEST_MAX];
    struct slice data, key;
    int64_t age = check_age(L, 2);
    struct buf *copy = json_push_buf(L);
    const char *why;
    int n;

    data.p = luaL_checklstring(L, 1, &data.n);
    key = crypto_hmac_sha256(slice_of("WebAppData"), check_token(L), secret);
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
int crypto_check_login(lua_State *L)
{
    struct signed_field fields[FIELDS_MAX];
    unsigned char secret[CRYPTO_DIGEST_MAX];
    int64_t age = check_age(L, 2);
    struct slice key;
    const char *why;

    luaL_checktype(L, 1, LUA_TTABLE);
    key = crypto_sha256(check_token(L), secret);
    why = check_fields(L, fields, read_login(L, fields), key, age);
    if (why)
        return refuse(L, why);
    lua_pushvalue(L, 1);
    return 1;
}
