/*
 * simulator_int.h - what the simulator's own files share.
 */
#ifndef SIMULATOR_SIMULATOR_INT_H
#define SIMULATOR_SIMULATOR_INT_H

#include <sys/queue.h>

#include "io/http.h"
#include "io/httpd.h"
#include "simulator/fault.h"
#include "simulator/feed.h"
#include "simulator/files.h"
#include "simulator/limits.h"
#include "simulator/queries.h"
#include "simulator/sending.h"
#include "simulator/simulator.h"
#include "simulator/spec.h"
#include "simulator/world.h"

struct call;
struct wait;
struct method_entry;

struct simulator {
    struct loop *loop;
    struct http *http; /* for webhooks */
    struct httpd *httpd;
    struct spec *spec;
    struct method_entry *methods; /* by spec_method; see call.c */
    int64_t first_update_id;
    int64_t started_ms;
    /* what POST /sim/reset makes anew */
    struct world *world;
    struct faults *faults;
    struct limits *limits;
    struct files *files;
    struct queries *queries;
    /* what is going on */
    struct feed *feed;
    simulator_answer_fn answer; /* or NULL: simulator_answer_with() */
    void *answer_arg;
    TAILQ_HEAD(, call) calls; /* not answered yet */
    struct sendings sendings; /* files on their way */
    TAILQ_HEAD(, wait) waits; /* requests to /sim/ that wait for something */
    json_t *told; /* "method parameter": what no method has, said once each */
};

/* The bot of that id, with its updates; NULL: a person has that id. */
struct bot *simulator_bot(struct simulator *sim, int64_t id);

/* Something happened that a request to /sim/ may wait for. */
void waits_wake(struct simulator *sim);
/* End them without an answer to anyone. */
void waits_drop(struct simulator *sim);
/* /sim/…: see person.c. path is what follows "/sim/". */
void person_request(struct simulator *sim, struct httpd_request *req,
                    const char *path);

#endif
