/*
 * pg_lookup.c - the addresses of the url's hosts, before each try to connect.
 *
 * libpq would block to look up names: they are resolved here (libevent's evdns,
 * which knows /etc/hosts) and given to libpq as addresses beside the names.
 */
#include "pg_int.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include <event2/dns.h>
#include <event2/util.h>

#include "base/log.h"

#define ADDRESSES_PER_HOST 8

struct pg_lookup {
    struct pg *pg; /* NULL: nobody waits for it any more */
    struct event_base *base;
    struct evdns_base *orphan; /* to be freed with it, or NULL */
    struct evdns_getaddrinfo_request *request;
};

static void free_dns(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    evdns_base_free(arg, 0);
}

static void add_address(struct pg *pg, const struct pg_host *host,
                        const struct sockaddr *sa)
{
    struct pg_address *a;
    const void *from = NULL;

    if (pg->naddresses == PG_ADDRESSES_MAX)
        return;
    a = &pg->addresses[pg->naddresses];
    *a = (struct pg_address){ .host = host };
    if (sa && sa->sa_family == AF_INET)
        from = &((const struct sockaddr_in *)(const void *)sa)->sin_addr;
    else if (sa && sa->sa_family == AF_INET6)
        from = &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr;
    if (sa &&
        (!from || !inet_ntop(sa->sa_family, from, a->text, sizeof(a->text))))
        return;
    pg->naddresses++;
}

static void on_looked_up(int error, struct evutil_addrinfo *list, void *arg)
{
    struct pg_lookup *lookup = arg;
    struct pg *pg = lookup->pg;
    int n = 0;

    if (!pg) {
        if (lookup->orphan) /* evdns still needs it after this call */
            event_base_once(lookup->base, -1, EV_TIMEOUT, free_dns,
                            lookup->orphan, NULL);
    } else {
        pg->lookup = NULL;
        for (struct evutil_addrinfo *a = list; a && n < ADDRESSES_PER_HOST;
             a = a->ai_next, n++)
            add_address(pg, &pg->url.hosts[pg->looking_up], a->ai_addr);
        if (error)
            snprintf(pg->fatal, sizeof(pg->fatal),
                     "cannot look up the host \"%.200s\": %s",
                     pg->url.hosts[pg->looking_up].name,
                     evutil_gai_strerror(error));
    }
    if (list)
        evutil_freeaddrinfo(list);
    free(lookup);
    if (pg) {
        pg->looking_up++;
        pg_look_up(pg);
    }
}

/* May call on_looked_up() at once. */
static void look_up_one(struct pg *pg, const char *name)
{
    struct evutil_addrinfo hints = { .ai_family = AF_UNSPEC,
                                     .ai_socktype = SOCK_STREAM };
    struct pg_lookup *lookup = xalloc(sizeof(*lookup));
    struct evdns_getaddrinfo_request *request;

    lookup->pg = pg;
    lookup->base = loop_base(pg->loop);
    pg->lookup = lookup;
    request =
        evdns_getaddrinfo(pg->dns, name, NULL, &hints, on_looked_up, lookup);
    if (request) /* else the look-up is over, and freed */
        lookup->request = request;
}

void pg_cancel_look_up(struct pg *pg, bool with_dns)
{
    struct pg_lookup *lookup = pg->lookup;

    if (!lookup)
        return;
    pg->lookup = NULL;
    lookup->pg = NULL;
    if (with_dns) {
        lookup->orphan = pg->dns;
        pg->dns = NULL;
    }
    evdns_getaddrinfo_cancel(lookup->request);
}

static void on_dns_log(int is_warning, const char *text)
{
    (void)is_warning;
    log_debug("database", "name look-up: %s", text);
}

bool pg_open_dns(struct pg *pg)
{
    if (pg->dns)
        evdns_base_free(pg->dns, 0);
    evdns_set_log_fn(on_dns_log);
    pg->dns = evdns_base_new(loop_base(pg->loop),
                             EVDNS_BASE_INITIALIZE_NAMESERVERS |
                                 EVDNS_BASE_DISABLE_WHEN_INACTIVE);
    return pg->dns != NULL;
}

/* One host after the other, then on to connecting. */
void pg_look_up(struct pg *pg)
{
    const struct pg_host *host;

    for (; pg->looking_up < pg->url.nhosts; pg->looking_up++) {
        host = &pg->url.hosts[pg->looking_up];
        if (host->look_up) {
            look_up_one(pg, host->name); /* calls this again */
            return;
        }
        add_address(pg, host, NULL);
    }
    if (pg->url.nhosts && !pg->naddresses)
        pg_lost(pg, *pg->fatal ? pg->fatal : "no host has an address");
    else
        pg_looked_up(pg);
}
