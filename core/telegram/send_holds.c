/* send_holds.c - see send_int.h. */
#include <string.h>

#include "telegram/send_int.h"

static struct send_hold *find(struct send_holds *holds, const char *method,
                              int64_t chat_id)
{
    for (int i = 0; i < holds->n; i++)
        if (holds->all[i].chat_id == chat_id &&
            strcmp(holds->all[i].method, method) == 0)
            return &holds->all[i];
    return NULL;
}

static struct send_hold *first_to_end(struct send_holds *holds)
{
    struct send_hold *first = holds->all;

    for (int i = 1; i < holds->n; i++)
        if (holds->all[i].until < first->until)
            first = &holds->all[i];
    return first;
}

void send_hold(struct send_holds *holds, const char *method, int64_t chat_id,
               int64_t until)
{
    struct send_hold *hold = find(holds, method, chat_id);

    if (!hold)
        hold = holds->n < SEND_HOLDS ? &holds->all[holds->n++]
                                     : first_to_end(holds);
    strcpy(hold->method, method);
    hold->chat_id = chat_id;
    hold->until = until;
}

int64_t send_held_until(struct send_holds *holds, const char *method,
                        int64_t chat_id, int64_t now)
{
    struct send_hold *hold;

    while (holds->n && holds->all[holds->n - 1].until <= now)
        holds->n--;
    hold = find(holds, method, chat_id);
    return hold && hold->until > now ? hold->until : 0;
}
