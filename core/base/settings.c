/* settings.c - see settings.h. */
#include "base/settings.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum type { STRING, NAME, INTEGER, BOOLEAN, CHOICE };

#define NAME_MAX_BYTES 40 /* NOTIFY channels are made of one; they have 63 */

struct setting {
    const char *name;
    enum type type;
    size_t offset; /* in struct settings */
    const char *def;
    int min, max;        /* INTEGER */
    const char *choices; /* CHOICE: "a|b"; the value is its place in it */
    bool secret;
    const char *help;
};

#define AT(field) offsetof(struct settings, field)

static const struct setting table[] = {
    { "BOT_TOKEN", STRING, AT(bot_token), NULL, 0, 0, NULL, true,
      "the bot's token, from @BotFather" },
    { "DATABASE_URL", STRING, AT(database_url), NULL, 0, 0, NULL, true,
      "postgres://user:password@host/database" },
    { "DATABASE_LISTEN_URL", STRING, AT(database_listen_url), NULL, 0, 0, NULL,
      true,
      "the same database without a pooler in between, for LISTEN (default: "
      "DATABASE_URL)" },
    { "DATABASE_SCHEMA", NAME, AT(database_schema), NULL, 0, 0, NULL, false,
      "the bot's own schema, where several share the database (default: as the "
      "connection's search_path says, which is public unless it was set)" },
    { "TELEGRAM_API_URL", STRING, AT(telegram_api_url),
      "https://api.telegram.org", 0, 0, NULL, false, "the Bot API server" },
    { "TELEGRAM_API_LOCAL", BOOLEAN, AT(telegram_api_local), "off", 0, 0, NULL,
      false,
      "that server runs on this computer with --local: files are passed by "
      "their paths" },
    { "DATA_DIR", STRING, AT(data_dir), NULL, 0, 0, NULL, false,
      "where files that scripts download are kept (default: data in the bot's "
      "folder)" },
    { "REPL_SOCKET", STRING, AT(repl_socket), NULL, 0, 0, NULL, false,
      "a Unix socket for moonpost repl; off: none (default: none under run, "
      ".repl in the data folder under dev)" },
    { "PORT", INTEGER, AT(port), "8081", 0, 65535, NULL, false,
      "where dev and simulate serve their page, and run the webhook" },
    { "WEBHOOK_URL", STRING, AT(webhook_url), NULL, 0, 0, NULL, false,
      "https://host/path where Telegram is to send updates (default: they are "
      "polled)" },
    { "WEBHOOK_SECRET", STRING, AT(webhook_secret), NULL, 0, 0, NULL, true,
      "what Telegram proves itself with, 1 to 256 letters, digits, _ and - "
      "(default: made from the token)" },
    { "WEBHOOK_REPLY", BOOLEAN, AT(webhook_reply), "on", 0, 0, NULL, false,
      "answer updates with a call, if a handler ends with a small one" },
    { "WEBHOOK_CONNECTIONS", INTEGER, AT(webhook_connections), "40", 1, 100,
      NULL, false, "of Telegram's to the webhook at once" },
    { "REQUEST_TIMEOUT_S", INTEGER, AT(request_timeout_s), "30", 1, 600, NULL,
      false, "time for a request to come in, at the bot's port" },
    { "WEBHOOK_ALONE", BOOLEAN, AT(webhook_alone), "off", 0, 0, NULL, false,
      "there is never more than one process: updates are saved only if they "
      "are slow" },
    { "METRICS_PORT", INTEGER, AT(metrics_port), "0", 0, 65535, NULL, false,
      "a port of its own for /metrics and /healthz; 0: none" },
    { "METRICS_ADDRESS", STRING, AT(metrics_address), "127.0.0.1", 0, 0, NULL,
      false, "where METRICS_PORT listens; 0.0.0.0: everywhere" },
    { "METRICS_TOKEN", STRING, AT(metrics_token), NULL, 0, 0, NULL, true,
      "what who reads /metrics must send (Authorization: Bearer …); with it, "
      "/metrics is on the webhook's PORT, too" },
    { "LOG_LEVEL", CHOICE, AT(log_level), "info", 0, 0, "debug|info|warn|error",
      false, "the least that is logged" },
    { "LOG_FORMAT", CHOICE, AT(log_format), "text", 0, 0, "text|logfmt|json",
      false, "lines for people or for machines" },
    { "UPDATES_MAX", INTEGER, AT(updates_max), "1000", 1, 100000, NULL, false,
      "updates in hand at once; at the cap, polling waits" },
    { "DEAD_UPDATES_MAX", INTEGER, AT(dead_updates_max), "1000", 1, 1000000,
      NULL, false, "updates that failed that are kept for a look, of a bot" },
    { "UPDATES_MAX_KB", INTEGER, AT(updates_max_kb), "8192", 64, 1048576, NULL,
      false, "their size together, in KiB" },
    { "POLL_TIMEOUT_S", INTEGER, AT(poll_timeout_s), "50", 0, 50, NULL, false,
      "long polling, in seconds (Telegram: at most 50)" },
    { "POLL_PATIENCE_MS", INTEGER, AT(poll_patience_ms), "250", 0, 60000, NULL,
      false, "how long to wait for running handlers before polling again" },
    { "API_CONNECTIONS", INTEGER, AT(api_connections), "64", 2, 1000, NULL,
      false, "connections to the Bot API at once; polling takes one" },
    { "API_TIMEOUT_MS", INTEGER, AT(api_timeout_ms), "30000", 100, 3600000,
      NULL, false, "time for one call of the Bot API" },
    { "FILE_TIMEOUT_S", INTEGER, AT(file_timeout_s), "30", 1, 3600, NULL, false,
      "a file that is sent or fetched is given up when less than 16 KiB moved "
      "in so long" },
    { "DOWNLOAD_MAX_MB", INTEGER, AT(download_max_mb), "0", 0, 4096, NULL,
      false,
      "size of a file that a script may fetch, in MiB; 0: 20, or 2000 with "
      "TELEGRAM_API_LOCAL" },
    { "PACE_BOT_PER_S", INTEGER, AT(pace_bot_per_s), "30", 1, 1000000, NULL,
      false, "messages a second, to all chats together" },
    { "PACE_CHAT_PER_S", INTEGER, AT(pace_chat_per_s), "1", 1, 1000000, NULL,
      false, "messages a second, to one chat" },
    { "PACE_CHAT_BURST", INTEGER, AT(pace_chat_burst), "5", 1, 1000000, NULL,
      false, "messages at once, to a chat that had none for a while" },
    { "PACE_GROUP_PER_MIN", INTEGER, AT(pace_group_per_min), "20", 1, 1000000,
      NULL, false, "messages a minute, to one group or channel" },
    { "PACE_QUEUE_MAX", INTEGER, AT(pace_queue_max), "10000", 1, 10000000, NULL,
      false, "calls that wait for these limits; more fail" },
    { "CONFIG_CACHE_MB", INTEGER, AT(config_cache_mb), "8", 1, 65536, NULL,
      false, "memory for cached chat configs, in MiB" },
    { "CONFIG_MAX_KB", INTEGER, AT(config_max_kb), "64", 1, 16384, NULL, false,
      "size of one chat's config, in KiB" },
    { "CONFIG_HISTORY", INTEGER, AT(config_history), "20", 1, 1000, NULL, false,
      "replaced revisions of a chat's config that are kept" },
    { "CONFIG_POLL_SECONDS", INTEGER, AT(config_poll_s), "5", 1, 3600, NULL,
      false, "how often changed configs are looked up where LISTEN fails" },
    { "CONFIG_UPGRADE_PER_S", INTEGER, AT(config_upgrade_per_s), "200", 0,
      100000, NULL, false,
      "configs of older versions upgraded a second, in the background; 0: "
      "none" },
    { "DATABASE_TIMEOUT_MS", INTEGER, AT(database_timeout_ms), "10000", 100,
      3600000, NULL, false, "time for one query, waiting included" },
    { "DATABASE_PREPARE", BOOLEAN, AT(database_prepare), "on", 0, 0, NULL,
      false, "prepared statements; off behind PgBouncer in transaction mode" },
    { "DATABASE_SCRIPT_CONNECTIONS", INTEGER, AT(database_script_connections),
      "2", 1, 20, NULL, false, "connections for the SQL of scripts" },
    { "DATABASE_SCRIPT_TIMEOUT_MS", INTEGER, AT(database_script_timeout_ms),
      "5000", 10, 3600000, NULL, false,
      "time for one statement of a script, and to wait for a connection" },
    { "DATABASE_SCRIPT_ROWS", INTEGER, AT(database_script_rows), "10000", 1,
      10000000, NULL, false, "rows that a script's query may give" },
    { "DATABASE_SCRIPT_KB", INTEGER, AT(database_script_kb), "4096", 1, 1048576,
      NULL, false, "their size together, in KiB" },
    { "STORE_VALUE_KB", INTEGER, AT(store_value_kb), "64", 1, 16384, NULL,
      false, "size of one value in ctx.store, in KiB" },
    { "STORE_KEYS", INTEGER, AT(store_keys), "1000", 1, 1000000, NULL, false,
      "keys that one chat may have in ctx.store" },
    { "ASKS_MAX", INTEGER, AT(asks_max), "100000", 1, 10000000, NULL, false,
      "questions of ctx:ask and ctx:wait that wait to be answered at once" },
    { "TASK_TIMEOUT_S", INTEGER, AT(task_timeout_s), "60", 1, 86400, NULL,
      false, "time for one run of a handler, waiting included" },
    { "TASK_CPU_MS", INTEGER, AT(task_cpu_ms), "250", 20, 60000, NULL, false,
      "computing time for a handler between two waits" },
    { "TASK_CPU_TOTAL_MS", INTEGER, AT(task_cpu_total_ms), "5000", 20, 3600000,
      NULL, false, "computing time for a handler in all" },
    { "TASK_SLICE_MS", INTEGER, AT(task_slice_ms), "3", 0, 1000, NULL, false,
      "computing time after which other handlers have their turn; 0: none" },
    { "TASK_BLOCK_MS", INTEGER, AT(task_block_ms), "20", 0, 60000, NULL, false,
      "computing time after that where none can have it: in what C calls; 0: "
      "no such limit" },
    { "PATTERN_STEPS", INTEGER, AT(pattern_steps), "5000000", 10000, 2000000000,
      NULL, false,
      "work for one string.find, match, gmatch or gsub of a script" },
    { "SCRIPT_LINES_PER_S", INTEGER, AT(script_lines_per_s), "100", 1, 1000000,
      NULL, false,
      "lines a second in the log by print and log.*, of one file of scripts" },
    { "BREAKER_FAILURES", INTEGER, AT(breaker_failures), "20", 0, 1000000, NULL,
      false,
      "failures in a row after which a handler is paused in a chat; 0: never" },
    { "BREAKER_PAUSE_S", INTEGER, AT(breaker_pause_s), "600", 1, 86400, NULL,
      false, "how long such a handler is paused there, in seconds" },
    { "WATCHDOG_S", INTEGER, AT(watchdog_s), "30", 0, 3600, NULL, false,
      "a handler that hangs for so long in a C function ends the program, to "
      "be "
      "started again; 0: never" },
    { "STOP_TIMEOUT_S", INTEGER, AT(stop_timeout_s), "20", 0, 600, NULL, false,
      "time for running handlers to end after SIGTERM" },
    { "HTTP_CONNECTIONS", INTEGER, AT(http_connections), "64", 1, 1000, NULL,
      false, "requests of scripts (http.get …) at once; more wait" },
    { "HTTP_HOST_CONNECTIONS", INTEGER, AT(http_host_connections), "8", 1, 1000,
      NULL, false, "of them to one host" },
    { "HTTP_TASK_CONNECTIONS", INTEGER, AT(http_task_connections), "16", 1,
      1000, NULL, false, "of them by one run of a handler" },
    { "HTTP_TIMEOUT_S", INTEGER, AT(http_timeout_s), "30", 1, 3600, NULL, false,
      "time for a request of a script that sets none, waiting included" },
    { "HTTP_MAX_MB", INTEGER, AT(http_max_mb), "20", 1, 4096, NULL, false,
      "size of an answer to a script's request, in MiB; of one that is kept as "
      "a string 4, unless the script says more" },
    { "HTTP_SEND_MAX_MB", INTEGER, AT(http_send_max_mb), "50", 1, 4096, NULL,
      false, "size of what a script's request sends, in MiB" },
    { "HTTP_ALLOW_PRIVATE", STRING, AT(http_allow_private), "off", 0, 0, NULL,
      false,
      "names, addresses and networks (10.1.0.0/16) that are not public, which "
      "scripts may reach all the same, with commas; on: all" },
    { "LUA_MEMORY_MB", INTEGER, AT(memory_max_mb), "128", 8, 65536, NULL, false,
      "memory for scripts, in MiB" },
    { "STATS_SECONDS", INTEGER, AT(stats_s), "600", 0, 86400, NULL, false,
      "how often the log gets a line of statistics; 0: never" },
    { "JOBS_MAX", INTEGER, AT(jobs_max), "100", 1, 10000, NULL, false,
      "jobs (bot.every, bot.after) that one process runs at once" },
    { "JOBS_KEEP_DAYS", INTEGER, AT(jobs_keep_days), "30", 1, 3650, NULL, false,
      "how long jobs that failed can be looked at" },
    { "COUNTERS_MAX", INTEGER, AT(counters_max), "100000", 100, 10000000, NULL,
      false, "counts of the module counter that are kept in memory" },
    { "BROADCAST_WINDOW", INTEGER, AT(broadcast_window), "1", 1, 30, NULL,
      false,
      "calls of one broadcast at once; after a crash so many chats are in "
      "doubt" },
    { "BROADCAST_KEEP_DAYS", INTEGER, AT(broadcast_keep_days), "30", 1, 3650,
      NULL, false, "how long broadcasts that are over can be looked at" },
    { "CHATS_SEEN", BOOLEAN, AT(chats_seen), "on", 0, 0, NULL, false,
      "note which chats the bot has seen, for broadcasts to all" },
    { "RELOAD", BOOLEAN, AT(reload), "on", 0, 0, NULL, false,
      "load scripts anew when a file is saved" },
};

