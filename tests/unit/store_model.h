/*
 * store_model.h - what test_store_property.c holds against the store: a document
 * as a row of numbers, and what the database says that happened, write by write.
 *
 * Triggers of the test's own put every write of chat_configs into the table
 * audit. It must be explained by what was asked for, each write following from
 * the one before.
 */
#ifndef TESTS_STORE_MODEL_H
#define TESTS_STORE_MODEL_H

#include "store_test.h"

#define FIRST_CHAT 910001
#define CHATS 5
#define VERSIONS 3
#define UNKNOWN (-1) /* a revision */

/* The keys of a document; the last ones count the runs of upgrade functions. */
static const char *const paths[] = { "a",     "b",     "c",  "deep.d", "deep.e",
                                     "big.x", "big.y", "u1", "u2",     "u3" };
enum { KEYS = 10, BIG = 5, BIG_END = 7, UPGRADES = 7 };

struct doc {
    int64_t at[KEYS]; /* 0: not set */
};

struct change {
    int key[3];
    int64_t value[3]; /* 0: reset */
    int n;
};

enum outcome { RUNNING, DONE, FAILED, NOT_KNOWN };

/* Somebody's write. */
struct write {
    int64_t chat;
    struct change change;
    enum outcome outcome;
    int64_t revision; /* of a success */
    struct doc doc;   /* which it said is stored */
    int seen;         /* in the audit */
};

/* What somebody read. */
struct reading {
    int64_t chat, revision, at_least;
    int version;
    bool without_big, read_only;
    struct doc doc;
};

/* A row of audit. */
struct event {
    int64_t chat, revision;
    int version;
    bool is_delete;
    struct doc doc;
};

#define WRITES_MAX 2000
#define READINGS_MAX 20000
#define EVENTS_MAX 8000

static struct model {
    unsigned seed;
    uint64_t random;
    struct write writes[WRITES_MAX];
    struct reading readings[READINGS_MAX];
    struct event events[EVENTS_MAX];
    int nwrites, nreadings, nevents;
    int64_t value; /* the last one that was written: each is another */
} model;

#define check(holds, ...)                                                      \
    do {                                                                       \
        if (!(holds)) {                                                        \
            print_error("seed %u: ", model.seed);                              \
            fail_msg(__VA_ARGS__);                                             \
        }                                                                      \
    } while (0)

/* 0 … n - 1 (xorshift) */
static inline int rnd(int n)
{
    model.random ^= model.random << 13;
    model.random ^= model.random >> 7;
    model.random ^= model.random << 17;
    return (int)(model.random % (unsigned)n);
}

/* --- documents ------------------------------------------------------------------ */

static inline struct doc read_doc(struct slice text)
{
    struct doc doc = { 0 };

    for (int i = 0; i < KEYS; i++) {
        char path[20];
        char *dot;
        struct slice value;

        strcpy(path, paths[i]);
        dot = strchr(path, '.');
        if (dot)
            *dot = '\0';
        value = json_get(text, path);
        if (dot)
            value = json_get(value, dot + 1);
        if (value.p)
            assert_true(json_to_int(value, &doc.at[i]));
    }
    return doc;
}

static inline bool doc_eq(const struct doc *a, const struct doc *b)
{
    return memcmp(a, b, sizeof(*a)) == 0;
}

static inline const char *doc_text(const struct doc *doc)
{
    static char texts[4][400];
    static int turn;
    char *text = texts[turn = (turn + 1) % 4];
    int n = 0;

    text[0] = '\0';
    for (int i = 0; i < KEYS; i++)
        if (doc->at[i])
            n += snprintf(text + n, sizeof(texts[0]) - (size_t)n, "%s=%lld ",
                          paths[i], (long long)doc->at[i]);
    return text;
}

static inline void change_doc(struct doc *doc, const struct change *change)
{
    for (int i = 0; i < change->n; i++)
        doc->at[change->key[i]] = change->value[i];
}

static inline void upgrade_doc(struct doc *doc, int from, int to)
{
    for (int i = from; i < to; i++)
        doc->at[UPGRADES + i]++;
}

