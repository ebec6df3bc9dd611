/*
 * explain.h - every statement that config/ sends, with sample values and the
 * indexes that it should use: for `moonpost explain`. A statement that is new in
 * statements*.c gets its line in statements_explain.c; a test looks for it.
 */
#ifndef CONFIG_EXPLAIN_H
#define CONFIG_EXPLAIN_H

#include "io/pg.h"

/* A table with fewer rows is read whole as fast. */
#define CONFIG_EXPLAIN_ROWS 10000

/* One that a statement relies on. */
struct config_index {
    const char *table, *column; /* the first one of the index */
    const char *make;           /* the SQL for who has lost it */
};

struct config_explained {
    const struct pg_statement *statement; /* NULL: the end of the list */
    /* SQL expressions for the array of its parameters as texts, from the real
     * tables. NULL: it has no plan (LISTEN). */
    const char *arguments;
    const struct config_index *indexes[2]; /* NULL: none */
};

extern const struct config_explained config_explained[];
extern const struct config_index config_indexes[]; /* ends with table NULL */

/*
 * A script whose one answer is the plan as JSON, after running the statement. What
 * it does is taken back: nothing is written, nobody is notified.
 */
void config_explain_script(const struct config_explained *explained,
                           struct buf *out);
/* A script: for each of config_indexes in order, whether the table has
 * CONFIG_EXPLAIN_ROWS, and whether there is such an index. */
void config_explain_indexes_script(struct buf *out);

#endif
