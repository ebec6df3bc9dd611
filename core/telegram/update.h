/*
 * update.h - what an update is about, read from its text without decoding it.
 *
 * https://core.telegram.org/bots/api#update. Only what the host itself needs:
 * whose lane it belongs in and which handlers may want it. Everything else
 * stays text until a script reads it.
 */
#ifndef TELEGRAM_UPDATE_H
#define TELEGRAM_UPDATE_H

#include "base/buf.h"

enum update_kind {
    UPDATE_MESSAGE,
    UPDATE_EDITED_MESSAGE,
    UPDATE_CHANNEL_POST,
    UPDATE_EDITED_CHANNEL_POST,
    UPDATE_BUSINESS_CONNECTION,
    UPDATE_BUSINESS_MESSAGE,
    UPDATE_EDITED_BUSINESS_MESSAGE,
    UPDATE_DELETED_BUSINESS_MESSAGES,
    UPDATE_GUEST_MESSAGE,
    UPDATE_MESSAGE_REACTION,
    UPDATE_MESSAGE_REACTION_COUNT,
    UPDATE_INLINE_QUERY,
    UPDATE_CHOSEN_INLINE_RESULT,
    UPDATE_CALLBACK_QUERY,
    UPDATE_SHIPPING_QUERY,
    UPDATE_PRE_CHECKOUT_QUERY,
    UPDATE_PURCHASED_PAID_MEDIA,
    UPDATE_POLL,
    UPDATE_POLL_ANSWER,
    UPDATE_MY_CHAT_MEMBER,
    UPDATE_CHAT_MEMBER,
    UPDATE_CHAT_JOIN_REQUEST,
    UPDATE_CHAT_BOOST,
    UPDATE_REMOVED_CHAT_BOOST,
    UPDATE_MANAGED_BOT,
    UPDATE_SUBSCRIPTION,
    UPDATE_STOPPED_MESSAGE_GENERATION,
    UPDATE_KINDS, /* how many; also: a kind that this program does not know */
};

const char *update_kind_name(enum update_kind kind); /* Telegram's field name */
enum update_kind update_kind_find(struct slice name); /* or UPDATE_KINDS */

/* All slices point into the update's text; SLICE_NONE: not there. */
struct update {
    int64_t id;
    enum update_kind kind;
    struct slice kind_name;
    struct slice payload; /* the object under the kind's name */
    struct slice
        message; /* the message: the payload itself, or of a callback query */
    struct slice chat; /* the Chat object */
    struct slice from; /* the User who did it */
    struct slice
        text; /* of a message: its text, or else caption (raw string) */
    struct slice data;  /* of a callback query (raw string) */
    struct slice topic; /* message_thread_id of a message in a topic */
    struct slice
        business;        /* business_connection_id of a message, with quotes */
    struct slice direct; /* direct_messages_topic of a message: the object */
    int64_t chat_id;     /* 0: none */
    int64_t user_id;     /* 0: none */
    int64_t moved_to;    /* of a message that says so: the chat's new id ... */
    int64_t moved_from;  /* ... its old id; 0: it is no such message */
    struct slice
        command; /* "start" of a message "/start@some_bot x"; "" none */
    struct slice command_bot;  /* "some_bot" */
    struct slice command_args; /* "x", raw, white space around it removed */
};

/*
 * text: one valid JSON value. ERR_JSON when it has no update_id; an update of
 * an unknown kind, or of a known kind with an unexpected shape, is read as far
 * as it goes.
 */
bool update_read(struct slice text, struct update *u,
                 struct err *err) MUST_CHECK;

/* Whose it is: the chat, or the person, or (0) nobody's. */
int64_t update_chat(const struct update *u);

/*
 * The number of its lane: updates of one lane run one after another, in order.
 *   - The chat's id; or the person's, for what has no chat: that is the same
 *     number as their private chat's.
 *   - Queries that expire in 10 to 30 s (inline, shipping, pre-checkout), and
 *     which inline result was chosen: UPDATE_LANE_QUERIES + the person's id, so
 *     that they don't wait behind a slow handler of the private chat.
 *   - What is nobody's (a poll): UPDATE_LANE_OWN + its update_id, alone.
 * Telegram's ids have 52 bits, so these do not meet. Never 0.
 */
#define UPDATE_LANE_QUERIES (INT64_C(1) << 60)
#define UPDATE_LANE_OWN (INT64_C(1) << 61)
int64_t update_lane(const struct update *u);
/* Is this lane one of queries? They should start before others. */
bool update_lane_is_urgent(int64_t lane);

#endif
