/* hang.c - see hang.h. The handler runs in the middle of anything: it calls what a
 * signal handler may call, and reads a task that can't change meanwhile. */
#include "script/hang.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "script/task.h"
#include "script/watchdog.h"

#define LOOKS 10 /* in that time */

static struct {
    unsigned run; /* that was under way at the last look */
    int looks;    /* at which it was the same */
    int seconds;
} g;

struct line {
    char text[400];
    size_t n;
};

static void add(struct line *line, const char *text)
{
    size_t n = strlen(text);

    if (n > sizeof(line->text) - line->n)
        n = sizeof(line->text) - line->n;
    memcpy(line->text + line->n, text, n);
    line->n += n;
}

static void add_int(struct line *line, int64_t value)
{
    char digits[24], *p = digits + sizeof(digits);
    uint64_t left = value < 0 ? -(uint64_t)value : (uint64_t)value;

    *--p = '\0';
    do
        *--p = (char)('0' + left % 10);
    while (left /= 10);
    if (value < 0)
        *--p = '-';
    add(line, p);
}

static void add_task(struct line *line, const struct task *t)
{
    const struct incoming *in = t->in;

    add(line, t->handler ? t->handler : "a handler");
    if (in && !in->origin) {
        add(line, " update=");
        add_int(line, in->u.id);
    }
    if (in && in->u.chat_id) {
        add(line, " chat=");
        add_int(line, in->u.chat_id);
    }
}

static void give_up(const struct task *t)
{
    struct line line = { .n = 0 };

    add(&line, "error script: hung in a C function for ");
    add_int(&line, g.seconds);
    add(&line, " s (WATCHDOG_S): ");
    if (t)
        add_task(&line, t);
    else
        add(&line, "the scripts, while they were loaded");
    add(&line, "; the program ends, to be started again\n");
    if (write(STDERR_FILENO, line.text, line.n) < 0) {
        /* nobody can be told */
    }
    signal(SIGABRT, SIG_DFL);
    abort();
}

static void on_alarm(int number)
{
    const struct task *t;
    unsigned run = watchdog_run(&t);

    (void)number;
    if (!run || run != g.run) {
        g.run = run;
        g.looks = 0;
    } else if (++g.looks >= LOOKS) {
        give_up(t);
    }
}

void hang_watch(int seconds)
{
    struct sigaction action = { .sa_handler = on_alarm,
                                .sa_flags = SA_RESTART };
    int ms = seconds * 1000 / LOOKS;
    struct itimerval every = { { ms / 1000, ms % 1000 * 1000 },
                               { ms / 1000, ms % 1000 * 1000 } };

    g.seconds = seconds;
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &every, NULL);
}
