/*
 * intake_test.h - for tests of the intake: polls that come, and their answers.
 */
#ifndef TESTS_INTAKE_TEST_H
#define TESTS_INTAKE_TEST_H

#include "bot_test.h"

/* Request number n (from 1) comes and is a poll of this offset: its index. */
static inline int expect_poll(int n, int64_t offset, int limit)
{
    char wanted[100];

    bot_wait_calls(n);
    snprintf(wanted, sizeof(wanted), "{\"offset\":%lld,\"limit\":%d,",
             (long long)offset, limit);
    assert_string_equal(bot.calls[n - 1].method, "getUpdates");
    if (strncmp(bot.calls[n - 1].body, wanted, strlen(wanted)) != 0)
        fail_msg("%s, not %s", bot.calls[n - 1].body, wanted);
    return n - 1;
}

/* No request but these n comes, however often the loop turns. */
static inline void expect_no_more_calls(int n)
{
    bot_barrier();
    assert_int_equal(bot.ncalls, n);
}

/* Answer poll i with one update, or two. */
static inline void give(int i, int64_t id, int64_t chat, const char *text)
{
    struct buf list = BUF_INIT;

    buf_addc(&list, '[');
    bot_add_update(&list, id, chat, text);
    buf_addc(&list, ']');
    bot_answer(i, list.data);
    buf_release(&list);
}

static inline void give_two(int i, int64_t id, const char *text, int64_t id2,
                            const char *text2)
{
    struct buf list = BUF_INIT;

    buf_addc(&list, '[');
    bot_add_update(&list, id, 1000 + id % 1000, text);
    buf_addc(&list, ',');
    bot_add_update(&list, id2, 1000 + id2 % 1000, text2);
    buf_addc(&list, ']');
    bot_answer(i, list.data);
    buf_release(&list);
}

#endif