static bool parse_int(const struct setting *d, const char *text, int *out,
                      struct err *err)
{
    char *end;
    long n;

    errno = 0;
    n = strtol(text, &end, 10);
    if (end == text || *end || errno || n < d->min || n > d->max)
        return err_set(err, ERR_USAGE,
                       "%s=%s: must be a whole number from %d to %d", d->name,
                       text, d->min, d->max);
    *out = (int)n;
    return true;
}

static bool parse_bool(const struct setting *d, const char *text, bool *out,
                       struct err *err)
{
    static const char *const words[] = { "off", "on",  "0",     "1",
                                         "no",  "yes", "false", "true" };

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (strcmp(text, words[i]) == 0) {
            *out = i % 2;
            return true;
        }
    }
    return err_set(err, ERR_USAGE, "%s=%s: must be on or off", d->name, text);
}

static bool parse_choice(const struct setting *d, const char *text, int *out,
                         struct err *err)
{
    const char *p = d->choices;
    size_t n = strlen(text);

    for (int i = 0;; i++) {
        size_t len = strcspn(p, "|");

        if (len == n && memcmp(p, text, n) == 0) {
            *out = i;
            return true;
        }
        if (!p[len])
            break;
        p += len + 1;
    }
    return err_set(err, ERR_USAGE, "%s=%s: must be one of %s", d->name, text,
                   d->choices);
}

