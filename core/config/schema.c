/* schema.c - see schema.h. */
#include "config/schema.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

#define SHOWN_MAX 60 /* bytes of a refused value in a message */

struct setting *schema_new(void)
{
    struct setting *root = xalloc(sizeof(*root));

    root->name = xstrdup("");
    return root;
}

void schema_free(struct setting *s)
{
    if (!s)
        return;
    HASH_CLEAR(hh, s->by_name);
    for (size_t i = 0; i < s->nchildren; i++)
        schema_free(s->children[i]);
    for (char **c = s->choices; c && *c; c++)
        free(*c);
    free(s->choices);
    free(s->children);
    free(s->name);
    free(s->def);
    free(s->label);
    free(s->help);
    free(s);
}

static bool check_name(const struct setting *section, const char *name,
                       struct err *err)
{
    const char *p = name;
    int depth = 0;

    while (isalnum((unsigned char)*p) || *p == '_')
        p++;
    if (p == name || *p || isdigit((unsigned char)*name))
        return err_set(
            err, ERR_CONFIG,
            "\"%s\" can't be a setting's name: letters, digits and _ "
            "only, not beginning with a digit",
            name);
    if (setting_child(section, slice_of(name)))
        return err_set(err, ERR_CONFIG, "the setting \"%s\" is declared twice",
                       name);
    for (; section; section = section->parent)
        depth++;
    if (depth > SETTING_DEPTH_MAX)
        return err_set(err, ERR_CONFIG,
                       "sections are nested more than %d deep at \"%s\"",
                       SETTING_DEPTH_MAX, name);
    return true;
}

static void insert_sorted(struct setting *section, struct setting *s)
{
    size_t i = section->nchildren++;

    section->children =
        xrealloc(section->children,
                 section->nchildren * sizeof(*section->children));
    while (i > 0 && strcmp(section->children[i - 1]->name, s->name) > 0) {
        section->children[i] = section->children[i - 1];
        i--;
    }
    section->children[i] = s;
    HASH_ADD_KEYPTR(hh, section->by_name, s->name, strlen(s->name), s);
}

struct setting *schema_add(struct setting *section, const char *name,
                           enum setting_type type, const char *def,
                           struct err *err)
{
    struct setting *s;

    if (!check_name(section, name, err))
        return NULL;
    s = xalloc(sizeof(*s));
    s->name = xstrdup(name);
    s->type = type;
    s->parent = section;
    s->def = def ? xstrdup(def) : NULL;
    insert_sorted(section, s);
    return s;
}

bool schema_check_default(const struct setting *s, struct err *err)
{
    struct err why = ERR_INIT;

    if (s->type == SETTING_SECTION || setting_check(s, slice_of(s->def), &why))
        return true;
    return err_set(err, ERR_CONFIG, "the default does not fit: %s", why.text);
}

const struct setting *setting_child(const struct setting *section,
                                    struct slice name)
{
    struct setting *s = NULL;

    if (section && section->by_name)
        HASH_FIND(hh, section->by_name, name.p, name.n, s);
    return s;
}

const struct setting *schema_find(const struct setting *root, const char *path)
{
    while (root && *path) {
        size_t n = strcspn(path, ".");

        root = setting_child(root, (struct slice){ path, n });
        path += n;
        if (*path == '.' && !*++path)
            return NULL;
    }
    return root;
}

void setting_path(const struct setting *s, struct buf *out)
{
    if (!s->parent)
        return;
    if (s->parent->parent) {
        setting_path(s->parent, out);
        buf_addc(out, '.');
    }
    buf_adds(out, s->name);
}

const char *setting_type_word(enum setting_type type)
{
    static const char *const words[] = {
        "section", "boolean", "integer", "number",
        "string",  "choice",  "list",    "map",
    };

    return words[type];
}

/* For people: what setting_allowed() begins with. */
static const char *type_name(enum setting_type type)
{
    static const char *const names[] = {
        "a section", "true or false", "a whole number", "a number",
        "text",      "one of",        "a list",         "a table",
    };

    return names[type];
}

static void add_number(struct buf *out, double d)
{
    buf_addf(out, "%.15g", d);
}

