/* files.c - see files.h. */
#include "simulator/files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct files {
    struct file *by_id; /* in the order they came */
    size_t bytes;
    long long count;
};

struct files *files_new(void)
{
    return xalloc(sizeof(struct files));
}

static void remove_file(struct files *files, struct file *file)
{
    HASH_DEL(files->by_id, file);
    files->bytes -= file->data->len;
    free(file->name);
    free(file->type);
    text_unref(file->data);
    free(file);
}

void files_free(struct files *files)
{
    if (!files)
        return;
    while (files->by_id)
        remove_file(files, files->by_id);
    free(files);
}

static unsigned big_endian(const unsigned char *p, int n)
{
    unsigned value = 0;

    while (n-- > 0)
        value = value << 8 | *p++;
    return value;
}

/* The frame header of a JPEG says its size; it comes after other segments. */
static void measure_jpeg(struct file *file, const unsigned char *p, size_t n)
{
    size_t at = 2;

    while (at + 9 < n && p[at] == 0xff) {
        unsigned marker = p[at + 1];

        if (marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 &&
            marker != 0xc8 && marker != 0xcc) {
            file->height = (int)big_endian(p + at + 5, 2);
            file->width = (int)big_endian(p + at + 7, 2);
            return;
        }
        at += 2 + big_endian(p + at + 2, 2);
    }
}

static void measure(struct file *file)
{
    const unsigned char *p = (const unsigned char *)file->data->data;
    size_t n = file->data->len;

    if (n > 24 && memcmp(p, "\x89PNG\r\n\x1a\n", 8) == 0) {
        file->width = (int)(big_endian(p + 16, 4) & 0xffff);
        file->height = (int)(big_endian(p + 20, 4) & 0xffff);
    } else if (n > 10 && memcmp(p, "GIF8", 4) == 0) {
        file->width = p[6] | p[7] << 8;
        file->height = p[8] | p[9] << 8;
    } else if (n > 4 && p[0] == 0xff && p[1] == 0xd8) {
        measure_jpeg(file, p, n);
    }
}

/* The ending for a path: of its name, else by its folder. */
static const char *ending(const char *folder, const char *name)
{
    const char *dot = name ? strrchr(name, '.') : NULL;

    if (dot && strlen(dot) < 8 && !strchr(dot, '/'))
        return dot;
    return strcmp(folder, "photos") == 0 ? ".jpg" : "";
}

/* Letters, digits and a dot: the ending becomes part of a path. */
static void add_ending(char *path, size_t size, const char *text)
{
    size_t n = strlen(path);

    for (; *text && n + 1 < size; text++)
        if (*text == '.' || (*text >= '0' && *text <= '9') ||
            (*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z'))
            path[n++] = *text;
    path[n] = '\0';
}

struct file *files_add(struct files *files, const char *folder,
                       const char *name, const char *type, struct slice data)
{
    struct file *file = xalloc(sizeof(*file));
    long long n = ++files->count;

    snprintf(file->id, sizeof(file->id), "AgACAgIAAxkBAAM%lld", n);
    snprintf(file->unique_id, sizeof(file->unique_id), "AQADmoon%lld", n);
    snprintf(file->path, sizeof(file->path), "%s/file_%lld", folder, n);
    add_ending(file->path, sizeof(file->path), ending(folder, name));
    file->name = name ? xstrdup(name) : NULL;
    file->type = type ? xstrdup(type) : NULL;
    file->data = text_new(data);
    measure(file);
    files->bytes += data.n;
    HASH_ADD_STR(files->by_id, id, file);
    while (files->bytes > FILES_BYTES_MAX && files->by_id != file)
        remove_file(files, files->by_id);
    return file;
}

struct file *files_find(const struct files *files, const char *id)
{
    struct file *file;

    HASH_FIND_STR(files->by_id, id, file);
    return file;
}

struct file *files_at(const struct files *files, const char *path)
{
    for (struct file *f = files->by_id; f; f = f->hh.next)
        if (strcmp(f->path, path) == 0)
            return f;
    return NULL;
}

static json_t *describe(const struct file *file)
{
    return json_pack("{s:s, s:s, s:I}", "file_id", file->id, "file_unique_id",
                     file->unique_id, "file_size", (json_int_t)file->data->len);
}

json_t *file_json(const struct file *file)
{
    json_t *json = describe(file);

    json_set_str(json, "file_path", file->path);
    return json;
}

static void add_size(json_t *json, const struct file *file,
                     const json_t *params)
{
    json_set_int(json, "width",
                 json_int(params, "width", file->width ? file->width : 640));
    json_set_int(json, "height",
                 json_int(params, "height", file->height ? file->height : 480));
}

static void add_name(json_t *json, const struct file *file)
{
    if (file->name)
        json_set_str(json, "file_name", file->name);
    if (file->type)
        json_set_str(json, "mime_type", file->type);
}

json_t *file_media(const struct file *file, const char *kind,
                   const json_t *params)
{
    json_t *json = describe(file), *list;
    bool sized = !strcmp(kind, "video") || !strcmp(kind, "animation") ||
                 !strcmp(kind, "photo") || !strcmp(kind, "sticker");
    bool timed = !strcmp(kind, "video") || !strcmp(kind, "animation") ||
                 !strcmp(kind, "audio") || !strcmp(kind, "voice") ||
                 !strcmp(kind, "video_note");

    if (sized)
        add_size(json, file, params);
    if (timed)
        json_set_int(json, "duration", json_int(params, "duration", 1));
    if (strcmp(kind, "photo") == 0) {
        list = json_array();
        json_array_append_new(list, json);
        return list;
    }
    if (strcmp(kind, "sticker") == 0) {
        json_set_str(json, "type", "regular");
        json_set_bool(json, "is_animated", false);
        json_set_bool(json, "is_video", false);
        json_set_from(json, params, "emoji");
        return json;
    }
    if (strcmp(kind, "video_note") == 0) {
        json_set_int(json, "length", json_int(params, "length", 240));
        return json;
    }
    if (strcmp(kind, "audio") == 0) {
        json_set_from(json, params, "performer");
        json_set_from(json, params, "title");
    }
    add_name(json, file);
    if (strcmp(kind, "voice") == 0)
        json_object_del(json, "file_name");
    return json;
}
