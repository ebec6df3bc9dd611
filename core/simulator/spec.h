/*
 * spec.h - the Bot API as data: checks the parameters of any method and makes
 * plausible results.
 *
 * The data is spec/bot-api-10.3.json, reduced when the program is built and
 * embedded in it.
 */
#ifndef SIMULATOR_SPEC_H
#define SIMULATOR_SPEC_H

#include <jansson.h>

#include "base/buf.h"
#include "base/err.h"

struct spec;
struct spec_method;

struct spec *spec_new(void); /* from what is embedded */
void spec_free(struct spec *spec);

/* NULL: no such method. Case does not matter, as at Telegram. */
const struct spec_method *spec_method(const struct spec *spec,
                                      const char *name);
const char *spec_method_name(const struct spec_method *method); /* "getMe" */

/*
 * Check params (a JSON object, changed in place) against what the method
 * declares: strings that stand for numbers, booleans and JSON-serialized
 * objects become such values, numbers for strings become strings, null and ""
 * are as if left out (but for `text` and such, which a bot may set to ""),
 * parameters the method does not have are removed. Integer|String (chat_id): an
 * integer when it is one. Files stay strings (see params.h).
 * false: ERR_TELEGRAM with the description of Telegram's 400.
 */
bool spec_check(const struct spec *spec, const struct spec_method *method,
                json_t *params, struct err *err) MUST_CHECK;

/* Remove the parameters that the method does not have, and tell of each; fn may be
 * NULL. */
typedef void (*spec_unknown_fn)(const char *name, void *arg);
void spec_remove_unknown(const struct spec_method *method, json_t *params,
                         spec_unknown_fn fn, void *arg);

/*
 * A plausible result of the method (a new reference): every required field of
 * the declared type, nested a few levels deep. Fields that have the name of a
 * parameter take its value (where its type fits), so ids agree with what was asked for.
 * known: type name → the object to use for it, as {"User": {…}, "Chat": {…}};
 * may be NULL.
 */
json_t *spec_result(const struct spec *spec, const struct spec_method *method,
                    const json_t *params, const json_t *known);

/*
 * Has value the shape of the type: all required fields, each of a declared
 * type, and none the type does not know? ERR_USAGE names the path and what is
 * wrong. For objects the simulator makes, and those a program gives it.
 */
bool spec_is(const struct spec *spec, const char *type, const json_t *value,
             struct err *err) MUST_CHECK;

#endif
