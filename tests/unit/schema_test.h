/*
 * schema_test.h - for tests of the schema: a tree with a setting of each type.
 */
#ifndef TESTS_SCHEMA_TEST_H
#define TESTS_SCHEMA_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "config/schema.h"

/* --- a schema ------------------------------------------------------------------ */

static struct setting *root;

static inline struct setting *add(struct setting *section, const char *name,
                                  enum setting_type type, const char *def)
{
    struct err err = ERR_INIT;
    struct setting *s = schema_add(section, name, type, def, &err);

    if (!s)
        fail_msg("%s", err.text);
    return s;
}

static inline char **choices(void)
{
    char **list = xalloc(3 * sizeof(*list));

    list[0] = xstrdup("en");
    list[1] = xstrdup("de");
    return list;
}

static inline void limit(struct setting *s, double min, double max)
{
    s->has_min = s->has_max = true;
    s->min = min;
    s->max = max;
}

static inline struct setting *add_element(struct setting *list,
                                          enum setting_type type)
{
    struct err err = ERR_INIT;
    struct setting *s = schema_add_element(list, type, &err);

    if (!s)
        fail_msg("%s", err.text);
    return s;
}

static inline void most(struct setting *s, double max)
{
    s->has_max = true;
    s->max = max;
}

/* A pattern for tests: what the text must begin with. */
static inline bool begins(const char *pattern, struct slice text, void *arg)
{
    size_t n = strlen(pattern);

    assert_ptr_equal(arg, &root);
    return text.n >= n && memcmp(text.p, pattern, n) == 0;
}

static inline void add_lists(struct setting *section)
{
    struct setting *s;

    limit(add(section, "few", SETTING_LIST, "[1]"), 1, 3);
    s = add(section, "words", SETTING_LIST, "[]");
    most(s, 100);
    most(add_element(s, SETTING_STRING), 5);
    s = add(section, "grid", SETTING_LIST, "[]");
    s = add_element(s, SETTING_LIST);
    most(s, 2);
    add_element(s, SETTING_INTEGER);
    s = add(section, "names", SETTING_MAP, "{}");
    limit(add_element(s, SETTING_INTEGER), 0, 9);
    s->has_min = true;
    s->min = 1;
    s = add(section, "langs", SETTING_LIST, "[]");
    add_element(s, SETTING_CHOICE)->choices = choices();
    add_element(add(section, "chats", SETTING_LIST, "[]"), SETTING_CHAT);
    add_element(add(section, "flags", SETTING_LIST, "[]"), SETTING_BOOLEAN);
    s = add(section, "maps", SETTING_LIST, "[]");
    add_element(add_element(s, SETTING_MAP), SETTING_LIST);
}

static inline int setup(void **state)
{
    struct setting *welcome, *deep, *s;

    (void)state;
    root = schema_new();
    add(root, "on", SETTING_BOOLEAN, "true");
    limit(add(root, "max", SETTING_INTEGER, "5"), 1, 100);
    add(root, "ratio", SETTING_NUMBER, "0.5");
    add(root, "lang", SETTING_CHOICE, "\"en\"")->choices = choices();
    add(root, "words", SETTING_LIST, "[\"a\"]");
    add(root, "tags", SETTING_MAP, "{}");
    welcome = add(root, "welcome", SETTING_SECTION, NULL);
    limit(add(welcome, "text", SETTING_STRING, "\"Hi\""), 1, 10);
    deep = add(welcome, "deep", SETTING_SECTION, NULL);
    add(deep, "n", SETTING_INTEGER, "1")->has_min = true;
    add_lists(add(root, "lists", SETTING_SECTION, NULL));
    add(root, "chat", SETTING_CHAT, "null");
    add(root, "user", SETTING_USER, "7");
    s = add(root, "wait", SETTING_INTEGER, "5");
    limit(s, 1, 60);
    s->unit = xstrdup("minutes");
    s = add(root, "code", SETTING_STRING, "\"ab\"");
    s->pattern = xstrdup("a");
    most(s, 4);
    schema_set_matcher(root, begins, &root);
    return 0;
}

static inline int teardown(void **state)
{
    (void)state;
    schema_free(root);
    schema_free(NULL);
    return 0;
}

static inline const struct setting *find(const char *path)
{
    const struct setting *s = schema_find(root, path);

    if (!s)
        fail_msg("there is no %s", path);
    return s;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
