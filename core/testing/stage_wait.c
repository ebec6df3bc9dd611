/* stage_wait.c - waiting until the bot is idle, and being told to end: see stage.h. */
#include "stage_int.h"

#include <signal.h>

#include "bot/testing.h"
#include "io/pg_fault.h"

/* So often it is looked whether somebody wants us to end. */
#define LOOK_MS 50

/* --- being told to end --------------------------------------------------------- */

static volatile sig_atomic_t interrupted;
static bool was_interrupted; /* before the tables were dropped */

static void on_signal(int number)
{
    (void)number;
    interrupted = 1;
}

void stage_watch_signals(void)
{
    static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };
    struct sigaction action = { .sa_handler = on_signal,
                                .sa_flags = (int)SA_RESETHAND };

    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        sigaction(numbers[i], &action, NULL);
}

bool stage_is_interrupted(void)
{
    return interrupted || was_interrupted;
}

void stage_put_off_end(void)
{
    was_interrupted = stage_is_interrupted();
    interrupted = 0;
}

/* --- waiting --------------------------------------------------------------------- */

bool stage_turn(struct stage *stage, int64_t until_ms, struct err *err)
{
    if (interrupted)
        return err_set(err, ERR_CANCELLED, "interrupted");
    if (loop_real_ms() >= until_ms)
        return err_set(err, ERR_TIMEOUT, "no answer within %lld s",
                       (long long)stage->options.timeout_ms / 1000);
    loop_once(stage->loop, LOOK_MS);
    return true;
}

bool stage_wait(struct stage *stage, struct op *op, struct err *err)
{
    int64_t until_ms = loop_real_ms() + stage->options.timeout_ms;

    while (op->state != OP_DONE)
        if (!stage_turn(stage, until_ms, err))
            return false;
    if (op->err.kind)
        *err = op->err;
    return !op->err.kind;
}

/* What waits for the end of a fault, or for time. */
static int held(const struct stage *stage)
{
    return pg_fault_held() + sites_held(stage->sites);
}

/* Nothing is under way but the poll, if there is one, and what is held. */
static bool is_quiet(const struct stage *stage, struct simulator_rest rest)
{
    return loop_is_idle(stage->loop) &&
           loop_outside(stage->loop) == rest.polls + held(stage) &&
           rest.calls == rest.polls && loop_next_timer_ms(stage->loop) != 0 &&
           pg_fault_next_ms() != 0;
}

static bool is_idle(const struct stage *stage)
{
    struct simulator_rest rest = simulator_rest(stage->sim, BOT_ID);

    return is_quiet(stage, rest) && rest.polls == 1 && host_is_up(stage->host);
}

/* Quiet, where the database holds up the bot's start or its next poll. */
static bool is_held_up(const struct stage *stage)
{
    return pg_fault_held() > 0 && host_is_at_rest(stage->host) &&
           is_quiet(stage, simulator_rest(stage->sim, BOT_ID));
}

/* Nothing happens any more, whatever the sockets have. */
static bool is_settled(struct stage *stage)
{
    if (is_idle(stage)) {
        loop_once(stage->loop, 0);
        return is_idle(stage);
    }
    if (!is_held_up(stage))
        return false;
    host_hurry(stage->host);
    loop_once(stage->loop, 0);
    return is_held_up(stage);
}

/* The last thing it complained about, for an error of ours. */
static void add_complaint(const struct stage *stage, struct buf *out)
{
    const char *last = NULL;

    for (const struct stage_line *l = stage->lines; l; l = l->next)
        if (l->level >= LOG_WARN)
            last = l->text;
    if (last)
        buf_addf(out, "; it says: %s", last);
}

static bool say_busy(const struct stage *stage, struct err *err)
{
    struct simulator_rest rest = simulator_rest(stage->sim, BOT_ID);
    struct buf what = BUF_INIT;

    host_describe(stage->host, &what);
    if (rest.calls > rest.polls)
        buf_addf(&what, ", %d calls to the Bot API", rest.calls - rest.polls);
    if (loop_outside(stage->loop) > rest.calls)
        buf_addf(&what, ", %d queries or requests",
                 loop_outside(stage->loop) - rest.calls);
    add_complaint(stage, &what);
    err_set(err, ERR_TIMEOUT, "the bot was not idle after %lld s: %s",
            (long long)stage->options.timeout_ms / 1000, what.data);
    buf_release(&what);
    return false;
}

static bool say_stopped(const struct stage *stage, struct err *err)
{
    struct buf what = BUF_INIT;

    add_complaint(stage, &what);
    err_set(err, ERR_SCRIPT, "the bot has stopped%s", what.data);
    buf_release(&what);
    return false;
}

bool stage_settle(struct stage *stage, struct err *err)
{
    int64_t until_ms = loop_real_ms() + stage->options.timeout_ms;
    struct err why = ERR_INIT;

    for (;;) {
        if (is_settled(stage))
            return true;
        if (host_is_stopped(stage->host))
            return say_stopped(stage, err);
        if (is_quiet(stage, simulator_rest(stage->sim, BOT_ID)))
            host_hurry(stage->host);
        if (!stage_turn(stage, until_ms, &why))
            return why.kind == ERR_TIMEOUT
                       ? say_busy(stage, err)
                       : err_set(err, why.kind, "%s", why.text);
    }
}

static int64_t next_ms(const struct stage *stage)
{
    int64_t timer = loop_next_timer_ms(stage->loop), query = pg_fault_next_ms();

    return timer < 0 || (query >= 0 && query < timer) ? query : timer;
}

bool stage_advance(struct stage *stage, int64_t ms, struct err *err)
{
    while (ms > 0) {
        int64_t next = next_ms(stage);

        if (next < 0 || next > ms)
            next = ms;
        loop_advance(stage->loop, next);
        pg_fault_advance(next);
        ms -= next;
        if (!stage_settle(stage, err))
            return false;
    }
    return true;
}
