/*
 * call_file.h - files to send, and the parameters of a call that has some.
 */
#ifndef SCRIPT_CALL_FILE_H
#define SCRIPT_CALL_FILE_H

#include <lua.h>

#include "base/buf.h"
#include "io/http.h"

/* bot.file(path) or bot.file{ path = … or data = …, name = …, type = … }: an
 * upload. */
int call_file(lua_State *L);
/* Add the upload at index to form, as the part of that name. false: it is none. */
bool call_file_add(lua_State *L, int index, const char *name,
                   struct http_form *form) MUST_CHECK;
/* What the script says the type of the upload at index is, or NULL. The upload keeps
 * it alive. */
const char *call_file_type(lua_State *L, int index);
void call_file_open(lua_State *L); /* once for a state */

/*
 * Push a string, the full path of a file that a script names from its bot's
 * folder; what begins with data/ is in the data folder. Raises, with what in
 * front, for a path that leads elsewhere.                        [-0, +1, v]
 */
void call_push_path(lua_State *L, const char *what, const char *path);

/* What a call sends: one of the two. Its owner is a value on the Lua stack. */
struct call_params {
    struct buf *body;       /* a JSON object */
    struct http_form *form; /* when a file is among the parameters */
    int timeout_ms;         /* files need longer; 0: what any call has */
};

/*
 * The parameters in the table at index (or nil: none), for method. Pushes the
 * owner. Raises what can't be written.                           [-0, +1, v]
 */
struct call_params call_push_params(lua_State *L, const char *method,
                                    int index);

#endif
