// Broadcasts: from scripts and from the command, through crashes and restarts.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { assertDiscreet, environment, folder, run, startBot, world } from "./lib/host.mjs";
import { again, eventually } from "./lib/instances.mjs";
import { alice, bob } from "./lib/simulator.mjs";
import { sleep } from "./lib/program.mjs";

const place = world();

const files = {
  "scripts/a.lua": `local bot = require "bot"
local function show(b)
  return ("%s %d of %d, %d sent, %d blocked, %d failed, %d in doubt"):format(
    b.state, b.total - b.waiting, b.total, b.sent, b.blocked, b.failed, b.in_doubt)
end
bot.command("start", "s", function(ctx) ctx:reply("welcome") end)
bot.command("ping", "p", function(ctx) ctx:reply("pong " .. ctx.args[1]) end)
bot.command("news", "n", function(ctx)
  local b = bot.broadcast{ to = "all", message = "News!" }
  ctx:reply("broadcast " .. b.id .. ": " .. b.state .. ", to " .. b.to .. " by " .. b.made_by)
end)
bot.command("two", "t", function(ctx)
  local a = bot.broadcast{ to = { ctx.from.id }, message = { text = "<b>one</b>", parse_mode = "HTML" } }
  local b = bot.broadcast{ to = { ctx.from.id }, message = { text = "<b>one</b>", parse_mode = "HTML" } }
  ctx:reply("same: " .. tostring(a.id == b.id))
end)
bot.command("copy", "c", function(ctx)
  local m = ctx:reply("an original")
  bot.broadcast{ to = "SELECT " .. table.concat(ctx.args, " "), message = { method = "copyMessage", from_chat_id = ctx.chat.id, message_id = m.message_id } }
end)
bot.command("status", "s", function(ctx) ctx:reply(show(bot.find_broadcast(tonumber(ctx.args[1])))) end)
bot.command("list", "l", function(ctx)
  local ids = {}
  for _, b in ipairs(bot.broadcasts()) do ids[#ids + 1] = b.state end
  ctx:reply("list: " .. table.concat(ids, " "))
end)
bot.command("do", "d", function(ctx)
  local b = bot.find_broadcast(tonumber(ctx.args[2]))
  ctx:reply("is " .. b[ctx.args[1]](b).state)
end)
bot.command("wrong", "w", function(ctx)
  local said = {}
  for _, order in ipairs{ {}, { to = "all" }, { to = "everybody", message = "x" }, { to = {}, message = "x" }, { to = { 1.5 }, message = "x" },
      { to = "all", message = "" }, { to = "all", message = { text = "x", chat_id = 1 } }, { to = "all", message = { method = "getMe" } },
      { to = "all", text = "x" }, { to = "DELETE FROM chats", message = "x" }, { to = "SELECT 'a'", message = "x" } } do
    local ok, e = pcall(bot.broadcast, order)
    said[#said + 1] = tostring(ok) .. " " .. tostring(e)
  end
  ctx:reply(table.concat(said, "\\n"))
end)`,
};

const env = { STATS_SECONDS: "0" };

// People whose chats the bot has heard from, and their database.
async function town(t, n, more = {}) {
  const db = await place.newDatabase(t);
  const first = 20000 + 1000 * ++town.made;
  const host = await startBot(t, place, files, { url: db.url, env: { ...env, ...more } });
  const people = Array.from({ length: n }, (_, i) => first + i);
  for (const id of people) await host.sim.post("person", { id, first_name: `P${id}` });
  for (const id of people) await host.sim.send(id, "/start");
  await eventually("all were seen", async () => (await db.query("SELECT count(*)::int AS n FROM chats"))[0].n === n);
  return { db, host, people };
}
town.made = 0;

const dbState = async (db, id = 1) => (await db.query("SELECT state FROM broadcasts WHERE id = $1", [id]))[0]?.state;
const chats = async (db, state, id = 1) =>
  (await db.query("SELECT chat_id::int AS c FROM broadcast_chats WHERE broadcast_id = $1 AND state = $2", [id, state])).map((r) => r.c);
const still = (db) => eventually("what was on its way is there", async () => (await chats(db, "sending")).length === 0);
const finished = (db, id = 1) => eventually(`broadcast ${id} is done`, async () => (await dbState(db, id)) === "done");

