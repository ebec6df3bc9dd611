/*
 * botapi.c - a Bot API server that hands out a scripted load (load.h) and
 * checks what a bot answers. See docs/benchmarks.md.
 *
 * The load is not there until GET /bench/release[?pid=N]: what a bot does to
 * start is not measured. From then on it is pending all at once, or --rate a
 * second. With the bot's pid its CPU time is read when the load is released and
 * when the last answer has been given: exact to the microsecond, and without a
 * second program that looks at the right moment.
 *
 *   GET /bench/status            {"polling": is a getUpdates waiting, …}
 *   GET /bench/release?pid=N     hand out the load, measure that process
 *   GET /bench/report?wait=S     the counts, when all is answered or after S s
 *   GET /bench/reset             the same load again, with update ids that follow
 *   GET /bench/stop              the last counts; then the server ends
 */
#include "api.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

/* --- /bench/… --------------------------------------------------------------------- */

static int64_t cpu_ns(struct api *a)
{
    struct timespec t;

    if (!a->measuring || clock_gettime(a->clock, &t) < 0)
        return 0;
    return t.tv_sec * SECOND + t.tv_nsec;
}

static void write_report(struct api *a)
{
    double us = (double)(a->cpu - a->cpu_start) / 1e3;

    buf_reset(&a->out);
    buf_addc(&a->out, '{');
    load_report(&a->load, &a->out);
    buf_addf(&a->out, ",\"polls\":%u,\"conflicts\":%u,\"calls\":%u", a->polls,
             a->conflicts, a->calls);
    buf_addf(&a->out, ",\"connections\":%u", a->server.accepted);
    if (a->measuring && a->cpu)
        buf_addf(&a->out, ",\"cpu_us\":%.1f,\"cpu_us_per_update\":%.3f", us,
                 us / a->load.updates);
    buf_addc(&a->out, '}');
}

static void report_if_due(struct api *a, int64_t now)
{
    struct conn *c = a->reporter;

    if (!a->cpu && a->settled && now >= a->settled)
        a->cpu = cpu_ns(a);
    if (!c || (now < a->report_due && (!a->settled || now < a->settled)))
        return;
    if (!a->cpu)
        a->cpu = cpu_ns(a);
    a->reporter = NULL;
    write_report(a);
    conn_answer(c, 200, buf_slice(&a->out));
}

static bool release(struct api *a, const struct request *r, int64_t now)
{
    int64_t pid = field_int(r, "pid", 0);

    a->measuring = pid > 0 && !clock_getcpuclockid((pid_t)pid, &a->clock);
    a->cpu_start = cpu_ns(a);
    a->released = now;
    return pid == 0 || a->measuring;
}

static void reset(struct api *a)
{
    int64_t first_id = a->load.first_id + a->load.updates;

    load_release(&a->load);
    load_init(&a->load, (uint32_t)a->o.updates, (uint32_t)a->o.chats, a->o.seed,
              first_id);
    for (size_t i = 0; i < a->delayed_count; i++)
        a->delayed[(a->delayed_first + i) % a->delayed_cap].chat = NULL;
    a->confirmed = 0;
    a->released = a->settled = a->cpu = a->cpu_start = 0;
    a->polls = a->conflicts = a->calls = 0;
}

static void control(struct api *a, struct conn *c, struct slice what,
                    const struct request *r)
{
    int64_t now = now_ns();

    buf_reset(&a->out);
    if (slice_is_ci(what, "report") && !a->reporter) {
        a->reporter = c;
        a->report_due = now + field_int(r, "wait", 0) * SECOND;
        report_if_due(a, now);
        return;
    }
    if (slice_is_ci(what, "stop")) {
        write_report(a);
        a->server.stop = true;
    } else if (slice_is_ci(what, "release")) {
        buf_adds(&a->out, release(a, r, now) ? "{}" : "{\"error\":\"no pid\"}");
    } else if (slice_is_ci(what, "reset")) {
        reset(a);
        buf_adds(&a->out, "{}");
    } else if (slice_is_ci(what, "status")) {
        buf_addf(&a->out,
                 "{\"polling\":%s,\"polled\":%s,\"first_poll_ms\":%.3f,"
                 "\"calls\":%u,\"served\":%u}",
                 a->poller ? "true" : "false",
                 a->first_poll_ms > 0 ? "true" : "false", a->first_poll_ms,
                 a->calls, a->load.handed);
    } else {
        conn_answer(c, 404, slice_of("{\"error\":\"not found\"}"));
        return;
    }
    conn_answer(c, 200, buf_slice(&a->out));
}

/* --- the server ------------------------------------------------------------------- */

