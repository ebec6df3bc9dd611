/* methods.c - see methods.h. */
#include "telegram/methods.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"

enum { NO_MESSAGE, MESSAGE };
enum { ONCE, REPEATABLE };
enum { EXACTLY, BEGINS };

/* The first that fits counts: exceptions stand before the verb's own rule. */
static const struct row {
    const char *name;
    int match, message, repeat;
} rows[] = {
    /* what is sent twice is seen twice */
    { "sendMessageDraft", EXACTLY, NO_MESSAGE,
      REPEATABLE }, /* replaces itself */
    { "sendRichMessageDraft", EXACTLY, NO_MESSAGE, REPEATABLE },
    { "sendChatAction", EXACTLY, NO_MESSAGE, REPEATABLE }, /* gone in 5 s */
    { "sendChatJoinRequestWebApp", EXACTLY, NO_MESSAGE, ONCE },
    { "send", BEGINS, MESSAGE, ONCE },
    { "forward", BEGINS, MESSAGE, ONCE },
    { "copy", BEGINS, MESSAGE, ONCE },
    { "post", BEGINS, NO_MESSAGE, ONCE },
    { "repost", BEGINS, NO_MESSAGE, ONCE },

    /* the same end, however often; a message that is edited is sent again */
    { "editMessage", BEGINS, MESSAGE, REPEATABLE },
    { "editEphemeralMessage", BEGINS, MESSAGE, REPEATABLE },
    { "edit", BEGINS, NO_MESSAGE, REPEATABLE },
    { "stopMessageLiveLocation", EXACTLY, MESSAGE, REPEATABLE },
    { "stopPoll", EXACTLY, MESSAGE, REPEATABLE },
    { "set", BEGINS, NO_MESSAGE, REPEATABLE },
    { "delete", BEGINS, NO_MESSAGE, REPEATABLE },
    { "remove", BEGINS, NO_MESSAGE, REPEATABLE },
    { "approve", BEGINS, NO_MESSAGE, REPEATABLE },
    { "decline", BEGINS, NO_MESSAGE, REPEATABLE },
    { "ban", BEGINS, NO_MESSAGE, REPEATABLE },
    { "unban", BEGINS, NO_MESSAGE, REPEATABLE },
    { "restrict", BEGINS, NO_MESSAGE, REPEATABLE },
    { "promote", BEGINS, NO_MESSAGE, REPEATABLE },
    { "verify", BEGINS, NO_MESSAGE, REPEATABLE },
    { "leave", BEGINS, NO_MESSAGE, REPEATABLE },
    { "pin", BEGINS, NO_MESSAGE, REPEATABLE },
    { "unpinAll", BEGINS, NO_MESSAGE, REPEATABLE },
    { "unpin", BEGINS, NO_MESSAGE, ONCE }, /* takes the newest, then the next */
    { "hide", BEGINS, NO_MESSAGE, REPEATABLE },
    { "unhide", BEGINS, NO_MESSAGE, REPEATABLE },
    { "close", EXACTLY, NO_MESSAGE, ONCE }, /* of the bot's server instance */
    { "close", BEGINS, NO_MESSAGE, REPEATABLE },
    { "reopen", BEGINS, NO_MESSAGE, REPEATABLE },
    { "read", BEGINS, NO_MESSAGE, REPEATABLE },
    { "refund", BEGINS, NO_MESSAGE, REPEATABLE }, /* a payment, once */

    /* a query's id is good for one answer */
    { "answer", BEGINS, NO_MESSAGE, REPEATABLE },

    /* nothing changes, or the first one's result was seen by nobody */
    { "get", BEGINS, NO_MESSAGE, REPEATABLE },
    { "export", BEGINS, NO_MESSAGE, REPEATABLE },
    { "revoke", BEGINS, NO_MESSAGE, REPEATABLE },
    { "replace", BEGINS, NO_MESSAGE, REPEATABLE },
    { "save", BEGINS, NO_MESSAGE, REPEATABLE },
    { "upload", BEGINS, NO_MESSAGE, REPEATABLE },

    /* makes one more, takes money, or ends the session */
    { "add", BEGINS, NO_MESSAGE, ONCE },
    { "create", BEGINS, NO_MESSAGE, ONCE },
    { "gift", BEGINS, NO_MESSAGE, ONCE },
    { "transfer", BEGINS, NO_MESSAGE, ONCE },
    { "upgrade", BEGINS, NO_MESSAGE, ONCE },
    { "convert", BEGINS, NO_MESSAGE, ONCE },
    { "logOut", EXACTLY, NO_MESSAGE, ONCE },
};

static bool has_words(const char *method)
{
    while (*method && !isupper((unsigned char)*method))
        method++;
    return *method;
}

/* A verb ends where the next word begins: "setX", but not "settleX". A name all
 * in small letters, which Telegram takes too, does not show where. */
static bool fits(const struct row *row, const char *method)
{
    size_t n = strlen(row->name);

    if (strncasecmp(row->name, method, n) != 0)
        return false;
    if (!method[n] || row->match == EXACTLY)
        return !method[n];
    return !islower((unsigned char)method[n]) || !has_words(method);
}

struct method_rule method_rule(const char *method)
{
    int first = tolower((unsigned char)method[0]);

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (rows[i].name[0] == first && fits(&rows[i], method))
            return (struct method_rule){ .is_message = rows[i].message,
                                         .repeatable = rows[i].repeat };
    return (struct method_rule){ false, false };
}
