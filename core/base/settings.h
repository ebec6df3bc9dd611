/*
 * settings.h - what the operator sets in the environment: one table.
 *
 * Names, types, ranges, defaults and help stand in settings.c; `--help` and
 * docs/operating.md are made from it. A bad value is ERR_USAGE that names the
 * variable, what it holds (unless secret) and what it may hold.
 */
#ifndef BASE_SETTINGS_H
#define BASE_SETTINGS_H

#include "base/buf.h"
#include "base/log.h"

struct settings {
    /* what to talk to */
    char *bot_token;
    char *database_url;
    char *database_listen_url; /* NULL: the same */
    char *database_schema;     /* NULL: as the session's search_path says */
    char *telegram_api_url;
    bool telegram_api_local; /* it runs here, with --local */
    char *data_dir;          /* NULL: data/ in the bot's folder */
    char *repl_socket;       /* NULL or "off": no prompt */
    char *webhook_url;       /* NULL: polling */
    char *webhook_secret;    /* NULL: made from the token */
    bool webhook_reply;      /* calls in the answers to updates */
    int webhook_connections; /* of Telegram's, at once */
    int request_timeout_s;   /* for a request to come in */
    bool webhook_alone;      /* no other process gets this bot's updates */
    int port; /* of the simulator's page in dev and simulate, or webhook's */
    bool on_heroku; /* DYNO is set: sslmode=require unless the URL says other */
    int metrics_port; /* 0: none */
    char *metrics_address;
    char *metrics_token; /* NULL: anybody may read */
    /* log */
    enum log_level log_level;
    enum log_format log_format;
    /* limits */
    int updates_max;          /* updates in hand at once */
    int updates_max_kb;       /* their bytes together */
    int dead_updates_max;     /* that failed, kept in the database */
    int poll_timeout_s;       /* long polling */
    int poll_patience_ms;     /* before polling again with updates unfinished */
    int api_connections;      /* to the Bot API at once */
    int api_timeout_ms;       /* for one call */
    int file_timeout_s;       /* for a file of which nearly nothing moves */
    int download_max_mb;      /* one file; 0: what the Bot API server gives */
    int pace_bot_per_s;       /* messages, to all chats */
    int pace_chat_per_s;      /* to one */
    int pace_chat_burst;      /* to one, at once */
    int pace_group_per_min;   /* to one group */
    int pace_queue_max;       /* calls that wait for their turn */
    int config_cache_mb;      /* of chats' configs */
    int config_max_kb;        /* one chat's config */
    int config_history;       /* replaced revisions kept for a chat */
    int config_poll_s;        /* looking up changed rows without LISTEN */
    int config_upgrade_per_s; /* rows, in the background; 0: none */
    int database_timeout_ms; /* for one query, waiting for a connection included */
    int database_script_connections; /* for the SQL of scripts */
    int database_script_timeout_ms;  /* for one statement of theirs */
    int database_script_rows;        /* of one result */
    int database_script_kb;          /* the same */
    int store_value_kb;              /* one value of ctx.store */
    int store_keys;                  /* that one chat may have there */
    int task_timeout_s;              /* for one handler run, waiting included */
    int asks_max;                    /* questions that wait at once */
    int task_cpu_ms;                 /* of Lua time between two waits */
    int task_cpu_total_ms;           /* of Lua time in all */
    int task_slice_ms;               /* of it at a time; 0: as long as it may */
    int task_block_ms; /* after that, where it can't give way; 0: as long */
    int pattern_steps; /* of one string.find(), match(), gsub() … */
    int script_lines_per_s;    /* in the log, of one file of scripts */
    int breaker_failures;      /* in a row, then a handler pauses; 0: never */
    int breaker_pause_s;       /* for so long */
    int watchdog_s;            /* without a sign of life; 0: for ever */
    int stop_timeout_s;        /* for the running handlers after SIGTERM */
    int http_connections;      /* of scripts' requests, at once */
    int http_host_connections; /* of them to one host */
    int http_task_connections; /* of them by one run of a handler */
    int http_timeout_s;        /* for one that does not say */
    int http_max_mb;           /* of an answer */
    int http_send_max_mb;      /* of what is sent */
    char *http_allow_private;  /* NULL: none; see io/address.h */
    int memory_max_mb;         /* of the Lua state */
    int stats_s;               /* between two lines of statistics; 0: none */
    int jobs_max;              /* that run at once here */
    int jobs_keep_days;        /* those that failed */
    int counters_max;          /* counts in memory */
    int broadcast_window;      /* calls of one broadcast at once */
    int broadcast_keep_days;   /* after its end */
    bool chats_seen;           /* are noted, for broadcasts to all */
    bool database_prepare;     /* named prepared statements */
    bool reload;               /* on saving a file */
};

/* get: as getenv(). The struct's strings are owned by it. */
typedef const char *(*settings_get_fn)(const char *name);
bool settings_load(struct settings *s, settings_get_fn get,
                   struct err *err) MUST_CHECK;
void settings_release(struct settings *s);

/* A line or two for each variable, for --help. */
void settings_help(struct buf *out);

#endif
