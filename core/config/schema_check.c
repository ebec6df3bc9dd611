/* schema_check.c - what is allowed, and does a value fit; see schema.h. */
#include "config/schema_int.h"

#include <math.h>
#include <string.h>

#include "base/json.h"

#define SHOWN_MAX 60 /* bytes of a refused value, or of a key, in a message */

/* --- what is allowed, in words ---------------------------------------------------- */

static void add_number(struct buf *out, double d)
{
    if (trunc(d) == d && fabs(d) < 1e15)
        buf_add_int(out, (int64_t)d);
    else
        json_add_double(out, d, NULL);
}

/* " from 1 to 100", " at least 1", " at most 100"; or nothing. */
static void add_range(const struct setting *s, struct buf *out)
{
    if (s->has_min && s->has_max) {
        buf_adds(out, " from ");
        add_number(out, s->min);
        buf_adds(out, " to ");
        add_number(out, s->max);
    } else if (s->has_min) {
        buf_adds(out, " at least ");
        add_number(out, s->min);
    } else if (s->has_max) {
        buf_adds(out, " at most ");
        add_number(out, s->max);
    }
    if (s->unit && s->has_min && s->has_max)
        buf_addf(out, " %s", s->unit);
    else if (s->unit)
        buf_addf(out, ", in %s", s->unit);
}

static void add_count(struct buf *out, double n, const char *what)
{
    add_number(out, n);
    buf_addf(out, " %s%s", what, n == 1 ? "" : "s");
}

/* " of 1 to 5 elements", " of 5 elements", " of at most 5 elements"; or nothing. */
static void add_size(const struct setting *s, struct buf *out, const char *what)
{
    if (!s->has_min && !s->has_max)
        return;
    buf_adds(out, " of ");
    if (s->has_min && s->has_max && s->min != s->max) {
        add_number(out, s->min);
        buf_adds(out, " to ");
    } else if (!s->has_max) {
        buf_adds(out, "at least ");
    } else if (!s->has_min) {
        buf_adds(out, "at most ");
    }
    add_count(out, s->has_max ? s->max : s->min, what);
}

static void add_choices(const struct setting *s, struct buf *out)
{
    buf_adds(out, "one of");
    for (char **c = s->choices; c && *c; c++)
        buf_addf(out, "%s%s", c == s->choices ? " " : ", ", *c);
}

static void add_container(const struct setting *s, struct buf *out)
{
    buf_adds(out, s->type == SETTING_LIST ? "a list" : "a table");
    add_size(s, out, s->type == SETTING_LIST ? "element" : "value");
    if (s->element) {
        buf_adds(out, ", each ");
        setting_allowed(s->element, out);
    }
}

void setting_allowed(const struct setting *s, struct buf *out)
{
    switch (s->type) {
    case SETTING_SECTION: buf_adds(out, "a section"); break;
    case SETTING_BOOLEAN: buf_adds(out, "true or false"); break;
    case SETTING_INTEGER: buf_adds(out, "a whole number"); break;
    case SETTING_NUMBER: buf_adds(out, "a number"); break;
    case SETTING_STRING:
        buf_adds(out, "text");
        add_size(s, out, "character");
        if (s->pattern)
            buf_addf(out, " that matches \"%s\"", s->pattern);
        break;
    case SETTING_CHOICE: add_choices(s, out); break;
    case SETTING_CHAT: buf_adds(out, "a chat's id"); break;
    case SETTING_USER: buf_adds(out, "a user's id"); break;
    case SETTING_LIST:
    case SETTING_MAP: add_container(s, out); break;
    }
    if (s->type == SETTING_INTEGER || s->type == SETTING_NUMBER)
        add_range(s, out);
    if ((s->type == SETTING_CHAT || s->type == SETTING_USER) &&
        !schema_is_element(s))
        buf_adds(out, " or none");
}

/* --- refusing ------------------------------------------------------------------------ */

static void add_cut(struct buf *out, struct slice text)
{
    size_t n = text.n;

    if (n > SHOWN_MAX) {
        n = SHOWN_MAX;
        while (n > 0 && ((unsigned char)text.p[n] & 0xC0) == 0x80)
            n--;
    }
    buf_add(out, text.p, n);
    if (n < text.n)
        buf_adds(out, "…");
}

