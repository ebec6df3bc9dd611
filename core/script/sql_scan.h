/*
 * sql_scan.h - what must be known of a script's SQL before it is sent: its
 * parameters, its first words, and whether it is one statement.
 *
 * Looks only at where strings, names in quotes and comments begin and end, by
 * PostgreSQL's rules with standard_conforming_strings on. The server parses it.
 */
#ifndef SCRIPT_SQL_SCAN_H
#define SCRIPT_SQL_SCAN_H

#include "base/buf.h"

#define SQL_WORD_MAX 24

struct sql_scan {
    int params;                  /* the highest $n; 0: none */
    size_t begins;               /* the first statement; sql.n: there is none */
    size_t several;              /* where a second statement begins, or 0 */
    bool empty;                  /* only space and comments */
    char words[2][SQL_WORD_MAX]; /* the first two, in capitals; "": no word */
};

void sql_scan(struct slice sql, struct sql_scan *out);

/* Append the line of the SQL that the position (in characters, from 1) is in, and
 * under it a caret: "\n  SELECT x FRM y\n           ^". */
void sql_add_place(struct buf *out, struct slice sql, int position);

#endif
