// `moonpost migrate`: the host's own tables, a bot's, and those of a bot that
// was there before.
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import path from "node:path";
import { describe, test } from "node:test";
import { folder, Host, says, startBot, world } from "./lib/host.mjs";
import { root, until } from "./lib/program.mjs";
import { alice, bob, carol } from "./lib/simulator.mjs";

const place = world();
// The core's own, as they are compiled in.
const own = readdirSync(path.join(root, "core/bot/schema")).sort();
const a = { "scripts/a.lua": says("hi", "hello") };

const migrate = (url, dir, ...args) => new Host(["migrate", dir, ...args], { env: { DATABASE_URL: url } });
const applied = (db) => db.query("SELECT owner, name FROM schema_migrations ORDER BY owner DESC, name");
const tables = async (db) => (await db.query(
  "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' ORDER BY 1")).map((r) => r.relname);

describe("migrate", { concurrency: 3 }, () => {
  test("in order, once; --dry-run changes nothing", async (t) => {
    const db = await place.newDatabase(t);
    const home = folder(t, {
      ...a,
      "migrations/schema/0001_notes.sql": "CREATE TABLE notes (id INT PRIMARY KEY);\nINSERT INTO notes VALUES (1);\n",
      "migrations/schema/0002_more.sql": "-- with 'quotes', $1 and \\backslash\nINSERT INTO notes SELECT max(id) + 1 FROM notes;",
    });
    assert.match(await migrate(db.url, home.dir, "--dry-run").succeeds(),
      /would apply 0001_chat_configs\.sql \(moonpost\)[^]*would apply 0001_notes\.sql \(bot\)[^]*would apply 0002_more\.sql \(bot\)[^]*\n\d+ schema migrations would be applied/);
    assert.ok(!(await tables(db)).includes("chat_configs"));
    assert.match(await migrate(db.url, home.dir).succeeds(), /^\d+ schema migrations applied\.\n/m);
    assert.deepEqual(await db.query("SELECT id FROM notes ORDER BY 1"), [{ id: 1 }, { id: 2 }]);
    assert.match(await migrate(db.url, home.dir).succeeds(), /^The database is up to date\.\n$/);
    assert.match(await migrate(db.url, home.dir, "--dry-run").succeeds(), /^The database is up to date\.\n$/);
    assert.deepEqual((await applied(db)).map((r) => r.name), [...own, "0001_notes.sql", "0002_more.sql"]);

    home.write("migrations/schema/0002_more.sql", "SELECT 1");
    const changed = /^moonpost: migrations\/schema\/0002_more\.sql: it was changed after it was applied; put the change in a new migration and restore this file\n {2}hint: [^\n]*\n$/;
    assert.match(await migrate(db.url, home.dir).fails(), changed);
    const host = await startBot(t, place, null, { url: db.url, folder: home, ready: false });
    assert.match(await host.fails(), /error host: migrations\/schema\/0002_more\.sql: it was changed after it was applied/);
  });

  test("one that fails leaves nothing behind, and says where", async (t) => {
    const db = await place.newDatabase(t);
    const home = folder(t, { ...a, "migrations/schema/0001_ok.sql": "CREATE TABLE ok (id INT);" });
    const mistakes = [
      ["CREATE TABLE half (id INT);\nINSERT INTO half VALUES (1);\nSELEC 1;\n", /:3: syntax error at or near "SELEC"\n {2}3 \| SELEC 1;\n {4}\| \^\n$/],
      ["CREATE TABLE half (id INT);\n\n\nINSERT INTO nowhere VALUES (1);", /:4: relation "nowhere" does not exist\n {2}4 \| INSERT INTO nowhere VALUES \(1\);\n {4}\| {13}\^\n$/],
      ["CREATE TABLE half (id INT PRIMARY KEY);\nINSERT INTO half VALUES (1), (1);", /:2: duplicate key value.*half_pkey.*\n {2}2 \| INSERT/],
      ["CREATE TABLE half (id INT);\nDO $$ BEGIN RAISE EXCEPTION 'not today' USING HINT = 'tomorrow'; END $$;", /:2: not today \(PL\/pgSQL .*\)\n.*\n.*\n {2}hint: tomorrow\n$/],
      ["CREATE TABLE half (id INT);\nBEGIN;", /:2: BEGIN: each file is one transaction.*\n {2}2 \| BEGIN;\n/],
      ["CREATE TABLE half (id INT);\nCOMMIT;\nINSERT INTO nowhere VALUES (1);", /:2: COMMIT: each file is one transaction/],
      ["CREATE TABLE half (id INT);\nCREATE INDEX CONCURRENTLY ON half (id);", /:2: CREATE INDEX CONCURRENTLY cannot.*\n.*\n.*\n {2}hint: each file is one transaction; leave CONCURRENTLY out/],
      ["", /: there is no SQL in it/],
    ];
    for (const [sql, pattern] of mistakes) {
      home.write("migrations/schema/0002_x.sql", sql);
      const said = await migrate(db.url, home.dir).fails();
      assert.match(said, pattern);
      assert.match(said, /^moonpost: migrations\/schema\/0002_x\.sql:/m);
      const list = await tables(db);
      assert.deepEqual(["ok", "chat_configs", "half"].map((name) => list.includes(name)), [true, true, false], sql);
    }
    home.write("migrations/schema/0002_x.sql", "CREATE TABLE half (id INT);");
    assert.match(await migrate(db.url, home.dir).succeeds(), /^1 schema migration applied\.$/m);
    assert.ok((await tables(db)).includes("half"));
  });

  test("numbers without gaps, names that begin with one", async (t) => {
    const db = await place.newDatabase(t);
    const wrong = {
      "0002_x.sql": /migrations\/schema\/0002_x\.sql: number 1 is expected/, "first.sql": /first\.sql: the name must begin with four digits/,
      "1_x.sql": /1_x\.sql: the name must begin/,
    };
    for (const [name, pattern] of Object.entries(wrong)) {
      const home = folder(t, { ...a, [`migrations/schema/${name}`]: "SELECT 1" });
      assert.match(await migrate(db.url, home.dir).fails(), pattern);
    }
    const twice = folder(t, { ...a, "migrations/schema/0001_a.sql": "SELECT 1", "migrations/schema/0001_b.sql": "SELECT 1" });
    assert.match(await migrate(db.url, twice.dir).fails(), /0001_b\.sql: number 2 is expected/);
    assert.deepEqual(await tables(db).then((list) => list.includes("chat_configs")), false);
  });

  test("a folder that does not load changes nothing", async (t) => {
    const db = await place.newDatabase(t);
    const { dir } = folder(t, { "scripts/a.lua": "this is no Lua", "migrations/schema/0001_a.sql": "CREATE TABLE a (b INT)" });
    const { code, said } = await new Host(["migrate", dir], { env: { DATABASE_URL: db.url } }).end();
    assert.equal(code, 1);
    assert.match(said, /scripts\/a\.lua:1: /);
    assert.deepEqual(await db.query("SELECT 1 FROM pg_tables WHERE schemaname = 'public'"), []);
  });

  test("several at once run each file once", async (t) => {
    const db = await place.newDatabase(t);
    const home = folder(t, {
      ...a, "migrations/schema/0001_log.sql": "CREATE TABLE log (n INT); SELECT pg_sleep(0.2);",
      "migrations/schema/0002_log.sql": "INSERT INTO log VALUES (2); SELECT pg_sleep(0.2);", "migrations/schema/0003_log.sql": "INSERT INTO log VALUES (3);",
    });
    await Promise.all([1, 2, 3, 4].map(() => migrate(db.url, home.dir).succeeds()));
    assert.deepEqual(await db.query("SELECT n FROM log ORDER BY n"), [{ n: 2 }, { n: 3 }]);
    assert.equal((await applied(db)).length, own.length + 3);
  });

  test("what a Python bot has made is taken over", async (t) => {
    const db = await place.newDatabase(t);
    await db.query("CREATE TABLE chat_configs (chat_id BIGINT PRIMARY KEY, config JSONB)");
    const big = (await place.sim.post("person", { first_name: "Big", id: 4503599627370495 })).user.id;
    const rows = [[alice, `{"limit": 3, "old": {"kept": [1, 2.5, null]}, "greeting": "Grüße"}`], [bob, null], [carol, "[1, 2]"], [big, `"text"`], [77, "5"]];
    for (const row of rows) await db.query("INSERT INTO chat_configs VALUES ($1, $2)", row);
    const home = folder(t, {
      "defaults/init.lua": "return { limit = 5, greeting = 'Hello' }",
      "scripts/a.lua": `local bot = require "bot"
bot.command("get", "x", function(ctx) ctx:reply(ctx.config.limit .. " " .. ctx.config.greeting) end)
bot.command("set", "x", function(ctx)
  ctx.config.limit = tonumber(ctx.args[1])
  ctx:reply("saved")
end)
bot.command("hi", "x", function(ctx) ctx:reply("hello") end)`,
    });
    await migrate(db.url, home.dir).succeeds();
    const stored = await db.query("SELECT chat_id, config::text, version, revision FROM chat_configs ORDER BY chat_id");
    for (const [chat, config] of rows) {
      const row = stored.find((r) => r.chat_id === String(chat));
      assert.deepEqual([row.config && JSON.parse(row.config), row.version], [config && JSON.parse(config), 0], `chat ${chat}`);
    }

    const host = await startBot(t, place, null, { url: db.url, folder: home });
    const ask = async (as, text) => {
      const before = (await host.sim.said(as)).length;
      await host.sim.send(as, text);
      return (await host.sim.texts(as, before + 1))[before];
    };
    assert.equal(await ask(alice, "/get"), "3 Grüße");
    assert.equal(await ask(alice, "/set 4"), "saved");
    assert.equal(await ask(bob, "/get"), "5 Hello");
    for (const [as, what] of [[carol, "an array"], [big, "a string"]]) {
      const length = host.said.length;
      await host.sim.send(as, "/get");
      await host.sim.send(as, "/set 9");
      assert.equal(await ask(as, "/hi"), "hello");
      assert.match(host.since(length), new RegExp(`error +script: handler failed: [^]*chat=${as} `), what);
      assert.match(host.since(length), /object/, "it says what is wrong with the row");
    }
    assert.deepEqual((await host.sim.said(carol)).filter((x) => x === "saved"), []);
    const after = await db.query("SELECT chat_id, config FROM chat_configs ORDER BY chat_id");
    const of = (chat) => after.find((r) => r.chat_id === String(chat)).config;
    assert.deepEqual(of(alice), { limit: 4, old: { kept: [1, 2.5, null] }, greeting: "Grüße" });
    assert.deepEqual(of(carol), [1, 2]);
    assert.equal(of(big), "text");
  });

  test("a config upgrade that fails for one chat: told, its row stays, the others go on", async (t) => {
    const db = await place.newDatabase(t);
    const home = folder(t, {
      "defaults/init.lua": "return { limit = 5 }",
      "migrations/config/0001_limit.lua": `return function(config)
  if config.max == 13 then error("unlucky") end
  while config.max == 14 do end
  config.limit, config.max = config.max, nil
end`,
      "scripts/a.lua": `local bot = require "bot"
bot.command("get", "x", function(ctx) ctx:reply("limit " .. ctx.config.limit) end)
bot.command("set", "x", function(ctx)
  ctx.config.limit = tonumber(ctx.args[1])
  ctx:reply("saved")
end)`,
    });
    await migrate(db.url, home.dir).succeeds();
    const dora = (await place.sim.post("person", { first_name: "Dora" })).user.id;
    for (const [chat, max] of [[alice, 7], [bob, 13], [carol, 14]])
      await db.query("INSERT INTO chat_configs (chat_id, config, version) VALUES ($1, $2, 0)", [chat, { max }]);
    await db.query("INSERT INTO chat_configs (chat_id, config, version) VALUES ($1, $2, 9)", [dora, { limit: 8, newer: true }]);
    const host = await startBot(t, place, null, { url: db.url, folder: home });
    for (const as of [alice, bob, carol, dora]) await host.sim.send(as, "/get");
    assert.deepEqual(await host.sim.texts(alice, 1), ["limit 7"]);
    assert.deepEqual(await host.sim.texts(dora, 1), ["limit 8"]);
    await until("it is told", () => /unlucky/.test(host.said) && /too long/.test(host.said));
    assert.match(host.said, /migrations\/config\/0001_limit\.lua:2: unlucky/);
    assert.match(host.said, new RegExp(`chat[= ]${bob}\\b`));
    for (const as of [alice, bob, carol, dora]) await host.sim.send(as, "/set 20");
    await host.sim.texts(alice, 2);
    await host.sim.texts(dora, 2);
    await host.stop();
    const rows = await db.query("SELECT chat_id, config, version FROM chat_configs");
    const of = (chat) => rows.find((r) => r.chat_id === String(chat));
    assert.deepEqual([of(alice).config, of(alice).version], [{ limit: 20 }, 1]);
    assert.deepEqual([of(bob).config, of(bob).version], [{ max: 13 }, 0]);
    assert.deepEqual([of(carol).config, of(carol).version], [{ max: 14 }, 0]);
    assert.deepEqual([of(dora).config, of(dora).version], [{ limit: 20, newer: true }, 9]);
  });

  // What is told is what is to be done: it is done, and then it works.
  test("a table that is nearly like ours", async (t) => {
    const home = folder(t, a);
    for (const columns of ["chat_id BIGINT PRIMARY KEY, config TEXT", "chat_id INT PRIMARY KEY, config JSONB",
      "chat_id BIGINT, config JSONB", "chat_id TEXT UNIQUE, config JSON, version TEXT DEFAULT '0'"]) {
      const db = await place.newDatabase(t);
      await db.query(`CREATE TABLE chat_configs (${columns})`);
      await db.query(`INSERT INTO chat_configs VALUES (5, '{"a": 1}')`);
      for (let i = 0; ; i++) {
        const { code, said } = await migrate(db.url, home.dir).end();
        if (code === 0) break;
        assert.ok(i < 4, said);
        const advice = said.match(/^moonpost: 0002_config_history\.sql: [^\n]*: (ALTER TABLE chat_configs [^\n]+)$/m);
        assert.ok(advice, said);
        await db.query(advice[1]);
      }
      assert.deepEqual(await db.query("SELECT config, version FROM chat_configs"), [{ config: { a: 1 }, version: 0 }]);
    }
  });

  test("a table of that name that is something else", async (t) => {
    const db = await place.newDatabase(t);
    await db.query("CREATE TABLE chat_configs (id TEXT PRIMARY KEY, value TEXT)");
    const said = await migrate(db.url, folder(t, a).dir).fails();
    assert.match(said, /^moonpost: 0001_chat_configs\.sql: .*column/m);
  });
});
