// The database goes away, comes back, refuses; other programs write beside us.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import pg from "pg";
import { after, before, beforeEach, describe, test } from "node:test";
import { database, environment, folder, Host, password, query, Server, slow, startBot, urlOf, world } from "./lib/host.mjs";
import { atEnd, sleep, until } from "./lib/program.mjs";
import { alice, bob, carol } from "./lib/simulator.mjs";

const place = world();
const files = {
  "defaults/flood.lua": "return { max = option.integer{ default = 5, min = 1, max = 100 }, words = { 'a', 'b' }, name = 'x' }",
  "scripts/a.lua": `local bot, time = require "bot", require "time"
bot.command("hi", "x", function(ctx) ctx:reply("hello") end)
bot.command("get", "x", function(ctx) ctx:reply("max " .. ctx.config.flood.max) end)
bot.command("set", "x", function(ctx)
  ctx.config.flood.max = tonumber(ctx.args[1])
  ctx:reply("saved " .. ctx.config.flood.max)
end)
bot.command("slowly", "x", function(ctx)
  local old = ctx.config.flood.max
  ctx:reply("read " .. old)
  time.sleep(0.4)
  ctx.config.flood.max = tonumber(ctx.args[1])
  ctx:reply("saved " .. ctx.config.flood.max)
  ctx:reply("name " .. ctx.config.flood.name)
end)
bot.command("trying", "x", function(ctx)
  ctx.config.flood.max = tonumber(ctx.args[1])
  local ok, e = pcall(ctx.reply, ctx, "saved")
  if not ok then ctx:reply("not saved: " .. e.kind .. ", still " .. ctx.config.flood.max) end
end)`,
};
const unreachable = "I can't reach my database at the moment, so I can't do this now. Please try again later.";
const little = { DATABASE_TIMEOUT_MS: String(800 * slow) };

// Send, and give the next thing the bot says there.
async function ask(host, as, text) {
  const before = (await host.sim.said(as)).length;
  await host.sim.send(as, text);
  return (await host.sim.texts(as, before + 1, 20000 * slow))[before];
}

const complaints = (said, area) => said.split("\n").filter((l) => new RegExp(`(warn|error) +${area}:`).test(l));

