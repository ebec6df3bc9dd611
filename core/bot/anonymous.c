/*
 * anonymous.c - see anonymous.h.
 *
 * A string is cut into words (letters, digits, _ and all that is not ASCII), and
 * each is looked up. A name of several words is several names.
 */
#include "bot/anonymous.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <uthash.h>

#include "base/json.h"

struct name {
    char *word, *other; /* of the same length in UTF-16 units */
    TAILQ_ENTRY(name) link;
    UT_hash_handle hh;
};

struct anonymous {
    struct name *by_word;
    TAILQ_HEAD(, name) names; /* oldest first */
    int n;
    uint64_t made; /* so many there have been */
};

static const char *const name_keys[] = { "first_name",   "last_name",
                                         "username",     "title",
                                         "phone_number", "email" };

struct anonymous *anonymous_new(void)
{
    struct anonymous *a = xalloc(sizeof(*a));

    TAILQ_INIT(&a->names);
    return a;
}

static void forget(struct anonymous *a, struct name *name)
{
    HASH_DEL(a->by_word, name);
    TAILQ_REMOVE(&a->names, name, link);
    a->n--;
    free(name->word);
    free(name->other);
    free(name);
}

void anonymous_free(struct anonymous *a)
{
    struct name *name;

    if (!a)
        return;
    while ((name = TAILQ_FIRST(&a->names)))
        forget(a, name);
    free(a);
}

/* --- words ----------------------------------------------------------------------- */

static bool in_word(char c)
{
    return isalnum((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80;
}

/* The next word from *at on, which is moved behind it; false: none. */
static bool next_word(struct slice text, size_t *at, struct slice *word)
{
    size_t i = *at, start;

    while (i < text.n && !in_word(text.p[i]))
        i++;
    start = i;
    while (i < text.n && in_word(text.p[i]))
        i++;
    *at = i;
    *word = (struct slice){ text.p + start, i - start };
    return i > start;
}

/* In UTF-16 code units: what offsets of entities count. */
static size_t utf16_length(struct slice text)
{
    size_t n = 0;

    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];

        n += (c & 0xC0) != 0x80; /* where a character begins */
        n += c >= 0xF0;          /* one that has two units */
    }
    return n;
}

/* "baaac": as long as the word, and from the end a number in letters. */
static char *other_name(struct anonymous *a, struct slice word)
{
    size_t n = utf16_length(word);
    char *other = xalloc(n + 1);
    uint64_t number = a->made++;

    for (size_t i = n; i-- > 0; number /= 26)
        other[i] = (char)('a' + number % 26);
    if (n && isupper((unsigned char)*word.p))
        other[0] = (char)toupper((unsigned char)other[0]);
    return other;
}

static struct name *find(const struct anonymous *a, struct slice word)
{
    struct name *name;

    HASH_FIND(hh, a->by_word, word.p, word.n, name);
    return name;
}

static void add_name(struct anonymous *a, struct slice word, char *other)
{
    struct name *name = xalloc(sizeof(*name));

    name->word = slice_dup(word);
    name->other = other;
    HASH_ADD_KEYPTR(hh, a->by_word, name->word, word.n, name);
    TAILQ_INSERT_TAIL(&a->names, name, link);
    if (++a->n > ANONYMOUS_NAMES_MAX)
        forget(a, TAILQ_FIRST(&a->names));
}

static void learn(struct anonymous *a, struct slice names)
{
    struct slice word;
    size_t at = 0;

    while (next_word(names, &at, &word))
        if (!find(a, word))
            add_name(a, word, other_name(a, word));
}

void anonymous_keep(struct anonymous *a, const char *name)
{
    struct slice word = slice_of(name);

    if (word.n && !find(a, word))
        add_name(a, word, xstrdup(name));
}

/* --- texts -------------------------------------------------------------------------- */

static bool is_name_key(struct slice key)
{
    for (size_t i = 0; i < ARRAY_LEN(name_keys); i++)
        if (slice_eq(key, name_keys[i]))
            return true;
    return false;
}

static void learn_all(struct anonymous *a, struct slice value)
{
    struct json_iter it;
    struct buf text = BUF_INIT;

    json_iter_init(&it, value);
    while (json_iter_next(&it)) {
        buf_reset(&text);
        if (it.key.p && is_name_key(it.key) && json_to_text(it.value, &text))
            learn(a, buf_slice(&text));
        learn_all(a, it.value);
    }
    buf_release(&text);
}

static void add_renamed(struct anonymous *a, struct slice text, struct buf *out)
{
    struct slice word;
    size_t at = 0, done = 0;
    const struct name *name;

    while (next_word(text, &at, &word)) {
        name = find(a, word);
        if (!name)
            continue;
        buf_add_slice(out, (struct slice){ text.p + done,
                                           (size_t)(word.p - text.p) - done });
        buf_adds(out, name->other);
        done = at;
    }
    buf_add_slice(out, (struct slice){ text.p + done, text.n - done });
}

static void add_value(struct anonymous *a, struct slice value, struct buf *out)
{
    enum json_kind kind = json_kind(value);
    struct buf text = BUF_INIT, other = BUF_INIT;
    struct json_iter it;
    bool object = kind == JSON_OBJECT, first = true;

    if (kind == JSON_STRING) {
        json_to_text(value, &text);
        add_renamed(a, buf_slice(&text), &other);
        json_add_text(out, buf_slice(&other));
    } else if (object || kind == JSON_ARRAY) {
        buf_addc(out, object ? '{' : '[');
        json_iter_init(&it, value);
        while (json_iter_next(&it)) {
            buf_adds(out, first ? "" : ",");
            first = false;
            if (object)
                buf_addf(out, "\"%.*s\":", (int)it.key.n, it.key.p);
            add_value(a, it.value, out);
        }
        buf_addc(out, object ? '}' : ']');
    } else {
        buf_add_slice(out, value);
    }
    buf_release(&text);
    buf_release(&other);
}

void anonymous_add(struct anonymous *a, struct slice text, struct buf *out)
{
    learn_all(a, text);
    add_value(a, text, out);
}
