/*
 * asks.h - questions that wait, as rows: who is told when a process ends in the middle
 * of conversations.
 *
 * Where a question waits (script/ask.h) stands in the table asks, written beside it:
 * asking takes no longer for it. A conversation ends with its process. At SIGTERM it
 * says so in the chats where it waited, up to ASKS_TOLD_AT_END; what it does not get
 * to, and what a killed process has left, the next one says: to each once, in the
 * topic where it was, unless the question's time is over.
 * While the database is away, nothing is written, and after a crash then nothing said;
 * what is to be written then is bounded: of each key the last state, of too many keys
 * the latest.
 */
#ifndef BOT_ASKS_H
#define BOT_ASKS_H

#include "io/pg.h"
#include "script/ask.h"
#include "telegram/send.h"

#define ASKS_TOLD_AT_END 100

struct ask_rows;

/* max: keys that wait to be written, at least 1000. */
struct ask_rows *ask_rows_new(struct loop *loop, struct pg *pg,
                              struct sender *sender, int64_t bot,
                              int64_t instance, int max);
void ask_rows_free(struct ask_rows *rows); /* NULL is allowed */

/* A note of struct asks_options; arg is the ask_rows. */
void ask_rows_note(const struct ask_key *key, const char *ended,
                   int64_t until_ms, void *arg);
/* What is said of a question that came with no text of its own; without, it is English.
 * say appends it. */
void ask_rows_say_usual(struct ask_rows *rows,
                        void (*say)(int64_t chat_id, struct buf *out,
                                    void *arg),
                        void *arg);
/* Keys with something that is not in the table yet. */
int ask_rows_unwritten(const struct ask_rows *rows);

/* After a sign of life, once this process gets updates: tell of those whose process
 * is gone, if it is time to look. */
void ask_rows_look(struct ask_rows *rows);

/* The end: tell those that wait. idle is called, perhaps from within, when that is
 * over; till then ask_rows_idle() is false. */
void ask_rows_stop(struct ask_rows *rows, struct asks *asks,
                   void (*idle)(void *arg), void *arg);
bool ask_rows_idle(const struct ask_rows *rows);

#endif
