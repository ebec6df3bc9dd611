/*
 * fetch.c - reading configs. A chat that is asked for is a struct loading: it
 * waits in `wanted` until the turn ends, then in a struct fetch for its
 * statement; the answer is given to all who asked meanwhile. See store.h.
 */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/kept.h"
#include "config/store_int.h"

#define CHATS_PER_STATEMENT 500

/* --- rows ----------------------------------------------------------------------- */

/* "{filters,notes}": the names of lazy sections, as their set. */
static uint32_t read_omitted(const struct config_store *store,
                             struct slice names)
{
    const struct setting *s;
    uint32_t set = 0;

    while (names.n > 1) {
        size_t n;

        names.p++, names.n--; /* a brace or a comma */
        for (n = 0; n < names.n && names.p[n] != ',' && names.p[n] != '}';)
            n++;
        s = setting_child(store->rules.schema, (struct slice){ names.p, n });
        if (s)
            set |= s->lazy;
        names.p += n, names.n -= n;
    }
    return set;
}

struct config *config_read_row(struct config_store *store,
                               const struct pg_op *query, int row,
                               struct err *err)
{
    int64_t chat_id = pg_int(query, row, FETCH_CHAT);
    struct slice text = pg_value(query, row, FETCH_CONFIG);
    struct config *config;

    if (pg_is_null(query, row, FETCH_CONFIG))
        text = slice_of("{}");
    if (!config_check_stored(store, chat_id, text, err))
        return NULL;
    config = config_make(chat_id, pg_int(query, row, FETCH_REVISION),
                         (int)pg_int(query, row, FETCH_VERSION), text);
    if (!pg_is_null(query, row, FETCH_OMITTED)) {
        struct slice names = pg_value(query, row, FETCH_OMITTED);

        config->partial = !slice_eq(names, "{}");
        config->omitted = read_omitted(store, names);
    }
    return config_upgraded(store, config);
}

/* Rows come in the order of their chats. */
static int find_row(const struct pg_op *query, int64_t chat_id)
{
    int low = 0, high = pg_rows(query) - 1;

    while (low <= high) {
        int middle = (low + high) / 2;
        int64_t here = pg_int(query, middle, FETCH_CHAT);

        if (here == chat_id)
            return middle;
        if (here < chat_id)
            low = middle + 1;
        else
            high = middle - 1;
    }
    return -1;
}

/* --- loadings ------------------------------------------------------------------- */

static struct loading *find_loading(struct config_store *store, int64_t chat_id)
{
    struct loading *l;

    HASH_FIND(hh, store->loading, &chat_id, sizeof(chat_id), l);
    return l;
}

/* Later askers get a loading of their own. */
static void unlist(struct config_store *store, struct loading *l)
{
    if (find_loading(store, l->chat_id) == l)
        HASH_DEL(store->loading, l);
}

static struct loading *loading_new(struct config_store *store, int64_t chat_id)
{
    struct loading *l = kept_alloc(sizeof(*l)), *other;

    other = find_loading(store, chat_id);
    if (other)
        unlist(store, other);
    l->chat_id = chat_id;
    l->flight = config_flight(store, chat_id);
    TAILQ_INIT(&l->ops);
    HASH_ADD(hh, store->loading, chat_id, sizeof(l->chat_id), l);
    TAILQ_INSERT_TAIL(&store->wanted, l, link);
    return l;
}

static void loading_free(struct config_store *store, struct loading *l)
{
    unlist(store, l);
    config_flight_end(store, l->flight);
    kept_free(l, sizeof(*l));
}

/* Will the answer to it be good for somebody who asks now for these sections? */
static bool can_join(const struct loading *l, uint32_t sections)
{
    return !l->sent ||
           (!(sections & ~l->sections) && l->seen == l->flight->seen);
}

struct config_op *config_fetch(struct config_store *store, int64_t chat_id,
                               uint32_t sections)
{
    struct config_op *op;
    struct loading *l;

    chat_id = config_home(store, chat_id);
    op = config_op_new(store, chat_id);
    l = find_loading(store, chat_id);
    if (!l || !can_join(l, sections))
        l = loading_new(store, chat_id);
    if (!l->sent)
        l->sections |= sections;
    op->loading = l;
    TAILQ_INSERT_TAIL(&l->ops, op, link);
    loop_turn_wanted(store->loop);
    return op;
}

uint32_t config_sections(const struct config_store *store,
                         const struct setting *schema, uint32_t sections)
{
    return schema == store->rules.schema ? sections : UINT32_MAX;
}

void config_fetch_leave(struct config_op *op)
{
    struct loading *l = op->loading;

    TAILQ_REMOVE(&l->ops, op, link);
    op->loading = NULL;
    if (l->sent || !TAILQ_EMPTY(&l->ops))
        return;
    TAILQ_REMOVE(&op->store->wanted, l, link);
    loading_free(op->store, l);
}

