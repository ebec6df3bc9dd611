/* types_files.c - see types_files.h. */
#include "bot/types_files.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/embedded.h"
#include "bot/types.h"

extern const struct embedded script_meta[];

/* What scripts don't get is not offered by the editor. */
static const char luarc[] =
    "{\n"
    "  \"runtime.version\": \"Lua 5.4\",\n"
    "  \"runtime.path\": [\"scripts/lib/?.lua\", \"?.lua\"],\n"
    "  \"runtime.builtin\": {\n"
    "    \"coroutine\": \"disable\",\n"
    "    \"debug\": \"disable\",\n"
    "    \"io\": \"disable\",\n"
    "    \"package\": \"disable\"\n"
    "  },\n"
    "  \"workspace.library\": [\"" TYPES_FOLDER "\"],\n"
    "  \"workspace.ignoreDir\": [\"var\", \"data\"]\n"
    "}\n";

static bool same(const char *path, struct slice text)
{
    struct buf old = BUF_INIT;
    struct err err = ERR_INIT;
    bool equal = buf_add_file(&old, path, &err) && old.len == text.n &&
                 memcmp(old.data, text.p, text.n) == 0;

    buf_release(&old);
    return equal;
}

/* All of it or nothing: an editor may read it at any moment. */
static bool replace(const char *path, struct slice text, struct err *err)
{
    struct buf part = BUF_INIT;
    FILE *f;
    bool ok;

    buf_addf(&part, "%s.part", path);
    f = fopen(part.data, "w");
    ok = f && fwrite(text.p, 1, text.n, f) == text.n;
    ok = (!f || fclose(f) == 0) && ok && rename(part.data, path) == 0;
    if (!ok) {
        err_set(err, ERR_SYSTEM, "%s: %s", path, strerror(errno));
        unlink(part.data);
    }
    buf_release(&part);
    return ok;
}

struct writing {
    const char *dir;
    bool any;
    struct err *err;
};

static bool write_one(struct writing *w, const char *name, struct slice text)
{
    struct buf path = BUF_INIT;
    bool ok = true;

    buf_addf(&path, "%s/%s", w->dir, name);
    if (!same(path.data, text)) {
        ok = replace(path.data, text, w->err);
        w->any = true;
    }
    buf_release(&path);
    return ok;
}

static bool write_modules(struct writing *w)
{
    char name[100];

    for (const struct embedded *f = script_meta; f->name; f++) {
        snprintf(name, sizeof(name), TYPES_FOLDER "/%s", f->name);
        if (!write_one(w, name,
                       (struct slice){ f->data, (size_t)(f->end - f->data) }))
            return false;
    }
    return true;
}

static bool write_config(struct writing *w, const struct setting *root)
{
    struct buf text = BUF_INIT;
    bool ok;

    types_write(root, &text);
    ok = write_one(w, TYPES_FOLDER "/config.lua", buf_slice(&text));
    buf_release(&text);
    return ok;
}

static bool make_folder(const char *dir, struct err *err)
{
    struct buf path = BUF_INIT;
    bool ok;

    buf_addf(&path, "%s/" TYPES_FOLDER, dir);
    ok = mkdir(path.data, 0777) == 0 || errno == EEXIST;
    if (!ok)
        err_set(err, ERR_SYSTEM, "%s: %s", path.data, strerror(errno));
    buf_release(&path);
    return ok;
}

bool types_write_files(const char *dir, const struct setting *root,
                       enum types_written *written, struct err *err)
{
    struct writing w = { .dir = dir, .err = err };
    struct buf settings = BUF_INIT;
    bool ok =
        make_folder(dir, err) && write_modules(&w) && write_config(&w, root);

    *written = w.any ? TYPES_FILES : TYPES_NOTHING;
    buf_addf(&settings, "%s/.luarc.json", dir);
    if (ok && access(settings.data, F_OK) != 0) {
        ok = write_one(&w, ".luarc.json", slice_of(luarc));
        *written = TYPES_ALL;
    }
    buf_release(&settings);
    return ok;
}
