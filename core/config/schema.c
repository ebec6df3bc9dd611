/* schema.c - the tree of settings; see schema.h. */
#include "config/schema_int.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

struct setting *schema_new(void)
{
    struct schema *schema = xalloc(sizeof(*schema));

    schema->root.name = xstrdup("");
    return &schema->root;
}

void schema_free(struct setting *s)
{
    if (!s)
        return;
    HASH_CLEAR(hh, s->by_name);
    for (size_t i = 0; i < s->nchildren; i++)
        schema_free(s->children[i]);
    schema_free(s->element);
    for (char **c = s->choices; c && *c; c++)
        free(*c);
    free(s->choices);
    free(s->children);
    free(s->name);
    free(s->def);
    free(s->label);
    free(s->help);
    free(s->pattern);
    free(s->unit);
    free(s);
}

struct schema *schema_of(const struct setting *s)
{
    while (s->parent)
        s = s->parent;
    return (struct schema *)s;
}

void schema_set_matcher(struct setting *root, schema_match_fn match, void *arg)
{
    schema_of(root)->match = match;
    schema_of(root)->match_arg = arg;
}

/* --- adding -------------------------------------------------------------------- */

static bool check_name(const struct setting *section, const char *name,
                       struct err *err)
{
    const char *p = name;

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
    return true;
}

static bool check_depth(const struct setting *section, const char *name,
                        struct err *err)
{
    int depth = 0;

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

static struct setting *make(struct setting *parent, const char *name,
                            enum setting_type type, struct err *err)
{
    struct schema *schema = schema_of(parent);
    struct setting *s;

    if (schema->n >= SETTINGS_MAX) {
        err_set(err, ERR_CONFIG, "there are more than %d settings",
                SETTINGS_MAX);
        return NULL;
    }
    schema->n++;
    s = xalloc(sizeof(*s));
    s->name = xstrdup(name);
    s->type = type;
    s->parent = parent;
    return s;
}

struct setting *schema_add(struct setting *section, const char *name,
                           enum setting_type type, const char *def,
                           struct err *err)
{
    struct setting *s;

    if (!check_name(section, name, err) || !check_depth(section, name, err))
        return NULL;
    s = make(section, name, type, err);
    if (!s)
        return NULL;
    s->def = def ? xstrdup(def) : NULL;
    insert_sorted(section, s);
    return s;
}

struct setting *schema_add_element(struct setting *list, enum setting_type type,
                                   struct err *err)
{
    int depth = 1;

    for (const struct setting *s = list; schema_is_element(s); s = s->parent)
        depth++;
    if (depth > SETTING_DEPTH_MAX) {
        err_set(err, ERR_CONFIG, "lists and maps are nested more than %d deep",
                SETTING_DEPTH_MAX);
        return NULL;
    }
    list->element = make(list, "", type, err);
    return list->element;
}

/* --- lazy sections ---------------------------------------------------------------- */

bool schema_set_lazy(struct setting *section, struct err *err)
{
    struct setting *root = section->parent;
    int n = 0;

    if (!root || root->parent || section->type != SETTING_SECTION)
        return err_set(err, ERR_CONFIG,
                       "only sections at the top level can be lazy");
    section->lazy = 1;
    for (size_t i = 0; i < root->nchildren; i++)
        n += root->children[i]->lazy != 0;
    if (n > SETTING_LAZY_MAX) {
        section->lazy = 0;
        return err_set(err, ERR_CONFIG, "more than %d sections are lazy",
                       SETTING_LAZY_MAX);
    }
    n = 0;
    for (size_t i = 0; i < root->nchildren; i++)
        if (root->children[i]->lazy)
            root->children[i]->lazy = (uint32_t)1 << n++;
    return true;
}

uint32_t schema_lazy_sections(const struct setting *root)
{
    uint32_t all = 0;

    for (size_t i = 0; i < root->nchildren; i++)
        all |= root->children[i]->lazy;
    return all;
}

const struct setting *schema_lazy_section(const struct setting *root,
                                          uint32_t bit)
{
    for (size_t i = 0; bit && i < root->nchildren; i++)
        if (root->children[i]->lazy == bit)
            return root->children[i];
    return NULL;
}

/* --- finding and naming -------------------------------------------------------------- */

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

bool schema_is_element(const struct setting *s)
{
    return s->parent && s->parent->type != SETTING_SECTION;
}

void setting_path(const struct setting *s, struct buf *out)
{
    if (!s->parent)
        return;
    setting_path(s->parent, out);
    if (schema_is_element(s)) {
        buf_adds(out, "[]");
        return;
    }
    if (s->parent->parent)
        buf_addc(out, '.');
    buf_adds(out, s->name);
}

const char *setting_type_word(enum setting_type type)
{
    static const char *const words[] = {
        [SETTING_SECTION] = "section", [SETTING_BOOLEAN] = "boolean",
        [SETTING_INTEGER] = "integer", [SETTING_NUMBER] = "number",
        [SETTING_STRING] = "string",   [SETTING_CHOICE] = "choice",
        [SETTING_CHAT] = "chat",       [SETTING_USER] = "user",
        [SETTING_LIST] = "list",       [SETTING_MAP] = "map",
    };

    return words[type];
}

bool setting_is_private(const struct setting *s)
{
    while (s && !s->is_private)
        s = s->parent;
    return s != NULL;
}
