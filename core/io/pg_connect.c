/*
 * pg_connect.c - making the connection, losing it, and making it again.
 *
 * One try goes through the phases in pg_int.h under one timer. Everything that
 * goes wrong, in a try or later, goes through pg_lost(), which begins the next.
 * libpq would block to look up names: pg_lookup.c does, before it connects.
 */
#include "pg_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/dns.h>
#include <event2/util.h>

#include "base/log.h"

#define TRY_MS 10000 /* for one try, name look-up and password included */
#define PAUSE_MIN_MS 100
#define PAUSE_MAX_MS 10000
#define STEADY_MS 5000 /* up this long, and pauses begin anew from the least */
#define TRIES_UNSTEADY 3   /* else from here at most */
#define RENEW_MIN_MS 1000  /* between connections that are given up ... */
#define RENEW_MAX_MS 60000 /* ... because the server is read-only */

static void greet(struct pg *pg);

/* --- small parts ---------------------------------------------------------- */

static void set_timer(struct pg *pg, int64_t ms)
{
    struct timeval tv = { ms / 1000, ms % 1000 * 1000 };

    evtimer_add(pg->timer, &tv);
}

static void stop_watching(struct pg *pg)
{
    if (pg->readable)
        event_free(pg->readable);
    if (pg->writable)
        event_free(pg->writable);
    pg->readable = pg->writable = NULL;
}

/* 100 ms, 200 ms … 10 s; of that between a half and all, so that many
 * processes do not come back in step. */
static int64_t pause_ms(int tries)
{
    int64_t ms = tries > 6 ? PAUSE_MAX_MS : (int64_t)PAUSE_MIN_MS << tries;
    uint32_t random;

    evutil_secure_rng_get_bytes(&random, sizeof(random));
    return ms / 2 + random % (ms / 2 + 1);
}

bool pg_flush(struct pg *pg)
{
    int rest = PQflush(pg->conn);

    if (rest < 0) {
        pg_lost(pg, PQerrorMessage(pg->conn));
        return false;
    }
    if (rest > 0)
        event_add(pg->writable, NULL);
    return true;
}

/* --- one try -------------------------------------------------------------- */

static void watch_try(struct pg *pg, short what);

static void on_try_ready(evutil_socket_t fd, short what, void *arg)
{
    struct pg *pg = arg;

    (void)fd;
    (void)what;
    switch (PQconnectPoll(pg->conn)) {
    case PGRES_POLLING_READING: watch_try(pg, EV_READ); break;
    case PGRES_POLLING_WRITING: watch_try(pg, EV_WRITE); break;
    case PGRES_POLLING_OK: greet(pg); break;
    default: pg_lost(pg, PQerrorMessage(pg->conn));
    }
}

/* The socket may be another one each time. */
static void watch_try(struct pg *pg, short what)
{
    stop_watching(pg);
    pg->readable = event_new(loop_base(pg->loop), PQsocket(pg->conn), what,
                             on_try_ready, pg);
    event_add(pg->readable, NULL);
}

/* FATAL outside of a query is how the server says why it is going. */
static void on_notice(void *arg, const PGresult *res)
{
    const char *severity =
        PQresultErrorField(res, PG_DIAG_SEVERITY_NONLOCALIZED);
    const char *primary = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);
    struct pg *pg = arg;
    char text[500];

    pg_clean(text, sizeof(text), primary ? primary : PQresultErrorMessage(res),
             pg->conn);
    if (severity && (!strcmp(severity, "FATAL") || !strcmp(severity, "PANIC")))
        snprintf(pg->fatal, sizeof(pg->fatal), "%.290s", text);
    else
        log_info("database", "%s", text);
}

void pg_looked_up(struct pg *pg)
{
    pg->fatal[0] = '\0'; /* of a look-up: another host was found */
    pg->conn = pg_url_connect(&pg->url, pg->addresses, pg->naddresses,
                              pg->first_address);
    if (!pg->conn)
        abort(); /* out of memory */
    if (PQstatus(pg->conn) == CONNECTION_BAD) {
        pg_lost(pg, PQerrorMessage(pg->conn));
        return;
    }
    pg->phase = PG_CONNECTING;
    PQsetNoticeReceiver(pg->conn, on_notice, pg);
    watch_try(pg, EV_WRITE); /* as PQconnectPoll() wants it the first time */
}

