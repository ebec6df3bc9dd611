/* test_sql_scan.c - what is seen in SQL without parsing it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "script/sql_scan.h"

static void test_sql_scan__cases(void **state)
{
    static const struct {
        const char *sql;
        int params;
        bool several, empty;
        const char *word, *second;
    } cases[] = {
        { "SELECT 1", 0, false, false, "SELECT", "1" },
        { "select $2, $1", 2, false, false, "SELECT", "" },
        { "", 0, false, true, "", "" },
        { " ; ;", 0, false, true, "", "" },
        { "-- $1", 0, false, true, "", "" },
        { "/* /* */ $1 */ BEGIN;", 0, false, false, "BEGIN", "" },
        { "/* open", 0, false, true, "", "" },
        { "SELECT '$1", 0, false, false, "SELECT", "" },
        { "SELECT 'a''$1', \"b\"\"$2\", $3", 3, false, false, "SELECT", "" },
        { "SELECT E'\\'$1', $2", 2, false, false, "SELECT", "" },
        { "SELECT E'it''s \\'; $1 \\', ', $2; ", 2, false, false, "SELECT",
          "" },
        { "SELECT E'a' \r\n '\\'; $1', $2", 2, false, false, "SELECT", "" },
        { "SELECT E'a' '\\', $1", 1, false, false, "SELECT", "" },
        { "SELECT E'a'''; $1", 0, true, false, "SELECT", "" },
        { "SELECT E'\\\\'; $1", 0, true, false, "SELECT", "" },
        { "SELECT E'open\\", 0, false, false, "SELECT", "" },
        { "SELECT E'open'''", 0, false, false, "SELECT", "" },
        { "-- $1\rSELECT $2; -- x\rSELECT 1", 2, true, false, "SELECT", "" },
        { "SELECT '\\', $1", 1, false, false, "SELECT", "" },
        { "SELECT name'$1', $2", 2, false, false, "SELECT", "NAME" },
        { "SELECT $$ $1 ; $$, $2", 2, false, false, "SELECT", "" },
        { "SELECT $q$ $1 $$ $2 $q$, $3", 3, false, false, "SELECT", "" },
        { "SELECT $q$ $1 $p$", 0, false, false, "SELECT", "" },
        { "SELECT a$1", 0, false, false, "SELECT", "A$1" },
        { "SELECT $", 0, false, false, "SELECT", "" },
        { "SELECT $99999999999999999999", 999999, false, false, "SELECT", "" },
        { "SELECT 1; ", 0, false, false, "SELECT", "1" },
        { "SELECT 1; -- x\n SELECT 2", 0, true, false, "SELECT", "1" },
        { "SELECT ';'; $1", 0, true, false, "SELECT", "" },
        { "((SELECT 1))", 0, false, false, "SELECT", "1" },
        { "SET/**/LOCAL x = 1", 0, false, false, "SET", "LOCAL" },
        { "Ünïcode", 0, false, false, "ÜNïCODE", "" },
        { "averyveryverylongwordthatgoeson", 0, false, false,
          "AVERYVERYVERYLONGWORDTH", "" },
        { "CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2); ", 0, false,
          false, "CREATE", "RULE" },
        { "CREATE FUNCTION f() RETURNS INT BEGIN ATOMIC SELECT CASE WHEN true "
          "THEN 1 END; SELECT 2; END; -- x",
          0, false, false, "CREATE", "FUNCTION" },
        { "BEGIN; SELECT 1; END", 0, true, false, "BEGIN", "" },
    };
    struct sql_scan scan;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct slice sql = slice_of(cases[i].sql);
        char *copy = malloc(sql.n ? sql.n : 1); /* nothing behind its end */

        memcpy(copy, sql.p, sql.n);
        sql_scan((struct slice){ copy, sql.n }, &scan);
        if (scan.params != cases[i].params &&
            !(cases[i].params == 999999 && scan.params > 65535))
            fail_msg("%s: $%d", cases[i].sql, scan.params);
        if ((scan.several != 0) != cases[i].several ||
            scan.empty != cases[i].empty)
            fail_msg("%s: several %zu, empty %d", cases[i].sql, scan.several,
                     scan.empty);
        if (i != 23) { /* toupper() leaves what is not ASCII */
            assert_string_equal(scan.words[0], cases[i].word);
            assert_string_equal(scan.words[1], cases[i].second);
        }
        free(copy);
    }
}

/* Each text that is cut anywhere ends, and reads nothing behind its end. */
static void test_sql_scan__cut(void **state)
{
    static const char text[] = "SELECT E'a\\'b', \"x\"\"y\", $q$ $ $q$, $12 /* "
                               "/* x */ - */ -- y\n; SELECT 'ü'";
    struct sql_scan scan;

    (void)state;
    for (size_t from = 0; from < sizeof(text); from++) {
        for (size_t n = 0; from + n < sizeof(text); n++) {
            char *copy = malloc(n ? n : 1);
            struct buf out = BUF_INIT;

            memcpy(copy, text + from, n);
            sql_scan((struct slice){ copy, n }, &scan);
            for (int position = -1; position < (int)n + 2; position += 7)
                sql_add_place(&out, (struct slice){ copy, n }, position);
            buf_release(&out);
            free(copy);
        }
    }
}

static void test_sql_scan__where_statements_begin(void **state)
{
    static const char text[] = " -- a; b\n SELECT 1;\n; (SELECT 2);";
    struct sql_scan scan;

    (void)state;
    sql_scan(slice_of(text), &scan);
    assert_ptr_equal(text + scan.begins, strstr(text, "SELECT 1"));
    assert_ptr_equal(text + scan.several, strstr(text, "(SELECT 2"));
    sql_scan(slice_of("  -- x"), &scan);
    assert_int_equal(scan.begins, 6);
}

static void test_sql_scan__place(void **state)
{
    struct buf out = BUF_INIT;

    (void)state;
    sql_add_place(&out, slice_of("SELECT *\n\tFROM ü, x\nWHERE"), 19);
    assert_string_equal(out.data, "\n   FROM ü, x\n           ^");
    buf_reset(&out);
    sql_add_place(&out, slice_of("SELECT"), 99);
    assert_string_equal(out.data, "\n  SELECT\n        ^");
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sql_scan__cases),
        cmocka_unit_test(test_sql_scan__cut),
        cmocka_unit_test(test_sql_scan__where_statements_begin),
        cmocka_unit_test(test_sql_scan__place),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
