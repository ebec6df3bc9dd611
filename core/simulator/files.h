/*
 * files.h - the files that people and bots have sent, in memory: the newest
 * FILES_BYTES_MAX bytes of them.
 */
#ifndef SIMULATOR_FILES_H
#define SIMULATOR_FILES_H

#include <uthash.h>

#include "simulator/text.h"

#define FILES_BYTES_MAX (64u << 20)

struct file {
    char id[40], unique_id[40];
    char *name, *type; /* NULL: unknown */
    char path[64];     /* "photos/file_1.jpg", as getFile gives it */
    struct text *data;
    int width, height; /* of a picture whose kind we know; else 0 */
    UT_hash_handle hh;
};

struct files;

struct files *files_new(void);
void files_free(struct files *files);

/* folder: "photos", "documents" … name and type may be NULL. */
struct file *files_add(struct files *files, const char *folder,
                       const char *name, const char *type, struct slice data);
struct file *files_find(const struct files *files, const char *id);
struct file *files_at(const struct files *files, const char *path);

/* A media object ("photo": an array of PhotoSize; "document", "video" …) that
 * shows the file, with what a call says of it (duration, width, title …). New
 * reference. */
json_t *file_media(const struct file *file, const char *kind,
                   const json_t *params);
json_t *file_json(const struct file *file); /* File */

#endif
