/* test_script_db.c - require "db": values, errors, limits, transactions. */
#include "pg_proxy.h"
#include "script_body.h"

#include "bot/script_db.h"

#define SCHEMA "test_script_db"

static struct script_db *db;

static void wait_idle(void);

static void open_db(int connections, int timeout_ms)
{
    db = script_db_new(t.db.loop, &(struct script_db_options){
                                      .url = pg_server_url(),
                                      .schema = SCHEMA,
                                      .prepare = true,
                                      .connections = connections,
                                      .timeout_ms = timeout_ms,
                                      .rows_max = 100,
                                      .bytes_max = 10000,
                                  });
    t.services.db = script_db_desk(db);
}

static int setup(void **state)
{
    script_setup(state);
    script_ok(&t.db, "DROP TABLE IF EXISTS notes; CREATE TABLE notes (id INT "
                     "PRIMARY KEY, name TEXT UNIQUE, n INT CHECK (n < 100))");
    open_db(2, 5000);
    return 0;
}

static int teardown(void **state)
{
    script_db_free(db);
    t.services.db = NULL;
    return script_teardown(state);
}

/* The handler /a has this body. */
static void body(const char *text)
{
    script_body("local db = require('db')", "", text);
}

static void run(const char *text)
{
    body(text);
    say_ok("/a");
}

static void expect_notes(const char *wanted)
{
    expect_query("SELECT coalesce(string_agg(id || ':' || coalesce(n, -1), ' ' "
                 "ORDER BY id), '') FROM notes",
                 wanted);
}

/* --- values ------------------------------------------------------------------------- */

static void test_db__rows(void **state)
{
    (void)state;
    run("eq(db.exec(\"INSERT INTO notes VALUES ($1, $2, $3), ($4, $5, NULL)\", "
        "1, 'a', 5, 2, 'b'), 2)\n"
        "local rows = db.query('SELECT * FROM notes ORDER BY id')\n"
        "eq(#rows, 2) eq(rows.n, 2) eq(rows[1].id, 1) eq(rows[1].name, 'a')\n"
        "eq(rows[2].n, nil) eq(next(rows[3] or {}), nil)\n"
        "eq(db.query('UPDATE notes SET n = 7').n, 2)\n"
        "eq(#db.query('UPDATE notes SET n = 7 WHERE id = $1 RETURNING n', 1), "
        "1)\n"
        "eq(db.one('SELECT * FROM notes WHERE id = $1', 2).name, 'b')\n"
        "eq(db.one('SELECT * FROM notes WHERE id = $1', 3), nil)\n"
        "eq(db.value('SELECT count(*) FROM notes'), 2)\n"
        "eq(db.value('SELECT n FROM notes WHERE id = 3'), nil)\n"
        "eq(db.exec('DELETE FROM notes'), 2)\n");
}

static void test_db__results(void **state)
{
    (void)state;
    run("local r = db.one([[SELECT 1::int2 AS a, 2::int4 AS b, "
        "9223372036854775807 AS c, -1::int8 AS d, 0.5::float4 AS e, "
        "1::float8 AS f, 'NaN'::float8 AS g, 3::numeric AS h, 2.50 AS i, "
        "true AS j, false AS k, '{\"a\":[1,null]}'::jsonb AS l, '[]'::json AS "
        "m, '\\x00ff27'::bytea AS o, 'x''y' AS p, NULL::int AS q, "
        "'12345678901234567890'::numeric AS s, sum(2::int8) AS t, "
        "'null'::jsonb "
        "AS u, '8d7b4e16-54a4-4d0e-9d1b-111111111111'::uuid AS v, "
        "'-Infinity'::float8 AS w]])\n"
        "eq(r.a, 1) eq(r.b, 2) eq(r.c, math.maxinteger) eq(r.d, -1)\n"
        "eq(r.e, 0.5) eq(r.f, 1.0) assert(r.g ~= r.g) eq(r.h, 3) eq(r.i, 2.5)\n"
        "eq(r.j, true) eq(r.k, false) eq(r.l.a[1], 1) eq(r.l.a[2], "
        "cjson.null)\n"
        "eq(cjson.encode(r.m), '[]') eq(r.o, '\\0\\255\\39') eq(r.p, \"x'y\")\n"
        "eq(r.q, nil) eq(r.s, 12345678901234567890.0) eq(r.t, 2)\n"
        "eq(r.u, db.null)\n"
        "eq(r.v, '8d7b4e16-54a4-4d0e-9d1b-111111111111') eq(r.w, -math.huge)\n"
        "eq(db.value(\"SELECT '2026-11-23 14:10:53.25+00'::timestamptz\"), "
        "1795443053.25)\n"
        "eq(db.value(\"SELECT '1969-12-31 19:00:00-05:30'::timestamptz\"), "
        "1800.0)\n"
        "eq(db.value(\"SELECT '0044-03-15 12:00:00+00 BC'::timestamptz\"), "
        "-63517780800.0)\n"
        "eq(db.value(\"SELECT 'infinity'::timestamptz\"), math.huge)\n"
        "eq(db.value(\"SELECT '2026-11-23'::date\"), '2026-11-23')\n"
        "eq(db.value('SELECT extract(epoch FROM to_timestamp($1))', "
        "1795443053.25), 1795443053.25)\n");
}

