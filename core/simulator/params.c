/* params.c - see params.h. */
#include "simulator/params.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char attach[] = "attach://";

static int hex_value(char c)
{
    return isdigit((unsigned char)c)    ? c - '0'
           : isxdigit((unsigned char)c) ? tolower(c) - 'a' + 10
                                        : -1;
}

void params_url_decode(struct buf *out, struct slice text)
{
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];

        if (c == '%' && text.n - i > 2 && hex_value(text.p[i + 1]) >= 0 &&
            hex_value(text.p[i + 2]) >= 0) {
            c = (char)(hex_value(text.p[i + 1]) * 16 +
                       hex_value(text.p[i + 2]));
            i += 2;
        } else if (c == '+') {
            c = ' ';
        }
        buf_addc(out, c);
    }
}

/* Later values of a name win, as at Telegram. */
static void add(json_t *params, const char *name, struct slice value)
{
    json_t *string = json_stringn(value.p ? value.p : "", value.n);

    if (string)
        json_object_set_new(params, name, string);
}

static void add_pair(json_t *params, struct slice pair)
{
    const char *equals = pair.n ? memchr(pair.p, '=', pair.n) : NULL;
    size_t n = equals ? (size_t)(equals - pair.p) : pair.n;
    struct buf name = BUF_INIT, value = BUF_INIT;

    params_url_decode(&name, (struct slice){ pair.p, n });
    if (equals)
        params_url_decode(&value, (struct slice){ equals + 1, pair.n - n - 1 });
    if (name.len)
        add(params, name.data, buf_slice(&value));
    buf_release(&name);
    buf_release(&value);
}

void params_add_form(json_t *params, struct slice form)
{
    size_t begin = 0;

    for (size_t i = 0; i <= form.n; i++)
        if (i == form.n || form.p[i] == '&') {
            add_pair(params, (struct slice){ form.p + begin, i - begin });
            begin = i + 1;
        }
}

static bool add_multipart(json_t *params, struct multipart *parts,
                          const char *content_type, struct slice body,
                          struct err *err)
{
    struct err why = ERR_INIT;

    if (!multipart_parse(parts, content_type, body, &why))
        return err_set(err, ERR_TELEGRAM, "Bad Request: %s", why.text);
    for (size_t i = 0; i < parts->n; i++) {
        const struct multipart_part *part = &parts->parts[i];
        struct buf reference = BUF_INIT;

        if (!part->filename) {
            add(params, part->name, part->data);
            continue;
        }
        buf_addf(&reference, "%s%s", attach, part->name);
        add(params, part->name, buf_slice(&reference));
        buf_release(&reference);
    }
    return true;
}

static bool add_json(json_t *params, struct slice body, struct err *err)
{
    json_t *object;

    if (!body.n)
        return true;
    object = json_loadb(body.p, body.n, JSON_ALLOW_NUL, NULL);
    if (!json_is_object(object)) {
        json_decref(object);
        return err_set(err, ERR_TELEGRAM,
                       "Bad Request: can't parse the request's JSON object");
    }
    json_object_update(params, object);
    json_decref(object);
    return true;
}

/* Is content_type this one, with or without parameters? */
static bool is_type(const char *content_type, const char *type)
{
    size_t n = strlen(type);

    return content_type && strncasecmp(content_type, type, n) == 0 &&
           (!content_type[n] || strchr("; ", content_type[n]));
}

bool params_read(json_t **params, struct multipart *parts, const char *query,
                 const char *content_type, struct slice body, struct err *err)
{
    bool ok = true;

    *parts = (struct multipart){ 0 };
    *params = json_object();
    params_add_form(*params, slice_of(query ? query : ""));
    if (multipart_is(content_type))
        ok = add_multipart(*params, parts, content_type, body, err);
    else if (is_type(content_type, "application/json"))
        ok = add_json(*params, body, err);
    else if (is_type(content_type, "application/x-www-form-urlencoded"))
        params_add_form(*params, body);
    if (!ok) {
        json_decref(*params);
        *params = NULL;
    }
    return ok;
}

const struct multipart_part *params_upload(const struct multipart *parts,
                                           const char *value)
{
    size_t n = strlen(attach);

    if (!value || strncmp(value, attach, n) != 0)
        return NULL;
    for (size_t i = 0; i < parts->n; i++)
        if (parts->parts[i].filename &&
            strcmp(parts->parts[i].name, value + n) == 0)
            return &parts->parts[i];
    return NULL;
}
