/*
 * download.h - files that people have sent, to scripts.
 *
 * getFile, then the contents: into a file under the data folder, to a function
 * piece by piece, or as a string. Before a function or a string has got
 * anything, and for a file always, trouble on the way is tried again.
 */
#ifndef SCRIPT_DOWNLOAD_H
#define SCRIPT_DOWNLOAD_H

#include <lua.h>

/*
 * bot.download(file_id [, name | function]): the path for bot.file(); the number
 * of bytes; or the bytes. Stack: these arguments.                       [waits]
 */
int download(lua_State *L);
void download_open(lua_State *L); /* once for a state */

#endif