static void begin_try(struct pg *pg)
{
    pg->phase = PG_RESOLVING;
    pg->fatal[0] = '\0';
    pg->looking_up = pg->naddresses = 0;
    set_timer(pg, TRY_MS);
    if (pg_fault_refuses()) /* for the reason that was told, and no other */
        pg_lost(pg, *pg->reason ? pg->reason : "Connection refused");
    else if (pg->url.nhosts && !pg_open_dns(pg))
        pg_lost(pg, "name look-ups are not possible: /etc/resolv.conf?");
    else
        pg_look_up(pg);
}

static void too_late(struct pg *pg)
{
    const char *host = pg->conn ? PQhost(pg->conn) : NULL;
    char reason[400];

    if (!pg->conn)
        host = pg->url.hosts[pg->looking_up].name;
    snprintf(reason, sizeof(reason), "no answer from %s%.200s within %d s",
             pg->conn ? "" : "the name server about ",
             host ? host : "the server", TRY_MS / 1000);
    pg->first_address++; /* libpq would always begin with the same one */
    pg_lost(pg, reason);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct pg *pg = arg;

    (void)fd;
    (void)what;
    if (pg->phase == PG_DOWN)
        begin_try(pg);
    else
        too_late(pg);
}

/* --- up ------------------------------------------------------------------- */

static void come_up(struct pg *pg)
{
    if (!PQenterPipelineMode(pg->conn)) {
        pg_lost(pg, PQerrorMessage(pg->conn));
        return;
    }
    evtimer_del(pg->timer);
    pg->phase = PG_UP;
    pg->connections++;
    pg->up_ms = loop_real_ms();
    pg->reason[0] = pg->fatal[0] = '\0';
    pg_deadlines_changed(pg);
    event_active(pg->pump, EV_TIMEOUT, 1);
    if (pg->on_state)
        pg->on_state(true, "", pg->on_state_arg);
}

/* It may still have to be made: the path has its name, then. */
static bool is_in_schema(struct pg *pg, const PGresult *res)
{
    char reason[600];

    if (!pg->schema || *PQgetvalue(res, 0, 2) == 'f' ||
        *PQgetvalue(res, 0, 4) == 't')
        return true;
    snprintf(reason, sizeof(reason),
             "DATABASE_SCHEMA is %.60s, but sessions behind this pooler have "
             "the search_path %.120s, and none can be set for one session "
             "there: ALTER ROLE %.60s IN DATABASE %.60s SET search_path = "
             "%.60s, then let the pooler connect anew",
             pg->schema, PQgetvalue(res, 0, 5), PQgetvalue(res, 0, 6),
             PQgetvalue(res, 0, 7), pg->schema);
    pg_lost(pg, reason);
    return false;
}

static void read_greeting(struct pg *pg)
{
    while (!PQisBusy(pg->conn)) {
        PGresult *res = PQgetResult(pg->conn);
        bool ok = PQresultStatus(res) == PGRES_TUPLES_OK;

        if (!res) {
            come_up(pg);
            return;
        }
        if (!ok)
            pg_lost(pg, PQresultErrorMessage(res));
        else if ((ok = is_in_schema(pg, res)) && *PQgetvalue(res, 0, 2) == 't')
            pg_behind_pooler(pg, "the server has another process number");
        PQclear(res);
        if (!ok)
            return;
    }
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct pg *pg = arg;
    bool ok;

    (void)fd;
    (void)what;
    if (pg_fault_holds(pg))
        return;
    ok = PQconsumeInput(pg->conn);
    if (ok && pg->phase == PG_GREETING) {
        read_greeting(pg);
        return;
    }
    /* Also when it failed: answers may have come before the end. */
    if (pg->phase == PG_UP)
        pg_read_answers(pg);
    if (!ok && pg->conn)
        pg_lost(pg, *pg->fatal ? pg->fatal : PQerrorMessage(pg->conn));
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    struct pg *pg = arg;

    (void)fd;
    (void)what;
    /* libpq also reads when it cannot write: the socket need not tell. */
    if (pg_flush(pg) && pg->phase == PG_UP)
        pg_read_answers(pg);
}

/*
 * Not by the start-up parameter "options": poolers refuse it. Behind a pooler
 * (which says another process number than the server) a session may be anybody's
 * in the next moment: there the settings end with this transaction, and the
 * search path is only looked at. Only the one schema may be in it: what another
 * one has would be taken for ours where ours is not made yet.
 */
