/*
 * pg_text.c - see pg_text.h: the texts that are known, and the rows of answers.
 *
 * A struct text is a statement made at run time. It stays while queries use it,
 * and after that as long as it is among those used last; when it goes, so does
 * what was prepared for it.
 */
#include "io/pg_text.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pg_int.h"

/* So much of an answer that is too large is read and dropped, in times of its
 * limit, before the connection is closed: that costs a new one. */
#define DROPPED_FACTOR 4

struct text {
    struct pg_statement statement; /* first */
    uint64_t hash;
    size_t n; /* bytes of its SQL */
    int refs; /* queries that are not freed */
    int uses;
    bool listed;
    TAILQ_ENTRY(text) link; /* of pg->texts, used last first */
    char sql[];
};

/* --- texts ------------------------------------------------------------------ */

static uint64_t hash(struct slice text)
{
    uint64_t h = 14695981039346656037u; /* FNV-1a */

    for (size_t i = 0; i < text.n; i++)
        h = (h ^ (unsigned char)text.p[i]) * 1099511628211u;
    return h;
}

static struct text *text_new(struct slice sql, int nparams)
{
    struct text *text = xalloc(sizeof(*text) + sql.n + 1);

    memcpy(text->sql, sql.p, sql.n);
    text->n = sql.n;
    text->hash = hash(sql);
    text->statement = (struct pg_statement){ "query", text->sql, nparams };
    return text;
}

static struct text *find_text(struct pg *pg, struct slice sql, int nparams)
{
    uint64_t h = hash(sql);
    struct text *text;

    TAILQ_FOREACH (text, &pg->texts, link)
        if (text->hash == h && text->n == sql.n &&
            text->statement.nparams == nparams &&
            memcmp(text->sql, sql.p, sql.n) == 0)
            return text;
    return NULL;
}

/* Nobody waits for it, and if it fails the server only has one statement more. */
static void deallocate(struct pg *pg, const char *name)
{
    char sql[100];
    int n = snprintf(sql, sizeof(sql), "DEALLOCATE \"%s\"", name);

    pg_ask_detached(pg, text_new((struct slice){ sql, (size_t)n }, 0));
}

static void drop_text(struct pg *pg, struct text *text)
{
    struct prepared *p = pg_find_prepared(pg, &text->statement);
    char name[sizeof(p->name)];

    TAILQ_REMOVE(&pg->texts, text, link);
    pg->ntexts--;
    pg->texts_bytes -= text->n;
    if (p) {
        memcpy(name, p->name, sizeof(name));
        pg_forget_prepared(pg, &text->statement, p->serial);
        if (pg->phase == PG_UP)
            deallocate(pg, name);
    }
    free(text);
}

/* Make room, as far as nobody uses what is there. */
static void drop_oldest(struct pg *pg)
{
    struct text *text, *before;

    for (text = TAILQ_LAST(&pg->texts, text_list); text; text = before) {
        if (pg->ntexts <= PG_TEXTS_MAX && pg->texts_bytes <= PG_TEXTS_BYTES)
            return;
        before = TAILQ_PREV(text, text_list, link);
        if (text->refs == 0)
            drop_text(pg, text);
    }
}

static struct text *use_text(struct pg *pg, struct slice sql, int nparams)
{
    struct text *text = find_text(pg, sql, nparams);

    if (text) {
        TAILQ_REMOVE(&pg->texts, text, link);
    } else {
        text = text_new(sql, nparams);
        text->listed = true;
        pg->ntexts++;
        pg->texts_bytes += text->n;
    }
    TAILQ_INSERT_HEAD(&pg->texts, text, link);
    text->refs++;
    text->uses += text->uses < 2;
    drop_oldest(pg);
    return text;
}

const struct pg_statement *pg_text_ref(struct text *text)
{
    text->refs++;
    return &text->statement;
}

void pg_text_unref(struct text *text)
{
    if (text && --text->refs == 0 && !text->listed)
        free(text);
}

bool pg_text_is_known(const struct text *text)
{
    return text->uses > 1;
}

void pg_texts_free(struct pg *pg)
{
    struct text *text;

    while ((text = TAILQ_FIRST(&pg->texts))) {
        TAILQ_REMOVE(&pg->texts, text, link);
        free(text);
    }
}

/* --- asking ------------------------------------------------------------------- */

struct pg_op *pg_ask(struct pg *pg, const struct pg_question *question)
{
    struct text *text = use_text(pg, question->sql, question->nparams);
    struct pg_answer *answer = xalloc(sizeof(*answer));

    assert(question->nparams <= PG_QUESTION_PARAMS);
    buf_init(&answer->data);
    answer->rows_max = question->rows_max;
    answer->bytes_max = question->bytes_max;
    return pg_ask_text(pg, question, text, answer);
}

