/*
 * entities_find.c - what Telegram finds in plain text by itself: commands,
 * mentions, hashtags, cashtags, links, e-mail addresses, phone numbers. Close to
 * the server's rules, not all of them: links without a scheme need one of the
 * common top-level domains.
 */
#include "simulator/entities_int.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static char at(struct slice s, size_t i)
{
    return i < s.n ? s.p[i] : '\0';
}

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

static bool is_alnum(char c)
{
    return isalnum((unsigned char)c) != 0;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static size_t run(struct slice s, size_t i, bool (*is)(char), size_t max)
{
    size_t n = 0;

    while (i + n < s.n && n <= max && is(s.p[i + n]))
        n++;
    return n > max ? 0 : n;
}

/* Letters beyond ASCII belong to words: all that is no punctuation, space or
 * symbol, roughly. Returns the bytes of the code point, or 0. */
static size_t wide_letter(struct slice s, size_t i)
{
    unsigned char a = (unsigned char)at(s, i), b = (unsigned char)at(s, i + 1);

    if (a < 0xC3 || a >= 0xF0)
        return 0;
    if (a == 0xE2 || (a == 0xE3 && b == 0x80) || (a == 0xEF && b >= 0xB8))
        return 0; /* U+2000…2FFF, U+3000…303F, U+FE00… */
    return a < 0xE0 ? 2 : 3;
}

/* Is the byte before i part of a word? */
static bool word_before(struct slice s, size_t i)
{
    return i > 0 && (is_word(s.p[i - 1]) || (unsigned char)s.p[i - 1] >= 0x80);
}

/* Each find_x(): the length in bytes of what begins at i, or 0. */

static size_t find_command(struct slice s, size_t i)
{
    size_t n, bot;

    if (at(s, i) != '/' || word_before(s, i) ||
        (i > 0 && strchr("/<>", s.p[i - 1])))
        return 0;
    n = run(s, i + 1, is_word, 64);
    if (!n)
        return 0;
    n++;
    bot = at(s, i + n) == '@' ? run(s, i + n + 1, is_word, 32) : 0;
    if (bot >= 3)
        n += bot + 1;
    return at(s, i + n) && strchr("/<>", at(s, i + n)) ? 0 : n;
}

static size_t find_mention(struct slice s, size_t i)
{
    size_t n;

    if (at(s, i) != '@' || word_before(s, i))
        return 0;
    n = run(s, i + 1, is_word, 32);
    return n >= 3 && !is_digit(s.p[i + 1]) ? n + 1 : 0;
}

static size_t find_hashtag(struct slice s, size_t i)
{
    size_t n = 1;
    bool letter = false;

    if (at(s, i) != '#' || word_before(s, i))
        return 0;
    while (i + n < s.n) {
        size_t wide = wide_letter(s, i + n);

        if (!wide && !is_word(s.p[i + n]))
            break;
        letter = letter || wide || !is_digit(s.p[i + n]);
        n += wide ? wide : 1;
    }
    if (!letter || n > 256 || at(s, i + n) == '#')
        return 0;
    if (at(s, i + n) == '@' && run(s, i + n + 1, is_word, 32) >= 3)
        n += run(s, i + n + 1, is_word, 32) + 1;
    return n;
}

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static size_t find_cashtag(struct slice s, size_t i)
{
    size_t n;

    if (at(s, i) != '$' || word_before(s, i) || (i > 0 && s.p[i - 1] == '$'))
        return 0;
    n = run(s, i + 1, is_upper, 8);
    return n && !is_word(at(s, i + n + 1)) && at(s, i + n + 1) != '$' ? n + 1
                                                                      : 0;
}

static size_t find_phone(struct slice s, size_t i)
{
    size_t n = 1, digits = 0, end = 0;

    if (at(s, i) != '+' || word_before(s, i))
        return 0;
    for (; i + n < s.n && n < 30; n++) {
        if (is_digit(s.p[i + n])) {
            digits++;
            end = n + 1;
        } else if (!strchr(" -()", s.p[i + n]) || n == 1) {
            break;
        }
    }
    return digits >= 7 && digits <= 15 && !is_word(at(s, i + end)) ? end : 0;
}

static bool is_host(char c)
{
    return isalnum((unsigned char)c) || c == '-' || c == '.';
}

static bool known_tld(struct slice tld)
{
    static const char *const known[] = {
        "com",  "org", "net", "edu", "gov", "info", "io",     "me",
        "dev",  "app", "ru",  "de",  "fr",  "uk",   "it",     "es",
        "eu",   "ch",  "at",  "nl",  "pl",  "ua",   "by",     "kz",
        "in",   "cn",  "jp",  "br",  "us",  "tv",   "co",     "biz",
        "name", "xyz", "ai",  "ly",  "tg",  "site", "online",
    };

    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (tld.n == strlen(known[i]) &&
            strncasecmp(tld.p, known[i], tld.n) == 0)
            return true;
    return false;
}

/* A host name at i: its length, without a final dot; *tld its last label. */
static size_t host(struct slice s, size_t i, struct slice *tld)
{
    size_t n = 0, label;

    while (is_host(at(s, i + n)))
        n++;
    while (n && (s.p[i + n - 1] == '.' || s.p[i + n - 1] == '-'))
        n--;
    for (label = n; label > 0 && s.p[i + label - 1] != '.'; label--)
        continue;
    *tld = label ? (struct slice){ s.p + i + label, n - label } : SLICE_NONE;
    return n;
}

static size_t scheme(struct slice s, size_t i)
{
    static const char *const schemes[] = {
        "http://", "https://", "ftp://", "tg://", "ton://", "tonsite://"
    };

    for (size_t k = 0; k < ARRAY_LEN(schemes); k++) {
        size_t n = strlen(schemes[k]);

        if (s.n - i > n && strncasecmp(s.p + i, schemes[k], n) == 0)
            return n;
    }
    return 0;
}

/* The rest of a link behind its host: up to white space, without the
 * punctuation of the sentence around it. */
static size_t link_tail(struct slice s, size_t i)
{
    size_t n = 0;

    if (at(s, i) == ':' && is_digit(at(s, i + 1)))
        n += 1 + run(s, i + 1, is_digit, 5);
    if (at(s, i + n) && strchr("/?#", at(s, i + n)))
        while (i + n < s.n && (unsigned char)s.p[i + n] > ' ' &&
               !strchr("<>\"{}|^`", s.p[i + n]))
            n++;
    while (n && strchr(".,;:!?'()[]", s.p[i + n - 1]) &&
           !(s.p[i + n - 1] == ')' && memchr(s.p + i, '(', n)))
        n--;
    return n;
}

static size_t find_url(struct slice s, size_t i)
{
    struct slice tld;
    size_t n, h;

    if (word_before(s, i) || (i > 0 && strchr("@.-/#$", s.p[i - 1])))
        return 0;
    n = scheme(s, i);
    h = host(s, i + n, &tld);
    if (!h || (!n && !known_tld(tld)))
        return 0;
    if (n && s.p[i] != 't' && !tld.n && strncmp(s.p + i + n, "localhost", 9))
        return 0;
    return n + h + link_tail(s, i + n + h);
}

static bool is_local_part(char c)
{
    return is_alnum(c) || (c && strchr("._+-", c));
}

static size_t find_email(struct slice s, size_t i)
{
    struct slice tld;
    size_t n, h;

    if (word_before(s, i) || !is_alnum(at(s, i)))
        return 0;
    n = run(s, i, is_local_part, 64);
    if (!n || at(s, i + n) != '@')
        return 0;
    h = host(s, i + n + 1, &tld);
    return h && tld.n >= 2 && !is_digit(*tld.p) ? n + 1 + h : 0;
}

static const struct {
    size_t (*find)(struct slice s, size_t i);
    enum entity_type type;
} finders[] = {
    { find_command, ENTITY_BOT_COMMAND },
    { find_email, ENTITY_EMAIL },
    { find_mention, ENTITY_MENTION },
    { find_hashtag, ENTITY_HASHTAG },
    { find_cashtag, ENTITY_CASHTAG },
    { find_phone, ENTITY_PHONE_NUMBER },
    { find_url, ENTITY_URL },
};

/* What begins at i: its bytes; 0: nothing. */
static size_t find_at(struct slice s, size_t i, enum entity_type *type)
{
    for (size_t k = 0; k < ARRAY_LEN(finders); k++) {
        size_t n = finders[k].find(s, i);

        if (n) {
            *type = finders[k].type;
            return n;
        }
    }
    return 0;
}

void entities_find(struct slice text, struct entity_list *list)
{
    int units = 0;

    for (size_t i = 0; i < text.n;) {
        enum entity_type type = ENTITY_TYPES;
        size_t n = find_at(text, i, &type);
        int length;

        if (!n) {
            units += utf16_units(text.p[i++]);
            continue;
        }
        length = (int)utf16_length((struct slice){ text.p + i, n });
        entities_add(list, type, units, length);
        units += length;
        i += n;
    }
}

/* tg://user?id=N: N, else 0. */
static int64_t user_of(const char *url)
{
    const char *p = NULL;
    char *end;
    long long id;

    if (strncasecmp(url, "tg://user?id=", 13) == 0)
        p = url + 13;
    else if (strncasecmp(url, "tg:user?id=", 11) == 0)
        p = url + 11;
    if (!p || !is_digit(*p))
        return 0;
    id = strtoll(p, &end, 10);
    return *end ? 0 : id;
}

/* The address as the server gives it back: with scheme and path. */
static bool link_checked(struct slice url, struct buf *out)
{
    size_t n = scheme(url, 0), h;
    struct slice tld;

    if (n && strncasecmp(url.p, "http", 4) != 0) {
        buf_add_slice(out, url);
        return strncasecmp(url.p, "ftp", 3) != 0;
    }
    h = host(url, n, &tld);
    if (!h || (!n && !tld.n))
        return false;
    if (at(url, n + h) && !strchr(":/?#", at(url, n + h)))
        return false;
    if (!n)
        buf_adds(out, "http://");
    for (size_t i = 0; i < n + h; i++)
        buf_addc(out, (char)tolower((unsigned char)url.p[i]));
    if (at(url, n + h) == ':') {
        size_t port = run(url, n + h + 1, is_digit, 5);

        if (!port)
            return false;
        buf_add(out, url.p + n + h, port + 1);
        h += port + 1;
    }
    if (at(url, n + h) != '/')
        buf_addc(out, '/');
    buf_add(out, url.p + n + h, url.n - n - h);
    return true;
}

void entities_add_link(struct entity_list *list, int offset, int length,
                       struct slice url)
{
    char *text = slice_dup(url);
    int64_t user = user_of(text);
    struct buf checked = BUF_INIT;

    if (user)
        entities_add(list, ENTITY_TEXT_MENTION, offset, length)->id = user;
    else if (link_checked(slice_of(text), &checked))
        entities_add(list, ENTITY_TEXT_LINK, offset, length)->arg =
            buf_detach(&checked);
    buf_release(&checked);
    free(text);
}
