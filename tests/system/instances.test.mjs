// Several processes on one database: nobody's write is lost, and each hears of
// what the others write. MOONPOST_TEST_LONG=1 writes ten times as much.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { query, slow, startBot, urlOf, world } from "./lib/host.mjs";
import { ask, eventually, listening, long, median, revisions, settings, startAll } from "./lib/instances.mjs";
import { alice, bob, carol } from "./lib/simulator.mjs";

const place = world();
const few = (n) => (slow > 1 ? 10 : n);

const files = {
  "defaults/box.lua": `return { n1 = 0, n2 = 0, n3 = 0, l1 = option.list{ default = {} }, l2 = option.list{ default = {} }, l3 = option.list{ default = {} }, same = "",
    all = option.list{ default = {} }, notes = option.map{ default = {} } }`,
  "scripts/a.lua": `local bot = require "bot"
bot.command("own", "Write to keys of my own", function(ctx)
  local key, times = ctx.args[1], tonumber(ctx.args[2])
  for i = 1, times do
    local box = ctx.config.box
    box["n" .. key] = box["n" .. key] + 1
    if i % 10 == 0 then table.insert(box["l" .. key], i) end
    ctx.api.getMe{} -- before a call all is written
  end
  ctx:reply("done")
end)
bot.command("same", "Write to a key of everybody's", function(ctx)
  for i = 1, tonumber(ctx.args[2]) do
    ctx.config.box.same = ctx.args[1] .. i
    ctx:reply("wrote " .. ctx.args[1] .. i)
  end
  ctx:reply("done")
end)
bot.command("insert", "Add to lists and maps of everybody's", function(ctx)
  for i = 1, tonumber(ctx.args[2]) do
    table.insert(ctx.config.box.all, ctx.args[1] .. i)
    ctx.config.box.notes[ctx.args[1] .. i] = { i }
    for at, name in ipairs(ctx.config.box.all) do
      if name == ctx.args[1] .. i - 3 then table.remove(ctx.config.box.all, at) break end
    end
    ctx.api.getMe{}
  end
  ctx:reply("done")
end)
bot.command("set", "Write one value", function(ctx)
  ctx.config.box.n1 = tonumber(ctx.args[1])
  ctx:reply("saved")
end)
bot.command("get", "Read it", function(ctx) ctx:reply("n1 is " .. ctx.config.box.n1) end)
bot.command("show", "All numbers", function(ctx)
  local b = ctx.config.box
  ctx:reply(("%d %d %d %d"):format(b.n1, b.n2, b.n3, #b.l1 + #b.l2 + #b.l3))
end)`,
};

// Wait until a text of the bot's in the chat is this.
const says = (host, as, text) => eventually(`${text} in ${as}:\n${host.said}`, async () => (await host.sim.said(as)).includes(text));

// How long after a reply that says it is saved another process reads it.
async function delays(writer, reader, rounds) {
  const list = [];
  await ask(reader, alice, "/get");
  for (let n = 1; n <= rounds; n++) {
    assert.equal(await ask(writer, alice, `/set ${n}`), "saved");
    const start = performance.now();
    await eventually(`${n} is read`, async () => (await ask(reader, alice, "/get")) === `n1 is ${n}`);
    list.push(performance.now() - start);
  }
  return median(list);
}

