/* simulating.c - see simulating.h. */
#include "simulating.h"

#include <time.h>

#define PORTS_TO_TRY 20

struct simulator *start_simulator(struct loop *loop, const struct settings *s,
                                  const struct arguments *args, struct err *err)
{
    struct simulator_options options = {
        .port = args->has_port ? args->port : s->port,
        /* A bot that goes on with its old offset must still get what is new. */
        .first_update_id = time(NULL),
    };
    int tries = args->has_port || s->port == 0 ? 1 : PORTS_TO_TRY;
    struct simulator *sim = NULL;

    for (int i = 0; i < tries && !sim && options.port <= 65535; i++) {
        err_clear(err);
        sim = simulator_start(loop, &options, err);
        options.port++;
    }
    return sim;
}