static void test_db__arrays(void **state)
{
    (void)state;
    run("local a = db.value([[SELECT ARRAY[1,NULL,3]::int8[] ]])\n"
        "eq(#a, 3) eq(a[1], 1) eq(a[2], db.null) eq(a[3], 3)\n"
        "a = db.value([[SELECT ARRAY['a,b', 'c\"d', 'e\\f', 'NULL', '', "
        "'{x}'] ]])\n"
        "eq(table.concat(a, '|'), 'a,b|c\"d|e\\\\f|NULL||{x}')\n"
        "a = db.value('SELECT ARRAY[[1,2],[3,4]]')\n"
        "eq(a[2][1], 3) eq(#a, 2)\n"
        "eq(#db.value(\"SELECT '{}'::text[]\"), 0)\n"
        "a = db.value(\"SELECT '[5:6]={t,f}'::bool[]\") eq(a[1], true) "
        "eq(a[2], "
        "false)\n"
        "a = db.value([[SELECT ARRAY['{\"x\": \"a\\\"b\"}']::jsonb[] ]]) "
        "eq(a[1].x, 'a\"b')\n"
        "local sent = db.array{ 'a,b', 'c\"d', 'e\\\\f', 'NULL', '', db.null, "
        "'{' }\n"
        "a = db.value('SELECT $1::text[]', sent)\n"
        "for i = 1, 7 do eq(a[i], sent[i]) end\n"
        "a = db.value('SELECT $1::int8[]', db.array{ math.mininteger, 2.0 })\n"
        "eq(a[1], math.mininteger) eq(a[2], 2)\n"
        "eq(db.value('SELECT cardinality($1::text[])', a), 2)\n"
        "eq(db.value('SELECT $1::int[][] = ARRAY[[1,2],[3,4]]', db.array{ "
        "db.array{ 1, 2 }, db.array{ 3, 4 } }), true)\n"
        "a = db.value('SELECT $1::jsonb[]', db.array{ { x = 'q\"' }, { 1 } })\n"
        "eq(a[1].x, 'q\"') eq(a[2][1], 1)\n"
        "eq(db.value('SELECT 7 = ANY ($1::int[])', db.array{ 6, 7 }), true)\n"
        /* into each other, up to what PostgreSQL takes; into itself */
        "a = db.array{ 1 }\n"
        "for i = 2, 6 do a = db.array{ a } end\n"
        "eq(db.value('SELECT array_ndims($1::int[])', a), 6)\n"
        "local many = 'db.query: $1: an array has at most 6 dimensions'\n"
        "says(raises(db.query, 'SELECT $1::int[]', db.array{ a }), many)\n"
        "a = db.array{ 1 } a[1] = a\n"
        "says(raises(db.query, 'SELECT $1::int[]', a), many)\n"
        "local endless = setmetatable({}, { __len = function() return 2^40 | 0 "
        "end "
        "})\n"
        "says(raises(db.array, endless), 'more than 1000000 elements')\n"
        "eq(getmetatable(db.array{}), false)\n"
        "eq(getmetatable(db.bytes('')), false)\n");
}

