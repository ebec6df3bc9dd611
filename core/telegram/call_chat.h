/*
 * call_chat.h - the chat that a call is for, and chats that have moved.
 *
 * A group that becomes a supergroup gets another id, and calls to the old one
 * fail (https://core.telegram.org/bots/api#responseparameters).
 */
#ifndef TELEGRAM_CALL_CHAT_H
#define TELEGRAM_CALL_CHAT_H

#include "telegram/api.h"

#define MOVED_CHATS_MAX 4096 /* the oldest are forgotten */

/*
 * Its chat_id: a number, or one in quotes. A public name ("@news") becomes a
 * number that no chat has, below all ids; 0: none, or nothing that Telegram would
 * take. Fast where chat_id is the first member, as the host itself writes it.
 */
int64_t tg_call_chat(struct slice body, const struct http_form *form);

/* Is the call to one chat only, so that it may go to another id of that chat? */
bool call_can_move(struct slice body, const struct http_form *form);
/* Another chat_id in one of them. */
void call_set_chat(struct buf *body, struct http_form *form, int64_t chat_id);

struct moved_chats; /* opaque */

struct moved_chats *moved_chats_new(void);
void moved_chats_free(struct moved_chats *moved); /* NULL is allowed */
/* false: it was known. */
bool moved_chats_add(struct moved_chats *moved, int64_t from, int64_t to);
int64_t moved_chats_find(const struct moved_chats *moved,
                         int64_t id); /* or 0 */

#endif
