/* feed.c - see feed.h. */
#include "simulator/feed.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "io/httpd.h"
#include "simulator/entities.h"
#include "simulator/text.h"

/* A listener that does not read is let go when this much waits for it; it
 * comes back and asks for what it missed. */
#define STREAM_PENDING_MAX (8u << 20)

struct event {
    int64_t seq;
    const char *kind;
    struct text *data;
};

/* The text of an update's entry ends with DONE_NOT; of one that is done, the
 * end is written differently. */
#define DONE_NOT "\"done\":false}"
#define DONE_YES "\"done\":true}"

struct entry {
    int64_t seq, bot, update_id;
    struct text *text;
    bool done;
    char method[64]; /* of a call */
};

struct stream {
    struct feed *feed;
    struct httpd_request *req;
    TAILQ_ENTRY(stream) link;
};

struct feed {
    int64_t seq;
    struct event events[FEED_EVENTS]; /* at number % FEED_EVENTS */
    size_t nevents;                   /* so far */
    struct entry updates[FEED_ENTRIES], calls[FEED_ENTRIES];
    size_t nupdates, ncalls;
    TAILQ_HEAD(, stream) streams;
    void (*on_event)(void *arg);
    void *arg;
};

int64_t now_ms(void)
{
    return clock_wall_us() / 1000;
}

struct feed *feed_new(void)
{
    struct feed *feed = xalloc(sizeof(*feed));

    TAILQ_INIT(&feed->streams);
    return feed;
}

static void stream_end(struct stream *stream)
{
    TAILQ_REMOVE(&stream->feed->streams, stream, link);
    httpd_stream_end(stream->req);
    free(stream);
}

static void clear_entries(struct entry *entries)
{
    for (size_t i = 0; i < FEED_ENTRIES; i++)
        text_unref(entries[i].text);
    memset(entries, 0, sizeof(*entries) * FEED_ENTRIES);
}

void feed_clear(struct feed *feed)
{
    clear_entries(feed->updates);
    clear_entries(feed->calls);
    /* the counts go on: places of updates stay unique */
}

void feed_free(struct feed *feed)
{
    struct stream *stream;

    if (!feed)
        return;
    while ((stream = TAILQ_FIRST(&feed->streams)))
        stream_end(stream);
    feed_clear(feed);
    for (size_t i = 0; i < FEED_EVENTS; i++)
        text_unref(feed->events[i].data);
    free(feed);
}

void feed_on_event(struct feed *feed, void (*fn)(void *arg), void *arg)
{
    feed->on_event = fn;
    feed->arg = arg;
}

int64_t feed_seq(const struct feed *feed)
{
    return feed->seq;
}

int64_t feed_next_seq(struct feed *feed)
{
    return ++feed->seq;
}

/* --- events ---------------------------------------------------------------- */

static void add_event(struct buf *out, const struct event *event)
{
    buf_adds(out, "id: ");
    buf_add_int(out, event->seq);
    buf_adds(out, "\nevent: ");
    buf_adds(out, event->kind);
    buf_adds(out, "\ndata: ");
    buf_add_slice(out, text_slice(event->data));
    buf_adds(out, "\n\n");
}

static void send_to_streams(struct feed *feed, const struct event *event)
{
    struct stream *stream, *next;
    struct buf out = BUF_INIT;

    if (TAILQ_EMPTY(&feed->streams))
        return;
    add_event(&out, event);
    for (stream = TAILQ_FIRST(&feed->streams); stream; stream = next) {
        next = TAILQ_NEXT(stream, link);
        if (httpd_stream_pending(stream->req) > STREAM_PENDING_MAX)
            stream_end(stream);
        else
            httpd_stream_add(stream->req, buf_slice(&out));
    }
    buf_release(&out);
}

static void event_with(struct feed *feed, int64_t seq, const char *kind,
                       struct text *data)
{
    struct event *event = &feed->events[feed->nevents++ % FEED_EVENTS];

    text_unref(event->data);
    *event = (struct event){ seq, kind, text_ref(data) };
    send_to_streams(feed, event);
    if (feed->on_event)
        feed->on_event(feed->arg);
}

void feed_event(struct feed *feed, int64_t seq, const char *kind,
                struct slice data)
{
    struct text *text = text_new(data);

    event_with(feed, seq, kind, text);
    text_unref(text);
}

void feed_signal(struct feed *feed, const char *kind)
{
    feed_event(feed, feed_next_seq(feed), kind, slice_of("{}"));
}

static void on_stream_gone(struct httpd_request *req, void *arg)
{
    (void)req;
    stream_end(arg);
}

void feed_stream(struct feed *feed, struct httpd_request *req, int64_t after)
{
    static const char *const headers[] = { "Content-Type", "text/event-stream",
                                           "Cache-Control", "no-store", NULL };
    struct stream *stream = xalloc(sizeof(*stream));
    size_t n = feed->nevents < FEED_EVENTS ? feed->nevents : FEED_EVENTS;
    struct buf out = BUF_INIT;

    stream->feed = feed;
    stream->req = req;
    TAILQ_INSERT_TAIL(&feed->streams, stream, link);
    buf_adds(&out, "retry: 500\n\n");
    for (size_t i = feed->nevents - n; after >= 0 && i < feed->nevents; i++)
        if (feed->events[i % FEED_EVENTS].seq > after)
            add_event(&out, &feed->events[i % FEED_EVENTS]);
    httpd_stream_begin(req, 200, headers);
    httpd_stream_add(req, buf_slice(&out));
    buf_release(&out);
    httpd_on_gone(req, on_stream_gone, stream);
}

