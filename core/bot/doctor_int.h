/*
 * doctor_int.h - what the files of doctor share.
 *
 *     doctor.c           the order; the folder, memory, files
 *     doctor_telegram.c  the token, the webhook, privacy, a chat
 *     doctor_database.c  the connection, its limits, the tables
 */
#ifndef BOT_DOCTOR_INT_H
#define BOT_DOCTOR_INT_H

#include "bot/doctor.h"
#include "io/loop.h"
#include "script/generation.h"

struct doctor {
    const struct doctor_options *options;
    const struct settings *settings;
    struct loop *loop;
    struct generation *gen; /* NULL: the folder does not load */
};

/* advice: "" when there is nothing to be done. */
void doctor_say(struct doctor *d, enum doctor_verdict verdict,
                const char *check, const char *advice, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
/* Run the loop until op is done; *err is its error. */
bool doctor_wait(struct doctor *d, struct op *op, struct err *err);
/* A clock of somebody else, in ms since 1970, read at most took_ms ago. */
void doctor_compare_clock(struct doctor *d, const char *whose, int64_t theirs,
                          int64_t took_ms);
int64_t doctor_now_ms(void); /* since 1970 */

void doctor_telegram(struct doctor *d);
void doctor_database(struct doctor *d);

#endif
