/*
 * testing_statements.h - the SQL of `moonpost test`, around the schema it makes.
 */
#ifndef BOT_TESTING_STATEMENTS_H
#define BOT_TESTING_STATEMENTS_H

/* Scripts: they make and drop things, so there is nothing to explain. %s is the
 * schema's name, or the oldest name that is kept. */
extern const char testing_drop_old_sql[], testing_keep_sql[],
    testing_reset_sql[], testing_drop_sql[], testing_bury_sql[],
    testing_heed_sql[];

#endif
