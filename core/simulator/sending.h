/*
 * sending.h - the contents of large files, as their clients take them: of each
 * only SENDING_BYTES are copied at a time.
 */
#ifndef SIMULATOR_SENDING_H
#define SIMULATOR_SENDING_H

#include <sys/queue.h>

#include "io/httpd.h"
#include "simulator/text.h"

#define SENDING_BYTES ((size_t)1 << 20)

struct sending;
TAILQ_HEAD(sendings, sending);

/* Answer req with all of data, which is kept until it is sent. */
void sending_start(struct sendings *list, struct loop *loop,
                   struct httpd_request *req, struct text *data);
/* End them without an answer; before the server is freed. */
void sendings_drop(struct sendings *list);

#endif
