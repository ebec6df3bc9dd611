/* host_asks.c - see host_asks.h. */
#include "bot/host_asks.h"

#include "base/json.h"
#include "bot/asks.h"

static void note(const struct ask_key *key, const char *ended, int64_t until_ms,
                 void *arg)
{
    struct host *host = arg;

    if (host->ask_rows)
        ask_rows_note(key, ended, until_ms, host->ask_rows);
}

static void say_restarted(int64_t chat_id, struct buf *out, void *arg)
{
    host_say(arg, "moonpost.ask_restarted", chat_id, NULL, out);
}

/* A button of a question that the person can't answer. */
static void on_stray(const struct update *u, bool foreign, void *arg)
{
    struct host *host = arg;
    struct buf body = BUF_INIT, text = BUF_INIT;

    host_say(host, foreign ? "moonpost.ask_foreign" : "moonpost.ask_over",
             u->chat_id, u, &text);
    buf_adds(&body, "{\"callback_query_id\":");
    buf_add_slice(&body, json_get(u->payload, "id"));
    buf_adds(&body, ",\"text\":");
    json_add_text(&body, buf_slice(&text));
    buf_addc(&body, '}');
    host_errand(host, "answerCallbackQuery", &body);
    buf_release(&body);
    buf_release(&text);
}

void host_open_asks(struct host *host)
{
    host->asks = asks_new(host->loop, &(struct asks_options){
                                          .max = host->settings->asks_max,
                                          .note = note,
                                          .stray = on_stray,
                                          .arg = host,
                                      });
    host->services.asks = host->asks;
}

void host_open_ask_rows(struct host *host)
{
    host->ask_rows =
        ask_rows_new(host->loop, host->pg, host->sender, tg_bot_id(host->tg),
                     instance_id(host->instance), host->settings->asks_max);
    ask_rows_say_usual(host->ask_rows, say_restarted, host);
}

void host_look_at_asks(struct host *host)
{
    if (host->state == HOST_RUNNING && intake_is_open(host->intake))
        ask_rows_look(host->ask_rows);
}

void host_asks_see(struct host *host, const struct update *u)
{
    if (u->moved_to)
        asks_chat_moved(host->asks, u->chat_id);
}

void host_asks_lost(struct host *host)
{
    asks_end_all(host->asks);
}

static void on_idle(void *arg)
{
    struct host *host = arg;

    host->asks_idle(host);
}

void host_stop_asks(struct host *host, void (*idle)(struct host *host))
{
    host->asks_idle = idle;
    ask_rows_stop(host->ask_rows, host->asks, on_idle, host);
}

bool host_asks_idle(const struct host *host)
{
    return ask_rows_idle(host->ask_rows);
}

void host_close_asks(struct host *host)
{
    ask_rows_free(host->ask_rows);
    host->ask_rows = NULL;
    asks_free(host->asks);
    host->asks = NULL;
}
