/* trace.c - see trace.h. */
#include "script/trace.h"

#include <ctype.h>
#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

#include "script/ctx.h"
#include "script/filter.h"
#include "script/vm.h"

/* --- what was meant ----------------------------------------------------------------- */

/* The name in "…: attempt to call a nil value (method 'replay')". */
static struct slice nil_method(const char *message)
{
    static const char what[] = "attempt to call a nil value (method '";
    const char *p = strstr(message, what);

    if (!p)
        return SLICE_NONE;
    p += sizeof(what) - 1;
    return (struct slice){ p, strcspn(p, "'\n") };
}

static bool is_camel(struct slice name)
{
    for (size_t i = 1; i < name.n; i++)
        if (isupper((unsigned char)name.p[i]))
            return true;
    return false;
}

void trace_add_hint(struct buf *message)
{
    struct slice name = nil_method(message->data);
    char text[64];
    int best = 1 + (int)name.n / 4;
    const char *meant = NULL;

    if (!name.n || name.n >= sizeof(text))
        return;
    /* a copy: name is in the message, which may move */
    memcpy(text, name.p, name.n);
    text[name.n] = '\0';
    name.p = text;
    for (const luaL_Reg *m = ctx_methods; m->name; m++) {
        int distance = filter_distance(name, m->name);

        if (distance > 0 && distance <= best) {
            best = distance - 1; /* of those that are as near, the first */
            meant = m->name;
        }
    }
    if (meant)
        buf_addf(message, "; did you mean ctx:%s()?", meant);
    else if (is_camel(name))
        buf_addf(message,
                 "; methods of the Bot API are called as ctx.api.%s{ … }",
                 text);
}

/* --- the calls that led there --------------------------------------------------------- */

#define TRACE_LINES 20

/* Is it of a module of the host's that is in Lua? */
static bool is_own_source(const char *source)
{
    return strncmp(source, "moonpost/", 9) == 0 ||
           strncmp(source, "table.", 6) == 0; /* table.sort */
}

/* What is only known by its name: a function in C, or of such a module. */
static void name_of(const lua_Debug *ar, char *name, size_t size)
{
    *name = '\0';
    if (ar->name && strcmp(ar->name, "?") != 0)
        snprintf(name, size, "\n  %s '%s'",
                 *ar->namewhat ? ar->namewhat : "function", ar->name);
}

static void add_line(struct buf *out, const lua_Debug *ar)
{
    buf_addf(out, "\n  %s:%d: in ", ar->short_src, ar->currentline);
    if (ar->name)
        buf_addf(out, "%s '%s'", *ar->namewhat ? ar->namewhat : "function",
                 ar->name);
    else
        buf_addf(out, "the %s at line %d",
                 *ar->what == 'm' ? "chunk" : "function", ar->linedefined);
}

/* Of what a script called, the name; not what the host did then, unless the
 * mistake is the host's: then its message begins with the place. */
void vm_add_traceback(lua_State *of, int level, struct buf *out)
{
    bool whole = is_own_source(out->data);
    char name[80] = "";
    lua_Debug ar;

    for (int lines = 0; lua_getstack(of, level, &ar) && lines < TRACE_LINES;
         level++) {
        bool is_c, is_own;

        lua_getinfo(of, "Sln", &ar);
        is_c = ar.currentline <= 0;
        is_own = !whole && is_own_source(ar.short_src);
        if (!is_own && *name) {
            buf_adds(out, name);
            lines++;
        }
        *name = '\0';
        if (is_c || is_own) {
            name_of(&ar, name, sizeof(name));
        } else {
            add_line(out, &ar);
            lines++;
        }
    }
}
