/*
 * fuzz_update.c - an update of any shape is read without reading beyond it,
 * and what is found lies within it.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "script/handlers.h"
#include "telegram/update.h"

static void check_within(struct slice text, struct slice part)
{
    if (!part.p)
        return;
    assert(part.p >= text.p && part.p + part.n <= text.p + text.n);
}

static void check(struct slice text, const struct update *u)
{
    const struct slice parts[] = {
        u->kind_name, u->payload, u->message,     u->chat,
        u->from,      u->text,    u->data,        u->topic,
        u->business,  u->command, u->command_bot, u->command_args,
    };

    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        check_within(text, parts[i]);
}

/* One handler of each type that looks into an update. */
static void register_handlers(struct handlers *hs)
{
    static const char *const filters[] = { "message:photo", "::url", ":media",
                                           "message:entities:url",
                                           "callback_query:data" };
    struct err err = ERR_INIT;

    for (size_t i = 0; i < ARRAY_LEN(filters); i++) {
        struct handler h = { .type = HANDLER_ON };

        if (!handler_parse_filter(&h, filters[i], &err))
            abort();
        h.what = xstrdup(filters[i]);
        h.source = xstrdup("fuzz:1");
        if (handlers_add(hs, &h, &err) < 0)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct handlers hs;
    struct slice text;
    struct update u;
    struct err err = ERR_INIT;
    char *copy;

    if (!hs.n)
        register_handlers(&hs);
    copy = slice_dup((struct slice){ (const char *)data, size });
    text = (struct slice){ copy, size };
    if (json_check(text, JSON_DEPTH_MAX, &err) && update_read(text, &u, &err)) {
        check(text, &u);
        update_lane(&u);
        for (int n = handlers_next(&hs, &u, 0, "bot"); n >= 0;
             n = handlers_next(&hs, &u, n + 1, "bot"))
            assert(n < hs.n);
    }
    free(copy);
    return 0;
}
