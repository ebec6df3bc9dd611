/*
 * recording.h - who is told what scripts see and do: bot/recorder.c.
 */
#ifndef SCRIPT_RECORDING_H
#define SCRIPT_RECORDING_H

#include "base/buf.h"

struct config;
struct http_request;
struct op;
struct task;

/* All run within the call, and keep nothing that they are given. */
struct recording {
    /* A chat's config, when a task reads it. */
    void (*config)(void *arg, const struct config *config);
    /* A call is about to leave: its number. task may be NULL. parameters: a JSON
     * object, or SLICE_NONE: a form. */
    int64_t (*call)(void *arg, const struct task *task, const char *method,
                    struct slice parameters);
    /* The same for a request of `http` that is about to leave; then sent(). */
    int64_t (*request)(void *arg, const struct task *task,
                       const struct http_request *request);
    /* It is this operation; not told of what goes in a webhook's answer. */
    void (*sent)(void *arg, int64_t number, const struct op *op);
    /* An operation has finished, perhaps one that was sent. */
    void (*finished)(void *arg, const struct op *op);
    void *arg;
};

#endif
