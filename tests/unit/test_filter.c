/* test_filter.c - grammY's filter queries: what is one, and what it matches. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "script/filter_table.h"
#include "script/handlers.h"

#define ME 42

static struct update read(const char *text)
{
    struct update u;
    struct err err = ERR_INIT;

    if (!json_check(slice_of(text), JSON_DEPTH_MAX, &err) ||
        !update_read(slice_of(text), &u, &err))
        fail_msg("%s: %s", text, err.text);
    return u;
}

static bool matches(const char *filter, const char *payload, const char *kind)
{
    struct buf text = BUF_INIT;
    struct filter f;
    struct err err = ERR_INIT;
    struct update u;
    bool yes;

    if (!filter_parse(&f, filter, &err))
        fail_msg("%s: %s", filter, err.text);
    buf_addf(&text, "{\"update_id\":1,\"%s\":%s}", kind, payload);
    u = read(text.data);
    yes = filter_matches(&f, &u, ME);
    buf_release(&text);
    return yes;
}

/* --- what is a filter --------------------------------------------------------------- */

static void test_filter__parse(void **state)
{
    static const struct {
        const char *filter, *error; /* NULL: it is one */
    } cases[] = {
        { "message", NULL },
        { "msg", NULL },
        { ":photo", NULL },
        { "::url", NULL },
        { "edit::url", NULL },
        { "message:entities:url", NULL },
        { ":forward_origin:hidden_user", NULL },
        { ":new_chat_members:me", NULL },
        { "chat_member:from:me", NULL },
        { "chat_member:new_chat_member:kicked", NULL },
        { "message_reaction:new_reaction:emoji", NULL },
        { "message_reaction_count:reactions:paid", NULL },
        { "subscription:state:active", NULL },
        { "inline_query:chat_type:sender", NULL },
        { "message:chat:supergroup", NULL },
        { ":file:is_video", NULL },
        { "stopped_message_generation", NULL },
        { "", "an empty filter" },
        { ":", "\":\": something is missing after the colon" },
        { "::", "\"::\": something is missing after the colon" },
        { "message:", "\"message:\": something is missing after the colon" },
        { "message:text:",
          "\"message:text:\": something is missing after the colon" },
        { "mesage", "unknown kind of update \"mesage\"; did you mean "
                    "\"message\"?" },
        { "photo", "unknown kind of update \"photo\"; did you mean "
                   "\":photo\"?" },
        { "media", "unknown kind of update \"media\"; did you mean "
                   "\":media\"?" },
        { ":foto", "message has no \"foto\"; did you mean \"photo\"?" },
        { ":medai", "message has no \"medai\"; did you mean \"media\"?" },
        { "callback_query:dta",
          "callback_query has no \"dta\"; did you mean \"data\"?" },
        { "poll:photo", "poll has no \"photo\"" },
        { "message:entities:ulr", "message:entities has no \"ulr\"; did "
                                  "you mean \"url\"?" },
        { "::ulr", "message:entities has no \"ulr\"; did you mean \"url\"?" },
        { "message:text:x", "nothing can follow \"message:text\"" },
        { "callback_query:media", "callback_query has no \"media\"" },
        { "message:entities:url:x",
          "\"message:entities:url:x\" has more than three levels" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct filter f;
        struct err err = ERR_INIT;
        bool ok = filter_parse(&f, cases[i].filter, &err);

        if (cases[i].error)
            assert_string_equal(err.text, cases[i].error);
        else if (!ok)
            fail_msg("%s: %s", cases[i].filter, err.text);
        assert_int_equal(ok, !cases[i].error);
    }
}

/* The table has the kinds that update.h has, and each of its names parses. */
static void test_filter__all_names(void **state)
{
    int kinds = 0, names = 0, words = 0;

    (void)state;
    for (const struct filter_kind *k = filter_kinds; k->name; k++, kinds++) {
        assert_string_equal(update_kind_name((enum update_kind)kinds), k->name);
        for (const struct filter_name *n = k->fields; n->name; n++, names++)
            for (const char *const *w = n->words; w && *w; w++, words++) {
                struct buf text = BUF_INIT;
                struct filter f;
                struct err err = ERR_INIT;

                buf_addf(&text, "%s:%s:%s", k->name, n->name, *w);
                if (!filter_parse(&f, text.data, &err))
                    fail_msg("%s: %s", text.data, err.text);
                buf_release(&text);
            }
    }
    assert_int_equal(kinds, UPDATE_KINDS);
    assert_true(names > 500);
    assert_true(words > 3000);
}

/* --- what it matches ------------------------------------------------------------------- */

static void test_filter__matches(void **state)
{
    static const struct {
        const char *filter, *kind, *payload;
        bool yes;
    } cases[] = {
        { "message", "message", "{}", true },
        { "message", "channel_post", "{}", false },
        { "msg", "channel_post", "{}", true },
        { "msg", "edited_message", "{}", false },
        { "edit", "edited_channel_post", "{}", true },
        { ":photo", "channel_post", "{\"photo\":[{}]}", true },
        { ":photo", "message", "{\"photo\":null}", false },
        { ":photo", "edited_message", "{\"photo\":[{}]}", false },
        { "business_message:photo", "business_message", "{\"photo\":[]}",
          true },
        { ":media", "message", "{\"video\":{}}", true },
        { ":media", "message", "{\"voice\":{}}", false },
        { ":file", "message", "{\"voice\":{}}", true },
        { "edited_message:file", "edited_message", "{\"sticker\":{}}", true },
        { ":file:is_animated", "message",
          "{\"sticker\":{\"is_animated\":true}}", true },
        { ":file:is_animated", "message",
          "{\"sticker\":{\"is_animated\":false}}", false },
        { "::url", "message", "{\"entities\":[{\"type\":\"url\"}]}", true },
        { "::url", "message",
          "{\"caption_entities\":[{\"type\":\"bold\"},{"
          "\"type\":\"url\"}]}",
          true },
        { ":entities:url", "message",
          "{\"caption_entities\":[{\"type\":\"url\"}]}", false },
        /* as grammY: a text_link has a url */
        { "::url", "message",
          "{\"entities\":[{\"type\":\"text_link\",\"url\":\"x\"}]}", true },
        { ":media", "message", "{\"live_photo\":{}}", true },
        { ":entities:language", "message",
          "{\"entities\":[{\"type\":\"pre\",\"language\":\"\"}]}", false },
        { ":entities:language", "message",
          "{\"entities\":[{\"type\":\"pre\",\"language\":\"c\"}]}", true },
        { ":text", "message", "{\"text\":\"\"}", true },
        { ":is_topic_message", "message", "{\"is_topic_message\":true}", true },
        { ":is_topic_message", "message", "{}", false },
        { ":new_chat_members:me", "message",
          "{\"new_chat_members\":[{\"id\":1},{\"id\":42}]}", true },
        { ":new_chat_members:me", "message",
          "{\"new_chat_members\":[{\"id\":1}]}", false },
        { ":left_chat_member:me", "message",
          "{\"left_chat_member\":{\"id\":"
          "42}}",
          true },
        { ":new_chat_members:is_bot", "message",
          "{\"new_chat_members\":[{\"id\":1,\"is_bot\":false}]}", false },
        { ":forward_origin:user", "message",
          "{\"forward_origin\":{\"type\":\"user\"}}", true },
        { ":forward_origin:user", "message",
          "{\"forward_origin\":{\"type\":\"hidden_user\"}}", false },
        { "chat_member:from:me", "chat_member", "{\"from\":{\"id\":42}}",
          true },
        { "chat_member:new_chat_member:kicked", "chat_member",
          "{\"new_chat_member\":{\"status\":\"kicked\"}}", true },
        { "chat_member:new_chat_member:kicked", "chat_member",
          "{\"new_chat_member\":{\"status\":\"left\"}}", false },
        { "message_reaction:new_reaction:emoji", "message_reaction",
          "{\"new_reaction\":[{\"type\":\"emoji\",\"emoji\":\"x\"}]}", true },
        { "message_reaction:new_reaction:emoji", "message_reaction",
          "{\"new_reaction\":[{\"type\":\"paid\"}]}", false },
        { "message_reaction_count:reactions:paid", "message_reaction_count",
          "{\"reactions\":[{\"type\":{\"type\":\"paid\"},\"total_count\":1}]}",
          true },
        { "callback_query:data", "callback_query", "{\"data\":\"\"}", true },
        { "callback_query:game_short_name", "callback_query", "{\"data\":\"\"}",
          false },
        { "subscription:state:active", "subscription", "{\"state\":\"active\"}",
          true },
        { "subscription:state:active", "subscription", "{\"state\":\"failed\"}",
          false },
        { "message:chat:supergroup", "message",
          "{\"chat\":{\"type\":\"supergroup\"}}", true },
        { "message:poll:is_closed", "message", "{\"poll\":{\"is_closed\":1}}",
          true },
        { "message:poll:total_voter_count", "message",
          "{\"poll\":{\"total_voter_count\":0}}", false },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (matches(cases[i].filter, cases[i].payload, cases[i].kind) !=
            cases[i].yes)
            fail_msg("%s: %s", cases[i].filter, cases[i].payload);
}

/* --- handlers find by fields what the filters say one by one ---------------------------- */

static unsigned seed = 1;

static int random_below(int n)
{
    seed = seed * 1103515245 + 12345;
    return (int)(seed >> 16) % n;
}

static const char *const fields[] = { "photo",   "text",     "sticker",
                                      "voice",   "entities", "caption_entities",
                                      "caption", "video",    "new_chat_members",
                                      "data",    "query",    "from" };
static const char *const values[] = {
    "null",
    "\"\"",
    "{\"is_video\":true,\"id\":42}",
    "[{\"type\":\"url\"},{\"id\":42}]",
    "[]",
    "[{\"type\":\"bold\",\"id\":7}]",
    "{\"type\":\"url\",\"is_premium\":true}"
};
static const char *const filters[] = { "message",
                                       ":photo",
                                       ":text",
                                       "msg:sticker",
                                       "edit:sticker:is_video",
                                       "::url",
                                       ":entities:url",
                                       ":caption_entities:bold",
                                       ":file",
                                       ":media",
                                       "edit:file",
                                       ":new_chat_members:me",
                                       "callback_query:data",
                                       "callback_query:from:me",
                                       "inline_query",
                                       "inline_query:query",
                                       "edited_message",
                                       "chat_member:from:is_premium",
                                       "msg",
                                       "channel_post:photo" };
static const char *const kinds[] = { "message",      "edited_message",
                                     "channel_post", "callback_query",
                                     "inline_query", "chat_member",
                                     "future" };

static void add_update(struct buf *out)
{
    buf_reset(out);
    buf_addf(out, "{\"update_id\":1,\"%s\":{\"x\":1",
             kinds[random_below(ARRAY_LEN(kinds))]);
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        if (random_below(3) == 0)
            buf_addf(out, ",\"%s\":%s", fields[i],
                     values[random_below(ARRAY_LEN(values))]);
    buf_adds(out, "}}");
}

/* One handler with one filter, or a few. */
static void add_handler(struct handlers *hs, int group)
{
    struct handler h = { .type = HANDLER_ON, .group = group };
    struct err err = ERR_INIT;
    int n = 1 + random_below(3);

    h.source = xstrdup("scripts/a.lua:1");
    while (n--) {
        struct filter f;

        assert_true(
            filter_parse(&f, filters[random_below(ARRAY_LEN(filters))], &err));
        handler_add_filter(&h, &f);
    }
    handlers_add(hs, &h, &err); /* it may not fit its group */
}

static int add_group(struct handlers *hs, int parent)
{
    struct group g = { .parent = parent, .source = xstrdup("a:1") };
    struct err err = ERR_INIT;

    g.on = xalloc(sizeof(*g.on));
    g.non = 1;
    assert_true(
        filter_parse(g.on, filters[random_below(ARRAY_LEN(filters))], &err));
    return handlers_add_group(hs, &g, &err);
}

static bool wants(const struct handlers *hs, const struct handler *h,
                  const struct update *u)
{
    bool yes = false;

    for (int i = 0; i < h->nfilters; i++)
        yes = yes || filter_matches(&h->filters[i], u, ME);
    for (int g = h->group; g; g = hs->groups[g - 1].parent)
        yes = yes && filter_matches(&hs->groups[g - 1].on[0], u, ME);
    return yes;
}

static void compare(const struct handlers *hs, const char *text)
{
    struct update u = read(text);
    int next = 0;

    for (int i = 0; i < hs->n; i++) {
        if (!wants(hs, &hs->list[i], &u))
            continue;
        next = handlers_next(hs, &u, next, "bot");
        if (next != i)
            fail_msg("%s: %d instead of %d", text, next, i);
        next++;
    }
    assert_int_equal(handlers_next(hs, &u, next, "bot"), -1);
}

static void test_filter__handlers_find_the_same(void **state)
{
    struct buf text = BUF_INIT;

    (void)state;
    for (int round = 0; round < 30; round++) {
        struct handlers hs = { .me = ME };
        int group = 0;

        for (int i = 0; i < 40; i++) {
            if (random_below(8) == 0)
                group = add_group(&hs, random_below(2) ? group : 0);
            add_handler(&hs, group);
        }
        for (int i = 0; i < 100; i++) {
            add_update(&text);
            compare(&hs, text.data);
        }
        handlers_release(&hs);
    }
    buf_release(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_filter__parse),
        cmocka_unit_test(test_filter__all_names),
        cmocka_unit_test(test_filter__matches),
        cmocka_unit_test(test_filter__handlers_find_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
