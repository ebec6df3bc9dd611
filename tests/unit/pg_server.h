/*
 * pg_server.h - for tests with a real PostgreSQL.
 *
 * MOONPOST_TEST_DATABASE_URL names a throw-away database on which anything may
 * be done. Tests that stop a server, or need passwords and a port, make one of
 * their own with bin/lib/pg-throwaway.
 */
#ifndef TESTS_PG_SERVER_H
#define TESTS_PG_SERVER_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <libpq-fe.h>

/* Ends the program with a message and status 1 when there is none. */
static inline const char *pg_server_url(void)
{
    const char *url = getenv("MOONPOST_TEST_DATABASE_URL");

    if (url && *url)
        return url;
    fprintf(stderr, "MOONPOST_TEST_DATABASE_URL is not set: the url of a "
                    "throw-away database (bin/test sets it)\n");
    exit(1);
}

/* Until the sessions of an application_name have ended: what a test has sent last is
 * carried out after it has closed them, and would meet the rows of the next test. */
static inline bool pg_sessions_end(PGconn *conn, const char *application)
{
    bool gone = false;

    for (int i = 0; i < 1500 && !gone; i++) {
        PGresult *res =
            PQexecParams(conn,
                         "SELECT pg_sleep(0.02) FROM pg_stat_activity WHERE "
                         "application_name = $1 LIMIT 1",
                         1, NULL, &application, NULL, NULL, 0);

        gone = PQresultStatus(res) == PGRES_TUPLES_OK && PQntuples(res) == 0;
        PQclear(res);
    }
    return gone;
}

/* A server of the test's own, with a socket and a port on 127.0.0.1. */
struct pg_server {
    char parent[40], folder[48];
    int port;
    char url[200]; /* by socket, trusted, database postgres */
};

static inline bool pg_server_do(const struct pg_server *s, const char *what)
{
    char command[1000];
    int root = (int)(strlen(__FILE__) - strlen("tests/unit/pg_server.h"));

    snprintf(command, sizeof(command), "'%.*sbin/lib/pg-throwaway' %s '%s' >&2",
             root, __FILE__, what, s->folder);
    return system(command) == 0;
}

/* After a kill: the socket's lock file names a process that may not be reaped
 * yet, which the server takes for a living one. */
static inline void pg_server_unlock(const struct pg_server *s)
{
    char path[100];

    snprintf(path, sizeof(path), "%s/.s.PGSQL.%d.lock", s->folder, s->port);
    unlink(path);
}

/* By its socket; several statements are fine. */
static inline bool pg_server_sql(const char *url, const char *sql)
{
    PGconn *conn = PQconnectdb(url);
    PGresult *res = PQexec(conn, sql);
    bool ok = PQresultStatus(res) == PGRES_COMMAND_OK ||
              PQresultStatus(res) == PGRES_TUPLES_OK;

    if (!ok)
        fprintf(stderr, "%s", PQerrorMessage(conn));
    PQclear(res);
    PQfinish(conn);
    return ok;
}

static inline int pg_server_free_port(void)
{
    struct sockaddr_in a = { .sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t n = sizeof(a);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (bind(fd, (struct sockaddr *)&a, n) ||
        getsockname(fd, (struct sockaddr *)&a, &n))
        abort();
    close(fd);
    return ntohs(a.sin_port);
}

/* Trust on the socket; on the port, the user walter with this password. */
#define PG_SERVER_PASSWORD "correct-horse"

static inline bool pg_server_configure(struct pg_server *s)
{
    char sql[1000], hba[200];

    snprintf(hba, sizeof(hba), "%s/data/pg_hba.conf", s->folder);
    snprintf(sql, sizeof(sql),
             "COPY (VALUES ('local all all trust'),"
             " ('host all all 127.0.0.1/32 scram-sha-256')) TO '%s';"
             "CREATE ROLE walter LOGIN PASSWORD '" PG_SERVER_PASSWORD "'",
             hba);
    if (!pg_server_sql(s->url, sql) ||
        !pg_server_sql(s->url,
                       "ALTER SYSTEM SET listen_addresses = '127.0.0.1'"))
        return false;
    snprintf(sql, sizeof(sql), "ALTER SYSTEM SET port = %d", s->port);
    return pg_server_sql(s->url, sql) && pg_server_do(s, "restart");
}

static inline bool pg_server_create(struct pg_server *s)
{
    strcpy(s->parent, "/tmp/moonpost-test.XXXXXX");
    if (!mkdtemp(s->parent) || chmod(s->parent, 0755))
        return false;
    snprintf(s->folder, sizeof(s->folder), "%s/own", s->parent);
    snprintf(s->url, sizeof(s->url), "postgresql://moonpost@/postgres?host=%s",
             s->folder);
    s->port = pg_server_free_port();
    if (!pg_server_do(s, "start") || !pg_server_configure(s))
        return false;
    snprintf(s->url, sizeof(s->url),
             "postgresql://moonpost@/postgres?host=%s&port=%d", s->folder,
             s->port);
    return true;
}

static inline void pg_server_destroy(struct pg_server *s)
{
    if (!s->folder[0])
        return;
    pg_server_do(s, "remove");
    rmdir(s->parent);
}

#endif
