/*
 * fields.h - one parameter of a Bot API request, wherever it stands: in the
 * query, a JSON object, a form or a multipart body.
 *
 * Deliberately not base/json.h: what measures a codec must not be that codec.
 */
#ifndef BENCH_FIELDS_H
#define BENCH_FIELDS_H

#include "server.h"

/* Replace out with the parameter's text (a JSON string: its meaning; any other
 * JSON value: as it is written). false: it is not there, out is empty. */
bool field_text(const struct request *r, const char *name, struct buf *out);

/* The same as a number; missing or not a number: otherwise. */
int64_t field_int(const struct request *r, const char *name, int64_t otherwise);

#endif
