/*
 * mod_bot_jobs.h - jobs of the module bot: declaring them, making them, and what a
 * task that runs one begins with.
 */
#ifndef SCRIPT_MOD_BOT_JOBS_H
#define SCRIPT_MOD_BOT_JOBS_H

#include <lua.h>
#include <stdbool.h>
#include <stdint.h>

struct task;

int bot_after(lua_State *L);
int bot_at(lua_State *L);
int bot_cancel_job(lua_State *L);
int bot_every(lua_State *L);
int bot_job(lua_State *L);
int bot_jobs(lua_State *L);
int bot_schedule(lua_State *L);

/* The text at 1: a span of time, or else a line of cron, which has blanks, stars or an
 * @. Then *interval_ms is 0.                                    [-0, +0, v] */
struct cron;
void job_read_schedule(lua_State *L, const char *what, struct cron *cron,
                       int64_t *interval_ms);

/* A job as its task has it: lives longer than that. */
struct job_start {
    const char *name;
    int64_t id, due_ms;
    int tries; /* that failed before */
    bool lost; /* the scripts have no function for it any more: nothing ran */
    bool returned; /* its function did, and what it assigned is committed */
};

/* Push the function of a job, its ctx (at 1) and its data, which is the JSON in
 * t->in->text, or nothing. For struct origin.                      [-0, +n, v] */
int job_push(lua_State *L, struct task *t, struct job_start *start);

#endif
