/* web.c - see web.h. */
#include "script/web.h"

#include <stdlib.h>

#include "base/metrics.h"
#include "io/address.h"

/* --- what is counted ------------------------------------------------------------- */

static struct metric requests = {
    .name = "moonpost_http_requests_total",
    .help = "Requests of scripts, by method and result: the class of the "
            "status, or why there is no answer. Redirects and further tries "
            "count.",
    .type = METRIC_COUNTER,
    .labels = { "method", "result" },
    .series_max = 150, /* 7 methods, 5 classes and the reasons */
};
static struct metric seconds = {
    .name = "moonpost_http_seconds",
    .help = "How long they took, waiting in line included.",
    .type = METRIC_HISTOGRAM,
};
static struct metric sent_bytes = {
    .name = "moonpost_http_sent_bytes_total",
    .help = "Bodies of scripts' requests.",
    .type = METRIC_COUNTER,
};
static struct metric received_bytes = {
    .name = "moonpost_http_received_bytes_total",
    .help = "Bodies of their answers, as they came over the network.",
    .type = METRIC_COUNTER,
};
static struct metric retries = {
    .name = "moonpost_http_retries_total",
    .help = "Tries after the first.",
    .type = METRIC_COUNTER,
};
static struct metric in_flight = {
    .name = "moonpost_http_in_flight",
    .help = "Requests of scripts that are on their way.",
    .type = METRIC_GAUGE,
};
static struct metric in_line = {
    .name = "moonpost_http_waiting",
    .help = "Requests of scripts that wait for a connection.",
    .type = METRIC_GAUGE,
};

const char *web_reason(enum http_why why)
{
    static const char *const words[HTTP_WHYS] = {
        [HTTP_ANSWERED] = "answered",   [HTTP_LOST] = "lost",
        [HTTP_TIMED_OUT] = "timeout",   [HTTP_BAD_URL] = "url",
        [HTTP_NO_NAME] = "name",        [HTTP_NO_CONNECTION] = "connect",
        [HTTP_NOT_ALLOWED] = "address", [HTTP_NO_TLS] = "tls",
        [HTTP_TOO_LARGE] = "too_large", [HTTP_NO_FILE] = "file",
        [HTTP_NOT_TAKEN] = "file",      [HTTP_FREED] = "cancelled",
    };

    return words[why];
}

static const char *result_of(const struct http_op *op)
{
    static const char *const classes[] = { "1xx", "2xx", "3xx", "4xx", "5xx" };
    int class = op->status / 100;

    if (op->why != HTTP_ANSWERED)
        return web_reason(op->why);
    return class >= 1 && class <= 5 ? classes[class - 1] : "other";
}

static void on_ended(const struct http_op *op, const char *method, void *arg)
{
    (void)arg;
    metric_add(metric_of(&requests, method, result_of(op)), 1);
    metric_observe(metric_plain(&seconds), op->took_us);
    metric_add(metric_plain(&sent_bytes), (uint64_t)op->sent);
    metric_add(metric_plain(&received_bytes), (uint64_t)op->got);
}

void web_count_retry(void)
{
    metric_add(metric_plain(&retries), 1);
}

static double read_running(void *arg)
{
    return http_running(((struct web *)arg)->http);
}

static double read_waiting(void *arg)
{
    return http_waiting(((struct web *)arg)->http);
}

/* All of it is there from the start, with 0. */
static void count_from(struct web *web)
{
    metric_of(&requests, "GET", "2xx");
    metric_plain(&seconds);
    metric_plain(&sent_bytes);
    metric_plain(&received_bytes);
    metric_plain(&retries);
    metric_read_from(metric_plain(&in_flight), read_running, web);
    metric_read_from(metric_plain(&in_line), read_waiting, web);
}

/* --- the client -------------------------------------------------------------------- */

static int or_default(int value, int def)
{
    return value ? value : def;
}

struct web *web_new(struct loop *loop, const struct web_options *options,
                    struct err *err)
{
    struct address_list *allowed =
        address_list_new(options->allow_private, err);
    struct web *web;

    if (!allowed)
        return NULL;
    web = xalloc(sizeof(*web));
    web->allowed = allowed;
    web->timeout_ms = or_default(options->timeout_ms, 30000);
    web->bytes_max = (int64_t)or_default(options->max_mb, 20) << 20;
    web->send_max = (int64_t)or_default(options->send_max_mb, 50) << 20;
    web->http =
        http_new(loop,
                 &(struct http_options){
                     .connections_max = or_default(options->connections, 64),
                     .host_max = or_default(options->host_connections, 8),
                     .owner_max = or_default(options->task_connections, 16),
                     .body_max = (size_t)web->bytes_max,
                     .guard = allowed,
                     .ended = on_ended,
                     .ended_arg = web,
                 });
    count_from(web);
    return web;
}

void web_free(struct web *web)
{
    if (!web)
        return;
    metric_forget_reads(web);
    http_free(web->http);
    address_list_free(web->allowed);
    free(web);
}
