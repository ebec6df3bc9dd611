/*
 * broadcast_make.c - moonpost broadcast FILE: what is sent, and to whom; checked,
 * shown, and left in the database for a running bot.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "base/json.h"
#include "bot/broadcast_desk.h"
#include "broadcast_command.h"
#include "config_command.h"
#include "config_show.h"
#include "progress.h"

#define TEXT_MAX 4096 /* UTF-16 units, Telegram's limit for a message's text */
#define FILE_MAX (1 << 20)
#define MESSAGE_SHOWN 1000

/* An order and the texts that it points at. */
struct ordering {
    struct broadcast_order order;
    struct buf method, parameters, what, recipients;
    char key[40];
};

/* --- the message ---------------------------------------------------------------- */

static const char *ending_of(const char *file)
{
    const char *dot = strrchr(file, '.');

    return dot ? dot : "";
}

/* As Telegram counts a text's length. */
static int64_t utf16_units(struct slice text)
{
    int64_t n = 0;

    for (size_t i = 0; i < text.n; i++) {
        unsigned char ch = (unsigned char)text.p[i];

        if ((ch & 0xC0) != 0x80)
            n += ch >= 0xF0 ? 2 : 1;
    }
    return n;
}

static bool read_text(struct ordering *o, struct slice text, const char *mode,
                      struct err *err)
{
    while (text.n && isspace((unsigned char)text.p[text.n - 1]))
        text.n--;
    if (!mode && utf16_units(text) > TEXT_MAX)
        return err_set(err, ERR_USAGE,
                       "its text has %lld characters, as Telegram counts; a "
                       "message takes %d",
                       (long long)utf16_units(text), TEXT_MAX);
    buf_adds(&o->method, "sendMessage");
    buf_adds(&o->parameters, "{\"text\":");
    if (!json_add_string(&o->parameters, text, err))
        return false;
    if (mode)
        buf_addf(&o->parameters, ",\"parse_mode\":\"%s\"", mode);
    buf_addc(&o->parameters, '}');
    return true;
}

/* A method's parameters; the method itself may be among them. */
static bool read_json(struct ordering *o, struct slice text, struct err *err)
{
    static const struct slice key = { "method", 6 };
    struct slice method;

    if (!json_check(text, JSON_DEPTH_MAX, err))
        return false;
    if (json_kind(text) != JSON_OBJECT)
        return err_set(err, ERR_USAGE,
                       "must be an object: {\"text\": \"…\"}, or {\"method\": "
                       "\"copyMessage\", \"from_chat_id\": …}");
    method = json_get(text, "method");
    if (!json_to_text(method, &o->method))
        buf_adds(&o->method, "sendMessage");
    if (method.p)
        json_add_changed(&o->parameters, text, &key, 1, SLICE_NONE);
    else
        buf_add_slice(&o->parameters, text);
    return true;
}

static bool read_content(struct ordering *o, const char *file,
                         struct slice text, struct err *err)
{
    const char *ending = ending_of(file);

    if (strcasecmp(ending, ".json") == 0)
        return read_json(o, text, err);
    if (strcasecmp(ending, ".html") == 0)
        return read_text(o, text, "HTML", err);
    if (strcasecmp(ending, ".md") == 0)
        return read_text(o, text, "MarkdownV2", err);
    if (strcasecmp(ending, ".txt") == 0)
        return read_text(o, text, NULL, err);
    return err_set(err, ERR_USAGE,
                   "its name must end with .txt, .md (MarkdownV2), .html or "
                   ".json, which says what is in it");
}

static bool read_file(const struct broadcast_call *c, struct ordering *o,
                      struct err *err)
{
    struct buf text = BUF_INIT;
    struct err why = ERR_INIT;
    bool ok = buf_add_file(&text, c->file, err);

