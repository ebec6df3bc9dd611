// What scripts keep in the database by themselves: db and ctx.store, in the built
// program: beside settings, many at once, behind a pooler, through a restart.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import pg from "pg";
import { database, Server, slow, startBot, world } from "./lib/host.mjs";
import { ask } from "./lib/flood_bot.mjs";
import { pooled } from "./lib/pgbouncer.mjs";
import { atEnd, until } from "./lib/program.mjs";
import { alice, bob, carol } from "./lib/simulator.mjs";

const place = world();

const files = {
  "defaults/flood.lua": "return { max = option.integer{ default = 5, min = 1, max = 100 } }",
  "migrations/schema/0001_notes.sql": "CREATE TABLE notes (id INT PRIMARY KEY, n INT NOT NULL); INSERT INTO notes VALUES (1, 0);",
  "scripts/a.lua": `local bot = require "bot"
local db = require "db"
local time = require "time"
bot.command("get", function(ctx) ctx:reply("max " .. ctx.config.flood.max) end)
bot.command("slow", function(ctx) db.query("SELECT pg_advisory_lock_shared(7), pg_advisory_unlock_shared(7)") ctx:reply("slow") end)
bot.command("value", function(ctx) ctx:reply("value " .. tostring(db.value("SELECT $1::text", ctx.match))) end)
bot.command("add", bot.concurrent(function(ctx)
  db.transaction(function(tx)
    local n = tx.value("SELECT n FROM notes WHERE id = 1 FOR UPDATE")
    tx.exec("UPDATE notes SET n = $1 WHERE id = 1", n + 1)
  end)
  ctx.store:incr("added")
  ctx:reply("added")
end))
bot.command("hold", bot.concurrent(function(ctx)
  local ok, err = pcall(db.transaction, function(tx)
    tx.exec("UPDATE notes SET n = 1000")
    ctx:reply("holding")
    tx.query("SELECT pg_sleep(60)")
  end)
  ctx:reply(ok and "held" or err.kind .. " " .. err.message)
end))
bot.command("leave", function(ctx)
  db.transaction(function(tx) tx.exec("UPDATE notes SET n = 2000") ctx:reply("leaving") time.sleep(60) end)
end)
bot.command("rows", function(ctx) ctx:reply(tostring(select(2, pcall(function() return "rows " .. #db.query("SELECT generate_series(1, $1::int)", tonumber(ctx.args[1])) end)))) end)
bot.command("count", function(ctx) ctx:reply("count " .. db.value("SELECT n FROM notes WHERE id = 1")) end)
bot.command("keep", function(ctx) ctx.store.kept = ctx.match ctx:reply("kept") end)
bot.command("kept", function(ctx) ctx:reply("kept " .. tostring(ctx.store.kept)) end)
bot.command("many", function(ctx)
  local ok, err = pcall(function() for i = 1, 4 do ctx.store[i] = i end end)
  ctx:reply(tostring(err))
end)
bot.command("stubborn", function(ctx)
  local ok, err = pcall(db.query, "SELECT pg_sleep(30)")
  ctx:reply("stubborn " .. err.sqlstate)
end)`,
};

test("slow queries on all connections hold up no settings", async (t) => {
  const db = await database(t);
  const host = await startBot(t, place, files, { url: db.url, env: { DATABASE_SCRIPT_TIMEOUT_MS: "60000" } });
  const holder = new pg.Client({ connectionString: db.url }); // they take as long as it holds the lock
  await holder.connect();
  atEnd(t, () => holder.end());
  await holder.query("SELECT pg_advisory_lock(7)");
  await host.sim.send(bob, "/slow");
  await host.sim.send(carol, "/slow");
  await until("both run", async () => (await db.query("SELECT count(*)::int FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'moonpost scripts' AND state = 'active'"))[0].count === 2);
  for (let i = 0; i < 3; i++) assert.equal(await ask(host, "/get"), "max 5");
  assert.equal(await ask(host, "/keep it"), "kept");
  assert.deepEqual([await host.sim.said(bob), await host.sim.said(carol)], [[], []]);
  await host.sim.send(alice, "/value last"); // in line behind them
  await holder.query("SELECT pg_advisory_unlock(7)");
  await host.sim.text(alice, "value last");
  assert.deepEqual(await host.sim.texts(bob, 1), ["slow"]);
});

test("200 transactions at once on 2 connections", async (t) => {
  const db = await database(t);
  const host = await startBot(t, place, files, { url: db.url, env: { DATABASE_SCRIPT_TIMEOUT_MS: String(20000 * slow), PACE_BOT_PER_S: "10000", PACE_CHAT_PER_S: "10000", PACE_CHAT_BURST: "10000" } });
  for (let i = 0; i < 200; i++) await host.sim.send(alice, "/add");
  await host.sim.texts(alice, 200, 40000 * slow);
  assert.deepEqual(await db.query("SELECT n FROM notes"), [{ n: 200 }]);
  assert.deepEqual(await db.query("SELECT key, value FROM store"), [{ key: "added", value: 200 }]);
  const [{ count }] = await db.query("SELECT count(*)::int FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'moonpost scripts'");
  assert.equal(count, 2);
  assert.doesNotMatch(host.said, / error /);
});

