/*
 * pg_text.h - SQL that is not known beforehand (a script's own), on a pg of pg.h.
 *
 * Such a query travels alone on its connection: what is asked for after it waits
 * until it is over. Its result is taken row by row, within limits. A text that is
 * asked for again is prepared on the connection; of these at most
 * PG_TEXTS_MAX, those used last. Behind a pooler nothing is prepared, and the
 * statement's time-out goes along with each query.
 *
 * op.err.text is the server's first line alone, without detail and hint: see
 * pg_error_field(). An answer that is too large fails with sqlstate
 * PG_TOO_LARGE; maybe_done then says that what it changed stays changed.
 */
#ifndef IO_PG_TEXT_H
#define IO_PG_TEXT_H

#include "io/pg.h"

#define PG_TEXTS_MAX 100
#define PG_TEXTS_BYTES ((size_t)1 << 20) /* theirs together */
#define PG_QUESTION_PARAMS 1000
#define PG_TOO_LARGE "54000" /* PostgreSQL's own for limits of a program */

struct pg_question {
    struct slice sql;           /* one statement; copied */
    const struct slice *params; /* as of pg_query(): copied */
    int nparams;                /* at most PG_QUESTION_PARAMS */
    unsigned session; /* pg_connections(): it fails on any other; 0: on any */
    bool control;     /* BEGIN, COMMIT …: not with a time-out of its own */
    int64_t rows_max; /* of the answer; 0: none is too large */
    size_t bytes_max;
};

struct pg_op *pg_ask(struct pg *pg, const struct pg_question *question);

struct pg_column {
    char *name;
    unsigned type; /* its oid */
};

/* Of a finished pg_ask() without error. */
struct pg_answer {
    int ncolumns;
    struct pg_column *columns;
    int64_t nrows;
    int64_t affected; /* rows changed, or read */
    char tag[32];     /* "UPDATE 3"; of COMMIT it may be "ROLLBACK" */
    /* private */
    struct buf data;
    int64_t rows_max;
    size_t bytes_max, dropped;
    bool too_large;
};
const struct pg_answer *pg_answer(const struct pg_op *op);

/* The values, row by row: begin with 0, call it nrows × ncolumns times.
 * SLICE_NONE is NULL; a value has a NUL after its end. */
struct slice pg_answer_next(const struct pg_answer *answer, size_t *at);

enum pg_error_field {
    PG_ERROR_DETAIL,
    PG_ERROR_HINT,
    PG_ERROR_CONSTRAINT,
    PG_ERROR_TABLE,
    PG_ERROR_COLUMN,
    PG_ERROR_POSITION, /* in the SQL, in characters from 1; not of a script */
    PG_ERROR_CONTEXT,  /* lines: in which functions */
};
/* Of a failed pg_ask() or pg_script(); NULL: the server said nothing about it. */
const char *pg_error_field(const struct pg_op *op, enum pg_error_field field);

#endif
