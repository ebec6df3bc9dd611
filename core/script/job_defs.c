/* job_defs.c - see job_defs.h. */
#include "script/job_defs.h"

#include <stdlib.h>
#include <sys/stat.h>

static void def_release(struct job_def *def)
{
    free(def->name);
    free(def->what);
    free(def->source);
    free(def->schedule);
    free(def->zone);
}

void job_defs_release(struct job_defs *defs)
{
    struct job_def *def, *next;

    HASH_ITER (hh, defs->by_name, def, next) {
        HASH_DEL(defs->by_name, def);
        def_release(def);
        free(def);
    }
}

const struct job_def *job_defs_find(const struct job_defs *defs,
                                    const char *name)
{
    struct job_def *def;

    HASH_FIND_STR(defs->by_name, name, def);
    return def;
}

bool job_defs_add(struct job_defs *defs, const struct job_def *def,
                  struct err *err)
{
    const struct job_def *other = job_defs_find(defs, def->name);
    struct job_def *copy;

    if (other) {
        err_set(err, ERR_SCRIPT,
                "there is a job \"%s\" already, of %s; give this one a name of "
                "its own: { name = … }",
                def->name, other->source);
        copy = xalloc(sizeof(*copy));
        *copy = *def;
        def_release(copy);
        free(copy);
        return false;
    }
    copy = xalloc(sizeof(*copy));
    *copy = *def;
    HASH_ADD_KEYPTR(hh, defs->by_name, copy->name, strlen(copy->name), copy);
    return true;
}

bool job_zone_exists(const char *zone)
{
    static const char folder[] = "/usr/share/zoneinfo";
    struct buf path = BUF_INIT;
    struct stat st;
    bool exists;

    if (!*zone || *zone == '/' || strstr(zone, ".."))
        return false;
    if (stat(folder, &st) != 0)
        return true; /* PostgreSQL has its own, and says so */
    buf_addf(&path, "%s/%s", folder, zone);
    exists = stat(path.data, &st) == 0 && S_ISREG(st.st_mode);
    buf_release(&path);
    return exists;
}