void setting_allowed(const struct setting *s, struct buf *out)
{
    const char *of = s->type == SETTING_STRING ? " characters" : "";

    buf_adds(out, type_name(s->type));
    for (char **c = s->choices; c && *c; c++)
        buf_addf(out, "%s%s", c == s->choices ? " " : ", ", *c);
    if (s->type == SETTING_STRING && (s->has_min || s->has_max))
        buf_adds(out, " of");
    if (s->has_min && s->has_max) {
        buf_adds(out, s->type == SETTING_STRING ? " " : " from ");
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
    if (s->has_min || s->has_max)
        buf_adds(out, of);
}

static bool refuse(const struct setting *s, struct slice value, struct err *err)
{
    struct buf text = BUF_INIT;
    size_t n = value.n;

    setting_path(s, &text);
    buf_adds(&text, ": must be ");
    setting_allowed(s, &text);
    buf_adds(&text, ", got ");
    if (n > SHOWN_MAX) {
        n = SHOWN_MAX;
        while (n > 0 && ((unsigned char)value.p[n] & 0xC0) == 0x80)
            n--;
    }
    buf_add(&text, value.p, n);
    if (n < value.n)
        buf_adds(&text, "…");
    err_set(err, ERR_CONFIG, "%s", text.data);
    buf_release(&text);
    return false;
}

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

static bool check_string(const struct setting *s, struct slice value,
                         struct err *err)
{
    struct buf text = BUF_INIT;
    bool ok = json_to_text(value, &text);

    if (ok && s->type == SETTING_CHOICE) {
        ok = false;
        for (char **c = s->choices; c && *c; c++)
            ok = ok || strcmp(*c, text.data) == 0;
    } else if (ok) {
        ok = in_range(s, (double)code_points(buf_slice(&text)));
    }
    buf_release(&text);
    return ok || refuse(s, value, err);
}

bool setting_check(const struct setting *s, struct slice value, struct err *err)
{
    enum json_kind kind = json_kind(value);
    int64_t n;
    double d;
    bool ok = false;

    if (!setting_storable(s, value, err))
        return false;
    switch (s->type) {
    case SETTING_SECTION: ok = kind == JSON_OBJECT; break;
    case SETTING_BOOLEAN: ok = kind == JSON_BOOL; break;
    case SETTING_INTEGER:
        ok = json_to_int(value, &n) && in_range(s, (double)n);
        break;
    case SETTING_NUMBER:
        ok = json_to_double(value, &d) && in_range(s, d);
        break;
    case SETTING_STRING:
    case SETTING_CHOICE: return check_string(s, value, err);
    case SETTING_LIST: ok = kind == JSON_ARRAY; break;
    case SETTING_MAP: ok = kind == JSON_OBJECT; break;
    }
    return ok || refuse(s, value, err);
}

/* The type only: what a stored value must have to be read at all. */
static bool type_fits(const struct setting *s, struct slice value)
{
    int64_t n;

    switch (json_kind(value)) {
    case JSON_NULL: return false;
    case JSON_BOOL: return s->type == SETTING_BOOLEAN;
    case JSON_NUMBER:
        return s->type == SETTING_NUMBER ||
               (s->type == SETTING_INTEGER && json_to_int(value, &n));
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

    *set = value.p && type_fits(s, value);
    return *set ? value : slice_of(s->def);
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

bool setting_parse(const struct setting *s, struct slice text, struct buf *json,
                   struct err *err)
{
    struct err ignored = ERR_INIT;

    if (s->type == SETTING_SECTION)
        return refuse(s, text, err);
    if (s->type == SETTING_BOOLEAN && parse_boolean(text, json))
        return true;
    if (s->type != SETTING_STRING && s->type != SETTING_CHOICE) {
        if (!json_check(text, JSON_DEPTH_MAX, &ignored))
            return refuse(s, text, err);
        buf_add_slice(json, text);
        return true;
    }
    if (text.n && *text.p == '"' &&
        json_check(text, JSON_DEPTH_MAX, &ignored)) {
        buf_add_slice(json, text);
        return true;
    }
    return json_add_string(json, text, err);
}
