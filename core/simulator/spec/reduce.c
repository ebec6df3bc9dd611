/*
 * reduce.c - run while building: bot-api-*.json without descriptions and links.
 *
 *     spec_reduce bot-api-10.3.json OUT
 */
#include <jansson.h>
#include <stdio.h>

static void reduce(json_t *entries)
{
    const char *name;
    json_t *entry, *field;
    size_t i;

    json_object_foreach(entries, name, entry)
    {
        json_object_del(entry, "name");
        json_object_del(entry, "href");
        json_object_del(entry, "description");
        json_array_foreach(json_object_get(entry, "fields"), i, field)
            json_object_del(field, "description");
    }
}

int main(int argc, char **argv)
{
    json_error_t error;
    json_t *spec;
    int status;

    if (argc != 3) {
        fprintf(stderr, "usage: spec_reduce IN OUT\n");
        return 2;
    }
    spec = json_load_file(argv[1], 0, &error);
    if (!spec) {
        fprintf(stderr, "%s:%d: %s\n", argv[1], error.line, error.text);
        return 1;
    }
    reduce(json_object_get(spec, "methods"));
    reduce(json_object_get(spec, "types"));
    status = json_dump_file(spec, argv[2], JSON_COMPACT);
    json_decref(spec);
    if (status)
        perror(argv[2]);
    return status ? 1 : 0;
}
