/*
 * Texts that are divided: the first byte chooses the markup, the second how long a
 * part may be. Together the parts are the text, each of them fits, and what
 * Telegram would have taken whole it takes in parts.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "simulator/entities.h"
#include "telegram/text_split.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool takes(struct slice text, const char *mode, size_t max)
{
    struct entities_input input = {
        .text = text, .parse_mode = mode, .keep_empty = true, .max = max
    };
    struct buf plain = BUF_INIT;
    struct err err = ERR_INIT;
    json_t *entities;
    bool ok = entities_apply(&input, &plain, &entities, &err);

    json_decref(entities);
    buf_release(&plain);
    return ok;
}

static void check(struct slice text, const struct text_parts *parts,
                  const char *mode, size_t max)
{
    bool good = takes(text, mode, 0);
    size_t units = 0;
    const char *p = text.p;

    for (size_t i = 0; i < parts->n; i++) {
        const struct text_part *part = &parts->part[i];

        assert(part->units <= max && part->offset == units);
        units += part->units;
        /* but for the ">" of a quote's next line */
        assert(part->raw.p == p || (part->raw.p == p + 1 && *p == '>'));
        p = part->raw.p + part->raw.n;
        assert(!good || part->blank ||
               takes(buf_slice(&part->text), mode, max));
    }
    assert(p == text.p + text.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const modes[] = { "", "HTML", "MarkdownV2" };
    struct text_limits limits;
    struct text_parts parts;
    struct buf in = BUF_INIT;
    struct err err = ERR_INIT;

    if (size < 2)
        return 0;
    buf_add(&in, data + 2, size - 2); /* a copy: ends where it ends */
    limits.first = limits.others = 16 + data[1] % 64;
    if (text_split(buf_slice(&in), data[0] % 3, &limits, NULL, 0, &parts,
                   &err)) {
        check(buf_slice(&in), &parts, modes[data[0] % 3], limits.first);
        text_parts_release(&parts);
    } else {
        assert(data[0] % 3 && !parts.n);
    }
    buf_release(&in);
    return 0;
}