/* Upgrade functions can't do anything with some documents. */
static inline bool is_bad(const struct doc *doc)
{
    return doc->at[0] % 13 == 12;
}

static inline void forget_big(struct doc *doc)
{
    for (int i = BIG; i < BIG_END; i++)
        doc->at[i] = 0;
}

/* --- the audit -------------------------------------------------------------------- */

static inline void make_audit(void)
{
    sql("CREATE TABLE audit (id BIGSERIAL PRIMARY KEY, chat_id BIGINT, "
        "revision BIGINT, version INT, config JSONB, changed_by TEXT, "
        "is_delete BOOLEAN); "
        "CREATE TABLE replaced (chat_id BIGINT, revision BIGINT, version INT, "
        "config JSONB, changed_by TEXT); "
        "CREATE FUNCTION audit_replaced() RETURNS trigger LANGUAGE plpgsql "
        "SET search_path FROM CURRENT AS $$ BEGIN INSERT INTO replaced VALUES "
        "(OLD.chat_id, OLD.revision, OLD.version, OLD.config, OLD.changed_by); "
        "RETURN NULL; END $$; "
        "CREATE TRIGGER audit_replaced AFTER UPDATE OR DELETE ON chat_configs "
        "FOR EACH ROW EXECUTE FUNCTION audit_replaced(); "
        "CREATE FUNCTION audit_write() RETURNS trigger LANGUAGE plpgsql "
        "SET search_path FROM CURRENT AS $$ BEGIN "
        "INSERT INTO audit (chat_id, revision, version, config, changed_by, "
        "is_delete) VALUES (NEW.chat_id, NEW.revision, NEW.version, "
        "NEW.config, NEW.changed_by, false); RETURN NULL; END $$; "
        "CREATE FUNCTION audit_delete() RETURNS trigger LANGUAGE plpgsql "
        "SET search_path FROM CURRENT AS $$ BEGIN "
        "INSERT INTO audit (chat_id, revision, version, config, is_delete) "
        "VALUES (OLD.chat_id, OLD.revision, 0, '{}', true); "
        "RETURN NULL; END $$; "
        "CREATE TRIGGER audit_write AFTER INSERT OR UPDATE ON chat_configs "
        "FOR EACH ROW EXECUTE FUNCTION audit_write(); "
        "CREATE TRIGGER audit_delete AFTER DELETE ON chat_configs "
        "FOR EACH ROW EXECUTE FUNCTION audit_delete()");
}

static inline const struct event *last_event(int64_t chat)
{
    for (int i = model.nevents - 1; i >= 0; i--)
        if (model.events[i].chat == chat)
            return &model.events[i];
    return NULL;
}

static inline int64_t present_revision(int64_t chat)
{
    const struct event *e = last_event(chat);

    return e && !e->is_delete ? e->revision : 0;
}

/* Whose write is it? Foreign ones are known by their revision only. */
static inline struct write *find_write(const struct event *e, struct slice by)
{
    struct write *found = NULL;

    if (by.n > 3 && memcmp(by.p, "op:", 3) == 0)
        return &model.writes[strtol(by.p + 3, NULL, 10)];
    for (int i = 0; i < model.nwrites; i++)
        if (model.writes[i].chat == e->chat && !model.writes[i].seen &&
            model.writes[i].outcome == DONE &&
            model.writes[i].revision == e->revision)
            found = &model.writes[i];
    return found;
}

