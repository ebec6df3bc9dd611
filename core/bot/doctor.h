/*
 * doctor.h - looking whether a bot can work: its folder, token, database, limits.
 *
 * Everything is looked at in turn, and nothing is written anywhere. Each part takes
 * some seconds at most (DOCTOR_MS for a question); what cannot be asked is said, and
 * the rest goes on.
 */
#ifndef BOT_DOCTOR_H
#define BOT_DOCTOR_H

#include "base/settings.h"

#define DOCTOR_MS 10000

enum doctor_verdict { DOCTOR_OK, DOCTOR_WARN, DOCTOR_FAIL };

/* Borrowed for the call. Without secrets. */
struct doctor_finding {
    enum doctor_verdict verdict;
    const char *check;  /* "token", "webhook", … */
    const char *text;   /* how it is */
    const char *advice; /* what to do; "" with DOCTOR_OK */
};

typedef void (*doctor_fn)(const struct doctor_finding *finding, void *arg);

struct doctor_options {
    const struct settings *settings;
    const char *dir;
    int64_t chat_id; /* whose rights are looked at; 0: none */
    doctor_fn found;
    void *arg;
};

void doctor_run(const struct doctor_options *options);

#endif
