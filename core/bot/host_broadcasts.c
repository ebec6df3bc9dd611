/* host_broadcasts.c - see host_broadcasts.h. */
#include "bot/host_broadcasts.h"

#include <stdlib.h>

#include "bot/broadcast_desk.h"
#include "bot/broadcasts.h"
#include "bot/chats.h"

struct host_broadcasts {
    struct broadcasts *sending;
    struct broadcast_desk desk; /* what scripts get */
    void (*idle)(struct host *host);
};

/* --- for scripts
 * ------------------------------------------------------------------- */

static struct op *desk_make(void *arg, const struct broadcast_order *order)
{
    struct host *host = arg;
    struct op *op;

    chats_flush(host->chats); /* who has just spoken is one of all */
    op = broadcast_make_start(host->loop, host->pg, tg_bot_id(host->tg), order);
    /* The look is asked for behind it, on the same connection. */
    broadcasts_kick(host->broadcasts->sending);
    return op;
}

static struct op *desk_find(void *arg, int64_t id, int limit)
{
    struct host *host = arg;

    return broadcast_find_start(host->loop, host->pg, id, limit);
}

static struct op *desk_change(void *arg, int64_t id,
                              enum broadcast_change change)
{
    struct host *host = arg;
    struct op *op =
        broadcast_change_start(host->loop, host->pg, id, change, NULL);

    broadcasts_kick(host->broadcasts->sending);
    return op;
}

/* --- the host's life
 * ------------------------------------------------------------------ */

static void on_gone(int64_t chat_id, void *arg)
{
    struct host *host = arg;

    chats_forget(host->chats, chat_id);
}

static void on_idle(void *arg)
{
    struct host *host = arg;

    if (host->broadcasts->idle)
        host->broadcasts->idle(host);
}

void host_open_broadcasts(struct host *host)
{
    const struct settings *s = host->settings;
    struct host_broadcasts *hb = xalloc(sizeof(*hb));
    int64_t bot = tg_bot_id(host->tg);

    hb->sending = broadcasts_new(host->loop, host->pg, host->sender, bot,
                                 &(struct broadcasts_options){
                                     .window = s->broadcast_window,
                                     .keep_days = s->broadcast_keep_days,
                                     .gone = on_gone,
                                     .idle = on_idle,
                                     .arg = host,
                                 });
    hb->desk =
        (struct broadcast_desk){ desk_make, desk_find, desk_change, host };
    host->broadcasts = hb;
    host->chats = chats_new(host->loop, host->pg, bot, s->chats_seen);
    host->services.broadcasts = &hb->desk;
}

void host_start_broadcasts(struct host *host)
{
    broadcasts_start(host->broadcasts->sending);
}

void host_stop_broadcasts(struct host *host, void (*idle)(struct host *host))
{
    host->broadcasts->idle = idle;
    chats_flush(host->chats);
    broadcasts_stop(host->broadcasts->sending);
}

bool host_broadcasts_idle(const struct host *host)
{
    return broadcasts_idle(host->broadcasts->sending);
}

void host_close_broadcasts(struct host *host)
{
    if (host->broadcasts) {
        broadcasts_free(host->broadcasts->sending);
        free(host->broadcasts);
    }
    chats_free(host->chats);
    host->broadcasts = NULL;
    host->chats = NULL;
}
