/*
 * limits.c - what the limits cost: the same Lua code in a plain state and in the
 * host's, side by side; and how much memory a task takes while it waits.
 *
 *     bench_limits [ROUNDS [TASKS]]
 */
#include <lauxlib.h>
#include <lualib.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log.h"
#include "script/generation.h"
#include "script/task.h"
#include "script/vm.h"
#include "script/watchdog.h"

#define ROUNDS_MAX 99

static const struct {
    const char *name, *text;
} works[] = {
    { "calls: fib(27)", "local function fib(n) if n < 2 then return n end "
                        "return fib(n - 1) + fib(n - 2) end return fib(27)" },
    { "tables: fill, sum, sort",
      "local t = {} for i = 1, 60000 do t[i] = (i * 7919) % 60013 end "
      "local s = 0 for i = 1, #t do s = s + t[i] end table.sort(t) "
      "for i = 1, 20 do local u = {} for j = 1, 1000 do u['k' .. j] = j end "
      "end "
      "return s" },
    { "strings: build, split",
      "local t = {} for i = 1, 30000 do t[#t + 1] = ('%d:%s'):format(i, 'x') "
      "end local s = table.concat(t, ',') return #s:upper():reverse()" },
    { "find: a plain word",
      "local s = ('lorem ipsum dolor sit amet '):rep(40) .. 'end' "
      "local n = 0 for i = 1, 20000 do n = n + s:find('end', 1, true) end "
      "return n" },
    { "find: a word in a text",
      "local s = ('lorem ipsum dolor sit amet '):rep(4) .. 'end1' "
      "local n = 0 for i = 1, 30000 do n = n + s:find('end%d') end return n" },
    { "match: a command",
      "local n = 0 for i = 1, 100000 do local a, b = "
      "('/limit 15 minutes'):match('^/(%w+)%s+(%d+)') n = n + #a end "
      "return n" },
    { "match: a date",
      "local n = 0 for i = 1, 60000 do local d, m, y = "
      "('on 24.12.2026 at noon'):match('(%d+)%.(%d+)%.(%d+)') n = n + d end "
      "return n" },
    { "gmatch: words",
      "local s, n = ('lorem ipsum dolor sit amet '):rep(100), 0 "
      "for i = 1, 60 do for w in s:gmatch('%a+') do n = n + 1 end end "
      "return n" },
    { "gsub: escape",
      "local s, n = ('a < b & c > d, no more '):rep(20), 0 "
      "local to = { ['<'] = '&lt;', ['>'] = '&gt;', ['&'] = '&amp;' } "
      "for i = 1, 1000 do n = n + #s:gsub('[<>&]', to) end return n" },
    { "gsub: trim, lazy",
      "local n = 0 for i = 1, 60000 do "
      "n = n + #('   some text here   '):match('^%s*(.-)%s*$') end return n" },
};

static double now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t); /* others may be busy */
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median(double *values, int n)
{
    qsort(values, (size_t)n, sizeof(*values), by_value);
    return values[n / 2];
}

/* Stack top: the function; it stays. */
static double run(lua_State *L, bool watched)
{
    bool overran = false;
    double start;

    lua_gc(L, LUA_GCCOLLECT);
    start = now_ms();
    lua_pushvalue(L, -1);
    if (watched)
        watchdog_enter(L, WATCHDOG_TASK, &overran);
    if (lua_pcall(L, 0, 1, 0) != LUA_OK || overran) {
        fprintf(stderr, "limits: %s\n", lua_tostring(L, -1));
        exit(1);
    }
    if (watched)
        watchdog_leave();
    lua_pop(L, 1);
    return now_ms() - start;
}

static void load_work(lua_State *L, const char *text, int globals)
{
    if (luaL_loadstring(L, text) != LUA_OK)
        exit(1);
    if (!globals)
        return;
    lua_pushvalue(L, globals);
    lua_setupvalue(L, -2, 1);
}

static void compare(struct vm *vm, int rounds)
{
    lua_State *plain = luaL_newstate();
    double a[ROUNDS_MAX], b[ROUNDS_MAX];

    luaL_openlibs(plain);
    vm_push_globals(vm->L);
    printf("%-26s %10s %10s %8s\n", "time, median of each", "plain ms",
           "host ms", "more");
    for (size_t i = 0; i < ARRAY_LEN(works); i++) {
        load_work(plain, works[i].text, 0);
        load_work(vm->L, works[i].text, 1);
        for (int r = 0; r < rounds; r++) {
            a[r] = run(plain, false);
            b[r] = run(vm->L, true);
        }
        lua_pop(plain, 1);
        lua_pop(vm->L, 1);
        printf("%-26s %10.2f %10.2f %+7.1f%%\n", works[i].name,
               median(a, rounds), median(b, rounds),
               100 * (median(b, rounds) / median(a, rounds) - 1));
    }
    lua_settop(vm->L, 0);
    lua_close(plain);
}

