/*
 * luals.c - run while building: bot-api-*.json as annotations for
 * lua-language-server (https://luals.github.io/wiki/annotations/).
 *
 *     spec_luals bot-api-10.3.json OUT
 *
 * A class telegram.NAME for each type, one telegram.method.NAME for the parameters
 * of each method, and telegram.Api with a function for each.
 */
#include <stdbool.h>
#include <string.h>

#include "program.h"

static FILE *out;

/* Line breaks would end the comment. */
static void put_text(const char *text)
{
    for (; *text; text++)
        fputc(*text == '\n' || *text == '\r' ? ' ' : *text, out);
}

static const char *string_of(json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text ? text : "";
}

/* "Array of Array of PhotoSize" → telegram.PhotoSize[][] */
static void put_type(const char *name)
{
    static const char *const plain[][2] = {
        { "Integer", "integer" },
        { "Float", "number" },
        { "String", "string" },
        { "Boolean", "boolean" },
    };
    static const char array[] = "Array of ";
    int depth = 0;

    for (; strncmp(name, array, strlen(array)) == 0; depth++)
        name += strlen(array);
    for (size_t i = 0; i < sizeof(plain) / sizeof(*plain); i++) {
        if (strcmp(name, plain[i][0]) == 0) {
            fputs(plain[i][1], out);
            name = NULL;
            break;
        }
    }
    /* what bot.file() makes */
    if (name && strcmp(name, "InputFile") == 0)
        fputs("bot.File", out);
    else if (name)
        fprintf(out, "telegram.%s", name);
    while (depth--)
        fputs("[]", out);
}

static void put_types(json_t *types)
{
    json_t *type;
    size_t i;

    json_array_foreach(types, i, type)
    {
        if (i)
            fputc('|', out);
        put_type(json_string_value(type));
    }
}

/* The paragraphs before the list of links at the end. */
static void put_description(json_t *entry)
{
    json_t *part;
    size_t i;

    fputs("---", out);
    json_array_foreach(json_object_get(entry, "description"), i, part)
    {
        const char *text = json_string_value(part);
        const char *end = strstr(text, "\n\nDocumentation");

        for (; *text && text != end; text++)
            fputs(*text == '\n' ? "\n---" : (char[]){ *text, '\0' }, out);
    }
    fprintf(out, "\n---\n---[Telegram's page](%s)\n", string_of(entry, "href"));
}

static void put_fields(json_t *entry)
{
    json_t *field;
    size_t i;

    json_array_foreach(json_object_get(entry, "fields"), i, field)
    {
        bool required = json_is_true(json_object_get(field, "required"));

        fprintf(out, "---@field %s%s ", string_of(field, "name"),
                required ? "" : "?");
        put_types(json_object_get(field, "types"));
        fputs(" # ", out);
        put_text(string_of(field, "description"));
        fputc('\n', out);
    }
}

static void put_type_entry(const char *name, json_t *entry)
{
    json_t *subtypes = json_object_get(entry, "subtypes");

    fputc('\n', out);
    put_description(entry);
    if (json_array_size(subtypes) > 0) {
        fprintf(out, "---@alias telegram.%s ", name);
        put_types(subtypes);
        fputc('\n', out);
        return;
    }
    fprintf(out, "---@class telegram.%s\n", name);
    put_fields(entry);
}

static bool needs_any(json_t *entry)
{
    json_t *field;
    size_t i;

    json_array_foreach(json_object_get(entry, "fields"), i, field)
    {
        if (json_is_true(json_object_get(field, "required")))
            return true;
    }
    return false;
}

static void put_method(const char *name, json_t *entry)
{
    bool has_fields = json_array_size(json_object_get(entry, "fields")) > 0;

    if (has_fields) {
        fprintf(out, "\n---@class telegram.method.%s\n", name);
        put_fields(entry);
    }
    fputc('\n', out);
    put_description(entry);
    if (has_fields)
        fprintf(out, "---@param parameters%s telegram.method.%s\n",
                needs_any(entry) ? "" : "?", name);
    fputs("---@return ", out);
    put_types(json_object_get(entry, "returns"));
    fprintf(out, "\nfunction Api.%s(%s) end\n", name,
            has_fields ? "parameters" : "");
}

static void put_all(json_t *spec)
{
    const char *name;
    json_t *entry;

    fprintf(out,
            "---@meta\n\n"
            "-- Telegram's Bot API: %s, %s. Made from its documentation,\n"
            "-- https://core.telegram.org/bots/api\n",
            string_of(spec, "version"), string_of(spec, "release_date"));
    json_object_foreach(json_object_get(spec, "types"), name, entry)
    {
        put_type_entry(name, entry);
    }
    fputs("\n---Every method waits for Telegram's answer. What it answers with "
          "`ok: false`,\n---and trouble on the way, is raised as a "
          "bot.Error.\n---@class telegram.Api\nlocal Api = {}\n",
          out);
    json_object_foreach(json_object_get(spec, "methods"), name, entry)
    {
        put_method(name, entry);
    }
}

void write_from_api(json_t *spec, FILE *to)
{
    out = to;
    put_all(spec);
}
