/*
 * filter_table.c - run while building: what a filter of bot.on may name.
 *
 *     filter_table bot-api-10.3.json OUT.c
 *
 * For each kind of update its fields (the second level of a filter), and for
 * each of those what may follow it (the third): the fields of what it holds, or
 * the words that say which kind of thing it is. Those stand only in the
 * descriptions, in “quotes”. See script/filter_table.h.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "program.h"

#define WORDS_MAX 300

struct words {
    char *list[WORDS_MAX];
    int n;
};

static void add_word(struct words *words, const char *p, size_t n)
{
    for (int i = 0; i < words->n; i++)
        if (strlen(words->list[i]) == n && memcmp(words->list[i], p, n) == 0)
            return;
    if (words->n == WORDS_MAX) {
        fprintf(stderr, "filter_table: more than %d words\n", WORDS_MAX);
        exit(1);
    }
    words->list[words->n++] = strndup(p, n);
}

static void free_words(struct words *words)
{
    for (int i = 0; i < words->n; i++)
        free(words->list[i]);
    words->n = 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The words in “quotes” that look like names. */
static void add_quoted(struct words *words, const json_t *field)
{
    const char *p = json_string_value(json_object_get(field, "description"));

    while (p && (p = strstr(p, "\xE2\x80\x9C"))) {
        size_t n = strspn(p += 3, "abcdefghijklmnopqrstuvwxyz_");

        if (n && strncmp(p + n, "\xE2\x80\x9D", 3) == 0)
            add_word(words, p, n);
    }
}

static const char *name_of(const json_t *field)
{
    return json_string_value(json_object_get(field, "name"));
}

/* What it holds, or a list of it holds. */
static const char *type_of(const json_t *field)
{
    static const char list[] = "Array of ";
    const char *type =
        json_string_value(json_array_get(json_object_get(field, "types"), 0));

    while (strncmp(type, list, strlen(list)) == 0)
        type += strlen(list);
    return type;
}

/* Fields that say which kind of thing an object is. */
static bool tells_kind(const char *field)
{
    return strcmp(field, "type") == 0 || strcmp(field, "status") == 0 ||
           strcmp(field, "source") == 0 || strcmp(field, "state") == 0;
}

static void add_type(struct words *words, const json_t *types, const char *name,
                     bool with_fields)
{
    const json_t *type = json_object_get(types, name), *field, *subtype;
    size_t i;

    json_array_foreach(json_object_get(type, "subtypes"), i, subtype)
        add_type(words, types, json_string_value(subtype), with_fields);
    json_array_foreach(json_object_get(type, "fields"), i, field)
    {
        const char *key = name_of(field);

        if (with_fields)
            add_word(words, key, strlen(key));
        if (!tells_kind(key))
            continue;
        if (strcmp(type_of(field), "String") == 0)
            add_quoted(words, field);
        else if (with_fields) /* {"type": {"type": "emoji", … */
            add_type(words, types, type_of(field), false);
    }
    if (with_fields && strcmp(name, "User") == 0)
        add_word(words, "me", 2);
}

static void write_words(FILE *out, const char *of, const char *field,
                        struct words *words)
{
    qsort(words->list, (size_t)words->n, sizeof(words->list[0]), by_name);
    fprintf(out, "static const char *const w_%s_%s[] = {\n", of, field);
    for (int i = 0; i < words->n; i++)
        fprintf(out, "    \"%s\",\n", words->list[i]);
    fprintf(out, "    NULL,\n};\n");
}

/* Its third level; types that hold the same share one. */
static void write_third(FILE *out, const json_t *types, const char *of,
                        const json_t *field, json_t *written)
{
    const char *type = type_of(field), *name = name_of(field);
    struct words words = { .n = 0 };

    if (json_object_get(types, type)) {
        if (json_object_get(written, type))
            return;
        json_object_set_new(written, type, json_true());
        add_type(&words, types, type, true);
        write_words(out, "of", type, &words);
    } else if (strcmp(type, "String") == 0) {
        add_quoted(&words, field);
        if (words.n)
            write_words(out, of, name, &words);
    }
    free_words(&words);
}

static void write_second(FILE *out, const json_t *types, const char *of)
{
    const json_t *field;
    struct words words = { .n = 0 };
    size_t i;

    fprintf(out, "static const struct filter_name n_%s[] = {\n", of);
    json_array_foreach(json_object_get(json_object_get(types, of), "fields"), i,
                       field)
    {
        const char *type = type_of(field), *name = name_of(field);

        add_quoted(&words, field);
        if (json_object_get(types, type))
            fprintf(out, "    { \"%s\", w_of_%s },\n", name, type);
        else if (strcmp(type, "String") == 0 && words.n)
            fprintf(out, "    { \"%s\", w_%s_%s },\n", name, of, name);
        else
            fprintf(out, "    { \"%s\", NULL },\n", name);
        free_words(&words);
    }
    fprintf(out, "    { NULL, NULL },\n};\n");
}

static void write_rights(FILE *out, const json_t *types)
{
    const json_t *field,
        *rights = json_object_get(types, "ChatAdministratorRights");
    size_t i;

    fprintf(out, "const char *const filter_rights[] = {\n");
    json_array_foreach(json_object_get(rights, "fields"), i, field)
        fprintf(out, "    \"%s\",\n", name_of(field));
    fprintf(out, "    NULL,\n};\n");
}

static void write_methods(FILE *out, json_t *methods)
{
    const char *name;
    json_t *method;

    fprintf(out, "const char *const method_names[] = {\n");
    json_object_foreach(methods, name, method)
        fprintf(out, "    \"%s\",\n", name);
    fprintf(out, "    NULL,\n};\n");
}

static void write_all(FILE *out, const json_t *types)
{
    const json_t *kinds =
        json_object_get(json_object_get(types, "Update"), "fields");
    json_t *written = json_object(), *lists = json_object();
    const json_t *kind, *field;
    size_t i, j;

    fprintf(out, "/* Made by core/script/spec/filter_table.c. */\n"
                 "#include \"script/filter_table.h\"\n\n"
                 "#include <stddef.h>\n\n");
    json_array_foreach(kinds, i, kind)
    {
        const char *of = type_of(kind);

        if (!json_object_get(types, of) || json_object_get(lists, of))
            continue;
        json_object_set_new(lists, of, json_true());
        json_array_foreach(json_object_get(json_object_get(types, of),
                                           "fields"),
                           j, field)
            write_third(out, types, of, field, written);
        write_second(out, types, of);
    }
    fprintf(out, "const struct filter_kind filter_kinds[] = {\n");
    json_array_foreach(kinds, i,
                       kind) if (json_object_get(types, type_of(kind)))
        fprintf(out, "    { \"%s\", n_%s },\n", name_of(kind), type_of(kind));
    fprintf(out, "    { NULL, NULL },\n};\n");
    write_rights(out, types);
    json_decref(written);
    json_decref(lists);
}

void write_from_api(json_t *spec, FILE *out)
{
    write_all(out, json_object_get(spec, "types"));
    write_methods(out, json_object_get(spec, "methods"));
}
