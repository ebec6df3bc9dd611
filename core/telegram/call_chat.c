/* call_chat.c - see call_chat.h. */
#include "telegram/call_chat.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/json.h"

/* --- reading ---------------------------------------------------------------------- */

/* Names are the same in capitals. FNV-1a. */
static int64_t id_of_name(struct slice name)
{
    uint64_t hash = UINT64_C(14695981039346656037);

    for (size_t i = 0; i < name.n; i++) {
        hash ^= (uint64_t)tolower((unsigned char)name.p[i]);
        hash *= UINT64_C(1099511628211);
    }
    return INT64_MIN + (int64_t)(hash >> 2);
}

static int64_t id_of_text(struct slice text)
{
    int64_t id;

    if (json_to_int(text, &id))
        return id;
    return text.n > 1 && text.p[0] == '@' ? id_of_name(text) : 0;
}

/* {"chat_id":-123, … at the very beginning; the digits are few enough to fit. */
static bool read_head(struct slice body, int64_t *id)
{
    static const char head[] = "{\"chat_id\":";
    const char *p = body.p + sizeof(head) - 1, *end = body.p + body.n;
    int64_t n = 0;
    bool minus;

    if (body.n < sizeof(head) + 1 || memcmp(body.p, head, sizeof(head) - 1))
        return false;
    minus = *p == '-';
    p += minus;
    for (int i = 0; i < 18 && p < end && isdigit((unsigned char)*p); i++)
        n = n * 10 + (*p++ - '0');
    if (p == end || (*p != ',' && *p != '}'))
        return false;
    *id = minus ? -n : n;
    return true;
}

int64_t tg_call_chat(struct slice body, const struct http_form *form)
{
    struct slice value, text;
    int64_t id;

    if (form)
        return id_of_text(http_form_value(form, "chat_id"));
    if (!body.n || read_head(body, &id))
        return body.n ? id : 0;
    value = json_get(body, "chat_id");
    text = json_raw(value);
    return id_of_text(text.p ? text : value);
}

bool call_can_move(struct slice body, const struct http_form *form)
{
    return form ? !http_form_value(form, "from_chat_id").p
                : !json_get(body, "from_chat_id").p;
}

void call_set_chat(struct buf *body, struct http_form *form, int64_t chat_id)
{
    struct slice key = slice_of("chat_id");
    struct buf id = BUF_INIT, changed = BUF_INIT;

    buf_add_int(&id, chat_id);
    if (form) {
        http_form_set(form, "chat_id", buf_slice(&id));
    } else {
        json_add_changed(&changed, buf_slice(body), &key, 1, buf_slice(&id));
        buf_move(body, &changed);
    }
    buf_release(&id);
    buf_release(&changed);
}

/* --- chats that have moved ------------------------------------------------------------- */

struct move {
    int64_t from, to;
    UT_hash_handle hh;
};

struct moved_chats {
    struct move *moves; /* uthash keeps them in the order of adding */
};

struct moved_chats *moved_chats_new(void)
{
    return xalloc(sizeof(struct moved_chats));
}

static void drop_oldest(struct moved_chats *moved)
{
    struct move *move = moved->moves;

    HASH_DEL(moved->moves, move);
    free(move);
}

void moved_chats_free(struct moved_chats *moved)
{
    if (!moved)
        return;
    while (moved->moves)
        drop_oldest(moved);
    free(moved);
}

static struct move *find(const struct moved_chats *moved, int64_t id)
{
    struct move *move;

    HASH_FIND(hh, moved->moves, &id, sizeof(id), move);
    return move;
}

bool moved_chats_add(struct moved_chats *moved, int64_t from, int64_t to)
{
    struct move *move = find(moved, from);

    if (from == to || (move && move->to == to))
        return false;
    if (!move) {
        if (HASH_COUNT(moved->moves) == MOVED_CHATS_MAX)
            drop_oldest(moved);
        move = xalloc(sizeof(*move));
        move->from = from;
        HASH_ADD(hh, moved->moves, from, sizeof(move->from), move);
    }
    move->to = to;
    return true;
}

int64_t moved_chats_find(const struct moved_chats *moved, int64_t id)
{
    struct move *move = find(moved, id);

    return move ? move->to : 0;
}
