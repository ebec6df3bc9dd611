/*
 * fuzz_json.c - any bytes through the JSON codec: it agrees with jansson, the
 * reader with the lookups, and text → Lua → text → Lua comes to rest.
 */
#include <lauxlib.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "../unit/json_compare.h"
#include "script/json_lua.h"

static void check(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "%s\n", what);
    abort();
}

static void skip_value(struct json_reader *r)
{
    int depth = r->depth;

    while (r->depth >= depth)
        check(json_read(r) > JSON_T_END, "the reader ends too early");
}

/* The members that json_iter finds, one by one, are those of the reader. */
static void check_iter(struct slice value)
{
    struct json_reader r;
    struct json_iter it;
    enum json_token token;

    json_reader_init(&r, value, JSON_DEPTH_MAX);
    token = json_read(&r);
    json_iter_init(&it, value);
    if (token != JSON_T_ARRAY && token != JSON_T_OBJECT) {
        check(!json_iter_next(&it), "members of a scalar");
        return;
    }
    while ((token = json_read(&r)) != JSON_T_ARRAY_END &&
           token != JSON_T_OBJECT_END) {
        check(json_iter_next(&it), "json_iter misses a member");
        if (token == JSON_T_KEY) {
            check(it.key.p == r.text.p && it.key.n == r.text.n, "other key");
            token = json_read(&r);
        }
        if (token == JSON_T_ARRAY || token == JSON_T_OBJECT)
            skip_value(&r);
        check(it.value.p + it.value.n == r.p, "other end of a value");
        check_iter(it.value);
    }
    check(!json_iter_next(&it), "json_iter has a member too many");
}

/* Nothing is promised of other text but that it is not overrun and ends. */
static void wander(struct slice text)
{
    struct slice found = json_outline(text);
    struct buf out = BUF_INIT;
    struct json_iter it;
    double d;

    check(found.n <= text.n, "an outline longer than the text");
    json_kind(text);
    json_to_double(text, &d);
    json_to_text(text, &out);
    json_get(text, "a\\");
    json_iter_init(&it, found);
    while (json_iter_next(&it))
        json_add_unescaped(&out, it.key);
    json_add_changed(&out, text, &(struct slice){ "a", 1 }, 1, SLICE_NONE);
    buf_release(&out);
}

/* (text, out, again): decode, encode, decode, encode */
static int round_trip(lua_State *L)
{
    struct slice text = *(struct slice *)lua_touserdata(L, 1);
    struct buf *out = json_push_buf(L), *again = json_push_buf(L);
    struct err err = ERR_INIT;

    json_push(L, text);
    check(json_add_lua(L, -1, NULL, out, &err), err.text);
    check(json_check(buf_slice(out), JSON_DEPTH_MAX, &err), err.text);
    json_push(L, buf_slice(out));
    check(json_add_lua(L, -1, NULL, again, &err), err.text);
    check(json_kind(text) == json_kind(buf_slice(out)), "another kind");
    /* the order of keys may change, so only the length is compared */
    check(out->len == again->len, "decode and encode do not come to rest");
    return 0;
}

static void check_lua(struct slice text)
{
    lua_State *L = luaL_newstate();

    lua_pushcfunction(L, round_trip);
    lua_pushlightuserdata(L, &text);
    check(lua_pcall(L, 1, 0, 0) == LUA_OK, "Lua raised");
    lua_close(L);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = { (const char *)data, size };
    const char *what = compare_with_jansson(text);

    check(!what, what);
    wander(text);
    if (json_check(text, JSON_DEPTH_MAX, NULL)) {
        check(json_outline(text).n > 0, "no outline of valid text");
        check_iter(text);
        check_lua(text);
    }
    return 0;
}
