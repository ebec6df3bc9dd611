/*
 * outgoing.h - messages that bots send: where they may, to what they reply, and
 * with which buttons.
 */
#ifndef SIMULATOR_OUTGOING_H
#define SIMULATOR_OUTGOING_H

#include "simulator/acts.h"
#include "simulator/call.h"

/* A kind of message: what a member needs for it, and how an error calls it. */
struct send_kind {
    const char *permission; /* "can_send_photos" */
    const char *plural;     /* "photos" */
};

/* Where a bot sends to. Borrowed from the call and the chat. */
struct outgoing {
    struct chat *chat;
    int64_t thread;
    const json_t *inline_keyboard; /* InlineKeyboardMarkup, or NULL */
    const json_t *other_keyboard;  /* any other reply_markup, or NULL */
    json_t *reply;                 /* the message replied to; owned, or NULL */
    json_t *quote;                 /* TextQuote; owned, or NULL */
    const struct user *receiver;   /* who alone sees it; NULL: everybody */
};

/* false: said why. */
bool outgoing_begin(struct call *c, const struct send_kind *kind,
                    struct outgoing *o);
/* Store a message with that content (its members are put into the Message). */
struct message *outgoing_add(struct call *c, const struct outgoing *o,
                             const json_t *content);
void outgoing_end(struct outgoing *o);

/* All of it, for one message: the method's answer. content is taken; NULL: the
 * failure was said already. */
bool outgoing_send(struct call *c, const struct send_kind *kind,
                   json_t *content);

/* reply_markup (or NULL) is right: inline buttons have data of 1–64 bytes, … */
bool markup_check(struct call *c, const json_t *markup);

/* Formatted text into content: its member `text` or `caption` and entities.
 * false: said why. */
bool content_add_text(struct call *c, json_t *content);
bool content_add_caption(struct call *c, json_t *content, const json_t *params);

/* What is left of a Message is its content, for another one. */
void content_strip(json_t *message);

/* The file that a parameter or a member of a media object names: an upload, a
 * file_id or a URL. NULL: said why. */
struct file *content_file(struct call *c, const char *value,
                          const char *folder);
/* The content that an InputMedia describes; NULL: said why. New reference. */
json_t *content_of_media(struct call *c, const json_t *media);

#endif