/* "words[3]"; returns where that begins: the setting itself. */
static const struct schema_place *add_place(const struct schema_place *at,
                                            struct buf *out)
{
    const struct schema_place *first;

    if (!at->up) {
        setting_path(at->setting, out);
        if (!at->setting->parent)
            buf_adds(out, "the config");
        return at;
    }
    first = add_place(at->up, out);
    if (at->key.p) {
        buf_adds(out, "[\"");
        add_cut(out, at->key);
        buf_adds(out, "\"]");
    } else {
        buf_addf(out, "[%zu]", at->index);
    }
    return first;
}

bool schema_refuse(const struct schema_place *at, struct slice got,
                   struct err *err)
{
    struct buf text = BUF_INIT;
    const struct schema_place *first = add_place(at, &text);

    buf_addf(&text, ": %smust be ", first->intro ? first->intro : "");
    setting_allowed(at->setting, &text);
    buf_adds(&text, ", got ");
    add_cut(&text, got);
    err_set(err, ERR_CONFIG, "%s", text.data);
    buf_release(&text);
    return false;
}

/* --- checking -------------------------------------------------------------------------- */

static size_t code_points(struct slice text)
{
    size_t n = 0;

    for (size_t i = 0; i < text.n; i++)
        n += ((unsigned char)text.p[i] & 0xC0) != 0x80;
    return n;
}

static bool in_range(const struct setting *s, double d)
{
    return (!s->has_min || d >= s->min) && (!s->has_max || d <= s->max);
}

static bool matches(const struct setting *s, struct slice text)
{
    const struct schema *schema = schema_of(s);

    return !s->pattern || !schema->match ||
           schema->match(s->pattern, text, schema->match_arg);
}

static bool text_fits(const struct setting *s, struct slice value)
{
    struct buf text = BUF_INIT;
    bool ok = json_to_text(value, &text);

    if (ok && s->type == SETTING_CHOICE) {
        ok = false;
        for (char **c = s->choices; c && *c; c++)
            ok = ok || strcmp(*c, text.data) == 0;
    } else if (ok) {
        ok = in_range(s, (double)code_points(buf_slice(&text))) &&
             matches(s, buf_slice(&text));
    }
    buf_release(&text);
    return ok;
}

static bool id_fits(const struct setting *s, struct slice value)
{
    int64_t n;

    if (json_kind(value) == JSON_NULL)
        return !schema_is_element(s);
    return json_to_int(value, &n) && n != 0 && n <= SETTING_ID_MAX &&
           n >= (s->type == SETTING_USER ? 1 : -SETTING_ID_MAX);
}

/* All of it but what a list or map holds. */
static bool value_fits(const struct setting *s, struct slice value)
{
    enum json_kind kind = json_kind(value);
    int64_t n;
    double d;

    switch (s->type) {
    case SETTING_BOOLEAN: return kind == JSON_BOOL;
    case SETTING_INTEGER:
        return json_to_int(value, &n) && in_range(s, (double)n);
    case SETTING_NUMBER: return json_to_double(value, &d) && in_range(s, d);
    case SETTING_STRING:
    case SETTING_CHOICE: return text_fits(s, value);
    case SETTING_CHAT:
    case SETTING_USER: return id_fits(s, value);
    case SETTING_LIST: return kind == JSON_ARRAY;
    case SETTING_SECTION:
    case SETTING_MAP: return kind == JSON_OBJECT;
    }
    return false;
}

static bool check(const struct schema_place *at, struct slice value,
                  struct err *err);

static bool check_size(const struct schema_place *at, struct slice value,
                       struct err *err)
{
    const struct setting *s = at->setting;
    struct buf got = BUF_INIT;
    struct json_iter it;
    size_t n = 0;

    if (!s->has_min && !s->has_max)
        return true;
    json_iter_init(&it, value);
    while (json_iter_next(&it))
        n++;
    if (in_range(s, (double)n))
        return true;
    add_count(&got, (double)n, s->type == SETTING_LIST ? "element" : "value");
    schema_refuse(at, buf_slice(&got), err);
    buf_release(&got);
    return false;
}

static bool check_elements(const struct schema_place *at, struct slice value,
                           struct err *err)
{
    struct schema_place inner = { .up = at, .setting = at->setting->element };
    struct json_iter it;

    if (!check_size(at, value, err))
        return false;
    if (!inner.setting)
        return true;
    json_iter_init(&it, value);
    while (json_iter_next(&it)) {
        inner.index++;
        inner.key = it.key;
        if (!check(&inner, it.value, err))
            return false;
    }
    return true;
}