static void test_db__parameters(void **state)
{
    (void)state;
    run("eq(db.value('SELECT $1::int8', math.mininteger), math.mininteger)\n"
        "eq(db.value('SELECT $1::int', 10 / 2), 5)\n"
        "eq(db.value('SELECT $1::float8', 0.1), 0.1)\n"
        "eq(db.value('SELECT $1::float8', -1/0), -math.huge)\n"
        "eq(db.value('SELECT $1::bool', true), true)\n"
        "eq(db.value('SELECT $1::text IS NULL', nil), true)\n"
        "eq(db.value('SELECT $1::text IS NULL', db.null), true)\n"
        "eq(db.value('SELECT $1::text', ''), '')\n"
        "eq(db.value('SELECT $1', \"it's \\\\ $2 -- x\"), \"it's \\\\ $2 -- "
        "x\")\n"
        "eq(db.value('SELECT $1::jsonb', { a = { 1, 'x' } }).a[2], 'x')\n"
        "eq(db.value('SELECT $1::jsonb::text', cjson.empty_array), '[]')\n"
        "eq(db.value('SELECT $1::bytea', db.bytes('\\0\\1\\255')), "
        "'\\0\\1\\255')\n"
        "eq(db.value('SELECT $2::text || $1', 'b', 'a'), 'ab')\n"
        "local e = raises(db.query, 'SELECT $1::text', 'a\\0b')\n"
        "says(e, 'db.query: $1: PostgreSQL')\n"
        "says(raises(db.query, 'SELECT $1::text', print), '$1: a function "
        "can')\n"
        "says(raises(db.query, 'SELECT $1::text', { f = print }), '$1: cannot "
        "serialise function at .f')\n");
}

/* What people type stays a value. */
static void test_db__no_injection(void **state)
{
    (void)state;
    run("local evil = { \"'; DROP TABLE notes; --\", \"\\\\'; x\", '$1', "
        "'\"}{', \"a','b\", '\\u{202e}$$', 'E\\'\\\\\\'' }\n"
        "for i, text in ipairs(evil) do\n"
        "  db.exec('INSERT INTO notes VALUES ($1, $2)', i, text)\n"
        "  eq(db.value('SELECT name FROM notes WHERE name = $1', text), text)\n"
        "  eq(db.value('SELECT ($1::text[])[1]', db.array{ text }), text)\n"
        "  eq(db.value('SELECT $1::jsonb', { k = text }).k, text)\n"
        "end\n"
        "eq(db.value('SELECT count(*) FROM notes'), #evil)\n");
}

/* --- what is refused before it is sent -------------------------------------------------- */

static void test_db__checks(void **state)
{
    (void)state;
    run("local function no(text, ...) says(raises(db.query, ...), text) end\n"
        "no('$2 has no value: 1 value is given', 'SELECT $1, $2', 5)\n"
        "no('$1 has no value: 0 values are', 'SELECT $1')\n"
        "no('3 values are given, but the SQL ends with $2', 'SELECT $1, $2', "
        "1, "
        "2, 3)\n"
        "no('1 value is given, but the SQL has no parameter', 'SELECT 1', 1)\n"
        "eq(db.value(\"SELECT '$9' || E'\\\\'$8' || $$ $7 $$ || $a$ $6 $a$ -- "
        "$5\\n /* $4 /* ; */ ; */ || $1;  -- end\", 'x'):sub(-1), 'x')\n"
        "eq(db.value('SELECT \"a$3;\" FROM (SELECT 1 AS \"a$3;\") AS s'), 1)\n"
        "no('more than one statement', 'SELECT 1; SELECT 2')\n"
        "no('there is no SQL', ' -- nothing\\n;')\n"
        "no('there is no SQL', '')\n"
        "no('db.query(sql, …): SQL as a text is expected, got no value')\n"
        "no('BEGIN is not possible: db.transaction', 'begin')\n"
        "no('COMMIT is not possible', '/* x */ Commit')\n"
        "no('COPY is not possible', 'COPY notes TO STDOUT')\n"
        "no('LISTEN is not possible', 'LISTEN x')\n"
        "no('SET is not possible: connections are shared', 'SET work_mem = "
        "1')\n"
        "no('DISCARD is not possible', 'DISCARD ALL')\n"
        "says(raises(function() db.query('SELECT $1') end), "
        "'scripts/a.lua:')\n");
}

