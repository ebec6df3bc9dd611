/* web.c - see web.h. */
#include "script/web.h"

#include <stdlib.h>

#include "io/address.h"

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
    web->http =
        http_new(loop,
                 &(struct http_options){
                     .connections_max = or_default(options->connections, 64),
                     .host_max = or_default(options->host_connections, 8),
                     .body_max = (size_t)web->bytes_max,
                     .guard = allowed,
                 });
    return web;
}

void web_free(struct web *web)
{
    if (!web)
        return;
    http_free(web->http);
    address_list_free(web->allowed);
    free(web);
}
