/*
 * test_store_property.c - any sequence of reads, writes, reloads, evictions,
 * lost connections and writes of others gives what a plain model gives.
 *
 * Three stores, each with a connection and a listener of its own, two real ones
 * and one by hand, on the same chats. MOONPOST_TEST_SEEDS is how many sequences
 * are tried, MOONPOST_TEST_SEED the first one: a failure says its seed. The same
 * seed gives the same sequence of actions, not of what the server does.
 */
#include "store_model.h"

#include "config/listen.h"
#include "config/schema.h"

#define SCHEMA "test_property"
#define STORES 3
#define BY_HAND 2 /* the store whose listener is in this file */
#define STEPS 150 /* of one seed */
#define QUIET 50  /* steps from one quiet point to the next */
#define HELD 4    /* configs that tasks hold, of each store */
#define HISTORY 4

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

static struct setting *schemas[2]; /* [1]: the section big is lazy */
static int running;                /* operations */

/* One that was asked for. */
struct asked {
    struct side *side;
    int64_t chat, at_least;
    int write; /* its number, or -1 */
    struct op *op;
    TAILQ_ENTRY(asked) link;
};

static TAILQ_HEAD(, asked) asked_for = TAILQ_HEAD_INITIALIZER(asked_for);

static int64_t *told(struct side *s, int64_t chat)
{
    return &s->at_least[chat - FIRST_CHAT];
}

static int64_t any_chat(void)
{
    return FIRST_CHAT + rnd(CHATS);
}

static void turns(int ms)
{
    sleep_ms(&db, ms);
}

#define wait_until(holds)                                                      \
    do {                                                                       \
        for (int tries = 0; !(holds); tries++) {                               \
            check(tries < 4000, "never: %s", #holds);                          \
            turns(5);                                                          \
        }                                                                      \
    } while (0)

/* --- versions ------------------------------------------------------------------------ */

/* Each step counts how often it was taken. */
static bool upgrade(int64_t chat_id, struct slice text, int version,
                    struct buf *out, struct err *err, void *arg)
{
    struct side *s = arg;
    struct doc doc = read_doc(text);
    struct config_patch patch = { 0 };
    char value[24];

    (void)chat_id;
    (void)err;
    for (int i = version; i < s->version; i++) {
        snprintf(value, sizeof(value), "%lld",
                 (long long)doc.at[UPGRADES + i] + 1);
        set(&patch, paths[UPGRADES + i], value);
    }
    config_patch_apply(&patch, text, out);
    config_patch_release(&patch);
    return true;
}

static void make_schemas(void)
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
static void use_rules(struct side *s, int version, bool lazy)
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
                                                      "LISTEN moonpost_config",
                                                      0 };

static void on_listening(struct op *op)
{
    struct side *s = op->arg;

    if (!op->err.kind)
        config_forget_all(s->store);
    op_free(op);
    s->listening = NULL;
}

static void on_heard_state(bool up, const char *reason, void *arg)
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
static void on_heard(const char *channel, struct slice payload, void *arg)
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

/* --- reading --------------------------------------------------------------------------- */

static void hold(struct side *s, struct config *config)
{
    int i = rnd(HELD);

    if (rnd(3))
        return;
    config_unref(s->held[i]);
    s->held[i] = config_ref(config);
}

static void note_reading(struct side *s, const struct config *c,
                         int64_t at_least)
{
    assert_true(model.nreadings < READINGS_MAX);
    model.readings[model.nreadings++] = (struct reading){
        .chat = c->chat_id,
        .revision = c->revision,
        .at_least = at_least,
        .version = c->version,
        .without_big = c->omitted,
        .doc = read_doc(c->text),
    };
    check(!c->read_only, "read-only");
    (void)s;
}

static struct asked *asked_new(struct side *s, int64_t chat, struct op *op,
                               op_done_fn done)
{
    struct asked *a = xalloc(sizeof(*a));

    a->side = s;
    a->chat = chat;
    a->at_least = *told(s, chat);
    a->write = -1;
    a->op = op;
    op->done = done;
    op->arg = a;
    TAILQ_INSERT_TAIL(&asked_for, a, link);
    running++;
    return a;
}

static void asked_free(struct asked *a)
{
    TAILQ_REMOVE(&asked_for, a, link);
    op_free(a->op);
    free(a);
    running--;
}

