/* doctor.c - see doctor.h. */
#include "bot/doctor_int.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/log.h"
#include "script/data_file.h"
#include "script/limits.h"
#include "script/vm.h"

#define CLOCK_OFF_MS 5000
#define OWN_MB 48       /* the program without scripts and caches, generously */
#define FREE_MB_MIN 200 /* of the disk with the data folder */
#define OTHER_FILES                                                            \
    100 /* open ones that are neither the API's nor a webhook's */

/* --- telling --------------------------------------------------------------------- */

void doctor_say(struct doctor *d, enum doctor_verdict verdict,
                const char *check, const char *advice, const char *fmt, ...)
{
    struct buf raw = BUF_INIT, text = BUF_INIT, to_do = BUF_INIT;
    va_list ap;

    va_start(ap, fmt);
    buf_addv(&raw, fmt, ap);
    va_end(ap);
    log_redact(&text, buf_slice(&raw));
    log_redact(&to_do, slice_of(advice));
    d->options->found(&(struct doctor_finding){ .verdict = verdict,
                                                .check = check,
                                                .text = text.data,
                                                .advice = to_do.data },
                      d->options->arg);
    buf_release(&raw);
    buf_release(&text);
    buf_release(&to_do);
}

static void on_done(struct op *op)
{
    loop_stop(op->arg);
}

bool doctor_wait(struct doctor *d, struct op *op, struct err *err)
{
    if (op->state != OP_DONE) {
        op->done = on_done;
        op->arg = d->loop;
        loop_run(d->loop);
    }
    if (op->err.kind)
        *err = op->err;
    return !op->err.kind;
}

/* --- the clock ------------------------------------------------------------------- */

int64_t doctor_now_ms(void)
{
    struct timeval tv;

    gettimeofday(&tv, NULL);
    return (int64_t)tv.tv_sec * 1000 + tv.tv_usec / 1000;
}

void doctor_compare_clock(struct doctor *d, const char *whose, int64_t theirs,
                          int64_t took_ms)
{
    int64_t off = doctor_now_ms() - theirs;

    if (off >= -CLOCK_OFF_MS && off <= CLOCK_OFF_MS + took_ms)
        doctor_say(d, DOCTOR_OK, "clock", "", "agrees with %s's", whose);
    else
        doctor_say(d, DOCTOR_WARN, "clock",
                   "Let one of them be set from the network (NTP).",
                   "is %.0f s %s %s's", (double)llabs(off) / 1000,
                   off > 0 ? "ahead of" : "behind", whose);
}

/* --- the folder ------------------------------------------------------------------ */

static void look_at_folder(struct doctor *d)
{
    struct err err = ERR_INIT;

    if (generation_load(d->gen, &err)) {
        doctor_say(d, DOCTOR_OK, "folder", "",
                   "%s loads: %d files, %d handlers, %d config upgrades",
                   d->options->dir, d->gen->files, d->gen->handlers.n,
                   d->gen->config_version);
        return;
    }
    doctor_say(d, DOCTOR_FAIL, "folder",
               "Mend it; `moonpost check` looks at the folder alone.", "%s",
               err.text);
    generation_unref(d->gen);
    d->gen = NULL;
}

/* The data folder, or the one above where it will be made. */
static void find_data_folder(struct doctor *d, struct buf *path)
{
    struct file_rules rules = { .data_dir = d->settings->data_dir };
    char *slash;

    data_folder_add(&rules, d->options->dir, path);
    if (access(path->data, F_OK) == 0 || errno != ENOENT)
        return;
    slash = strrchr(path->data, '/');
    if (!slash)
        slash = strcpy(path->data, ".") + 1; /* a name is never empty */
    else if (slash == path->data)
        slash++;
    *slash = '\0';
    path->len = (size_t)(slash - path->data);
}

