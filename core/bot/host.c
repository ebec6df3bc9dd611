/* host.c - see host.h: making, stopping and freeing everything. */
#include "bot/host_int.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "bot/chats.h"
#include "bot/host_asks.h"
#include "bot/host_broadcasts.h"
#include "bot/host_commands.h"
#include "bot/host_jobs.h"
#include "bot/host_data.h"
#include "bot/host_metrics.h"
#include "bot/host_schema.h"
#include "bot/host_webhook.h"
#include "bot/recorder.h"
#include "bot/repl.h"
#include "script/hang.h"
#include "script/limits.h"
#include "script/says.h"
#include "script/web.h"

#define SHOWN_MAX 200 /* bytes of an update in the log */

/* --- errands ------------------------------------------------------------------- */

static void errand_free(struct errand *e)
{
    TAILQ_REMOVE(&e->host->errands, e, link);
    op_free(&e->call->op);
    free(e);
}

static void on_errand_done(struct op *op)
{
    struct errand *e = op->arg;

    if (op->err.kind)
        log_warn("telegram", "%s: %s", e->what, op->err.text);
    if (e->update_id)
        intake_done(e->host->intake, e->update_id);
    errand_free(e);
}

struct errand *host_errand(struct host *host, const char *method,
                           struct buf *body)
{
    struct errand *e = xalloc(sizeof(*e));

    e->host = host;
    e->what = method;
    e->call = send_start(host->sender,
                         &(struct tg_call){ .method = method, .body = body },
                         SEND_OTHER);
    e->call->op.done = on_errand_done;
    e->call->op.arg = e;
    TAILQ_INSERT_TAIL(&host->errands, e, link);
    return e;
}

/* --- what becomes of updates ------------------------------------------------------ */

void host_say(struct host *host, const char *key, int64_t chat_id,
              const struct update *u, struct buf *out)
{
    const struct config *config =
        host->store ? config_cached(host->store, chat_id) : NULL;

    says_add(host->gen, key, u, config ? config->text : SLICE_NONE, out);
}

static void add_no_database(struct host *host, const struct update *u,
                            struct buf *body)
{
    struct buf text = BUF_INIT;

    host_say(host, "moonpost.no_database", u->chat_id, u, &text);
    buf_adds(body, ",\"text\":");
    json_add_text(body, buf_slice(&text));
    buf_addc(body, '}');
    buf_release(&text);
}

/*
 * The person should know why nothing happened, in a few words. NULL: nobody
 * waits for an answer. Else the update stays in hand until it is said, so that
 * what is to be said is bounded too.
 */
static struct errand *say_no_database(struct host *host, const struct update *u)
{
    struct errand *errand = NULL;
    struct buf body = BUF_INIT;
    struct slice id = json_get(u->payload, "id");

    if (u->kind == UPDATE_CALLBACK_QUERY && id.p) {
        buf_adds(&body, "{\"callback_query_id\":");
        buf_add_slice(&body, id);
        buf_adds(&body, ",\"show_alert\":true");
        add_no_database(host, u, &body);
        errand = host_errand(host, "answerCallbackQuery", &body);
    } else if (u->command.n && u->chat_id) {
        buf_addf(&body, "{\"chat_id\":%lld", (long long)u->chat_id);
        if (u->topic.n)
            buf_addf(&body, ",\"message_thread_id\":%.*s", (int)u->topic.n,
                     u->topic.p);
        add_no_database(host, u, &body);
        errand = host_errand(host, "sendMessage", &body);
    }
    buf_release(&body);
    return errand;
}

static void on_update_done(struct incoming *in, enum task_result result,
                           void *arg)
{
    struct host *host = arg;
    struct errand *errand = NULL;

    if (in->origin) {
        in->origin->done(in, result);
        host_stop_when_idle(host);
        return;
    }
    host_metrics_done(host, in, result);
    if (result == TASK_KILLED) { /* it is the next process's */
        intake_detach(host->intake, in->u.id);
        return;
    }
    if (host->recorder && in->error)
        recorder_failed(host->recorder, in->u.id, in->error);
    dead_add_ended(host->dead, in, result);
    if (result == TASK_NO_DATABASE)
        errand = say_no_database(host, &in->u);
    if (errand) {
        errand->update_id = in->u.id;
        intake_detach(host->intake, in->u.id);
    } else {
        intake_done(host->intake, in->u.id);
    }
    host_stop_when_idle(host);
}

static void on_arrived(const struct update *u, void *arg)
{
    struct host *host = arg;

    if (host->recorder)
        recorder_update(host->recorder, u);
    chats_seen(host->chats, u);
    host_asks_see(host, u);
    moves_see(host->moves, u);
    admins_see(host->admins, u);
}

