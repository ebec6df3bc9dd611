/*
 * host_data.h - what scripts keep in the database besides settings: their own SQL and
 * ctx.store, in the order of the host's life. For bot/host*.c only.
 */
#ifndef BOT_HOST_DATA_H
#define BOT_HOST_DATA_H

#include "bot/host_int.h"

/* With the database; before scripts are loaded. */
void host_open_data(struct host *host);
/* The tables are there, and the bot runs. */
void host_start_data(struct host *host);
/* When all tasks have ended, before the database. */
void host_close_data(struct host *host);

#endif