describe("two and three processes", { concurrency: 2 }, () => {
  test("keys of one chat written by all at once: none is lost", async (t) => {
    const db = await place.newDatabase(t);
    const hosts = await startAll(t, place, 3, files, db);
    const times = long ? 1120 : few(110);
    const chats = [alice, bob, carol];
    await Promise.all(hosts.flatMap((h, i) => chats.map((chat) => h.sim.send(chat, `/own ${i + 1} ${times}`))));
    for (const h of hosts) for (const chat of chats) await says(h, chat, "done");
    for (const { config, revision } of await db.query("SELECT config, revision::int FROM chat_configs")) {
      const { box } = config;
      assert.deepEqual([box.n1, box.n2, box.n3], [times, times, times]);
      for (const list of [box.l1, box.l2, box.l3]) assert.deepEqual(list, Array.from({ length: Math.floor(times / 10) }, (_, i) => 10 * i + 10));
      assert.equal(revision, 3 * times, "each was written once");
    }
    const all = `${times} ${times} ${times} ${3 * Math.floor(times / 10)}`;
    for (const h of hosts) for (const chat of chats) await eventually("it knows what the others wrote", async () => (await ask(h, chat, "/show")) === all);
    for (const h of hosts) assert.doesNotMatch(h.said, / (warn|error) /);
    t.diagnostic(`${9 * times} writes`);
  });

  test("one list and one map that all change: what each puts in and takes out", async (t) => {
    const db = await place.newDatabase(t);
    const hosts = await startAll(t, place, 3, files, db);
    const times = few(60);
    await Promise.all(hosts.map((h, i) => h.sim.send(alice, `/insert ${"abc"[i]} ${times}`)));
    for (const h of hosts) await says(h, alice, "done");
    const [{ config: { box } }] = await db.query("SELECT config FROM chat_configs");
    const put = [...Array(times).keys()].flatMap((i) => ["a", "b", "c"].map((who) => who + (i + 1)));
    assert.deepEqual(Object.keys(box.notes).sort(), [...put].sort());
    for (const name of put) assert.deepEqual(box.notes[name], [Number(name.slice(1))]);
    assert.deepEqual([...box.all].sort(), put.filter((name) => Number(name.slice(1)) > times - 3).sort());
    for (const h of hosts) assert.doesNotMatch(h.said, / (warn|error) /);
  });

  test("one key written by both: the last one wins, and what is said to be written was", async (t) => {
    const db = await place.newDatabase(t);
    const hosts = await startAll(t, place, 2, files, db);
    const times = few(60);
    await Promise.all(hosts.map((h, i) => h.sim.send(alice, `/same ${"ab"[i]} ${times}`)));
    for (const h of hosts) await says(h, alice, "done");
    const stored = (await revisions(db, alice)).map((r) => r.config.box.same);
    const said = (await Promise.all(hosts.map((h) => h.sim.said(alice)))).flat().filter((x) => x !== "done");
    assert.deepEqual(said.map((x) => x.slice(6)).sort(), [...stored].sort());
    for (const key of "ab") assert.deepEqual(stored.filter((x) => x[0] === key), Array.from({ length: times }, (_, i) => `${key}${i + 1}`));
  });

  test("what one writes the other reads", async (t) => {
    const db = await place.newDatabase(t);
    const hosts = await startAll(t, place, 2, files, db);
    const ms = await delays(hosts[0], hosts[1], few(40));
    t.diagnostic(`median: read ${ms.toFixed(1)} ms after the reply that it is saved`);
    assert.doesNotMatch(hosts[1].said, /changed configs are looked up/);
  });

  // Its notifications are another database's: as behind a pooler, none comes.
  test("where nothing can be heard, changes are looked up", async (t) => {
    const db = await place.newDatabase(t);
    const other = await place.newDatabase(t);
    const env = settings({ DATABASE_LISTEN_URL: urlOf(other.name) });
    const [writer] = await startAll(t, place, 1, files, db);
    const deaf = await startBot(t, place, files, { url: db.url, env });
    const ms = await delays(writer, deaf, 4);
    t.diagnostic(`median: read ${ms.toFixed(0)} ms after the reply, with CONFIG_POLL_SECONDS=1`);
    const pattern = /warn +config: notifications of PostgreSQL do not come through/g;
    await deaf.line(pattern, 60000 * slow);
    await delays(writer, deaf, 3);
    assert.equal(deaf.said.match(pattern).length, 1);
    assert.deepEqual(await other.query("SELECT count(*)::int AS n FROM pg_tables WHERE tablename = 'chat_configs'"), [{ n: 0 }]);
    await eventually("the connection that heard nothing is closed", async () =>
      (await query(other.url, "SELECT FROM pg_stat_activity WHERE application_name = 'moonpost listen' AND datname = $1", [other.name])).length === 0);
  });

  test("the connection that listens ends while others write: nothing stays old", async (t) => {
    const db = await place.newDatabase(t);
    const [writer, reader] = await startAll(t, place, 2, files, db);
    const end = () => db.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE application_name = 'moonpost listen' AND datname = current_database()`);
    const chats = [alice, bob, carol];
    const times = few(60);
    for (const chat of chats) await ask(reader, chat, "/show");
    await Promise.all(chats.map((chat) => writer.sim.send(chat, `/own 1 ${times}`)));
    // not by a clock: on a fast machine the writes are done before a timer has run
    let broken = 0;
    while (broken < 5 || !(await writer.sim.said(carol)).includes("done")) {
      await end();
      broken += 1;
      for (const chat of chats) await ask(reader, chat, "/show");
    }
    for (const chat of chats) await says(writer, chat, "done");
    await reader.line(/the connection that listens broke/);
    for (const chat of chats)
      await eventually("all is read", async () => (await ask(reader, chat, "/show")) === `${times} 0 0 ${times / 10}`);
    await reader.line(/listening again/);

    // a row that was deleted while nobody listened
    assert.equal(await ask(reader, bob, "/get"), `n1 is ${times}`);
    await Promise.all([end(), db.query("DELETE FROM chat_configs WHERE chat_id = $1", [bob])]);
    for (const h of [writer, reader]) await eventually("it is gone", async () => (await ask(h, bob, "/get")) === "n1 is 0");
  });
});

describe("a rolling deploy", () => {
  const version = (n) => ({
    "defaults/box.lua": `return { old = 0, a = 0, b = 0, upgraded = 0, list = option.list{ default = {} } ${n > 1 ? `, new = 0, style = "plain"` : ""} }`,
    ...Object.fromEntries(Array.from({ length: n }, (_, i) => [`migrations/config/000${i + 1}_step.lua`,
      `return function(config) config.box.upgraded = config.box.upgraded + 1 ${i ? `config.box.style = "fancy"` : ""} end`])),
    "scripts/a.lua": `local bot = require "bot"
bot.command("write", "x", function(ctx)
  local box, key = ctx.config.box, ctx.args[2] or "${n > 1 ? "new" : "old"}"
  for i = 1, tonumber(ctx.args[1]) do
    box[key] = box[key] + 1
    ctx.api.getMe{}
  end
  ctx:reply("done")
end)
bot.command("append", "x", function(ctx)
  table.insert(ctx.config.box.list, ctx.args[1])
  ctx:reply("appended")
end)
bot.command("list", "x", function(ctx) ctx:reply("list " .. #ctx.config.box.list) end)`,
  });

  test("version 1 and version 2 write side by side: nothing is stamped down or upgraded twice", async (t) => {
    const db = await place.newDatabase(t);
    const old = await startBot(t, place, version(1), { url: db.url, env: settings() });
    const chats = [alice, bob, carol];
    const times = long ? 500 : few(60);
    await old.sim.send(alice, "/write 1"); // of version 1; bob's and carol's are new
    await says(old, alice, "done");
    await db.query(`INSERT INTO chat_configs (chat_id, config, version) VALUES ($1, '{"box": {"old": 1}, "more": [1]}', 0)`, [bob]);
    const young = await startBot(t, place, version(2), { url: db.url, env: settings() });
    await Promise.all([old, young].map(listening));

    await Promise.all([old, young].flatMap((h) => chats.map((chat) => h.sim.send(chat, `/write ${times}`))));
    await eventually(`old:\n${old.said}`, async () => (await old.sim.said(alice)).length === 2 && (await old.sim.said(bob)).length && (await old.sim.said(carol)).length);
    for (const chat of chats) await says(young, chat, "done");
    for (const chat of chats) {
      assert.equal(await ask(old, chat, `/append ${old.bot}`), "appended");
      // a list is one key: who appends to an older one, replaces it
      await eventually("the other reads it", async () => (await ask(young, chat, "/list")) === "list 1");
      assert.equal(await ask(young, chat, `/append ${young.bot}`), "appended");
    }

    for (const chat of chats) {
      const all = await revisions(db, chat);
      const { config, version } = all.at(-1);
      assert.equal(version, 2);
      assert.equal(config.box.new, times);
      assert.equal(config.box.old, times + (chat === carol ? 0 : 1));
      assert.deepEqual(config.box.list, [String(old.bot), String(young.bot)]);
      if (chat === bob) assert.deepEqual(config.more, [1]);
      // each step's function once, from the version at which the row was made
      const made = { [alice]: 1, [bob]: 0, [carol]: all[0].version }[chat];
      assert.equal(config.box.upgraded ?? 0, 2 - made, "not twice");
      if (made < 2) assert.equal(config.box.style, "fancy");
      for (let i = 1; i < all.length; i++) {
        assert.equal(all[i].revision, all[i - 1].revision + 1);
        assert.ok(all[i].version >= all[i - 1].version, "stamped down");
        assert.equal(all[i].config.box.upgraded ?? 0, all[i].version - made);
        for (const key of ["old", "new"]) assert.ok((all[i].config.box[key] ?? 0) >= (all[i - 1].config.box[key] ?? 0), `${key} of ${chat} at ${i}`);
      }
    }
    for (const h of [old, young]) assert.doesNotMatch(h.said, / error /);
  });

  test("both get the new version by a reload while they write: each row is upgraded once", async (t) => {
    const db = await place.newDatabase(t);
    const hosts = [];
    for (const n of [1, 2]) hosts.push(await startBot(t, place, version(1), { url: db.url, env: settings() }));
    const chats = [alice, bob, carol];
    const times = few(80);
    await Promise.all(hosts.map(listening));
    await Promise.all(hosts.flatMap((h, i) => chats.map((chat) => h.sim.send(chat, `/write ${times} ${"ab"[i]}`))));
    await eventually("they write", async () => (await db.query("SELECT FROM chat_configs WHERE revision > 3")).length === 3);
    for (const h of hosts) for (const [name, text] of Object.entries(version(2)).reverse()) h.folder.replace(name, text);
    for (const h of hosts) for (const chat of chats) await says(h, chat, "done");
    for (const h of hosts) await eventually("the new version", async () => (await ask(h, alice, "/list 2")) === "list 0" && /reload/.test(h.said));
    for (const chat of chats) for (const h of hosts) await ask(h, chat, `/append ${h.bot}`);
    for (const chat of chats) {
      const all = await revisions(db, chat);
      assert.deepEqual([all.at(-1).config.box.a, all.at(-1).config.box.b], [times, times]);
      assert.equal(all.at(-1).version, 2);
      for (const { config, version } of all) assert.equal(config.box.upgraded ?? 0, version - all[0].version);
    }
  });
});