    if (!ok)
        goto out;
    ok = text.len <= FILE_MAX ||
         err_set(&why, ERR_USAGE, "is larger than a message can be");
    ok = ok && read_content(o, c->file, buf_slice(&text), &why);
    if (ok && c->method) {
        buf_reset(&o->method);
        buf_adds(&o->method, c->method);
    }
    ok = ok && broadcast_check(o->method.data, buf_slice(&o->parameters), &why);
    if (!ok)
        err_set(err, ERR_USAGE, "%s: %s", c->file, why.text);
out:
    buf_release(&text);
    return ok;
}

/* --- to whom -------------------------------------------------------------------- */

/* Ids with commas or white space between them; what follows # in a line is a
 * comment. */
static bool read_ids(struct ordering *o, const char *text, struct err *err)
{
    int64_t chat;
    char word[32];
    int n = 0;

    while (*(text += strspn(text, ", \t\r\n"))) {
        size_t len = strcspn(text, ", \t\r\n#");

        if (*text == '#') {
            text += strcspn(text, "\n");
            continue;
        }
        snprintf(word, sizeof(word), "%.*s", (int)(len < 31 ? len : 31), text);
        if (!config_parse_chat(word, &chat, err))
            return false;
        buf_addf(&o->what, "%s%lld", n++ ? "," : "{", (long long)chat);
        text += len;
    }
    if (n == 0)
        return err_set(err, ERR_USAGE, "--to: there is no chat's id in it");
    buf_addc(&o->what, '}');
    o->order.who = "list";
    buf_addf(&o->recipients, "%d chat%s", n, n == 1 ? "" : "s");
    return true;
}

static bool read_ids_file(struct ordering *o, const char *file, struct err *err)
{
    struct buf text = BUF_INIT;
    bool ok = buf_add_file(&text, file, err) && read_ids(o, text.data, err);

    buf_release(&text);
    return ok;
}

static bool is_select(const char *to)
{
    static const char *const words[] = { "select", "with", "values", "table" };

    to += strspn(to, " \t\r\n(");
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        size_t n = strlen(words[i]);

        if (strncasecmp(to, words[i], n) == 0 && !isalnum((unsigned char)to[n]))
            return true;
    }
    return false;
}

static bool read_to(struct ordering *o, const char *to, struct err *err)
{
    if (strcmp(to, "all") == 0 || strcmp(to, "private") == 0 ||
        strcmp(to, "groups") == 0) {
        o->order.who = to;
        buf_adds(&o->recipients, to);
        return true;
    }
    if (is_select(to)) {
        o->order.who = "sql";
        buf_adds(&o->what, to);
        show_cut(&o->recipients, slice_of(to), 100);
        return true;
    }
    if (to[0] == '@')
        return read_ids_file(o, to + 1, err);
    if (to[0] != '-' && !isdigit((unsigned char)to[0]))
        return err_set(err, ERR_USAGE,
                       "--to %s: all, private, groups, chats' ids, @FILE with "
                       "ids, or a SELECT of ids is expected",
                       to);
    return read_ids(o, to, err);
}

/* --- making it ------------------------------------------------------------------- */

/* Sending the same statement twice makes one. */
static void make_key(struct ordering *o)
{
    uint64_t n[2] = { (uint64_t)time(NULL), (uint64_t)getpid() };

    if (getrandom(n, sizeof(n), GRND_NONBLOCK) != sizeof(n))
        n[1] += (uint64_t)loop_now_ms() << 20;
    snprintf(o->key, sizeof(o->key), "cli:%016llx%016llx",
             (unsigned long long)n[0], (unsigned long long)n[1]);
    o->order.key = slice_of(o->key);
}

static bool count(struct broadcast_call *c, const struct ordering *o,
                  int64_t *chats, struct buf *some, struct err *err)
{
    struct pg_op *query = broadcast_count_start(c->tool.pg, c->bot, &o->order);
    bool ok = tool_wait(&c->tool, &query->op, err);

    if (ok) {
        *chats = pg_int(query, 0, 0);
        buf_add_slice(some, pg_value(query, 0, 1));
    }
    op_free(&query->op);
    return ok;
}

