/*
 * metrics.h - numbers about the running program, for GET /metrics.
 *
 * A metric is a family of series that differ in the values of its labels. It is
 * static storage; a series is asked for once and its pointer kept:
 *
 *     static struct metric waits = {
 *         .name = "moonpost_pace_waits_total",
 *         .help = "Calls that had to wait for a flood limit.",
 *         .type = METRIC_COUNTER,
 *         .labels = { "limit" },
 *     };
 *     sender->waits_chat = metric_of(&waits, "chat");      once
 *     metric_add(sender->waits_chat, 1);                   an addition, no more
 *
 * Labels are words of small sets, or names that grow with what scripts do: past
 * series_max series, the first label becomes "other". So memory and the page
 * stay bounded. Names: moonpost_what_unit, counters end in _total, times are in
 * seconds on the page and in microseconds here.
 *
 * One registry for the process, as with the log. metrics_release() forgets all
 * series: whoever made them must not use them after that.
 */
#ifndef BASE_METRICS_H
#define BASE_METRICS_H

#include "base/buf.h"

#define METRIC_LABELS_MAX 3
#define METRIC_SERIES_MAX 100 /* of a metric that says nothing else */

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

struct metric_series;

struct metric {
    const char *name, *help;
    enum metric_type type;
    const char *labels[METRIC_LABELS_MAX]; /* their names; NULL: no more */
    /* HISTOGRAM: upper limits of its buckets in µs, ascending, and after them
     * INT64_MAX. NULL: metric_times. */
    const int64_t *limits;
    int series_max; /* 0: METRIC_SERIES_MAX */
    /* private */
    struct metric_series *series; /* by their labels' values */
    struct metric *next;
    int nseries, nlimits;
    bool listed;
};

/* From 0.5 ms to a minute, for what waits on networks and people's code. */
extern const int64_t metric_times[];

struct metric_series {
    uint64_t n;   /* a COUNTER's value */
    uint64_t sum; /* a HISTOGRAM's, in µs */
    const int64_t *limits;
    struct metric_series_private *more;
    uint64_t *buckets; /* a HISTOGRAM's, not cumulative */
};

/*
 * The series with these values of the labels (C strings, as many as the metric
 * has labels; copied); made if it is new, with 0. A look-up in a hash: keep the
 * pointer where it matters. Never NULL.
 */
#define metric_of(metric, ...)                                                 \
    metric_of_values((metric), (const char *const[]){ __VA_ARGS__ },           \
                     sizeof((const char *const[]){ __VA_ARGS__ }) /            \
                         sizeof(const char *))
struct metric_series *metric_of_values(struct metric *metric,
                                       const char *const *values, size_t n);
/* Of a metric without labels. */
struct metric_series *metric_plain(struct metric *metric);

/* A COUNTER or GAUGE whose value is somewhere else: read when it is asked for. */
typedef double (*metric_read_fn)(void *arg);
void metric_read_from(struct metric_series *series, metric_read_fn read,
                      void *arg);
/* What is read with this arg is no more: 0 from now on. */
void metric_forget_reads(const void *arg);
/* The value of the label numbered from 0, as it was given. Borrowed. */
const char *metric_value(const struct metric_series *series, size_t label);

static inline void metric_add(struct metric_series *series, uint64_t n)
{
    series->n += n;
}

/* Of a HISTOGRAM: count a time, in microseconds; below 0 is 0. */
static inline void metric_observe(struct metric_series *series, int64_t us)
{
    int i = 0;

    if (us < 0)
        us = 0;
    while (us > series->limits[i])
        i++;
    series->buckets[i]++;
    series->sum += (uint64_t)us;
}

/* A clock for metric_observe(), in µs: never jumps; some 20 ns. */
int64_t metric_clock_us(void);

/* Append the page: Prometheus' text format, version 0.0.4. */
#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"
void metrics_render(struct buf *out);
/* Forget all series, and what is read from elsewhere. */
void metrics_release(void);

#endif
