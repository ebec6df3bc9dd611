/*
 * metrics.c - see metrics.h.
 *
 * The page's format: https://prometheus.io/docs/instrumenting/exposition_formats/
 */
#include "base/metrics.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/clock.h"
#include "base/json.h"

#define VALUE_MAX 120 /* bytes of a label's value */

const int64_t metric_times[] = {
    500,    1000,   2500,    5000,    10000,    25000,    50000,
    100000, 250000, 1000000, 2500000, 10000000, 60000000, INT64_MAX,
};

struct metric_series_private {
    char *key;    /* the values, each with its NUL */
    char *labels; /* as on the page, without braces: kind="message",… */
    metric_read_fn read;
    void *arg;
    struct metric_series series;
    UT_hash_handle hh;
};

static struct metric *first, **last = &first;

int64_t metric_clock_us(void)
{
    return clock_steady_ns() / 1000;
}

/* --- series ---------------------------------------------------------------------- */

static size_t count_labels(const struct metric *m)
{
    size_t n = 0;

    while (n < METRIC_LABELS_MAX && m->labels[n])
        n++;
    return n;
}

static int count_limits(const struct metric *m)
{
    int n = 0;

    while (m->limits[n] != INT64_MAX) {
        assert(m->limits[n] < m->limits[n + 1]);
        n++;
    }
    return n + 1;
}

static void list(struct metric *m)
{
    m->listed = true;
    m->next = NULL;
    if (!m->limits)
        m->limits = metric_times;
    m->nlimits = m->type == METRIC_HISTOGRAM ? count_limits(m) : 0;
    *last = m;
    last = &m->next;
}

static bool is_clean(const char *value)
{
    size_t n = 0;

    while (value[n] && (unsigned char)value[n] < 0x80)
        n++;
    return !value[n] && n <= VALUE_MAX;
}

/* Values come from scripts: any bytes, any length. Made UTF-8 and short before
 * they are looked up: no two series may look the same on the page. */
static void clean(char to[VALUE_MAX + 1], const char *value)
{
    struct buf text = BUF_INIT;
    size_t n;

    json_add_clean(&text, slice_of(value));
    n = text.len < VALUE_MAX ? text.len : VALUE_MAX;
    while (n < text.len && ((unsigned char)text.data[n] & 0xC0) == 0x80)
        n--;
    memcpy(to, text.data, n);
    to[n] = '\0';
    buf_release(&text);
}

static void add_escaped(struct buf *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '\n')
            buf_adds(out, "\\n");
        else if (*text == '"' || *text == '\\')
            buf_addf(out, "\\%c", *text);
        else
            buf_addc(out, *text);
    }
}

static char *write_labels(const struct metric *m, const char *const *values,
                          size_t n)
{
    struct buf out = BUF_INIT;

    for (size_t i = 0; i < n; i++) {
        buf_addf(&out, "%s%s=\"", i ? "," : "", m->labels[i]);
        add_escaped(&out, values[i]);
        buf_addc(&out, '"');
    }
    return buf_detach(&out);
}

struct key {
    char text[METRIC_LABELS_MAX * (VALUE_MAX + 1)];
    size_t len;
};

static struct metric_series_private *find(const struct metric *m,
                                          const struct key *key)
{
    struct metric_series_private *known = m->series ? m->series->more : NULL;
    struct metric_series_private *found;

    HASH_FIND(hh, known, key->text, key->len, found);
    return found;
}

static struct metric_series *make(struct metric *m, const struct key *key,
                                  const char *const *values, size_t n)
{
    struct metric_series_private *p = xalloc(sizeof(*p));
    struct metric_series_private *known = m->series ? m->series->more : NULL;

    p->key = xalloc(key->len + 1);
    memcpy(p->key, key->text, key->len);
    p->labels = write_labels(m, values, n);
    p->series.more = p;
    p->series.limits = m->limits;
    if (m->nlimits)
        p->series.buckets = xalloc((size_t)m->nlimits * sizeof(uint64_t));
    HASH_ADD_KEYPTR(hh, known, p->key, key->len, p);
    m->series = &known->series;
    m->nseries++;
    return &p->series;
}

/* values are clean: none is longer than VALUE_MAX. */
static struct metric_series *get(struct metric *m, const char *const *values,
                                 size_t n, bool may_make)
{
    struct metric_series_private *found;
    struct key key;
    char *end = key.text;

    for (size_t i = 0; i < n; i++)
        end = stpcpy(end, values[i]) + 1;
    key.len = (size_t)(end - key.text);
    found = find(m, &key);
    if (found)
        return &found->series;
    return may_make ? make(m, &key, values, n) : NULL;
}

/* There is no more room: the first label is the one that may have many values,
 * the others are of small sets; should they not be, they give way too. */
static struct metric_series *
get_other(struct metric *m, const char *const *values, size_t n, int max)
{
    const char *other[METRIC_LABELS_MAX] = { "other" };
    struct metric_series *series;

    for (size_t i = 1; i < n; i++)
        other[i] = values[i];
    series = get(m, other, n, m->nseries < 2 * max);
    for (size_t i = 1; i < n; i++)
        other[i] = "other";
    return series ? series : get(m, other, n, true);
}