/* Of those that need no quotes in SQL, so that nobody gets them wrong by hand. */
static bool parse_name(const struct setting *d, const char *text, char **out,
                       struct err *err)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz_";
    size_t n = text ? strlen(text) : 0;

    if (n && (!strchr(letters, text[0]) || n > NAME_MAX_BYTES ||
              strspn(text, "abcdefghijklmnopqrstuvwxyz_0123456789") < n ||
              strncmp(text, "pg_", 3) == 0))
        return err_set(err, ERR_USAGE,
                       "%s=%s: must be a name of small letters, digits and _, "
                       "at most %d, not beginning with a digit or pg_",
                       d->name, text, NAME_MAX_BYTES);
    *out = n ? xstrdup(text) : NULL;
    return true;
}

static bool parse(struct settings *s, const struct setting *d, const char *text,
                  struct err *err)
{
    char *field = (char *)s + d->offset;

    switch (d->type) {
    case STRING:
        *(char **)(void *)field = text && *text ? xstrdup(text) : NULL;
        return true;
    case NAME: return parse_name(d, text, (char **)(void *)field, err);
    case INTEGER: return parse_int(d, text, (int *)(void *)field, err);
    case BOOLEAN: return parse_bool(d, text, (bool *)(void *)field, err);
    case CHOICE: return parse_choice(d, text, (int *)(void *)field, err);
    }
    return false;
}

bool settings_load(struct settings *s, settings_get_fn get, struct err *err)
{
    *s = (struct settings){ 0 };
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        const char *text = get(table[i].name);

        if (!parse(s, &table[i], text && *text ? text : table[i].def, err)) {
            settings_release(s);
            return false;
        }
    }
    s->on_heroku = get("DYNO") != NULL;
    return true;
}

void settings_release(struct settings *s)
{
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (table[i].type == STRING || table[i].type == NAME)
            free(*(char **)(void *)((char *)s + table[i].offset));
    *s = (struct settings){ 0 };
}

static void add_range(struct buf *out, const struct setting *d)
{
    if (d->type == INTEGER)
        buf_addf(out, " (%d to %d, default %s)", d->min, d->max, d->def);
    else if (d->type == CHOICE)
        buf_addf(out, " (%s, default %s)", d->choices, d->def);
    else if (d->def)
        buf_addf(out, " (default %s)", d->def);
}

void settings_help(struct buf *out)
{
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        buf_addf(out, "  %-27s %s", table[i].name, table[i].help);
        add_range(out, &table[i]);
        buf_addc(out, '\n');
    }
}