/* --- rows ----------------------------------------------------------------------- */

static void take_columns(struct pg_answer *a, const PGresult *res)
{
    if (a->columns || PQnfields(res) == 0)
        return;
    a->ncolumns = PQnfields(res);
    a->columns = xalloc((size_t)a->ncolumns * sizeof(*a->columns));
    for (int i = 0; i < a->ncolumns; i++) {
        a->columns[i].name = xstrdup(PQfname(res, i));
        a->columns[i].type = PQftype(res, i);
    }
}

static size_t row_size(const PGresult *res, int row)
{
    size_t n = 0;

    for (int i = 0; i < PQnfields(res); i++)
        n += sizeof(int32_t) + (size_t)PQgetlength(res, row, i) + 1;
    return n;
}

static void take_row(struct pg_answer *a, const PGresult *res, int row)
{
    for (int i = 0; i < a->ncolumns; i++) {
        int32_t n =
            PQgetisnull(res, row, i) ? -1 : (int32_t)PQgetlength(res, row, i);

        buf_add(&a->data, &n, sizeof(n));
        if (n >= 0)
            buf_add(&a->data, PQgetvalue(res, row, i), (size_t)n + 1);
    }
    a->nrows++;
}

static void say_too_large(struct query *q, bool rows)
{
    struct pg_answer *a = q->pub.answer;

    a->too_large = true;
    buf_release(&a->data);
    snprintf(q->pub.sqlstate, sizeof(q->pub.sqlstate), "%s", PG_TOO_LARGE);
    if (rows)
        err_set(&q->pub.op.err, ERR_DATABASE,
                "the result has more than %" PRId64 " rows", a->rows_max);
    else
        err_set(&q->pub.op.err, ERR_DATABASE,
                "the result has more than %zu KiB", a->bytes_max >> 10);
}

/* Was it done all the same? Reading does nothing. */
static void take_end(struct query *q, PGresult *res)
{
    struct pg_answer *a = q->pub.answer;

    if (PQresultStatus(res) == PGRES_SINGLE_TUPLE)
        return;
    snprintf(a->tag, sizeof(a->tag), "%s", PQcmdStatus(res));
    a->affected = strtoll(PQcmdTuples(res), NULL, 10);
    if (a->too_large)
        q->pub.maybe_done = strncmp(a->tag, "SELECT", 6) != 0;
}

bool pg_take_rows(struct query *q, PGresult *res)
{
    struct pg_answer *a = q->pub.answer;

    if (!a)
        return true;
    take_columns(a, res);
    for (int row = 0; row < PQntuples(res); row++) {
        size_t n = row_size(res, row);

        if (!a->too_large && a->rows_max && a->nrows == a->rows_max)
            say_too_large(q, true);
        if (!a->too_large && a->bytes_max && a->data.len + n > a->bytes_max)
            say_too_large(q, false);
        if (a->too_large)
            a->dropped += n;
        else
            take_row(a, res, row);
    }
    take_end(q, res);
    return a->dropped <= DROPPED_FACTOR * a->bytes_max;
}

void pg_answer_free(struct pg_answer *a)
{
    if (!a)
        return;
    for (int i = 0; i < a->ncolumns; i++)
        free(a->columns[i].name);
    free(a->columns);
    buf_release(&a->data);
    free(a);
}

const struct pg_answer *pg_answer(const struct pg_op *op)
{
    return op->answer;
}

struct slice pg_answer_next(const struct pg_answer *answer, size_t *at)
{
    const char *p = answer->data.data + *at;
    int32_t n;

    memcpy(&n, p, sizeof(n));
    *at += sizeof(n);
    if (n < 0)
        return SLICE_NONE;
    *at += (size_t)n + 1;
    return (struct slice){ p + sizeof(n), (size_t)n };
}

const char *pg_error_field(const struct pg_op *op, enum pg_error_field field)
{
    static const int codes[] = {
        [PG_ERROR_DETAIL] = PG_DIAG_MESSAGE_DETAIL,
        [PG_ERROR_HINT] = PG_DIAG_MESSAGE_HINT,
        [PG_ERROR_CONSTRAINT] = PG_DIAG_CONSTRAINT_NAME,
        [PG_ERROR_TABLE] = PG_DIAG_TABLE_NAME,
        [PG_ERROR_COLUMN] = PG_DIAG_COLUMN_NAME,
        [PG_ERROR_POSITION] = PG_DIAG_STATEMENT_POSITION,
        [PG_ERROR_CONTEXT] = PG_DIAG_CONTEXT,
    };

    return op->failure ? PQresultErrorField(op->failure, codes[field]) : NULL;
}
