/*
 * cache.c - what a chat costs in the cache of configs, in bytes of heap, and what
 * the cache itself counts for it against CONFIG_CACHE_MB.
 *
 *     bench_cache [CHATS]   (50000)
 *
 * Lines "NAME HEAP COUNTED", per chat.
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#include "config/cache.h"

static const struct {
    const char *name, *text;
} documents[] = {
    { "absent", "{}" },
    { "3-overrides",
      "{\"welcome\": {\"text\": \"Hello {name}, welcome to {chat}! Please "
      "read the rules.\"}, \"antiflood\": {\"max\": 7}, \"language\": "
      "\"de\"}" },
};

static size_t heap(void)
{
    struct mallinfo2 info = mallinfo2();

    return info.uordblks + info.hblkhd;
}

static void measure(const char *name, const char *text, int chats)
{
    struct cache *cache = cache_new(SIZE_MAX);
    struct config_stats stats;
    size_t before = heap(), used;

    for (int i = 0; i < chats; i++) {
        struct config *config =
            config_make(-1001000000000 - i * 7, 1, 1, slice_of(text));

        cache_put(cache, config);
        config_unref(config);
    }
    used = heap() - before;
    cache_stats(cache, &stats);
    printf("%s %zu %zu\n", name, used / (size_t)chats,
           stats.bytes / (size_t)chats);
    cache_free(cache);
}

int main(int argc, char **argv)
{
    int chats = argc > 1 ? atoi(argv[1]) : 50000;

    if (chats < 1) {
        fprintf(stderr, "usage: bench_cache [CHATS]\n");
        return 2;
    }
    for (size_t i = 0; i < ARRAY_LEN(documents); i++)
        measure(documents[i].name, documents[i].text, chats);
    return 0;
}
