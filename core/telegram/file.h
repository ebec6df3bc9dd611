/*
 * file.h - the contents of a file that getFile has named.
 *
 * An op (io/op.h). They come over HTTP, or from disk where a local Bot API
 * server (--local) has given an absolute path; then in pieces, one a turn of the
 * loop. A piece goes to sink as in io/http.h: it may stop or wait.
 *
 * Errors: ERR_TELEGRAM (the server has no such file), ERR_NETWORK, ERR_TIMEOUT,
 * ERR_SYSTEM (of a file on disk), ERR_CANCELLED (the sink's). The URL holds the
 * token, and is in none of them.
 */
#ifndef TELEGRAM_FILE_H
#define TELEGRAM_FILE_H

#include "telegram/api.h"

struct file_request {
    const char *path; /* getFile's file_path; copied */
    http_sink_fn sink;
    void *arg;
};

struct op *file_start(struct tg *tg, const struct file_request *req);
void file_resume(
    struct op *file); /* after HTTP_WAIT; the sink is called in here */

#endif
