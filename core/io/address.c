/* address.c - see address.h. */
#include "io/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define WORDS_MAX 64

struct network {
    int family;
    unsigned char bytes[16];
    int bits;
};

struct entry {
    char *name; /* NULL: net */
    struct network net;
};

struct address_list {
    bool all;
    struct entry entries[WORDS_MAX];
    int n;
};

static bool in_network(const unsigned char *bytes, const struct network *net)
{
    int whole = net->bits / 8, rest = net->bits % 8;

    if (memcmp(bytes, net->bytes, (size_t)whole) != 0)
        return false;
    return rest == 0 || ((bytes[whole] ^ net->bytes[whole]) >> (8 - rest)) == 0;
}

static bool in_any(const unsigned char *bytes, const struct network *nets,
                   size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (in_network(bytes, &nets[i]))
            return true;
    return false;
}

/* IANA's registry of special-purpose addresses, and one that Azure's machines
 * ask for their secrets. */
static bool is_public4(const unsigned char *bytes)
{
    static const struct network special[] = {
        { AF_INET, { 0 }, 8 },
        { AF_INET, { 10 }, 8 },
        { AF_INET, { 100, 64 }, 10 },
        { AF_INET, { 127 }, 8 },
        { AF_INET, { 168, 63, 129, 16 }, 32 },
        { AF_INET, { 169, 254 }, 16 },
        { AF_INET, { 172, 16 }, 12 },
        { AF_INET, { 192, 0, 0 }, 24 },
        { AF_INET, { 192, 0, 2 }, 24 },
        { AF_INET, { 192, 88, 99 }, 24 },
        { AF_INET, { 192, 168 }, 16 },
        { AF_INET, { 198, 18 }, 15 },
        { AF_INET, { 198, 51, 100 }, 24 },
        { AF_INET, { 203, 0, 113 }, 24 },
        { AF_INET, { 224 }, 3 }, /* multicast, reserved, broadcast */
    };

    return !in_any(bytes, special, ARRAY_LEN(special));
}

static bool is_public6(const unsigned char *bytes)
{
    static const struct network mapped = { AF_INET6,
                                           { [10] = 0xff, [11] = 0xff },
                                           96 };
    static const struct network nat64 = { AF_INET6,
                                          { 0, 0x64, 0xff, 0x9b },
                                          96 };
    static const struct network six_to_four = { AF_INET6, { 0x20, 0x02 }, 16 };
    static const struct network global = { AF_INET6, { 0x20 }, 3 };
    static const struct network special[] = {
        { AF_INET6, { 0x20, 0x01 }, 23 }, /* Teredo and other protocols' */
        { AF_INET6, { 0x20, 0x01, 0x0d, 0xb8 }, 32 },
        { AF_INET6, { 0x3f, 0xff }, 20 },
    };

    if (in_network(bytes, &mapped) || in_network(bytes, &nat64))
        return is_public4(bytes + 12);
    if (in_network(bytes, &six_to_four))
        return is_public4(bytes + 2);
    return in_network(bytes, &global) &&
           !in_any(bytes, special, ARRAY_LEN(special));
}

/* The bytes of an IPv4 or IPv6 address, or NULL. */
static const unsigned char *bytes_of(const struct sockaddr *address)
{
    const void *p = address;

    if (address->sa_family == AF_INET)
        return (const unsigned char *)&((const struct sockaddr_in *)p)
            ->sin_addr;
    if (address->sa_family == AF_INET6)
        return ((const struct sockaddr_in6 *)p)->sin6_addr.s6_addr;
    return NULL;
}

bool address_is_public(const struct sockaddr *address)
{
    const unsigned char *bytes = bytes_of(address);

    if (!bytes)
        return false;
    return address->sa_family == AF_INET ? is_public4(bytes)
                                         : is_public6(bytes);
}

void address_add(const struct sockaddr *address, struct buf *out)
{
    const unsigned char *bytes = bytes_of(address);
    char text[INET6_ADDRSTRLEN];

    if (bytes && inet_ntop(address->sa_family, bytes, text, sizeof(text)))
        buf_adds(out, text);
    else
        buf_adds(out, "?");
}

/* --- the list ------------------------------------------------------------------ */

static struct slice trim(struct slice s)
{
    while (s.n && (*s.p == ' ' || *s.p == '\t'))
        s.p++, s.n--;
    while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
        s.n--;
    return s;
}

/* "10.0.0.0/8", "::1"; false: it is none. */
static bool read_network(const char *word, struct network *net)
{
    char copy[INET6_ADDRSTRLEN];
    const char *slash = strchr(word, '/');
    size_t n = slash ? (size_t)(slash - word) : strlen(word);
    char *end = NULL;
    long bits;

    if (n >= sizeof(copy))
        return false;
    memcpy(copy, word, n);
    copy[n] = '\0';
    net->family = strchr(copy, ':') ? AF_INET6 : AF_INET;
    net->bits = net->family == AF_INET6 ? 128 : 32;
    if (inet_pton(net->family, copy, net->bytes) != 1)
        return false;
    if (!slash)
        return true;
    bits = strtol(slash + 1, &end, 10);
    if (slash[1] < '0' || slash[1] > '9' || *end || bits > net->bits)
        return false;
    net->bits = (int)bits;
    return true;
}

static bool is_name(const char *word)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";

    return word[strspn(word, letters)] == '\0';
}

static bool add_word(struct address_list *list, struct slice s, struct err *err)
{
    struct entry *e = &list->entries[list->n];
    char *word = slice_dup(s);

    if (list->n == WORDS_MAX) {
        free(word);
        return err_set(err, ERR_USAGE, "more than %d names", WORDS_MAX);
    }
    if (read_network(word, &e->net)) {
        list->n++;
        free(word);
        return true;
    }
    if (!is_name(word)) {
        err_set(err, ERR_USAGE, "\"%s\" is no name, address or network", word);
        free(word);
        return false;
    }
    e->name = word;
    list->n++;
    return true;
}

struct address_list *address_list_new(const char *text, struct err *err)
{
    struct address_list *list = xalloc(sizeof(*list));

    if (!text || strcmp(text, "off") == 0)
        return list;
    if (strcmp(text, "on") == 0) {
        list->all = true;
        return list;
    }
    while (*text) {
        size_t n = strcspn(text, ",");
        struct slice word = trim((struct slice){ text, n });

        if (word.n && !add_word(list, word, err)) {
            address_list_free(list);
            return NULL;
        }
        text += n + (text[n] == ',');
    }
    return list;
}

void address_list_free(struct address_list *list)
{
    if (!list)
        return;
    for (int i = 0; i < list->n; i++)
        free(list->entries[i].name);
    free(list);
}

bool address_list_has(const struct address_list *list, struct slice host,
                      const struct sockaddr *address)
{
    const unsigned char *bytes = bytes_of(address);

    for (int i = 0; i < list->n; i++) {
        const struct entry *e = &list->entries[i];

        if (e->name ? strlen(e->name) == host.n &&
                          strncasecmp(e->name, host.p, host.n) == 0
                    : bytes && e->net.family == address->sa_family &&
                          in_network(bytes, &e->net))
            return true;
    }
    return list->all;
}