static void test_db__errors(void **state)
{
    (void)state;
    run("db.exec(\"INSERT INTO notes VALUES (1, 'a', 1)\")\n"
        "local e = raises(db.exec, 'INSERT INTO notes VALUES (2, $1)', 'a')\n"
        "eq(e.kind, 'database') eq(e.sqlstate, '23505')\n"
        "eq(e.constraint, 'notes_name_key') eq(e.table, 'notes')\n"
        "eq(e.detail, 'Key (name)=(a) already exists.') eq(e.maybe_done, "
        "false)\n"
        "eq(e.message, 'db.exec: duplicate key value violates unique "
        "constraint "
        "\"notes_name_key\"')\n"
        "e = raises(db.exec, 'UPDATE notes SET n = 100')\n"
        "eq(e.sqlstate, '23514') eq(e.constraint, 'notes_n_check')\n"
        "e = raises(db.query, 'SELECT *\\n  FROM nötes, x\\nWHERE true')\n"
        "eq(e.sqlstate, '42P01')\n"
        "eq(e.message, 'db.query: relation \"nötes\" does not exist\\n    FROM "
        "nötes, x\\n         ^')\n"
        "e = raises(db.query, 'SELECT 1 FRM notes')\n"
        "says(e, 'SELECT 1 FRM notes\\n               ^')\n"
        "eq(raises(db.one, 'SELECT $1::int', 'x').sqlstate, '22P02')\n"
        "eq(raises(db.one, 'SELECT $1::text', '\\xff').sqlstate, '22021')\n");
    assert_true(say("/a") == TASK_FAILED); /* the row is there */
    expect_log("scripts/a.lua:6: db.exec: duplicate key value");
}

/* An uncaught error of a query is no outage: nobody is told that there is one, unless
 * there is. */
static void test_db__no_outage(void **state)
{
    (void)state;
    body("db.query('SELECT 1 / 0')");
    assert_int_equal(say("/a"), TASK_FAILED);
    expect_log("division by zero");
    script_db_free(db);
    open_db(1, 100);
    body("db.query('SELECT pg_sleep(10)')");
    assert_int_equal(say("/a"), TASK_FAILED);
    body("db.transaction(function(tx) require('time').sleep(0.3) tx.query("
         "'SELECT 1') end)");
    assert_int_equal(say("/a"), TASK_FAILED);
    script_db_free(db);
    db = script_db_new(t.db.loop,
                       &(struct script_db_options){
                           .url = "host=127.0.0.1 port=1 sslmode=disable",
                           .connections = 1,
                           .timeout_ms = 200 });
    t.services.db = script_db_desk(db);
    body("db.query('SELECT 1')");
    assert_int_equal(say("/a"), TASK_NO_DATABASE);
    buf_reset(&t.log);
}

/* --- limits -------------------------------------------------------------------------------- */

static void test_db__limits(void **state)
{
    (void)state;
    run("eq(#db.query('SELECT generate_series(1, 100)'), 100)\n"
        "local e = raises(db.query, 'SELECT generate_series(1, 101)')\n"
        "says(e, 'the result has more than 100 rows (DATABASE_SCRIPT_ROWS)')\n"
        "eq(e.sqlstate, '54000') eq(e.maybe_done, false)\n"
        /* a row is its bytes, and 5 for each value */
        "eq(#db.value(\"SELECT repeat('x', $1)\", 9995), 9995)\n"
        "says(raises(db.query, \"SELECT repeat('x', $1)\", 9996), 'more than 9 "
        "KiB')\n"
        /* a few are read to the end, then the connection is closed */
        "says(raises(db.query, \"SELECT repeat('x', 100), "
        "generate_series(1, 1000000)\"), 'the result has more than')\n"
        "eq(db.value('SELECT 1'), 1)\n"
        "e = raises(db.query, 'INSERT INTO notes SELECT n FROM "
        "generate_series(1, 101) AS n RETURNING id')\n"
        "says(e, '(it may have been carried out)') eq(e.maybe_done, true)\n"
        "eq(db.value('SELECT count(*) FROM notes'), 101)\n"
        "eq(db.exec('UPDATE notes SET n = 0'), 101)\n"
        "local sql, values = {}, {}\n"
        "for i = 1, 1000 do sql[i] = '$' .. i .. '::int' values[i] = i end\n"
        "eq(db.value('SELECT ' .. table.concat(sql, '+'), "
        "table.unpack(values)), 500500)\n"
        "says(raises(db.query, 'SELECT $1001'), '$1001: there can be 1000')\n");
}

static void test_db__statement_timeout(void **state)
{
    (void)state;
    script_db_free(db);
    open_db(1, 100);
    run("local e = raises(db.query, 'SELECT pg_sleep(10)')\n"
        "eq(e.sqlstate, '57014')\n"
        "says(e, 'statement timeout (DATABASE_SCRIPT_TIMEOUT_MS)')\n"
        "eq(db.value('SELECT 1'), 1)\n");
}

