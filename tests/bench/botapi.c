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
#include "fields.h"
#include "load.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SECOND 1000000000LL
#define SETTLE (SECOND / 5) /* after the last reply: late duplicates, CPU */
#define POLL_MAX 50         /* seconds, as Telegram's server */
#define BATCH_MAX 100
#define METHODS_MAX 64

struct delayed {
    struct conn *conn; /* NULL: it has gone */
    struct load_chat *chat;
    int64_t due;
};

struct options {
    int port, updates, chats, delay_ms, rate;
    unsigned seed;
    int64_t first_id;
    bool sql;
};

struct api {
    struct server server;
    struct options o;
    struct load load;
    uint32_t confirmed; /* updates before this one are gone */
    int64_t released;   /* when; 0: not yet */

    struct conn *poller; /* waits in getUpdates */
    int64_t poll_due;
    int poll_limit;
    unsigned polls, conflicts, calls;
    bool ever_polled;

    struct conn *reporter; /* waits in /bench/report */
    int64_t report_due;

    struct delayed *delayed; /* a ring: the delay is the same for all */
    size_t delayed_first, delayed_count, delayed_cap;

    clockid_t clock; /* the bot's CPU time */
    bool measuring;
    int64_t cpu_start, cpu;
    int64_t settled; /* when cpu is read: SETTLE after the last reply */

    struct buf commands; /* setMyCommands */
    struct buf out, chat_id, text;
};

static void ok(struct api *a, const char *result)
{
    buf_reset(&a->out);
    buf_addf(&a->out, "{\"ok\":true,\"result\":%s}", result);
}

/* --- answers that are kept back ------------------------------------------------- */

static void delay_grow(struct api *a)
{
    size_t cap = a->delayed_cap ? a->delayed_cap * 2 : 1024;
    struct delayed *ring = xalloc(cap * sizeof(*ring));

    for (size_t i = 0; i < a->delayed_count; i++)
        ring[i] = a->delayed[(a->delayed_first + i) % a->delayed_cap];
    free(a->delayed);
    a->delayed = ring;
    a->delayed_first = 0;
    a->delayed_cap = cap;
}

/* Answer a call with a->out: now, or after the delay. */
static void answer(struct api *a, struct conn *c, int status,
                   struct load_chat *chat, int64_t now)
{
    struct delayed *d;

    if (!a->o.delay_ms) {
        if (chat)
            chat->unanswered--;
        conn_answer(c, status, buf_slice(&a->out));
        return;
    }
    if (a->delayed_count == a->delayed_cap)
        delay_grow(a);
    d = &a->delayed[(a->delayed_first + a->delayed_count++) % a->delayed_cap];
    *d = (struct delayed){ c, chat, now + a->o.delay_ms * (SECOND / 1000) };
    conn_prepare(c, status, buf_slice(&a->out));
}

static int64_t answer_due(struct api *a, int64_t now)
{
    while (a->delayed_count) {
        struct delayed d = a->delayed[a->delayed_first];

        if (d.due > now)
            return d.due;
        a->delayed_first = (a->delayed_first + 1) % a->delayed_cap;
        a->delayed_count--;
        if (d.chat)
            d.chat->unanswered--;
        if (d.conn)
            conn_release(d.conn);
    }
    return INT64_MAX;
}

/* --- getUpdates ------------------------------------------------------------------ */

/* How many updates exist by now. */
static uint32_t available(const struct api *a, int64_t now)
{
    int64_t n;

    if (!a->released)
        return 0;
    if (!a->o.rate)
        return a->load.updates;
    n = (now - a->released) * a->o.rate / SECOND;
    return n < a->load.updates ? (uint32_t)n : a->load.updates;
}

static int64_t next_available(const struct api *a, int64_t now)
{
    uint32_t n = available(a, now);

    if (!a->released || n == a->load.updates)
        return INT64_MAX;
    return a->released + (n + 1) * SECOND / a->o.rate + 1;
}

/* Telegram's rule: an offset confirms what is before it, a negative one all but
 * the last -offset updates. */
