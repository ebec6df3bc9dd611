/*
 * store_sides.h - for test_store_property.c: stores side by side on the same chats,
 * each with a connection, a listener and a version of its own. Two listeners hear,
 * one listens to another database, where nothing is told, and has to look; one store
 * is told by hand, so that what it was told is known.
 */
#ifndef TESTS_STORE_SIDES_H
#define TESTS_STORE_SIDES_H

#include "store_model.h"

#include <sys/socket.h>
#include <sys/stat.h>

#include "config/listen.h"
#include "config/schema.h"

#define SCHEMA "test_property"
#define STORES 4
#define BY_HAND 2 /* the store that is told here */
#define DEAF 3    /* the one that hears nothing, and looks */
#define HELD 4    /* configs that tasks hold, of each store */

static struct side {
    struct config_store *store;
    struct pg *pg, *heard;
    struct config_listener *listener;
    struct pg_op *listening;
    int version;
    bool lazy;
    struct config *held[HELD];
    int64_t at_least[CHATS]; /* the revision that the store was told */
} sides[STORES];

/* Revisions that are kept. With few of them stores' connections are not lost: what
 * became of a write is looked up there. */
static int history;

static struct setting *schemas[2]; /* [1]: the section big is lazy */

static inline int64_t *told(struct side *s, int64_t chat)
{
    return &s->at_least[chat - FIRST_CHAT];
}

/* --- versions ------------------------------------------------------------------------ */

/* Each step counts how often it was taken. */
static inline bool upgrade(int64_t chat_id, struct slice text, int version,
                           struct buf *out, struct err *err, void *arg)
{
    struct side *s = arg;
    struct doc doc = read_doc(text);
    struct config_patch patch = { 0 };
    char value[24];

    (void)chat_id;
    if (is_bad(&doc))
        return err_set(err, ERR_SCRIPT, "nothing can be done with it");
    for (int i = version; i < s->version; i++) {
        snprintf(value, sizeof(value), "%lld",
                 (long long)doc.at[UPGRADES + i] + 1);
        set(&patch, paths[UPGRADES + i], value);
    }
    config_patch_apply(&patch, text, out);
    config_patch_release(&patch);
    return true;
}

static inline void make_schemas(void)
{
    struct err err = ERR_INIT;

    for (int lazy = 0; lazy < 2; lazy++) {
        struct setting *big;

        schemas[lazy] = schema_new();
        big = schema_add(schemas[lazy], "big", SETTING_SECTION, NULL, &err);
        assert_non_null(schema_add(big, "x", SETTING_INTEGER, "0", &err));
        assert_true(!lazy || schema_set_lazy(big, &err));
    }
}

/* A new generation, or going back to the one before. */
static inline void use_rules(struct side *s, int version, bool lazy)
{
    s->version = version;
    s->lazy = lazy;
    config_store_use(s->store, &(struct config_rules){
                                   .version = version,
                                   .upgrade = upgrade,
                                   .arg = s,
                                   .schema = schemas[lazy],
                               });
}

/* --- listening by hand ------------------------------------------------------------------ */

static const struct pg_statement listen_statement = { "listen",
                                                      "LISTEN "
                                                      "moonpost_config_" SCHEMA,
                                                      0 };

static inline void on_listening(struct op *op)
{
    struct side *s = op->arg;

    if (!op->err.kind)
        config_forget_all(s->store);
    op_free(op);
    s->listening = NULL;
}

static inline void on_heard_state(bool up, const char *reason, void *arg)
{
    struct side *s = arg;

    (void)reason;
    if (s->listening)
        op_free(&s->listening->op);
    s->listening = NULL;
    if (!up)
        return;
    s->listening = pg_query(s->heard, &listen_statement, NULL, 0);
    s->listening->op.done = on_listening;
    s->listening->op.arg = s;
}

