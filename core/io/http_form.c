/*
 * http_form.c - multipart/form-data bodies: see http.h.
 *
 * curl's mime structure belongs to one easy handle and one try; so it is made
 * anew at each try, and reads through a callback from the form's memory or from
 * the file. Reading a file blocks for as long as the disk takes for 64 KiB.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/http_int.h"

struct part {
    char *name, *path, *filename, *type;
    struct slice data;
    void (*release)(void *arg);
    void *arg;
};

struct http_form {
    int refs;
    struct part *parts;
    size_t n, cap;
};

/* A part that is being sent, by one try. */
struct http_reader {
    struct http_pending *p; /* gets the error */
    const struct part *part;
    int fd; /* -1: from memory */
    int64_t at, size;
};

struct http_form *http_form_new(void)
{
    struct http_form *form = xalloc(sizeof(*form));

    form->refs = 1;
    return form;
}

struct http_form *http_form_ref(struct http_form *form)
{
    if (form)
        form->refs++;
    return form;
}

static void part_drop_data(struct part *part)
{
    if (part->release)
        part->release(part->arg);
    else
        free((char *)part->data.p);
}

static void part_release(struct part *part)
{
    part_drop_data(part);
    free(part->name);
    free(part->path);
    free(part->filename);
    free(part->type);
}

void http_form_unref(struct http_form *form)
{
    if (!form || --form->refs > 0)
        return;
    for (size_t i = 0; i < form->n; i++)
        part_release(&form->parts[i]);
    free(form->parts);
    free(form);
}

static char *copy(const char *s)
{
    return s ? xstrdup(s) : NULL;
}

void http_form_add(struct http_form *form, const struct http_part *part)
{
    if (form->n == form->cap) {
        form->cap = form->cap ? 2 * form->cap : 8;
        form->parts = xrealloc(form->parts, form->cap * sizeof(*form->parts));
    }
    form->parts[form->n++] = (struct part){
        .name = xstrdup(part->name),
        .path = copy(part->path),
        .filename = copy(part->filename),
        .type = copy(part->type),
        .data = { part->release ? part->data.p : slice_dup(part->data),
                  part->data.n },
        .release = part->release,
        .arg = part->arg,
    };
}

static struct part *find_part(const struct http_form *form, const char *name)
{
    for (size_t i = 0; i < form->n; i++)
        if (!form->parts[i].path && strcmp(form->parts[i].name, name) == 0)
            return &form->parts[i];
    return NULL;
}

struct slice http_form_value(const struct http_form *form, const char *name)
{
    struct part *part = find_part(form, name);

    return part ? part->data : SLICE_NONE;
}

void http_form_set(struct http_form *form, const char *name, struct slice value)
{
    struct part *part = find_part(form, name);

    if (!part)
        return;
    part_drop_data(part);
    part->data = (struct slice){ slice_dup(value), value.n };
    part->release = NULL;
}

int64_t http_form_size(const struct http_form *form)
{
    int64_t size = 0;
    struct stat st;

    for (size_t i = 0; i < form->n; i++) {
        const struct part *part = &form->parts[i];

        if (!part->path)
            size += (int64_t)part->data.n;
        else if (stat(part->path, &st) == 0)
            size += st.st_size;
    }
    return size;
}

const char *http_type_by_name(const char *filename)
{
    static const struct {
        const char *ending, *type;
    } types[] = {
        { "jpg", "image/jpeg" },        { "jpeg", "image/jpeg" },
        { "png", "image/png" },         { "gif", "image/gif" },
        { "webp", "image/webp" },       { "svg", "image/svg+xml" },
        { "mp4", "video/mp4" },         { "mp3", "audio/mpeg" },
        { "ogg", "audio/ogg" },         { "oga", "audio/ogg" },
        { "wav", "audio/wav" },         { "txt", "text/plain" },
        { "htm", "text/html" },         { "html", "text/html" },
        { "csv", "text/csv" },          { "xml", "application/xml" },
        { "json", "application/json" }, { "pdf", "application/pdf" },
        { "zip", "application/zip" },
    };
    const char *dot = strrchr(filename, '.');

    for (size_t i = 0; dot && i < sizeof(types) / sizeof(types[0]); i++)
        if (strcasecmp(dot + 1, types[i].ending) == 0)
            return types[i].type;
    return "application/octet-stream";
}

