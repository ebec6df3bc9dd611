/* stage.c - see stage.h; waiting is in stage_wait.c. */
#include "stage_int.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "bot/migrate.h"
#include "bot/testing.h"
#include "io/pg_fault.h"
#include "script/vm.h"
#include "script/web.h"
#include "simulator/simulator.h"

#define BOT_TOKEN "1:token-of-moonpost-test"
#define MANY 1000000

/* --- what the host says ---------------------------------------------------------- */

static void on_line(enum log_level level, const char *area, const char *message,
                    const char *fields, void *arg)
{
    struct stage *stage = arg;
    struct stage_line *line = xalloc(sizeof(*line));

    *line = (struct stage_line){ .level = level,
                                 .area = xstrdup(area),
                                 .text = xstrdup(message),
                                 .fields = xstrdup(fields) };
    *stage->last_line = line;
    stage->last_line = &line->next;
}

struct stage_line *stage_take_lines(struct stage *stage)
{
    struct stage_line *lines = stage->lines;

    stage->lines = NULL;
    stage->last_line = &stage->lines;
    return lines;
}

void stage_line_free(struct stage_line *line)
{
    free(line->area);
    free(line->text);
    free(line->fields);
    free(line);
}

static void forget_lines(struct stage *stage)
{
    struct stage_line *line = stage_take_lines(stage), *next;

    for (; line; line = next) {
        next = line->next;
        stage_line_free(line);
    }
}

/* --- asking ---------------------------------------------------------------------- */

bool stage_ask(struct stage *stage, const char *method, const char *target,
               const char *type, struct buf *body, struct http_op **op,
               struct err *err)
{
    *op =
        http_start(stage->http, &(struct http_request){
                                    .method = method,
                                    .url = stage->url,
                                    .target = target,
                                    .type = type,
                                    .body = body,
                                    .timeout_ms = stage->options.timeout_ms });
    if (stage_wait(stage, &(*op)->op, err))
        return true;
    op_free(&(*op)->op);
    *op = NULL;
    return false;
}

void stage_answer_with(struct stage *stage, simulator_answer_fn fn, void *arg)
{
    simulator_answer_with(stage->sim, fn, arg);
}

/* --- the bot's own files ----------------------------------------------------------- */

static int remove_one(const char *path, const struct stat *st, int type,
                      struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return remove(path);
}

