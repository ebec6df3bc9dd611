/*
 * recorder.h - `--record FILE`: what came in, what scripts read of chats'
 * settings, what they called and were answered; for `moonpost replay`.
 *
 * A JSON object a line, in the order in which it happened:
 *
 *     {"moonpost":"0.1.0","bot":{"id":…,"username":…},"at":1763900000000}
 *     {"config":{…},"chat":-100123,"version":3,"revision":7}     when it is another than before
 *     {"update":{…},"at":…}
 *     {"call":5,"update":42,"method":"sendMessage","parameters":{…}}
 *     {"answer":5,"result":…}   or   {"answer":5,"error_code":400,"description":…}
 *     {"failed":42,"error":"…"}
 *
 *     {"request":6,"update":42,"method":"GET","url":"https://…","body":"…"}     of `http`
 *     {"response":6,"status":200,"headers":"Name: value\r\n…","body":"…"}
 *     or   {"response":6,"error":"timeout","reason":…,"maybe_sent":true}
 *     {"rows":"store", …                                         recorder_rows.h
 *
 * "at" is in milliseconds since 1970; "update" of a call is 0 when no update caused
 * it. A call that uploads has no "parameters". A body that is larger than
 * RECORD_BODY_MAX, is not UTF-8, or went to or came from a file is not there, but
 * "bytes" is, when it has any. Headers of requests, files and SQL are not in it.
 */
#ifndef BOT_RECORDER_H
#define BOT_RECORDER_H

#include "io/loop.h"
#include "script/recording.h"
#include "telegram/update.h"

/* Then it stops, and says so. */
#define RECORD_MAX ((size_t)1 << 30)
#define RECORD_BODY_MAX ((size_t)64 << 10)

struct recorder;
struct incoming;

/* Appends to the file. anonymous: see anonymous.h. ERR_SYSTEM. */
struct recorder *recorder_new(const char *path, bool anonymous,
                              struct err *err) MUST_CHECK;
void recorder_free(struct recorder *r); /* NULL is allowed */

/* For struct services. */
const struct recording *recorder_recording(const struct recorder *r);

/* Once, before updates; username: without @. */
void recorder_begin(struct recorder *r, int64_t bot_id, const char *username);
void recorder_update(struct recorder *r, const struct update *u);
/* A line of its own: one JSON object. */
void recorder_write(struct recorder *r, struct slice line);
void recorder_failed(struct recorder *r, int64_t update_id, const char *error);

#endif
