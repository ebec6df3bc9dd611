/*
 * config.c - what a chat's config costs in Lua: reading it, beginning a task
 * with it, upgrading its document. No database, no Telegram: the configs are
 * put into the cache.
 *
 *     bench_config DIR read          reads per second, and against plain tables
 *     bench_config DIR tasks [N [COMMAND]]  µs a task, from the update to its end
 *     bench_config DIR upgrade [N]   µs a document of about 300 bytes, 2 steps
 *
 * DIR: tests/bench/config. Times are CPU time; the median of 11 rounds.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "config/cache.h"
#include "config/store_int.h"
#include "script/generation.h"
#include "script/task.h"
#include "script/upgrade.h"

#define ROUNDS 11
#define CHAT 100123

static const char update[] =
    "{\"update_id\":1,\"message\":{\"message_id\":5,\"from\":{\"id\":7,"
    "\"is_bot\":false,\"first_name\":\"A\"},\"chat\":{\"id\":100123,"
    "\"type\":\"private\"},\"date\":1,\"text\":\"/%s\",\"entities\":[{"
    "\"type\":\"bot_command\",\"offset\":0,\"length\":5}]}}";

/* A chat that has set this and that, and two keys of an older version. */
static const char document[] =
    "{\"lang\": \"de\", \"flood\": 7, \"rules_text\": \"Be kind to each other, "
    "no links before the third message.\", \"welcome\": {\"on\": true, "
    "\"text\": \"Hello {name}, welcome to {chat}!\", \"delete_after\": 60}, "
    "\"filters\": {\"words\": [\"casino\", \"crypto\", \"airdrop\"], "
    "\"action\": \"mute\"}, \"log_chat\": -1001234567890, \"night\": false}";

static const char changed[] =
    "{\"lang\": \"de\", \"antiflood\": {\"max\": 7}, \"welcome\": {\"text\": "
    "\"Hello\"}}";

/* Handlers that use more and more of the config. */
static const char *const commands[] = { "none", "view", "leaf", "some", "all" };

struct bench {
    struct services services;
    struct vm *vm;
    struct generation *gen;
    enum task_result result;
    bool ended;
};

static void fail(const char *what)
{
    fprintf(stderr, "bench_config: %s\n", what);
    exit(1);
}

static double cpu_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median(double *values)
{
    qsort(values, ROUNDS, sizeof(*values), by_value);
    return values[ROUNDS / 2];
}

static void on_end(struct task *t, enum task_result result, void *arg)
{
    struct bench *b = arg;

    (void)t;
    b->result = result;
    b->ended = true;
}

/* Run the command to its end; nothing in it waits. */
static void run_command(struct bench *b, const char *command)
{
    struct incoming *in = xalloc(sizeof(*in));
    struct err err = ERR_INIT;

    buf_init(&in->text);
    buf_addf(&in->text, update, command);
    if (!update_read(buf_slice(&in->text), &in->u, &err))
        fail(err.text);
    b->ended = false;
    task_run(task_new(b->vm, b->gen, in, on_end, b));
    if (!b->ended || b->result != TASK_OK)
        fail("a handler failed");
}

static void measure_tasks(struct bench *b, const char *command, int n)
{
    double us[ROUNDS];

    for (int r = 0; r < ROUNDS; r++) {
        double start = cpu_us();

        for (int i = 0; i < n; i++)
            run_command(b, command);
        us[r] = (cpu_us() - start) / n;
    }
    printf("%-10s %6.2f µs a task\n", command, median(us));
}

static void measure_upgrades(struct bench *b, int n)
{
    struct buf out = BUF_INIT;
    double us[ROUNDS];

    for (int r = 0; r < ROUNDS; r++) {
        double start = cpu_us();

        for (int i = 0; i < n; i++) {
            struct err err = ERR_INIT;

            buf_reset(&out);
            if (!upgrade_config(CHAT, slice_of(document), 0, &out, &err,
                                b->gen))
                fail(err.text);
        }
        us[r] = (cpu_us() - start) / n;
    }
    printf("%zu bytes to\n%s\nupgrade    %6.2f µs a document\n",
           strlen(document), out.data, median(us));
    buf_release(&out);
}

static void set_up(struct bench *b, const char *dir)
{
    struct config_store_options o = { 8u << 20, 1u << 20, 1 };
    struct vm_limits limits = { .memory_max = 64u << 20,
                                .cpu_ms = 100000,
                                .task_ms = 1000000 };
    struct err err = ERR_INIT;
    struct config *config = config_make(CHAT, 1, 2, slice_of(changed));

    b->services.dir = dir;
    b->services.bot_username = "bench_bot";
    b->services.loop = loop_new();
    b->services.store = config_store_new(b->services.loop, NULL, &o);
    cache_put(b->services.store->cache, config);
    config_unref(config);
    b->vm = vm_new(&b->services, &limits);
    b->gen = generation_new(b->vm->L, dir, 1);
    if (!generation_load(b->gen, &err))
        fail(err.text);
}

static void tear_down(struct bench *b)
{
    generation_unref(b->gen);
    vm_free(b->vm);
    config_store_free(b->services.store);
    loop_free(b->services.loop);
}

int main(int argc, char **argv)
{
    struct bench b = { .ended = false };
    const char *mode = argc > 2 ? argv[2] : "";
    int n = argc > 3 ? atoi(argv[3]) : 20000;

    if (argc < 3 || n < 1)
        fail("usage: bench_config DIR read|tasks|upgrade [N]");
    set_up(&b, argv[1]);
    if (strcmp(mode, "read") == 0) {
        run_command(&b, "read");
    } else if (strcmp(mode, "tasks") == 0) {
        for (size_t i = 0; i < ARRAY_LEN(commands); i++)
            if (argc < 5 || strcmp(argv[4], commands[i]) == 0)
                measure_tasks(&b, commands[i], n);
    } else if (strcmp(mode, "upgrade") == 0) {
        measure_upgrades(&b, n);
    } else {
        fail("read, tasks or upgrade");
    }
    tear_down(&b);
    return 0;
}
