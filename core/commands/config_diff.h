/*
 * config_diff.h - what differs between two documents, as lines for people.
 */
#ifndef COMMANDS_CONFIG_DIFF_H
#define COMMANDS_CONFIG_DIFF_H

#include "config/diff.h"

/* The changes as lines "PREFIXwelcome.text: default → \"Hi\"", values cut at max
 * characters. */
void config_diff_show(struct buf *out, struct slice before, struct slice after,
                      const char *prefix, size_t max);

#endif