static bool check(const struct schema_place *at, struct slice value,
                  struct err *err)
{
    if (!value_fits(at->setting, value))
        return schema_refuse(at, value, err);
    if (at->setting->type == SETTING_LIST || at->setting->type == SETTING_MAP)
        return check_elements(at, value, err);
    return true;
}

/* PostgreSQL's jsonb takes no \u0000, neither in a text nor in a key. */
static bool has_nul(struct slice value)
{
    const char *p = value.p, *end = p + value.n;

    while ((p = memchr(p, '\\', (size_t)(end - p)))) {
        if (end - p >= 6 && memcmp(p, "\\u0000", 6) == 0)
            return true;
        p += 2; /* an escaped backslash escapes nothing */
    }
    return false;
}

bool setting_storable(const struct setting *s, struct slice value,
                      struct err *err)
{
    struct buf path = BUF_INIT;

    if (value.n == 0 || !has_nul(value))
        return true;
    setting_path(s, &path);
    err_set(err, ERR_CONFIG, "%s: text in a config can't hold a NUL byte",
            path.data);
    buf_release(&path);
    return false;
}

bool setting_check(const struct setting *s, struct slice value, struct err *err)
{
    struct schema_place at = { .setting = s };

    return setting_storable(s, value, err) && check(&at, value, err);
}

bool setting_check_element(const struct setting *list, struct slice value,
                           struct err *err)
{
    if (list->element)
        return setting_check(list->element, value, err);
    return setting_storable(list, value, err);
}

bool schema_check_default(const struct setting *s, struct err *err)
{
    struct schema_place at = { .setting = s,
                               .intro = "the default does not fit: " };
    struct slice value = slice_of(s->def ? s->def : "");
    struct buf path = BUF_INIT;

    if (s->type == SETTING_SECTION)
        return true;
    if (value.n > SETTING_DEFAULT_MAX) {
        setting_path(s, &path);
        err_set(err, ERR_CONFIG,
                "%s: the default is too large: %zu bytes as JSON, at most "
                "%zu are allowed",
                path.data, value.n, SETTING_DEFAULT_MAX);
        buf_release(&path);
        return false;
    }
    return setting_storable(s, value, err) && check(&at, value, err);
}

/* --- documents --------------------------------------------------------------------------- */

/* The type only: what a stored value must have to be read at all. */
bool setting_fits(const struct setting *s, struct slice value)
{
    bool id = s->type == SETTING_CHAT || s->type == SETTING_USER;
    int64_t n;

    switch (json_kind(value)) {
    case JSON_NULL: return id;
    case JSON_BOOL: return s->type == SETTING_BOOLEAN;
    case JSON_NUMBER:
        return s->type == SETTING_NUMBER ||
               ((s->type == SETTING_INTEGER || id) && json_to_int(value, &n));
    case JSON_STRING:
        return s->type == SETTING_STRING || s->type == SETTING_CHOICE;
    case JSON_ARRAY: return s->type == SETTING_LIST;
    case JSON_OBJECT:
        return s->type == SETTING_MAP || s->type == SETTING_SECTION;
    }
    return false;
}

static struct slice find_override(const struct setting *s,
                                  struct slice overrides)
{
    if (!s->parent)
        return overrides;
    overrides = find_override(s->parent, overrides);
    return overrides.p ? json_get(overrides, s->name) : SLICE_NONE;
}

struct slice setting_value(const struct setting *s, struct slice overrides,
                           bool *set)
{
    struct slice value = find_override(s, overrides);

    *set = value.p && setting_fits(s, value);
    return *set ? value : slice_of(s->def);
}

int schema_misfits(const struct setting *section, struct slice document,
                   void (*fn)(const struct err *why, void *arg), void *arg)
{
    const struct setting *s;
    struct err why = ERR_INIT;
    struct json_iter it;
    int n = 0;

    if (!setting_check(section, document, &why)) {
        if (fn)
            fn(&why, arg);
        return 1;
    }
    if (section->type != SETTING_SECTION)
        return 0;
    json_iter_init(&it, document);
    while (json_iter_next(&it)) {
        s = setting_child(section, it.key);
        if (s)
            n += schema_misfits(s, it.value, fn, arg);
    }
    return n;
}
