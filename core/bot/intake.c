/* intake.c - see intake.h; the other files are listed in intake_int.h. */
#include "bot/intake_int.h"

#include <stdlib.h>

#include "base/json.h"
#include "base/kept.h"
#include "base/log.h"

struct held *intake_find(struct intake *in, int64_t id)
{
    struct held *h;

    HASH_FIND(hh, in->by_id, &id, sizeof(id), h);
    return h;
}

bool intake_is_full(const struct intake *in)
{
    return (int)HASH_COUNT(in->by_id) >= in->options.updates_max ||
           in->bytes >= in->options.bytes_max;
}

int intake_in_hand(const struct intake *in)
{
    return (int)HASH_COUNT(in->by_id);
}

int intake_saved(const struct intake *in)
{
    return intake_in_hand(in) - in->unsaved;
}

bool intake_is_open(const struct intake *in)
{
    return in->state == INTAKE_OPEN && !in->stopped;
}

/* --- reading ---------------------------------------------------------------------- */

static bool has_number(const struct update *u, struct err *err)
{
    return (u->id > 0 && u->id <= UPDATE_ID_MAX) ||
           err_set(err, ERR_JSON, "its update_id is out of range");
}

struct incoming *intake_read(struct slice text, bool valid, struct err *err)
{
    struct incoming *incoming = xalloc(sizeof(*incoming));

    buf_init(&incoming->text);
    buf_add_slice(&incoming->text, text);
    text = buf_slice(&incoming->text);
    if ((!valid && !json_check(text, UPDATE_DEPTH_MAX, err)) ||
        !update_read(text, &incoming->u, err) ||
        !has_number(&incoming->u, err)) {
        incoming_free(incoming);
        return NULL;
    }
    if (incoming->u.kind == UPDATE_KINDS)
        log_debug("update", "update %lld is of an unknown kind: %.*s",
                  (long long)incoming->u.id, (int)incoming->u.kind_name.n,
                  incoming->u.kind_name.p ? incoming->u.kind_name.p : "");
    incoming->lane = update_lane(&incoming->u);
    if (!incoming->lane)
        incoming->lane = -incoming->u.id; /* waits for nobody */
    return incoming;
}

/* --- what is in hand --------------------------------------------------------------- */

struct held *intake_hold(struct intake *in, struct incoming *incoming,
                         bool saved)
{
    struct held *h = kept_alloc(sizeof(*h));

    h->id = incoming->u.id;
    h->in = incoming;
    h->bytes = incoming->text.len;
    h->saved = saved;
    h->since_ms = loop_now_ms();
    TAILQ_INSERT_TAIL(&in->order, h, link);
    HASH_ADD(hh, in->by_id, id, sizeof(h->id), h);
    in->bytes += h->bytes;
    in->unsaved += !saved;
    seen_add(in->seen, h->id, h->since_ms);
    if (in->options.arrived)
        in->options.arrived(&incoming->u, in->options.arg);
    return h;
}

void intake_remove(struct intake *in, struct held *h)
{
    TAILQ_REMOVE(&in->order, h, link);
    HASH_DEL(in->by_id, h);
    in->bytes -= h->bytes;
    in->unsaved -= !h->saved;
    kept_free(h, sizeof(*h));
}

void intake_answer_held(struct held *h, enum intake_answer how)
{
    intake_answer_fn answer = h->answer;

    h->answer = NULL;
    if (answer)
        answer(how, h->answer_arg);
}

void intake_done(struct intake *in, int64_t update_id)
{
    struct held *h = intake_find(in, update_id);

    if (!h || h->done)
        return;
    intake_answer_held(h, INTAKE_DONE);
    h->in = NULL;
    parked_done(in->parked, update_id);
    if (h->saving) { /* its row comes first */
        h->done = true;
        return;
    }
    if (h->saved || h->doubtful)
        inbox_done(in->inbox, update_id);
    intake_remove(in, h);
    intake_poll_if_due(in);
}

void intake_detach(struct intake *in, int64_t update_id)
{
    struct held *h = intake_find(in, update_id);

    if (h)
        h->in = NULL;
}

static void run(struct incoming *incoming, void *arg)
{
    struct intake *in = arg;

    lanes_push(in->lanes, incoming);
}

/* --- life ------------------------------------------------------------------------- */

struct intake *intake_new(struct loop *loop, struct tg *tg, struct lanes *lanes,
                          const struct intake_options *options)
{
    struct intake *in = xalloc(sizeof(*in));

    TAILQ_INIT(&in->order);
    TAILQ_INIT(&in->pushed);
    TAILQ_INIT(&in->putting);
    TAILQ_INIT(&in->beginning);
    in->loop = loop;
    in->lanes = lanes;
    in->inbox = options->inbox;
    in->options = *options;
    in->seen = seen_new(loop_now_ms());
    in->parked = parked_new(&(struct parked_callbacks){
        .run = run, .suspect = intake_begin_suspect, .arg = in });
    intake_poll_init(in, tg);
    in->hook = loop_at_end_of_turn(loop, intake_push_flush, in);
    return in;
}

void intake_free(struct intake *in)
{
    struct held *h;

    if (!in)
        return;
    intake_load_release(in);
    intake_push_release(in);
    while ((h = TAILQ_FIRST(&in->order)))
        intake_remove(in, h);
    op_free(in->patience);
    poll_free(in->poll);
    parked_free(in->parked);
    seen_free(in->seen);
    loop_end_of_turn_cancel(in->hook);
    free(in);
}

void intake_begin(struct intake *in, bool clean)
{
    if (in->stopped || in->state != INTAKE_CLOSED)
        return;
    in->state = INTAKE_LOADING;
    in->careful = !clean && in->inbox;
    if (in->careful)
        log_warn("inbox", "the process before this one did not end well; what "
                          "it may have died of is tried again with care");
    intake_load(in);
}

void intake_close(struct intake *in)
{
    if (in->state == INTAKE_CLOSED)
        return;
    in->state = INTAKE_CLOSED;
    op_free(in->patience);
    in->patience = NULL;
    poll_stop(in->poll);
    in->last_id = 0; /* what another acknowledges meanwhile is not known here */
    intake_save(in);
}

void intake_stop(struct intake *in)
{
    in->stopped = true;
    op_free(in->patience);
    in->patience = NULL;
    poll_stop(in->poll);
}

const char *intake_trouble(const struct intake *in)
{
    return in->options.polls ? poll_trouble(in->poll) : NULL;
}
