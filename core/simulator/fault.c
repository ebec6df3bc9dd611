/* fault.c - see fault.h. */
#include "simulator/fault.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"

struct faults {
    struct fault *items;
    size_t n;
    int last_id;
};

static const char *const kinds[] = {
    [FAULT_ERROR] = "error",           [FAULT_DROP] = "drop",
    [FAULT_DROP_AFTER] = "drop_after", [FAULT_DELAY] = "delay",
    [FAULT_GARBAGE] = "garbage",
};

struct faults *faults_new(void)
{
    return xalloc(sizeof(struct faults));
}

void faults_free(struct faults *faults)
{
    if (!faults)
        return;
    free(faults->items);
    free(faults);
}

/* Telegram's own description of a status. */
static void describe(struct fault *f)
{
    static const struct {
        int status;
        const char *text;
    } known[] = {
        { 400, "Bad Request" },     { 401, "Unauthorized" },
        { 403, "Forbidden" },       { 404, "Not Found" },
        { 409, "Conflict" },        { 500, "Internal Server Error" },
        { 502, "Bad Gateway" },     { 503, "Service Unavailable" },
        { 504, "Gateway Timeout" },
    };

    if (f->status == 429) {
        snprintf(f->description, sizeof(f->description),
                 "Too Many Requests: retry after %d", f->retry_after);
        return;
    }
    snprintf(f->description, sizeof(f->description), "Error %d", f->status);
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (known[i].status == f->status)
            strcpy(f->description, known[i].text);
}

static json_int_t integer_of(const json_t *body, const char *key,
                             json_int_t otherwise)
{
    const json_t *value = json_object_get(body, key);

    return value ? json_integer_value(value) : otherwise;
}

static bool read_error(struct fault *f, const json_t *body, struct err *err)
{
    const char *text = json_string_value(json_object_get(body, "description"));

    f->status = (int)integer_of(body, "status", 500);
    f->retry_after =
        (int)integer_of(body, "retry_after", f->status == 429 ? 1 : 0);
    if (f->status < 400 || f->status > 599)
        return err_set(err, ERR_USAGE, "status must be from 400 to 599");
    describe(f);
    if (text)
        snprintf(f->description, sizeof(f->description), "%s", text);
    return true;
}

static bool read_fault(struct fault *f, const json_t *body, struct err *err)
{
    const char *kind = json_string_value(json_object_get(body, "kind"));
    const char *method = json_string_value(json_object_get(body, "method"));

    for (size_t i = 1; i < ARRAY_LEN(kinds); i++)
        if (kind && strcmp(kind, kinds[i]) == 0)
            f->kind = (enum fault_kind)i;
    if (!f->kind)
        return err_set(err, ERR_USAGE,
                       "kind must be \"error\", \"drop\", \"drop_after\", "
                       "\"delay\" or \"garbage\"");
    if (!method || !*method || strlen(method) >= sizeof(f->method))
        return err_set(err, ERR_USAGE,
                       "method must be a method's name, or \"*\" for all");
    strcpy(f->method, method);
    f->times = (int)integer_of(body, "times", 1);
    if (f->times < -1 || f->times == 0)
        return err_set(err, ERR_USAGE, "times must be 1 or more, or -1");
    f->ms = integer_of(body, "ms", 1000);
    if (f->kind == FAULT_DELAY && (f->ms < 0 || f->ms > 600000))
        return err_set(err, ERR_USAGE, "ms must be from 0 to 600000");
    return f->kind != FAULT_ERROR || read_error(f, body, err);
}

int faults_add(struct faults *faults, const json_t *body, struct err *err)
{
    struct fault f = { 0 };

    if (!read_fault(&f, body, err))
        return 0;
    f.id = ++faults->last_id;
    faults->items =
        xrealloc(faults->items, (faults->n + 1) * sizeof(*faults->items));
    faults->items[faults->n++] = f;
    return f.id;
}

static void remove_at(struct faults *faults, size_t i)
{
    faults->n--;
    memmove(&faults->items[i], &faults->items[i + 1],
            (faults->n - i) * sizeof(*faults->items));
}

bool faults_remove(struct faults *faults, int id)
{
    if (!id) {
        faults->n = 0;
        return true;
    }
    for (size_t i = 0; i < faults->n; i++)
        if (faults->items[i].id == id) {
            remove_at(faults, i);
            return true;
        }
    return false;
}

struct fault faults_match(struct faults *faults, const char *method)
{
    for (size_t i = 0; i < faults->n; i++) {
        struct fault *f = &faults->items[i], met;

        if (strcmp(f->method, "*") != 0 && strcasecmp(f->method, method) != 0)
            continue;
        if (f->times > 0)
            f->times--;
        met = *f;
        if (!f->times)
            remove_at(faults, i);
        return met;
    }
    return (struct fault){ 0 };
}

static json_t *fault_json(const struct fault *f)
{
    json_t *o = json_pack("{s:i, s:s, s:i, s:s}", "id", f->id, "method",
                          f->method, "times", f->times, "kind", kinds[f->kind]);

    if (f->kind == FAULT_ERROR) {
        json_object_set_new(o, "status", json_integer(f->status));
        json_object_set_new(o, "description", json_string(f->description));
        if (f->retry_after)
            json_object_set_new(o, "retry_after", json_integer(f->retry_after));
    }
    if (f->kind == FAULT_DELAY)
        json_object_set_new(o, "ms", json_integer(f->ms));
    return o;
}

json_t *faults_list(const struct faults *faults)
{
    json_t *list = json_array();

    for (size_t i = 0; i < faults->n; i++)
        json_array_append_new(list, fault_json(&faults->items[i]));
    return list;
}
