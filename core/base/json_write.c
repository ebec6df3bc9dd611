/* json_write.c - writing JSON text; see json.h. */
#include "base/json.h"

#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>

#include "base/json_scan.h"

/* --- strings ---------------------------------------------------------------- */

static void add_escape(struct buf *out, char c)
{
    static const char hex[] = "0123456789abcdef";
    char text[6] = { '\\', 'u', '0', '0' };

    switch (c) {
    case '\b': text[1] = 'b'; break;
    case '\f': text[1] = 'f'; break;
    case '\n': text[1] = 'n'; break;
    case '\r': text[1] = 'r'; break;
    case '\t': text[1] = 't'; break;
    case '"':
    case '\\': text[1] = c; break;
    default:
        text[4] = hex[c >> 4 & 1];
        text[5] = hex[c & 15];
        break;
    }
    buf_add(out, text, text[1] == 'u' ? 6 : 2);
}

/* Append quoted up to the first byte that is not UTF-8, which is returned (or
 * the end). The quotes are the caller's. */
static const char *add_valid(struct buf *out, const char *p, const char *end)
{
    const char *run = p; /* what is to be copied as it is begins here */
    size_t n;

    for (;;) {
        p = json_skip_plain(p, end);
        if (p == end)
            break;
        if ((unsigned char)*p >= 0x80) {
            n = json_utf8_size(p, end);
            if (n == 0)
                break;
            p += n;
            continue;
        }
        buf_add(out, run, (size_t)(p - run));
        add_escape(out, *p);
        run = ++p;
    }
    buf_add(out, run, (size_t)(p - run));
    return p;
}

bool json_add_string(struct buf *out, struct slice text, struct err *err)
{
    size_t old = out->len;
    const char *p = text.n ? text.p : "", *end = p + text.n, *bad;

    buf_reserve(out, text.n + 2);
    buf_addc(out, '"');
    bad = add_valid(out, p, end);
    if (bad < end) {
        out->len = old;
        out->data[old] = '\0';
        return err_set(err, ERR_JSON, "bad UTF-8 at byte %zu",
                       (size_t)(bad - p) + 1);
    }
    buf_addc(out, '"');
    return true;
}

void json_add_text(struct buf *out, struct slice text)
{
    const char *p = text.n ? text.p : "", *end = p + text.n;

    buf_reserve(out, text.n + 2);
    buf_addc(out, '"');
    while ((p = add_valid(out, p, end)) < end) {
        buf_adds(out, "\xEF\xBF\xBD");
        p++;
    }
    buf_addc(out, '"');
}

void json_add_clean(struct buf *out, struct slice text)
{
    const char *p = text.n ? text.p : "", *end = p + text.n;

    buf_reserve(out, text.n);
    while (p < end) {
        size_t n = (unsigned char)*p < 0x80 ? 1 : json_utf8_size(p, end);

        if (n)
            buf_add(out, p, n);
        else
            buf_adds(out, "\xEF\xBF\xBD");
        p += n ? n : 1;
    }
}

/* --- numbers ------------------------------------------------------------------ */

void json_add_double(struct buf *out, double d, bool *finite)
{
    /* 15 digits are always enough to begin with, but for the numbers next to 0 */
    int digits = fabs(d) < DBL_MIN ? 1 : 15, n;
    char text[40];
    locale_t c_locale, old;

    if (finite)
        *finite = isfinite(d);
    if (!isfinite(d))
        return;
    c_locale = newlocale(LC_ALL_MASK, "C", NULL);
    old = uselocale(c_locale);
    do
        n = snprintf(text, sizeof(text), "%.*g", digits, d);
    while (++digits <= 17 && json_scan_double(text, text + n) != d);
    uselocale(old);
    freelocale(c_locale);
    buf_add(out, text, (size_t)n);
    if (!strpbrk(text, ".e"))
        buf_adds(out, ".0");
}

/* --- changing ------------------------------------------------------------------- */

/* The last member with this raw key, as in json_get(). */
static struct slice get_raw(struct slice object, struct slice raw)
{
    struct slice found = SLICE_NONE;
    struct json_iter it;

    json_iter_init(&it, object);
    if (!it.object)
        return SLICE_NONE;
    while (json_iter_next(&it))
        if (json_same_text(it.key, raw))
            found = it.value;
    return found;
}

static void add_key(struct buf *out, struct slice raw)
{
    if (out->data[out->len - 1] != '{')
        buf_addc(out, ',');
    buf_addc(out, '"');
    buf_add_slice(out, raw);
    buf_adds(out, "\":");
}

/* The member path[0] as it will be; old is what it was, or SLICE_NONE. */
static void add_new(struct buf *out, struct slice old, const struct slice *path,
                    size_t n, struct slice value)
{
    size_t begin = out->len;

    if (!value.p && (n == 1 || !old.p))
        return;
    add_key(out, path[0]);
    if (n == 1)
        buf_add_slice(out, value);
    else if (!value.p && json_kind(old) != JSON_OBJECT)
        buf_add_slice(out, old); /* nothing there to remove */
    else
        json_add_changed(out, old, path + 1, n - 1, value);
    if (!value.p && out->len - begin >= 2 &&
        memcmp(out->data + out->len - 2, "{}", 2) == 0) {
        out->len = begin;
        out->data[begin] = '\0';
    }
}

void json_add_changed(struct buf *out, struct slice object,
                      const struct slice *path, size_t n, struct slice value)
{
    struct slice old = get_raw(object, path[0]);
    struct json_iter it;

    buf_addc(out, '{');
    json_iter_init(&it, object);
    while (it.object && json_iter_next(&it)) {
        if (it.value.p == old.p) {
            add_new(out, old, path, n, value);
        } else if (!json_same_text(it.key, path[0])) {
            add_key(out, it.key);
            buf_add_slice(out, it.value);
        }
    }
    if (!old.p)
        add_new(out, old, path, n, value);
    buf_addc(out, '}');
}
