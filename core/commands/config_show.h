/*
 * config_show.h - settings and documents as text: for people, cut to what a
 * terminal can show, and as JSON.
 */
#ifndef CONFIG_SHOW_H
#define CONFIG_SHOW_H

#include "config/rows.h"
#include "config/schema.h"

/* The columns of the terminal that standard output is; 0: it is none. */
size_t show_columns(void);

/* Append text, cut with "…" at max characters (0: not cut), and without what a
 * terminal could take for a command. */
void show_cut(struct buf *out, struct slice text, size_t max);

/* What a document (or SLICE_NONE) has at a setting's place, fit or not; else
 * SLICE_NONE. */
struct slice show_stored(const struct setting *s, struct slice document);
/* The same by any path, "" being the document. SLICE_NONE too if it is no path. */
struct slice show_stored_path(const char *path, struct slice document);

/* ERR_CONFIG "there is no setting "x"; antiflood has max, on". Returns false. */
bool show_no_setting(const struct setting *root, const char *path,
                     struct err *err);

/* What can be done about a row that can't be read, after why. Returns false. */
bool show_way_out(const struct err *why, int64_t chat, struct err *err);

/* Append "5 messages", "\"Hi\"", cut like the above. */
void show_value(struct buf *out, const struct setting *s, struct slice value,
                size_t max);

/* "2026-01-02 06:09:56 UTC by cli:alice", as much of it as is known. */
void show_change(struct buf *out, const struct config_row *row);

/* Append ,"version":…,"revision":…,"changed_at":…,"changed_by":… */
void show_json_row(struct buf *out, const struct config_row *row);

/* Append the merged values of a section, or the value of a leaf, as JSON. */
void show_json_merged(struct buf *out, const struct setting *s,
                      struct slice overrides);

#endif
