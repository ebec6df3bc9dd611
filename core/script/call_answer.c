/* call_answer.c - see call_answer.h. */
#include "script/call_answer.h"

#include <strings.h>

#include "script/task.h"

bool call_answer_keep(lua_State *L, const char *method, struct slice params)
{
    static const char name[] = "answerCallbackQuery";
    const struct call_answering *a = vm_of(L)->services->answering;
    struct task *t = task_find(L);

    if (!a || !t || !t->current || t->answer_kept ||
        strcasecmp(method, name) != 0)
        return false;
    t->answer_kept = a->keep(t->current->u.id, name, params, a->arg);
    return t->answer_kept;
}

void call_answer_send(struct task *t)
{
    const struct call_answering *a = t->vm->services->answering;

    if (!t->answer_kept)
        return;
    t->answer_kept = false;
    if (a && t->current)
        a->send_now(t->current->u.id, a->arg);
}
