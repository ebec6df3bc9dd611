/* fuzz_cron.c - any text is refused, or has a next time that comes after. */
#include <assert.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/cron.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = slice_dup((struct slice){ (const char *)data, size });
    struct err err = ERR_INIT;
    struct cron cron;
    int64_t minute = -50000000;

    if (cron_parse(&cron, text, &err)) {
        for (int i = 0; i < 8; i++) {
            int64_t next = cron_next(&cron, minute);

            assert(next > minute);
            minute = next + (int64_t)i * 1000003;
        }
    } else {
        assert(err.kind == ERR_USAGE && *err.text);
    }
    free(text);
    return 0;
}
