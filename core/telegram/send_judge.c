/* send_judge.c - see send_int.h. */
#include <stdlib.h>

#include "telegram/send_int.h"

#define BACKOFF_MIN_MS 250
#define BACKOFF_MAX_MS 8000

/* Something in front of the Bot API could not hand it on. */
static bool is_not_handed_on(int code)
{
    return code == 502 || code == 503 || code == 504;
}

static enum send_next judge_answer(const struct tg_op *tried, bool repeatable,
                                   bool *maybe_sent)
{
    if (tried->migrate_to_chat_id)
        return SEND_REDIRECT;
    if (tried->error_code < 500)
        return SEND_END;
    *maybe_sent = true; /* 500: nobody knows how far it came */
    return repeatable ? SEND_AGAIN : SEND_END;
}

enum send_next send_judge(const struct tg_op *tried, bool repeatable,
                          bool *maybe_sent)
{
    enum err_kind kind = tried->op.err.kind;
    int code = tried->error_code;

    *maybe_sent = false;
    if (!kind ||
        (kind != ERR_TELEGRAM && kind != ERR_NETWORK && kind != ERR_TIMEOUT))
        return SEND_END;
    if (code == 429)
        return SEND_FLOOD;
    if (is_not_handed_on(code))
        return SEND_AGAIN;
    if (kind == ERR_TELEGRAM)
        return judge_answer(tried, repeatable, maybe_sent);
    *maybe_sent = tried->maybe_sent;
    if (code >= 300 && code < 500) /* not the Bot API at all */
        return SEND_END;
    return !tried->maybe_sent || repeatable ? SEND_AGAIN : SEND_END;
}

int64_t send_backoff_ns(int tries)
{
    int64_t ms = BACKOFF_MIN_MS;

    while (--tries > 0 && ms < BACKOFF_MAX_MS)
        ms *= 2;
    if (ms > BACKOFF_MAX_MS)
        ms = BACKOFF_MAX_MS;
    return (ms / 2 + random() % (ms + 1)) * MS;
}

int64_t send_flood_ns(const struct tg_op *tried)
{
    int seconds = tried->retry_after > 0 ? tried->retry_after : 1;

    return (seconds * INT64_C(1000) + 50 + random() % 100) * MS;
}
