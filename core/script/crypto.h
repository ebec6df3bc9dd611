/*
 * crypto.h - what mod_crypto.c and mod_crypto_signed.c share.
 */
#ifndef SCRIPT_CRYPTO_H
#define SCRIPT_CRYPTO_H

#include <lua.h>

#include "base/buf.h"

#define CRYPTO_DIGEST_MAX 64 /* bytes */

/* Into out, of CRYPTO_DIGEST_MAX bytes; they give what they have written. */
struct slice crypto_sha256(struct slice s, unsigned char *out);
struct slice crypto_hmac_sha256(struct slice key, struct slice s,
                                unsigned char *out);
bool crypto_equal(struct slice a, struct slice b); /* in constant time */
int crypto_hex_value(char c);                      /* -1: it is no digit */

/* Functions of the module: mod_crypto_signed.c. */
int crypto_check_web_app(lua_State *L);
int crypto_check_login(lua_State *L);

#endif
