/*
 * test_store_property.c - any sequence of reads, writes, reloads, evictions,
 * lost connections and writes of others gives what a plain model gives.
 *
 * MOONPOST_TEST_SEEDS is how many sequences are tried, MOONPOST_TEST_SEED the
 * first one: a failure says its seed. The same seed gives the same sequence of
 * actions, not of what the server does.
 */
#include "store_sides.h"

#define STEPS 150 /* of one seed */
#define QUIET 50  /* steps from one quiet point to the next */

static bool was_freed[CHATS]; /* a commit that may still be carried out */
static int running;           /* operations */

/* One that was asked for. */
struct asked {
    struct side *side;
    int64_t chat, at_least;
    int write; /* its number, or -1 */
    struct op *op;
    TAILQ_ENTRY(asked) link;
};

static TAILQ_HEAD(, asked) asked_for = TAILQ_HEAD_INITIALIZER(asked_for);

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

/* --- reading --------------------------------------------------------------------------- */

static void hold(struct side *s, struct config *config)
{
    int i = rnd(HELD);

    if (rnd(3))
        return;
    config_unref(s->held[i]);
    s->held[i] = config_ref(config);
}

static void note_reading(const struct config *c, int64_t at_least)
{
    assert_true(model.nreadings < READINGS_MAX);
    model.readings[model.nreadings++] = (struct reading){
        .chat = c->chat_id,
        .revision = c->revision,
        .at_least = at_least,
        .version = c->version,
        .without_big = c->omitted,
        .read_only = c->read_only,
        .doc = read_doc(c->text),
    };
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
        note_reading(fetched->config, a->at_least);
        hold(a->side, fetched->config);
    }
    asked_free(a);
}

static void start_read(struct side *s, int64_t chat)
{
    uint32_t sections = rnd(2) ? schema_lazy_sections(schemas[s->lazy]) : 0;
    struct config *c = rnd(3) ? config_cached(s->store, chat) : NULL;

    if (c && !(c->omitted & sections)) {
        note_reading(c, *told(s, chat));
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
        check(op->err.kind == ERR_DATABASE || strstr(op->err.text, "read-only"),
              "%s", op->err.text);
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
        if (a->write >= 0) {
            model.writes[a->write].outcome = NOT_KNOWN;
            was_freed[a->chat - FIRST_CHAT] = true;
        }
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

/* Not while two may be inserting it: what waits for the first's insert has its
 * revision already, and does not learn of a delete after that. */
static void foreign_delete(void)
{
    int64_t chat = any_chat();
    char text[100];
    struct asked *a;
    int writers = 0;

    TAILQ_FOREACH (a, &asked_for, link)
        writers += a->write >= 0 && a->chat == chat;
    if (writers > 1 || was_freed[chat - FIRST_CHAT])
        return;
    snprintf(text, sizeof(text),
             "DELETE FROM chat_configs WHERE chat_id = %lld", (long long)chat);
    sql(text);
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
    static const char *const names[] = { "property listen %", "property 0",
                                         "property 1",        "property 2",
                                         "property 3",        "property %" };

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
        if (!rnd(4))
            end_connections(names[history < 10 ? 0 : rnd(6)]);
        else if (!rnd(2) && history >= 10)
            cut_a_connection();
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

/* What is stored of the past: as it was. */
static void check_history(void)
{
    char text[800];
    struct pg_op *op;

    snprintf(text, sizeof(text),
             "SELECT format('%%s:%%s by %%s', chat_id, revision, changed_by) "
             "FROM replaced AS r WHERE revision > "
             "(SELECT max(revision) FROM replaced WHERE chat_id = r.chat_id) - "
             "%d AND NOT EXISTS (SELECT FROM config_history AS h WHERE "
             "h.chat_id = r.chat_id AND h.revision = r.revision "
             "AND h.config = r.config AND h.version = r.version "
             "AND h.changed_by IS NOT DISTINCT FROM r.changed_by)",
             history);
    op = pg_script(db.pg, slice_of(text));
    wait_all(&db, &op, 1);
    check(!op->op.err.kind, "%s", op->op.err.text);
    check(!pg_rows(op), "not in the history: %s", pg_value(op, 0, 0).p);
    op_free(&op->op);
}

/* Nothing runs: everybody must know the same, and it is what was written. */
static void quiet_point(void)
{
    wait_until(!running && ask_int(&db, &is_busy) == 0);
    for (int i = 0; i < STORES; i++)
        wait_until(pg_is_up(sides[i].pg) && is_listening(&sides[i], i));
    memset(was_freed, 0, sizeof(was_freed));
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

/* --- seeds ---------------------------------------------------------------------------- */

static void run_seed(unsigned seed)
{
    memset(&model, 0, sizeof(model));
    model.seed = seed;
    model.random = 88172645463325252ULL + seed * 2654435761ULL;
    history = rnd(2) ? 4 : 100;
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
    spare_sockets();
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

    log_setup(LOG_ERROR + 1, LOG_TEXT); /* all that is told here is meant */
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
