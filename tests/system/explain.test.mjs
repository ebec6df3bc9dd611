// moonpost explain: every statement, run on real tables and taken back.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import pg from "pg";
import { describe, test } from "node:test";
import { database, folder, Host } from "./lib/host.mjs";
import { root, until } from "./lib/program.mjs";

const files = { "scripts/a.lua": `local bot = require "bot"` };

// A migrated database with so many rows, each of which has a history.
async function prepared(t, rows) {
  const db = await database(t);
  const { dir } = folder(t, files);
  const env = { DATABASE_URL: db.url };
  await new Host(["migrate", dir], { env }).succeeds();
  await db.query(`INSERT INTO chat_configs (chat_id, config, version)
    SELECT n, jsonb_build_object('flood', jsonb_build_object('max', n), 'text', repeat('x', 150)), n % 2 FROM generate_series(1, ${rows}) AS n`);
  await db.query(`UPDATE chat_configs SET config = config || '{"a": 1}'`);
  await db.query("DELETE FROM chat_configs WHERE chat_id % 100 = 7");
  await db.query("VACUUM ANALYZE");
  const explain = (...args) => new Host(["explain", dir, ...args], { env });
  return { ...db, explain };
}

const names = (said) => JSON.parse(said).filter((s) => !s.ok).map((s) => s.name);

// Everything in the tables, in short.
async function contents(db) {
  const [row] = await db.query(`SELECT
    (SELECT md5(string_agg(c::text, '|' ORDER BY chat_id)) FROM chat_configs AS c) AS configs,
    (SELECT md5(string_agg(h::text, '|' ORDER BY chat_id, revision)) FROM config_history AS h) AS history,
    (SELECT count(*) FROM config_failures) AS failures, (SELECT count(*) FROM schema_migrations) AS migrations`);
  return row;
}

