/*
 * stage.h - where specs play: a simulator, a database of their own and, for each
 * spec, a host that has just been started on the bot's folder.
 *
 *     stage_open() ─► stage_begin() ⇄ stage_end() ─► stage_close()
 *
 * Everything here is straight-line code: what waits runs the loop until it is over.
 * A new host for each spec is what makes specs independent, whatever a bot keeps in
 * memory; the database is brought back to how the migrations have left it.
 *
 * *Idle* is a bot that goes on only if time passes or somebody does something: no
 * update is unconfirmed but those in the inbox, no request or query is under way
 * but the poll that waits at the simulator, no timer is due. With a fault of the
 * database (io/pg_fault.h), what it holds up may be under way, too, and the poll
 * need not be; and so may requests to sites that are slow (sites.h). How long
 * anything may take is bounded by the options' timeout_ms of real time.
 */
#ifndef TESTING_STAGE_H
#define TESTING_STAGE_H

#include "base/settings.h"
#include "bot/host.h"
#include "io/http.h"
#include "io/pg.h"
#include "simulator/simulator.h"
#include "testing/sites.h"

struct stage;

struct stage_options {
    const struct settings *settings; /* of the environment */
    const char *dir;
    int64_t timeout_ms;
};

/* What the host has said, oldest first. */
struct stage_line {
    enum log_level level;
    char *area, *text, *fields; /* fields: "chat=5 update=7", or "" */
    struct stage_line *next;
};

/* ERR_USAGE, ERR_SCRIPT, ERR_DATABASE, ERR_SYSTEM: what to mend. */
struct stage *stage_open(const struct stage_options *options,
                         struct err *err) MUST_CHECK;
/* Drops what was made in the database; says so on standard error if it can't. */
void stage_close(struct stage *stage); /* NULL is allowed */

/* A new world and a new bot, idle. ERR_SCRIPT: its folder does not load. */
bool stage_begin(struct stage *stage, struct err *err) MUST_CHECK;
/* The bot ends and comes again, as another process would; the world stays. */
bool stage_restart(struct stage *stage, struct err *err) MUST_CHECK;
void stage_end(struct stage *stage);
struct host *stage_host(const struct stage *stage); /* NULL: not begun */

/* Wait until the bot is idle. ERR_TIMEOUT says what it is at. */
bool stage_settle(struct stage *stage, struct err *err) MUST_CHECK;
/* Move time on, from one thing that is due to the next. */
bool stage_advance(struct stage *stage, int64_t ms, struct err *err) MUST_CHECK;
/* Wait until op has finished; false: its error. The op stays the caller's. */
bool stage_wait(struct stage *stage, struct op *op, struct err *err) MUST_CHECK;

/* A request to the simulator; *op is the caller's when it went well. type: of the
 * body, or NULL; body: taken, or NULL. */
bool stage_ask(struct stage *stage, const char *method, const char *target,
               const char *type, struct buf *body, struct http_op **op,
               struct err *err) MUST_CHECK;

/* What the bot asks by `http`: from within functions that wait. */
struct sites *stage_sites(const struct stage *stage);
/* Who answers the bot's calls: see simulator_answer_with(). */
void stage_answer_with(struct stage *stage, simulator_answer_fn fn, void *arg);

/* The bot's connections to PostgreSQL break, and none can be made; until this or
 * stage_end(). Other faults: io/pg_fault.h; those end with stage_end(), too. */
bool stage_database_down(struct stage *stage, struct err *err) MUST_CHECK;
bool stage_database_up(struct stage *stage, struct err *err) MUST_CHECK;

/* The bot has heard of what was written until now by SQL of the spec's own. */
bool stage_heed(struct stage *stage, struct err *err) MUST_CHECK;

struct pg *stage_pg(const struct stage *stage); /* its schema is the specs' */
/* The lines that came since the last time; the caller frees each. */
struct stage_line *stage_take_lines(struct stage *stage);
void stage_line_free(struct stage_line *line);

/* Somebody wants us to end (SIGINT, SIGTERM, SIGHUP). */
bool stage_is_interrupted(void);

#endif