static void on_read(struct op *op)
{
    struct asked *a = op->arg;
    struct config_op *fetched = (struct config_op *)op;

    check(!op->err.kind || op->err.kind == ERR_DATABASE, "%s", op->err.text);
    if (fetched->config) {
        note_reading(a->side, fetched->config, a->at_least);
        hold(a->side, fetched->config);
    }
    asked_free(a);
}

static void start_read(struct side *s, int64_t chat)
{
    uint32_t sections = rnd(2) ? schema_lazy_sections(schemas[s->lazy]) : 0;
    struct config *c = rnd(3) ? config_cached(s->store, chat) : NULL;

    if (c && !(c->omitted & sections)) {
        note_reading(s, c, *told(s, chat));
        hold(s, c);
    } else {
        asked_new(s, chat, &config_fetch(s->store, chat, sections)->op,
                  on_read);
    }
}

/* --- writing ----------------------------------------------------------------------------- */

static struct change any_change(void)
{
    struct change change = { .n = 1 + rnd(3) };

    for (int i = 0; i < change.n; i++) {
        change.key[i] = rnd(UPGRADES);
        change.value[i] = rnd(4) ? ++model.value : 0;
    }
    return change;
}

static struct write *write_new(int64_t chat)
{
    struct write *w = &model.writes[model.nwrites++];

    assert_true(model.nwrites <= WRITES_MAX);
    *w = (struct write){ .chat = chat, .change = any_change() };
    return w;
}

static bool is_in_doubt(const struct err *err)
{
    return strstr(err->text, "not known whether") != NULL;
}

static void on_committed(struct op *op)
{
    struct asked *a = op->arg;
    struct write *w = &model.writes[a->write];
    struct config *c = ((struct config_op *)op)->config;

    if (op->err.kind) {
        check(op->err.kind == ERR_DATABASE, "%s", op->err.text);
        w->outcome = is_in_doubt(&op->err) ? NOT_KNOWN : FAILED;
    } else {
        w->outcome = DONE;
        w->revision = c->revision;
        w->doc = read_doc(c->text);
        if (c->revision > *told(a->side, a->chat))
            *told(a->side, a->chat) = c->revision;
        hold(a->side, c);
    }
    asked_free(a);
}

/* On what some task has read, lately or long ago. */
static void start_write(struct side *s)
{
    struct config *base = s->held[rnd(HELD)];
    struct config_patch patch = { 0 };
    struct write *w;
    char who[24], value[24];

    if (!base)
        return;
    w = write_new(base->chat_id);
    for (int i = 0; i < w->change.n; i++) {
        snprintf(value, sizeof(value), "%lld", (long long)w->change.value[i]);
        set(&patch, paths[w->change.key[i]], w->change.value[i] ? value : NULL);
    }
    snprintf(who, sizeof(who), "op:%d", (int)(w - model.writes));
    asked_new(s, base->chat_id, &config_commit(s->store, base, &patch, who)->op,
              on_committed)
        ->write = (int)(w - model.writes);
    config_patch_release(&patch);
}

/* Of tasks that are ended. */
static void free_some(void)
{
    struct asked *a, *next;

    for (a = TAILQ_FIRST(&asked_for); a; a = next) {
        next = TAILQ_NEXT(a, link);
        if (!a->side || rnd(4))
            continue;
        if (a->write >= 0)
            model.writes[a->write].outcome = NOT_KNOWN;
        asked_free(a);
    }
}

/* --- others -------------------------------------------------------------------------------- */

static void on_foreign(struct op *op)
{
    struct asked *a = op->arg;
    struct pg_op *query = (struct pg_op *)op;
    struct write *w = &model.writes[a->write];

    check(!op->err.kind, "%s", op->err.text);
    w->outcome = FAILED; /* there was no row */
    if (pg_rows(query)) {
        w->outcome = DONE;
        w->revision = pg_int(query, 0, 0);
        w->doc = read_doc(pg_value(query, 0, 1));
    }
    asked_free(a);
}

