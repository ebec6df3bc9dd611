/* test_pace.c - who may send when, with a clock of the test's own; and the heap. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/heap.h"
#include "telegram/pace.h"

#define S INT64_C(1000000000)
#define MS (S / 1000)
#define MANY 1000000
#define ITEMS 12000
#define CHATS 1200

static const struct pace_limits telegram = { 30, 1, 5, 20 };

/* The clock begins somewhere: it is that of the machine. */
#define T0 (12345 * S + 678)

struct sent {
    int64_t at, chat;
    int priority, number;
};

static struct {
    struct pace *p;
    int64_t now;
    struct pace_item items[ITEMS];
    int n;
    struct sent sent[ITEMS];
    int nsent, landed;
    int64_t flight; /* how long a message is on its way */
} t;

static void begin(const struct pace_limits *limits)
{
    pace_free(t.p);
    memset(&t, 0, sizeof(t));
    t.p = pace_new(limits);
    t.now = T0;
}

static int teardown(void **state)
{
    (void)state;
    for (int i = 0; i < t.n; i++)
        pace_done(t.p, &t.items[i], t.now);
    for (int i = 0; i < PACE_PRIORITIES; i++)
        assert_int_equal(pace_waiting(t.p, i), 0);
    pace_free(t.p);
    t.p = NULL;
    return 0;
}

static void note(struct pace_item *item)
{
    t.sent[t.nsent++] = (struct sent){ t.now, item->chat_id, item->priority,
                                       (int)(item - t.items) };
}

/* It is asked for; answered at once if it goes and flight is 0. */
static struct pace_item *ask(int64_t chat, int priority)
{
    struct pace_item *item = &t.items[t.n++];

    assert_true(t.n <= ITEMS);
    *item = (struct pace_item){ .chat_id = chat,
                                .priority = priority,
                                .ordered = true };
    if (pace_ask(t.p, item, t.now)) {
        note(item);
        if (!t.flight)
            pace_done(t.p, item, t.now);
    }
    return item;
}

static void forget_sent(void)
{
    t.nsent = t.landed = 0;
}

static void land_those_due(void)
{
    for (; t.landed < t.nsent; t.landed++) {
        struct pace_item *item = &t.items[t.sent[t.landed].number];

        if (t.sent[t.landed].at + t.flight > t.now)
            break;
        if (item->state == PACE_IN_FLIGHT)
            pace_done(t.p, item, t.now);
    }
}

/* Let time pass till then, a millisecond at a time as a timer would. */
static void run_until(int64_t end)
{
    struct pace_item *item;

    for (; t.now <= end; t.now += MS) {
        land_those_due();
        if (pace_due(t.p) > t.now) {
            assert_null(pace_next(t.p, t.now));
            continue;
        }
        while ((item = pace_next(t.p, t.now))) {
            note(item);
            if (!t.flight)
                pace_done(t.p, item, t.now);
        }
    }
}

static int waiting(void)
{
    return pace_waiting(t.p, 0) + pace_waiting(t.p, 1) + pace_waiting(t.p, 2);
}

/* The most that went to that chat (0: to all) within any such time. */
static int most_in(int64_t chat, int64_t span)
{
    int most = 0;

    for (int i = 0; i < t.nsent; i++) {
        int n = 0;

        for (int k = i; k < t.nsent && t.sent[k].at < t.sent[i].at + span; k++)
            n += !chat || t.sent[k].chat == chat;
        most = n > most ? n : most;
    }
    return most;
}

static int went(int64_t chat)
{
    int n = 0;

    for (int i = 0; i < t.nsent; i++)
        n += t.sent[i].chat == chat;
    return n;
}

/* --- the limits ------------------------------------------------------------------------ */

static void test_pace__a_chat(void **state)
{
    (void)state;
    begin(&telegram);
    for (int i = 0; i < 20; i++)
        ask(7, 0);
    assert_int_equal(t.nsent, 5);
    run_until(T0 + 20 * S);
    assert_int_equal(t.nsent, 20);
    assert_true(t.sent[19].at >= T0 + 15 * S);
    assert_true(t.sent[19].at < T0 + 16 * S);
    assert_true(most_in(7, 10 * S) <= 15);
    t.now = T0 + 60 * S; /* the burst is there again */
    for (int i = 0; i < 6; i++)
        ask(7, 0);
    assert_int_equal(t.nsent, 25);
}

