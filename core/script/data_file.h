/*
 * data_file.h - files that are made under the bot's data folder.
 *
 * One is written under a temporary name in <folder>/.part/, and has its own name
 * only when it is whole: data_file_finish(). data_file_abort() leaves nothing.
 * What a killed process has left in .part/ is removed by a later one, an hour
 * after it was last written to. Writing blocks for as long as the system takes
 * to copy into its cache; nothing is synced.
 */
#ifndef SCRIPT_DATA_FILE_H
#define SCRIPT_DATA_FILE_H

#include "base/buf.h"

/* Where files are, and what they may cost. Zeroes: the defaults. */
struct file_rules {
    const char *data_dir; /* NULL: data/ in the bot's folder */
    int download_max_mb;  /* 0: what the Bot API server gives */
    bool local;           /* the Bot API server runs here, with --local */
};

/* The path of the data folder of the bot in dir. */
void data_folder_add(const struct file_rules *rules, const char *dir,
                     struct buf *out);

struct data_file {
    int fd;            /* -1: not open */
    char *part, *path; /* the temporary and the final one */
};

#define DATA_FILE_INIT                                                         \
    {                                                                          \
        -1, NULL, NULL                                                         \
    }

/* May a script use this name? Relative, no "..", no part that begins with a
 * dot, nothing unprintable, at most 200 bytes. ERR_USAGE. */
bool data_name_check(const char *name, struct err *err) MUST_CHECK;

/* name was checked; folders in it are made. All: ERR_SYSTEM with name and reason. */
bool data_file_begin(struct data_file *f, const char *folder, const char *name,
                     struct err *err) MUST_CHECK;
bool data_file_write(struct data_file *f, struct slice data,
                     struct err *err) MUST_CHECK;
/* Throw away what was written so far. */
bool data_file_rewind(struct data_file *f, struct err *err) MUST_CHECK;
/* A second name for a file on the same disk, instead of a copy; before anything
 * was written. false: can't be done, write it. */
bool data_file_link(struct data_file *f, const char *from);
bool data_file_finish(struct data_file *f, struct err *err) MUST_CHECK;
void data_file_abort(struct data_file *f); /* after finish: nothing */

#endif
