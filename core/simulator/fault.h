/*
 * fault.h - what goes wrong on demand: see "POST /sim/fault" in
 * docs/simulator.md.
 */
#ifndef SIMULATOR_FAULT_H
#define SIMULATOR_FAULT_H

#include <jansson.h>

#include "base/err.h"

enum fault_kind {
    FAULT_NONE,
    FAULT_ERROR,      /* answer status and description; nothing is done */
    FAULT_DROP,       /* close without an answer; nothing is done */
    FAULT_DROP_AFTER, /* do it, then close */
    FAULT_DELAY,      /* do it, answer ms later */
    FAULT_GARBAGE,    /* answer 200 with something that is not JSON */
};

struct fault {
    int id;
    enum fault_kind kind;
    int times;             /* left; -1: until removed */
    int status;            /* of FAULT_ERROR: 400 … 599 */
    int retry_after;       /* seconds; 0: none. Goes into `parameters` */
    int64_t ms;            /* of FAULT_DELAY */
    char method[64];       /* as given; "*": all */
    char description[256]; /* of FAULT_ERROR; Telegram's own when not given */
};

struct faults; /* in the order they were added */

struct faults *faults_new(void);
void faults_free(struct faults *faults);

/* From the body of POST /sim/fault. Its id, or 0 and ERR_USAGE with what would
 * be right. */
int faults_add(struct faults *faults, const json_t *body, struct err *err);
/* id 0: all. false: there is none of that id. */
bool faults_remove(struct faults *faults, int id);
/* The fault this call meets, counted down; kind FAULT_NONE: none. The first
 * that fits wins. Methods compare without case. */
struct fault faults_match(struct faults *faults, const char *method);
/* [{id, method, times, kind, …}], as /sim/state shows them. New reference. */
json_t *faults_list(const struct faults *faults);

#endif