static void confirm(struct api *a, int64_t offset, uint32_t count)
{
    int64_t n = 0;

    if (offset > 0)
        n = offset - a->load.first_id;
    else if (offset < 0)
        n = count + offset;
    if (n > count)
        n = count;
    if (n > a->confirmed)
        a->confirmed = (uint32_t)n;
}

/* Answer the waiting poll if there is something for it or its time is over. */
static void serve_poll(struct api *a, int64_t now)
{
    uint32_t end = available(a, now);
    struct conn *c = a->poller;

    if (!c || (a->confirmed >= end && now < a->poll_due))
        return;
    if (end - a->confirmed > (uint32_t)a->poll_limit)
        end = a->confirmed + (uint32_t)a->poll_limit;
    buf_reset(&a->out);
    buf_adds(&a->out, "{\"ok\":true,\"result\":[");
    for (uint32_t i = a->confirmed; i < end; i++) {
        if (i > a->confirmed)
            buf_adds(&a->out, ",\n");
        load_hand_out(&a->load, i, now, &a->out);
    }
    buf_adds(&a->out, "]}");
    a->poller = NULL;
    conn_answer(c, 200, buf_slice(&a->out));
}

static void get_updates(struct api *a, struct conn *c, const struct request *r,
                        int64_t now)
{
    int64_t timeout = field_int(r, "timeout", 0);
    int64_t limit = field_int(r, "limit", BATCH_MAX);

    a->polls++;
    a->ever_polled = true;
    if (a->poller) {
        struct conn *old = a->poller;

        a->conflicts++;
        a->poller = NULL;
        conn_answer(old, 409,
                    slice_of("{\"ok\":false,\"error_code\":409,\"description\":"
                             "\"Conflict: terminated by other getUpdates "
                             "request; make sure that only one bot instance is "
                             "running\"}"));
    }
    confirm(a, field_int(r, "offset", 0), available(a, now));
    timeout = timeout < 0 ? 0 : timeout > POLL_MAX ? POLL_MAX : timeout;
    a->poller = c;
    a->poll_due = now + timeout * SECOND;
    a->poll_limit = limit < 1 || limit > BATCH_MAX ? BATCH_MAX : (int)limit;
    serve_poll(a, now);
}

/* --- the other methods -------------------------------------------------------------- */

static void write_message(struct api *a, struct load_chat *chat)
{
    int64_t id = strtoll(a->chat_id.data, NULL, 10);
    int64_t message_id = chat ? ++chat->message_id : 1;

    buf_reset(&a->out);
    buf_addf(&a->out,
             "{\"ok\":true,\"result\":{\"message_id\":%" PRId64
             ",\"from\":{\"id\":1,\"is_bot\":true,\"first_name\":\"Bench "
             "\\u2714\",\"username\":\"bench_bot\"},\"chat\":{\"id\":%" PRId64
             ",",
             message_id, id);
    buf_adds(&a->out,
             id > 0 ? "\"first_name\":\"Ren\\u00e9e\",\"last_name\":"
                      "\"O'Brien\",\"username\":\"person\",\"type\":"
                      "\"private\"}"
                    : "\"title\":\"Gardeners \\ud83c\\udf31 \\\"north\\\"\","
                      "\"username\":\"garden\",\"type\":\"supergroup\"}");
    buf_addf(&a->out,
             ",\"date\":1760000100,\"reply_to_message\":{\"message_id\":"
             "%" PRId64 ",\"from\":{\"id\":2251799813685248,\"is_bot\":false,"
             "\"first_name\":\"Ren\\u00e9e\"},\"chat\":{\"id\":%" PRId64
             ",\"type\":\"private\"},\"date\":1760000000,\"text\":\"/limit\"},"
             "\"text\":\"",
             message_id - 1, id);
    for (size_t i = 0; i < a->text.len; i++) {
        if (a->text.data[i] == '"' || a->text.data[i] == '\\')
            buf_addc(&a->out, '\\');
        buf_addc(&a->out, a->text.data[i] < ' ' && a->text.data[i] >= 0
                              ? ' '
                              : a->text.data[i]);
    }
    buf_adds(&a->out, "\"}}");
}