static void add_greeting(struct pg *pg, struct buf *sql)
{
    char *schema =
        pg->schema ? PQescapeLiteral(pg->conn, pg->schema, strlen(pg->schema))
                   : NULL;

    buf_addf(
        sql,
        "SELECT set_config('statement_timeout', '%d', pooled), "
        "set_config('idle_in_transaction_session_timeout', '60000', "
        "pooled), pooled, CASE WHEN NOT pooled AND wanted IS NOT NULL THEN "
        "set_config('search_path', quote_ident(wanted), false) END, "
        "CASE WHEN cardinality(path) = 0 THEN "
        "trim(split_part(current_setting('search_path'), ',', 1), ' \"') "
        "= wanted ELSE path = ARRAY[wanted]::name[] END, "
        "current_setting('search_path'), quote_ident(current_user), "
        "quote_ident(current_database()) "
        "FROM (SELECT pg_backend_pid() <> %d AS pooled, %s::text AS "
        "wanted, current_schemas(false) AS path) AS here",
        pg->options.statement_timeout_ms, PQbackendPID(pg->conn),
        schema ? schema : "NULL");
    PQfreemem(schema);
}

static void greet(struct pg *pg)
{
    struct event_base *base = loop_base(pg->loop);
    int fd = PQsocket(pg->conn);
    struct buf sql = BUF_INIT;

    stop_watching(pg);
    pg->phase = PG_GREETING;
    pg->readable = event_new(base, fd, EV_READ | EV_PERSIST, on_readable, pg);
    pg->writable = event_new(base, fd, EV_WRITE, on_writable, pg);
    event_add(pg->readable, NULL);
    add_greeting(pg, &sql);
    if (PQsetnonblocking(pg->conn, 1) || !PQsendQuery(pg->conn, sql.data))
        pg_lost(pg, PQerrorMessage(pg->conn));
    else
        pg_flush(pg);
    buf_release(&sql);
}

/* --- down ----------------------------------------------------------------- */

static void close_connection(struct pg *pg)
{
    stop_watching(pg);
    pg_fault_let_go(pg);
    pg_cancel_look_up(pg, false);
    PQfinish(pg->conn);
    pg->conn = NULL;
    pg->renew = pg->pooled = false;
}

void pg_lost(struct pg *pg, const char *reason)
{
    bool was_up = pg->phase == PG_UP, tell;
    int64_t now = loop_real_ms();
    char clean[sizeof(pg->reason)];

    pg_clean(clean, sizeof(clean), reason, pg->conn);
    if (!*clean)
        snprintf(clean, sizeof(clean), "it was closed");
    close_connection(pg);
    tell = was_up || strcmp(clean, pg->reason) != 0;
    memcpy(pg->reason, clean, sizeof(clean));
    pg->phase = PG_DOWN;
    if (was_up) {
        pg->down_ms = now;
        if (now - pg->up_ms >= STEADY_MS)
            pg->tries = 0;
        else if (pg->tries > TRIES_UNSTEADY)
            pg->tries = TRIES_UNSTEADY;
    }
    set_timer(pg, pg_fault_hurries() ? 0 : pause_ms(pg->tries++));
    pg_sent_lost(pg);
    pg_deadlines_changed(pg);
    if (tell && pg->on_state)
        pg->on_state(false, pg->reason, pg->on_state_arg);
}

/* The longer it lasts, the less often; pauses begin anew when it was over. */
void pg_read_only(struct pg *pg)
{
    int64_t now = loop_real_ms(), passed = now - pg->renewed_ms;

    if (pg->renewed_ms && passed < pg->renew_pause_ms)
        return;
    if (!pg->renewed_ms || passed > 2 * RENEW_MAX_MS)
        pg->renew_pause_ms = RENEW_MIN_MS;
    else if (pg->renew_pause_ms < RENEW_MAX_MS / 2)
        pg->renew_pause_ms *= 2;
    else
        pg->renew_pause_ms = RENEW_MAX_MS;
    pg->renewed_ms = now;
    pg->renew = true;
}

bool pg_renewed(struct pg *pg)
{
    if (!pg->renew || pg->phase != PG_UP)
        return false;
    pg_lost(pg, "the server is read-only; connecting anew, as another one may "
                "have taken its place");
    return true;
}

void pg_connect_now(struct pg *pg)
{
    pg->tries = 0;
    set_timer(pg, 0);
}

void pg_connect_init(struct pg *pg)
{
    pg->timer = evtimer_new(loop_base(pg->loop), on_timer, pg);
    pg->phase = PG_DOWN;
    set_timer(pg, 0);
}

void pg_connect_release(struct pg *pg)
{
    stop_watching(pg);
    pg_cancel_look_up(pg, true);
    close_connection(pg);
    if (pg->dns)
        evdns_base_free(pg->dns, 0);
    event_free(pg->timer);
}
