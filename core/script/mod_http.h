/*
 * mod_http.h - what the files of require "http" share: mod_http.c has requests,
 * mod_http_form.c bodies that are more than a string.
 */
#ifndef SCRIPT_MOD_HTTP_H
#define SCRIPT_MOD_HTTP_H

#include <lua.h>

#include "io/http.h"

/* A body: a userdata that core.form() or core.upload() has made. */
struct upload {
    struct http_form *form;
    bool bare; /* its only part is the body, as it is */
};

/* The upload at index, or NULL. It lives as long as its value on the stack. */
const struct upload *mod_http_upload_at(lua_State *L, int index);

/* form({ name, value, … }, { name, file, … }) -> upload, its bytes: as
 * multipart/form-data. Files are what bot.file() gives. */
int mod_http_form(lua_State *L);
/* upload(file) -> upload, its bytes, its type if it was given one: the file and nothing
 * else. */
int mod_http_upload(lua_State *L);

#endif
