/* entities.c - see entities.h: from a call's text to the message's. */
#include "simulator/entities_int.h"

#include <string.h>
#include <strings.h>

const struct entity_kind entity_kinds[ENTITY_TYPES] = {
    [ENTITY_MENTION] = { "mention", "Mention", CLASS_LINK, 50 },
    [ENTITY_HASHTAG] = { "hashtag", "Hashtag", CLASS_LINK, 50 },
    [ENTITY_CASHTAG] = { "cashtag", "Cashtag", CLASS_LINK, 50 },
    [ENTITY_BOT_COMMAND] = { "bot_command", "BotCommand", CLASS_LINK, 50 },
    [ENTITY_URL] = { "url", "Url", CLASS_LINK, 50 },
    [ENTITY_EMAIL] = { "email", "EmailAddress", CLASS_LINK, 50 },
    [ENTITY_PHONE_NUMBER] = { "phone_number", "PhoneNumber", CLASS_LINK, 50 },
    [ENTITY_BOLD] = { "bold", "Bold", CLASS_STYLE, 90 },
    [ENTITY_ITALIC] = { "italic", "Italic", CLASS_STYLE, 91 },
    [ENTITY_UNDERLINE] = { "underline", "Underline", CLASS_STYLE, 92 },
    [ENTITY_STRIKETHROUGH] = { "strikethrough", "Strikethrough", CLASS_STYLE,
                               93 },
    [ENTITY_SPOILER] = { "spoiler", "Spoiler", CLASS_STYLE, 94 },
    [ENTITY_BLOCKQUOTE] = { "blockquote", "BlockQuote", CLASS_QUOTE, 0 },
    [ENTITY_EXPANDABLE_BLOCKQUOTE] = { "expandable_blockquote",
                                       "ExpandableBlockQuote", CLASS_QUOTE, 0 },
    [ENTITY_CODE] = { "code", "Code", CLASS_CODE, 20 },
    [ENTITY_PRE] = { "pre", "Pre", CLASS_CODE, 11 },
    [ENTITY_TEXT_LINK] = { "text_link", "TextUrl", CLASS_LINK, 49 },
    [ENTITY_TEXT_MENTION] = { "text_mention", "MentionName", CLASS_LINK, 49 },
    [ENTITY_CUSTOM_EMOJI] = { "custom_emoji", "CustomEmoji", CLASS_LINK, 99 },
    [ENTITY_DATE_TIME] = { "date_time", "DateTime", CLASS_LINK, 49 },
};

struct entity *entities_add(struct entity_list *list, enum entity_type type,
                            int offset, int length)
{
    struct entity *e;

    if (list->n == list->cap) {
        list->cap = list->cap ? list->cap * 2 : 8;
        list->items = xrealloc(list->items, list->cap * sizeof(*list->items));
    }
    e = &list->items[list->n++];
    *e = (struct entity){ .type = type, .offset = offset, .length = length };
    return e;
}

void entities_remove(struct entity_list *list, size_t i)
{
    free(list->items[i].arg);
    memmove(&list->items[i], &list->items[i + 1],
            (list->n - i - 1) * sizeof(*list->items));
    list->n--;
}

void entities_release(struct entity_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        free(list->items[i].arg);
    free(list->items);
    *list = (struct entity_list){ 0 };
}

void marked_byte(struct marked *m, char c)
{
    m->units += utf16_units(c);
    buf_addc(m->text, c);
}

bool entities_fail(struct err *err, const char *fmt, ...)
{
    struct buf text = BUF_INIT;
    va_list ap;

    va_start(ap, fmt);
    buf_addv(&text, fmt, ap);
    va_end(ap);
    err_set(err, ERR_TELEGRAM, "Bad Request: can't parse entities: %s",
            text.data);
    buf_release(&text);
    return false;
}

size_t utf16_length(struct slice text)
{
    size_t units = 0;

    for (size_t i = 0; i < text.n; i++)
        units += (size_t)utf16_units(text.p[i]);
    return units;
}