/* Texts that come again are prepared; of many texts the oldest go. */
static void test_db__many_texts(void **state)
{
    (void)state;
    script_db_free(db);
    open_db(1, 5000);
    run("for round = 1, 2 do for i = 1, 150 do\n"
        "  eq(db.value('SELECT ' .. i), i) eq(db.value('SELECT ' .. i), i)\n"
        "end end\n"
        "local n = db.value('SELECT count(*) FROM pg_prepared_statements')\n"
        "assert(n >= 90 and n <= 100, n)\n"
        "eq(db.value('SELECT count(*) FROM pg_prepared_statements WHERE "
        "statement = $1', 'SELECT 150'), 1)\n"
        /* a table that has changed: what was prepared is made anew */
        "for i = 1, 3 do db.query('SELECT * FROM notes') end\n"
        "db.exec('ALTER TABLE notes ADD COLUMN more INT')\n"
        "db.query('SELECT * FROM notes')\n"
        "db.query('SELECT * FROM notes') db.query('SELECT * FROM notes')\n"
        "db.exec('ALTER TABLE notes DROP COLUMN more')\n"
        "db.transaction(function(tx) tx.query('SELECT * FROM notes') end)\n");
}

/* --- transactions ------------------------------------------------------------------------------ */

static void test_db__transaction(void **state)
{
    (void)state;
    run("local a, b, c = db.transaction(function(tx)\n"
        "  tx.exec('INSERT INTO notes VALUES (1, NULL, 1)')\n"
        "  eq(tx.value('SELECT count(*) FROM notes'), 1)\n"
        "  eq(tx.one('SELECT * FROM notes').n, 1)\n"
        "  eq(#tx.query('SELECT * FROM notes'), 1)\n"
        "  return 1, nil, 'x'\n"
        "end)\n"
        "eq(a, 1) eq(b, nil) eq(c, 'x')\n"
        "local kept\n"
        "local e = raises(db.transaction, function(tx)\n"
        "  kept = tx\n"
        "  tx.exec('INSERT INTO notes VALUES (2)') error('no', 0) end)\n"
        "eq(e, 'no')\n"
        "says(raises(kept.query, 'SELECT 1'), 'this transaction has ended')\n"
        "eq(db.value('SELECT count(*) FROM notes'), 1)\n"
        /* what is asked beside tx is in it */
        "pcall(db.transaction, function(tx)\n"
        "  db.exec('INSERT INTO notes VALUES (3)') error('no') end)\n"
        "eq(db.value('SELECT count(*) FROM notes'), 1)\n"
        "says(raises(db.transaction, function(tx) tx.exec('INSERT INTO notes "
        "VALUES (4)') pcall(tx.query, 'SELECT 1 / 0') end), 'rolled back: an "
        "error in it was caught')\n"
        "says(raises(db.transaction, function(tx) pcall(tx.query, 'SELECT 1 / "
        "0') tx.query('SELECT 1') end), 'an error before this one was')\n"
        "db.transaction(function() end)\n"
        "eq(db.transaction(function(tx) return tx.value('SHOW "
        "transaction_isolation') .. tx.value('SHOW transaction_read_only') "
        "end, "
        "{ isolation = 'serializable', read_only = true }), "
        "'serializableon')\n"
        "eq(raises(db.transaction, function(tx) tx.exec('DELETE FROM notes') "
        "end, { read_only = true }).sqlstate, '25006')\n"
        "eq(db.exec('UPDATE notes SET n = n'), 1)\n"
        "says(raises(db.transaction, print, { isolation = 'x' }), 'serializable"
        "\" is expected, got x')\n"
        "says(raises(db.transaction, print, { tries = 1 }), 'no option "
        "tries')\n"
        "says(raises(db.transaction, print, { retry = 21 }), '0 to 20')\n");
    expect_notes("1:1");
    assert_string_equal(t.log.data, ""); /* no connection was lost */
    wait_idle();
}

static void test_db__savepoints(void **state)
{
    (void)state;
    run("db.transaction(function(tx)\n"
        "  tx.exec('INSERT INTO notes VALUES (1, NULL, 1)')\n"
        "  eq(tx.transaction(function(tx2) tx2.exec('UPDATE notes SET n = 2') "
        "return 'r' end), 'r')\n"
        "  says(raises(tx.transaction, function() tx.exec('UPDATE notes SET n "
        "= "
        "3') tx.exec('UPDATE notes SET n = 300') end), 'notes_n_check')\n"
        "  eq(tx.value('SELECT n FROM notes'), 2)\n"
        "  pcall(db.transaction, function() db.exec('UPDATE notes SET n = 4') "
        "db.transaction(function() db.exec('UPDATE notes SET n = 5') end) "
        "error('x') end)\n"
        "  eq(tx.value('SELECT n FROM notes'), 2)\n"
        "  db.transaction(function() db.exec('UPDATE notes SET n = 6') end)\n"
        "end)\n");
    expect_notes("1:6");
}