/* What was told is not in the cache any more when it is older. */
static inline void on_heard(const char *channel, struct slice payload,
                            void *arg)
{
    struct side *s = arg;
    long long chat, revision;
    struct config *c;

    (void)channel;
    if (sscanf(payload.p, "%lld:%lld", &chat, &revision) != 2 ||
        chat < FIRST_CHAT || chat >= FIRST_CHAT + CHATS)
        return;
    config_changed(s->store, chat, revision);
    c = config_cached(s->store, chat);
    check(!c || (revision && c->revision >= revision), "old in the cache");
    if (revision > *told(s, chat))
        *told(s, chat) = revision;
}

/* --- open and close --------------------------------------------------------------------------------- */

static inline void own_url(struct buf *url)
{
    buf_adds(url, pg_server_url());
    buf_adds(url, strchr(url->data, '?') ? "&" : "?");
    buf_adds(url, "options=-csearch_path%3D" SCHEMA);
}

static inline struct pg *connection(const char *url, const char *what, int i)
{
    struct err err = ERR_INIT;
    struct pg *pg;
    char name[40];

    snprintf(name, sizeof(name), "property %s%d", what, i);
    pg = pg_new(db.loop,
                &(struct pg_options){
                    .url = url, .application_name = name, .prepare = true },
                &err);
    assert_non_null(pg);
    return pg;
}

static inline void side_listen(struct side *s, struct buf *url, int i)
{
    struct err err = ERR_INIT;
    char name[40];

    if (i == BY_HAND) {
        s->heard = connection(url->data, "listen ", i);
        pg_on_notify(s->heard, on_heard, s);
        pg_on_state(s->heard, on_heard_state, s);
        return;
    }
    if (i == DEAF)
        buf_adds(url, "&dbname=template1");
    snprintf(name, sizeof(name), "property listen %d", i);
    s->listener =
        config_listener_new(db.loop, s->store, s->pg,
                            &(struct config_listener_options){
                                .connection = { .url = url->data,
                                                .application_name = name },
                                .poll_ms = 20,
                                .test_ms = i == DEAF ? 20 : 0 },
                            &err);
    assert_non_null(s->listener);
}

/* Will it hear of all that is written from now on? */
static inline bool is_listening(const struct side *s, int i)
{
    if (i == BY_HAND)
        return pg_is_up(s->heard) && !s->listening;
    return config_listener_state(s->listener) ==
           (i == DEAF ? LISTENER_POLLING : LISTENER_LISTENING);
}

static inline void side_open(struct side *s, int i)
{
    struct buf url = BUF_INIT;

    own_url(&url);
    *s = (struct side){ .pg = connection(url.data, "", i) };
    s->store = config_store_new(db.loop, s->pg,
                                &(struct config_store_options){
                                    .cache_bytes = rnd(2) ? 1 << 20 : 900,
                                    .document_max = 2000,
                                    .history = history,
                                });
    use_rules(s, rnd(VERSIONS + 1), rnd(2));
    side_listen(s, &url, i);
    buf_release(&url);
}

static inline void side_close(struct side *s)
{
    for (int i = 0; i < HELD; i++)
        config_unref(s->held[i]);
    config_listener_free(s->listener);
    if (s->listening)
        op_free(&s->listening->op);
    config_store_free(s->store);
    pg_free(s->heard);
    pg_free(s->pg);
}

/* --- lost connections ---------------------------------------------------------------------- */

#define FDS 256

static bool spared[FDS]; /* sockets that are not the stores' */

static inline bool is_socket(int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode);
}

/* Those that are open now. */
static inline void spare_sockets(void)
{
    for (int fd = 0; fd < FDS; fd++)
        spared[fd] = is_socket(fd);
}

/* The server does what it was sent, and nobody hears the answer. */
static inline void cut_a_connection(void)
{
    int fds[FDS], n = 0;

    for (int fd = 0; fd < FDS; fd++)
        if (is_socket(fd) && !spared[fd])
            fds[n++] = fd;
    if (n)
        shutdown(fds[rnd(n)], SHUT_RDWR);
}

#endif