/* It must follow from the one before. */
static inline void explain(const struct event *e, struct slice by)
{
    const struct event *before = last_event(e->chat);
    bool was_there = before && !before->is_delete;
    struct doc doc = { 0 };
    struct write *w;

    if (e->is_delete) {
        check(was_there && before->revision == e->revision, "a delete");
        return;
    }
    check(!before || e->revision > before->revision,
          "chat %lld: revision %lld after %lld%s, by %.*s", (long long)e->chat,
          (long long)e->revision, (long long)before->revision,
          before->is_delete ? ", deleted" : "", (int)by.n, by.p);
    if (was_there) {
        check(e->revision == before->revision + 1, "a revision was left out");
        check(e->version >= before->version, "stamped down: %d to %d by %.*s",
              before->version, e->version, (int)by.n, by.p);
        doc = before->doc;
        check(e->version == before->version || !is_bad(&doc), "upgraded");
        upgrade_doc(&doc, before->version, e->version);
    }
    if (!slice_eq(by, "upgrade")) {
        w = find_write(e, by);
        check(w, "nobody wrote revision %lld of %lld (%.*s)",
              (long long)e->revision, (long long)e->chat, (int)by.n, by.p);
        check(w->chat == e->chat && !w->seen++, "written twice: %.*s",
              (int)by.n, by.p);
        check(w->outcome != FAILED, "%.*s failed, and was written", (int)by.n,
              by.p);
        check(w->outcome != DONE || w->revision == e->revision,
              "chat %lld: %.*s is revision %lld, and %lld was said",
              (long long)e->chat, (int)by.n, by.p, (long long)e->revision,
              (long long)w->revision);
        change_doc(&doc, &w->change);
        check(w->outcome != DONE || doc_eq(&w->doc, &e->doc),
              "%.*s said that %s is stored, and it is %s", (int)by.n, by.p,
              doc_text(&w->doc), doc_text(&e->doc));
    }
    check(doc_eq(&doc, &e->doc),
          "chat %lld, revision %lld by %.*s: %s; it should be %s",
          (long long)e->chat, (long long)e->revision, (int)by.n, by.p,
          doc_text(&e->doc), doc_text(&doc));
}

/* Read what was written since the last time. */
static inline void read_audit(void)
{
    struct pg_op *op = pg_script(
        db.pg, slice_of("WITH gone AS (DELETE FROM audit RETURNING *) "
                        "SELECT chat_id, revision, version, is_delete, config, "
                        "changed_by FROM gone ORDER BY id"));

    wait_all(&db, &op, 1);
    assert_string_equal(op->op.err.text, "");
    for (int i = 0; i < pg_rows(op); i++) {
        struct event e = { .chat = pg_int(op, i, 0),
                           .revision = pg_int(op, i, 1),
                           .version = (int)pg_int(op, i, 2),
                           .is_delete = slice_eq(pg_value(op, i, 3), "t"),
                           .doc = read_doc(pg_value(op, i, 4)) };

        assert_true(model.nevents < EVENTS_MAX);
        explain(&e, pg_value(op, i, 5));
        model.events[model.nevents++] = e;
    }
    op_free(&op->op);
}

/* --- what was read, what was written ------------------------------------------------ */

static inline void expect_read(const struct reading *r)
{
    const struct event *e = NULL;
    struct doc doc = { 0 };

    check(r->revision >= r->at_least || !r->revision,
          "chat %lld was read at revision %lld, and %lld was known",
          (long long)r->chat, (long long)r->revision, (long long)r->at_least);
    for (int i = 0; i < model.nevents && r->revision; i++)
        if (model.events[i].chat == r->chat && !model.events[i].is_delete &&
            model.events[i].revision == r->revision)
            e = &model.events[i];
    check(e || !r->revision, "there was no revision %lld",
          (long long)r->revision);
    if (e) {
        doc = e->doc;
        check(r->version >= e->version, "read at an older version");
        check(r->version == e->version || !is_bad(&doc), "upgraded");
        check(!r->read_only || is_bad(&doc), "read-only");
        upgrade_doc(&doc, e->version, r->version);
    }
    if (r->without_big)
        forget_big(&doc);
    check(doc_eq(&doc, &r->doc),
          "chat %lld, revision %lld was read as %s; it is %s",
          (long long)r->chat, (long long)r->revision, doc_text(&r->doc),
          doc_text(&doc));
}

/* All that was done until now, against all that is known. */
static inline void check_model(void)
{
    read_audit();
    for (int i = 0; i < model.nreadings; i++)
        expect_read(&model.readings[i]);
    model.nreadings = 0;
    for (int i = 0; i < model.nwrites; i++)
        check(model.writes[i].outcome != DONE || model.writes[i].seen == 1,
              "op:%d was lost", i);
}

#endif
