/*
 * entities_int.h - between the parts of entities: what a parser finds.
 */
#ifndef SIMULATOR_ENTITIES_INT_H
#define SIMULATOR_ENTITIES_INT_H

#include "simulator/entities.h"

enum entity_type {
    ENTITY_MENTION,
    ENTITY_HASHTAG,
    ENTITY_CASHTAG,
    ENTITY_BOT_COMMAND,
    ENTITY_URL,
    ENTITY_EMAIL,
    ENTITY_PHONE_NUMBER,
    ENTITY_BOLD,
    ENTITY_ITALIC,
    ENTITY_UNDERLINE,
    ENTITY_STRIKETHROUGH,
    ENTITY_SPOILER,
    ENTITY_BLOCKQUOTE,
    ENTITY_EXPANDABLE_BLOCKQUOTE,
    ENTITY_CODE,
    ENTITY_PRE,
    ENTITY_TEXT_LINK,
    ENTITY_TEXT_MENTION,
    ENTITY_CUSTOM_EMOJI,
    ENTITY_DATE_TIME,
    ENTITY_TYPES
};

/*
 * How entities may nest. STYLE ones may cover parts of each other and are then
 * cut into pieces; nothing is inside CODE; two of LINK, or two quotes, are
 * never inside each other.
 */
enum entity_class { CLASS_STYLE, CLASS_CODE, CLASS_LINK, CLASS_QUOTE };

struct entity_kind {
    const char *name;    /* in JSON */
    const char *message; /* in the server's errors */
    enum entity_class class;
    int priority; /* of two over the same text, the smaller one comes first */
};

extern const struct entity_kind entity_kinds[ENTITY_TYPES];

struct entity {
    enum entity_type type;
    int offset, length; /* UTF-16 units */
    int64_t id;         /* TEXT_MENTION: the user, DATE_TIME: the Unix time */
    char *arg;          /* TEXT_LINK: url, PRE: language, CUSTOM_EMOJI: its id,
                         * DATE_TIME: format. Owned, or NULL */
};

struct entity_list {
    struct entity *items;
    size_t n, cap;
};

/* Borrowed until the next call. */
struct entity *entities_add(struct entity_list *list, enum entity_type type,
                            int offset, int length);
void entities_remove(struct entity_list *list, size_t i);
void entities_release(struct entity_list *list);

/* What a parser makes: plain text so far, its length, the entities. */
struct marked {
    struct buf *text;
    int units;
    struct entity_list list;
};

/* Append one byte of UTF-8, counting it. */
void marked_byte(struct marked *m, char c);
/* "Bad Request: can't parse entities: …"; false. */
bool entities_fail(struct err *err, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

bool html_parse(struct slice in, struct marked *m, struct err *err) MUST_CHECK;
bool markdown_parse(struct slice in, struct marked *m,
                    struct err *err) MUST_CHECK;
bool markdown_v2_parse(struct slice in, struct marked *m,
                       struct err *err) MUST_CHECK;

/*
 * Add a text_link, or a text_mention for tg://user?id=N. A link that is none
 * adds nothing, as at Telegram.
 */
void entities_add_link(struct entity_list *list, int offset, int length,
                       struct slice url);

/* Commands, mentions, links … that plain text has. Appends. */
void entities_find(struct slice text, struct entity_list *list);

/* Sort by offset and make them nest (see enum entity_class). */
void entities_fix(struct entity_list *list);
/* found: what entities_find() gave, emptied. Where they meet a link, code or
 * the edge of a quote of list, they lose. */
void entities_merge(struct entity_list *list, struct entity_list *found);
/*
 * Control characters become blanks and \r vanishes; entities of nothing but white
 * space go; white space is cut off at both ends. list must be fixed.
 */
void entities_clean(struct buf *text, struct entity_list *list);

/* Number of UTF-16 units a UTF-8 byte begins: 0 for a continuation. */
static inline int utf16_units(char c)
{
    unsigned char u = (unsigned char)c;

    return (u & 0xC0) == 0x80 ? 0 : u >= 0xF0 ? 2 : 1;
}

#endif
