/*
 * check.h - loading a bot's folder only to see whether it loads.
 */
#ifndef BOT_CHECK_H
#define BOT_CHECK_H

#include "base/settings.h"

/* ERR_SCRIPT: file, line and reason of the first mistake. Else a line for people
 * is appended to report. */
bool check_folder(const char *dir, const struct settings *settings,
                  struct buf *report, struct err *err) MUST_CHECK;

#endif
