/*
 * job_options.h - reading the options of the functions for jobs and counters. What
 * is wrong is an error of the script; `what` is whose, for the message.
 */
#ifndef SCRIPT_JOB_OPTIONS_H
#define SCRIPT_JOB_OPTIONS_H

#include <lua.h>
#include <stdint.h>

/* All names in the table at index are among these (ends with NULL). */
void job_check_names(lua_State *L, int index, const char *what,
                     const char *const *names);
/* The text of an option, which stays on the stack (NULL: it is not set, and a nil
 * stays). */
const char *job_text_option(lua_State *L, int index, const char *what,
                            const char *name);
/* A span of time at index in ms: "10m", or a number of seconds. */
int64_t job_read_span(lua_State *L, int index, const char *what);
/* The same of an option; otherwise: when it is not set. Nothing stays. */
int64_t job_span_option(lua_State *L, int index, const char *what,
                        const char *name, int64_t otherwise);

#endif
