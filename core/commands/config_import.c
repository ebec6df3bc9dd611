/*
 * config_import.c - moonpost config import: what export wrote, or somebody else.
 *
 *     standard input ─► check, upgrade ─► spool ─► batches ─► the database
 *
 * Nothing is written before the last line is checked; the spool, a file without
 * a name, keeps memory flat meanwhile.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "config/rows.h"
#include "config_command.h"
#include "config_show.h"

#define SAID_MAX 20 /* of lines that are wrong */
#define BATCH_BYTES (512 << 10)
#define BATCH_ROWS 1000
#define TRIES 5 /* of a batch */

struct import {
    struct config_call *c;
    FILE *spool;
    int64_t number; /* of the line that is being read */
    int64_t lines, wrong, changed;
    int64_t unfit;          /* lines with values that do not fit */
    int64_t unknown;        /* lines with keys that no setting has */
    struct buf unknown_key; /* the first of them */
    struct buf line, document, record;
};

/* --- checking ----------------------------------------------------------------------- */

/* What is wrong with a line; of the first ones it is said. Returns false. */
static bool say_wrong(struct import *im, const char *why)
{
    if (im->wrong++ < SAID_MAX)
        fprintf(stderr, "line %lld: %s\n", (long long)im->number, why);
    return false;
}

static int hex_digits(const char *p)
{
    char text[5] = { p[0], p[1], p[2], p[3], '\0' };

    return (int)strtol(text, NULL, 16);
}

/* JSON allows half of a pair of escapes, and NUL; PostgreSQL's jsonb does not. */
static bool has_bad_escape(struct slice text)
{
    const char *p = text.p, *end = p + text.n;

    while ((p = memchr(p, '\\', (size_t)(end - p)))) {
        int code = p[1] == 'u' ? hex_digits(p + 2) : -1;
        bool is_pair = code >= 0xD800 && code <= 0xDBFF && end - p >= 12 &&
                       p[6] == '\\' && p[7] == 'u' &&
                       (hex_digits(p + 8) & 0xFC00) == 0xDC00;

        if (code == 0 || (code >= 0xD800 && code <= 0xDFFF && !is_pair))
            return true;
        p += is_pair ? 12 : code >= 0 ? 6 : 2;
    }
    return false;
}

struct misfits {
    struct import *im;
    int n;
};

/* What an upgrade or a narrower setting left is in an export as it is stored. */
static void say_kept(struct import *im, const char *why)
{
    if (im->unfit <= SAID_MAX)
        fprintf(stderr, "line %lld, kept: %s\n", (long long)im->number, why);
}

static void on_misfit(const struct err *why, void *arg)
{
    struct misfits *m = arg;

    /* one line counts once, and all that is wrong with it is said */
    if (m->n++ == 0)
        m->im->unfit++;
    else if (!m->im->c->keep)
        m->im->wrong--;
    if (m->im->c->keep)
        say_kept(m->im, why->text);
    else
        say_wrong(m->im, why->text);
}

/* Add the path of the first key that no setting has; false: there is none. */
static bool add_unknown(const struct setting *section, struct slice document,
                        struct buf *out)
{
    struct json_iter it;

    json_iter_init(&it, document);
    while (json_iter_next(&it)) {
        const struct setting *s = setting_child(section, it.key);
        size_t len = out->len;

        buf_addf(out, "%s%.*s", len ? "." : "", (int)it.key.n, it.key.p);
        if (!s || (s->type == SETTING_SECTION && add_unknown(s, it.value, out)))
            return true;
        out->len = len;
    }
    return false;
}

/* Keys of settings that are gone are kept; a slip looks the same. */
static void look_for_unknown(struct import *im)
{
    struct buf key = BUF_INIT;

    if (add_unknown(im->c->tool.schema, buf_slice(&im->document), &key) &&
        im->unknown++ == 0)
        buf_addf(&im->unknown_key, "line %lld: %s", (long long)im->number,
                 key.data);
    buf_release(&key);
}

