/* check.c - see check.h. */
#include "bot/check.h"

#include "bot/migrate.h"
#include "script/generation.h"
#include "script/limits.h"
#include "script/vm.h"

static int count_settings(const struct setting *section)
{
    int n = 0;

    for (size_t i = 0; i < section->nchildren; i++) {
        if (section->children[i]->type == SETTING_SECTION)
            n += count_settings(section->children[i]);
        else
            n++;
    }
    return n;
}

bool check_folder(const char *dir, const struct settings *settings,
                  struct buf *report, struct err *err)
{
    struct services services = { .bot_username = "", .dir = dir };
    struct vm_limits limits = limits_of(settings);
    struct vm *vm = vm_new(&services, &limits);
    struct generation *gen = generation_new(vm->L, dir, 1);
    bool ok = generation_load(gen, err) && migrate_check_files(dir, err);

    if (ok) {
        generation_add_problems(gen, report);
        buf_addf(report,
                 "%s loads: %d files, %d handlers, %d settings, %d "
                 "config upgrades.",
                 dir, gen->files, gen->handlers.n, count_settings(gen->schema),
                 gen->config_version);
    }
    generation_unref(gen);
    vm_free(vm);
    return ok;
}
