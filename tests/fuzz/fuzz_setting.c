/*
 * fuzz_setting.c - whatever a person types as a setting's value: what is taken is
 * JSON, what is not has a reason; and a document of any shape is looked through.
 * The first byte says which setting.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "config/schema.h"

static struct setting *root;

static void set_choices(struct setting *s)
{
    s->choices = xalloc(3 * sizeof(*s->choices));
    s->choices[0] = xstrdup("soft");
    s->choices[1] = xstrdup("hard");
}

/* One of each type, in lists and maps too. */
static void declare(void)
{
    struct err err = ERR_INIT;
    struct setting *s;
    char name[20];

    root = schema_new();
    for (int i = 0; i < 3 * SETTING_MAP; i++) {
        enum setting_type type = (enum setting_type)(1 + i / 3);
        enum setting_type container = i % 3 == 1 ? SETTING_LIST : SETTING_MAP;

        snprintf(name, sizeof(name), "s%d", i);
        s = schema_add(root, name, i % 3 ? container : type, "null", &err);
        if (s && i % 3)
            s = schema_add_element(s, type, &err);
        if (!s)
            abort();
        if (type == SETTING_CHOICE)
            set_choices(s);
        s->has_min = s->has_max = type != SETTING_CHOICE;
        s->max = 5;
    }
}

static void check_document(struct slice text)
{
    struct err err = ERR_INIT;

    if (json_check(text, JSON_DEPTH_MAX, &err))
        assert(schema_misfits(root, text, NULL, NULL) >= 0);
}

static void check_parsed(const struct setting *s, struct slice json)
{
    struct buf shaped = BUF_INIT;
    struct err err = ERR_INIT;

    assert(json_check(json, JSON_DEPTH_MAX, &err));
    setting_add_shaped(s, json, &shaped);
    assert(json_check(buf_slice(&shaped), JSON_DEPTH_MAX, &err));
    if (setting_check(s, json, &err)) /* then it has its shape already */
        assert(setting_check(s, buf_slice(&shaped), &err));
    else
        assert(err.text[0]);
    buf_release(&shaped);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct setting *s;
    struct buf json = BUF_INIT;
    struct err err = ERR_INIT;
    struct slice text;
    char *copy;

    if (!root)
        declare();
    if (size == 0)
        return 0;
    s = root->children[data[0] % root->nchildren];
    copy = xrealloc(NULL, size - 1 ? size - 1 : 1); /* exactly as large */
    text = (struct slice){ copy, size - 1 };
    for (size_t i = 1; i < size; i++)
        copy[i - 1] = (char)data[i];
    if (setting_parse(s, text, &json, &err))
        check_parsed(s, buf_slice(&json));
    else
        assert(err.text[0] && json.len == 0);
    check_document(text);
    buf_release(&json);
    free(copy);
    return 0;
}