/* The document as it would be stored, in im->document. */
static bool check_document(struct import *im, int64_t chat, struct slice config,
                           int version)
{
    struct config_call *c = im->c;
    struct misfits misfits = { .im = im };
    struct err why = ERR_INIT;
    struct buf text = BUF_INIT;

    buf_reset(&im->document);
    if (!config_make_current(c->tool.store, chat, config, &version,
                             &im->document, &why)) {
        buf_addf(&text, "its config %s", why.text);
        say_wrong(im, why.kind == ERR_SCRIPT ? text.data : why.text);
        buf_release(&text);
        return false;
    }
    if (im->document.len > c->document_max) {
        buf_addf(&text,
                 "its config is %zu bytes, more than the %zu that "
                 "CONFIG_MAX_KB allows",
                 im->document.len, c->document_max);
        say_wrong(im, text.data);
        buf_release(&text);
        return false;
    }
    look_for_unknown(im);
    return !schema_misfits(c->tool.schema, buf_slice(&im->document), on_misfit,
                           &misfits) ||
           c->keep;
}

/* The parts of a line that is JSON. */
static bool read_parts(struct import *im, int64_t *chat, int64_t *version,
                       struct slice *config)
{
    struct slice line = buf_slice(&im->line);
    int current = im->c->tool.config_version;
    char text[160];

    if (json_kind(line) != JSON_OBJECT)
        return say_wrong(im, "must be an object with chat_id, version and "
                             "config");
    if (!json_to_int(json_get(line, "chat_id"), chat) || !*chat)
        return say_wrong(im, "chat_id must be a chat's id, a whole number");
    if (!json_to_int(json_get(line, "version"), version) || *version < 0) {
        snprintf(text, sizeof(text),
                 "version must be a whole number; this folder's is %d",
                 current);
        return say_wrong(im, text);
    }
    if (*version > current) {
        snprintf(text, sizeof(text),
                 "version %lld is newer than %d, this folder's",
                 (long long)*version, current);
        return say_wrong(im, text);
    }
    *config = json_get(line, "config");
    if (json_kind(*config) != JSON_OBJECT)
        return say_wrong(im, "config must be an object");
    if (has_bad_escape(*config))
        return say_wrong(im, "config has \\u0000, or half of a pair of \\u "
                             "escapes: PostgreSQL does not store that");
    return true;
}

static void spool_line(struct import *im, int64_t chat, struct slice config,
                       int version)
{
    int current = im->c->tool.config_version;
    bool upgraded = version < current;

    buf_reset(&im->record);
    config_import_add(&im->record, chat, buf_slice(&im->document), current,
                      upgraded ? config : SLICE_NONE, version);
    buf_addc(&im->record, '\n');
    fwrite(im->record.data, 1, im->record.len, im->spool);
    im->lines++;
}

static void check_line(struct import *im)
{
    struct err why = ERR_INIT;
    struct slice config;
    int64_t chat, version;

    if (!json_check(buf_slice(&im->line), CONFIG_DEPTH_MAX + 1, &why))
        say_wrong(im, why.text);
    else if (read_parts(im, &chat, &version, &config) &&
             check_document(im, chat, config, (int)version) && !im->wrong)
        spool_line(im, chat, config, (int)version);
}

/* --- reading ------------------------------------------------------------------------ */

/* The next line, without its end; what is over max bytes is left out, and *whole
 * false. false: there is none. */
static bool read_line(FILE *from, struct buf *line, size_t max, bool *whole)
{
    int ch;

    buf_reset(line);
    *whole = true;
    while ((ch = getc_unlocked(from)) != EOF && ch != '\n') {
        if (line->len < max)
            buf_addc(line, (char)ch);
        else
            *whole = false;
    }
    return ch != EOF || line->len > 0;
}

static bool is_blank(const struct buf *line)
{
    return strspn(line->data, " \t\r") == line->len;
}

static bool check_all(struct import *im, struct err *err)
{
    size_t max = im->c->document_max * CONFIG_READ_FACTOR + 1000;
    bool whole;

    while (read_line(stdin, &im->line, max, &whole)) {
        im->number++;
        if (!whole)
            say_wrong(im, "is too long");
        else if (!is_blank(&im->line))
            check_line(im);
    }
    if (ferror(stdin))
        return err_set(err, ERR_SYSTEM, "standard input: %s", strerror(errno));
    if (fflush(im->spool) || ferror(im->spool))
        return err_set(err, ERR_SYSTEM, "a temporary file: %s",
                       strerror(errno));
    if (im->wrong > SAID_MAX)
        fprintf(stderr, "… and %lld more\n", (long long)im->wrong - SAID_MAX);
    if (im->unknown)
        fprintf(stderr,
                "%lld %s a key that no setting has; it is kept, and not used "
                "(%s)\n",
                (long long)im->unknown,
                im->unknown == 1 ? "line has" : "lines have",
                im->unknown_key.data);
    if (im->c->keep && im->unfit > SAID_MAX)
        fprintf(stderr, "… and %lld more, kept\n",
                (long long)im->unfit - SAID_MAX);
    if (im->wrong)
        return err_set(err, ERR_CONFIG,
                       "%lld of %lld lines are wrong; nothing was imported%s",
                       (long long)im->wrong, (long long)im->number,
                       im->unfit ? " (--keep takes values that do not fit, too)"
                                 : "");
    return true;
}