/* Length of the well-formed sequence at p, or 0. See RFC 3629, section 4. */
static size_t utf8_sequence(const unsigned char *p, size_t n)
{
    size_t len = p[0] < 0x80 ? 1 : p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : 4;

    if ((p[0] >= 0x80 && p[0] < 0xC2) || p[0] > 0xF4 || len > n)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((p[i] & 0xC0) != 0x80)
            return 0;
    if ((p[0] == 0xE0 && p[1] < 0xA0) || (p[0] == 0xED && p[1] > 0x9F) ||
        (p[0] == 0xF0 && p[1] < 0x90) || (p[0] == 0xF4 && p[1] > 0x8F))
        return 0;
    return len;
}

bool utf8_valid(struct slice text)
{
    for (size_t i = 0; i < text.n;) {
        size_t len =
            utf8_sequence((const unsigned char *)text.p + i, text.n - i);

        if (!len)
            return false;
        i += len;
    }
    return true;
}

static enum entity_type type_of(const char *name)
{
    int type = 0;

    while (type < ENTITY_TYPES &&
           (!name || strcmp(entity_kinds[type].name, name) != 0))
        type++;
    return (enum entity_type)type;
}

static const char *string_of(const json_t *object, const char *key)
{
    const char *s = json_string_value(json_object_get(object, key));

    return s ? s : "";
}

/* One object of `entities`. What the server finds by itself is left to it. */
static void take_given(struct entity_list *list, const json_t *o)
{
    enum entity_type type = type_of(string_of(o, "type"));
    json_int_t offset = json_integer_value(json_object_get(o, "offset"));
    json_int_t length = json_integer_value(json_object_get(o, "length"));
    struct entity *e;

    if (type == ENTITY_TYPES || type <= ENTITY_PHONE_NUMBER || length <= 0 ||
        length > 1000000)
        return;
    if (type == ENTITY_TEXT_LINK) {
        entities_add_link(list, (int)offset, (int)length,
                          slice_of(string_of(o, "url")));
        return;
    }
    e = entities_add(list, type, (int)offset, (int)length);
    if (type == ENTITY_PRE && *string_of(o, "language"))
        e->arg = xstrdup(string_of(o, "language"));
    if (type == ENTITY_CUSTOM_EMOJI)
        e->arg = xstrdup(string_of(o, "custom_emoji_id"));
    if (type == ENTITY_DATE_TIME && *string_of(o, "date_time_format"))
        e->arg = xstrdup(string_of(o, "date_time_format"));
    if (type == ENTITY_DATE_TIME)
        e->id = json_integer_value(json_object_get(o, "unix_time"));
    if (type == ENTITY_TEXT_MENTION)
        e->id = json_integer_value(
            json_object_get(json_object_get(o, "user"), "id"));
}

/* Is there a border of code points at each end of the entity? */
static bool fits(const struct entity *e, const char *border, int units)
{
    return e->offset <= units && e->length <= units - e->offset &&
           border[e->offset] && border[e->offset + e->length];
}

static bool check_given(const struct entity_list *list, struct slice text,
                        struct err *err)
{
    int units = (int)utf16_length(text), at = 0;
    char *border = xalloc((size_t)units + 1);
    bool ok = true;

    for (size_t i = 0; i < text.n; i++)
        if (utf16_units(text.p[i])) {
            border[at] = 1;
            at += utf16_units(text.p[i]);
        }
    border[units] = 1;
    for (size_t i = 0; ok && i < list->n; i++)
        if (!fits(&list->items[i], border, units))
            ok = err_set(err, ERR_TELEGRAM,
                         "Bad Request: entity beginning at UTF-16 offset %d "
                         "ends after the end of the text at UTF-16 offset %d",
                         list->items[i].offset,
                         list->items[i].offset + list->items[i].length);
    free(border);
    return ok;
}

static bool parse_given(const json_t *given, struct slice text,
                        struct marked *m, struct err *err)
{
    size_t i;
    json_t *o;

