/* broadcast.c - see broadcast.h. */
#include "telegram/broadcast.h"

#include <ctype.h>
#include <string.h>

#include "base/json.h"

/* --- messages ------------------------------------------------------------------- */

static bool is_method(const char *name)
{
    const char *p = name;

    while (isalnum((unsigned char)*p))
        p++;
    return p != name && !*p && p - name <= 64;
}

/* What answers, asks or sets the bot up is not for chats. */
static bool is_for_chats(const char *method)
{
    static const char *const begin[] = {
        "send",   "copy",  "forward", "edit",   "delete",   "pin",     "unpin",
        "set",    "leave", "ban",     "unban",  "restrict", "promote", "close",
        "reopen", "hide",  "unhide",  "create", "export"
    };

    for (size_t i = 0; i < ARRAY_LEN(begin); i++)
        if (strncmp(method, begin[i], strlen(begin[i])) == 0)
            return true;
    return false;
}

static bool has_text(struct slice parameters)
{
    struct slice text = json_raw(json_get(parameters, "text"));

    return text.p && text.n > 0;
}

bool broadcast_check(const char *method, struct slice parameters,
                     struct err *err)
{
    if (!is_method(method))
        return err_set(err, ERR_USAGE,
                       "\"%s\" can't be a method of the Bot API", method);
    if (!is_for_chats(method))
        return err_set(err, ERR_USAGE,
                       "%s is not for many chats; sendMessage and copyMessage "
                       "are",
                       method);
    if (json_kind(parameters) != JSON_OBJECT)
        return err_set(err, ERR_USAGE,
                       "the message must be an object: {\"text\": …}");
    if (json_get(parameters, "chat_id").p)
        return err_set(err, ERR_USAGE,
                       "the message must be without chat_id: that is each "
                       "chat's own");
    if (strcmp(method, "sendMessage") == 0 && !has_text(parameters))
        return err_set(err, ERR_USAGE, "the message has no text");
    return true;
}

void broadcast_add_body(struct buf *out, int64_t chat_id,
                        struct slice parameters)
{
    const char *p = memchr(parameters.p, '{', parameters.n);

    buf_addf(out, "{\"chat_id\":%lld", (long long)chat_id);
    if (json_is_empty(parameters)) {
        buf_addc(out, '}');
        return;
    }
    buf_addc(out, ',');
    p++;
    buf_add(out, p, (size_t)(parameters.p + parameters.n - p));
}

/* --- answers -------------------------------------------------------------------- */

static bool contains(struct slice text, const char *part)
{
    size_t n = strlen(part);

    for (size_t i = 0; i + n <= text.n; i++)
        if (strncasecmp(text.p + i, part, n) == 0)
            return true;
    return false;
}

bool broadcast_is_gone(int error_code, struct slice description)
{
    static const struct {
        int code;
        const char *words;
    } gone[] = {
        { 403, "bot was blocked by the user" },
        { 403, "user is deactivated" },
        { 403, "bot was kicked from" },
        { 403, "bot is not a member of" },
        { 403, "bot can't initiate conversation" },
        { 403, "bot can't send messages to bots" },
        { 403, "chat was deleted" },
        { 400, "chat not found" },
        { 400, "chat was deactivated" },
        { 400, "user not found" },
        { 400, "PEER_ID_INVALID" },
    };

    for (size_t i = 0; i < ARRAY_LEN(gone); i++)
        if (gone[i].code == error_code && contains(description, gone[i].words))
            return true;
    return false;
}

static enum broadcast_outcome refusal(const struct tg_op *op)
{
    if (op->migrate_to_chat_id)
        return BROADCAST_MOVED;
    if (op->error_code == 401 || op->error_code == 404)
        return BROADCAST_REFUSED;
    if (op->error_code == 429)
        return BROADCAST_NOT_SENT;
    if (op->error_code >= 502 && op->error_code <= 504 && !op->maybe_sent)
        return BROADCAST_NOT_SENT;
    if (op->error_code >= 500)
        return BROADCAST_IN_DOUBT;
    return broadcast_is_gone(op->error_code, op->description)
               ? BROADCAST_BLOCKED
               : BROADCAST_FAILED;
}

/* A message, or a MessageId; others, such as true, have none. */
static void read_message(struct broadcast_answer *a, struct slice result,
                         int64_t chat_id)
{
    int64_t chat;

    if (!json_to_int(json_get(result, "message_id"), &a->message_id))
        a->message_id = 0;
    if (json_to_int(json_path(result, "chat", "id", NULL), &chat) &&
        chat != chat_id)
        a->moved_to = chat;
}

struct broadcast_answer broadcast_read(const struct tg_op *op, int64_t chat_id)
{
    struct broadcast_answer a = { .outcome = BROADCAST_SENT };

    if (op->op.err.kind == ERR_NONE) {
        read_message(&a, op->result, chat_id);
    } else if (op->op.err.kind == ERR_TELEGRAM) {
        a.outcome = refusal(op);
        a.moved_to = op->migrate_to_chat_id;
    } else {
        a.outcome = op->maybe_sent ? BROADCAST_IN_DOUBT : BROADCAST_NOT_SENT;
    }
    return a;
}

const char *broadcast_outcome_state(enum broadcast_outcome outcome)
{
    static const char *const states[] = {
        [BROADCAST_SENT] = "sent",         [BROADCAST_BLOCKED] = "blocked",
        [BROADCAST_FAILED] = "failed",     [BROADCAST_MOVED] = "moved",
        [BROADCAST_IN_DOUBT] = "in_doubt", [BROADCAST_NOT_SENT] = "waiting",
        [BROADCAST_REFUSED] = "waiting",
    };

    return states[outcome];
}
