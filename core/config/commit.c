/*
 * commit.c - writing what a task changed. See store.h.
 *
 *     apply the patch ─► write if the revision is still ours ─► done
 *            ▲                        │ nothing written
 *            └──── read the newer ◄───┘
 *
 * When the connection breaks and no answer comes, the same write is sent again:
 * it waits for the first one, should that still be running, and finds the
 * revision changed if that was carried out. Whether it was ours that changed it is
 * then looked up (find_ours()); where the history does not go back so far any
 * more, it is applied again. A second silence ends it: nobody waits for ever
 * because somebody else holds the row.
 */
#include <event2/util.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "config/store_int.h"

#define COMMIT_TRIES 10
#define CONFLICTS_MAX 200
#define PAUSE_MAX_MS 16
#define READ_ONLY_TRIES 2

static void write_next(struct config_op *c);
static void read_again(struct config_op *c);
static void find_ours(struct config_op *c);

/* --- ends -------------------------------------------------------------------------- */

/* The reason goes last: it may be long. */
static void say_unknown(const struct config_op *c, struct err *err)
{
    struct err why = *err;

    err_clear(err);
    err_set(err, ERR_DATABASE,
            "it is not known whether the config of chat %lld was saved: "
            "PostgreSQL did not answer, and asking it again failed: %s",
            (long long)c->chat_id, why.text);
}

/* What is cached is still what is stored, unless something may have been written. */
static void commit_failed(struct config_op *c, const struct err *why,
                          bool maybe_changed)
{
    struct err err = *why;

    if (maybe_changed || c->in_doubt)
        cache_drop(c->store->cache, c->chat_id);
    if (c->in_doubt && err.kind != ERR_CONFIG)
        say_unknown(c, &err);
    config_op_failed(c, &err);
    op_complete_here(&c->op);
}

static void committed(struct config_op *c, int64_t revision, bool is_current)
{
    c->config = config_make(c->chat_id, revision, c->base->version,
                            buf_slice(&c->next));
    if (is_current)
        config_keep(c->store, c->flight, c->config);
    else
        cache_drop(c->store->cache, c->chat_id);
    op_complete_here(&c->op);
}

/* --- the document to be written --------------------------------------------------------- */

/* Apply the patch to the base, and look whether that may be stored. */
static bool make_next(struct config_op *c, struct err *err)
{
    size_t max = c->store->document_max;
    struct err why = ERR_INIT;

    if (c->base->read_only)
        return err_set(err, ERR_CONFIG,
                       "the config of chat %lld could not be upgraded and is "
                       "read-only; the log says why",
                       (long long)c->chat_id);
    buf_reset(&c->next);
    config_patch_apply(&c->rebased, c->base->text, &c->next);
    if (c->next.len > max)
        return err_set(err, ERR_CONFIG,
                       "the chat's config would be %zu bytes, more than the "
                       "%zu that CONFIG_MAX_KB allows",
                       c->next.len, max);
    if (!json_check(buf_slice(&c->next), CONFIG_DEPTH_MAX, &why))
        return err_set(err, ERR_CONFIG, "the chat's config can't be stored: %s",
                       why.text);
    return true;
}

/* The server ended the connection, and with it what ran there. */
static bool was_ended(const char *sqlstate)
{
    return strncmp(sqlstate, "57P0", 4) == 0;
}

/* What only reads is asked again, unless there was no answer in time. */
static bool lost_its_answer(struct config_op *c, const struct pg_op *query)
{
    return query->op.err.kind == ERR_DATABASE &&
           (query->maybe_done || was_ended(query->sqlstate)) &&
           ++c->tries < COMMIT_TRIES;
}

/* The patch is for this one now, whose reference it takes. */
static bool use_newer(struct config_op *c, struct config *newer,
                      struct err *err)
{
    if (!config_patch_rebase(&c->rebased, c->store->rules.schema,
                             c->base->omitted, c->base->text, newer->text, err))
        return false;
    config_unref(c->base);
    c->base = newer;
    return true;
}

static void on_read_again(struct op *op)
{
    struct config_op *c = op->arg;
    struct pg_op *query = c->query;
    struct config *newer;
    struct err err = op->err;

    c->query = NULL;
    if (lost_its_answer(c, query)) {
        op_free(op);
        read_again(c);
        return;
    }
    if (!err.kind) {
        newer = pg_rows(query)
                    ? config_read_row(c->store, query, 0, &err)
                    : config_make(c->chat_id, 0, c->store->rules.version,
                                  slice_of("{}"));
        if (newer && !use_newer(c, newer, &err))
            config_unref(newer);
    }
    op_free(op);
    if (err.kind || !make_next(c, &err))
        commit_failed(c, &err, c->conflicts > 0 || c->tries > 0);
    else
        write_next(c);
}

/* The whole of it: what is written must have all that is there. */
static void read_again(struct config_op *c)
{
    struct buf chats = BUF_INIT;

    buf_addf(&chats, "{%lld}", (long long)c->chat_id);
    c->query = config_send_fetch(c->store, buf_slice(&chats), UINT32_MAX);
    c->query->op.done = on_read_again;
    c->query->op.arg = c;
    buf_release(&chats);
}

