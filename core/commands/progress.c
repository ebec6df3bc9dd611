/* progress.c - see progress.h. */
#include "progress.h"

#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/log.h"
#include "io/loop.h"

#define BAR_EVERY_MS 100
#define LINE_EVERY_MS 5000
#define BAR_MIN 10
#define BAR_MAX 30

/* --- numbers ------------------------------------------------------------------ */

void show_number(struct buf *out, int64_t n)
{
    char digits[24];
    int len = snprintf(digits, sizeof(digits), "%lld", (long long)n);

    for (int i = 0; i < len; i++) {
        buf_addc(out, digits[i]);
        if (digits[i] != '-' && i < len - 1 && (len - 1 - i) % 3 == 0)
            buf_addc(out, ',');
    }
}

void show_duration(struct buf *out, int64_t ms)
{
    long long s = ms / 1000;

    if (s < 60)
        buf_addf(out, "%lld.%lld s", s, (long long)(ms % 1000 / 100));
    else if (s < 3600)
        buf_addf(out, "%lld min %lld s", s / 60, s % 60);
    else
        buf_addf(out, "%lld h %lld min", s / 3600, s % 3600 / 60);
}

/* --- the bar -------------------------------------------------------------------- */

static int percent_of(int64_t done, int64_t total)
{
    if (done >= total)
        return 100;
    return (int)(100.0 * (double)done / (double)total);
}

/* "81,300/s, 12.3 s left" */
static void add_rate(struct buf *out, int64_t done, int64_t total, int64_t ms)
{
    if (ms <= 0 || done <= 0)
        return;
    show_number(out, (int64_t)((double)done * 1000 / (double)ms));
    buf_adds(out, "/s");
    if (total > done) {
        buf_adds(out, ", ");
        show_duration(out, (int64_t)((double)ms * (double)(total - done) /
                                     (double)done));
        buf_adds(out, " left");
    }
}

static void add_bar(struct buf *out, int width, int percent)
{
    int full = width * percent / 100;

    buf_addc(out, '[');
    for (int i = 0; i < width; i++)
        buf_addc(out, i < full ? '#' : '-');
    buf_adds(out, "] ");
}

/* "520,000 of 1,000,000 chats upgraded" */
static void add_counts(struct buf *out, const char *what, int64_t done,
                       int64_t total)
{
    show_number(out, done);
    if (total >= 0) {
        buf_adds(out, " of ");
        show_number(out, total);
    }
    buf_addf(out, " %s", what);
}

void progress_line(struct buf *out, int width, const char *what, int64_t done,
                   int64_t total, int64_t ms)
{
    struct buf counts = BUF_INIT, rate = BUF_INIT, line = BUF_INIT;
    int room;

    add_counts(&counts, what, done, total);
    add_rate(&rate, done, total, ms);
    if (total > 0)
        buf_addf(&line, "%3d%%", percent_of(done, total));
    if ((int)(line.len + counts.len) + 2 <= width)
        buf_addf(&line, "%s%s", line.len ? "  " : "", counts.data);
    if (rate.len && (int)(line.len + rate.len) + 2 <= width)
        buf_addf(&line, "%s%s", line.len ? "  " : "", rate.data);
    room = width - (int)line.len - 3;
    if (total > 0 && room >= BAR_MIN)
        add_bar(out, room < BAR_MAX ? room : BAR_MAX, percent_of(done, total));
    if ((int)line.len <= width)
        buf_add_slice(out, buf_slice(&line));
    buf_release(&counts);
    buf_release(&rate);
    buf_release(&line);
}

/* --- where it is shown -------------------------------------------------------------- */

static int terminal_width(void)
{
    struct winsize size;

    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
        return 80;
    return size.ws_col;
}

/* The cursor goes back to the line's beginning: what is logged covers the bar. */
static void draw(struct progress *p)
{
    struct buf line = BUF_INIT;

    progress_line(&line, terminal_width() - 1, p->what, p->done, p->total,
                  progress_elapsed_ms(p));
    fprintf(stderr, "\r%s\033[K\r", line.data);
    buf_release(&line);
    p->drawn = true;
}

static void say(const struct progress *p)
{
    struct buf line = BUF_INIT, rate = BUF_INIT;

    add_counts(&line, p->what, p->done, p->total);
    add_rate(&rate, p->done, p->total, progress_elapsed_ms(p));
    if (rate.len)
        buf_addf(&line, " (%s)", rate.data);
    fprintf(stderr, "%s\n", line.data);
    buf_release(&line);
    buf_release(&rate);
}

static void on_log(enum log_level level, const char *area, const char *message,
                   const char *fields, void *arg)
{
    struct progress *p = arg;

    (void)level, (void)area, (void)message, (void)fields;
    if (p->drawn)
        draw(p);
}

void progress_begin(struct progress *p, const char *what)
{
    *p = (struct progress){
        .what = what,
        .on_terminal = isatty(STDERR_FILENO),
        .began_ms = loop_now_ms(),
        .shown_ms = loop_now_ms(),
    };
    if (p->on_terminal)
        log_set_sink(on_log, p);
}

int64_t progress_elapsed_ms(const struct progress *p)
{
    return loop_now_ms() - p->began_ms;
}

void progress_show(struct progress *p, int64_t done, int64_t total)
{
    int64_t now = loop_now_ms();

    p->done = done;
    p->total = total >= 0 && total < done ? done : total;
    if (now - p->shown_ms < (p->on_terminal ? BAR_EVERY_MS : LINE_EVERY_MS))
        return;
    p->shown_ms = now;
    if (p->on_terminal)
        draw(p);
    else
        say(p);
}

void progress_end(struct progress *p)
{
    if (p->on_terminal)
        log_set_sink(NULL, NULL);
    if (p->drawn)
        fprintf(stderr, "\r\033[K");
    p->drawn = false;
}