/* Branches have transactions of their own; one has one query at a time. */
static void test_db__parallel(void **state)
{
    (void)state;
    run("local parallel = require('parallel')\n"
        "local pid = 'SELECT pg_backend_pid()'\n"
        "local a, b = {}, {}\n"
        "local function own(pids) return function() "
        "db.transaction(function(tx) "
        "pids[1] = tx.value(pid) tx.query('SELECT pg_sleep(0.1)') pids[2] = "
        "db.value(pid) end) end end\n"
        "parallel(own(a), own(b))\n"
        "eq(a[1], a[2]) eq(b[1], b[2]) assert(a[1] ~= b[1])\n"
        "local e = raises(db.transaction, function(tx)\n"
        "  tx.exec('INSERT INTO notes VALUES (1)')\n"
        "  parallel(function() tx.query('SELECT pg_sleep(0.1)') end, "
        "function() "
        "tx.query('SELECT 1') end)\n"
        "end)\n"
        "says(e, 'the transaction is busy with another query')\n");
    wait_idle();
    expect_notes("");
}

/* A deadlock, or a serialization failure, is tried again. */
static void test_db__retries(void **state)
{
    (void)state;
    script_ok(&t.db, "INSERT INTO notes VALUES (1, NULL, 0)");
    body("db.transaction(function(tx)\n"
         "  local n = tx.value('SELECT n FROM notes')\n"
         "  ctx:reply('once')\n"
         "  tx.exec('UPDATE notes SET n = $1', n + 1)\n"
         "end, { isolation = 'serializable', retry = 10 })\n");
    push(message_of("/a"));
    push(message_of("/a"));
    wait_tasks();
    assert_int_equal(t.result, TASK_OK);
    expect_notes("1:2");
    run("local tries = 0\n"
        "local e = raises(db.transaction, function(tx) tries = tries + 1 "
        "tx.query([[DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '40P01'; "
        "END $$]]) end, { retry = 2 })\n"
        "eq(tries, 3) eq(e.sqlstate, '40P01')\n"
        /* also if the script catches it */
        "tries = 0\n"
        "db.transaction(function(tx) tries = tries + 1 if tries < 3 then "
        "pcall(tx.query, [[DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = "
        "'40001'; END $$]]) end end)\n"
        "eq(tries, 3)\n");
}

static int pidof(void)
{
    PGresult *res = PQexec(t.peek, "SELECT count(*) FROM pg_stat_activity "
                                   "WHERE application_name = 'moonpost "
                                   "scripts' AND state LIKE '%transaction%'");
    int n = atoi(PQgetvalue(res, 0, 0));

    PQclear(res);
    return n;
}

static bool passed;

static void on_ms(struct op *op)
{
    op_free(op);
    passed = true;
    loop_stop(t.db.loop);
}

/* The last task's end stops the loop, too. */
static void run_for(int ms)
{
    passed = false;
    timer_start(t.db.loop, ms)->done = on_ms;
    while (!passed)
        loop_run(t.db.loop);
}

/* The loop goes on until nothing of a task is left. */
static void wait_idle(void)
{
    for (int i = 0; i < 1000 && (script_db_stats(db).busy || pidof()); i++)
        run_for(10);
    assert_int_equal(script_db_stats(db).busy, 0);
    assert_int_equal(pidof(), 0);
}

/* A task that ends at any place leaves nothing open. */
static void test_db__killed(void **state)
{
    static const char *const places[] = {
        "db.transaction(function(tx) tx.exec('INSERT INTO notes VALUES (1)') "
        "require('time').sleep(100) end)",
        "db.transaction(function(tx) tx.exec('INSERT INTO notes VALUES (1)') "
        "tx.query('SELECT pg_sleep(0.3)') end)",
        "db.transaction(function(tx) tx.exec('INSERT INTO notes VALUES (1)') "
        "while true do end end)",
        "db.transaction(function(tx) tx.exec('INSERT INTO notes VALUES (1)') "
        "while true do pcall(function() while true do end end) end end)",
        "db.query('SELECT pg_sleep(0.3)')",
        "local kept = db.transaction kept(function(tx) "
        "tx.transaction(function() tx.exec('INSERT INTO notes VALUES (1)') "
        "require('time').sleep(100) end) end)",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        body(places[i]);
        push(message_of("/a"));
        run_for(150);
        if (t.running)
            tasks_kill_all(t.vm);
        wait_idle();
        buf_reset(&t.log);
    }
    expect_notes("");
    run("eq(db.value('SELECT 1'), 1)");
}

