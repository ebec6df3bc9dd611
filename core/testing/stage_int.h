/*
 * stage_int.h - what the files of stage share.
 *
 *     stage.c       making and ending it and its bots; what is asked of them
 *     stage_wait.c  waiting, moving time on, being told to end
 */
#ifndef TESTING_STAGE_INT_H
#define TESTING_STAGE_INT_H

#include "testing/stage.h"

#define BOT_ID 1

struct stage {
    struct stage_options options;
    struct settings settings; /* the host's; strings are borrowed */
    struct loop *loop;
    struct simulator *sim;
    struct http *http;
    struct pg *pg, *listen_pg; /* lent to all hosts, one after the other */
    struct host *host;
    struct sites *sites; /* every one but Telegram */
    char schema[64], url[64];
    char data_dir[64]; /* of the bot's own files; made when it begins */
    bool made;         /* the schema, perhaps */
    int64_t
        unburied; /* a host that ended while the database was away; 0: none */
    struct stage_line *lines, **last_line;
};

/* stage_wait.c */
/* One round of the loop; false: the time is over, or we are to end. */
bool stage_turn(struct stage *stage, int64_t until_ms,
                struct err *err) MUST_CHECK;
/* The second time it ends at once: what was made is dropped by a later run. */
void stage_watch_signals(void);
/* Wait all the same from now on, as if nobody had said so yet. */
void stage_put_off_end(void);

#endif
