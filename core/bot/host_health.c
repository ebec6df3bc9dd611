/*
 * host_health.c - GET /healthz: does the bot really work?
 *
 * 200 means: it runs, PostgreSQL is connected, and updates come in (the last poll
 * went well, or the webhook is registered; a standby waits for its turn).
 */
#include "base/json.h"
#include "bot/host_http.h"
#include "bot/host_int.h"
#include "bot/host_webhook.h"

static const char *state_trouble(const struct host *host)
{
    switch (host->state) {
    case HOST_STARTING: return "starting";
    case HOST_RUNNING: return NULL;
    case HOST_STOPPING:
    case HOST_STOPPED: break;
    }
    return "stopping";
}

static const char *updates_trouble(const struct host *host)
{
    if (host->webhook)
        return host_webhook_trouble(host);
    return intake_trouble(host->intake);
}

static void add(struct buf *out, const char *name, const char *trouble,
                bool *ok)
{
    if (trouble)
        *ok = false;
    buf_addf(out, ",\"%s\":", name);
    json_add_text(out, slice_of(trouble ? trouble : "ok"));
}

static void on_request(struct httpd_request *req, void *arg)
{
    static const char *const headers[] = { "Content-Type", "application/json",
                                           "Cache-Control", "no-store", NULL };
    const struct host *host = arg;
    struct buf parts = BUF_INIT, out = BUF_INIT;
    bool ok = true;

    add(&parts, "state", state_trouble(host), &ok);
    add(&parts, "database", pg_is_up(host->pg) ? NULL : "no connection", &ok);
    add(&parts, host->webhook ? "webhook" : "polling", updates_trouble(host),
        &ok);
    buf_addf(&out, "{\"ok\":%s%s}\n", ok ? "true" : "false", parts.data);
    httpd_reply(req, ok ? 200 : 503, headers, buf_slice(&out));
    buf_release(&parts);
    buf_release(&out);
}

void host_health_serve(struct host *host, struct host_http *http)
{
    host_http_add(http, &(struct host_http_route){ .path = "/healthz",
                                                   .handler = on_request,
                                                   .arg = host });
}
