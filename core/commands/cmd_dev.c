/*
 * cmd_dev.c - moonpost dev: the bot with a simulated Telegram in one process;
 * they speak HTTP on loopback all the same. With BOT_TOKEN: the real Telegram.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "repl_path.h"
#include "running.h"
#include "simulating.h"

/* What the bot is called by the simulator: any token will do there. */
#define DEV_TOKEN "1:token-of-moonpost-dev"

struct dev {
    struct simulator *sim;
};

static void show_on_page(enum log_level level, const char *area,
                         const char *message, const char *fields, void *arg)
{
    struct dev *dev = arg;
    struct buf text = BUF_INIT;

    buf_adds(&text, message);
    if (fields[0])
        buf_addf(&text, "\n(%s)", fields);
    simulator_say(dev->sim, log_level_name(level), area, text.data);
    buf_release(&text);
}

static void say_address(const char *username, void *arg)
{
    struct dev *dev = arg;

    if (dev->sim)
        printf("\n  Chat with @%s at http://127.0.0.1:%d\n"
               "  Saved scripts are loaded at once. Ctrl-C ends.\n\n",
               username, simulator_port(dev->sim));
}

static int dev_simulated(struct invocation *in, const struct arguments *args,
                         struct loop *loop, struct host_options *options)
{
    struct err err = ERR_INIT;
    struct dev dev = { NULL };
    char url[64];
    int status;

    dev.sim = start_simulator(loop, &in->settings, args, &err);
    if (!dev.sim)
        return command_failed(&err);
    snprintf(url, sizeof(url), "http://127.0.0.1:%d", simulator_port(dev.sim));
    options->api_url = url;
    options->token = DEV_TOKEN;
    options->arg = &dev;
    log_set_sink(show_on_page, &dev);
    status = run_host(loop, options);
    log_set_sink(NULL, NULL);
    simulator_free(dev.sim);
    return status;
}

/* For moonpost repl. */
static void open_prompt(struct settings *s, const char *dir)
{
    struct buf path = BUF_INIT;

    if (s->repl_socket)
        return;
    repl_path_add(&path, s, dir);
    *strrchr(path.data, '/') = '\0';
    mkdir(path.data, 0777); /* if it can't be made, the host says so */
    buf_reset(&path);
    repl_path_add(&path, s, dir);
    s->repl_socket = buf_detach(&path);
}

static int dev_run(struct invocation *in)
{
    struct arguments args;
    struct loop *loop;
    struct dev nothing = { NULL };
    struct host_options options = { .settings = &in->settings,
                                    .on_ready = say_address,
                                    .arg = &nothing };
    int status;

    if (!arguments_read(in, TAKES_DIR | TAKES_PORT | TAKES_RECORD, &args))
        return EXIT_USAGE;
    options.dir = args.dir;
    options.record = args.record;
    options.record_anonymous = args.anonymous;
    in->settings.reload = true;
    open_prompt(&in->settings, args.dir);
    free(in->settings.webhook_url); /* it polls: Telegram can't reach here */
    in->settings.webhook_url = NULL;
    loop = loop_new();
    if (in->settings.bot_token) {
        log_info("dev", "BOT_TOKEN is set: talking to Telegram, no simulator");
        status = run_host(loop, &options);
    } else {
        status = dev_simulated(in, &args, loop, &options);
    }
    loop_free(loop);
    return status;
}

const struct command cmd_dev = {
    .name = "dev",
    .summary = "a bot with a simulated Telegram, for writing scripts",
    .usage = "dev [DIR] [--port N] [--record FILE [--anonymous]]\n\n"
             "  DIR        the bot's folder (default: .)\n"
             "  --port N   the page's port on 127.0.0.1 (0: any free port; "
             "default: PORT or 8081, or the next free one)\n\n"
             "With BOT_TOKEN set it talks to Telegram instead.",
    .shows_settings = true,
    .run = dev_run,
};