/* While it reads nothing is lost by dying, and a signal could not be heard. */
static bool check_input(struct import *im, struct err *err)
{
    struct sigaction dying = { .sa_handler = SIG_DFL }, was_int, was_term;
    bool ok;

    sigaction(SIGINT, &dying, &was_int);
    sigaction(SIGTERM, &dying, &was_term);
    ok = check_all(im, err);
    sigaction(SIGINT, &was_int, NULL);
    sigaction(SIGTERM, &was_term, NULL);
    return ok;
}

/* --- writing ------------------------------------------------------------------------ */

/* Sending a batch again does no harm: what is equal is not written. */
static bool send_batch(struct import *im, struct slice batch, struct err *err)
{
    struct config_store *store = im->c->tool.store;
    bool ok, again;
    int tries = 0;

    do {
        struct pg_op *query =
            im->c->dry_run ? config_import_count_start(store, batch)
                           : config_import_start(store, batch, tool_who());
        struct err why = ERR_INIT;

        ok = tool_wait(&im->c->tool, &query->op, &why);
        again = !ok && why.kind != ERR_SYSTEM && pg_may_pass(query->sqlstate) &&
                ++tries < TRIES;
        if (ok)
            im->changed += config_import_changed(query);
        else if (!again)
            *err = why;
        op_free(&query->op);
    } while (again);
    return ok;
}

static bool send_all(struct import *im, struct err *err)
{
    struct buf batch = BUF_INIT;
    bool more, whole, ok = true;
    int n = 0;

    rewind(im->spool);
    do {
        more = read_line(im->spool, &im->line, SIZE_MAX, &whole);
        if (more) {
            buf_addc(&batch, n++ ? ',' : '[');
            buf_add_slice(&batch, buf_slice(&im->line));
        }
        if (n && (!more || n == BATCH_ROWS || batch.len > BATCH_BYTES)) {
            buf_addc(&batch, ']');
            ok = send_batch(im, buf_slice(&batch), err);
            buf_reset(&batch);
            n = 0;
        }
    } while (ok && more);
    buf_release(&batch);
    if (ok && ferror(im->spool))
        ok = err_set(err, ERR_SYSTEM, "a temporary file: %s", strerror(errno));
    return ok;
}

static void say_done(const struct import *im)
{
    if (im->c->json)
        printf("{\"lines\":%lld,\"changed\":%lld,\"dry_run\":%s}\n",
               (long long)im->lines, (long long)im->changed,
               im->c->dry_run ? "true" : "false");
    else
        printf("%lld line%s: %lld chat%s %s.\n", (long long)im->lines,
               im->lines == 1 ? "" : "s", (long long)im->changed,
               im->changed == 1 ? "" : "s",
               im->c->dry_run ? "would be changed" : "changed");
}

bool config_import(struct config_call *c, struct err *err)
{
    struct import im = { .c = c,
                         .spool = tmpfile(),
                         .line = BUF_INIT,
                         .document = BUF_INIT,
                         .record = BUF_INIT,
                         .unknown_key = BUF_INIT };
    bool ok;

    if (!im.spool)
        return err_set(err, ERR_SYSTEM, "a temporary file: %s",
                       strerror(errno));
    if (isatty(STDIN_FILENO))
        fprintf(stderr, "Reading JSON lines from standard input …\n");
    ok = check_input(&im, err);
    if (ok) {
        ok = send_all(&im, err);
        if (ok)
            say_done(&im);
        else if (im.changed && !c->dry_run)
            fprintf(stderr,
                    "moonpost: %lld chats were changed before that; import "
                    "again: what is equal is not written\n",
                    (long long)im.changed);
    }
    fclose(im.spool);
    buf_release(&im.line);
    buf_release(&im.document);
    buf_release(&im.record);
    buf_release(&im.unknown_key);
    return ok;
}
