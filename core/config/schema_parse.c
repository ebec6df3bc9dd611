/* schema_parse.c - values as people and Lua write them; see schema.h. */
#include "config/schema_int.h"

#include "base/json.h"

static bool parse(const struct schema_place *at, struct slice text,
                  struct buf *json, struct err *err);

static bool is_json(struct slice text)
{
    struct err ignored = ERR_INIT;

    return json_check(text, JSON_DEPTH_MAX, &ignored);
}

static bool parse_boolean(struct slice text, struct buf *json)
{
    static const char *const words[] = { "off", "on", "no",    "yes",
                                         "0",   "1",  "false", "true" };

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (slice_eq(text, words[i])) {
            buf_adds(json, i % 2 ? "true" : "false");
            return true;
        }
    }
    return false;
}

static bool parse_none(const struct setting *s, struct slice text,
                       struct buf *json)
{
    if (schema_is_element(s) ||
        (!slice_eq(text, "none") && !slice_eq(text, "off")))
        return false;
    buf_adds(json, "null");
    return true;
}

static bool parse_text(struct slice text, struct buf *json, struct err *err)
{
    if (text.n && *text.p == '"' && is_json(text)) {
        buf_add_slice(json, text);
        return true;
    }
    return json_add_string(json, text, err);
}

/* --- lists: a, b, "c, d" ------------------------------------------------------------- */

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static struct slice trim(struct slice text)
{
    while (text.n && is_space(*text.p)) {
        text.p++;
        text.n--;
    }
    while (text.n && is_space(text.p[text.n - 1]))
        text.n--;
    return text;
}

/* Take the next piece up to a comma, trimmed; a comma within quotes is of the
 * piece. */
static struct slice next_piece(struct slice *rest)
{
    struct slice piece = trim(*rest), quoted;
    size_t n = 0;

    if (piece.n && *piece.p == '"') {
        quoted = json_outline(piece);
        n = quoted.p && is_json(quoted) ? quoted.n : 0;
    }
    while (n < piece.n && piece.p[n] != ',')
        n++;
    *rest = n < piece.n ? (struct slice){ piece.p + n + 1, piece.n - n - 1 }
                        : SLICE_NONE;
    return trim((struct slice){ piece.p, n });
}

/* Empty pieces are left out: so is what follows a last comma. */
static bool parse_pieces(const struct schema_place *at, struct slice text,
                         struct buf *json, struct err *err)
{
    struct schema_place inner = { .up = at, .setting = at->setting->element };
    struct slice rest = text;

    buf_addc(json, '[');
    while (rest.n) {
        struct slice piece = next_piece(&rest);

        if (!piece.n)
            continue;
        if (inner.index++)
            buf_addc(json, ',');
        if (!parse(&inner, piece, json, err))
            return false;
    }
    buf_addc(json, ']');
    return true;
}

/* Can elements be written with commas between them? */
static bool has_pieces(const struct setting *s, struct slice text)
{
    if (s->type != SETTING_LIST || !s->element)
        return false;
    if (s->element->type == SETTING_LIST || s->element->type == SETTING_MAP)
        return false;
    return !text.n || *text.p != '[';
}

/* --- what Lua wrote ------------------------------------------------------------------- */

static bool is_container(const struct setting *s)
{
    return s->type == SETTING_LIST || s->type == SETTING_MAP;
}

static void add_members(const struct setting *s, struct slice value,
                        struct buf *out)
{
    bool list = s->type == SETTING_LIST;
    struct json_iter it;
    size_t n = 0;

    buf_addc(out, list ? '[' : '{');
    json_iter_init(&it, value);
    while (json_iter_next(&it)) {
        if (n++)
            buf_addc(out, ',');
        if (!list)
            buf_addf(out, "\"%.*s\":", (int)it.key.n, it.key.p);
        setting_add_shaped(s->element, it.value, out);
    }
    buf_addc(out, list ? ']' : '}');
}

void setting_add_shaped(const struct setting *s, struct slice value,
                        struct buf *out)
{
    bool list = s->type == SETTING_LIST;
    enum json_kind kind = json_kind(value);

    if (is_container(s) && (kind == JSON_ARRAY || kind == JSON_OBJECT) &&
        json_is_empty(value))
        buf_adds(out, list ? "[]" : "{}");
    else if (is_container(s) && s->element && is_container(s->element) &&
             kind == (list ? JSON_ARRAY : JSON_OBJECT))
        add_members(s, value, out);
    else
        buf_add_slice(out, value);
}

/* --- any ---------------------------------------------------------------------------------- */

static bool parse(const struct schema_place *at, struct slice text,
                  struct buf *json, struct err *err)
{
    switch (at->setting->type) {
    case SETTING_STRING:
    case SETTING_CHOICE: return parse_text(text, json, err);
    case SETTING_BOOLEAN:
        if (parse_boolean(text, json))
            return true;
        break;
    case SETTING_CHAT:
    case SETTING_USER:
        if (parse_none(at->setting, text, json))
            return true;
        break;
    case SETTING_LIST:
        if (has_pieces(at->setting, text))
            return parse_pieces(at, text, json, err);
        break;
    case SETTING_SECTION: return schema_refuse(at, text, err);
    case SETTING_INTEGER:
    case SETTING_NUMBER:
    case SETTING_MAP: break;
    }
    if (!is_json(text))
        return schema_refuse(at, text, err);
    buf_add_slice(json, text);
    return true;
}

bool setting_parse(const struct setting *s, struct slice text, struct buf *json,
                   struct err *err)
{
    struct schema_place at = { .setting = s };
    size_t before = json->len;

    if (parse(&at, text, json, err))
        return true;
    json->len = before;
    json->data[before] = '\0';
    return false;
}
