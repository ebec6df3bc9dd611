/*
 * reduce.c - run while building: bot-api-*.json without descriptions and links.
 *
 *     spec_reduce bot-api-10.3.json OUT
 *
 * Which of the types of a union an object is, is said by one of its fields
 * ("type", "status", "source"), and what must be in there only by that field's
 * description: it becomes the field's "const".
 */
#include <stdbool.h>
#include <string.h>

#include "program.h"

/* What comes after before in text, up to the end of the word: a new string, or
 * NULL. */
static json_t *word_after(const char *text, const char *before, bool ends)
{
    const char *p = strstr(text, before);
    size_t n;

    if (!p)
        return NULL;
    p += strlen(before);
    n = strspn(p, "abcdefghijklmnopqrstuvwxyz_");
    if (!n || (ends && p[n] && strcmp(p + n, ".") != 0))
        return NULL;
    return json_stringn(p, n);
}

static json_t *constant(const char *description)
{
    json_t *word = word_after(description, "always \xE2\x80\x9C", false);

    return word ? word : word_after(description, "must be ", true);
}

static void reduce_field(json_t *field, bool of_union)
{
    const char *text = json_string_value(json_object_get(field, "description"));
    json_t *word = of_union && text ? constant(text) : NULL;

    if (word)
        json_object_set_new(field, "const", word);
    json_object_del(field, "description");
}

static void reduce(json_t *entries)
{
    const char *name;
    json_t *entry, *field;
    size_t i;

    json_object_foreach(entries, name, entry)
    {
        bool of_union = json_object_get(entry, "subtype_of") != NULL;

        json_object_del(entry, "name");
        json_object_del(entry, "href");
        json_object_del(entry, "description");
        json_object_del(entry, "subtype_of");
        json_array_foreach(json_object_get(entry, "fields"), i, field)
            reduce_field(field, of_union);
    }
}

void write_from_api(json_t *spec, FILE *out)
{
    reduce(json_object_get(spec, "methods"));
    reduce(json_object_get(spec, "types"));
    json_dumpf(spec, out, JSON_COMPACT);
}