struct metric_series *metric_of_values(struct metric *m,
                                       const char *const *values, size_t n)
{
    int max = m->series_max ? m->series_max : METRIC_SERIES_MAX;
    char cleaned[METRIC_LABELS_MAX][VALUE_MAX + 1];
    const char *v[METRIC_LABELS_MAX];
    struct metric_series *series;

    if (!m->listed)
        list(m);
    assert(n == count_labels(m));
    for (size_t i = 0; i < n; i++) {
        v[i] = values[i];
        if (!is_clean(v[i])) {
            clean(cleaned[i], v[i]);
            v[i] = cleaned[i];
        }
    }
    series = get(m, v, n, n == 0 || m->nseries < max);
    return series ? series : get_other(m, v, n, max);
}

struct metric_series *metric_plain(struct metric *m)
{
    return m->listed && m->series ? m->series : metric_of_values(m, NULL, 0);
}

void metric_read_from(struct metric_series *series, metric_read_fn read,
                      void *arg)
{
    series->more->read = read;
    series->more->arg = arg;
}

void metric_forget_reads(const void *arg)
{
    for (const struct metric *m = first; m; m = m->next) {
        struct metric_series_private *p;

        for (p = m->series ? m->series->more : NULL; p; p = p->hh.next)
            if (p->arg == arg)
                metric_read_from(&p->series, NULL, NULL);
    }
}

const char *metric_value(const struct metric_series *series, size_t label)
{
    const char *value = series->more->key;

    while (label--)
        value += strlen(value) + 1;
    return value;
}

static void free_series(struct metric *m)
{
    struct metric_series_private *known = m->series ? m->series->more : NULL;
    struct metric_series_private *p, *next;

    HASH_ITER (hh, known, p, next) {
        HASH_DEL(known, p);
        free(p->key);
        free(p->labels);
        free(p->series.buckets);
        free(p);
    }
    m->series = NULL;
    m->nseries = 0;
}

void metrics_release(void)
{
    struct metric *m;

    while ((m = first)) {
        first = m->next;
        m->listed = false;
        free_series(m);
    }
    last = &first;
}

/* --- the page -------------------------------------------------------------------- */

static void add_number(struct buf *out, double d)
{
    bool finite = true;

    if (d == floor(d) && fabs(d) < 9e15)
        buf_add_int(out, (int64_t)d);
    else
        json_add_double(out, d, &finite);
    if (!finite)
        buf_adds(out, isnan(d) ? "NaN" : d > 0 ? "+Inf" : "-Inf");
}

static void add_sample(struct buf *out, const struct metric *m,
                       const struct metric_series *series, const char *suffix,
                       const char *le)
{
    const char *labels = series->more->labels;

    buf_addf(out, "%s%s", m->name, suffix);
    if (labels[0] || le)
        buf_addf(out, "{%s%s", labels, labels[0] && le ? "," : "");
    if (le)
        buf_addf(out, "le=\"%s\"", le);
    buf_adds(out, labels[0] || le ? "} " : " ");
}

static void add_histogram(struct buf *out, const struct metric *m,
                          const struct metric_series *series)
{
    struct buf le = BUF_INIT;
    uint64_t count = 0;

    for (int i = 0; i < m->nlimits; i++) {
        buf_reset(&le);
        if (m->limits[i] == INT64_MAX)
            buf_adds(&le, "+Inf");
        else
            json_add_double(&le, (double)m->limits[i] / 1e6, NULL);
        count += series->buckets[i];
        add_sample(out, m, series, "_bucket", le.data);
        buf_addf(out, "%llu\n", (unsigned long long)count);
    }
    add_sample(out, m, series, "_sum", NULL);
    add_number(out, (double)series->sum / 1e6);
    buf_addc(out, '\n');
    add_sample(out, m, series, "_count", NULL);
    buf_addf(out, "%llu\n", (unsigned long long)count);
    buf_release(&le);
}

static void add_value(struct buf *out, const struct metric *m,
                      const struct metric_series *series)
{
    const struct metric_series_private *p = series->more;

    add_sample(out, m, series, "", NULL);
    if (p->read)
        add_number(out, p->read(p->arg));
    else
        buf_addf(out, "%llu", (unsigned long long)series->n);
    buf_addc(out, '\n');
}

static void add_help(struct buf *out, const struct metric *m)
{
    static const char *const types[] = { "counter", "gauge", "histogram" };

    buf_addf(out, "# HELP %s ", m->name);
    for (const char *p = m->help; *p; p++) {
        if (*p == '\n')
            buf_adds(out, "\\n");
        else if (*p == '\\')
            buf_adds(out, "\\\\");
        else
            buf_addc(out, *p);
    }
    buf_addf(out, "\n# TYPE %s %s\n", m->name, types[m->type]);
}

void metrics_render(struct buf *out)
{
    for (const struct metric *m = first; m; m = m->next) {
        const struct metric_series_private *p;

        add_help(out, m);
        for (p = m->series->more; p; p = p->hh.next) {
            if (m->type == METRIC_HISTOGRAM)
                add_histogram(out, m, &p->series);
            else
                add_value(out, m, &p->series);
        }
    }
}
