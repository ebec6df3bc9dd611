/*
 * Formatted text: the first byte chooses the parse mode. What comes out must
 * be UTF-8, its entities inside it, in order and, where they are not styles,
 * nested or apart.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "simulator/entities.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static json_int_t field(const json_t *entity, const char *name)
{
    return json_integer_value(json_object_get(entity, name));
}

static void check(struct slice text, const json_t *entities)
{
    json_int_t units = (json_int_t)utf16_length(text), last = 0;
    size_t i;
    json_t *e;

    assert(utf8_valid(text));
    json_array_foreach(entities, i, e)
    {
        json_int_t offset = field(e, "offset"), length = field(e, "length");
        const json_t *next = json_array_get(entities, i + 1);

        assert(offset >= last && length > 0 && offset + length <= units);
        last = offset;
        if (next && field(next, "offset") < offset + length)
            assert(field(next, "offset") + field(next, "length") <=
                   offset + length);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const modes[] = { "HTML", "MarkdownV2", "Markdown", "" };
    struct entities_input input = { .max = 100000 };
    struct buf text = BUF_INIT, in = BUF_INIT;
    struct err err = ERR_INIT;
    json_t *entities;

    if (!size)
        return 0;
    buf_add(&in, data + 1, size - 1); /* a copy: ends where it ends */
    input.text = buf_slice(&in);
    input.parse_mode = modes[data[0] % 4];
    if (entities_apply(&input, &text, &entities, &err))
        check(buf_slice(&text), entities);
    else
        assert(err.kind == ERR_TELEGRAM && !entities);
    json_decref(entities);
    buf_release(&text);
    buf_release(&in);
    return 0;
}