static void remove_data(struct stage *stage)
{
    if (stage->data_dir[0])
        nftw(stage->data_dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    stage->data_dir[0] = '\0';
}

static bool make_data(struct stage *stage, struct err *err)
{
    strcpy(stage->data_dir, "/tmp/moonpost-test-XXXXXX");
    if (mkdtemp(stage->data_dir))
        return true;
    stage->data_dir[0] = '\0';
    return err_set(err, ERR_SYSTEM, "no folder can be made in /tmp");
}

/* --- a bot ------------------------------------------------------------------------- */

static bool start_host(struct stage *stage, struct err *err)
{
    struct host_options options = { .settings = &stage->settings,
                                    .dir = stage->options.dir,
                                    .api_url = stage->url,
                                    .token = BOT_TOKEN,
                                    .pg = stage->pg,
                                    .listen_pg = stage->listen_pg };

    stage->host = host_new(stage->loop, &options, err);
    if (!stage->host)
        return false;
    sites_divert(stage->sites, host_services(stage->host)->web->http);
    host_start(stage->host);
    if (stage_settle(stage, err))
        return true;
    stage_end(stage);
    return false;
}

static bool run_script(struct stage *stage, struct pg_op *op, struct err *err)
{
    bool ok = stage_wait(stage, &op->op, err);

    op_free(&op->op);
    return ok;
}

bool stage_begin(struct stage *stage, struct err *err)
{
    stage_end(stage);
    simulator_reset(stage->sim);
    clock_advance(-clock_ahead_ms());
    if (!run_script(stage, testing_reset(stage->pg), err) ||
        !make_data(stage, err))
        return false;
    stage->settings.data_dir = stage->data_dir;
    stage->unburied = 0;
    forget_lines(stage);
    return start_host(stage, err);
}

bool stage_restart(struct stage *stage, struct err *err)
{
    int64_t until_ms = loop_real_ms() + stage->options.timeout_ms;

    host_stop(stage->host, false);
    while (!host_is_stopped(stage->host))
        if (!stage_turn(stage, until_ms, err))
            return false;
    if (pg_fault_is_down() && !stage->unburied)
        stage->unburied = host_number(stage->host);
    sites_forget(stage->sites);
    host_free(stage->host);
    stage->host = NULL;
    return start_host(stage, err);
}

bool stage_database_down(struct stage *stage, struct err *err)
{
    int64_t until_ms = loop_real_ms() + stage->options.timeout_ms;

    pg_fault_down();
    while (!pg_fault_all_down())
        if (!stage_turn(stage, until_ms, err))
            return false;
    return true;
}

bool stage_database_up(struct stage *stage, struct err *err)
{
    int64_t until_ms = loop_real_ms() + stage->options.timeout_ms;
    bool ok;

    pg_fault_up();
    while (!pg_fault_all_up())
        if (!stage_turn(stage, until_ms, err))
            return false;
    if (!stage->unburied)
        return true;
    ok = run_script(stage, testing_bury(stage->pg, stage->unburied), err);
    stage->unburied = 0;
    return ok;
}

void stage_end(struct stage *stage)
{
    pg_fault_end();
    if (stage->sites)
        sites_forget(stage->sites);
    host_free(stage->host);
    stage->host = NULL;
    remove_data(stage);
}

/* --- making all of it ---------------------------------------------------------------- */

/* The environment's limits hold, but nothing waits for its turn, and nothing of it
 * leads out of here. */
static void make_settings(struct stage *stage)
{
    struct settings *s = &stage->settings;

    *s = *stage->options.settings;
    if (s->database_listen_url) /* past a pooler: a schema needs that */
        s->database_url = s->database_listen_url;
    s->database_listen_url = NULL;
    s->database_schema = stage->schema;
    s->webhook_url = NULL;
    s->telegram_api_local = false;
    s->metrics_port = 0;
    s->pace_bot_per_s = s->pace_chat_per_s = s->pace_chat_burst =
        s->pace_group_per_min = MANY;
    s->stats_s = 0;
    s->reload = false;
}

static struct pg *open_connection(struct stage *stage, const char *name,
                                  struct err *err)
{
    const struct settings *s = &stage->settings;
    struct err why = ERR_INIT;
    struct pg *pg = pg_new(stage->loop,
                           &(struct pg_options){
                               .url = s->database_url,
                               .schema = stage->schema,
                               .application_name = name,
                               .query_timeout_ms = s->database_timeout_ms,
                               .wait_timeout_ms = s->database_timeout_ms / 2,
                               .prepare = s->database_prepare,
                               .require_ssl = s->on_heroku,
                           },
                           &why);

    if (!pg)
        err_set(err, why.kind, "DATABASE_URL: %s", why.text);
    return pg;
}

static bool open_database(struct stage *stage, struct err *err)
{
    if (!stage->settings.database_url)
        return err_set(
            err, ERR_USAGE,
            "DATABASE_URL is not set: specs run in a schema of their own in a "
            "PostgreSQL database, which is dropped at the end "
            "(postgres://user:password@host/database). `bin/run test` of "
            "Moonpost's sources brings up a private PostgreSQL");
    stage->pg = open_connection(stage, "moonpost test", err);
    if (stage->pg)
        stage->listen_pg = open_connection(stage, "moonpost test listen", err);
    return stage->listen_pg != NULL;
}

static bool make_tables(struct stage *stage, struct err *err)
{
    struct op *migrate;
    bool ok;

    if (!run_script(stage,
                    testing_drop_old(stage->pg, clock_wall_us() / 1000000),
                    err))
        return false;
    stage->made = true;
    migrate = migrate_start(stage->loop, stage->pg, stage->options.dir, false);
    ok = stage_wait(stage, migrate, err);
    op_free(migrate);
    return ok && run_script(stage, testing_keep(stage->pg), err);
}

static bool start_simulator(struct stage *stage, struct err *err)
{
    struct simulator_options options = { .port = 0 };

    stage->sim = simulator_start(stage->loop, &options, err);
    if (!stage->sim || !(stage->sites = sites_new(stage->loop, err)))
        return false;
    snprintf(stage->url, sizeof(stage->url), "http://127.0.0.1:%d",
             simulator_port(stage->sim));
    stage->http = http_new(stage->loop, &(struct http_options){ 0 });
    return true;
}

struct stage *stage_open(const struct stage_options *options, struct err *err)
{
    struct stage *stage = xalloc(sizeof(*stage));

    stage->options = *options;
    stage->last_line = &stage->lines;
    snprintf(stage->schema, sizeof(stage->schema), TESTING_PREFIX "%010lld_%d",
             (long long)(clock_wall_us() / 1000000), (int)getpid());
    make_settings(stage);
    stage_watch_signals();
    log_set_sink(on_line, stage);
    log_set_silent(true);
    stage->loop = loop_new();
    if (start_simulator(stage, err) && open_database(stage, err) &&
        make_tables(stage, err))
        return stage;
    stage_close(stage);
    return NULL;
}

static void drop_tables(struct stage *stage)
{
    struct err err = ERR_INIT;

    stage_put_off_end(); /* this is what has to be done before we end */
    if (stage->made && !run_script(stage, testing_drop(stage->pg), &err))
        fprintf(stderr,
                "moonpost: the schema %s could not be dropped, and stays: %s\n",
                stage->schema, err.text);
}

void stage_close(struct stage *stage)
{
    if (!stage)
        return;
    stage_end(stage);
    drop_tables(stage);
    pg_free(stage->pg);
    pg_free(stage->listen_pg);
    http_free(stage->http);
    simulator_free(stage->sim);
    sites_free(stage->sites);
    loop_free(stage->loop);
    log_set_silent(false);
    log_set_sink(NULL, NULL);
    forget_lines(stage);
    free(stage);
}

bool stage_heed(struct stage *stage, struct err *err)
{
    return run_script(stage, testing_heed(stage->listen_pg), err);
}

struct sites *stage_sites(const struct stage *stage)
{
    return stage->sites;
}

struct host *stage_host(const struct stage *stage)
{
    return stage->host;
}

struct pg *stage_pg(const struct stage *stage)
{
    return stage->pg;
}