static void test_pace__the_bot(void **state)
{
    (void)state;
    begin(&telegram);
    for (int i = 0; i < 300; i++)
        ask(i + 1, 0);
    assert_int_equal(t.nsent, 20); /* two thirds of a second's */
    run_until(T0 + 20 * S);
    assert_int_equal(t.nsent, 300);
    assert_true(t.sent[299].at <= T0 + 10 * S);
    assert_true(most_in(0, S) <= 50);
    assert_true(most_in(0, 5 * S) <= 5 * 30 + 20);
}

/* Never more than 20 in any minute, 20 in each, and no long wait. */
static void test_pace__a_group(void **state)
{
    int64_t longest = 0;

    (void)state;
    begin(&telegram);
    for (int i = 0; i < 100; i++)
        ask(-5, 0);
    run_until(T0 + 320 * S);
    assert_int_equal(t.nsent, 100);
    assert_int_equal(most_in(-5, 60 * S), 20);
    for (int i = 1; i < t.nsent; i++)
        if (t.sent[i].at - t.sent[i - 1].at > longest)
            longest = t.sent[i].at - t.sent[i - 1].at;
    assert_true(longest <= 20 * S);
}

/* A minute's worth comes in pieces: after them it still holds. */
static void test_pace__a_group_now_and_then(void **state)
{
    (void)state;
    begin(&telegram);
    srandom(1);
    while (t.now < T0 + 900 * S) {
        for (int n = (int)(random() % 12); n; n--)
            ask(-5, 0);
        run_until(t.now + (random() % 40) * S);
    }
    run_until(T0 + 3000 * S);
    assert_int_equal(waiting(), 0);
    assert_true(most_in(-5, 60 * S) <= 20);
}

static void test_pace__no_chat(void **state)
{
    (void)state;
    begin(&telegram);
    for (int i = 0; i < 100; i++)
        ask(0, 0);
    assert_int_equal(t.nsent, 20);
    run_until(T0 + 5 * S);
    assert_int_equal(t.nsent, 100);
}

static void test_pace__no_limits(void **state)
{
    static const struct pace_limits none = { MANY, MANY, MANY, MANY };

    (void)state;
    begin(&none);
    for (int i = 0; i < 3000; i++)
        ask(i % 3 - 1, i % 3);
    assert_int_equal(t.nsent, 3000);
    assert_true(pace_due(t.p) == PACE_NEVER);
}

/* --- turns ------------------------------------------------------------------------------- */

static void test_pace__chats_take_turns(void **state)
{
    static const struct pace_limits limits = { 3, MANY, MANY, MANY };

    (void)state;
    begin(&limits);
    for (int i = 0; i < 60; i++)
        ask(1, 0);
    run_until(T0 + S);
    for (int i = 0; i < 3; i++)
        ask(2, 0);
    for (int i = 0; i < 3; i++)
        ask(3, 0);
    forget_sent();
    run_until(t.now + 4 * S);
    assert_int_equal(went(2), 3);
    assert_int_equal(went(3), 3);
    assert_true(went(1) >= 3);
    run_until(t.now + 30 * S);
    assert_int_equal(waiting(), 0);
}

/* Also where nothing else than the turn makes a chat wait: here, no chat at all. */
static void test_pace__no_chat_takes_turns(void **state)
{
    static const struct pace_limits limits = { 3, MANY, MANY, MANY };

    (void)state;
    begin(&limits);
    for (int i = 0; i < 60; i++)
        ask(0, 0);
    for (int i = 0; i < 3; i++)
        ask(2, 0);
    run_until(t.now + 4 * S);
    assert_int_equal(went(2), 3);
    run_until(t.now + 30 * S);
    assert_int_equal(waiting(), 0);
}

/* Who asks in the moment when there is room does not pass those in line. */
static void test_pace__nobody_jumps_the_line(void **state)
{
    static const struct pace_limits limits = { 3, MANY, MANY, MANY };

    (void)state;
    begin(&limits);
    for (int i = 0; i < 4; i++)
        ask(i + 1, 0);
    t.now += 10 * S;
    ask(9, 0);
    assert_int_equal(went(9), 0);
    run_until(t.now + S);
    assert_int_equal(went(9), 1);
}

/* A chat at its limit holds up no other. */
static void test_pace__a_full_chat_is_passed(void **state)
{
    (void)state;
    begin(&telegram);
    for (int i = 0; i < 100; i++)
        ask(1, 0);
    for (int i = 0; i < 10; i++)
        ask(10 + i, 0);
    assert_int_equal(t.nsent, 15);
}