/* --- somebody else has written ------------------------------------------------------- */

static void on_paused(struct op *op)
{
    struct config_op *c = op->arg;

    c->pause = NULL;
    op_free(op);
    read_again(c);
}

/* Two that write as fast as they can may do it in step, and one always be second:
 * pauses by chance bring them out of it. */
static void pause_by_chance(struct config_op *c)
{
    unsigned char chance;

    evutil_secure_rng_get_bytes(&chance, sizeof(chance));
    c->pause = timer_start(c->store->loop, chance % PAUSE_MAX_MS);
    c->pause->done = on_paused;
    c->pause->arg = c;
}

/* The chat has another id now: the patch is for its config. */
static bool go_home(struct config_op *c)
{
    int64_t home = config_home(c->store, c->chat_id);

    if (home == c->chat_id)
        return false;
    config_flight_end(c->store, c->flight);
    c->chat_id = home;
    c->flight = config_flight(c->store, home);
    return true;
}

static void conflict(struct config_op *c)
{
    struct err err = ERR_INIT;

    go_home(c);
    if (++c->conflicts == CONFLICTS_MAX) {
        err_set(&err, ERR_DATABASE,
                "the config of chat %lld is being written by others all the "
                "time; nothing was saved",
                (long long)c->chat_id);
        commit_failed(c, &err, true);
    } else if (c->conflicts < 3) {
        read_again(c);
    } else {
        pause_by_chance(c);
    }
}

/* --- writing ---------------------------------------------------------------------------- */

static void on_found(struct op *op)
{
    struct config_op *c = op->arg;
    struct pg_op *query = c->query;
    struct err err = op->err;
    int64_t revision = 0;
    bool is_current = false;

    bool again = lost_its_answer(c, query);

    if (!err.kind && pg_rows(query)) {
        revision = pg_int(query, 0, 0);
        is_current = slice_eq(pg_value(query, 0, 1), "t");
    }
    op_free(op);
    c->query = NULL;
    if (again) {
        find_ours(c);
    } else if (err.kind) {
        commit_failed(c, &err, true);
    } else if (revision) {
        committed(c, revision, is_current);
    } else { /* the first one was not carried out; somebody else's was */
        c->in_doubt = false;
        conflict(c);
    }
}

/* Was the write that got no answer carried out? */
static void find_ours(struct config_op *c)
{
    c->query = config_send_find(c->store, c->base, buf_slice(&c->next), c->who);
    c->query->op.done = on_found;
    c->query->op.arg = c;
}

/* A deadlock, a serialization failure, an end: the server took it back. */
static bool was_taken_back(const char *sqlstate)
{
    return strcmp(sqlstate, "40P01") == 0 || strcmp(sqlstate, "40001") == 0 ||
           was_ended(sqlstate);
}

/* After a failover: the connection is made anew (pg.h), to the new primary. */
static bool was_read_only(const char *sqlstate)
{
    return strcmp(sqlstate, "25006") == 0;
}

static void write_failed(struct config_op *c, const struct err *err,
                         const char *sqlstate, bool maybe_done)
{
    bool again = was_taken_back(sqlstate) ||
                 (was_read_only(sqlstate) && c->tries < READ_ONLY_TRIES);

    if (maybe_done)
        again = !c->in_doubt || err->kind != ERR_TIMEOUT;
    c->in_doubt = c->in_doubt || maybe_done;
    if (!again || ++c->tries >= COMMIT_TRIES)
        commit_failed(c, err, maybe_done);
    else
        write_next(c);
}

static void on_written(struct op *op)
{
    struct config_op *c = op->arg;
    struct err err = op->err;
    int64_t revision = 0;
    bool maybe_done = c->query->maybe_done;
    char sqlstate[sizeof(c->query->sqlstate)];

    memcpy(sqlstate, c->query->sqlstate, sizeof(sqlstate));
    if (!err.kind && pg_rows(c->query))
        revision = pg_int(c->query, 0, 0);
    op_free(op);
    c->query = NULL;
    if (err.kind)
        write_failed(c, &err, sqlstate, maybe_done);
    else if (revision)
        committed(c, revision, true);
    else if (c->in_doubt)
        find_ours(c);
    else
        conflict(c);
}

static void write_next(struct config_op *c)
{
    struct slice text = buf_slice(&c->next);

    c->query = c->base->revision == 0
                   ? config_send_insert(c->store, c->base, text, c->who)
                   : config_send_update(c->store, c->base, text, c->who);
    c->query->op.done = on_written;
    c->query->op.arg = c;
}

struct config_op *config_commit(struct config_store *store, struct config *base,
                                const struct config_patch *patch,
                                const char *who)
{
    struct config_op *c = config_op_new(store, base->chat_id);

    c->base = config_ref(base);
    c->who = xstrdup(who);
    c->flight = config_flight(store, base->chat_id);
    config_patch_copy(&c->patch, patch);
    config_patch_copy(&c->rebased, patch);
    if (go_home(c) || base->partial)
        read_again(c);
    else if (make_next(c, &c->op.err))
        write_next(c);
    else
        op_complete(&c->op);
    return c;
}