describe("moonpost explain", { concurrency: 2 }, () => {
  test("on 20,000 rows: all there is, by its indexes, and nothing remains", async (t) => {
    const db = await prepared(t, 20000);
    const listener = new pg.Client({ connectionString: db.url });
    const heard = [];
    await listener.connect();
    listener.on("notification", (n) => heard.push(n));
    await listener.query("LISTEN moonpost_config");
    const before = await contents(db);
    const said = await db.explain("--json").succeeds();
    const list = JSON.parse(said);
    assert.deepEqual(await contents(db), before);
    await listener.query("SELECT pg_notify('moonpost_config', 'last')");
    await listener.end();
    assert.deepEqual(heard.map((n) => n.payload), ["last"]);

    // every statement of the source has its line
    const sources = ["core/config", "core/bot"].flatMap((d) => readdirSync(path.join(root, d)).map((f) => path.join(root, d, f)));
    const declared = sources.filter((f) => f.endsWith(".c")).flatMap((f) =>
      [...readFileSync(f, "utf8").matchAll(/struct pg_statement \w+ =\s*\{\s*"(\w+)"/g)].map((m) => m[1]));
    assert.ok(declared.length > 20);
    assert.deepEqual(list.map((s) => s.name).sort(), declared.sort());

    const of = Object.fromEntries(list.map((s) => [s.name, s]));
    assert.equal(of.config_fetch.reads, "chat_configs_pkey");
    assert.equal(of.config_fetch.rows, 100);
    assert.equal(of.config_update.rows, 1, "it has run");
    assert.equal(of.config_insert.rows, 1);
    assert.ok(of.config_fetch.buffers > 0 && of.config_fetch.ms > 0);
    assert.equal(of.config_bulk_read.reads.split("; ")[0], "chat_configs_version");
    assert.equal(of.config_listen.plan, undefined);
    for (const s of list.filter((s) => s.name !== "config_listen")) assert.ok(s.plan[0].Plan["Node Type"], s.name);
  });

  test("10,000 small rows: an import may read them all", async (t) => {
    const db = await database(t);
    const { dir } = folder(t, files);
    const env = { DATABASE_URL: db.url };
    await new Host(["migrate", dir], { env }).succeeds();
    await db.query("INSERT INTO chat_configs (chat_id, config) SELECT n, '{\"a\": 1}' FROM generate_series(1, 10000) AS n");
    await db.query("UPDATE chat_configs SET config = '{\"a\": 2}'");
    await db.query("VACUUM ANALYZE");
    const said = await new Host(["explain", dir], { env }).succeeds();
    assert.match(said, /^ {2}config_import .* all of (chat_configs|config_history)/m);
  });

  test("an index is missing, or is not used: exit 1, which, and what to do", async (t) => {
    const db = await prepared(t, 20000);
    await db.query("DROP INDEX chat_configs_changed_xid");
    const said = await db.explain().fails();
    assert.match(said, /^! config_changes .* all of chat_configs/m);
    assert.match(said, /^ {2}config_fetch .* chat_configs_pkey$/m);
    assert.equal(said.match(/^! /gm).length, 1, said);
    assert.match(said, /config_changes reads all of chat_configs, which has 10000 rows or more\. The index on changed_xid is missing:\n +CREATE INDEX CONCURRENTLY chat_configs_changed_xid ON chat_configs \(changed_xid\);\n/);
    await db.query(said.match(/CREATE INDEX .*;/)[0]);
    await db.explain().succeeds();

    for (const way of ["indexscan", "indexonlyscan", "bitmapscan"]) await db.query(`ALTER DATABASE ${db.name} SET enable_${way} = off`);
    const unused = await db.explain().fails();
    assert.match(unused, /config_fetch reads all of chat_configs, .* There is an index on chat_id; .*\n +ANALYZE chat_configs;\n/);
    assert.match(unused, /config_history reads all of /);
  });

  test("small tables, no rows, no tables; --verbose", async (t) => {
    const db = await prepared(t, 30);
    await db.query("DROP INDEX chat_configs_changed_xid");
    const said = await db.explain("--verbose").succeeds();
    assert.match(said, /^ {2}config_fetch .*\n\[/m);
    assert.match(said, /"Node Type": "Seq Scan"/);
    await db.query("TRUNCATE chat_configs, config_history");
    const empty = await db.explain("--json").succeeds();
    assert.deepEqual(names(empty), []);
    assert.equal((await contents(db)).configs, null);
    await db.query(`INSERT INTO chat_configs (chat_id, config, version)
      VALUES (-1 - ((1::bigint << 62) - 1) * 2 - 1, '[1]', 0), (0, '"text"', 0), ((1::bigint << 62) - 1 + (1::bigint << 62), 'null', 0)`);
    await db.explain().succeeds();
    await db.query("DROP TABLE chat_configs");
    assert.match(await db.explain().fails(), /^moonpost: relation "chat_configs" does not exist; `moonpost migrate` makes the tables$/m);
    assert.match(await db.explain("--nonsense").fails(2), /unexpected argument "--nonsense"/);
  });

  test("directly after migrate: it has renewed the statistics of what it has changed much", async (t) => {
    const db = await database(t);
    const home = folder(t, files);
    const env = { DATABASE_URL: db.url };
    const migrate = () => new Host(["migrate", home.dir], { env }).succeeds();
    assert.doesNotMatch(await migrate(), /ANALYZE/);
    await db.query("INSERT INTO chat_configs (chat_id, config, version) SELECT n, '{\"text\": \"some text\"}', 0 FROM generate_series(1, 20000) AS n");
    for (const table of ["chat_configs", "config_history"]) await db.query(`ALTER TABLE ${table} SET (autovacuum_enabled = off)`);
    await db.query("VACUUM ANALYZE");
    home.write("migrations/config/0001_text.lua", "return function(config) config.text = config.text .. '.' end");
    home.write("migrations/schema/0001_tables.sql", `CREATE TABLE "Big" WITH (autovacuum_enabled = off) AS SELECT n FROM generate_series(1, 12345) AS n;
      CREATE TABLE small AS SELECT n FROM generate_series(1, 9) AS n;`);
    assert.match(await migrate(), /^Fresh statistics \(ANALYZE\) of (chat_configs, config_history|config_history, chat_configs), "Big"\.$/m);
    await new Host(["explain", home.dir], { env }).succeeds();
    assert.deepEqual(await db.query(`SELECT reltuples::int AS n FROM pg_class WHERE relname = 'Big'`), [{ n: 12345 }]);
    assert.match(await migrate(), /^The database is up to date\.\n$/);

    // there is room for the rows now, and the tables do not grow
    await db.query("VACUUM chat_configs");
    home.write("migrations/config/0002_text.lua", "return function(config) config.text = config.text .. '.' end");
    assert.match(await migrate(), /^Fresh statistics \(ANALYZE\) of .*chat_configs/m);
    await new Host(["explain", home.dir], { env }).succeeds();

    // who has a lock goes first; a column of another type has lost what was known of it
    const other = new pg.Client({ connectionString: db.url });
    await other.connect();
    home.write("migrations/schema/0002_big.sql", `ALTER TABLE "Big" ALTER COLUMN n TYPE BIGINT; CREATE INDEX ON chat_configs ((version + 1));`);
    home.write("migrations/schema/0003_wait.sql", "SELECT pg_advisory_xact_lock(78);");
    await other.query("SELECT pg_advisory_lock(78)");
    const run = migrate();
    await until("it waits", async () => (await other.query("SELECT 1 FROM pg_stat_activity WHERE datname = $1 AND wait_event = 'advisory'", [db.name])).rows.length);
    await other.query(`BEGIN; LOCK TABLE "Big" IN SHARE UPDATE EXCLUSIVE MODE`);
    await other.query("SELECT pg_advisory_unlock(78)");
    const said = await run;
    assert.match(said, /^2 schema migrations applied\.$/m);
    assert.match(said, /^No fresh statistics \(ANALYZE\) of:\n {2}"Big": canceling statement due to lock timeout$/m);
    assert.match(said, /^Fresh statistics \(ANALYZE\) of chat_configs\.$/m);
    await other.end();
  });
});
