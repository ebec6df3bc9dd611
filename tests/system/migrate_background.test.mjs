// The background upgrade of a running bot; and that reading, migrate and it
// make the same of a config.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { describe, test } from "node:test";
import { folder, Host, Server, slow, startBot, world } from "./lib/host.mjs";
import { atEnd, sleep, until } from "./lib/program.mjs";
import { alice } from "./lib/simulator.mjs";

const place = world();
const patience = 60000 * slow;

const defaults = {
  "defaults/init.lua": "return { limit = 5, words = { 'a' } }",
  "defaults/welcome.lua": "return { on = true, text = 'Hello', deep = { n = 1, list = {} } }",
};
const files = {
  ...defaults,
  "migrations/config/0001_first.lua": `return function(config)
  if config.limit == 13 then error("unlucky") end
  config.welcome.on, config.enabled = config.enabled ~= false, nil
  config.words[#config.words + 1] = "more"
end`,
  "scripts/a.lua": `local bot = require "bot"
bot.command("hi", "x", function(ctx) ctx:reply("hello " .. ctx.config.limit) end)`,
};
const second = `return function(config)
  config.welcome.deep.n = config.welcome.deep.n + config.limit
  config.old, config.limit = config.limit, nil
end`;

const number = async (db, query) => Number(Object.values((await db.query(query))[0])[0]);
const versions = (db) => db.query("SELECT version, count(*)::int AS n, min(changed_by) AS by FROM chat_configs GROUP BY 1 ORDER BY 1");

async function prepare(t, files, insert) {
  const db = await place.newDatabase(t);
  const home = folder(t, files);
  await db.query("CREATE TABLE chat_configs (chat_id BIGINT PRIMARY KEY, config JSONB)");
  if (insert) await db.query(insert);
  return { db, home };
}

const rows = (n) => `INSERT INTO chat_configs SELECT n, jsonb_build_object('limit', n + 100) FROM generate_series(1, ${n}) AS n`;

