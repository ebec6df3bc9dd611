/*
 * json.h - JSON text (RFC 8259), exact and without a document tree.
 *
 * Three layers, each usable alone:
 *   - json_read(): a strict pull reader, one token a call, any input;
 *   - json_check(): is this text exactly one valid JSON value?
 *   - slices of text that json_check() has accepted: json_kind(), json_get(),
 *     json_iter: cheap, they look only for where things end.
 * and json_add_*(), which writes.
 *
 * Numbers: what is written without fraction and exponent and fits in 64 bits
 * is an integer and stays exact (-0 is the double -0.0); everything else is a
 * double, and one that overflows it is an error (one too small becomes 0). A
 * written double has the first of 15, 16 or 17 digits that reads back as the same
 * double (0.1, not 0.10000000000000001), and always reads back as a double (1.0,
 * not 1), whatever the locale. Strings: any escape is accepted; an escaped lone surrogate is
 * decoded as U+FFFD, \u0000 as a NUL byte. Raw bytes must be UTF-8 (RFC 3629:
 * no surrogates, no overlong forms). Duplicate keys are accepted; json_get()
 * finds the last, as other decoders do. A byte order mark is an error.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/buf.h"

#define JSON_DEPTH_MAX 512 /* arrays and objects within each other */

enum json_kind {
    JSON_NULL,
    JSON_BOOL,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT,
};

/* --- reading token by token ---------------------------------------------- */

enum json_token {
    JSON_T_ERROR, /* reader.err says what and at which byte, from 1; stays so */
    JSON_T_END,   /* the value is complete, only white space followed */
    JSON_T_NULL,
    JSON_T_TRUE,
    JSON_T_FALSE,
    JSON_T_INT,    /* reader.integer */
    JSON_T_DOUBLE, /* reader.number */
    JSON_T_STRING, /* reader.text, reader.escaped */
    JSON_T_KEY,    /* the same, inside an object; its value follows */
    JSON_T_ARRAY,
    JSON_T_ARRAY_END,
    JSON_T_OBJECT,
    JSON_T_OBJECT_END,
};

struct json_reader {
    struct slice text; /* of the last string or key: between its quotes, raw */
    bool escaped;      /* text holds escapes: see json_add_unescaped() */
    int64_t integer;
    double number;
    int depth; /* of arrays and objects that are open */
    struct err err;
    /* private */
    const char *start, *p, *end;
    int state, depth_max;
    uint8_t in_object[JSON_DEPTH_MAX / 8];
};

/* depth_max: 1 … JSON_DEPTH_MAX. The text must stay as long as the reader. */
void json_reader_init(struct json_reader *r, struct slice text, int depth_max);
enum json_token json_read(struct json_reader *r);

/* Append what a raw string's text means, as UTF-8. The text must be valid. */
void json_add_unescaped(struct buf *out, struct slice raw);
/* The same into memory that has room for raw.n bytes; how many it became. */
size_t json_unescape(char *to, struct slice raw);

/* --- whole values --------------------------------------------------------- */

/* Is text one JSON value (white space around it allowed)? ERR_JSON says at which
 * byte it is not. depth_max: 1 … JSON_DEPTH_MAX. */
bool json_check(struct slice text, int depth_max, struct err *err) MUST_CHECK;

/*
 * Where the value that begins at text.p ends, looking only at quotes, escapes
 * and brackets: for finding the parts of a text of which some may be invalid.
 * Never reads past text; an unfinished value yields SLICE_NONE. Leading white
 * space is skipped and not part of the result.
 */
struct slice json_outline(struct slice text);

/* --- text that json_check() accepted ---------------------------------------- */

/*
 * A slice holds one value, with or without white space around it. SLICE_NONE
 * is taken for null, so that what json_get() did not find can be asked on. The
 * slices that come out have no space around. On other text the answers mean
 * nothing, but they come and stay within the slice: json_iter over a
 * json_outline() finds the good parts of a text.
 */
enum json_kind json_kind(struct slice value);
bool json_is_true(struct slice value);
bool json_to_int(struct slice value, int64_t *n);   /* false: not an integer */
bool json_to_double(struct slice value, double *d); /* also of integers */
/* The text between a string's quotes, not unescaped; SLICE_NONE if no string. */
struct slice json_raw(struct slice value);
/* Append a string's meaning; false (nothing appended) if it is not a string. */
bool json_to_text(struct slice value, struct buf *out);

/* A member of an object by its (unescaped) name; SLICE_NONE: none, or no object. */
struct slice json_get(struct slice object, const char *key);
/* The first one of that name: cheaper, where none comes twice. */
struct slice json_get_first(struct slice object, const char *key);
/* The same as json_get() over several steps: json_path(update, "message", "chat", "id", NULL) */
struct slice json_path(struct slice value, ...) __attribute__((sentinel));

struct json_iter {
    struct slice key; /* raw, between its quotes; SLICE_NONE in an array */
    struct slice value;
    /* private */
    const char *p, *end;
    bool object;
};

/* Over an array's or object's members; over anything else: none. */
void json_iter_init(struct json_iter *it, struct slice value);
bool json_iter_next(struct json_iter *it);
/* Is it none of these, or one with nothing in it? */
bool json_is_empty(struct slice value);

/* --- writing --------------------------------------------------------------- */

/* "text" with quotes, escaped as needed. Bytes that are not UTF-8: false with
 * ERR_JSON naming the byte, nothing appended. */
bool json_add_string(struct buf *out, struct slice text,
                     struct err *err) MUST_CHECK;
/* The same for text known to be UTF-8 or ours; bad bytes become U+FFFD. */
void json_add_text(struct buf *out, struct slice text);
/* The text itself, without quotes and escapes; bad bytes become U+FFFD. */
void json_add_clean(struct buf *out, struct slice text);
/* NaN and infinity: nothing is appended, *finite (may be NULL) becomes false. */
void json_add_double(struct buf *out, double d, bool *finite);

/* --- changing --------------------------------------------------------------- */

/*
 * Append object with the member at path (n raw keys, as json_iter gives them)
 * set to value, or removed if value is SLICE_NONE. Setting makes objects on the
 * way where there are none; removing takes along those on the way that are then
 * empty, and changes nothing where the path leads nowhere. The order of the
 * other members stays, a new one comes last; duplicates of the keys on the path
 * (the last counts) go. value must be valid and n >= 1.
 */
void json_add_changed(struct buf *out, struct slice object,
                      const struct slice *path, size_t n, struct slice value);

#endif