/* --- sending ------------------------------------------------------------------- */

/* O_NONBLOCK: a FIFO must not be waited for; it is refused. */
static bool open_file(struct http_reader *r, struct err *err)
{
    const char *path = r->part->path;
    struct stat st;

    r->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (r->fd < 0 || fstat(r->fd, &st) < 0)
        return err_set(err, ERR_SYSTEM, "%s: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return err_set(err, ERR_SYSTEM, "%s: not a file", path);
    r->size = st.st_size;
    return true;
}

static size_t read_file(struct http_reader *r, char *to, size_t n)
{
    ssize_t got = pread(r->fd, to, n, r->at);

    if (got > 0)
        return (size_t)got;
    err_set(&r->p->pub.op.err, ERR_SYSTEM, "%s: %s", r->part->path,
            got < 0 ? strerror(errno) : "became shorter while it was sent");
    return CURL_READFUNC_ABORT;
}

static void move_to(struct http_reader *r, int64_t at)
{
    struct http_pending *p = r->p;

    p->form_left -= at - r->at;
    r->at = at;
    if (p->form_left == 0)
        p->form_read = true;
}

static size_t on_read(char *to, size_t size, size_t n, void *arg)
{
    struct http_reader *r = arg;

    n *= size;
    if ((int64_t)n > r->size - r->at)
        n = (size_t)(r->size - r->at);
    if (n == 0)
        return 0;
    if (r->fd >= 0)
        n = read_file(r, to, n);
    else
        memcpy(to, r->part->data.p + r->at, n);
    if (n != CURL_READFUNC_ABORT)
        move_to(r, r->at + (int64_t)n);
    return n;
}

static int on_seek(void *arg, curl_off_t offset, int origin)
{
    struct http_reader *r = arg;

    if (origin != SEEK_SET || offset < 0 || offset > r->size)
        return CURL_SEEKFUNC_FAIL;
    move_to(r, offset);
    return CURL_SEEKFUNC_OK;
}

void http_reader_free(struct http_reader *r)
{
    if (r && r->fd >= 0)
        close(r->fd);
    free(r);
}

static void on_reader_free(void *arg)
{
    http_reader_free(arg);
}

/* NULL: its file can't be read. */
static struct http_reader *reader_new(const struct part *part,
                                      struct http_pending *p)
{
    struct http_reader *r = xalloc(sizeof(*r));

    *r = (struct http_reader){
        .p = p, .part = part, .fd = -1, .size = (int64_t)part->data.n
    };
    if (part->path && !open_file(r, &p->pub.op.err)) {
        http_reader_free(r);
        return NULL;
    }
    p->form_left += r->size;
    return r;
}

static const char *last_component(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

static bool add_part(curl_mime *mime, const struct part *part,
                     struct http_pending *p)
{
    curl_mimepart *m = curl_mime_addpart(mime);
    struct http_reader *r = reader_new(part, p);
    const char *filename = part->filename;

    if (!r)
        return false;
    curl_mime_data_cb(m, r->size, on_read, on_seek, on_reader_free, r);
    curl_mime_name(m, part->name);
    if (!filename && part->path)
        filename = last_component(part->path);
    if (filename)
        curl_mime_filename(m, filename);
    if (part->type)
        curl_mime_type(m, part->type);
    return true;
}

curl_mime *http_form_mime(const struct http_form *form, CURL *easy,
                          struct http_pending *p)
{
    curl_mime *mime = curl_mime_init(easy);

    p->form_left = 0;
    for (size_t i = 0; i < form->n; i++) {
        if (!add_part(mime, &form->parts[i], p)) {
            curl_mime_free(mime);
            return NULL;
        }
    }
    p->form_read = p->form_left == 0;
    return mime;
}

struct http_reader *http_form_reader(const struct http_form *form,
                                     struct http_pending *p)
{
    struct http_reader *r;

    assert(form->n == 1);
    p->form_left = 0;
    r = reader_new(&form->parts[0], p);
    p->form_read = p->form_left == 0;
    return r;
}

void http_reader_set(struct http_reader *r, CURL *easy)
{
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->size);
    curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read);
    curl_easy_setopt(easy, CURLOPT_READDATA, r);
    curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, on_seek);
    curl_easy_setopt(easy, CURLOPT_SEEKDATA, r);
}
