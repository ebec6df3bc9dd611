/*
 * job.h - jobs: what is to run at a time. What bot/, script/ and commands/ share; it
 * knows no SQL and no Lua. They are kept in PostgreSQL: bot/jobs.h.
 */
#ifndef TELEGRAM_JOB_H
#define TELEGRAM_JOB_H

#include "base/buf.h"
#include "base/cron.h"
#include "io/op.h"

#define JOB_NAME_MAX 100   /* bytes */
#define JOB_KEY_MAX 200    /* the same */
#define JOB_DATA_MAX 65536 /* bytes of JSON */
#define JOB_CHAT_ANY INT64_MIN

struct job_order {
    const char *name;
    struct slice data; /* JSON */
    int64_t chat_id;   /* 0: of no chat */
    struct slice key;  /* or SLICE_NONE */
    bool replace;      /* one with this key that waits */
    int64_t delay_ms;  /* from now; -1: at_ms or at says when */
    int64_t at_ms;     /* since 1970 */
    struct slice at;   /* "2026-12-24 18:00" in zone; or SLICE_NONE */
    const char *zone;
    /* It runs again and again: then the four above say nothing, but zone (of a
     * cron line; else NULL). NULL: it does not. */
    const char *schedule;
    struct cron cron;
    int64_t interval_ms; /* 0: cron */
    const char *made_by; /* "user:42 update:1001" */
};

/* Which jobs: all that is set must fit. */
struct job_filter {
    int64_t bot;       /* set by the desk; 0: any */
    int64_t id;        /* 0: any */
    const char *name;  /* "": any */
    int64_t chat_id;   /* 0: those of no chat; JOB_CHAT_ANY */
    struct slice key;  /* SLICE_NONE: any */
    const char *state; /* "", "waiting", "running", "failed" */
    int limit;
    int64_t after; /* ids greater than this, in their order; 0: by time */
};

/* Slices point into the op; SLICE_NONE where there is nothing. Times in ms since
 * 1970, 0: none. */
struct job_info {
    int64_t id, bot_id;
    struct slice name, state;
    int64_t chat_id; /* 0: none */
    struct slice key, data, schedule, zone, error, made_by;
    int64_t tries, crashes; /* that failed; that a process died of */
    int64_t due_ms, run_ms, made_ms, last_ms;
    int64_t wait_ms; /* from now to run_ms */
};

struct job_op {
    struct op op;
    struct job_info *list;   /* of list */
    int n;                   /* of list: rows; of cancel: how many went */
    int64_t id;              /* of add */
    bool is_new;             /* the same: it was not there with its key */
    int64_t wait_ms;         /* the same */
    struct op *query, *then; /* private */
};

/* All ops are job_ops: ERR_DATABASE, ERR_TIMEOUT. */
struct job_desk {
    struct op *(*add)(void *arg, const struct job_order *order);
    struct op *(*cancel)(void *arg, const struct job_filter *filter);
    struct op *(*list)(void *arg, const struct job_filter *filter);
    void *arg;
};

#endif