/* At each moment of a transaction's life. */
static void test_db__killed_any_time(void **state)
{
    (void)state;
    body("db.transaction(function(tx) tx.exec('INSERT INTO notes VALUES (1)') "
         "tx.transaction(function() tx.query('SELECT 1') end) error('x') end)");
    for (int ms = 0; ms < 12; ms++) {
        push(message_of("/a"));
        push(message_of("/a"));
        push(message_of("/a"));
        run_for(ms + 2); /* they have begun */
        tasks_kill_all(t.vm);
        run_for(ms % 3);
    }
    wait_idle();
    expect_notes("");
    buf_reset(&t.log);
}

/* While its BEGIN is on its way. */
static void test_db__killed_at_begin(void **state)
{
    (void)state;
    body("db.transaction(function(tx) tx.exec('INSERT INTO notes VALUES (1)') "
         "end)");
    for (int i = 0; i < 3; i++) {
        script_db_free(db);
        open_db(1, 5000);
        push(message_of("/a")); /* there is no connection yet */
        while (!script_db_stats(db).busy)
            run_for(0);
        tasks_kill_all(t.vm);
        while (script_db_stats(db).busy)
            run_for(5);
        wait_idle();
    }
    expect_notes("");
}

static void test_db__idle(void **state)
{
    (void)state;
    script_db_free(db);
    open_db(1, 100);
    run("local e = raises(db.transaction, function(tx)\n"
        "  tx.exec('INSERT INTO notes VALUES (1)')\n"
        "  require('time').sleep(0.3)\n"
        "  tx.query('SELECT 1')\n"
        "end)\n"
        "says(e, 'did nothing for too long, and was rolled back')\n"
        "eq(db.value('SELECT count(*) FROM notes'), 0)\n");
}

/* --- the line ------------------------------------------------------------------------------------ */

static void test_db__line(void **state)
{
    (void)state;
    body("db.exec('UPDATE notes SET n = n + 1')\n"
         "db.transaction(function(tx) tx.exec('INSERT INTO notes VALUES "
         "($1, NULL, 0)', tx.value('SELECT coalesce(max(id), 0) + 1 FROM "
         "notes')) end, { isolation = 'serializable', retry = 20 })");
    for (int i = 0; i < 40; i++)
        push(message_of("/a"));
    wait_tasks();
    assert_int_equal(t.result, TASK_OK);
    assert_int_equal(script_db_stats(db).open, 2);
    run("eq(db.value('SELECT count(*) FROM notes'), 40)");
    assert_string_equal(t.log.data, "");
}

/* Side by side: the second is done long before the first. */
static void test_db__side_by_side(void **state)
{
    (void)state;
    body("if ctx.args[1] == 'slow' then db.query('SELECT pg_sleep(0.5)') end\n"
         "ctx:reply(ctx.args[1] .. ' ' .. db.value('SELECT 1'))");
    push(message_of("/a slow"));
    push(message_of("/a quick"));
    wait_tasks();
    expect_replies("quick 1\nslow 1\n");
}

static void test_db__none_free(void **state)
{
    (void)state;
    script_db_free(db);
    open_db(1, 300);
    body(
        "if ctx.args[1] == 'hold' then db.transaction(function(tx) "
        "tx.query('SELECT pg_sleep(0.2)') tx.query('SELECT pg_sleep(0.2)') "
        "end) else says(raises(db.query, 'SELECT 1'), 'db.query: no connection "
        "was free within 300 ms: 1 queries wait, and "
        "DATABASE_SCRIPT_CONNECTIONS is 1') end");
    push(message_of("/a hold"));
    push(message_of("/a"));
    wait_tasks();
    assert_string_equal(t.log.data, "");
}

static void test_db__line_max(void **state)
{
    (void)state;
    script_db_free(db);
    open_db(1, 60000);
    body("local ok, e = pcall(db.value, 'SELECT 1')\n"
         "if not ok then says(e, 'db.value: 1000 queries of scripts wait "
         "already') ctx:reply('full') end");
    for (int i = 0; i < 1002; i++) /* one of them is asked at once */
        push(message_of("/a"));
    wait_tasks();
    expect_replies("full\n");
}

/* --- trouble ---------------------------------------------------------------------------------------- */

