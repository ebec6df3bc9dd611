/* host_repl.c - the prompt of a host that runs: repl.h. */
#include "bot/host_int.h"
#include "bot/repl.h"

#include <string.h>

#include "base/log.h"

/* Without it the bot works all the same. */
void host_open_repl(struct host *host)
{
    const char *path = host->settings->repl_socket;
    struct err err = ERR_INIT;

    if (!path || strcmp(path, "off") == 0 || host->repl)
        return;
    host->repl = repl_new(&(struct repl_options){ .loop = host->loop,
                                                  .vm = host->vm,
                                                  .lanes = host->lanes,
                                                  .path = path },
                          &err);
    if (!host->repl)
        log_warn("repl", "no prompt: %s", err.text);
}
