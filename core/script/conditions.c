/* conditions.c - see conditions.h. */
#include "script/conditions.h"

#include <stdlib.h>

#include "base/json.h"

void group_release(struct group *g)
{
    free(g->source);
    free(g->on);
    free(g->chats.ids);
    free(g->users.ids);
    free(g->topics.ids);
    for (char **right = g->rights; right && *right; right++)
        free(*right);
    free(g->rights);
}

unsigned chat_type_bit(struct slice name)
{
    static const char *const names[] = { "private", "group", "supergroup",
                                         "channel" };

    for (unsigned i = 0; i < ARRAY_LEN(names); i++)
        if (slice_eq(name, names[i]))
            return 1u << i;
    return 0;
}

/* --- lists of ids ------------------------------------------------------------------ */

/* Where it is, or would be. */
static int place_of(const struct id_list *list, int64_t id)
{
    int low = 0, high = list->n;

    while (low < high) {
        int middle = low + (high - low) / 2;

        if (list->ids[middle] < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool has_id(const struct id_list *list, int64_t id)
{
    int i = place_of(list, id);

    return i < list->n && list->ids[i] == id;
}

void id_list_add(struct id_list *list, int64_t id)
{
    int place = place_of(list, id);

    if (place < list->n && list->ids[place] == id)
        return;
    list->ids = xrealloc(list->ids, (size_t)(list->n + 1) * sizeof(*list->ids));
    for (int i = list->n; i > place; i--)
        list->ids[i] = list->ids[i - 1];
    list->ids[place] = id;
    list->n++;
}

/* --- do they hold? ------------------------------------------------------------------- */

static bool takes_topic(const struct group *g, struct slice topic)
{
    int64_t id;

    switch (g->topic) {
    case TOPIC_ANY: return true;
    case TOPIC_NONE: return !topic.p;
    case TOPIC_SOME: return topic.p;
    case TOPIC_LISTED: return json_to_int(topic, &id) && has_id(&g->topics, id);
    }
    return false;
}

bool group_takes(const struct group *g, const struct update *u)
{
    if (g->chat_types &&
        !(g->chat_types & chat_type_bit(json_raw(json_get(u->chat, "type")))))
        return false;
    return (!g->chats.n || (u->chat_id && has_id(&g->chats, u->chat_id))) &&
           (!g->users.n || (u->user_id && has_id(&g->users, u->user_id))) &&
           takes_topic(g, u->topic);
}
