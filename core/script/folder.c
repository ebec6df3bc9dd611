/* folder.c - see folder.h. */
#include "script/folder.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "script/chunks.h"

#define NAMED_MAX 3 /* files in one message */

void folder_note(struct folder_files *files, const char *path,
                 struct slice text)
{
    if ((files->n & (files->n - 1)) == 0) /* 0, 1, 2, 4, … */
        files->list = xrealloc(files->list, (files->n ? files->n * 2 : 1) *
                                                sizeof(*files->list));
    files->list[files->n++] =
        (struct folder_file){ xstrdup(path), chunks_hash(text) };
}

void folder_release(struct folder_files *files)
{
    for (size_t i = 0; i < files->n; i++)
        free(files->list[i].path);
    free(files->list);
    *files = (struct folder_files){ 0 };
}

bool folder_takes(const char *name, const char *ending)
{
    size_t n = strlen(name), m = strlen(ending);

    return n > m && strcmp(name + n - m, ending) == 0 && name[0] != '.' &&
           name[0] != '#';
}

static bool has(const struct folder_files *files, const char *path)
{
    for (size_t i = 0; i < files->n; i++)
        if (strcmp(files->list[i].path, path) == 0)
            return true;
    return false;
}

/* fn(path) for the files of one folder in dir. */
static void each(const char *dir, const char *folder, const char *ending,
                 void (*fn)(const char *path, void *arg), void *arg)
{
    struct buf path = BUF_INIT;
    struct dirent *entry;
    DIR *d;

    buf_addf(&path, "%s/%s", dir, folder);
    d = opendir(path.data);
    while (d && (entry = readdir(d))) {
        if (!folder_takes(entry->d_name, ending))
            continue;
        buf_reset(&path);
        buf_addf(&path, "%s/%s", folder, entry->d_name);
        fn(path.data, arg);
    }
    if (d)
        closedir(d);
    buf_release(&path);
}

struct looking {
    const struct folder_files *files;
    struct folder_files *noted;
    const char *dir;
    struct buf *out;
    int n;
    bool sql;
};

static bool read_file(const char *dir, const char *path, struct buf *text)
{
    struct buf full = BUF_INIT;
    struct err err = ERR_INIT;
    bool ok;

    buf_addf(&full, "%s/%s", dir, path);
    ok = buf_add_file(text, full.data, &err);
    buf_release(&full);
    return ok;
}

static void note_sql(const char *path, void *arg)
{
    struct looking *l = arg;
    struct buf text = BUF_INIT;

    if (read_file(l->dir, path, &text))
        folder_note(l->noted, path, buf_slice(&text));
    buf_release(&text);
}

void folder_note_sql(struct folder_files *files, const char *dir)
{
    struct looking l = { .noted = files, .dir = dir };

    each(dir, "migrations/schema", ".sql", note_sql, &l);
}

static void tell(struct looking *l, const char *path, const char *what)
{
    l->sql = l->sql || strncmp(path, "migrations/schema/", 18) == 0;
    if (++l->n <= NAMED_MAX)
        buf_addf(l->out, "%s%s %s", l->n > 1 ? ", " : "", path, what);
}

static void look_for_new(const char *path, void *arg)
{
    struct looking *l = arg;

    if (!has(l->files, path))
        tell(l, path, "is new");
}

static void look_at(struct looking *l, const struct folder_file *file)
{
    struct buf text = BUF_INIT;

    if (!read_file(l->dir, file->path, &text))
        tell(l, file->path, "is gone");
    else if (chunks_hash(buf_slice(&text)) != file->hash)
        tell(l, file->path, "changed");
    buf_release(&text);
}

static const char *const folders[] = { "defaults", "locales",
                                       "migrations/config", "scripts" };

int folder_changes(const struct folder_files *files, const char *dir,
                   struct buf *out, bool *sql)
{
    struct looking l = { .files = files, .dir = dir, .out = out };

    for (size_t i = 0; i < files->n; i++)
        look_at(&l, &files->list[i]);
    for (size_t i = 0; i < ARRAY_LEN(folders); i++)
        each(dir, folders[i], ".lua", look_for_new, &l);
    each(dir, "migrations/schema", ".sql", look_for_new, &l);
    if (l.n > NAMED_MAX)
        buf_addf(out, " and %d more", l.n - NAMED_MAX);
    if (sql)
        *sql = l.sql;
    return l.n;
}

static bool is_empty(const char *dir, const char *path)
{
    struct buf text = BUF_INIT;
    bool empty = read_file(dir, path, &text) && text.len == 0;

    buf_release(&text);
    return empty;
}

static void look_for_empty(const char *path, void *arg)
{
    struct looking *l = arg;

    if (!has(l->files, path) && is_empty(l->dir, path))
        l->n++;
}

bool folder_was_emptied(const struct folder_files *files, const char *dir)
{
    uint64_t nothing = chunks_hash((struct slice){ "", 0 });
    struct looking l = { .files = files, .dir = dir };

    for (size_t i = 0; i < files->n; i++)
        if (files->list[i].hash != nothing &&
            is_empty(dir, files->list[i].path))
            return true;
    for (size_t i = 0; i < ARRAY_LEN(folders); i++)
        each(dir, folders[i], ".lua", look_for_empty, &l);
    each(dir, "scripts/lib", ".lua", look_for_empty, &l);
    return l.n > 0;
}