static void test_pace__priorities(void **state)
{
    (void)state;
    begin(&telegram);
    for (int i = 0; i < 200; i++)
        ask(1000 + i, 2);
    run_until(T0 + 2 * S);
    forget_sent();
    for (int i = 0; i < 9; i++)
        ask(i + 1, 0); /* what is kept back for them */
    assert_int_equal(t.nsent, 9);
    for (int i = 0; i < 30; i++)
        ask(i + 100, 0);
    for (int i = 0; i < 30; i++)
        ask(i + 200, 1);
    forget_sent();
    run_until(t.now + 3 * S);
    for (int i = 1; i < t.nsent; i++)
        assert_true(t.sent[i].priority >= t.sent[i - 1].priority);
    assert_true(t.nsent > 70);
    run_until(t.now + 20 * S);
    assert_int_equal(waiting(), 0);
}

/* In one chat, too: the reply goes first, but each priority stays in order. */
static void test_pace__priorities_in_a_chat(void **state)
{
    static const int wanted[] = { 0, 3, 4, 1, 2 };
    static const struct pace_limits limits = { MANY, 1, 1, MANY };

    (void)state;
    begin(&limits);
    for (int i = 0; i < 3; i++)
        ask(1, 2);
    ask(1, 0);
    ask(1, 0);
    run_until(T0 + 10 * S);
    assert_int_equal(t.nsent, 5);
    for (int i = 0; i < 5; i++)
        assert_int_equal(t.sent[i].number, wanted[i]);
}

static void test_pace__one_in_flight(void **state)
{
    static const struct pace_limits none = { MANY, MANY, MANY, MANY };
    struct pace_item *upload;

    (void)state;
    begin(&none);
    t.flight = S;
    for (int i = 0; i < 5; i++)
        ask(1, 0);
    ask(2, 0);
    assert_int_equal(t.nsent, 2);
    run_until(T0 + 4 * S + 10 * MS);
    assert_int_equal(t.nsent, 6);
    for (int i = 0; i < 6; i++)
        if (t.sent[i].chat == 1)
            assert_int_equal(t.sent[i].at / S, T0 / S + t.sent[i].number);
    run_until(t.now + 2 * S);
    /* An answer that does not come holds them up for a while only; an upload
     * not at all. */
    t.flight = 1000 * S;
    ask(1, 0);
    ask(1, 0);
    run_until(t.now + 9 * S);
    assert_int_equal(went(1), 6);
    run_until(t.now + 2 * S);
    assert_int_equal(went(1), 7);
    upload = &t.items[t.n++];
    *upload = (struct pace_item){ .chat_id = 3 };
    assert_true(pace_ask(t.p, upload, t.now));
    ask(3, 0);
    assert_int_equal(went(3), 1);
}

/* The time that an answer takes is added: it may have arrived at its end. */
static void test_pace__slow_answers_count(void **state)
{
    (void)state;
    begin(&telegram);
    t.flight = 300 * MS;
    for (int i = 0; i < 20; i++)
        ask(1, 0);
    run_until(T0 + 40 * S);
    assert_int_equal(t.nsent, 20);
    for (int i = 6; i < 20; i++)
        assert_true(t.sent[i].at - (t.sent[i - 1].at + t.flight) >= 1000 * MS);
}

/* --- a flood ----------------------------------------------------------------------------- */

/* In a chat, those of a priority as they were asked for. */
static void check_order(void)
{
    static int last[2 * CHATS][PACE_PRIORITIES];

    memset(last, -1, sizeof(last));
    for (int i = 0; i < t.nsent; i++) {
        int *n = &last[t.sent[i].chat + CHATS][t.sent[i].priority];

        assert_true(t.sent[i].number > *n);
        *n = t.sent[i].number;
    }
}

/* Telegram's side: buckets that leak, as strict as what is said of them. */
struct leak {
    double level;
    int64_t at;
};

static void pour(struct leak *leak, double size, double per_s, int64_t now)
{
    leak->level -= (double)(now - leak->at) / (double)S * per_s;
    if (leak->level < 0)
        leak->level = 0;
    leak->at = now;
    leak->level += 1;
    if (leak->level > size + 1e-6)
        fail_msg("too many: %f of %f", leak->level, size);
}

static int by_time(const void *a, const void *b)
{
    const struct sent *x = a, *y = b;

    return (x->at > y->at) - (x->at < y->at);
}

