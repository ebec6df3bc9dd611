// migrations/schema while the bot runs: a new file is applied when it is saved,
// before what needs it is used; once, whole or not at all.
import assert from "node:assert/strict";
import { closeSync, mkdirSync, openSync, writeSync } from "node:fs";
import { describe, test } from "node:test";
import pg from "pg";
import { query, startBot, urlOf, world } from "./lib/host.mjs";
import { atEnd, sleep, until } from "./lib/program.mjs";
import { alice, bob } from "./lib/simulator.mjs";

const place = world();
const bot = `local bot = require "bot"\nlocal db = require "db"\n`;
const names = {
  "scripts/a.lua": `${bot}bot.command("names", "x", function(ctx) ctx:reply("no names yet") end)`,
  "migrations/schema/README.md": "the folder is there",
};
const table = "migrations/schema/0001_names.sql";
const create = "CREATE TABLE names (name TEXT NOT NULL);\nINSERT INTO names VALUES ('Ada');\n";
const fromTable = `${bot}bot.command("names", "x", function(ctx) ctx:reply("first: " .. db.value("SELECT min(name) FROM names")) end)`;

// A bot on a database of its own.
async function start(t, options = {}) {
  const db = await place.newDatabase(t);
  const host = await startBot(t, place, names, { url: db.url, ...options });
  return { db, host };
}

async function ask(host, text = "/names", as = alice) {
  const before = (await host.sim.said(as)).length;
  await host.sim.send(as, text);
  return (await host.sim.texts(as, before + 1))[before];
}

// What the log says of a change, without the times: all its lines up to the reload's.
async function says(host, change) {
  const length = host.said.length;
  await change();
  await until("it is told of", () => /(reload: reloaded.*|not reloaded.*|reload: the files are.*)\n/.test(host.since(length)) || !host.running);
  return host.since(length).replace(/^\d\d:\d\d:\d\d /gm, "").replace(/[\d.]+ ms/, "T ms").trimEnd();
}

const applied = async (db) => (await db.query("SELECT name FROM schema_migrations WHERE owner = 'bot' ORDER BY name")).map((r) => r.name);
const exists = async (db, name) => (await db.query("SELECT to_regclass($1) IS NOT NULL AS there", [name]))[0].there;

// Whoever locks it in a migration waits until it is released.
const waits = "SELECT pg_advisory_xact_lock(77);\n";
async function hold(t, db) {
  const client = new pg.Client({ connectionString: db.url });
  client.on("error", () => {});
  await client.connect();
  await client.query("SELECT pg_advisory_lock(77)");
  let held = true;
  const release = async () => { if (held) { held = false; await client.end(); } };
  atEnd(t, release);
  return release;
}
const waiting = (db, n = 1) => until("the migration waits", async () => (await query(urlOf("postgres"),
  "SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = $1 AND application_name = 'moonpost migrate' AND wait_event = 'advisory'", [db.name]))[0].n >= n);

