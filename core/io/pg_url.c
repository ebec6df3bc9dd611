/*
 * pg_url.c - the database's url: checked once, then libpq's parameters from it.
 *
 * libpq's messages about a url quote what they choke on, which can be the whole
 * of it, or half of a password with an '@' in it: so nothing quoted gets out.
 */
#include "pg_int.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ENCODE "in a user name or password, write @ as %40, / as %2F and so on"

/* What the url says; NULL: nothing. */
static const char *option(const PQconninfoOption *options, const char *keyword)
{
    for (const PQconninfoOption *o = options; o && o->keyword; o++) {
        if (!strcmp(o->keyword, keyword))
            return o->val && *o->val ? o->val : NULL;
    }
    return NULL;
}

/* --- checking ------------------------------------------------------------- */

/* libpq's message up to the first quoted text that is more than one sign. */
static bool fail_parse(const char *message, struct err *err)
{
    struct buf text = BUF_INIT;
    const char *p = message ? message : "out of memory";

    while (*p && *p != '\n') {
        if (*p == '"' && !(p[1] && p[2] == '"')) {
            buf_adds(&text, "\"…\"");
            break;
        }
        buf_add(&text, p, *p == '"' ? 3 : 1);
        p += *p == '"' ? 3 : 1;
    }
    err_set(err, ERR_USAGE, "the database url is malformed: %s (%s)", text.data,
            ENCODE);
    buf_release(&text);
    return false;
}

static bool is_uri(const char *url)
{
    return !strncmp(url, "postgres://", 11) ||
           !strncmp(url, "postgresql://", 13);
}

static bool check_form(const char *url, struct err *err)
{
    if (!url || !url[strspn(url, " \t\r\n")])
        return err_set(err, ERR_USAGE, "the database url is empty");
    if (!is_uri(url) && (strstr(url, "://") || !strchr(url, '=')))
        return err_set(err, ERR_USAGE,
                       "the database url does not begin with postgres:// or "
                       "postgresql://");
    return true;
}

static bool check_ports(const char *ports, struct err *err)
{
    for (const char *p = ports; p && *p;) {
        size_t n = strcspn(p, ",");
        char *end;
        long port = strtol(p, &end, 10);

        if (n && (end != p + n || port < 1 || port > 65535))
            return err_set(err, ERR_USAGE,
                           "the database url's port is not a number from 1 to "
                           "65535 (%s)",
                           ENCODE);
        p += n + (p[n] == ',');
    }
    return true;
}

static int count_commas(const char *s)
{
    int n = 0;

    for (; s && *s; s++)
        n += *s == ',';
    return n;
}

static bool check_parts(const char *text, const PQconninfoOption *options,
                        struct err *err)
{
    const char *host = option(options, "host");
    const char *port = option(options, "port");
    const char *dbname = option(options, "dbname");

    if ((host && strchr(host, '@') && *host != '@') ||
        (is_uri(text) && dbname && strchr(dbname, '@')))
        return err_set(err, ERR_USAGE,
                       "the database url has an @ where none belongs (%s)",
                       ENCODE);
    if (!check_ports(port, err))
        return false;
    if (count_commas(port) && count_commas(port) != count_commas(host))
        return err_set(err, ERR_USAGE,
                       "the database url has %d hosts but %d ports",
                       count_commas(host) + 1, count_commas(port) + 1);
    return true;
}

/* --- hosts ---------------------------------------------------------------- */

/* Would libpq have to look it up? Sockets are paths, or @ and a name. */
static bool is_name(const char *host)
{
    unsigned char address[sizeof(struct in6_addr)];

    return *host && *host != '/' && *host != '@' &&
           inet_pton(AF_INET, host, address) != 1 &&
           inet_pton(AF_INET6, host, address) != 1;
}

/* The n-th of a comma-separated list; of a list of one, that one. */
static char *list_item(const char *list, int n)
{
    size_t len;

    if (!list)
        return xstrdup("");
    for (len = strcspn(list, ","); n > 0 && list[len]; n--) {
        list += len + 1;
        len = strcspn(list, ",");
    }
    return slice_dup((struct slice){ list, len });
}

static void release_hosts(struct pg_url *url)
{
    for (int i = 0; i < url->nhosts; i++) {
        free(url->hosts[i].name);
        free(url->hosts[i].port);
    }
    free(url->hosts);
    url->hosts = NULL;
    url->nhosts = 0;
}

static void split_hosts(struct pg_url *url, const char *hosts,
                        const char *ports)
{
    bool any = false;

    url->nhosts = count_commas(hosts) + 1;
    url->hosts = xalloc((size_t)url->nhosts * sizeof(*url->hosts));
    for (int i = 0; i < url->nhosts; i++) {
        struct pg_host *h = &url->hosts[i];

        h->name = list_item(hosts, i);
        h->port = list_item(ports, i);
        h->look_up = is_name(h->name);
        any |= h->look_up;
    }
    if (!any)
        release_hosts(url); /* libpq takes them as they are */
}