static void on_request(struct conn *c, const struct request *r, void *arg)
{
    struct slice path = r->path;
    const char *slash = path.p ? memrchr(path.p, '/', path.n) : NULL;

    if (slash) {
        struct slice last = { slash + 1,
                              (size_t)(path.p + path.n - slash - 1) };

        if (!memcmp(path.p, "/bench/", 7 < path.n ? 7 : path.n)) {
            control(arg, c, last, r);
            return;
        }
        if (!memcmp(path.p, "/bot", 4) && slash > path.p) {
            api_call(arg, c, last, r);
            return;
        }
    }
    conn_answer(c, 404,
                slice_of("{\"ok\":false,\"error_code\":404,"
                         "\"description\":\"Not Found\"}"));
}

static void on_closed(struct conn *c, void *arg)
{
    struct api *a = arg;

    if (a->reporter == c)
        a->reporter = NULL;
    api_forget(a, c);
}

static int64_t min64(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t on_tick(int64_t now, void *arg)
{
    struct api *a = arg;
    int64_t next = api_tick(a, now);

    report_if_due(a, now);
    if (a->reporter)
        next = min64(next, a->report_due);
    if (a->settled && !a->cpu)
        next = min64(next, a->settled);
    return next;
}

static void usage(FILE *f)
{
    fputs("usage: bench_botapi [--port N] [--updates N] [--chats N]"
          " [--delay-ms N]\n"
          "                    [--rate N] [--batch N] [--seed N] [--first-id "
          "N]\n"
          "       bench_botapi --sql [--chats N]    prints chat_configs\n",
          f);
}

static const struct option long_options[] = {
    { "port", required_argument, NULL, 'p' },
    { "updates", required_argument, NULL, 'u' },
    { "chats", required_argument, NULL, 'c' },
    { "delay-ms", required_argument, NULL, 'd' },
    { "rate", required_argument, NULL, 'r' },
    { "batch", required_argument, NULL, 'b' },
    { "seed", required_argument, NULL, 's' },
    { "first-id", required_argument, NULL, 'i' },
    { "sql", no_argument, NULL, 'q' },
    { "help", no_argument, NULL, 'h' },
    { NULL, 0, NULL, 0 },
};

static bool read_options(int argc, char **argv, struct options *o)
{
    int opt;

    while ((opt = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        switch (opt) {
        case 'p': o->port = atoi(optarg); break;
        case 'u': o->updates = atoi(optarg); break;
        case 'c': o->chats = atoi(optarg); break;
        case 'd': o->delay_ms = atoi(optarg); break;
        case 'r': o->rate = atoi(optarg); break;
        case 'b': o->batch = atoi(optarg); break;
        case 's': o->seed = (unsigned)atoi(optarg); break;
        case 'i': o->first_id = atoll(optarg); break;
        case 'q': o->sql = true; break;
        case 'h': usage(stdout); exit(0);
        default: return false;
        }
    }
    return optind == argc && o->updates > 0 && o->chats > 0 &&
           o->chats <= 1000000 && o->delay_ms >= 0 && o->rate >= 0 &&
           o->batch > 0 && o->batch <= BATCH_MAX;
}

static void api_release(struct api *a)
{
    load_release(&a->load);
    free(a->delayed);
    buf_release(&a->commands);
    buf_release(&a->out);
    buf_release(&a->chat_id);
    buf_release(&a->text);
}

static int serve(struct options o)
{
    struct api a = { .o = o };
    int port;

    prctl(PR_SET_PDEATHSIG, SIGTERM); /* never outlives the test that asked */
    a.server = (struct server){
        .request = on_request, .closed = on_closed, .tick = on_tick, .arg = &a
    };
    buf_init(&a.commands);
    buf_init(&a.out);
    buf_init(&a.chat_id);
    buf_init(&a.text);
    load_init(&a.load, (uint32_t)o.updates, (uint32_t)o.chats, o.seed,
              o.first_id);
    port = server_listen(&a.server, o.port);
    if (port < 0) {
        fprintf(stderr, "bench_botapi: port %d: %s\n", o.port, strerror(errno));
        api_release(&a);
        return 1;
    }
    printf("%d\n", port);
    fflush(stdout);
    server_run(&a.server);
    api_release(&a);
    return 0;
}

int main(int argc, char **argv)
{
    struct options o = { .updates = 20000,
                         .chats = 10000,
                         .batch = BATCH_MAX,
                         .seed = 1,
                         .first_id = 100000000 };

    if (!read_options(argc, argv, &o)) {
        usage(stderr);
        return 2;
    }
    if (o.sql) {
        load_print_sql((uint32_t)o.chats, stdout);
        return 0;
    }
    return serve(o);
}
