/* watch.c - see watch.h. */
#include "io/watch.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "io/loop_int.h"

#define QUIET_MS 15
#define WRITING_MS 2000  /* for somebody who has begun to write a file */
#define PATIENCE_MS 5000 /* but no longer than this after the first change */
#define DOUBT_MS 1000    /* for what is told later than it can be seen */
#define DEPTH_MAX 8

#define INTERESTING                                                            \
    (IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CREATE |    \
     IN_MODIFY)

/* A file that somebody has begun to write and not closed. */
struct writing {
    int wd;
    char *name;
    int64_t since_ms; /* the last time it grew */
    struct writing *next;
};

struct watch {
    struct loop *loop;
    int fd;
    struct event *readable, *quiet;
    watch_fn fn;
    void *arg;
    char **paths; /* by watch descriptor; NULL: none */
    int npaths;
    struct writing *writing;
    int64_t first_ms;    /* when it changed; 0: all changes have been told */
    int64_t doubtful_ms; /* since when: watch_doubts(); 0: it is not */
    bool told_busy;
    int shallow; /* the descriptor of watch_add_for_folders(); -1: none */
};

static void remember(struct watch *w, int wd, const char *path)
{
    if (wd >= w->npaths) {
        w->paths = xrealloc(w->paths, (size_t)(wd + 16) * sizeof(*w->paths));
        memset(w->paths + w->npaths, 0,
               (size_t)(wd + 16 - w->npaths) * sizeof(*w->paths));
        w->npaths = wd + 16;
    }
    free(w->paths[wd]);
    w->paths[wd] = xstrdup(path);
}

static void add(struct watch *w, const char *path, int depth)
{
    struct buf sub = BUF_INIT;
    struct dirent *entry;
    struct stat st;
    DIR *dir;
    int wd = inotify_add_watch(w->fd, path, INTERESTING | IN_ONLYDIR);

    if (wd < 0)
        return;
    remember(w, wd, path);
    dir = depth < DEPTH_MAX ? opendir(path) : NULL;
    while (dir && (entry = readdir(dir))) {
        if (entry->d_name[0] == '.')
            continue;
        buf_reset(&sub);
        buf_addf(&sub, "%s/%s", path, entry->d_name);
        if (stat(sub.data, &st) == 0 && S_ISDIR(st.st_mode))
            add(w, sub.data, depth + 1);
    }
    if (dir)
        closedir(dir);
    buf_release(&sub);
}

void watch_add(struct watch *w, const char *path)
{
    add(w, path, 0);
}

void watch_add_for_folders(struct watch *w, const char *path)
{
    w->shallow =
        inotify_add_watch(w->fd, path, IN_CREATE | IN_MOVED_TO | IN_ONLYDIR);
}

/* Call in so many ms, unless more happens until then. */
static void call_in(struct watch *w, int ms)
{
    struct timeval tv = { ms / 1000, ms % 1000 * 1000 };

    if (!w->first_ms)
        w->first_ms = loop_real_ms();
    if (loop_real_ms() - w->first_ms < PATIENCE_MS ||
        !evtimer_pending(w->quiet, NULL))
        event_add(w->quiet, &tv);
}

static void forget_writing(struct watch *w, int wd, const char *name)
{
    for (struct writing **at = &w->writing, *f; (f = *at); at = &f->next) {
        if (f->wd != wd || strcmp(f->name, name) != 0)
            continue;
        *at = f->next;
        free(f->name);
        free(f);
        return;
    }
}

/* A link is whole at once, and never closed. */
static bool is_link(const struct watch *w, const struct inotify_event *e)
{
    struct buf path = BUF_INIT;
    struct stat st;
    bool link;

    if (e->wd >= w->npaths || !w->paths[e->wd])
        return false;
    buf_addf(&path, "%s/%s", w->paths[e->wd], e->name);
    link =
        lstat(path.data, &st) == 0 && (!S_ISREG(st.st_mode) || st.st_nlink > 1);
    buf_release(&path);
    return link;
}

/* A file that is made or emptied is interesting once it has been written: its
 * IN_CLOSE_WRITE follows. */
static void note_writing(struct watch *w, const struct inotify_event *e)
{
    struct writing *f;

    forget_writing(w, e->wd, e->name);
    if (!(e->mask & (IN_CREATE | IN_MODIFY)) ||
        (e->mask & IN_CREATE && is_link(w, e)))
        return;
    f = xalloc(sizeof(*f));
    *f =
        (struct writing){ e->wd, xstrdup(e->name), loop_real_ms(), w->writing };
    w->writing = f;
}

