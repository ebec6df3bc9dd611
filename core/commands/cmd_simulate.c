/* cmd_simulate.c - moonpost simulate: a Telegram without a bot. */
#include <signal.h>
#include <stdio.h>

#include "simulating.h"

static void on_signal(int number, void *arg)
{
    (void)number;
    loop_stop(arg);
}

static int simulate(struct invocation *in)
{
    struct err err = ERR_INIT;
    struct arguments args;
    struct loop *loop;
    struct simulator *sim;

    if (!arguments_read(in, TAKES_PORT, &args))
        return EXIT_USAGE;
    loop = loop_new();
    sim = start_simulator(loop, &in->settings, &args, &err);
    if (!sim) {
        loop_free(loop);
        return command_failed(&err);
    }
    loop_on_signal(loop, SIGTERM, on_signal, loop);
    loop_on_signal(loop, SIGINT, on_signal, loop);
    loop_on_signal(loop, SIGHUP, on_signal, loop);
    printf("A simulated Telegram is at http://127.0.0.1:%d\n"
           "For a bot: BOT_TOKEN=1:any TELEGRAM_API_URL=http://127.0.0.1:%d\n",
           simulator_port(sim), simulator_port(sim));
    loop_run(loop);
    simulator_free(sim);
    loop_free(loop);
    return EXIT_OK;
}

const struct command cmd_simulate = {
    .name = "simulate",
    .summary = "a Telegram that runs here: the Bot API, and a page to chat",
    .usage =
        "simulate [--port N]\n\n"
        "  --port N   listen there on 127.0.0.1 (0: any free port; default: "
        "PORT or 8081, or the next free one)",
    .run = simulate,
};
