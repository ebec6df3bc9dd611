/*
 * call.h - one call of a Bot API method, from the request to the answer.
 *
 * A method is a bool function of the call: it ends with one of call_ok…() or
 * call_fail…(), which say what the answer will be, and returns what they
 * return. Only getUpdates may leave the answer for later: it returns true with
 * nothing said, and call_answer() comes from elsewhere.
 */
#ifndef SIMULATOR_CALL_H
#define SIMULATOR_CALL_H

#include "simulator/params.h"
#include "simulator/simulator_int.h"

struct call {
    struct simulator *sim;
    struct bot *bot;
    struct httpd_request *req; /* NULL: came as the answer to a webhook */
    const struct spec_method *method;
    const char *name; /* "sendMessage" */
    json_t *params;   /* checked */
    struct multipart parts;
    struct fault fault;
    int64_t started_us;
    int status; /* 0: nothing said yet */
    struct buf response;
    struct op *timer;               /* of a delay or a long poll */
    void (*forget)(struct call *c); /* whoever holds it lets go; or NULL */
    TAILQ_ENTRY(call) link;
};

typedef bool (*method_fn)(struct call *c);

struct method {
    const char *name; /* NULL ends a table */
    method_fn fn;
};

/* One table for each family: see methods_*.c. */
extern const struct method methods_bot[], methods_webhook[], methods_send[],
    methods_media[], methods_edit[], methods_chat[], methods_member[],
    methods_topic[], methods_answer[], methods_command[];

/* Say the answer. result is taken. */
bool call_ok(struct call *c, json_t *result);
bool call_ok_text(struct call *c, struct slice result); /* JSON */
bool call_true(struct call *c);
/* true, and a description: "Webhook was set" */
bool call_true_note(struct call *c, const char *note);
/* description: "Bad Request: …". Returns false. */
bool call_fail(struct call *c, int status, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* parameters (ResponseParameters) are taken. */
bool call_fail_with(struct call *c, int status, json_t *parameters,
                    const char *description);
bool call_fail_err(struct call *c, const struct err *err); /* 400 */

/* Send what was said (later, if there is a delay), record it, free the call. */
void call_answer(struct call *c);
/* Free it without an answer; the connection is closed. */
void call_drop(struct call *c);

/* The request behind /bot…; answers it. rest follows "/bot" in the path. */
void call_request(struct simulator *sim, struct httpd_request *req,
                  const char *rest);
/* A call without a request: its result goes only into the feed. */
void call_internal(struct simulator *sim, struct bot *bot, const char *method,
                   const json_t *params);

void call_index_methods(struct simulator *sim);
void call_release_methods(struct simulator *sim);

int64_t now_us(void); /* of a clock that never jumps */

/* --- what most methods begin with ------------------------------------------- */

/* The chat a parameter names: an id, a number as text or @username. NULL: said
 * why. */
struct chat *call_chat(struct call *c, const char *param);
/* The same, and the bot is in it. */
struct chat *call_chat_inside(struct call *c, const char *param);
/* The same, and it is an administrator with that right (NULL: any); otherwise
 * "not enough rights to <what>". */
struct chat *call_chat_admin(struct call *c, const char *right,
                             const char *what);
/* chat_id's message message_id; *chat is set. NULL: said why, with what:
 * "message to edit not found". */
struct message *call_message(struct call *c, struct chat **chat,
                             const char *not_found);
/* The user of user_id, "user not found" or so. */
struct user *call_user(struct call *c);

#endif
