/*
 * script_body.h - for tests whose script is one handler, /a, that checks what it sees
 * itself: with eq(), raises(), says(), fails() and cjson at hand.
 */
#ifndef TESTS_SCRIPT_BODY_H
#define TESTS_SCRIPT_BODY_H

#include "script_test.h"

/* head: on the script's first line; first: on the handler's; text begins on line 6. */
static inline void script_body(const char *head, const char *first,
                               const char *text)
{
    struct buf all = BUF_INIT;

    buf_addf(&all,
             "local bot, cjson = require('bot'), require('cjson') %s\n"
             "local function eq(a, b) if a ~= b or math.type(a) ~= "
             "math.type(b) then error(tostring(a) .. ' is not ' .. "
             "tostring(b), 2) end end\n"
             "local function raises(f, ...) local ok, e = pcall(f, ...) "
             "assert(not ok) return e end\n"
             "local function says(e, text) e = tostring(e) if not "
             "e:find(text, 1, true) then error(e .. '\\nis not: ' .. text, 2) "
             "end end local function fails(text, f, ...) "
             "says(raises(f, ...), text) end\n"
             "bot.command('a', function(ctx) %s\n%s\nend)\n",
             head, first, text);
    script(all.data);
    buf_release(&all);
}

/* What the statement gives, as the server has committed it. */
static inline void expect_query(const char *sql, const char *wanted)
{
    PGresult *res = PQexec(t.peek, sql);

    if (PQresultStatus(res) != PGRES_TUPLES_OK)
        fail_msg("%s", PQerrorMessage(t.peek));
    assert_string_equal(PQgetvalue(res, 0, 0), wanted);
    PQclear(res);
}

#endif