static void on_dead(int64_t update_id, struct slice text, const char *reason,
                    const char *why, int tries, void *arg)
{
    struct host *host = arg;
    bool crash = strcmp(reason, "crash") == 0;
    int shown = text.n < SHOWN_MAX ? (int)text.n : SHOWN_MAX;

    log_error("update", "update %lld is set aside: %s: %.*s%s",
              (long long)update_id, why, shown, text.p,
              text.n > SHOWN_MAX ? "…" : "");
    host_metrics_dead(reason);
    dead_add(host->dead, &(struct dead_update){
                             .id = update_id,
                             .reason = crash ? DEAD_CRASH : DEAD_UNREADABLE,
                             .error = slice_of(why),
                             .text = text,
                             .tries = tries,
                         });
}

static void on_refused(const char *why, void *arg)
{
    host_fail(arg, why);
}

static void on_database(bool up, const char *reason, void *arg)
{
    struct host *host = arg;

    if (!up) {
        host->told_database_down = true;
        log_warn("database", "%s: %s",
                 host->state == HOST_STARTING
                     ? "waiting for PostgreSQL"
                     : "no connection to PostgreSQL; chats whose config is in "
                       "memory go on, trying again",
                 reason);
    } else if (host->told_database_down) {
        host->told_database_down = false;
        log_info("database", "connected to PostgreSQL again");
    }
}

/* --- making ------------------------------------------------------------------------- */

static bool open_database(struct host *host, struct err *err)
{
    const struct settings *s = host->settings;
    struct err why = ERR_INIT;

    host->pg = host->options.pg;
    if (host->pg) {
        pg_on_state(host->pg, on_database, host);
        host_open_store(host);
        return true;
    }
    if (!s->database_url)
        return err_set(
            err, ERR_USAGE,
            "DATABASE_URL is not set: where is PostgreSQL? (postgres:"
            "//user:password@host/database; bin/run brings up a "
            "private one)");
    host->pg = pg_new(host->loop,
                      &(struct pg_options){
                          .url = s->database_url,
                          .schema = s->database_schema,
                          .application_name = "moonpost",
                          .query_timeout_ms = s->database_timeout_ms,
                          .wait_timeout_ms = s->database_timeout_ms / 2,
                          .prepare = s->database_prepare,
                          .require_ssl = s->on_heroku,
                      },
                      &why);
    if (!host->pg)
        return err_set(err, why.kind, "DATABASE_URL: %s", why.text);
    pg_on_state(host->pg, on_database, host);
    host_open_store(host);
    return true;
}

static bool open_telegram(struct host *host, struct err *err)
{
    const struct settings *s = host->settings;
    const char *token =
        host->options.token ? host->options.token : s->bot_token;

    if (!token)
        return err_set(err, ERR_USAGE,
                       "BOT_TOKEN is not set: get one from @BotFather, or use "
                       "`moonpost dev` to work without Telegram");
    host->http = http_new(host->loop, &(struct http_options){
                                          .connections_max = s->api_connections,
                                      });
    host->tg = tg_new(host->loop, host->http,
                      &(struct tg_options){
                          .url = host->options.api_url ? host->options.api_url
                                                       : s->telegram_api_url,
                          .token = token,
                          .timeout_ms = s->api_timeout_ms,
                          .file_timeout_ms = s->file_timeout_s * 1000,
                      },
                      err);
    if (!host->tg)
        return false;
    host->sender = sender_new(host->loop, host->tg,
                              &(struct sender_options){
                                  .bot_per_s = s->pace_bot_per_s,
                                  .chat_per_s = s->pace_chat_per_s,
                                  .chat_burst = s->pace_chat_burst,
                                  .group_per_min = s->pace_group_per_min,
                                  .queue_max = s->pace_queue_max,
                              });
    return true;
}

static bool open_web(struct host *host, struct err *err)
{
    const struct settings *s = host->settings;
    struct err why = ERR_INIT;

    host->web = web_new(host->loop,
                        &(struct web_options){
                            .connections = s->http_connections,
                            .host_connections = s->http_host_connections,
                            .task_connections = s->http_task_connections,
                            .timeout_ms = s->http_timeout_s * 1000,
                            .max_mb = s->http_max_mb,
                            .send_max_mb = s->http_send_max_mb,
                            .allow_private = s->http_allow_private,
                        },
                        &why);
    return host->web ||
           err_set(err, why.kind, "HTTP_ALLOW_PRIVATE: %s", why.text);
}