/* They arrive some time after they were sent, and not all as late. */
static void expect_telegram_takes_them(void)
{
    static struct leak all, chats[CHATS], minutes[CHATS];

    all = (struct leak){ 0, 0 };
    memset(chats, 0, sizeof(chats));
    memset(minutes, 0, sizeof(minutes));
    for (int i = 0; i < t.nsent; i++)
        t.sent[i].at += random() % t.flight;
    qsort(t.sent, (size_t)t.nsent, sizeof(t.sent[0]), by_time);
    for (int i = 0; i < t.nsent; i++) {
        size_t chat = (size_t)llabs(t.sent[i].chat);

        pour(&all, 30, 30, t.sent[i].at);
        pour(&chats[chat], 5, 1, t.sent[i].at);
        if (t.sent[i].chat < 0)
            pour(&minutes[chat], 20, 20 / 60.0, t.sent[i].at);
    }
}

/* 10,000 messages at once to 1,000 chats, by Telegram's own numbers; replies that
 * are asked for meanwhile, every 3 s, leave soon. */
static void test_pace__a_flood(void **state)
{
    int asked;

    (void)state;
    begin(&telegram);
    srandom(5);
    t.flight = 100 * MS;
    for (int i = 0; i < 10000; i++)
        ask(i % 1000 % 10 ? i % 1000 + 1 : -(i % 1000 + 1), 2);
    while (t.nsent < t.n) {
        asked = t.n;
        ask(1001 + t.n % 100, 0);
        run_until(t.now + 1400 * MS);
        assert_int_equal(t.items[asked].state, PACE_NONE);
        run_until(t.now + 1600 * MS);
    }
    assert_true(t.now - T0 < 350 * S); /* 30 a second: 333, and the replies */
    check_order();
    expect_telegram_takes_them();
    check_order();
}

/* --- trouble -------------------------------------------------------------------------------- */

static void test_pace__back_in_line(void **state)
{
    static const struct pace_limits none = { MANY, MANY, MANY, MANY };
    struct pace_item *first;

    (void)state;
    begin(&none);
    t.flight = S;
    first = ask(1, 1);
    ask(1, 1);
    ask(2, 1);
    pace_back(t.p, first, t.now + 3 * S);
    assert_true(pace_held_until(t.p, 1, t.now) == t.now + 3 * S);
    assert_true(pace_held_until(t.p, 2, t.now) == 0);
    forget_sent();
    run_until(T0 + 6 * S);
    assert_int_equal(t.nsent, 2);
    assert_int_equal(t.sent[0].number, 0);
    assert_true(t.sent[0].at >= T0 + 3 * S);
    assert_int_equal(t.sent[1].number, 1);
}

static void flood(struct pace_item *item, int64_t until)
{
    pace_flood(t.p, item, t.now, until);
    pace_back(t.p, item, until);
}

static void test_pace__flood_in_a_chat(void **state)
{
    (void)state;
    begin(&telegram);
    t.flight = 10 * MS;
    flood(ask(1, 0), T0 + 10 * S);
    for (int i = 0; i < 5; i++)
        ask(1, 0);
    ask(2, 0);
    forget_sent();
    run_until(T0 + 9 * S);
    assert_int_equal(t.nsent, 0);
    run_until(T0 + 10 * S + 500 * MS); /* no burst */
    assert_int_equal(t.nsent, 1);
    run_until(T0 + 20 * S);
    assert_int_equal(t.nsent, 6);
    assert_int_equal(most_in(1, S), 1);
}

static void test_pace__flood_of_the_bot(void **state)
{
    (void)state;
    begin(&telegram);
    t.flight = 10 * MS;
    for (int i = 0; i < 3; i++)
        flood(ask(i + 1, 0), T0 + 10 * S + i * 300 * MS);
    forget_sent();
    assert_true(pace_held_until(t.p, 99, t.now) > T0 + 10 * S);
    for (int i = 0; i < 30; i++)
        ask(100 + i, 0);
    run_until(T0 + 10 * S);
    assert_int_equal(t.nsent, 0);
    run_until(T0 + 13 * S);
    assert_int_equal(t.nsent, 33);
    assert_true(most_in(0, S) <= 31); /* no burst */
}

/* Three groups that each have a limit of their own, or one group thrice. */
static void test_pace__floods_of_their_own(void **state)
{
    (void)state;
    begin(&telegram);
    t.flight = 10 * MS;
    for (int i = 0; i < 3; i++)
        flood(ask(-(i + 1), 0), T0 + (10 + i * 7) * S);
    assert_true(pace_held_until(t.p, 99, t.now) == 0);
    for (int i = 0; i < 3; i++) {
        struct pace_item *item = ask(50, 0);

        if (item->state == PACE_IN_FLIGHT)
            flood(item, t.now + 5 * S);
        run_until(t.now + 6 * S);
    }
    assert_true(pace_held_until(t.p, 99, t.now) == 0);
    run_until(t.now + 60 * S);
}

