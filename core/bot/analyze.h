/*
 * analyze.h - fresh statistics for the tables that a migration has changed: until
 * autovacuum comes, the planner knows them as they were.
 *
 * At most 20 tables, the largest ones; of each the server reads a sample. One that
 * somebody has locked is left to autovacuum.
 */
#ifndef BOT_ANALYZE_H
#define BOT_ANALYZE_H

#include "bot/tool.h"

/* Before the change: what is to be known then. ERR_DATABASE. */
bool analyze_remember(struct tool *tool, struct buf *sizes,
                      struct err *err) MUST_CHECK;

/*
 * After it: ANALYZE what has changed much. upgraded: how many configs were. Appends
 * the tables' names to done ("a, b"), and a line for each that could not be to failed.
 */
void analyze_changed(struct tool *tool, const struct buf *sizes,
                     int64_t upgraded, struct buf *done, struct buf *failed);

#endif
