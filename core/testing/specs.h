/*
 * specs.h - running a bot's specs: the Lua state that they run in, and what C does
 * for it. The rest is core/testing/lua: main.lua finds and runs specs.
 *
 * Specs are their author's own program: they have all of Lua's standard library,
 * luassert if it is installed, and may require what is in the bot's folder.
 */
#ifndef TESTING_SPECS_H
#define TESTING_SPECS_H

#include "base/settings.h"

enum specs_format { SPECS_TEXT, SPECS_TAP, SPECS_JSON, SPECS_JUNIT };

struct specs_options {
    const struct settings *settings;
    const char *dir;    /* the bot's folder */
    const char **files; /* specs, or folders of specs; n of them. None: spec/ */
    int nfiles;
    const char *filter; /* a Lua pattern of specs' names, or NULL */
    const char *name;   /* text that is in their names, or NULL */
    bool verbose;       /* every spec has its line */
    bool list;          /* only say what there is */
    bool colour;        /* of a terminal */
    bool bail;          /* the first failure ends it */
    bool shuffle;       /* in another order, which seed says */
    int64_t seed;
    int64_t times;      /* run all of it so often; 0: once */
    int64_t timeout_ms; /* of real time, for one step of a spec */
    enum specs_format format;
    const char *recording; /* instead of specs: replay.lua; or NULL */
    int64_t update;        /* only this one of it; 0: all */
};

/* The exit status: 0 when nothing failed and something passed. ERR_…: nothing ran,
 * for this reason. */
bool specs_run(const struct specs_options *options, int *status,
               struct err *err) MUST_CHECK;

#endif