// How often each of them got this text.
async function counts(host, people, text) {
  const all = new Map();
  for (const id of people) all.set(id, (await host.sim.said(id)).filter((s) => s === text).length);
  return all;
}

// The command's arguments with its subcommand first, as a person writes them.
async function ok(host, url, ...args) {
  const { code, said } = await run(["broadcast", ...args], environment({ url, base: host.sim.base, bot: host.bot }));
  assert.equal(code, 0, `${args.join(" ")}: ${said}`);
  assertDiscreet(said);
  return said;
}

async function fails(host, url, pattern, ...args) {
  const { code, said } = await run(["broadcast", ...args], environment({ url, base: host.sim.base, bot: host.bot }));
  assert.notEqual(code, 0, `${args.join(" ")}: ${said}`);
  assert.match(said, pattern);
}

describe("broadcasts", { concurrency: 3 }, () => {
  test("killed three times in the middle: nobody gets it twice, and who may have missed it is known", async (t) => {
    let { db, host, people } = await town(t, 300);
    const { id: fault } = await host.sim.fault({ method: "sendMessage", kind: "delay", ms: 15, times: -1 });
    assert.match(await answered(host, alice, "/news"), /^broadcast 1: running, to all by user:1001 update:\d+$/);
    people = [...people, alice];
    const kills = 3;
    for (let i = 0; i < kills; i++) {
      const before = (await chats(db, "sent")).length;
      await eventually("it goes on", async () => (await chats(db, "sent")).length > before + 20);
      await sleep(Math.random() * 30);
      host.kill("SIGKILL");
      await host.ended;
      host.awaited = true;
      host = await again(host, db.url, env);
    }
    t.after(() => host.stop());
    await finished(db);
    const got = await counts(host, people, "News!");
    const doubt = await chats(db, "in_doubt");
    const sent = new Set(await chats(db, "sent"));
    assert.ok(doubt.length <= kills, `${doubt.length} in doubt`);
    assert.equal(sent.size + doubt.length, people.length);
    for (const [id, n] of got) {
      assert.ok(n <= 1, `${id} got it ${n} times`);
      if (n === 0) assert.ok(doubt.includes(id), `${id} missed it`);
      if (sent.has(id)) assert.equal(n, 1);
    }
    assert.match(host.said, /broadcast 1 is done in \d+ s: 301 chats, /);
    t.diagnostic(`${doubt.length} in doubt after ${kills} kills`);
    await host.sim.ask(`fault?id=${fault}`, { method: "DELETE" });
  });

  test("SIGTERM in the middle: the next process goes on at once, and nothing is in doubt", async (t) => {
    let { db, host, people } = await town(t, 80);
    const { id: fault } = await host.sim.fault({ method: "sendMessage", kind: "delay", ms: 10, times: -1 });
    host.folder.write("m.txt", "Hello all\n");
    await ok(host, db.url, host.folder.path("m.txt"), "--to", "private");
    for (let i = 0; i < 3; i++) {
      const before = (await chats(db, "sent")).length;
      await eventually("it goes on", async () => (await chats(db, "sent")).length > before + 8);
      await host.stop();
      assert.deepEqual(await chats(db, "sending"), []);
      host = await again(host, db.url, env);
    }
    t.after(() => host.stop());
    await finished(db);
    assert.deepEqual(await chats(db, "in_doubt"), []);
    for (const [id, n] of await counts(host, people, "Hello all")) assert.equal(n, 1, `${id}`);
    await host.sim.ask(`fault?id=${fault}`, { method: "DELETE" });
  });

  test("two processes send it together: each chat once", async (t) => {
    const { db, host, people } = await town(t, 40);
    const other = await startBot(t, place, files, { url: db.url, env, bot: host.bot, ready: false });
    await sleep(500);
    host.folder.write("m.txt", "Once");
    for (let i = 0; i < 3; i++) await ok(host, db.url, host.folder.path("m.txt"), "--to", people.slice(i * 10, i * 10 + 20).join(","));
    for (let id = 1; id <= 3; id++) await finished(db, id);
    const got = await counts(host, people, "Once");
    people.forEach((id, i) => assert.equal(got.get(id), i < 10 || i >= 30 ? 1 : 2, `${i}`));
    assert.ok(other.running);
  });

  test("who blocked the bot is left out until they are back", async (t) => {
    const { db, host, people } = await town(t, 6);
    const [gone, heard, ...rest] = people;
    await host.sim.post("member", { chat: gone, user: host.bot, status: "kicked", by: gone });
    await eventually("it is noted", async () => (await db.query("SELECT 1 FROM chats WHERE chat_id = $1 AND gone IS NOT NULL", [gone])).length);
    // one whose my_chat_member the bot did not hear of
    await db.query("UPDATE chats SET gone = NULL, gone_at = NULL WHERE chat_id = $1", [gone]);
    host.folder.write("m.html", "<b>Bold</b> &amp; plain");
    const file = host.folder.path("m.html");
    await ok(host, db.url, file);
    await finished(db);
    assert.deepEqual(await chats(db, "blocked"), [gone]);
    assert.deepEqual([...(await counts(host, [heard, ...rest], "Bold & plain")).values()], rest.map(() => 1).concat(1));
    assert.match(await ok(host, db.url, file, "--dry-run"), /To all: 5 chats/);
    assert.match(await ok(host, db.url, "show", "1"), /5 sent, 1 blocked[\s\S]*1 blocked: 403 Forbidden: bot was blocked by the user \(as chat \d+\)/);
    await host.sim.post("member", { chat: gone, user: host.bot, status: "member", by: gone });
    await eventually("it is back", async () => /To all: 6 chats/.test(await ok(host, db.url, file, "--dry-run")));
  });

  test("pause, resume, cancel: by the command and by a script", async (t) => {
    const { db, host } = await town(t, 60);
    const { id: fault } = await host.sim.fault({ method: "copyMessage", kind: "delay", ms: 150, times: -1 });
    assert.equal(await answered(host, alice, "/copy chat_id FROM chats WHERE chat_id > 20000"), "an original");
    await eventually("it has begun", async () => (await chats(db, "sent")).length > 3);
    assert.match(await ok(host, db.url, "pause", "1"), /^1 {2}paused/m);
    await still(db);
    const paused = (await chats(db, "sent")).length;
    await sleep(500);
    assert.equal((await chats(db, "sent")).length, paused);
    assert.ok(paused < 60);
    await fails(host, db.url, /broadcast 1 is paused: only one that runs can be paused/, "pause", "1");
    assert.equal(await answered(host, alice, "/do resume 1"), "is running");
    await eventually("it goes on", async () => (await chats(db, "sent")).length > paused + 3);
    assert.equal(await answered(host, alice, "/do cancel 1"), "is cancelled");
    await still(db);
    const cancelled = (await chats(db, "sent")).length;
    await sleep(300);
    assert.equal((await chats(db, "sent")).length, cancelled);
    assert.ok(cancelled < 60);
    assert.match(await answered(host, alice, "/status 1"), new RegExp(`^cancelled ${cancelled} of 60, ${cancelled} sent, 0 blocked`));
    assert.equal(await answered(host, alice, "/list"), "list: cancelled");
    await fails(host, db.url, /broadcast 1 is cancelled: it is over/, "cancel", "1");
    await fails(host, db.url, /there is no broadcast 77/, "show", "77");
    assert.equal((await ok(host, db.url, "chats", "1", "sent")).trim().split("\n").length, cancelled);
    await host.sim.ask(`fault?id=${fault}`, { method: "DELETE" });
  });

  test("from a script: the same update makes one, and what is wrong is said", async (t) => {
    const { db, host } = await town(t, 1);
    await host.sim.send(alice, "/two");
    await host.sim.text(alice, "same: true");
    await eventually("it arrives", async () => (await host.sim.said(alice)).includes("one"));
    const wrong = (await answered(host, alice, "/wrong")).split("\n");
    const said = [
      /false .*to: "all", "private", "groups", a list of chats' ids, or a SELECT of ids is expected, got nil/,
      /message: a text, or a table .* is expected, got nil/,
      /to = "everybody": "all"/,
      /the list of chats is empty/,
      /to\[1\]: a chat's id is a whole number other than 0, got 1.5/,
      /the message has no text/,
      /without chat_id/,
      /getMe is not for many chats/,
      /there is no option text; to and message are/,
      /to = "DELETE FROM chats"/,
      /invalid input syntax for type bigint: "a"/,
    ];
    said.forEach((pattern, i) => assert.match(wrong[i] ?? "", pattern));
    assert.equal((await db.query("SELECT count(*)::int AS n FROM broadcasts"))[0].n, 1);
  });

  test("the command checks before it starts", async (t) => {
    const { db, host, people } = await town(t, 3);
    const write = (name, text) => {
      host.folder.write(name, text);
      return host.folder.path(name);
    };
    await fails(host, db.url, /No such file/, host.folder.path("none.txt"));
    await fails(host, db.url, /must end with \.txt/, write("a.doc", "x"));
    await fails(host, db.url, /has no text/, write("empty.txt", " \n"));
    await fails(host, db.url, /has 4098 characters, as Telegram counts/, write("long.txt", "😀".repeat(2049)));
    await ok(host, db.url, write("fits.txt", "😀".repeat(2048)), "--dry-run");
    await fails(host, db.url, /bad\.json: .*(byte|line|expected)/i, write("bad.json", "{"));
    await fails(host, db.url, /without chat_id/, write("chat.json", `{"text":"a","chat_id":1}`));
    await fails(host, db.url, /can't be a method/, write("x.json", `{"method":"../x","text":"a"}`));
    const file = write("good.json", `{ "method": "sendMessage",\n "text": "from a file", "allow_paid_broadcast": false }`);
    await fails(host, db.url, /--to nobody: all, private/, file, "--to", "nobody");
    await fails(host, db.url, /is not a chat's id/, file, "--to", "1,x");
    await fails(host, db.url, /no chat to send it to/, file, "--to", "SELECT 1 WHERE false");
    await fails(host, db.url, /read-only|must be at the top level/, file, "--to", "WITH d AS (DELETE FROM chats RETURNING chat_id) SELECT * FROM d");
    await fails(host, db.url, /there is no option "--all" here/, file, "--all");
    assert.match(await ok(host, db.url, file, "--dry-run"), /To all: 3 chats \(\d+, \d+, \d+\)\nsendMessage \{.*from a file/);
    assert.equal((await db.query("SELECT count(*)::int AS n FROM broadcasts"))[0].n, 0);
    const ids = write("ids.txt", `# two\n${people[0]}, ${people[1]}\n`);
    const made = await ok(host, db.url, file, "--to", `@${ids}`, "--json");
    assert.match(made, /"state":"running".*"total":2/);
    await finished(db);
    const { said } = await run(["broadcast", "show", "1", "--json"], environment({ url: db.url, base: host.sim.base, bot: host.bot }));
    const one = JSON.parse(said);
    assert.deepEqual([one.state, one.sent, one.to, one.parameters.text], ["done", 2, "2 chats", "from a file"]);
    assert.match(await ok(host, db.url, "list"), /^1 {2}done {7}2 of 2 chats: 2 sent {2}\(sendMessage to 2 chats\)$/m);
    await fails(host, db.url, /no chats that failed/, "retry", "1");
  });
});

// Alone: what others do would push the calls out of the list that the simulator keeps.
describe("a broadcast", () => {
  test("replies go before a broadcast", async (t) => {
    const { db, host, people } = await town(t, 60, { PACE_BOT_PER_S: "5", PACE_CHAT_PER_S: "1000", PACE_CHAT_BURST: "1000" });
    host.folder.write("m.txt", "slow news");
    await ok(host, db.url, host.folder.path("m.txt"), "--to", people.join(","));
    await eventually("it has begun", async () => (await chats(db, "sent")).length > 2);
    for (let i = 1; i <= 3; i++) {
      assert.equal(await answered(host, bob, `/ping ${i}`), `pong ${i}`);
      // what the bot sent since it was given the update
      const { calls } = await host.sim.get("calls");
      const given = calls.findIndex((c) => c.method === "getUpdates" && JSON.stringify(c.response).includes(`/ping ${i}`));
      const after = calls.slice(given).filter((c) => c.method === "sendMessage").map((c) => c.params.text);
      const others = after.indexOf(`pong ${i}`);
      assert.ok(given >= 0 && others >= 0, JSON.stringify(after));
      assert.ok(others <= 10, `${others} others went first`);
    }
    assert.equal(await dbState(db), "running");
  });
});

// What the bot says next in this chat.
async function answered(host, as, text) {
  const before = (await host.sim.said(as)).length;
  await host.sim.send(as, text);
  return (await host.sim.texts(as, before + 1))[before];
}
