/*
 * job_defs.h - what scripts have declared by bot.every and bot.job: of one
 * generation. The functions are in the table of generation.functions_ref, under
 * "job " and the name.
 */
#ifndef SCRIPT_JOB_DEFS_H
#define SCRIPT_JOB_DEFS_H

#include <uthash.h>

#include "base/buf.h"
#include "base/cron.h"

enum job_missed {
    JOB_MISSED_ONCE, /* what was missed runs once, late */
    JOB_MISSED_SKIP, /* it does not */
    JOB_MISSED_ALL,  /* each of them runs, one after another */
};

struct job_def {
    char *name;
    char *what;     /* for messages: "bot.every report" */
    char *source;   /* "scripts/report.lua:3" */
    bool every;     /* the next ones are of bot.every */
    char *schedule; /* "1h", "0 9 * * 1-5" */
    char *zone;     /* with a cron line; else NULL */
    struct cron cron;
    int64_t interval_ms; /* 0: the cron line */
    int64_t jitter_ms;
    enum job_missed missed;
    /* of both: */
    int tries;          /* at most so often, when it fails; from 1 */
    int64_t backoff_ms; /* before the second; doubles */
    UT_hash_handle hh;
};

struct job_defs {
    struct job_def *by_name;
};

void job_defs_release(struct job_defs *defs);
/* Taken (its strings). ERR_SCRIPT: there is one of this name. */
bool job_defs_add(struct job_defs *defs, const struct job_def *def,
                  struct err *err) MUST_CHECK;
/* NULL: there is none. */
const struct job_def *job_defs_find(const struct job_defs *defs,
                                    const char *name);
/* Is there such a timezone on this machine? True also where that can't be told. */
bool job_zone_exists(const char *zone);

#endif