describe("a new schema file", { concurrency: 3 }, () => {
  test("is applied before the scripts that were saved with it are used", async (t) => {
    const { db, host } = await start(t);
    assert.equal(await says(host, () => host.folder.write(table, create)), `info  migrate: applied 0001_names.sql (bot)
info  reload: reloaded in T ms: ${table} is new, 1 schema file applied, 1 files, 1 handlers`);
    assert.deepEqual(await applied(db), ["0001_names.sql"]);
    const release = await hold(t, db);
    host.folder.write("scripts/a.lua", fromTable.replace("first: ", "now: "));
    host.folder.write("migrations/schema/0002_more.sql", `${waits}INSERT INTO names VALUES ('Aaron');`);
    await waiting(db);
    // meanwhile all goes on, also what needs the database
    const length = host.said.length;
    assert.match(await ask(host), /^(no names yet|now: Ada)$/);
    host.folder.write("migrations/schema/0003_last.sql", "INSERT INTO names VALUES ('Aa');");
    assert.match(await ask(host, "/names", bob), /^(no names yet|now: Ada)$/);
    assert.doesNotMatch(host.since(length), /is new/);
    await release();
    await until("both are used", () => / reloaded .* migrations\/schema\/0003_last\.sql is new.* 1 schema file applied/.test(host.said));
    assert.equal(await ask(host), "now: Aa");
    assert.match(host.said, / reloaded .*migrations\/schema\/0002_more\.sql is new, 1 schema file applied/);
    // again as at a start: nothing
    await host.stop();
    const next = await startBot(t, place, null, { url: db.url, folder: host.folder });
    assert.doesNotMatch(next.said, /applied 000/);
  });

  test("with the folder that it is in", async (t) => {
    const db = await place.newDatabase(t);
    const host = await startBot(t, place, { "scripts/a.lua": names["scripts/a.lua"] }, { url: db.url });
    mkdirSync(host.folder.path("migrations"));
    mkdirSync(host.folder.path("migrations/schema"));
    assert.match(await says(host, () => host.folder.replace(table, create)), /1 schema file applied/);
    assert.match(await says(host, () => host.folder.write("scripts/a.lua", fromTable)), /scripts\/a\.lua changed, 1 files/);
    assert.equal(await ask(host), "first: Ada");
    assert.deepEqual(await applied(db), ["0001_names.sql"]);
  });

  test("that can't be applied: what was loaded before stays, nothing of it remains; mended, it is applied", async (t) => {
    const { db, host } = await start(t);
    const stays = "\n +not reloaded: the scripts loaded before stay in use$";
    const mistakes = [
      ["CREATE TABLE half ();\nCREATE TABEL names ();", String.raw`:2: syntax error at or near "TABEL"\n +2 \| CREATE TABEL names \(\);\n +\|        \^`],
      ["CREATE TABLE half ();\n\n  INSERT INTO nowhere VALUES (1);", String.raw`:3: relation "nowhere" does not exist\n +3 \|   INSERT INTO nowhere VALUES \(1\);\n +\|               \^`],
      ["CREATE TABLE half ();\nSELECT 1;\nCREATE TABLE half ();", String.raw`:3: relation "half" already exists\n +3 \| CREATE TABLE half \(\);\n +\|              \^\n +hint: .*IF NOT EXISTS`],
      ["CREATE TABLE half ();\nVACUUM;", String.raw`:2: VACUUM cannot .*\n +2 \| VACUUM;\n +\| \^\n +hint: each file is one transaction.*`],
      ["CREATE TABLE half ();\nCOMMIT;\nSELECT 1 / 0;", String.raw`:2: COMMIT: each file is one transaction.*\n +2 \| COMMIT;\n +\| \^`],
      ["", ": there is no SQL in it.*"],
      ["-- the names\n", ": there is no SQL in it.*"],
    ];
    for (const [sql, message] of mistakes) {
      assert.match(await says(host, () => host.folder.replace(table, sql)), new RegExp(`error reload: ${table}${message}${stays}`));
      assert.equal(await exists(db, "half"), false, sql);
      assert.deepEqual(await applied(db), []);
    }
    assert.match(await says(host, () => host.folder.write("scripts/a.lua", fromTable)), /there is no SQL in it.*\n +not reloaded/);
    assert.equal(await ask(host), "no names yet");
    assert.match(await says(host, () => host.folder.write(table, create)), /1 schema file applied/);
    assert.equal(await ask(host), "first: Ada");
    assert.doesNotMatch(host.said, /handler failed/);
  });

  test("with a wrong name or number; one that was applied and is changed", async (t) => {
    const { db, host } = await start(t);
    const wrong = {
      "0002_x.sql": "number 1 is expected here; ", "names.sql": "the name must begin with four digits and _, like 0001_first\\.sql",
    };
    for (const [name, message] of Object.entries(wrong)) {
      const file = `migrations/schema/${name}`;
      assert.match(await says(host, () => host.folder.write(file, "SELECT 1;")), new RegExp(`error reload: ${file}: ${message}.*\n +not reloaded`));
      assert.match(await says(host, () => host.folder.remove(file)), /the files are as they were/);
    }
    await says(host, () => host.folder.write(table, create));
    const second = "migrations/schema/0001_other.sql";
    assert.match(await says(host, () => host.folder.write(second, "SELECT 1;")), new RegExp(`error reload: ${second}: number 2 is expected here, behind 0001_names\\.sql; `));
    assert.match(await says(host, () => host.folder.remove(second)), /the files are as they were/);
    assert.match(await says(host, () => host.folder.write(table, `${create}-- x`)),
      new RegExp(`error reload: ${table}: it was changed after it was applied; put the change in a new migration and restore this file\n +hint: .* DELETE FROM schema_migrations WHERE owner = 'bot' AND name = '0001_names\\.sql', .*\n +not reloaded`));
    assert.match(await says(host, () => host.folder.write(table, create)), /the files are as they were/);
    // as it says
    await says(host, () => host.folder.write(table, create.replace("Ada", "Bea")));
    await db.query("DROP TABLE names");
    await db.query("DELETE FROM schema_migrations WHERE owner = 'bot' AND name = '0001_names.sql'");
    assert.match(await says(host, () => host.folder.write(table, create.replace("Ada", "Cleo"))), /0001_names\.sql changed, 1 schema file applied/);
    assert.deepEqual(await db.query("SELECT name FROM names"), [{ name: "Cleo" }]);
  });

  test("is not applied when the scripts do not load", async (t) => {
    const { db, host } = await start(t);
    host.folder.write("scripts/b.lua", "x x");
    await until("it is refused", () => /not reloaded/.test(host.said));
    assert.match(await says(host, () => host.folder.write(table, create)), /scripts\/b\.lua:1: /);
    assert.equal(await exists(db, "names"), false);
    assert.match(await says(host, () => host.folder.remove("scripts/b.lua")), /1 schema file applied/);
  });

  // What stands there is valid SQL, and not what is to be applied.
  test("that is written slowly is waited for", async (t) => {
    const { db, host } = await start(t);
    const length = host.said.length;
    const file = openSync(host.folder.path(table), "w");
    writeSync(file, "CREATE TABLE names (name TEXT NOT NULL);\n");
    await sleep(6500); // longer than others are waited for
    const second = host.said.length;
    host.folder.write("scripts/c.lua", "");
    await until("who saves a script is told why nothing happens", () => /info +reload: waiting with what was saved: a program has a file of migrations\/schema open/.test(host.since(second)));
    assert.doesNotMatch(host.since(length), /applied|reloaded in|warn|error/);
    writeSync(file, "INSERT INTO names VALUES ('Ada');\n");
    assert.match(await says(host, () => closeSync(file)), /1 schema file applied/);
    assert.equal((await db.query("SELECT name FROM names"))[0].name, "Ada");
  });

  test("three processes on one database: once", async (t) => {
    const { db, host } = await start(t);
    const others = [await startBot(t, place, null, { url: db.url, folder: host.folder }), await startBot(t, place, null, { url: db.url, folder: host.folder })];
    const all = [host, ...others];
    host.folder.write("scripts/a.lua", fromTable);
    host.folder.write(table, `${create}SELECT pg_sleep(0.3);`);
    for (const one of all) await until("all use it", () => /0001_names\.sql is new/.test(one.said));
    assert.deepEqual(await db.query("SELECT count(*)::int AS n FROM names"), [{ n: 1 }]);
    assert.equal(all.filter((one) => /applied 0001_names/.test(one.said)).length, 1);
    for (const one of all) assert.equal(await ask(one), "first: Ada");
  });

  test("a save every 100 ms while it runs: its end is one reload more", async (t) => {
    const { db, host } = await start(t);
    const release = await hold(t, db);
    host.folder.write(table, `${create}${waits}`);
    await waiting(db);
    const length = host.said.length;
    for (let i = 0; i < 20; i++) {
      host.folder.write("scripts/a.lua", fromTable.replace("first", `by ${i}`));
      await sleep(100);
    }
    assert.equal(await ask(host), "no names yet");
    await host.line(/0001_names\.sql is still running; the scripts loaded before stay in use/);
    await release();
    await until("the last save is used", async () => (await ask(host)) === "by 19: Ada");
    assert.ok(host.since(length).match(/reload: reloaded/g).length <= 3, host.since(length));
  });

  test("the end of the program while it runs", async (t) => {
    const { db, host } = await start(t);
    const release = await hold(t, db);
    host.folder.write(table, `${create}${waits}`);
    await waiting(db);
    host.kill("SIGTERM");
    assert.match(await host.succeeds(), /0001_names\.sql was running/);
    await release();
    // wholly, or not at all; and the next start goes on from there
    const next = await startBot(t, place, null, { url: db.url, folder: host.folder });
    assert.deepEqual(await applied(db), ["0001_names.sql"]);
    assert.deepEqual(await db.query("SELECT name FROM names"), [{ name: "Ada" }]);
    assert.equal(await ask(next), "no names yet");
  });

  test("the database goes away while it runs", async (t) => {
    const { db, host } = await start(t, { env: { DATABASE_TIMEOUT_MS: "1000" } });
    const admin = (sql) => query(urlOf("postgres"), sql);
    const release = await hold(t, db);
    host.folder.write("scripts/a.lua", fromTable);
    host.folder.write(table, `${create}${waits}`);
    await waiting(db);
    await admin(`ALTER DATABASE ${db.name} ALLOW_CONNECTIONS false`);
    await admin(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${db.name}' AND application_name LIKE 'moonpost%'`);
    await until("it is told", () => /not reloaded yet: this is tried again/.test(host.said));
    await sleep(1500);
    host.folder.write("scripts/b.lua", "");
    await sleep(1500);
    await admin(`ALTER DATABASE ${db.name} ALLOW_CONNECTIONS true`);
    await waiting(db);
    await release();
    await until("it is applied", () => /reload: reloaded .* 1 schema file applied/.test(host.said));
    await until("it answers by the table", async () => (await ask(host)) === "first: Ada");
    assert.deepEqual(await db.query("SELECT count(*)::int AS n FROM names"), [{ n: 1 }]);
    assert.match(host.said, /reloaded .* scripts\/b\.lua is new/);
  });

  test("saved while the start waits for the database", async (t) => {
    const db = await place.newDatabase(t);
    await query(urlOf("postgres"), `ALTER DATABASE ${db.name} ALLOW_CONNECTIONS false`);
    const host = await startBot(t, place, names, { url: db.url, ready: false });
    await host.line(/waiting for PostgreSQL/);
    host.folder.write("scripts/a.lua", fromTable);
    host.folder.write(table, create);
    await sleep(500);
    await query(urlOf("postgres"), `ALTER DATABASE ${db.name} ALLOW_CONNECTIONS true`);
    await host.line(/is running/);
    await until("it answers by the table", async () => (await ask(host)) === "first: Ada");
    assert.deepEqual(await applied(db), ["0001_names.sql"]);
  });
});
