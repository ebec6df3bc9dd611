/*
 * folder.h - which files of a bot's folder a generation was made of, and what has
 * changed there since.
 */
#ifndef SCRIPT_FOLDER_H
#define SCRIPT_FOLDER_H

#include "base/buf.h"

struct folder_file {
    char *path; /* "scripts/welcome.lua" */
    uint64_t hash;
};

/* All zero: none. */
struct folder_files {
    struct folder_file *list;
    size_t n;
};

void folder_note(struct folder_files *files, const char *path,
                 struct slice text);
void folder_release(struct folder_files *files);

/* Is it one of the files that are loaded? Not what editors leave beside a file:
 * ".#x.lua", "x.lua~", "#x.lua#". ending: ".lua" */
bool folder_takes(const char *name, const char *ending);

/* Note the SQL of migrations/schema: it is not loaded, but a change is told of. */
void folder_note_sql(struct folder_files *files, const char *dir);

/* Append what has changed in dir: "scripts/a.lua changed, scripts/b.lua is new, and
 * 3 more". Returns how many did. sql (or NULL): is any of them SQL? */
int folder_changes(const struct folder_files *files, const char *dir,
                   struct buf *out, bool *sql);

/* Is one of the files that are loaded empty now, and was not, or is new? Who saves
 * empties first; on ext4 that can be seen up to 100 ms before inotify tells of it. */
bool folder_was_emptied(const struct folder_files *files, const char *dir);

#endif