/* --- tasks that wait ---------------------------------------------------------------- */

static const char bot_text[] =
    "local bot, time = require('bot'), require('time')\n"
    "bot.command('wait', function(ctx)\n"
    "  local text = ctx.text\n"
    "  time.sleep(1000)\n"
    "  return text\n"
    "end)\n";

static const char update_text[] =
    "{\"update_id\":10,\"message\":{\"message_id\":5,\"from\":{\"id\":7,"
    "\"is_bot\":false,\"first_name\":\"Alice\",\"last_name\":\"Liddell\","
    "\"username\":\"alice\",\"language_code\":\"en\"},\"chat\":{\"id\":-100123,"
    "\"type\":\"supergroup\",\"title\":\"A group\"},\"date\":1700000000,"
    "\"text\":\"/wait a while\",\"entities\":[{\"type\":\"bot_command\","
    "\"offset\":0,\"length\":5}]}}";

static void on_end(struct task *t, enum task_result result, void *arg)
{
    (void)t;
    (void)result;
    (void)arg;
}

static long resident_kib(void)
{
    long pages = 0, all;
    FILE *f = fopen("/proc/self/statm", "r");

    if (!f || fscanf(f, "%ld %ld", &all, &pages) != 2)
        exit(1);
    fclose(f);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static void start_tasks(struct vm *vm, struct generation *gen, int n)
{
    for (int i = 0; i < n; i++) {
        struct incoming *in = xalloc(sizeof(*in));
        struct err err = ERR_INIT;

        buf_init(&in->text);
        buf_adds(&in->text, update_text);
        if (!update_read(buf_slice(&in->text), &in->u, &err))
            exit(1);
        task_run(task_new(vm, gen, in, on_end, NULL));
    }
}

static void wait_at_once(struct vm *vm, int n)
{
    struct generation *gen = generation_new(vm->L, vm->services->dir, 1);
    struct err err = ERR_INIT;
    size_t before;
    long kib;

    if (!generation_load(gen, &err)) {
        fprintf(stderr, "limits: %s\n", err.text);
        exit(1);
    }
    lua_gc(vm->L, LUA_GCCOLLECT);
    malloc_trim(0);
    before = vm->memory;
    kib = resident_kib();
    start_tasks(vm, gen, n);
    lua_gc(vm->L, LUA_GCCOLLECT);
    kib = resident_kib() - kib;
    if (vm->ntasks != n)
        exit(1);
    printf("\n%d tasks wait: %ld MiB resident, %ld bytes each; of Lua's %zu "
           "each; struct task %zu, incoming %zu, text %zu\n",
           n, kib / 1024, kib * 1024 / n, (vm->memory - before) / (size_t)n,
           sizeof(struct task), sizeof(struct incoming), strlen(update_text));
    tasks_kill_all(vm);
    generation_unref(gen);
    lua_gc(vm->L, LUA_GCCOLLECT);
    malloc_trim(0);
    printf("when they have ended: %ld MiB resident in all\n",
           resident_kib() / 1024);
}

static const char *make_folder(void)
{
    static char dir[] = "/tmp/moonpost-limits-XXXXXX";
    char path[100];
    FILE *f;

    if (!mkdtemp(dir))
        exit(1);
    snprintf(path, sizeof(path), "%s/scripts", dir);
    mkdir(path, 0755);
    snprintf(path, sizeof(path), "%s/scripts/a.lua", dir);
    f = fopen(path, "w");
    if (!f)
        exit(1);
    fputs(bot_text, f);
    fclose(f);
    return dir;
}

static void remove_folder(const char *dir)
{
    char path[100];

    snprintf(path, sizeof(path), "%s/scripts/a.lua", dir);
    unlink(path);
    snprintf(path, sizeof(path), "%s/scripts", dir);
    rmdir(path);
    rmdir(dir);
}

int main(int argc, char **argv)
{
    struct services services = { .bot_username = "bench_bot",
                                 .dir = make_folder() };
    struct vm_limits limits = { .memory_max = (size_t)4 << 30,
                                .cpu_ms = 60000,
                                .task_ms = 3600000,
                                .cpu_total_ms = 600000,
                                .slice_ms = 10,
                                .pattern_steps = 5000000,
                                .log_lines_per_s = 100,
                                .breaker_failures = 20,
                                .breaker_pause_ms = 600000 };
    int rounds = argc > 1 ? atoi(argv[1]) : 15;
    int tasks = argc > 2 ? atoi(argv[2]) : 100000;
    struct vm *vm;

    if (rounds < 1 || rounds > ROUNDS_MAX || tasks < 1)
        return 2;
    services.loop = loop_new();
    vm = vm_new(&services, &limits);
    compare(vm, rounds);
    wait_at_once(vm, tasks);
    vm_free(vm);
    loop_free(services.loop);
    remove_folder(services.dir);
    return 0;
}
