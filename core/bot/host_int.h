/*
 * host_int.h - the host's inside: every long-lived object, in the order in
 * which they are made. For bot/host*.c only.
 */
#ifndef BOT_HOST_INT_H
#define BOT_HOST_INT_H

#include "bot/host.h"
#include "bot/dead.h"
#include "bot/instance.h"
#include "bot/intake.h"
#include "bot/lanes.h"
#include "bot/moves.h"
#include "bot/upgrades.h"
#include "config/listen.h"
#include "io/pg.h"
#include "io/watch.h"
#include "script/admins.h"
#include "script/vm.h"

enum host_state { HOST_STARTING, HOST_RUNNING, HOST_STOPPING, HOST_STOPPED };
enum host_stop_phase { /* host_stop.c */
                       STOP_HANDING_OVER,
                       STOP_DRAINING,
                       STOP_WRITING,
                       STOP_LEAVING,
};

struct asks;
struct ask_rows;
struct chats;
struct host_broadcasts;
struct host_commands;
struct host_jobs;
struct jobs;
struct script_db;
struct stores;
struct host_http;
struct host_metrics;
struct host_schema;
struct host_webhook;
struct recorder_rows;
struct repl;

/* A call that nobody waits for: its end is logged if it failed. */
struct errand {
    struct host *host;
    struct tg_op *call;
    const char *what;
    int64_t update_id; /* done when this is; 0: none */
    TAILQ_ENTRY(errand) link;
};

struct host {
    struct loop *loop;
    const struct settings *settings;
    struct host_options options;
    char *dir;
    enum host_state state;
    int exit_status;
    struct http *http;
    struct tg *tg;
    struct sender *sender;
    struct web *web; /* for scripts' own requests */
    struct pg *pg;
    struct config_store *store;
    struct config_listener *listener; /* from when the tables are there */
    struct upgrades *upgrades;        /* the same */
    struct op *stats;                 /* the timer of the next line */
    struct admins *admins;
    char *username;
    struct buf me; /* getMe's result */
    struct services services;
    struct vm *vm;
    struct generation *gen;
    int generations; /* loaded so far */
    struct lanes *lanes;
    struct instance *instance;
    struct asks *asks;         /* questions that wait */
    struct ask_rows *ask_rows; /* in the database */
    void (*asks_idle)(struct host *host);
    struct inbox *inbox;
    struct dead *dead;
    struct moves *moves;
    struct intake *intake;
    struct host_broadcasts *broadcasts;
    struct jobs *jobs;
    struct host_jobs *host_jobs;
    struct chats *chats;          /* that were seen */
    struct script_db *script_db;  /* scripts' own SQL */
    struct stores *stores;        /* ctx.store */
    struct host_http *port;       /* of the webhook; or NULL */
    struct host_webhook *webhook; /* NULL: polling */
    struct host_metrics *metrics;
    struct watch *watch;
    struct host_schema *schema; /* SQL that a reload needs; or NULL */
    struct op *collecting;      /* the timer of the next step; or NULL */
    int cycles_left;            /* of collecting what a reload has left */
    bool refused;               /* what was saved last did not load */
    struct repl *repl;          /* or NULL */
    struct recorder *recorder;  /* or NULL */
    struct recorder_rows *recorder_rows; /* the same */
    struct op *step;                     /* of starting or stopping */
    enum host_stop_phase stop_phase;
    bool handed_over; /* all that is not done stands in the inbox */
    bool ready;       /* on_ready was called */
    struct op *stop_timer;
    int backoff_ms;
    bool told_database_down;
    struct host_commands *commands;
    TAILQ_HEAD(, errand) errands;
};

/* host.c */
void host_fail(struct host *host, const char *why); /* log it, stop with 1 */
struct errand *host_errand(struct host *host, const char *method,
                           struct buf *body);

/* Append what the host says by itself in a chat: a key of script/says.h. u: whom it
 * answers, or NULL. */
void host_say(struct host *host, const char *key, int64_t chat_id,
              const struct update *u, struct buf *out);

/* host_start.c */
void host_begin(struct host *host);
void host_conflict(void *arg);
void host_led(enum instance_state state, bool clean, void *arg);
void host_beat(void *arg);
void host_opened(void *arg);

/* host_repl.c */
void host_open_repl(struct host *host);

/* host_stop.c */
void host_stop_when_idle(struct host *host);

/* host_configs.c: what keeps configs current while the host runs */
void host_open_store(struct host *host);
bool host_follow_configs(struct host *host, struct err *err) MUST_CHECK;
void host_close_store(struct host *host); /* before the vm: see view.h */
void host_log_stats(struct host *host);

/* host_reload.c */
void host_renew(void *arg); /* services.renew; arg: the host */
bool host_load(struct host *host, struct err *err);
void host_watch(struct host *host);
void host_reload(void *arg); /* the folder may have changed; arg: the host */
/* What was loaded anew is used from now on (gen is taken), or can't be. */
void host_use_loaded(struct host *host, struct generation *gen,
                     const char *changes, int64_t started_ns);
void host_refuse_loaded(struct host *host, const char *why);
/* afresh: see host_commands_want() */
void host_sync_commands(struct host *host, bool afresh);
void host_sync_allowed(struct host *host);

#endif
