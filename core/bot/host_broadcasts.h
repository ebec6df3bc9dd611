/*
 * host_broadcasts.h - the host's broadcasts and the chats it has seen, in the order
 * of its life. For bot/host*.c only.
 */
#ifndef BOT_HOST_BROADCASTS_H
#define BOT_HOST_BROADCASTS_H

#include "bot/host_int.h"

/* With the database and the sender; before scripts are loaded. */
void host_open_broadcasts(struct host *host);
/* The tables are there, and the bot runs. */
void host_start_broadcasts(struct host *host);
/*
 * SIGTERM: no more chats. idle(host) is called, perhaps from within this, when what
 * was on its way is noted; till then host_broadcasts_idle() is false.
 */
void host_stop_broadcasts(struct host *host, void (*idle)(struct host *host));
bool host_broadcasts_idle(const struct host *host);
/* Before the sender and the database. */
void host_close_broadcasts(struct host *host);

#endif