/* --- answers --------------------------------------------------------------------- */

static struct config *read_answer(struct config_store *store, struct fetch *f,
                                  struct loading *l, struct err *err)
{
    struct config *cached = cache_peek(store->cache, l->chat_id), *config;
    int row = find_row(f->query, l->chat_id);
    int64_t revision = row < 0 ? 0 : pg_int(f->query, row, FETCH_REVISION);

    /* A commit was faster, or another statement for the same chat. */
    if (cached && cached->revision >= revision &&
        !(cached->omitted & l->sections))
        return config_ref(cached);
    if (row < 0)
        config =
            config_make(l->chat_id, 0, store->rules.version, slice_of("{}"));
    else
        config = config_read_row(store, f->query, row, err);
    if (!config)
        return NULL;
    config_keep(store, l->flight, config);
    if (row >= 0 && config->version > (int)pg_int(f->query, row, FETCH_VERSION))
        config_write_back(store, config);
    return config;
}

static void answer(struct config_store *store, struct fetch *f,
                   struct loading *l, const struct err *failed)
{
    struct err err = *failed;
    struct config *config = NULL;
    struct config_op *op;

    if (!err.kind)
        config = read_answer(store, f, l, &err);
    while ((op = TAILQ_FIRST(&l->ops))) {
        TAILQ_REMOVE(&l->ops, op, link);
        op->loading = NULL;
        if (config)
            op->config = config_ref(config);
        else
            config_op_failed(op, &err);
        op_complete(&op->op);
    }
    config_unref(config);
    loading_free(store, l);
}

/* What was read is by the rules of before: sections are left out that are not lazy
 * any more, or that an upgrade function needs. */
static void ask_again(struct config_store *store, struct loading *l)
{
    if (TAILQ_EMPTY(&l->ops)) { /* nobody waits any more */
        loading_free(store, l);
        return;
    }
    l->sent = false;
    l->sections = UINT32_MAX; /* whatever the bits mean now */
    TAILQ_INSERT_TAIL(&store->wanted, l, link);
    loop_turn_wanted(store->loop);
}

static void on_fetched(struct op *op)
{
    struct fetch *fetch = op->arg;
    struct config_store *store = fetch->store;
    struct loading *l;

    TAILQ_REMOVE(&store->fetches, fetch, link);
    while ((l = TAILQ_FIRST(&fetch->loadings))) {
        TAILQ_REMOVE(&fetch->loadings, l, link);
        if (!op->err.kind && fetch->epoch != store->epoch)
            ask_again(store, l);
        else
            answer(store, fetch, l, &op->err);
    }
    op_free(op);
    free(fetch);
}

/* Send one statement for those of the wanted that want the same sections. */
static void send_fetch(struct config_store *store)
{
    struct fetch *fetch = xalloc(sizeof(*fetch));
    struct loading *l = TAILQ_FIRST(&store->wanted), *next;
    uint32_t sections = l->sections;
    struct buf chats = BUF_INIT;
    int n = 0;

    TAILQ_INIT(&fetch->loadings);
    fetch->store = store;
    fetch->epoch = store->epoch;
    buf_addc(&chats, '{');
    for (; l && n < CHATS_PER_STATEMENT; l = next) {
        next = TAILQ_NEXT(l, link);
        if (l->sections != sections)
            continue;
        TAILQ_REMOVE(&store->wanted, l, link);
        TAILQ_INSERT_TAIL(&fetch->loadings, l, link);
        l->sent = true;
        l->seen = l->flight->seen;
        if (n++)
            buf_addc(&chats, ',');
        buf_add_int(&chats, l->chat_id);
    }
    buf_addc(&chats, '}');
    fetch->query = config_send_fetch(store, buf_slice(&chats), sections);
    fetch->query->op.done = on_fetched;
    fetch->query->op.arg = fetch;
    TAILQ_INSERT_TAIL(&store->fetches, fetch, link);
    buf_release(&chats);
}

void config_fetch_wanted(void *arg)
{
    struct config_store *store = arg;

    while (!TAILQ_EMPTY(&store->wanted))
        send_fetch(store);
}

static void free_loadings(struct config_store *store, struct loadings *list)
{
    struct loading *l;

    while ((l = TAILQ_FIRST(list))) {
        TAILQ_REMOVE(list, l, link);
        loading_free(store, l);
    }
}

void config_fetches_free(struct config_store *store)
{
    struct fetch *fetch;

    free_loadings(store, &store->wanted);
    while ((fetch = TAILQ_FIRST(&store->fetches))) {
        TAILQ_REMOVE(&store->fetches, fetch, link);
        free_loadings(store, &fetch->loadings);
        op_free(&fetch->query->op);
        free(fetch);
    }
}