static void send_message(struct api *a, struct conn *c, const struct request *r,
                         int64_t now)
{
    struct load_chat *chat;
    bool done = load_done(&a->load);

    field_text(r, "chat_id", &a->chat_id);
    field_text(r, "text", &a->text);
    chat = load_reply(&a->load, a->chat_id.data, a->text.data, now);
    if (!done && load_done(&a->load))
        a->settled = now + a->o.delay_ms * (SECOND / 1000) + SETTLE;
    write_message(a, chat);
    answer(a, c, 200, chat, now);
}

static bool slice_has(struct slice s, const char *text)
{
    return s.n == strlen(text) && !strncasecmp(s.p, text, s.n);
}

static void call(struct api *a, struct conn *c, struct slice method,
                 const struct request *r)
{
    int64_t now = now_ns();

    a->calls++;
    if (slice_has(method, "sendMessage")) {
        send_message(a, c, r, now);
        return;
    }
    if (slice_has(method, "getUpdates")) {
        get_updates(a, c, r, now);
        return;
    }
    ok(a, "true");
    if (slice_has(method, "getMe")) {
        ok(a, "{\"id\":1,\"is_bot\":true,\"first_name\":\"Bench\",\"username\":"
              "\"bench_bot\",\"can_join_groups\":true,"
              "\"can_read_all_group_messages\":true,"
              "\"supports_inline_queries\":false}");
    } else if (slice_has(method, "setMyCommands")) {
        field_text(r, "commands", &a->commands);
    } else if (slice_has(method, "getMyCommands")) {
        ok(a, a->commands.len ? a->commands.data : "[]");
    } else if (slice_has(method, "getWebhookInfo")) {
        ok(a, "{\"url\":\"\",\"has_custom_certificate\":false,"
              "\"pending_update_count\":0}");
    }
    answer(a, c, 200, NULL, now);
}

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
    if (slice_has(what, "report") && !a->reporter) {
        a->reporter = c;
        a->report_due = now + field_int(r, "wait", 0) * SECOND;
        report_if_due(a, now);
        return;
    }
    if (slice_has(what, "stop")) {
        write_report(a);
        a->server.stop = true;
    } else if (slice_has(what, "release")) {
        buf_adds(&a->out, release(a, r, now) ? "{}" : "{\"error\":\"no pid\"}");
    } else if (slice_has(what, "reset")) {
        reset(a);
        buf_adds(&a->out, "{}");
    } else if (slice_has(what, "status")) {
        buf_addf(&a->out,
                 "{\"polling\":%s,\"polled\":%s,\"calls\":%u,\"served\":%u}",
                 a->poller ? "true" : "false",
                 a->ever_polled ? "true" : "false", a->calls, a->load.handed);
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
            call(arg, c, last, r);
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

    if (a->poller == c)
        a->poller = NULL;
    if (a->reporter == c)
        a->reporter = NULL;
    for (size_t i = 0; i < a->delayed_count; i++) {
        struct delayed *d =
            &a->delayed[(a->delayed_first + i) % a->delayed_cap];

        if (d->conn == c)
            d->conn = NULL;
    }
}

static int64_t min64(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t on_tick(int64_t now, void *arg)
{
    struct api *a = arg;
    int64_t next = answer_due(a, now);

    serve_poll(a, now);
    report_if_due(a, now);
    if (a->poller)
        next = min64(next, min64(a->poll_due, next_available(a, now)));
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
          "                    [--rate N] [--seed N] [--first-id N]\n"
          "       bench_botapi --sql [--chats N]    prints chat_configs\n",
          f);
}

static const struct option long_options[] = {
    { "port", required_argument, NULL, 'p' },
    { "updates", required_argument, NULL, 'u' },
    { "chats", required_argument, NULL, 'c' },
    { "delay-ms", required_argument, NULL, 'd' },
    { "rate", required_argument, NULL, 'r' },
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
        case 's': o->seed = (unsigned)atoi(optarg); break;
        case 'i': o->first_id = atoll(optarg); break;
        case 'q': o->sql = true; break;
        case 'h': usage(stdout); exit(0);
        default: return false;
        }
    }
    return optind == argc && o->updates > 0 && o->chats > 0 &&
           o->chats <= 1000000 && o->delay_ms >= 0 && o->rate >= 0;
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
    struct options o = {
        .updates = 20000, .chats = 10000, .seed = 1, .first_id = 100000000
    };

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