/* "{1,2,3}" → "1, 2, 3, …" */
static void show_some(const struct buf *some, int64_t chats, struct buf *out)
{
    int n = 0;

    for (const char *p = some->data; *p; p++) {
        if (*p == '{' || *p == '}')
            continue;
        n += *p == ',';
        if (*p == ',')
            buf_adds(out, ", ");
        else
            buf_addc(out, *p);
    }
    if (chats > n + 1)
        buf_adds(out, ", …");
}

static void show_order(const struct ordering *o, int64_t chats,
                       const struct buf *some)
{
    struct buf out = BUF_INIT;

    buf_adds(&out, "To ");
    buf_add_slice(&out, buf_slice(&o->recipients));
    buf_adds(&out, ": ");
    show_number(&out, chats);
    buf_addf(&out, " chat%s (", chats == 1 ? "" : "s");
    show_some(some, chats, &out);
    buf_addf(&out, ")\n%s ", o->method.data);
    show_cut(&out, buf_slice(&o->parameters), MESSAGE_SHOWN);
    fprintf(stderr, "%s\n", out.data);
    buf_release(&out);
}

/* On a terminal somebody is asked: it can't be taken back. */
static bool agreed(const struct broadcast_call *c, int64_t chats)
{
    struct buf n = BUF_INIT;
    char answer[16] = "";

    if (c->yes || !isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
        return true;
    show_number(&n, chats);
    fprintf(stderr, "Send it to %s chat%s? (y or n) ", n.data,
            chats == 1 ? "" : "s");
    buf_release(&n);
    return fgets(answer, sizeof(answer), stdin) &&
           (answer[0] == 'y' || answer[0] == 'Y');
}

static bool make(struct broadcast_call *c, struct ordering *o, struct err *err)
{
    struct op *op;

    make_key(o);
    op = broadcast_make_start(c->tool.loop, c->tool.pg, c->bot, &o->order);
    if (!broadcast_wait(c, &op, err))
        return false;
    broadcast_print(c, &((struct broadcast_op *)op)->list[0]);
    if (!c->json)
        fprintf(stderr,
                "A running bot sends it; `moonpost broadcast show %lld` shows "
                "how far it has got.\n",
                (long long)((struct broadcast_op *)op)->list[0].id);
    op_free(op);
    return true;
}

static bool count_and_make(struct broadcast_call *c, struct ordering *o,
                           struct err *err)
{
    struct buf some = BUF_INIT;
    int64_t chats = 0;
    bool ok = count(c, o, &chats, &some, err);

    if (ok)
        show_order(o, chats, &some);
    buf_release(&some);
    if (!ok)
        return false;
    if (chats == 0)
        return err_set(err, ERR_USAGE,
                       "there is no chat to send it to: the bot notes those "
                       "that it hears from (CHATS_SEEN)");
    if (c->dry_run)
        return true;
    if (!agreed(c, chats))
        return err_set(err, ERR_USAGE, "nothing was sent");
    return make(c, o, err);
}

bool broadcast_make(struct broadcast_call *c, struct err *err)
{
    struct ordering o = { .method = BUF_INIT,
                          .parameters = BUF_INIT,
                          .what = BUF_INIT,
                          .recipients = BUF_INIT };
    bool ok = read_file(c, &o, err) && read_to(&o, c->to ? c->to : "all", err);

    o.order.method = o.method.data;
    o.order.parameters = buf_slice(&o.parameters);
    o.order.what = buf_slice(&o.what);
    o.order.recipients = o.recipients.data;
    o.order.made_by = tool_who();
    ok = ok && count_and_make(c, &o, err);
    buf_release(&o.method);
    buf_release(&o.parameters);
    buf_release(&o.what);
    buf_release(&o.recipients);
    return ok;
}