/* How long to wait for those who write, at most; not for those who take too long. */
static int writing_ms(struct watch *w)
{
    int64_t now = loop_real_ms(), left, most = 0;

    if (now - w->first_ms >= PATIENCE_MS)
        return 0;
    for (const struct writing *f = w->writing; f; f = f->next) {
        left = f->since_ms + WRITING_MS - now;
        if (left > most)
            most = left;
    }
    return (int)most;
}

bool watch_is_writing(const struct watch *w, const char *ending)
{
    size_t n = strlen(ending), m;

    for (const struct writing *f = w->writing; f; f = f->next) {
        m = strlen(f->name);
        if (m > n && strcmp(f->name + m - n, ending) == 0)
            return true;
    }
    return false;
}

/* The folder is gone; or, with -1, events were lost. */
static void forget_folder(struct watch *w, int wd)
{
    for (struct writing **at = &w->writing, *f; (f = *at);) {
        if (wd >= 0 && f->wd != wd) {
            at = &f->next;
            continue;
        }
        *at = f->next;
        free(f->name);
        free(f);
    }
}

static void on_event(struct watch *w, const struct inotify_event *e)
{
    struct buf path = BUF_INIT;

    if (e->mask & IN_Q_OVERFLOW) {
        forget_folder(w, -1);
        call_in(w, QUIET_MS);
        return;
    }
    if (e->mask & IN_IGNORED) {
        forget_folder(w, e->wd);
        if (e->wd >= 0 && e->wd < w->npaths) {
            free(w->paths[e->wd]);
            w->paths[e->wd] = NULL;
        }
        return;
    }
    if (e->wd == w->shallow) {
        if (e->mask & IN_ISDIR)
            call_in(w, QUIET_MS);
        return;
    }
    if ((e->mask & IN_ISDIR) && (e->mask & (IN_CREATE | IN_MOVED_TO)) &&
        e->wd < w->npaths && w->paths[e->wd]) {
        buf_addf(&path, "%s/%s", w->paths[e->wd], e->name);
        watch_add(w, path.data);
        buf_release(&path);
    }
    if (!(e->mask & IN_ISDIR))
        note_writing(w, e);
    call_in(w, QUIET_MS);
}

static void read_events(struct watch *w)
{
    char data[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
    ssize_t n = read(w->fd, data, sizeof(data));

    for (char *p = data; n > 0 && p < data + n;) {
        const struct inotify_event *e = (const struct inotify_event *)(void *)p;

        on_event(w, e);
        p += sizeof(*e) + e->len;
    }
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    read_events(arg);
}

bool watch_is_busy(struct watch *w)
{
    read_events(w);
    w->told_busy = evtimer_pending(w->quiet, NULL) &&
                   loop_real_ms() - w->first_ms < PATIENCE_MS;
    return w->told_busy;
}

bool watch_doubts(struct watch *w, bool doubtful)
{
    int64_t now = loop_real_ms(), left;

    if (!w->doubtful_ms)
        w->doubtful_ms = now;
    left = w->doubtful_ms + DOUBT_MS - now;
    if (!doubtful || left <= 0) {
        w->doubtful_ms = 0;
        return false;
    }
    call_in(w, (int)left);
    return true;
}

static void on_quiet(evutil_socket_t fd, short what, void *arg)
{
    struct watch *w = arg;
    int ms = writing_ms(w);

    (void)fd;
    (void)what;
    if (ms > 0) { /* the end of it is told, and then called for sooner */
        call_in(w, ms);
        return;
    }
    if (watch_is_busy(w)) /* with what the loop has not told of yet */
        return;
    w->fn(w->arg);
    if (!w->told_busy)
        w->first_ms = evtimer_pending(w->quiet, NULL) ? loop_real_ms() : 0;
}

struct watch *watch_new(struct loop *loop, watch_fn fn, void *arg,
                        struct err *err)
{
    struct watch *w;
    int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

    if (fd < 0) {
        err_set(err, ERR_SYSTEM, "can't watch files for changes: %s",
                strerror(errno));
        return NULL;
    }
    w = xalloc(sizeof(*w));
    *w = (struct watch){
        .loop = loop, .fd = fd, .fn = fn, .arg = arg, .shallow = -1
    };
    w->readable =
        event_new(loop->base, fd, EV_READ | EV_PERSIST, on_readable, w);
    w->quiet = evtimer_new(loop->base, on_quiet, w);
    event_add(w->readable, NULL);
    return w;
}

void watch_free(struct watch *w)
{
    if (!w)
        return;
    while (w->writing)
        forget_writing(w, w->writing->wd, w->writing->name);
    event_free(w->readable);
    event_free(w->quiet);
    close(w->fd);
    for (int i = 0; i < w->npaths; i++)
        free(w->paths[i]);
    free(w->paths);
    free(w);
}
