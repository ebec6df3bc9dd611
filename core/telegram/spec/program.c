/* program.c - see program.h. */
#include "program.h"

int main(int argc, char **argv)
{
    json_error_t error;
    json_t *spec;
    FILE *out;
    int failed;

    if (argc != 3) {
        fprintf(stderr, "usage: %s IN OUT\n", argv[0]);
        return 2;
    }
    spec = json_load_file(argv[1], 0, &error);
    if (!spec) {
        fprintf(stderr, "%s:%d: %s\n", argv[1], error.line, error.text);
        return 1;
    }
    out = fopen(argv[2], "w");
    if (!out) {
        perror(argv[2]);
        return 1;
    }
    write_from_api(spec, out);
    json_decref(spec);
    failed = ferror(out);
    if (fclose(out) || failed) {
        perror(argv[2]);
        return 1;
    }
    return 0;
}
