/* migrate_files.c - the files of schema migrations: see migrate_int.h. */
#include "bot/migrate_int.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/embedded.h"
#include "base/json_scan.h"
#include "script/folder.h"

extern const struct embedded core_schema[];

static void add_file(struct migrations *files, const char *owner,
                     const char *name, struct slice sql)
{
    files->list = xrealloc(files->list, (files->n + 1) * sizeof(*files->list));
    files->list[files->n++] =
        (struct migration){ xstrdup(owner), xstrdup(name), slice_dup(sql) };
}

void migrations_release(struct migrations *files)
{
    for (size_t i = 0; i < files->n; i++) {
        free(files->list[i].owner);
        free(files->list[i].name);
        free(files->list[i].sql);
    }
    free(files->list);
    *files = (struct migrations){ 0 };
}

bool migration_is_ours(const struct migration *file)
{
    return strcmp(file->owner, "bot") != 0;
}

static int is_sql(const struct dirent *entry)
{
    return folder_takes(entry->d_name, ".sql");
}

/* before: the file before it, or NULL. */
static bool check_name(const char *name, int expected, const char *before,
                       struct err *err)
{
    if (strspn(name, "0123456789") != 4 || name[4] != '_')
        return err_set(err, ERR_SCRIPT,
                       "migrations/schema/%s: the name must begin with four "
                       "digits and _, like %04d_first.sql",
                       name, expected);
    if (strtol(name, NULL, 10) != expected)
        return err_set(err, ERR_SCRIPT,
                       "migrations/schema/%s: number %d is expected here%s%s; "
                       "numbers go up from 1 without gaps or doubles",
                       name, expected, before ? ", behind " : "",
                       before ? before : "");
    return true;
}

static bool is_text(struct slice s)
{
    size_t n;

    for (const char *p = s.p, *end = p + s.n; p < end; p += n) {
        n = (*p & 0x80) ? json_utf8_size(p, end) : *p != '\0';
        if (n == 0)
            return false;
    }
    return true;
}

/* Without the byte order mark that some editors put before it. */
static bool read_sql(const char *path, const char *name, struct buf *file,
                     struct slice *sql, struct err *err)
{
    static const char mark[] = "\xEF\xBB\xBF";

    if (!buf_add_file(file, path, err))
        return false;
    *sql = buf_slice(file);
    if (strncmp(file->data, mark, 3) == 0)
        *sql = (struct slice){ file->data + 3, file->len - 3 };
    return is_text(*sql) ||
           err_set(err, ERR_SCRIPT,
                   "migrations/schema/%s: not a text: save it as UTF-8", name);
}

static bool add_bot_file(struct migrations *files, const char *folder,
                         const char *name, struct err *err)
{
    struct buf path = BUF_INIT, file = BUF_INIT;
    struct slice sql;
    bool ok;

    buf_addf(&path, "%s/%s", folder, name);
    ok = read_sql(path.data, name, &file, &sql, err);
    if (ok)
        add_file(files, "bot", name, sql);
    buf_release(&path);
    buf_release(&file);
    return ok;
}

bool migrations_list(struct migrations *files, const char *dir, struct err *err)
{
    struct buf folder = BUF_INIT;
    struct dirent **list = NULL;
    bool ok = true;
    int n;

    for (const struct embedded *f = core_schema; f->name; f++)
        add_file(files, "moonpost", f->name,
                 embedded_find(core_schema, f->name));
    buf_addf(&folder, "%s/migrations/schema", dir);
    n = scandir(folder.data, &list, is_sql, alphasort);
    if (n < 0 && errno != ENOENT)
        ok = err_set(err, ERR_SYSTEM, "%s: %s", folder.data, strerror(errno));
    for (int i = 0; i < n; i++)
        ok = ok &&
             check_name(list[i]->d_name, i + 1, i ? list[i - 1]->d_name : NULL,
                        err) &&
             add_bot_file(files, folder.data, list[i]->d_name, err);
    for (int i = 0; i < n; i++)
        free(list[i]);
    free(list);
    buf_release(&folder);
    return ok;
}

bool migrate_check_files(const char *dir, struct err *err)
{
    struct migrations files = { 0 };
    bool ok = migrations_list(&files, dir, err);

    migrations_release(&files);
    return ok;
}