static void find_hosts(struct pg_url *url)
{
    const char *host = option(url->options, "host");
    const char *hostaddr = option(url->options, "hostaddr");
    const char *port = option(url->options, "port");
    PQconninfoOption *defaults = NULL; /* PGHOST and the like */

    if (!host && !hostaddr) {
        defaults = PQconndefaults();
        host = option(defaults, "host");
        hostaddr = option(defaults, "hostaddr");
        if (!port)
            port = option(defaults, "port");
    }
    if (host && !hostaddr)
        split_hosts(url, host, port);
    PQconninfoFree(defaults);
}

bool pg_url_init(struct pg_url *url, const struct pg_options *options,
                 struct err *err)
{
    char *message = NULL;

    *url = (struct pg_url){ .require_ssl = options->require_ssl };
    if (!check_form(options->url, err))
        return false;
    url->options = PQconninfoParse(options->url, &message);
    if (!url->options) {
        fail_parse(message, err);
        PQfreemem(message);
        return false;
    }
    if (!check_parts(options->url, url->options, err)) {
        pg_url_release(url);
        return false;
    }
    url->application_name = xstrdup(
        options->application_name ? options->application_name : "moonpost");
    find_hosts(url);
    return true;
}

void pg_url_release(struct pg_url *url)
{
    release_hosts(url);
    free(url->application_name);
    PQconninfoFree(url->options);
    *url = (struct pg_url){ 0 };
}

/* --- connecting ----------------------------------------------------------- */

#define PARAMS_MAX 80 /* libpq 15 knows 43 */

struct params {
    const char *keys[PARAMS_MAX + 1], *values[PARAMS_MAX + 1]; /* NULL ends */
    int n;
};

static void add(struct params *params, const char *key, const char *value)
{
    if (params->n == PARAMS_MAX)
        return;
    params->keys[params->n] = key;
    params->values[params->n++] = value;
}

/* What the url does not say. */
static void add_default(struct params *params, const struct pg_url *url,
                        const char *key, const char *value)
{
    if (!option(url->options, key))
        add(params, key, value);
}

static void add_options(struct params *params, const struct pg_url *url)
{
    for (const PQconninfoOption *o = url->options; o->keyword; o++) {
        bool ours = !strcmp(o->keyword, "client_encoding") ||
                    (url->nhosts && (!strcmp(o->keyword, "host") ||
                                     !strcmp(o->keyword, "port")));

        if (o->val && !ours)
            add(params, o->keyword, o->val);
    }
    add(params, "client_encoding", "UTF8");
    add_default(params, url, "application_name", url->application_name);
    add_default(params, url, "keepalives", "1");
    add_default(params, url, "keepalives_idle", "30");
    add_default(params, url, "keepalives_interval", "10");
    add_default(params, url, "keepalives_count", "3");
    /* Looking for Kerberos tickets may block. */
    add_default(params, url, "gssencmode", "disable");
    if (url->require_ssl)
        add_default(params, url, "sslmode", "require");
}

PGconn *pg_url_connect(const struct pg_url *url,
                       const struct pg_address *addresses, int n, int first)
{
    struct buf hosts = BUF_INIT, ports = BUF_INIT, texts = BUF_INIT;
    struct params params = { .n = 0 };
    PGconn *conn;

    for (int i = 0; i < n; i++) {
        const struct pg_address *a = &addresses[(first + i) % n];
        const char *comma = i ? "," : "";

        buf_addf(&hosts, "%s%s", comma, a->host->name);
        buf_addf(&ports, "%s%s", comma, a->host->port);
        buf_addf(&texts, "%s%s", comma, a->text);
    }
    add_options(&params, url);
    if (n) {
        add(&params, "host", hosts.data);
        add(&params, "hostaddr", texts.data);
        add(&params, "port", ports.data);
    }
    conn = PQconnectStartParams(params.keys, params.values, 0);
    buf_release(&hosts);
    buf_release(&ports);
    buf_release(&texts);
    return conn;
}

/* --- texts ---------------------------------------------------------------- */

static void add_without(struct buf *out, const char *text, const char *secret)
{
    const char *at;

    if (secret && strlen(secret) >= 4) {
        while ((at = strstr(text, secret))) {
            buf_add(out, text, (size_t)(at - text));
            buf_adds(out, "***");
            text = at + strlen(secret);
        }
    }
    buf_adds(out, text);
}

/* What libpq goes on to say about a connection that was closed. */
#define LIBPQ_GUESS "\n\tThis probably means the server terminated"

void pg_clean(char *out, size_t size, const char *text, PGconn *conn)
{
    struct buf buf = BUF_INIT;
    const char *guess;
    size_t n = 0;

    add_without(&buf, text, conn ? PQpass(conn) : NULL);
    guess = strstr(buf.data, LIBPQ_GUESS);
    for (const char *p = buf.data; *p && p != guess && n + 3 < size; p++) {
        if (!isspace((unsigned char)*p)) {
            out[n++] = *p;
            continue;
        }
        if (*p == '\n' && p[strspn(p, " \t\r\n")]) {
            out[n++] = ';';
            p += strspn(p, " \t\r\n") - 1;
        }
        if (n && out[n - 1] != ' ')
            out[n++] = ' ';
    }
    while (n && ((unsigned char)out[n - 1] >= 0xC0 || out[n - 1] == ' ' ||
                 out[n - 1] == ';'))
        n--; /* no blanks and no half characters at the end */
    out[n] = '\0';
    buf_release(&buf);
}
