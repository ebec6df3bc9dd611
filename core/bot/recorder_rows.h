/*
 * recorder_rows.h - for a recording: what stood in `store` and in durable counters
 * before scripts touched it. The first time that a chat's are asked for, they are
 * read, on the connection on which the asker's own statement comes after it.
 *
 *     {"rows":"store","chat":5,"list":[["key",value,expires_at],…]}
 *     {"rows":"counters","name":"spam","chat":5,"list":[[user,"key",slot,n,expires_at],…]}
 *
 * Times are milliseconds since 1970, or null. At most RECORD_ROWS_MAX rows a line.
 */
#ifndef BOT_RECORDER_ROWS_H
#define BOT_RECORDER_ROWS_H

#include "bot/recorder.h"
#include "io/pg.h"

#define RECORD_ROWS_MAX 1000 /* as in the statements */

struct recorder_rows;

struct recorder_rows *recorder_rows_new(struct recorder *recorder,
                                        struct pg *pg, int64_t bot_id);
void recorder_rows_free(struct recorder_rows *rows); /* NULL is allowed */

/* Somebody is about to use them. arg: the recorder_rows. */
void recorder_rows_store(int64_t chat, void *arg);
void recorder_rows_counters(struct recorder_rows *rows, const char *name,
                            int64_t chat);

#endif
