/*
 * host_asks.h - the host's questions that wait (script/ask.h), and their rows
 * (asks.h), in the order of its life. For bot/host*.c only.
 */
#ifndef BOT_HOST_ASKS_H
#define BOT_HOST_ASKS_H

#include "bot/host_int.h"

/* Before the lanes. */
void host_open_asks(struct host *host);
/* With the database, the sender and the instance; before scripts are loaded. */
void host_open_ask_rows(struct host *host);
/* After a sign of life. */
void host_look_at_asks(struct host *host);
/* An update has arrived. */
void host_asks_see(struct host *host, const struct update *u);
/* Another process gets the updates now: those that answer, too. */
void host_asks_lost(struct host *host);
/* SIGTERM: as host_stop_broadcasts(). */
void host_stop_asks(struct host *host, void (*idle)(struct host *host));
bool host_asks_idle(const struct host *host);
/* After the tasks, before the sender and the database. */
void host_close_asks(struct host *host);

#endif