describe("a server of our own", () => {
  const server = new Server();
  let db, t;

  beforeEach(() => server.start()); // whatever the test before has left

  before(async () => {
    server.start();
    t = { after: (f) => { t.end = f; } };
    db = await database(t, server.url);
  });
  after(async () => {
    try {
      await t.end();
    } finally {
      server.remove();
    }
  });

  test("away at the start; away later: what is in memory is read, nothing is pretended; and back", async (t) => {
    server.do("stop");
    const host = await startBot(t, place, files, { url: db.url, env: little, ready: false });
    await host.line(/warn +database: waiting for PostgreSQL: .*server/);
    await sleep(1500);
    assert.ok(host.running);
    assert.ok(complaints(host.said, "database").length <= 2, host.said);
    server.start();
    await host.line(/is running/);
    assert.equal(await ask(host, alice, "/set 7"), "saved 7");

    server.do("stop");
    await host.line(/warn +database: no connection to PostgreSQL; chats whose config is in memory go on/);
    assert.equal(await ask(host, alice, "/get"), "max 7");
    assert.equal(await ask(host, bob, "/hi"), "hello");
    assert.equal(await ask(host, bob, "/get"), unreachable);
    const calls = (await host.sim.calls("sendMessage")).length;
    assert.equal(await ask(host, alice, "/set 9"), unreachable);
    assert.equal((await host.sim.calls("sendMessage")).length, calls + 1, "the reply that it is saved was not sent");
    assert.match(host.said, /error +script: handler failed: [^\n]*scripts\/a\.lua:6: [^\n]*\n/);
    assert.equal(await ask(host, alice, "/get"), "max 7");
    assert.equal(await ask(host, alice, "/trying 9"), "not saved: database, still 7");

    const length = host.said.length;
    server.start();
    await until("it connects", () => /info +database: connected to PostgreSQL again/.test(host.since(length)));
    assert.equal(await ask(host, bob, "/get"), "max 5");
    assert.equal(await ask(host, alice, "/set 9"), "saved 9");
    assert.deepEqual(await db.query("SELECT chat_id, config, revision FROM chat_configs"),
      [{ chat_id: String(alice), config: { flood: { max: 9 } }, revision: "2" }]);
  });

  test("SIGTERM while the database is away and a handler waits for it", async (t) => {
    const host = await startBot(t, place, files, { url: db.url, env: { DATABASE_TIMEOUT_MS: "60000", STOP_TIMEOUT_S: "1" } });
    assert.equal(await ask(host, alice, "/hi"), "hello");
    server.do("stop");
    await host.line(/no connection to PostgreSQL/);
    await host.sim.send(bob, "/get");
    await until("it has come", async () => (await host.sim.calls("getUpdates")).some((c) => JSON.stringify(c.response).includes("/get")));
    await sleep(200);
    host.kill("SIGTERM");
    assert.equal((await host.end()).code, 0, host.said);
    assert.match(host.said, /1 handlers did not finish in time; their updates will be handled by the next process/);
    server.start();
    const next = await startBot(t, place, null, { url: db.url, bot: host.bot, folder: host.folder });
    assert.deepEqual(await next.sim.texts(bob, 1), ["max 5"]);
  });

  test("a crash of the server, an ended connection, a restart", async (t) => {
    const host = await startBot(t, place, files, { url: db.url });
    assert.match(await ask(host, carol, "/set 20"), /saved 20/);
    server.do("kill");
    await host.line(/no connection to PostgreSQL/);
    server.start();
    assert.equal(await ask(host, carol, "/set 21"), "saved 21");
    await query(server.url, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", [db.name]);
    assert.equal(await ask(host, carol, "/set 22"), "saved 22");

    // in the middle of a write: it is written when the server is back, and once
    const [{ started }] = await db.query("SELECT pg_postmaster_start_time()::text AS started");
    await db.query(`CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF pg_postmaster_start_time() = '${started}' THEN PERFORM pg_sleep(20); END IF; RETURN NEW; END $$;
      CREATE TRIGGER dawdle BEFORE UPDATE ON chat_configs FOR EACH ROW EXECUTE FUNCTION dawdle()`);
    await db.query("CHECKPOINT"); // this server forgets in a crash what it has not written yet
    const before = (await host.sim.said(carol)).length;
    const [{ revision }] = await db.query("SELECT revision FROM chat_configs WHERE chat_id = $1", [carol]);
    await host.sim.send(carol, "/set 30");
    await until("it is being written", async () => (await db.query("SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'")).length);
    server.do("kill");
    server.start();
    assert.deepEqual((await host.sim.texts(carol, before + 1)).slice(before), ["saved 30"]);
    await db.query("DROP TRIGGER dawdle ON chat_configs");
    assert.deepEqual(await db.query("SELECT config, revision FROM chat_configs WHERE chat_id = $1", [carol]),
      [{ config: { flood: { max: 30 } }, revision: String(Number(revision) + 1) }]);

    server.do("restart");
    assert.equal(await ask(host, bob, "/get"), "max 5");
    assert.equal(await ask(host, carol, "/set 23"), "saved 23");
    assert.deepEqual(await db.query("SELECT config FROM chat_configs WHERE chat_id = $1", [carol]), [{ config: { flood: { max: 23 } } }]);
  });

  // Passwords are asked for by a line of pg_hba.conf before all others.
  test("a wrong password, a role that is not there", async (t) => {
    const hba = path.join(server.dir, "data/pg_hba.conf");
    writeFileSync(hba, `local all locked scram-sha-256\n${readFileSync(hba, "utf8")}`);
    await query(server.url, `CREATE ROLE locked LOGIN PASSWORD 'right'`);
    await query(server.url, "SELECT pg_reload_conf()");
    const { dir } = folder(t, files);
    const pattern = { [`locked:${password}`]: /password authentication failed for user "locked"/, locked: /no password supplied/, nobody: /role "nobody" does not exist/ };
    await Promise.all(Object.entries(pattern).map(async ([user, said]) => {
      const host = new Host(["run", dir], { env: environment({ url: urlOf(db.name, { user, base: server.url }), base: place.sim.base, bot: 7 }) });
      await host.line(said);
      assert.match(host.said, /warn +database: waiting for PostgreSQL: [^\n]+\n/);
      await host.stop();
    }));
    const env = { DATABASE_URL: urlOf(db.name, { user: `locked:${password}`, base: server.url }), DATABASE_TIMEOUT_MS: "1000" };
    const once = await new Host(["migrate", dir], { env }).fails();
    assert.match(once, /warn +database: waiting for PostgreSQL: .*password authentication failed/);
    assert.match(once, /^moonpost: .*password authentication failed[^\n]*\n$/m);
  });

  test("a database that is not there; then it is", async (t) => {
    const { dir } = folder(t, files);
    const url = urlOf("not_there_yet", { base: server.url });
    const host = new Host(["run", dir], { env: environment({ url, base: place.sim.base, bot: 7 }) });
    await host.line(/warn +database: waiting for PostgreSQL: .*database "not_there_yet" does not exist/);
    await query(server.url, "CREATE DATABASE not_there_yet");
    await host.line(/is running/);
    await host.stop();
  });

  test("a role that may not make tables", async (t) => {
    await query(server.url, "CREATE ROLE guest LOGIN");
    await query(server.url, "CREATE DATABASE closed");
    const { dir } = folder(t, files);
    const url = urlOf("closed", { base: server.url, user: "guest" });
    for (const command of ["run", "migrate"]) {
      const host = new Host([command, dir], { env: environment({ url, base: place.sim.base, bot: 7 }) });
      const said = await host.fails();
      assert.equal(said.split("\n").length, 3, said); // and a hint
      assert.match(said, /permission denied for schema public/);
      assert.match(said, /CREATE/, "it says what is missing");
    }
    // tables that somebody else has made, and that it may use, are enough
    await new Host(["migrate", dir], { env: { DATABASE_URL: urlOf("closed", { base: server.url }) } }).succeeds();
    await query(urlOf("closed", { base: server.url }), "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO guest");
    const host = await startBot(t, place, files, { url });
    assert.equal(await ask(host, alice, "/set 8"), "saved 8");
  });
});

describe("others write too", { concurrency: 2 }, () => {
  // What another instance does to a row.
  const write = (db, chat, config) => db.query(`
    INSERT INTO chat_configs (chat_id, config, version) VALUES ($1, $2, 0)
    ON CONFLICT (chat_id) DO UPDATE SET config = jsonb_set(chat_configs.config, '{flood}',
      coalesce(chat_configs.config->'flood', '{}') || ($2::jsonb->'flood')), revision = chat_configs.revision + 1, updated_at = now()`,
  [chat, config]);
  const row = async (db, chat) => (await db.query("SELECT config, revision FROM chat_configs WHERE chat_id = $1", [chat]))[0];

  test("between reading and committing: both keys are kept", async (t) => {
    const db = await place.newDatabase(t);
    const host = await startBot(t, place, files, { url: db.url });
    assert.equal(await ask(host, alice, "/set 7"), "saved 7");
    for (const [as, old] of [[alice, 7], [bob, 5]]) { // bob has no row when it is read
      assert.equal(await ask(host, as, "/slowly 8"), `read ${old}`);
      await write(db, as, { flood: { name: "theirs" } });
      assert.deepEqual((await host.sim.texts(as, as === alice ? 4 : 3)).slice(-2), ["saved 8", "name theirs"]);
      assert.deepEqual((await row(db, as)).config, { flood: { max: 8, name: "theirs" } });
    }
    assert.equal((await row(db, alice)).revision, "3");

    // the same key: the last commit wins
    assert.equal(await ask(host, alice, "/slowly 9"), "read 8");
    await write(db, alice, { flood: { max: 50 } });
    assert.deepEqual((await host.sim.texts(alice, 7)).slice(-2), ["saved 9", "name theirs"]);
    assert.deepEqual((await row(db, alice)).config, { flood: { max: 9, name: "theirs" } });

    // the row goes away
    assert.equal(await ask(host, alice, "/slowly 10"), "read 9");
    await db.query("DELETE FROM chat_configs WHERE chat_id = $1", [alice]);
    assert.equal((await host.sim.texts(alice, 10)).at(-2), "saved 10");
    assert.equal((await row(db, alice)).config.flood.max, 10);
  });

  test("a row that somebody holds: that write fails in time, the others go on", async (t) => {
    const db = await place.newDatabase(t);
    const host = await startBot(t, place, files, { url: db.url, env: little });
    assert.equal(await ask(host, alice, "/set 7"), "saved 7");
    const holder = new pg.Client({ connectionString: db.url });
    await holder.connect();
    try {
      await holder.query("BEGIN; SELECT * FROM chat_configs FOR UPDATE");
      await host.sim.send(alice, "/set 8");
      await sleep(50);
      assert.equal(await ask(host, carol, "/hi"), "hello");
      assert.equal((await host.sim.texts(alice, 2))[1], unreachable);
      assert.match(await ask(host, bob, "/get"), /^max 5$/);
    } finally {
      await holder.end();
    }
    assert.equal(await ask(host, alice, "/set 9"), "saved 9");
  });

  test("values that do not fit, keys that nobody knows", async (t) => {
    const db = await place.newDatabase(t);
    const host = await startBot(t, place, files, { url: db.url, env: little });
    await write(db, alice, `{"flood": {"max": "a text", "name": "n"}, "plugin": {"x": [1, {"y": null}], "big": 9007199254740993}}`);
    assert.equal(await ask(host, alice, "/get"), "max 5", "a value that does not fit reads as the default");
    assert.equal(await ask(host, alice, "/set 6"), "saved 6");
    const [{ config }] = await db.query("SELECT config::text FROM chat_configs WHERE chat_id = $1", [alice]);
    assert.match(config, /"big": 9007199254740993\b/);
    assert.deepEqual(JSON.parse(config).plugin.x, [1, { y: null }]);
    assert.equal(JSON.parse(config).flood.max, 6);
    await host.sim.send(alice, "/set 101");
    await until("it is told", () => /scripts\/a\.lua:5: .*flood\.max.*100/.test(host.said));
    assert.equal((await row(db, alice)).config.flood.max, 6);
  });
});
