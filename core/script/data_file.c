/* data_file.c - see data_file.h. */
#include "script/data_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define NAME_BYTES_MAX 200
#define LEFT_SECONDS 3600

void data_folder_add(const struct file_rules *rules, const char *dir,
                     struct buf *out)
{
    if (rules->data_dir)
        buf_adds(out, rules->data_dir);
    else
        buf_addf(out, "%s/data", dir);
}

static bool is_plain(const char *name)
{
    for (; *name; name++)
        if ((unsigned char)*name < ' ' || *name == 127 || *name == '\\')
            return false;
    return true;
}

bool data_name_check(const char *name, struct err *err)
{
    size_t n = strlen(name);

    if (n == 0 || n > NAME_BYTES_MAX || !is_plain(name))
        return err_set(err, ERR_USAGE,
                       "the name of a file has 1 to %d bytes, all printable",
                       NAME_BYTES_MAX);
    if (name[0] == '/' || name[0] == '.' || strstr(name, "/.") ||
        strstr(name, "//") || name[n - 1] == '/')
        return err_set(err, ERR_USAGE,
                       "\"%s\": must be a name in the data folder, with "
                       "nothing in it that begins with a dot",
                       name);
    return true;
}

static bool failed(const char *path, struct err *err)
{
    return err_set(err, ERR_SYSTEM, "%s: %s", path, strerror(errno));
}

/* Make the folders that path is in. */
static bool make_folders(const char *path, struct err *err)
{
    char *copy = xstrdup(path);
    bool ok = true;

    for (char *p = strchr(copy + 1, '/'); p && ok; p = strchr(p + 1, '/')) {
        *p = '\0';
        if (mkdir(copy, 0777) < 0 && errno != EEXIST)
            ok = failed(copy, err);
        *p = '/';
    }
    free(copy);
    return ok;
}

static void remove_if_left(const char *path)
{
    struct stat st;

    if (lstat(path, &st) == 0 && S_ISREG(st.st_mode) &&
        st.st_mtime < time(NULL) - LEFT_SECONDS)
        unlink(path);
}

/* What processes that were killed have left. Once in a process. */
static void remove_left(const char *parts)
{
    static bool done;
    struct buf path = BUF_INIT;
    struct dirent *entry;
    DIR *dir;

    if (done || !(dir = opendir(parts)))
        return;
    done = true;
    while ((entry = readdir(dir))) {
        buf_reset(&path);
        buf_addf(&path, "%s%s", parts, entry->d_name);
        remove_if_left(path.data);
    }
    closedir(dir);
    buf_release(&path);
}

bool data_file_begin(struct data_file *f, const char *folder, const char *name,
                     struct err *err)
{
    static unsigned long long count;
    struct buf part = BUF_INIT, path = BUF_INIT;

    buf_addf(&part, "%s/.part/", folder);
    buf_addf(&path, "%s/%s", folder, name);
    f->path = buf_detach(&path);
    if (!make_folders(part.data, err) || !make_folders(f->path, err)) {
        buf_release(&part);
        return false;
    }
    remove_left(part.data);
    buf_addf(&part, "%ld-%llu", (long)getpid(), ++count);
    f->part = buf_detach(&part);
    f->fd = open(f->part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    return f->fd >= 0 || failed(f->path, err);
}

bool data_file_write(struct data_file *f, struct slice data, struct err *err)
{
    while (data.n > 0) {
        ssize_t n = write(f->fd, data.p, data.n);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return failed(f->path, err);
        data.p += n;
        data.n -= (size_t)n;
    }
    return true;
}

bool data_file_rewind(struct data_file *f, struct err *err)
{
    if (ftruncate(f->fd, 0) < 0 || lseek(f->fd, 0, SEEK_SET) < 0)
        return failed(f->path, err);
    return true;
}

bool data_file_link(struct data_file *f, const char *from)
{
    if (unlink(f->part) < 0)
        return false;
    if (link(from, f->part) == 0)
        return true;
    close(f->fd);
    f->fd = open(f->part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    return false;
}

/* Some systems say only at close() that the disk is full. */
bool data_file_finish(struct data_file *f, struct err *err)
{
    int fd = f->fd;

    f->fd = -1;
    if (close(fd) < 0 || rename(f->part, f->path) < 0)
        return failed(f->path, err);
    free(f->part);
    f->part = NULL;
    return true;
}

void data_file_abort(struct data_file *f)
{
    if (f->fd >= 0)
        close(f->fd);
    if (f->part)
        unlink(f->part);
    free(f->part);
    free(f->path);
    *f = (struct data_file)DATA_FILE_INIT;
}
