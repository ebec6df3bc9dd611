/*
 * params.h - the parameters of a call, from wherever HTTP carries them: the
 * query, a form, a multipart body or a JSON body.
 *
 * They come out as one JSON object. What a form carried is a string (spec_check
 * makes typed values of them). A file part named N becomes the string
 * "attach://N", which is also how a bot refers to a part by itself; the bytes
 * are found with params_upload().
 */
#ifndef SIMULATOR_PARAMS_H
#define SIMULATOR_PARAMS_H

#include <jansson.h>

#include "simulator/multipart.h"

/*
 * Query and body together; the body wins. *params is a new object. parts is
 * set when the body is multipart and empty otherwise: multipart_release() it.
 * An unknown Content-Type: only the query counts, as at Telegram.
 * Error: ERR_TELEGRAM with Telegram's description; *params is NULL then, and
 * parts is empty.
 */
bool params_read(json_t **params, struct multipart *parts, const char *query,
                 const char *content_type, struct slice body,
                 struct err *err) MUST_CHECK;

/* The part that "attach://N" means; NULL when value is not of that form or
 * there is no such file. */
const struct multipart_part *params_upload(const struct multipart *parts,
                                           const char *value);

/* Percent-decoding, '+' is a blank. Appends. */
void params_url_decode(struct buf *out, struct slice text);
/* application/x-www-form-urlencoded: adds each pair as a string. Values that
 * are not UTF-8 are left out. */
void params_add_form(json_t *params, struct slice form);

#endif