test("limits of the environment; a bot that never asks makes no connection", async (t) => {
  const db = await database(t);
  const env = { DATABASE_SCRIPT_ROWS: "10", STORE_KEYS: "3", DATABASE_SCRIPT_TIMEOUT_MS: "2000" };
  const host = await startBot(t, place, files, { url: db.url, env });
  assert.equal(await ask(host, "/get"), "max 5");
  assert.deepEqual(await db.query("SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'moonpost scripts'"), []);
  assert.equal(await ask(host, "/rows 10"), "rows 10");
  assert.match(await ask(host, "/rows 11"), /^scripts\/a\.lua:\d+: db\.query: the result has more than 10 rows \(DATABASE_SCRIPT_ROWS\)/);
  assert.match(await ask(host, "/many"), /4 can't be added: this chat has 3 keys \(STORE_KEYS\)/);
  assert.equal(await ask(host, "/stubborn"), "stubborn 57014");
});

test("what people type is a value", async (t) => {
  const host = await startBot(t, place, files);
  for (const text of ["'; DROP TABLE notes; --", "$1", "\\'; x", "{\"a\"}", "a'b\"c\\d", "🚀 ünïcode"]) {
    assert.equal(await ask(host, `/value ${text}`), `value ${text}`);
    await ask(host, `/keep ${text}`);
    assert.equal(await ask(host, "/kept"), `kept ${text}`);
  }
});

test("a process that is killed in a transaction leaves nothing; a group takes its store along", async (t) => {
  const db = await database(t);
  const host = await startBot(t, place, files, { url: db.url });
  assert.equal(await ask(host, "/leave"), "leaving");
  host.kill("SIGKILL");
  await host.ended;
  host.awaited = true;
  await until("it is rolled back", async () => (await db.query("SELECT count(*)::int FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'moonpost scripts'"))[0].count === 0);
  assert.deepEqual(await db.query("SELECT n FROM notes"), [{ n: 0 }]);
  await db.query("INSERT INTO store VALUES (-500, 'k', '1'), (-500, 'both', '1'), (-1000500, 'both', '2')");
  await db.query("SELECT moonpost_move_chat(-500, -1000500, false)");
  assert.deepEqual(await db.query("SELECT chat_id::int, key, value FROM store ORDER BY 1, 2"), [
    { chat_id: -1000500, key: "both", value: 2 }, { chat_id: -1000500, key: "k", value: 1 }, { chat_id: -500, key: "both", value: 1 },
  ]);
});

test("the server restarts in a transaction: an error, rolled back, and then it works", async (t) => {
  const server = new Server();
  server.start();
  atEnd(t, () => server.remove());
  const db = await database({ after: () => {} }, server.url);
  const host = await startBot(t, place, files, { url: db.url });
  assert.equal(await ask(host, "/hold"), "holding");
  server.do("restart");
  const said = await host.sim.texts(alice, 2, 20000 * slow);
  assert.match(said[1], /^database tx\.query: /);
  await until("it works again", async () => (await ask(host, "/count")) === "count 0");
  assert.equal(await ask(host, "/add"), "added");
  assert.equal(await ask(host, "/count"), "count 1");
  await host.stop(); // before its server
});

describe("behind PgBouncer in transaction mode", () => {
  const pooledDatabase = pooled();

  test("queries, transactions, the store; time-outs hold, and nobody's session keeps them", async (t) => {
    const db = await pooledDatabase();
    const host = await startBot(t, place, files, { url: db.url, env: { DATABASE_SCRIPT_TIMEOUT_MS: "3000" } });
    for (let i = 0; i < 10; i++) assert.equal(await ask(host, `/value ${i}`), `value ${i}`);
    for (let i = 0; i < 20; i++) await host.sim.send(bob, "/add");
    await until("all are added", async () => (await db.query("SELECT n FROM notes"))[0].n === 20);
    assert.equal(await ask(host, "/keep it"), "kept");
    assert.equal(await ask(host, "/kept"), "kept it");
    assert.equal(await ask(host, "/stubborn"), "stubborn 57014");
    for (let i = 0; i < 8; i++) {
      const [row] = await db.query("SELECT current_setting('statement_timeout') AS one");
      assert.deepEqual(row, { one: "0" });
    }
    await host.stop();
    assert.doesNotMatch(host.said, / error /);
  });
});
