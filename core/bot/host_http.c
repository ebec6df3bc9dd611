/* host_http.c - see host_http.h. */
#include "bot/host_http.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define ROUTES_MAX 8
/* Requests that wait for their updates to be done or saved are connections; more
 * than Telegram opens (100), the routers of a platform, and room for others. */
#define CONNECTIONS_MAX 256
/* Telegram does not say how large an update can be; a message's text, entities
 * and what it replies to are some 100 KB at the very most. */
#define BODY_MAX (1 << 20)

struct host_http {
    struct httpd *httpd;
    struct host_http_route routes[ROUTES_MAX];
    size_t nroutes;
};

static const struct host_http_route *find(const struct host_http *http,
                                          const struct httpd_request *req)
{
    for (size_t i = 0; i < http->nroutes; i++)
        if (strcmp(http->routes[i].path, httpd_path(req)) == 0)
            return &http->routes[i];
    return NULL;
}

static int check(const struct httpd_request *req, const char *const **headers,
                 void *arg)
{
    static const char *const allow_post[] = { "Allow", "POST", NULL };
    static const char *const allow_get[] = { "Allow", "GET, HEAD", NULL };
    const struct host_http_route *route = find(arg, req);
    const char *method = httpd_method(req);
    bool fits;

    if (!route)
        return 404;
    fits = route->post
               ? strcmp(method, "POST") == 0
               : strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
    if (!fits) {
        *headers = route->post ? allow_post : allow_get;
        return 405;
    }
    return route->check ? route->check(req, route->arg) : 0;
}

static void on_request(struct httpd_request *req, void *arg)
{
    const struct host_http_route *route = find(arg, req); /* as in check() */

    route->handler(req, route->arg);
}

struct host_http *host_http_open(struct loop *loop, const char *address,
                                 int port, int request_s, struct err *err)
{
    struct host_http *http = xalloc(sizeof(*http));

    http->httpd = httpd_start(loop,
                              &(struct httpd_options){
                                  .address = address,
                                  .port = port,
                                  .body_max = BODY_MAX,
                                  .request_seconds = request_s,
                                  .connections_max = CONNECTIONS_MAX,
                                  .check = check,
                              },
                              on_request, http, err);
    if (http->httpd)
        return http;
    free(http);
    return NULL;
}

void host_http_add(struct host_http *http, const struct host_http_route *route)
{
    assert(http->nroutes < ROUTES_MAX);
    http->routes[http->nroutes++] = *route;
}

int host_http_port(const struct host_http *http)
{
    return httpd_port(http->httpd);
}

void host_http_free(struct host_http *http)
{
    if (!http)
        return;
    httpd_free(http->httpd);
    free(http);
}