/* In the middle of a transaction: it is not gone on with on the next connection. */
static void test_db__connection_lost(void **state)
{
    (void)state;
    t.sql_on_write = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                     "WHERE application_name = 'moonpost scripts'";
    run("local e = raises(db.transaction, function(tx)\n"
        "  tx.exec('INSERT INTO notes VALUES (1)')\n"
        "  ctx.api.write{}\n"
        "  tx.exec('INSERT INTO notes VALUES (2)')\n"
        "end)\n"
        "says(e, 'tx.exec: ') eq(e.kind, 'database') eq(e.maybe_done, false)\n"
        "e = raises(db.transaction, function(tx)\n"
        "  ctx.api.write{}\n"
        "  pcall(tx.exec, 'INSERT INTO notes VALUES (3)')\n"
        "  require('time').sleep(0.5)\n"
        "  says(raises(tx.exec, 'INSERT INTO notes VALUES (4)'), 'the "
        "connection to PostgreSQL broke')\n"
        "end)\n"
        "says(e, 'db.transaction: ')\n"
        "db.exec('INSERT INTO notes VALUES (5)')\n");
    expect_notes("5:-1");
    assert_has(t.log.data, "a connection of db in scripts:");
}

/* The answer to COMMIT is lost: it says so. What was lost before it, was not
 * committed. */
static void test_db__commit_in_doubt(void **state)
{
    struct pg_proxy proxy;
    char url[200];

    (void)state;
    pg_proxy_start(&proxy, t.db.loop, pg_server_url());
    snprintf(url, sizeof(url),
             "host=127.0.0.1 port=%d user='%s' dbname='%s' sslmode=disable",
             proxy.port, PQuser(t.peek), PQdb(t.peek));
    script_db_free(db);
    db = script_db_new(t.db.loop, &(struct script_db_options){
                                      .url = url,
                                      .schema = SCHEMA,
                                      .connections = 1,
                                      .timeout_ms = 5000,
                                      .rows_max = 100,
                                      .bytes_max = 10000,
                                  });
    t.services.db = script_db_desk(db);
    proxy.mark = "COMMIT";
    proxy.how = CUT_ANSWER;
    proxy.cuts = 1;
    body(
        "local e = raises(db.transaction, function(tx)\n"
        "tx.exec('INSERT INTO notes VALUES ($1)', tonumber(ctx.args[1])) "
        "end)\n"
        "says(e, 'db.transaction: the transaction may have been committed: ')\n"
        "eq(e.maybe_done, true) eq(e.kind, 'database') eq(e.sqlstate, nil)\n");
    say_ok("/a 1");
    expect_notes("1:-1");
    proxy.how = CUT_BEFORE;
    proxy.cuts = 1;
    say_ok("/a 2");
    expect_notes("1:-1");
    proxy.mark = "COMEBACK";
    proxy.cuts = 1;
    proxy.how = CUT_ANSWER;
    run("local e = raises(db.exec, 'INSERT INTO notes VALUES (3) /* COMEBACK "
        "*/')\n"
        "says(e, '(it may have been carried out)') eq(e.maybe_done, true)");
    expect_notes("1:-1 3:-1");
    assert_int_equal(proxy.made, 3);
    script_db_free(db);
    db = NULL;
    pg_proxy_stop(&proxy);
}

static int group_setup(void **state)
{
    (void)state;
    return script_group_setup(SCHEMA);
}

static int group_teardown(void **state)
{
    (void)state;
    return script_group_teardown(SCHEMA);
}

#define DB_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        DB_TEST(test_db__rows),
        DB_TEST(test_db__results),
        DB_TEST(test_db__arrays),
        DB_TEST(test_db__parameters),
        DB_TEST(test_db__no_injection),
        DB_TEST(test_db__checks),
        DB_TEST(test_db__errors),
        DB_TEST(test_db__no_outage),
        DB_TEST(test_db__limits),
        DB_TEST(test_db__statement_timeout),
        DB_TEST(test_db__many_texts),
        DB_TEST(test_db__transaction),
        DB_TEST(test_db__savepoints),
        DB_TEST(test_db__retries),
        DB_TEST(test_db__parallel),
        DB_TEST(test_db__killed),
        DB_TEST(test_db__killed_any_time),
        DB_TEST(test_db__killed_at_begin),
        DB_TEST(test_db__idle),
        DB_TEST(test_db__line),
        DB_TEST(test_db__side_by_side),
        DB_TEST(test_db__none_free),
        DB_TEST(test_db__line_max),
        DB_TEST(test_db__connection_lost),
        DB_TEST(test_db__commit_in_doubt),
    };

    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
