/* methods_media.c - messages with files, and the way back: getFile. */
#include <stdio.h>
#include <string.h>

#include "simulator/outgoing.h"

struct media_kind {
    const char *name, *folder;
    struct send_kind send;
};

static const struct media_kind kinds[] = {
    { "photo", "photos", { "can_send_photos", "photos" } },
    { "document", "documents", { "can_send_documents", "documents" } },
    { "video", "videos", { "can_send_videos", "videos" } },
    { "audio", "music", { "can_send_audios", "music" } },
    { "voice", "voice", { "can_send_voice_notes", "voice notes" } },
    { "animation", "animations", { "can_send_other_messages", "animations" } },
    { "sticker", "stickers", { "can_send_other_messages", "stickers" } },
    { "video_note", "video_notes", { "can_send_video_notes", "video notes" } },
};

static const struct media_kind *kind_named(const char *name)
{
    for (size_t i = 0; name && i < ARRAY_LEN(kinds); i++)
        if (strcmp(name, kinds[i].name) == 0)
            return &kinds[i];
    return NULL;
}

/* {"photo": […], "caption": …} from the parameters of a call or from an
 * InputMedia, where the file is in `file_key`. NULL: said why. */
static json_t *media_content(struct call *c, const struct media_kind *kind,
                             const json_t *params, const char *file_key)
{
    const struct file *file =
        content_file(c, json_str(params, file_key), kind->folder);
    json_t *content, *media;

    if (!file)
        return NULL;
    content = json_object();
    media = file_media(file, kind->name, params);
    if (strcmp(kind->name, "animation") == 0) /* as at Telegram: both */
        json_object_set_new(content, "document",
                            file_media(file, "document", NULL));
    json_object_set_new(content, kind->name, media);
    if (json_bool(params, "has_spoiler"))
        json_set_bool(content, "has_media_spoiler", true);
    if (!content_add_caption(c, content, params)) {
        json_decref(content);
        return NULL;
    }
    return content;
}

json_t *content_of_media(struct call *c, const json_t *media)
{
    const struct media_kind *kind = kind_named(json_str(media, "type"));

    if (kind)
        return media_content(c, kind, media, "media");
    call_fail(c, 400, "Bad Request: can't parse InputMedia: wrong type");
    return NULL;
}

static bool send_kind_of(struct call *c, const char *name)
{
    const struct media_kind *kind = kind_named(name);

    return outgoing_send(c, &kind->send,
                         media_content(c, kind, c->params, name));
}

static bool send_photo(struct call *c)
{
    return send_kind_of(c, "photo");
}

static bool send_document(struct call *c)
{
    return send_kind_of(c, "document");
}

static bool send_video(struct call *c)
{
    return send_kind_of(c, "video");
}

static bool send_audio(struct call *c)
{
    return send_kind_of(c, "audio");
}

static bool send_voice(struct call *c)
{
    return send_kind_of(c, "voice");
}

static bool send_animation(struct call *c)
{
    return send_kind_of(c, "animation");
}

static bool send_sticker(struct call *c)
{
    return send_kind_of(c, "sticker");
}

static bool send_video_note(struct call *c)
{
    return send_kind_of(c, "video_note");
}

/* --- albums --------------------------------------------------------------------------- */

/* The contents of all of an album, so that nothing is sent if one is bad. */
static json_t *album_contents(struct call *c, const json_t *media)
{
    static long long count;
    json_t *contents = json_array(), *one, *content;
    char group[32];
    size_t i;

    snprintf(group, sizeof(group), "%lld", 13900000000000000LL + ++count);
    json_array_foreach(media, i, one)
    {
        if (!(content = content_of_media(c, one))) {
            json_decref(contents);
            return NULL;
        }
        json_set_str(content, "media_group_id", group);
        json_array_append_new(contents, content);
    }
    return contents;
}

static bool send_album(struct call *c)
{
    const json_t *media = json_object_get(c->params, "media");
    size_t n = json_array_size(media), i;
    json_t *contents, *content, *answer;
    struct outgoing o;
    bool ok;

    if (n < 2 || n > 10)
        return call_fail(c, 400,
                         "Bad Request: group of media must include 2-10 items");
    if (!(contents = album_contents(c, media)))
        return false;
    ok = outgoing_begin(c, &kinds[0].send, &o);
    if (ok) {
        answer = json_array();
        json_array_foreach(contents, i, content)
        {
            json_array_append_new(answer,
                                  message_json(outgoing_add(c, &o, content)));
        }
        call_ok(c, answer);
    }
    outgoing_end(&o);
    json_decref(contents);
    return ok;
}

static bool get_file(struct call *c)
{
    const struct file *file =
        files_find(c->sim->files, json_str(c->params, "file_id"));

    if (!file)
        return call_fail(c, 400, "Bad Request: invalid file_id");
    if (file->data->len > 20u << 20)
        return call_fail(c, 400, "Bad Request: file is too big");
    return call_ok(c, file_json(file));
}

const struct method methods_media[] = {
    { "sendPhoto", send_photo },
    { "sendDocument", send_document },
    { "sendVideo", send_video },
    { "sendAudio", send_audio },
    { "sendVoice", send_voice },
    { "sendAnimation", send_animation },
    { "sendSticker", send_sticker },
    { "sendVideoNote", send_video_note },
    { "sendMediaGroup", send_album },
    { "getFile", get_file },
    { NULL, NULL },
};