describe("in the background", { concurrency: 4 }, () => {
  test("it begins some seconds after the start, and after a reload that brings a version", async (t) => {
    const { db, home } = await prepare(t, files, rows(3000));
    await db.query("UPDATE chat_configs SET config = '{\"limit\": 13}' WHERE chat_id IN (5, 6)");
    await db.query("UPDATE chat_configs SET config = '[]' WHERE chat_id = 7");
    const host = await startBot(t, place, null, { url: db.url, folder: home, env: { CONFIG_UPGRADE_PER_S: "3000" } });
    await host.line(/upgrade: 2997 chats' configs upgraded in the background in \d+ s; 3 can't be upgraded: the table config_failures/, patience);
    assert.deepEqual(await versions(db), [{ version: 0, n: 3, by: null }, { version: 1, n: 2997, by: "background" }]);
    assert.equal(await number(db, "SELECT count(*) FROM config_history"), 2997);
    assert.equal(host.said.match(/error upgrade: the config of chat 5 can't be upgraded from version 0 and stays as it is: migrations\/config\/0001_first\.lua:2: unlucky/g).length, 1);
    assert.equal(await number(db, "SELECT count(*) FROM config_failures"), 3);

    const length = host.said.length;
    home.write("migrations/config/0002_second.lua", second);
    await host.line(/reloaded/, patience);
    await until("the second", () => /2997 chats' configs upgraded in the background/.test(host.since(length)), patience);
    assert.equal(await number(db, "SELECT count(*) FROM chat_configs WHERE version = 2"), 2997);
    await host.sim.send(alice, "/hi");
    assert.deepEqual(await host.sim.texts(alice, 1), ["hello 5"]);
  });

  test("CONFIG_UPGRADE_PER_S=0: what is read, and nothing else", async (t) => {
    const { db, home } = await prepare(t, files, rows(100));
    await db.query("INSERT INTO chat_configs VALUES ($1, '{}')", [alice + 1000]);
    const host = await startBot(t, place, null, { url: db.url, folder: home, env: { CONFIG_UPGRADE_PER_S: "0" } });
    await host.sim.send(alice, "/hi");
    await host.sim.texts(alice, 1);
    await sleep(11000); // longer than it would take to begin
    assert.deepEqual(await versions(db), [{ version: 0, n: 101, by: null }]);
  });

  test("slowly, and answers come meanwhile", async (t) => {
    const { db, home } = await prepare(t, files, rows(100000));
    const host = await startBot(t, place, null, { url: db.url, folder: home, env: { CONFIG_UPGRADE_PER_S: "500" } });
    const done = () => number(db, "SELECT count(*) FROM chat_configs WHERE version = 1");
    await until("it begins", async () => (await done()) > 0, patience);
    for (let i = 1; i <= 20; i++) {
      await host.sim.send(alice, "/hi");
      assert.equal((await host.sim.texts(alice, i)).length, i);
    }
    assert.ok((await done()) < 100000);
    await host.stop(); // in the middle
    const before = await done();
    assert.ok(before < 100000);
    assert.equal(await number(db, "SELECT count(*) FROM config_history"), before);
  });

  test("the database goes away and comes back: it goes on", async (t) => {
    const server = new Server();
    atEnd(t, () => server.remove());
    const url = server.start();
    const home = folder(t, files);
    const psql = (text) => execFileSync("psql", ["-X", "-q", "-A", "-t", url, "-c", text], { encoding: "utf8" }).trim();
    psql("CREATE TABLE chat_configs (chat_id BIGINT PRIMARY KEY, config JSONB)");
    psql(rows(3000));
    const host = await startBot(t, place, null, { url, folder: home, env: { CONFIG_UPGRADE_PER_S: "1000" } });
    const done = () => Number(psql("SELECT count(*) FROM chat_configs WHERE version = 1"));
    await until("it begins", () => done() > 0, patience);
    server.do("stop");
    await sleep(1000);
    server.start();
    await until("all are done", () => done() === 3000, patience * 2);
    await host.line(/chats' configs upgraded in the background/, patience);
    assert.equal(Number(psql("SELECT count(*) FROM chat_configs WHERE revision <> 2")), 0);
  });
});

/* ---- three ways ---- */

// A generator that is the same each time, so that what failed can be seen again.
function random(seed) {
  let state = seed;
  return (n) => {
    state = (state * 1103515245 + 12345) % 2147483648;
    return Math.floor((state / 2147483648) * n);
  };
}

function anyValue(next, depth = 0) {
  const kind = next(depth > 3 ? 6 : 9);
  const times = (f) => Array.from({ length: next(4) }, f);
  switch (kind) {
    case 0: return next(2000) - 1000;
    case 1: return next(1000) / 8;
    case 2: return ["", "text", "Grüße 👋", "a\"b\\c\n\u0001", "x".repeat(200)][next(5)];
    case 3: return next(2) === 1;
    case 4: return [9007199254740991, -1001234567890123, 1e300, 0.1][next(4)];
    case 5: return null;
    case 6: return times(() => anyValue(next, depth + 1));
    default: return Object.fromEntries(times(() => [["n", "list", "k.x", "", "ключ", "old"][next(6)], anyValue(next, depth + 1)]));
  }
}

function anyConfig(next) {
  const config = {};
  const maybe = (key, value) => { if (next(2)) config[key] = value(); };
  maybe("limit", () => (next(8) ? next(200) : anyValue(next)));
  maybe("words", () => (next(4) ? Array.from({ length: next(5) }, (_, i) => `w${i}`) : anyValue(next)));
  maybe("enabled", () => next(2) === 1);
  maybe("other", () => anyValue(next));
  maybe("welcome", () => {
    const welcome = next(8) ? {} : anyValue(next);
    if (welcome && typeof welcome === "object" && !Array.isArray(welcome)) {
      if (next(2)) welcome.text = "Hi";
      if (next(2)) welcome.deep = next(6) ? { n: next(50), list: [next(3)], more: anyValue(next) } : anyValue(next);
    }
    return welcome;
  });
  return config;
}

describe("reading, migrate and the background", () => {
  test("make the same of any config", async (t) => {
    const count = 600;
    const next = random(20261123);
    const configs = Array.from({ length: count }, () => JSON.stringify(anyConfig(next)));
    const all = {
      ...files,
      "migrations/config/0002_second.lua": second,
      "scripts/a.lua": `local bot = require "bot"
bot.command("all", "x", function(ctx)
  local failed = 0
  for chat = 1, ${count} do
    local ok, err = pcall(function() return bot.config(chat).limit end)
    if not ok then failed = failed + 1 end
  end
  ctx:reply("done")
end)`,
    };
    const make = async () => {
      const made = await prepare(t, all);
      for (const [i, config] of configs.entries()) await made.db.query("INSERT INTO chat_configs VALUES ($1, $2)", [i + 1, config]);
      return made;
    };
    // every row is current, or says why not
    const over = async (db) => (await number(db, "SELECT count(*) FROM chat_configs WHERE version = 0")) <=
      (await number(db, "SELECT count(*) FROM config_failures"));
    const result = (db) => db.query("SELECT chat_id::int, config::text, version FROM chat_configs ORDER BY 1");

    const bulk = await make();
    const { code } = await new Host(["migrate", bulk.home.dir, "--allow-failures"], { env: { DATABASE_URL: bulk.db.url } }).end(patience);
    assert.equal(code, 0);
    assert.ok(await over(bulk.db));
    const wanted = await result(bulk.db);
    const upgraded = wanted.filter((row) => row.version === 2).length;
    assert.ok(upgraded > count / 2 && upgraded < count, `${upgraded} of ${count} can be upgraded`);

    const slowly = await make();
    await startBot(t, place, null, { url: slowly.db.url, folder: slowly.home, env: { CONFIG_UPGRADE_PER_S: "2000" } })
      .then((host) => host.line(/chats' configs upgraded in the background/, patience));
    assert.deepEqual(await result(slowly.db), wanted);

    const read = await make();
    const host = await startBot(t, place, null, { url: read.db.url, folder: read.home, env: { CONFIG_UPGRADE_PER_S: "0" } });
    await host.sim.send(alice, "/all");
    assert.deepEqual(await host.sim.texts(alice, 1, patience), ["done"]);
    await until("all are written back", async () => (await number(read.db, "SELECT count(*) FROM chat_configs WHERE version = 2")) >= upgraded, patience);
    assert.deepEqual(await result(read.db), wanted);
  });
});
