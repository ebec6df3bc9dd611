/* Multipart bodies: the first line is the Content-Type's boundary. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "simulator/params.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *line = size ? memchr(data, '\n', size) : NULL;
    size_t n = line ? (size_t)(line - data) : 0;
    struct buf type = BUF_INIT, body = BUF_INIT;
    struct err err = ERR_INIT;
    struct multipart parts;
    json_t *params;

    if (!line)
        return 0;
    buf_adds(&type, "multipart/form-data; boundary=");
    buf_add(&type, data, n);
    buf_add(&body, line + 1, size - n - 1);
    if (params_read(&params, &parts, NULL, type.data, buf_slice(&body), &err)) {
        for (size_t i = 0; i < parts.n; i++) {
            struct slice s = parts.parts[i].data;

            assert(!s.n ||
                   (s.p >= body.data && s.p + s.n <= body.data + body.len));
        }
        multipart_release(&parts);
        json_decref(params);
    } else {
        assert(err.kind == ERR_TELEGRAM);
    }
    buf_release(&type);
    buf_release(&body);
    return 0;
}