static void look_at_disk(struct doctor *d)
{
    struct buf path = BUF_INIT;
    struct statvfs vfs;
    unsigned long long free_mb;

    find_data_folder(d, &path);
    if (access(path.data, W_OK | X_OK) != 0 || statvfs(path.data, &vfs) != 0) {
        doctor_say(d, DOCTOR_WARN, "disk",
                   "Give the bot's user a folder to write to, and name it in "
                   "DATA_DIR; only ctx:download() needs it.",
                   "no files can be written in %s: %s", path.data,
                   strerror(errno));
        buf_release(&path);
        return;
    }
    free_mb = (unsigned long long)vfs.f_bavail * vfs.f_frsize >> 20;
    if (free_mb < FREE_MB_MIN)
        doctor_say(d, DOCTOR_WARN, "disk", "Make room.",
                   "only %llu MiB are free in %s", free_mb, path.data);
    else
        doctor_say(d, DOCTOR_OK, "disk", "", "%s can be written to", path.data);
    buf_release(&path);
}

/* --- limits ---------------------------------------------------------------------- */

/* What the container may use, in MiB; 0: no limit is known. */
static long long memory_limit(void)
{
    static const char *const files[] = {
        "/sys/fs/cgroup/memory.max",
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
    };
    long long n, found = 0;

    for (size_t i = 0; i < ARRAY_LEN(files) && !found; i++) {
        FILE *f = fopen(files[i], "re");

        if (f && fscanf(f, "%lld", &n) == 1 && n > 0 && n >> 20 < 1 << 24)
            found = n >> 20;
        if (f)
            fclose(f);
    }
    return found;
}

static void look_at_memory(struct doctor *d)
{
    const struct settings *s = d->settings;
    long long have = memory_limit();
    long long need = (long long)s->memory_max_mb + s->config_cache_mb +
                     s->updates_max_kb / 1024 + OWN_MB;

    if (!have || need <= have)
        doctor_say(d, DOCTOR_OK, "memory", "",
                   have ? "at most about %lld MiB, of %lld MiB"
                        : "at most about %lld MiB; no limit of a container",
                   need, have);
    else
        doctor_say(d, DOCTOR_WARN, "memory",
                   "Lower LUA_MEMORY_MB or CONFIG_CACHE_MB, or give the "
                   "container more.",
                   "could become about %lld MiB (LUA_MEMORY_MB %d, "
                   "CONFIG_CACHE_MB %d, UPDATES_MAX_KB %d), but the container "
                   "may use %lld MiB",
                   need, s->memory_max_mb, s->config_cache_mb,
                   s->updates_max_kb, have);
}

static void look_at_files(struct doctor *d)
{
    const struct settings *s = d->settings;
    struct rlimit limit;
    long long need =
        s->api_connections + OTHER_FILES + (s->webhook_url ? 256 : 0);

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    if (limit.rlim_cur == RLIM_INFINITY || (long long)limit.rlim_cur >= need)
        doctor_say(d, DOCTOR_OK, "limits", "", "%lld open files are allowed",
                   (long long)limit.rlim_cur);
    else
        doctor_say(d, DOCTOR_WARN, "limits",
                   "Raise it (ulimit -n, LimitNOFILE=), or lower "
                   "API_CONNECTIONS.",
                   "only %lld open files are allowed; %lld may be needed",
                   (long long)limit.rlim_cur, need);
}

/* --- all of it ------------------------------------------------------------------- */

void doctor_run(const struct doctor_options *options)
{
    const struct settings *s = options->settings;
    struct doctor d = { .options = options, .settings = s };
    struct services services = { .bot_username = "", .dir = options->dir };
    struct vm_limits limits = limits_of(s);
    struct vm *vm;

    d.loop = loop_new();
    vm = vm_new(&services, &limits);
    d.gen = generation_new(vm->L, options->dir, 1);
    look_at_folder(&d);
    doctor_telegram(&d);
    doctor_database(&d);
    look_at_disk(&d);
    look_at_memory(&d);
    look_at_files(&d);
    generation_unref(d.gen);
    vm_free(vm);
    loop_free(d.loop);
}
