/*
 * call_answer.h - calls that go to Telegram in the answer to a webhook's request.
 * https://core.telegram.org/bots/api#making-requests-when-getting-updates
 *
 * Telegram does not tell how such a call came out. So only answerCallbackQuery goes
 * that way: its result is always true, a script can't do anything about its one
 * error (the query is too old), and nothing waits for it. The script gets true
 * at once. If it then waits for something, the call leaves as one of its own;
 * if it ends, the call saves a request.
 */
#ifndef SCRIPT_CALL_ANSWER_H
#define SCRIPT_CALL_ANSWER_H

#include <lua.h>

#include "base/buf.h"

struct task;

/* Who answers the webhook's requests. */
struct call_answering {
    /* Keep this call for the answer to an update. false: it can't. method is
     * static; params is a JSON object, copied. */
    bool (*keep)(int64_t update_id, const char *method, struct slice params,
                 void *arg);
    /* What was kept for this update: send it now, as a call. */
    void (*send_now)(int64_t update_id, void *arg);
    void *arg;
};

/* Is this call kept for the answer? Then it is over, and its result is true. */
bool call_answer_keep(lua_State *L, const char *method, struct slice params);
/* The task is about to wait, or to call something else. */
void call_answer_send(struct task *t);

#endif
