/*
 * admins.h - who is an administrator where, remembered for a minute.
 */
#ifndef SCRIPT_ADMINS_H
#define SCRIPT_ADMINS_H

#include <stdbool.h>
#include <stdint.h>

#define ADMINS_REMEMBER_MS 60000
#define ADMINS_MAX 10000 /* pairs of chat and user that are remembered */

struct admins;

struct admins *admins_new(void);
void admins_free(struct admins *admins); /* NULL is allowed */

/* Is it remembered? Then *is_admin says what. */
bool admins_get(struct admins *admins, int64_t chat_id, int64_t user_id,
                int64_t now_ms, bool *is_admin);
void admins_put(struct admins *admins, int64_t chat_id, int64_t user_id,
                int64_t now_ms, bool is_admin);
/* Something changed there: ask again. */
void admins_forget(struct admins *admins, int64_t chat_id, int64_t user_id);

#endif