/* Another program changes one key, by SQL, and knows nothing of revisions. */
static void foreign_write(void)
{
    struct write *w = write_new(any_chat());
    struct pg_op *query;
    char text[400];
    struct asked *a;

    w->change.n = 1;
    w->change.key[0] = rnd(3);
    w->change.value[0] = ++model.value;
    snprintf(text, sizeof(text),
             rnd(2) ? "UPDATE chat_configs SET config = config || '{\"%s\": "
                      "%lld}' WHERE chat_id = %lld RETURNING revision, config"
                    : "INSERT INTO chat_configs AS c (config, chat_id) "
                      "SELECT '{\"%s\": %lld}', %lld "
                      "ON CONFLICT (chat_id) DO UPDATE SET config = "
                      "c.config || EXCLUDED.config "
                      "RETURNING revision, config",
             paths[w->change.key[0]], (long long)w->change.value[0],
             (long long)w->chat);
    query = pg_script(db.pg, slice_of(text));
    a = asked_new(&sides[0], w->chat, &query->op, on_foreign);
    a->write = (int)(w - model.writes);
    a->side = NULL;
}

static void on_script(struct op *op)
{
    struct asked *a = op->arg;

    check(!op->err.kind, "%s", op->err.text);
    asked_free(a);
}

static void foreign_sql(const char *fmt, ...)
{
    struct buf text = BUF_INIT;
    va_list ap;

    va_start(ap, fmt);
    buf_addv(&text, fmt, ap);
    va_end(ap);
    asked_new(&sides[0], FIRST_CHAT, &pg_script(db.pg, buf_slice(&text))->op,
              on_script)
        ->side = NULL;
    buf_release(&text);
}

static void foreign_delete(void)
{
    foreign_sql("DELETE FROM chat_configs WHERE chat_id = %lld",
                (long long)any_chat());
}

/* name: of a connection's program; may have % */
static void end_connections(const char *name)
{
    foreign_sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE application_name LIKE '%s'",
                name);
}

/* --- one sequence ------------------------------------------------------------------------- */

static void disturb(struct side *s)
{
    static const char *const names[] = { "property 0", "property 1",
                                         "property 2", "property listen %",
                                         "property %" };

    switch (rnd(12)) {
    case 0:
    case 1: use_rules(s, rnd(VERSIONS + 1), rnd(2)); break;
    case 2: config_forget_all(s->store); break;
    case 3:
    case 4: config_forget(s->store, any_chat()); break;
    case 5: /* told late, or twice */
        config_changed(s->store, any_chat(), 1 + rnd(20));
        break;
    case 6: foreign_delete(); break;
    case 7:
    case 8: free_some(); break;
    case 9:
        if (!rnd(3))
            end_connections(names[rnd(5)]);
        break;
    default: foreign_write();
    }
}

static void step(void)
{
    struct side *s = &sides[rnd(STORES)];
    int what = rnd(10);

    if (what < 4)
        start_read(s, any_chat());
    else if (what < 8)
        start_write(s);
    else
        disturb(s);
    if (!rnd(3))
        turns(rnd(3));
}

static bool knows_the_present(struct side *s)
{
    for (int64_t chat = FIRST_CHAT; chat < FIRST_CHAT + CHATS; chat++) {
        struct config *c = config_cached(s->store, chat);

        if (c && c->revision != present_revision(chat))
            return false;
    }
    return true;
}

static const struct pg_statement is_busy = {
    "is_busy",
    "SELECT count(*) FROM pg_stat_activity WHERE application_name "
    "LIKE 'property %' AND state <> 'idle'",
    0
};

static int64_t count(const char *text)
{
    struct pg_op *op = pg_script(db.pg, slice_of(text));
    int64_t n;

    wait_all(&db, &op, 1);
    check(!op->op.err.kind, "%s", op->op.err.text);
    n = pg_int(op, 0, 0);
    op_free(&op->op);
    return n;
}

/* What is stored of the past: as it was. */
static void check_history(void)
{
    char text[700];
    int64_t n;

    snprintf(text, sizeof(text),
             "SELECT count(*) FROM replaced AS r WHERE revision > "
             "(SELECT max(revision) FROM replaced WHERE chat_id = r.chat_id) - "
             "%d AND NOT EXISTS (SELECT FROM config_history AS h WHERE "
             "h.chat_id = r.chat_id AND h.revision = r.revision "
             "AND h.config = r.config AND h.version = r.version "
             "AND h.changed_by IS NOT DISTINCT FROM r.changed_by)",
             HISTORY);
    n = count(text);
    check(!n, "%lld revisions are not in the history", (long long)n);
}

