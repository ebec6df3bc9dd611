/* breaker.c - see breaker.h. */
#include "script/breaker.h"

#include <stdlib.h>
#include <uthash.h>

#include "base/log.h"
#include "base/metrics.h"

struct key {
    int64_t chat;
    int64_t number; /* the handler's */
};

struct circuit {
    struct key key;
    int failures; /* in a row */
    bool open;
    int64_t until_ms; /* valid if open: nothing runs before */
    TAILQ_ENTRY(circuit) link;
    UT_hash_handle hh;
};

struct breaker {
    struct circuit *circuits;
    TAILQ_HEAD(, circuit) by_age; /* of the last failure, oldest first */
};

static struct metric paused_updates = {
    .name = "moonpost_paused_updates_total",
    .help = "Updates that were not handled because their handler is paused in "
            "their chat.",
    .type = METRIC_COUNTER,
};
static struct metric paused_handlers = {
    .name = "moonpost_handlers_paused",
    .help = "Handlers that are paused in a chat because they kept failing.",
    .type = METRIC_GAUGE,
};

static int open_circuits; /* of all generations */

static double read_open(void *arg)
{
    (void)arg;
    return open_circuits;
}

static void set_open(struct circuit *c, bool open)
{
    open_circuits += open - c->open;
    c->open = open;
    metric_read_from(metric_plain(&paused_handlers), read_open, NULL);
}

static struct circuit *find(const struct task *t, int number)
{
    const struct breaker *b = t->gen->breaker;
    struct key key = { update_chat(&t->in->u), number };
    struct circuit *c = NULL;

    if (b && b->circuits)
        HASH_FIND(hh, b->circuits, &key, sizeof(key), c);
    return c;
}

static void forget(struct breaker *b, struct circuit *c)
{
    set_open(c, false);
    TAILQ_REMOVE(&b->by_age, c, link);
    HASH_DEL(b->circuits, c);
    free(c);
}

static struct circuit *add(const struct task *t, int number)
{
    struct breaker *b = t->gen->breaker;
    struct circuit *c;

    if (!b) {
        b = t->gen->breaker = xalloc(sizeof(*b));
        *b = (struct breaker){ 0 };
        TAILQ_INIT(&b->by_age);
    }
    if (HASH_COUNT(b->circuits) >= BREAKER_KEYS_MAX)
        forget(b, TAILQ_FIRST(&b->by_age));
    c = xalloc(sizeof(*c));
    *c = (struct circuit){ .key = { update_chat(&t->in->u), number } };
    HASH_ADD(hh, b->circuits, key, sizeof(c->key), c);
    TAILQ_INSERT_TAIL(&b->by_age, c, link);
    return c;
}

static void tell(const struct task *t, const struct circuit *c)
{
    const struct handler *h = &t->gen->handlers.list[c->key.number];
    struct buf fields = BUF_INIT;

    log_field_int(&fields, "chat", c->key.chat);
    log_field(&fields, "handler", slice_of(h->what));
    if (c->open)
        log_event(
            LOG_WARN, "script", fields.data,
            "%s (%s) failed %d times in a row in this chat, and is paused "
            "there: a try every %lld s",
            h->what, h->source, c->failures,
            (long long)(t->vm->limits.breaker_pause_ms / 1000));
    else
        log_event(LOG_INFO, "script", fields.data,
                  "%s (%s) works again in this chat", h->what, h->source);
    buf_release(&fields);
}

/* What it comes to is of interest, also if it calls next(). */
static bool let(struct task *t, int number)
{
    if (t->nsuspects < (int)ARRAY_LEN(t->suspects))
        t->suspects[t->nsuspects++] = number;
    return true;
}

bool breaker_lets(struct task *t, int number)
{
    struct circuit *c = find(t, number);
    int64_t now;

    if (!c)
        return true;
    if (!c->open)
        return let(t, number);
    now = loop_now_ms();
    if (now >= c->until_ms) { /* one try; what it comes to is told later */
        c->until_ms = now + t->vm->limits.breaker_pause_ms;
        return let(t, number);
    }
    metric_add(metric_plain(&paused_updates), 1);
    return false;
}

static void failed_again(const struct task *t, struct circuit *c)
{
    struct breaker *b = t->gen->breaker;

    TAILQ_REMOVE(&b->by_age, c, link);
    TAILQ_INSERT_TAIL(&b->by_age, c, link);
    c->failures++;
    if (c->failures < t->vm->limits.breaker_failures)
        return;
    c->until_ms = loop_now_ms() + t->vm->limits.breaker_pause_ms;
    if (c->open)
        return;
    set_open(c, true);
    tell(t, c);
}

static void went_well(const struct task *t, int number)
{
    struct circuit *c = find(t, number);
    bool was_open;

    if (!c)
        return;
    was_open = c->open;
    set_open(c, false);
    if (was_open)
        tell(t, c);
    forget(t->gen->breaker, c);
}

void breaker_ended(const struct task *t, bool failed)
{
    int number = t->handler_number - 1;
    struct circuit *c;

    if (number < 0 || !t->vm->limits.breaker_failures)
        return;
    if (failed) {
        c = find(t, number);
        failed_again(t, c ? c : add(t, number));
        return;
    }
    for (int i = 0; i < t->nsuspects; i++)
        went_well(t, t->suspects[i]);
}

void breaker_free(struct breaker *b)
{
    struct circuit *c, *next;

    if (!b)
        return;
    HASH_ITER (hh, b->circuits, c, next)
        forget(b, c);
    free(b);
}