static void open_intake(struct host *host)
{
    const struct settings *s = host->settings;
    int64_t bot = tg_bot_id(host->tg);

    host->instance = instance_new(host->loop, host->pg,
                                  &(struct instance_options){
                                      .bot_id = bot,
                                      .polls = !s->webhook_url,
                                      .changed = host_led,
                                      .beat = host_beat,
                                      .arg = host,
                                  });
    host->inbox =
        inbox_new(host->loop, host->pg, bot, instance_id(host->instance));
    host->commands = host_commands_new(host->loop, host->pg, host->sender, bot);
    host->dead = dead_new(host->loop, host->pg, s->dead_updates_max);
    host->moves = moves_new(host->loop, host->pg,
                            &(struct moves_options){
                                .store = host->store,
                                .lanes = host->lanes,
                                .sender = host->sender,
                            });
    host->intake = intake_new(host->loop, host->tg, host->lanes,
                              &(struct intake_options){
                                  .updates_max = s->updates_max,
                                  .bytes_max = (size_t)s->updates_max_kb << 10,
                                  .patience_ms = s->poll_patience_ms,
                                  .poll_timeout_s = s->poll_timeout_s,
                                  .polls = !s->webhook_url,
                                  .shares = !s->webhook_alone,
                                  .inbox = host->inbox,
                                  .refused = on_refused,
                                  .conflict = host_conflict,
                                  .arrived = on_arrived,
                                  .dead = on_dead,
                                  .opened = host_opened,
                                  .arg = host,
                              });
}

static bool open_recorder(struct host *host, struct err *err)
{
    const struct host_options *o = &host->options;

    if (!o->record)
        return true;
    host->recorder = recorder_new(o->record, o->record_anonymous, err);
    if (host->recorder)
        host->services.recording = recorder_recording(host->recorder);
    return host->recorder != NULL;
}

static void open_lua(struct host *host)
{
    const struct settings *s = host->settings;
    struct vm_limits limits = limits_of(s);

    host->admins = admins_new();
    host->services = (struct services){
        .loop = host->loop,
        .tg = host->tg,
        .sender = host->sender,
        .store = host->store,
        .admins = host->admins,
        .renew = host_renew,
        .renew_arg = host,
        .bot_username = "",
        .web = host->web,
        .dir = host->dir,
        .files = { .data_dir = s->data_dir,
                   .download_max_mb = s->download_max_mb,
                   .local = s->telegram_api_local },
    };
    host->vm = vm_new(&host->services, &limits);
    host_open_asks(host);
    hang_watch(s->watchdog_s);
    host->lanes = lanes_new(host->loop, host->vm, on_update_done, host);
}

struct host *host_new(struct loop *loop, const struct host_options *options,
                      struct err *err)
{
    struct host *host = xalloc(sizeof(*host));

    host->loop = loop;
    host->settings = options->settings;
    host->options = *options;
    host->dir = xstrdup(options->dir);
    host->username = xstrdup("");
    buf_init(&host->me);
    TAILQ_INIT(&host->errands);
    if (!open_telegram(host, err) || !open_database(host, err) ||
        !open_web(host, err))
        goto fail;
    open_lua(host);
    if (!open_recorder(host, err))
        goto fail;
    open_intake(host);
    host_open_ask_rows(host);
    host_open_broadcasts(host);
    host_open_jobs(host);
    host_open_data(host);
    if (!host_metrics_open(host, err))
        goto fail;
    if (!host_webhook_open(host, err) || !host_load(host, err))
        goto fail;
    return host;
fail:
    host_free(host);
    return NULL;
}

void host_free(struct host *host)
{
    struct errand *e;

    if (!host)
        return;
    host_metrics_free(host);
    watch_free(host->watch);
    host_schema_stop(host);
    op_free(host->collecting);
    op_free(host->step);
    op_free(host->stop_timer);
    while ((e = TAILQ_FIRST(&host->errands)))
        errand_free(e);
    if (host->vm)
        tasks_kill_all(host->vm);
    repl_free(host->repl);
    moves_free(host->moves);
    intake_free(host->intake);
    host_webhook_free(host);
    inbox_free(host->inbox);
    dead_free(host->dead);
    host_commands_free(host->commands);
    instance_free(host->instance);
    host_close_jobs(host);
    lanes_free(host->lanes);
    host_close_store(host);
    host_close_broadcasts(host);
    host_close_data(host);
    host_close_asks(host);
    generation_unref(host->gen);
    vm_free(host->vm);
    admins_free(host->admins);
    if (host->options.pg)
        pg_on_state(host->options.pg, NULL, NULL);
    else
        pg_free(host->pg);
    web_free(host->web);
    sender_free(host->sender);
    tg_free(host->tg);
    http_free(host->http);
    recorder_free(host->recorder);
    free(host->username);
    buf_release(&host->me);
    free(host->dir);
    free(host);
}

/* --- running ---------------------------------------------------------------------------- */

void host_start(struct host *host)
{
    host_begin(host);
}

int host_exit_status(const struct host *host)
{
    return host->exit_status;
}
