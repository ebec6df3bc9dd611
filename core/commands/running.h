/*
 * running.h - what run and dev share: a host in a loop, ended by signals.
 */
#ifndef RUNNING_H
#define RUNNING_H

#include "bot/host.h"
#include "command.h"

/* Run until it ends; returns the exit status. */
int run_host(struct loop *loop, const struct host_options *options);

/* Is dir a folder? Says what a bot's folder is if not. */
bool check_bot_folder(const char *dir, struct err *err) MUST_CHECK;

#endif
