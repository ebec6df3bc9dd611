/*
 * progress.h - how far something long has got: a bar on a terminal, a line every
 * few seconds elsewhere; on standard error.
 */
#ifndef PROGRESS_H
#define PROGRESS_H

#include "base/buf.h"

struct progress {
    const char *what; /* "chats upgraded"; borrowed */
    /* private */
    bool on_terminal, drawn;
    int64_t began_ms, shown_ms;
    int64_t done, total;
};

void progress_begin(struct progress *p, const char *what);
/* So many are done. total: of so many; -1: not known. Says something only now
 * and then: call it as often as you like. */
void progress_show(struct progress *p, int64_t done, int64_t total);
/* Take the bar away. */
void progress_end(struct progress *p);
int64_t progress_elapsed_ms(const struct progress *p);

/* "1,000,000" */
void show_number(struct buf *out, int64_t n);
/* "12.3 s", "2 min 5 s", "1 h 3 min" */
void show_duration(struct buf *out, int64_t ms);

/*
 * The bar: at most width columns, what matters most is kept. ms: since the
 * beginning.
 */
void progress_line(struct buf *out, int width, const char *what, int64_t done,
                   int64_t total, int64_t ms);

#endif