/* Nothing runs: everybody must know the same, and it is what was written. */
static void quiet_point(void)
{
    wait_until(!running && ask_int(&db, &is_busy) == 0);
    for (int i = 0; i < STORES; i++)
        wait_until(pg_is_up(sides[i].pg) &&
                   (i == BY_HAND
                        ? pg_is_up(sides[i].heard) && !sides[i].listening
                        : config_listener_state(sides[i].listener) ==
                              LISTENER_LISTENING));
    check_history();
    check_model();
    for (int i = 0; i < STORES; i++) {
        wait_until((read_audit(), knows_the_present(&sides[i])));
        for (int64_t c = FIRST_CHAT; c < FIRST_CHAT + CHATS; c++) {
            *told(&sides[i], c) = present_revision(c);
            start_read(&sides[i], c);
        }
    }
    wait_until(!running);
    check_model();
}

/* --- sides --------------------------------------------------------------------------------- */

static void own_url(struct buf *url)
{
    buf_adds(url, pg_server_url());
    buf_adds(url, strchr(url->data, '?') ? "&" : "?");
    buf_adds(url, "options=-csearch_path%3D" SCHEMA);
}

static struct pg *connection(const char *url, const char *what, int i)
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

static void side_listen(struct side *s, const char *url, int i)
{
    struct err err = ERR_INIT;
    char name[40];

    if (i == BY_HAND) {
        s->heard = connection(url, "listen ", i);
        pg_on_notify(s->heard, on_heard, s);
        pg_on_state(s->heard, on_heard_state, s);
        return;
    }
    snprintf(name, sizeof(name), "property listen %d", i);
    s->listener =
        config_listener_new(db.loop, s->store, s->pg,
                            &(struct config_listener_options){
                                .connection = { .url = url,
                                                .application_name = name },
                                .poll_ms = 20 },
                            &err);
    assert_non_null(s->listener);
}

static void side_open(struct side *s, int i)
{
    struct buf url = BUF_INIT;

    own_url(&url);
    *s = (struct side){ .pg = connection(url.data, "", i) };
    s->store = config_store_new(db.loop, s->pg,
                                &(struct config_store_options){
                                    .cache_bytes = rnd(2) ? 1 << 20 : 900,
                                    .document_max = 2000,
                                    .history = HISTORY,
                                });
    use_rules(s, rnd(VERSIONS + 1), rnd(2));
    side_listen(s, url.data, i);
    buf_release(&url);
}

static void side_close(struct side *s)
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

static void run_seed(unsigned seed)
{
    memset(&model, 0, sizeof(model));
    model.seed = seed;
    model.random = 88172645463325252ULL + seed * 2654435761ULL;
    sql("DELETE FROM chat_configs; DELETE FROM config_history; "
        "DELETE FROM audit; DELETE FROM replaced");
    for (int i = 0; i < STORES; i++)
        side_open(&sides[i], i);
    for (int i = 1; i <= STEPS; i++) {
        step();
        if (i % QUIET == 0)
            quiet_point();
    }
    for (int i = 0; i < STORES; i++)
        side_close(&sides[i]);
    assert_int_equal(loop_live_ops(db.loop), 0);
}

static unsigned number(const char *name, unsigned otherwise)
{
    const char *text = getenv(name);

    return text && *text ? (unsigned)strtoul(text, NULL, 10) : otherwise;
}

static void test_property__a_plain_model(void **state)
{
    unsigned first = number("MOONPOST_TEST_SEED", 1);
    unsigned n = number("MOONPOST_TEST_SEEDS", 12);

    (void)state;
    for (unsigned seed = first; seed < first + n; seed++)
        run_seed(seed);
}

/* --- around them --------------------------------------------------------------------------- */

static int group_setup(void **state)
{
    (void)state;
    make_tables(SCHEMA);
    make_audit();
    make_schemas();
    return 0;
}

static int group_teardown(void **state)
{
    (void)state;
    schema_free(schemas[0]);
    schema_free(schemas[1]);
    drop_tables(SCHEMA);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_property__a_plain_model),
    };

    log_setup(LOG_ERROR, LOG_TEXT);
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
