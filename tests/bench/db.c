/*
 * db.c - what db.one() of a script costs above libpq: the same query, one after the
 * other and many at once. Time by the clock, and of this process's CPU.
 *
 *     DATABASE_URL=… bench_db [QUERIES]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <libpq-fe.h>

#include "bot/script_db.h"
#include "script/generation.h"
#include "script/task.h"

#define SQL "SELECT id, name, n FROM bench_db WHERE id = $1"
#define MAKE                                                                   \
    "SET client_min_messages = warning; DROP TABLE IF EXISTS bench_db; "       \
    "CREATE TABLE bench_db AS SELECT n AS id, 'name ' || n AS name, n * 2 "    \
    "AS n FROM generate_series(1, 10000) AS n; ALTER TABLE bench_db ADD "      \
    "PRIMARY KEY (id); ANALYZE bench_db"

static int queries = 20000;

static double cpu_us(void)
{
    struct rusage u;

    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static struct {
    double wall, cpu;
} began;

static void begin(void)
{
    began.wall = (double)loop_now_ns() / 1e3;
    began.cpu = cpu_us();
}

static void tell(const char *what)
{
    printf("%-44s %7.1f us a query, %6.1f of CPU\n", what,
           ((double)loop_now_ns() / 1e3 - began.wall) / queries,
           (cpu_us() - began.cpu) / queries);
}

/* --- libpq --------------------------------------------------------------------- */

static PGconn *connect_to(const char *url)
{
    PGconn *conn = PQconnectdb(url);
    PGresult *res = PQexec(conn, MAKE);

    if (PQresultStatus(res) != PGRES_COMMAND_OK) {
        fprintf(stderr, "db: %s", PQerrorMessage(conn));
        exit(1);
    }
    PQclear(res);
    PQclear(PQprepare(conn, "q", SQL, 1, NULL));
    return conn;
}

static void one_by_one(PGconn *conn)
{
    char id[16];
    const char *params[] = { id };

    begin();
    for (int i = 0; i < queries; i++) {
        snprintf(id, sizeof(id), "%d", i % 10000 + 1);
        PQclear(PQexecPrepared(conn, "q", 1, params, NULL, NULL, 0));
    }
    tell("libpq, one after the other");
}

static void take_answers(PGconn *conn, int n)
{
    for (int i = 0; i < n;) {
        PGresult *res = PQgetResult(conn);

        i += PQresultStatus(res) == PGRES_PIPELINE_SYNC;
        PQclear(res);
    }
}

static void pipelined(PGconn *conn)
{
    char id[16];
    const char *params[] = { id };

    PQenterPipelineMode(conn);
    begin();
    for (int i = 0; i < queries; i += 64) {
        for (int k = 0; k < 64; k++) {
            snprintf(id, sizeof(id), "%d", (i + k) % 10000 + 1);
            PQsendQueryPrepared(conn, "q", 1, params, NULL, NULL, 0);
            PQpipelineSync(conn);
        }
        take_answers(conn, 64);
    }
    tell("libpq, 64 at once, each its own transaction");
}

/* --- a script --------------------------------------------------------------------- */

static int running;

static void on_end(struct task *t, enum task_result result, void *arg)
{
    if (result != TASK_OK)
        fprintf(stderr, "db: a task failed: %s\n", t->in->error);
    if (--running == 0)
        loop_stop(arg);
}

static void start_task(struct op *op)
{
    struct task *task = op->arg;

    op_free(op);
    task_run(task);
}

static void push(struct vm *vm, struct generation *gen, struct loop *loop)
{
    static const char update[] =
        "{\"update_id\":1,\"message\":{\"message_id\":5,\"chat\":{\"id\":1,"
        "\"type\":\"private\"},\"date\":1,\"text\":\"/a\"}}";
    struct incoming *in = xalloc(sizeof(*in));
    struct err err = ERR_INIT;
    struct op *timer = timer_start(loop, 0);

    buf_init(&in->text);
    buf_adds(&in->text, update);
    if (!update_read(buf_slice(&in->text), &in->u, &err))
        exit(1);
    timer->done = start_task;
    timer->arg = task_new(vm, gen, in, on_end, loop);
    running++;
}

static void write_script(const char *dir, int tasks)
{
    char path[200];
    FILE *f;

    snprintf(path, sizeof(path), "%s/scripts", dir);
    mkdir(path, 0755);
    snprintf(path, sizeof(path), "%s/scripts/a.lua", dir);
    f = fopen(path, "w");
    if (!f)
        exit(1);
    fprintf(f,
            "local bot, db = require 'bot', require 'db'\n"
            "bot.command('a', function()\n"
            "  for i = 1, %d do assert(db.one('" SQL
            "', i %% 10000 + 1).n) end\nend)\n",
            queries / tasks);
    fclose(f);
}

static void script(const char *url, int tasks, int connections)
{
    struct vm_limits limits = { .memory_max = 64u << 20,
                                .cpu_ms = 10000,
                                .task_ms = 600000 };
    struct services s = { .bot_username = "bench_bot" };
    char dir[] = "/tmp/moonpost-bench-XXXXXX", what[100], command[100];
    struct generation *gen;
    struct script_db *db;
    struct err err = ERR_INIT;
    struct vm *vm;

    s.dir = mkdtemp(dir);
    s.loop = loop_new();
    db = script_db_new(s.loop,
                       &(struct script_db_options){ .url = url,
                                                    .prepare = true,
                                                    .connections = connections,
                                                    .timeout_ms = 60000,
                                                    .rows_max = 10000,
                                                    .bytes_max = 4u << 20 });
    s.db = script_db_desk(db);
    write_script(dir, tasks);
    vm = vm_new(&s, &limits);
    gen = generation_new(vm->L, dir, 1);
    if (!generation_load(gen, &err)) {
        fprintf(stderr, "db: %s\n", err.text);
        exit(1);
    }
    for (int i = 0; i < tasks; i++)
        push(vm, gen, s.loop);
    begin();
    loop_run(s.loop);
    snprintf(what, sizeof(what), "db.one, %d task%s, %d connection%s", tasks,
             tasks > 1 ? "s" : "", connections, connections > 1 ? "s" : "");
    tell(what);
    generation_unref(gen);
    vm_free(vm);
    script_db_free(db);
    loop_free(s.loop);
    snprintf(command, sizeof(command), "rm -r '%s'", dir);
    if (system(command))
        exit(1);
}

int main(int argc, char **argv)
{
    const char *url = getenv("DATABASE_URL");
    PGconn *conn;

    if (!url || argc > 2) {
        fprintf(stderr, "usage: DATABASE_URL=… bench_db [QUERIES]\n");
        return 2;
    }
    if (argc == 2)
        queries = atoi(argv[1]) / 64 * 64 + 64;
    conn = connect_to(url);
    one_by_one(conn);
    pipelined(conn);
    script(url, 1, 1);
    script(url, 64, 1);
    script(url, 64, 2);
    script(url, 64, 4);
    PQfinish(conn);
    conn = PQconnectdb(url);
    PQclear(PQexec(conn, "DROP TABLE bench_db"));
    PQfinish(conn);
    return 0;
}