static void test_pace__given_up(void **state)
{
    (void)state;
    begin(&telegram);
    for (int i = 0; i < 10; i++)
        ask(1, 0);
    for (int i = 5; i < 10; i++)
        pace_done(t.p, &t.items[i], t.now);
    assert_int_equal(waiting(), 0);
    assert_true(pace_due(t.p) == PACE_NEVER);
    pace_done(t.p, &t.items[0], t.now); /* over already */
}

/* --- memory --------------------------------------------------------------------------------- */

static void one(int64_t chat)
{
    struct pace_item item = { .chat_id = chat };

    pace_ask(t.p, &item, t.now);
    pace_done(t.p, &item, t.now);
}

static void test_pace__forgets_chats(void **state)
{
    static const struct pace_limits limits = { 1000, 1, 5, 20 };

    (void)state;
    begin(&limits);
    for (int i = 0; i < 200000; i++) {
        one(i % 2 ? i : -i);
        t.now += S / 100;
    }
    /* 100 a second: private ones mean nothing after a second, groups after 66 */
    assert_true(pace_chats(t.p) < 2 * 66 * 100);
    t.now += 100 * S;
    for (int i = 0; i < 16000; i++)
        one(1);
    assert_true(pace_chats(t.p) < 1 + 16);
}

/* --- all of it, by chance --------------------------------------------------------------------- */

/* What a server would count, with buckets of its own a little larger. */
static void check_rates(void)
{
    for (int chat = 1; chat <= 6; chat++) {
        int64_t id = chat % 2 ? chat : -chat;

        assert_true(most_in(id, S) <= 1 + 5);
        assert_true(most_in(id, 10 * S) <= 10 + 5);
        if (id < 0)
            assert_true(most_in(id, 60 * S) <= 20);
    }
    assert_true(most_in(0, S) <= 30 + 20);
}

static void test_pace__by_chance(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 10; seed++) {
        begin(&telegram);
        srandom(seed);
        t.flight = 50 * MS;
        for (int i = 0; i < 300; i++) {
            int chat = (int)(random() % 6) + 1;

            ask(chat % 2 ? chat : -chat, (int)(random() % PACE_PRIORITIES));
            if (random() % 3 == 0)
                run_until(t.now + random() % (2000 * MS));
        }
        run_until(t.now + 400 * S);
        assert_int_equal(t.nsent, 300);
        check_rates();
        check_order();
        teardown(NULL);
    }
    begin(&telegram);
}

/* --- the heap ---------------------------------------------------------------------------------- */

static void test_heap(void **state)
{
    enum { N = 500 };
    static struct heap_node nodes[N];
    struct heap h = HEAP_INIT;
    int64_t last = -1;
    int in = 0;

    (void)state;
    srandom(7);
    for (int i = 0; i < 20000; i++) {
        struct heap_node *node = &nodes[random() % N];

        if (random() % 3) {
            in += !node->place;
            heap_put(&h, node, random() % 1000);
        } else {
            in -= !!node->place;
            heap_remove(&h, node);
        }
        assert_int_equal(h.n, in);
        for (size_t k = 1; k < h.n; k++)
            assert_true(h.nodes[(k - 1) / 2]->at <= h.nodes[k]->at);
    }
    while (heap_first(&h)) {
        assert_true(heap_first(&h)->at >= last);
        last = heap_first(&h)->at;
        heap_remove(&h, heap_first(&h));
    }
    heap_release(&h);
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_pace__a_chat),
        TEST(test_pace__the_bot),
        TEST(test_pace__a_group),
        TEST(test_pace__a_group_now_and_then),
        TEST(test_pace__no_chat),
        TEST(test_pace__no_limits),
        TEST(test_pace__chats_take_turns),
        TEST(test_pace__no_chat_takes_turns),
        TEST(test_pace__nobody_jumps_the_line),
        TEST(test_pace__a_full_chat_is_passed),
        TEST(test_pace__priorities),
        TEST(test_pace__priorities_in_a_chat),
        TEST(test_pace__one_in_flight),
        TEST(test_pace__slow_answers_count),
        TEST(test_pace__a_flood),
        TEST(test_pace__back_in_line),
        TEST(test_pace__flood_in_a_chat),
        TEST(test_pace__flood_of_the_bot),
        TEST(test_pace__floods_of_their_own),
        TEST(test_pace__given_up),
        TEST(test_pace__forgets_chats),
        TEST(test_pace__by_chance),
        cmocka_unit_test(test_heap),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
