/* content.c - what a message is made of: formatted text and files. */
#include <string.h>

#include "simulator/entities.h"
#include "simulator/outgoing.h"

static json_t *find_user(int64_t id, void *arg)
{
    const struct simulator *sim = arg;
    const struct user *user = world_user(sim->world, id);

    return user ? json_incref(user->json) : NULL;
}

static bool add_formatted(struct call *c, json_t *content,
                          struct entities_input *in, const char *text_key,
                          const char *entities_key)
{
    struct buf text = BUF_INIT;
    struct err err = ERR_INIT;
    json_t *entities;
    bool ok;

    in->user = find_user;
    in->arg = c->sim;
    ok = entities_apply(in, &text, &entities, &err);
    if (ok && text.len)
        json_object_set_new(content, text_key,
                            json_stringn(text.data, text.len));
    if (ok && json_array_size(entities))
        json_object_set(content, entities_key, entities);
    if (ok)
        json_decref(entities);
    else
        call_fail_err(c, &err);
    buf_release(&text);
    return ok;
}

bool content_add_text(struct call *c, json_t *content)
{
    struct entities_input in = {
        .text = json_str_slice(c->params, "text"),
        .parse_mode = json_str(c->params, "parse_mode"),
        .given = json_object_get(c->params, "entities"),
        .max = 4096,
    };

    if (!in.text.p)
        in.text = slice_of("");
    if (!add_formatted(c, content, &in, "text", "entities"))
        return false;
    json_set_from(content, c->params, "link_preview_options");
    return true;
}

bool content_add_caption(struct call *c, json_t *content, const json_t *params)
{
    struct entities_input in = {
        .text = json_str_slice(params, "caption"),
        .parse_mode = json_str(params, "parse_mode"),
        .given = json_object_get(params, "caption_entities"),
        .keep_empty = true,
        .max = 1024,
        .too_long = "message caption is too long",
    };

    if (!in.text.p)
        return true;
    if (!add_formatted(c, content, &in, "caption", "caption_entities"))
        return false;
    if (json_bool(params, "show_caption_above_media"))
        json_set_bool(content, "show_caption_above_media", true);
    return true;
}

void content_strip(json_t *message)
{
    static const char *const fields[] = {
        "message_id",     "from",
        "sender_chat",    "chat",
        "date",           "edit_date",
        "forward_origin", "message_thread_id",
        "quote",          "is_topic_message",
        "reply_markup",   "reply_to_message",
        "media_group_id", "has_protected_content",
        "effect_id",      "author_signature",
    };

    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        json_object_del(message, fields[i]);
}

/* A URL stands for a file that has been fetched: what is in it does not
 * matter, its address is. */
static struct file *fetched(struct call *c, const char *url, const char *folder)
{
    const char *name = strrchr(url, '/');

    return files_add(c->sim->files, folder, name && name[1] ? name + 1 : "file",
                     NULL, slice_of(url));
}

struct file *content_file(struct call *c, const char *value, const char *folder)
{
    const struct multipart_part *part;
    struct file *file;

    if (!value) {
        call_fail(c, 400, "Bad Request: there is no file in the request");
        return NULL;
    }
    if ((part = params_upload(&c->parts, value))) {
        if (part->data.n == 0) {
            call_fail(c, 400, "Bad Request: file must be non-empty");
            return NULL;
        }
        return files_add(c->sim->files, folder, part->filename, part->type,
                         part->data);
    }
    if (strncmp(value, "http://", 7) == 0 || strncmp(value, "https://", 8) == 0)
        return fetched(c, value, folder);
    if (!(file = files_find(c->sim->files, value)))
        call_fail(c, 400,
                  "Bad Request: wrong file identifier/HTTP URL specified");
    return file;
}
