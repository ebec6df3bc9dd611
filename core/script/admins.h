/*
 * admins.h - who is what in which chat, with which rights: answers of
 * getChatMember, remembered for a minute, or until Telegram tells of a change.
 */
#ifndef SCRIPT_ADMINS_H
#define SCRIPT_ADMINS_H

#include <stdbool.h>
#include <stdint.h>

#include "telegram/update.h"

#define ADMINS_REMEMBER_MS 60000
#define ADMINS_MAX 10000                   /* pairs of chat and user … */
#define ADMINS_BYTES_MAX ((size_t)8 << 20) /* … and bytes of their answers */

struct admins;

struct admins *admins_new(void);
void admins_free(struct admins *admins); /* NULL is allowed */

/* Is it remembered? Then *member is the ChatMember, borrowed until anything else is
 * done here; SLICE_NONE: Telegram has found no such person there. */
bool admins_get(struct admins *admins, int64_t chat_id, int64_t user_id,
                int64_t now_ms, struct slice *member);
/* member: JSON, copied. The oldest are forgotten when there are too many. */
void admins_put(struct admins *admins, int64_t chat_id, int64_t user_id,
                int64_t now_ms, struct slice member);
/* Something changed there: ask again. */
void admins_forget(struct admins *admins, int64_t chat_id, int64_t user_id);
/* Look at each update that comes in: those that tell of members make it forget. */
void admins_see(struct admins *admins, const struct update *u);

#endif
