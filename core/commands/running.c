/* running.c - see running.h. */
#include "running.h"

#include <signal.h>
#include <sys/stat.h>

static void on_signal(int number, void *arg)
{
    static int count;

    (void)number;
    host_stop(arg, count++ > 0 && number == SIGINT);
}

bool check_bot_folder(const char *dir, struct err *err)
{
    struct stat st;

    if (stat(dir, &st) == 0 && S_ISDIR(st.st_mode))
        return true;
    return err_set(err, ERR_USAGE,
                   "%s is not a folder; a bot's folder has scripts/ and, if it "
                   "has settings, defaults/",
                   dir);
}

int run_host(struct loop *loop, const struct host_options *options)
{
    struct err err = ERR_INIT;
    struct host *host;
    int status;

    if (!check_bot_folder(options->dir, &err))
        return command_failed(&err);
    host = host_new(loop, options, &err);
    if (!host)
        return command_failed(&err);
    loop_on_signal(loop, SIGTERM, on_signal, host);
    loop_on_signal(loop, SIGINT, on_signal, host);
    loop_on_signal(loop, SIGHUP, on_signal, host);
    host_start(host);
    loop_run(loop);
    status = host_exit_status(host);
    host_free(host);
    return status;
}