    json_array_foreach(given, i, o)
    {
        json_int_t offset = json_integer_value(json_object_get(o, "offset"));

        if (!json_is_object(o))
            return err_set(err, ERR_TELEGRAM,
                           "Bad Request: can't parse MessageEntity: expected "
                           "an Object");
        if (offset < 0 || offset > 1000000)
            return err_set(err, ERR_TELEGRAM,
                           "Bad Request: receive an entity with incorrect "
                           "offset %lld",
                           (long long)offset);
        take_given(&m->list, o);
    }
    buf_add_slice(m->text, text);
    return check_given(&m->list, text, err);
}

static bool parse(const struct entities_input *input, struct marked *m,
                  struct err *err)
{
    const char *mode = input->parse_mode ? input->parse_mode : "";

    if (!utf8_valid(input->text))
        return err_set(err, ERR_TELEGRAM,
                       "Bad Request: strings must be encoded in UTF-8");
    if (strcasecmp(mode, "HTML") == 0)
        return html_parse(input->text, m, err);
    if (strcasecmp(mode, "MarkdownV2") == 0)
        return markdown_v2_parse(input->text, m, err);
    if (strcasecmp(mode, "Markdown") == 0)
        return markdown_parse(input->text, m, err);
    if (*mode && strcasecmp(mode, "None") != 0)
        return err_set(err, ERR_TELEGRAM,
                       "Bad Request: unsupported parse_mode");
    return parse_given(input->given, input->text, m, err);
}

static json_t *entity_json(const struct entity *e,
                           const struct entities_input *input)
{
    json_t *o = json_pack("{s:i, s:i, s:s}", "offset", e->offset, "length",
                          e->length, "type", entity_kinds[e->type].name);
    static const char *const arg_names[ENTITY_TYPES] = {
        [ENTITY_TEXT_LINK] = "url",
        [ENTITY_PRE] = "language",
        [ENTITY_CUSTOM_EMOJI] = "custom_emoji_id",
        [ENTITY_DATE_TIME] = "date_time_format",
    };

    if (e->arg && arg_names[e->type])
        json_object_set_new(o, arg_names[e->type], json_string(e->arg));
    if (e->type == ENTITY_DATE_TIME)
        json_object_set_new(o, "unix_time", json_integer(e->id));
    if (e->type == ENTITY_TEXT_MENTION) {
        json_t *user = input->user ? input->user(e->id, input->arg) : NULL;

        if (!user) {
            json_decref(o);
            return NULL;
        }
        json_object_set_new(o, "user", user);
    }
    return o;
}

static bool too_long(const struct entities_input *input, struct err *err)
{
    return err_set(err, ERR_TELEGRAM, "Bad Request: %s",
                   input->too_long ? input->too_long : "message is too long");
}

/* Everything after the parsing: cleaning, finding, measuring. */
static bool finish(const struct entities_input *input, struct marked *m,
                   struct err *err)
{
    struct entity_list found = { 0 };

    entities_fix(&m->list);
    entities_clean(m->text, &m->list);
    if (!m->text->len && !input->keep_empty)
        return err_set(err, ERR_TELEGRAM, "Bad Request: message text is empty");
    if (input->max && utf16_length(buf_slice(m->text)) > input->max)
        return too_long(input, err);
    entities_find(buf_slice(m->text), &found);
    entities_merge(&m->list, &found);
    return true;
}

bool entities_apply(const struct entities_input *input, struct buf *text,
                    json_t **entities, struct err *err)
{
    struct marked m = { .text = text };
    bool ok;

    buf_reset(text);
    *entities = NULL;
    ok = input->text.n > ENTITIES_INPUT_MAX
             ? too_long(input, err)
             : parse(input, &m, err) && finish(input, &m, err);
    if (ok) {
        *entities = json_array();
        for (size_t i = 0; i < m.list.n; i++) {
            json_t *o = entity_json(&m.list.items[i], input);

            if (o)
                json_array_append_new(*entities, o);
        }
    }
    entities_release(&m.list);
    return ok;
}
