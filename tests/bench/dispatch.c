/*
 * dispatch.c - what it costs to find and run a handler among a hundred: beyond
 * decoding the update, and beyond what a task costs anyway.
 *
 *     bench_dispatch DIR [N]            all of it, N rounds of each update
 *     bench_dispatch DIR N UPDATE WHAT  one: find or run (for callgrind)
 *
 * DIR: tests/bench/dispatch. Two generations are loaded: `floor` has one handler
 * for each update, `hundred` has 100 (commands, hears, on, callback, groups), of
 * which the same one is to run. They take turns, and the median of the rounds'
 * CPU times is told side by side.
 *
 *   find    handlers_next() alone: which is first? A group's talk ends here
 *   run     the task from beginning to end; the handler does nothing
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "config/store.h"
#include "script/generation.h"
#include "script/task.h"

#define ROUNDS 11

#define FRAME(more)                                                            \
    "{\"update_id\":1,\"message\":{\"message_id\":5,\"from\":{\"id\":7,"       \
    "\"is_bot\":false,\"first_name\":\"Alice\",\"language_code\":\"en\"},"     \
    "\"chat\":{\"id\":-100123,\"title\":\"A group\",\"type\":\"supergroup\"}," \
    "\"date\":1790000000" more "}}"

static const struct {
    const char *name, *text;
} updates[] = {
    { "command", FRAME(",\"text\":\"/cmd17 now\",\"entities\":[{\"type\":"
                       "\"bot_command\",\"offset\":0,\"length\":6}]") },
    { "plain text", FRAME(",\"text\":\"word 12\"") },
    { "pattern", FRAME(",\"text\":\"order 12 of 40\"") },
    { "photo", FRAME(",\"photo\":[{\"file_id\":\"AgACAgIAAxkBAAIB\",\"width\":"
                     "90,\"height\":67},{\"file_id\":\"AgACAgIAAxkBAAIC\","
                     "\"width\":320,\"height\":240}],\"caption\":\"Look\"") },
    { "callback", "{\"update_id\":1,\"callback_query\":{\"id\":\"77\",\"from\":"
                  "{\"id\":7,\"first_name\":\"Alice\"},\"message\":{"
                  "\"message_id\":6,\"chat\":{\"id\":-100123,\"type\":"
                  "\"supergroup\"},\"text\":\"Pick\"},\"chat_instance\":\"1\","
                  "\"data\":\"page:3:next\"}}" },
    { "talk", FRAME(",\"text\":\"I was there yesterday, but nobody else came "
                    "and so I went home again. See you tomorrow?\"") },
};

struct side {
    struct generation *gen;
    struct update u;
    struct buf text;
    double find[ROUNDS], run[ROUNDS];
};

static struct services services;
static struct vm *vm;
static bool ended;

static void fail(const char *what)
{
    fprintf(stderr, "bench_dispatch: %s\n", what);
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
    (void)t;
    (void)arg;
    ended = result == TASK_OK;
}

static void load(struct side *side, const char *dir, const char *name)
{
    struct buf path = BUF_INIT;
    struct err err = ERR_INIT;

    buf_addf(&path, "%s/%s", dir, name);
    side->gen = generation_new(vm->L, path.data, 1);
    if (!generation_load(side->gen, &err))
        fail(err.text);
    buf_release(&path);
}

static void find(struct side *side, int n)
{
    for (int i = 0; i < n; i++)
        handlers_next(&side->gen->handlers, &side->u, 0, "bench_bot");
}

/* From the update's text on, as a host does; nothing in it waits. */
static void run(struct side *side, int n)
{
    for (int i = 0; i < n; i++) {
        struct incoming *in = xalloc(sizeof(*in));
        struct err err = ERR_INIT;

        buf_init(&in->text);
        buf_add_slice(&in->text, buf_slice(&side->text));
        if (!update_read(buf_slice(&in->text), &in->u, &err))
            fail(err.text);
        ended = false;
        task_run(task_new(vm, side->gen, in, on_end, NULL));
        if (!ended)
            fail("a handler failed");
    }
}

static void use(struct side *side, int i)
{
    struct err err = ERR_INIT;

    buf_reset(&side->text);
    buf_adds(&side->text, updates[i].text);
    if (!update_read(buf_slice(&side->text), &side->u, &err))
        fail(err.text);
}

static double timed(void (*fn)(struct side *side, int n), struct side *side,
                    int n)
{
    double start = cpu_us();

    fn(side, n);
    return (cpu_us() - start) / n;
}

static void measure(struct side *sides, int i, int n)
{
    double find_us[2], run_us[2];

    for (int r = 0; r < ROUNDS; r++)
        for (int s = 0; s < 2; s++) {
            sides[s].find[r] = timed(find, &sides[s], n);
            sides[s].run[r] = timed(run, &sides[s], n);
        }
    for (int s = 0; s < 2; s++) {
        find_us[s] = median(sides[s].find);
        run_us[s] = median(sides[s].run);
    }
    printf("%-11s  find %5.2f  %5.2f  %+5.2f    run %5.2f  %5.2f  %+5.2f\n",
           updates[i].name, find_us[0], find_us[1], find_us[1] - find_us[0],
           run_us[0], run_us[1], run_us[1] - run_us[0]);
}

static void set_up(struct side *sides, const char *dir)
{
    struct config_store_options o = { 1u << 20, 1u << 20, 1 };
    struct vm_limits limits = { .memory_max = 64u << 20,
                                .cpu_ms = 100000,
                                .task_ms = 1000000 };

    services.dir = dir;
    services.bot_username = "bench_bot";
    services.loop = loop_new();
    services.store = config_store_new(services.loop, NULL, &o);
    vm = vm_new(&services, &limits);
    load(&sides[0], dir, "floor");
    load(&sides[1], dir, "hundred");
}

static void tear_down(struct side *sides)
{
    for (int s = 0; s < 2; s++) {
        generation_unref(sides[s].gen);
        buf_release(&sides[s].text);
    }
    vm_free(vm);
    config_store_free(services.store);
    loop_free(services.loop);
}

int main(int argc, char **argv)
{
    struct side sides[2] = { { .text = BUF_INIT }, { .text = BUF_INIT } };
    int n = argc > 2 ? atoi(argv[2]) : 50000;

    if (argc < 2 || n < 1)
        fail("usage: bench_dispatch DIR [N [UPDATE find|run]]");
    set_up(sides, argv[1]);
    if (argc < 4)
        printf("µs: %d handlers  the floor, %d handlers, the difference\n",
               sides[0].gen->handlers.n, sides[1].gen->handlers.n);
    for (int i = 0; i < (int)ARRAY_LEN(updates); i++) {
        if (argc > 3 && strcmp(argv[3], updates[i].name) != 0)
            continue;
        use(&sides[0], i);
        use(&sides[1], i);
        if (argc < 5)
            measure(sides, i, n);
        else if (strcmp(argv[4], "find") == 0)
            find(&sides[1], n);
        else
            run(&sides[1], n);
    }
    tear_down(sides);
    return 0;
}
