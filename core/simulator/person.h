/*
 * person.h - requests to /sim/: acting as a person and watching what happens.
 *
 * Each is a function of the request that answers it with exactly one of
 * sim_ok(), sim_fail() or a wait (see struct wait). See docs/simulator.md.
 */
#ifndef SIMULATOR_PERSON_H
#define SIMULATOR_PERSON_H

#include "simulator/acts.h"
#include "simulator/params.h"
#include "simulator/simulator_int.h"

struct sim_request {
    struct simulator *sim;
    struct httpd_request *req;
    json_t *args; /* of the query and the body */
    struct multipart parts;
};

typedef void (*sim_fn)(struct sim_request *r);

struct sim_route {
    const char *method, *path; /* "POST", "send"; NULL ends a table */
    sim_fn fn;
};

extern const struct sim_route person_chat_routes[], person_world_routes[],
    person_manage_routes[], person_watch_routes[], person_test_routes[];

void sim_ok(struct sim_request *r, json_t *answer); /* taken */
void sim_ok_text(struct sim_request *r, struct slice json);
void sim_fail(struct sim_request *r, int status, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* {"update_id": id}, null for 0, and message if not NULL. */
void sim_ok_update(struct sim_request *r, int64_t id,
                   const struct message *message);

/* Arguments; numbers may be text, as a query has them. */
int64_t arg_int(const struct sim_request *r, const char *name,
                int64_t otherwise);
bool arg_bool(const struct sim_request *r, const char *name);
const char *arg_str(const struct sim_request *r, const char *name);

/* Who is meant; NULL: answered with why not. */
struct user *arg_person(struct sim_request *r, const char *name);
struct bot *arg_bot(struct sim_request *r);
/* The chat of `chat`, and for a private one `bot`. */
struct chat *arg_chat(struct sim_request *r);
/* The message of `message_id` there. */
struct message *arg_message(struct sim_request *r, const struct chat *chat);

/* --- waiting ---------------------------------------------------------------- */

/* Append the answer and return true, when there is one or this is the last
 * chance. */
typedef bool (*wait_ready_fn)(struct wait *wait, struct buf *out, bool last);

struct wait {
    struct simulator *sim;
    struct httpd_request *req;
    struct op *timer;
    wait_ready_fn ready;
    struct chat_key chat;
    int64_t after, bot;
    char text[64]; /* a method or a query's id */
    TAILQ_ENTRY(wait) link;
};

/* Answer r now or within ms. wait is copied; its sim and req are set here. */
void sim_wait(struct sim_request *r, const struct wait *wait, int64_t ms);
/* For a wait for what a bot answers to the query wait->text: {id: …, answer: …},
 * with null for the answer if the time is up first. The arguments after last
 * are the names of the two. */
bool sim_query_ready(const struct wait *wait, struct buf *out, bool last,
                     const char *id, const char *answer);

#endif