/* --- entries --------------------------------------------------------------- */

static void add_long(struct buf *out, struct slice json)
{
    if (json.n <= FEED_TEXT_MAX)
        buf_add_slice(out, json);
    else
        buf_addf(out, "{\"cut\":%zu}", json.n);
}

/* An answer of getUpdates may be anything (POST /sim/raw): as text then. */
static void add_response(struct buf *out, const struct feed_call *call)
{
    struct slice r = call->response;
    json_t *json = NULL, *text = NULL;

    if (strcmp(call->method, "getUpdates") == 0 && r.n <= FEED_TEXT_MAX &&
        !(json = json_loadb(r.p, r.n, JSON_ALLOW_NUL, NULL)))
        text = utf8_valid(r) ? json_stringn(r.p, r.n) : json_null();
    if (text)
        json_add(out, text);
    else
        add_long(out, r);
    json_decref(json);
    json_decref(text);
}

static void entry_set(struct entry *entry, int64_t seq, int64_t bot,
                      struct buf *text)
{
    text_unref(entry->text);
    memset(entry, 0, sizeof(*entry));
    entry->seq = seq;
    entry->bot = bot;
    entry->text = text_new(buf_slice(text));
    buf_release(text);
}

int64_t feed_update(struct feed *feed, int64_t bot, int64_t update_id,
                    struct slice update)
{
    int64_t place = (int64_t)feed->nupdates++, seq = feed_next_seq(feed);
    struct entry *entry = &feed->updates[place % FEED_ENTRIES];
    struct buf out = BUF_INIT;

    buf_reserve(&out, update.n + 128);
    buf_addf(&out, "{\"seq\":%lld,\"time_ms\":%lld,\"bot\":%lld,\"update\":",
             (long long)seq, (long long)now_ms(), (long long)bot);
    add_long(&out, update);
    buf_adds(&out, "," DONE_NOT);
    entry_set(entry, seq, bot, &out);
    entry->update_id = update_id;
    event_with(feed, seq, "update", entry->text);
    return place;
}

static void add_update(struct buf *out, const struct entry *entry)
{
    size_t n = entry->text->len;

    if (entry->done) {
        buf_add(out, entry->text->data, n - strlen(DONE_NOT));
        buf_adds(out, DONE_YES);
    } else {
        buf_add(out, entry->text->data, n);
    }
}

void feed_update_done(struct feed *feed, int64_t place, int64_t update_id)
{
    struct entry *entry = &feed->updates[place % FEED_ENTRIES];
    struct buf out = BUF_INIT;

    if (!entry->text || entry->update_id != update_id || entry->done ||
        (int64_t)feed->nupdates - place > FEED_ENTRIES)
        return;
    entry->done = true;
    add_update(&out, entry);
    feed_event(feed, feed_next_seq(feed), "update", buf_slice(&out));
    buf_release(&out);
}

void feed_call(struct feed *feed, const struct feed_call *call)
{
    int64_t seq = feed_next_seq(feed);
    struct entry *entry = &feed->calls[feed->ncalls++ % FEED_ENTRIES];
    struct buf out = BUF_INIT;

    buf_reserve(&out, call->params.n + call->response.n + 256);
    buf_addf(&out,
             "{\"seq\":%lld,\"time_ms\":%lld,\"bot\":%lld,\"method\":\"%s\","
             "\"status\":%d,\"ms\":%lld.%03d,\"params\":",
             (long long)seq, (long long)now_ms(), (long long)call->bot,
             call->method, call->status, (long long)(call->us / 1000),
             (int)(call->us % 1000));
    add_long(&out, call->params);
    buf_adds(&out, ",\"response\":");
    add_response(&out, call);
    buf_addc(&out, '}');
    entry_set(entry, seq, call->bot, &out);
    strncpy(entry->method, call->method, sizeof(entry->method) - 1);
    event_with(feed, seq, "call", entry->text);
}

static size_t list(const struct entry *entries, size_t n, int64_t after,
                   int64_t bot, const char *method, struct buf *out)
{
    size_t found = 0;

    buf_addc(out, '[');
    for (size_t i = n < FEED_ENTRIES ? 0 : n - FEED_ENTRIES; i < n; i++) {
        const struct entry *entry = &entries[i % FEED_ENTRIES];

        if (!entry->text || entry->seq <= after || (bot && entry->bot != bot) ||
            (method && strcasecmp(method, entry->method) != 0))
            continue;
        if (found++)
            buf_addc(out, ',');
        add_update(out, entry);
    }
    buf_addc(out, ']');
    return found;
}

size_t feed_list_updates(const struct feed *feed, int64_t after, int64_t bot,
                         struct buf *out)
{
    return list(feed->updates, feed->nupdates, after, bot, NULL, out);
}

size_t feed_list_calls(const struct feed *feed, int64_t after, int64_t bot,
                       const char *method, struct buf *out)
{
    return list(feed->calls, feed->ncalls, after, bot, method, out);
}
