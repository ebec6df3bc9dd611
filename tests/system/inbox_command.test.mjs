// `moonpost inbox`: what waits in the database and what was set aside, beside a bot
// that runs.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, test } from "node:test";
import { assertDiscreet, folder, Host, run, startBot, tokenOf, world } from "./lib/host.mjs";
import { moonpost, patience, until } from "./lib/program.mjs";
import { alice } from "./lib/simulator.mjs";

const place = world();

async function inbox(args, { url, env = {} } = {}) {
  const { PATH, HOME, LANG, ASAN_OPTIONS, UBSAN_OPTIONS, LSAN_OPTIONS } = process.env;
  const all = { PATH, HOME, LANG, ASAN_OPTIONS, UBSAN_OPTIONS, LSAN_OPTIONS, DATABASE_URL: url, ...env };
  for (const key of Object.keys(all)) if (all[key] === undefined) delete all[key];
  const child = spawn(moonpost, ["inbox", ...args], { env: all, stdio: ["ignore", "pipe", "pipe"] });
  const said = { out: "", err: "" };
  child.stdout.setEncoding("utf8").on("data", (d) => { said.out += d; });
  child.stderr.setEncoding("utf8").on("data", (d) => { said.err += d; });
  const timer = setTimeout(() => child.kill("SIGKILL"), patience * 6);
  const [code, signal] = await once(child, "close");
  clearTimeout(timer);
  assert.equal(signal, null, `${args.join(" ")} did not end:\n${said.out}${said.err}`);
  assertDiscreet(said.out + said.err);
  return { code, ...said };
}

const update = (id, text, chat = 7) => JSON.stringify(
  { update_id: id, message: { message_id: 1, chat: { id: chat, type: "private" }, from: { id: chat }, text } });

// A database with its tables, and words to look at it.
async function start(t) {
  const db = await place.newDatabase(t);
  await new Host(["migrate", folder(t, {}).dir], { env: { DATABASE_URL: db.url } }).succeeds();
  const go = (args, env) => inbox(args, { url: db.url, env });
  return {
    db,
    run: go,
    async ok(...args) {
      const { code, out, err } = await go(args);
      assert.equal(code, 0, `${args.join(" ")}: ${out}${err}`);
      assert.equal(err, "", args.join(" "));
      return out;
    },
    async lines(...args) {
      return (await this.ok(...args, "--json")).split("\n").filter(Boolean).map((line) => JSON.parse(line));
    },
    async fails(args, pattern, status = 1) {
      const { code, out, err } = await go(args);
      assert.equal(code, status, `${args.join(" ")}: ${out}${err}`);
      assert.match(err, pattern);
      return out;
    },
    dead: (id, more = {}) => {
      const row = { bot_id: 42, chat_id: 7, reason: "error", error: "scripts/a.lua:3: no such thing\n  scripts/a.lua:3: in x",
        handler: "/a", tries: 1, received_at: "2026-01-02T03:04:05Z", died_at: "2026-01-02T03:04:06Z",
        update: update(id, `/a ${id}`), ...more };
      return db.query("INSERT INTO dead_updates (bot_id, update_id, chat_id, reason, error, handler, tries, received_at, died_at, update) " +
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)", [row.bot_id, id, row.chat_id, row.reason, row.error, row.handler, row.tries,
        row.received_at, row.died_at, row.update]);
    },
    waiting: (id, more = {}) => {
      const row = { bot_id: 42, lane: 7, owner: null, taken: false, tries: 0, update: update(id, `/a ${id}`), ...more };
      return db.query("INSERT INTO inbox (bot_id, update_id, lane, owner, taken, tries, received_at, update) " +
        "VALUES ($1, $2, $3, $4, $5, $6, '2026-01-02T03:04:05Z', $7)", [row.bot_id, id, row.lane, row.owner, row.taken, row.tries, row.update]);
    },
    ids: async (table) => (await db.query(`SELECT update_id::int FROM ${table} ORDER BY bot_id, update_id`)).map((r) => r.update_id),
  };
}

describe("the command line", { concurrency: 4 }, () => {
  test("help", async () => {
    const { code, said } = await run(["inbox", "--help"], { PORT: "nonsense" });
    assert.equal(code, 0, said);
    for (const name of ["list", "show", "retry", "drop"]) {
      assert.match(said, new RegExp(`^  ${name} +\\S.{8}`, "m"));
      const help = await run(["inbox", name, "--help"], { PORT: "nonsense" });
      assert.equal(help.code, 0);
      assert.match(help.said, new RegExp(`^Usage: moonpost inbox ${name}[^]*--bot ID[^]*--json`));
    }
  });

  const wrong = [
    [[], /^Usage: moonpost inbox/],
    [["lst"], /there is no "lst"/],
    [["list", "7"], /unexpected argument "7"/],
    [["list", "--limit", "0"], /"0" is not a number of lines/],
    [["list", "--limit"], /--limit needs a number/],
    [["list", "--all"], /there is no option "--all"/],
    [["list", "--bot", "x"], /"x" is not a bot's id/],
    [["show"], /it needs an ID/],
    [["show", "1x"], /"1x" is not an update's number/],
    [["show", "-1"], /there is no option "-1"/],
    [["show", "1", "2"], /unexpected argument "2"/],
    [["retry"], /it needs IDs, or --all/],
    [["retry", "1", "--all"], /either IDs or --all/],
    [["drop", "--chat", "7"], /it needs IDs, or --all/],
  ];
  for (const [args, pattern] of wrong)
    test(`usage: ${args.join(" ")}`, async () => {
      const { code, err } = await inbox(args);
      assert.equal(code, 2, err);
      assert.match(err, pattern);
    });

  test("without a database, and without its tables", async (t) => {
    const none = await inbox(["list"]);
    assert.equal(none.code, 1);
    assert.match(none.err, /DATABASE_URL is not set/);
    const db = await place.newDatabase(t);
    const early = await inbox(["list"], { url: db.url });
    assert.equal(early.code, 1);
    assert.match(early.err, /run `moonpost migrate` first/);
  });
});

describe("looking", () => {
  test("nothing", async (t) => {
    const it = await start(t);
    assert.equal(await it.ok("list"), "Nothing waits.\nNothing was set aside.\n");
    assert.deepEqual(await it.lines("list"), []);
    assert.equal(await it.ok("retry", "--all"), "Nothing was set aside.\n");
  });

  test("list: what waits and with whom, and equal errors once", async (t) => {
    const it = await start(t);
    await it.db.query("INSERT INTO instances (id, bot_id, name, mode, seen_at) VALUES (1, 42, 'web.1:9', 'poll', now()), " +
      "(2, 42, 'web.2:9', 'poll', now() - interval '100 s')");
    await it.waiting(1, { owner: 1, taken: true });
    await it.waiting(2, { owner: 2 });
    await it.waiting(3, { owner: 3, lane: -100 });
    await it.waiting(4, { lane: (2n ** 60n + 8n).toString(), update: '{"update_id":4,"inline_query":{"id":"1","from":{"id":8}}}' });
    for (let id = 11; id <= 17; id++) await it.dead(id, { died_at: `2026-01-02T03:04:${id}Z`, error: `scripts/a.lua:3: no such thing\n  trace ${id}` });
    await it.dead(20, { reason: "deadline", error: "it ran longer", handler: "/slow", chat_id: -100 });
    await it.dead(21, { reason: "unreadable", error: "an update without an update_id", handler: null, chat_id: null, update: "{\u001b[31m" });
    await it.dead(22, { bot_id: 43, reason: "crash", error: "died", handler: null });
    const alive = setInterval(() => it.db.query("UPDATE instances SET seen_at = now() WHERE id = 1").catch(() => {}), 500).unref();
    const said = (await it.ok("list", "--bot", "42")).replace(/(, not seen for) 1\d\d s$/m, "$1 100 s");
    clearInterval(alive);
    assert.equal(said, `Waiting: 4 updates, in 3 lines.
Set aside: 9 updates. \`moonpost inbox show ID\` shows one, retry gives it
back to the bot, drop deletes it.

Waiting, the oldest first:
  1  message of chat 7, came 2026-01-02 03:04:05 UTC; is with web.1:9
  2  message of chat 7, came 2026-01-02 03:04:05 UTC; waits for web.2:9, not seen for 100 s
  3  message of chat -100, came 2026-01-02 03:04:05 UTC; its process is gone; another one takes it
  4  inline_query of person 8, came 2026-01-02 03:04:05 UTC; waits for a bot that takes it

Set aside, the newest first:
  7 × error in /a: scripts/a.lua:3: no such thing
      first 2026-01-02 03:04:11 UTC, last 2026-01-02 03:04:17 UTC; updates 17, 16, 15, 14, 13, …
  1 × deadline in /slow: it ran longer
      2026-01-02 03:04:06 UTC; update 20
  1 × unreadable: an update without an update_id
      2026-01-02 03:04:06 UTC; update 21
`);
    const lines = await it.lines("list", "--chat", "-100");
    assert.deepEqual(lines, [
      { state: "waiting", bot_id: 42, update_id: 3, chat_id: -100, user_id: null, kind: "message", received_at: "2026-01-02T03:04:05Z",
        tries: 0, owner: null, in_hand: false },
      { state: "dead", bot_id: 42, update_id: 20, chat_id: -100, kind: "message", received_at: "2026-01-02T03:04:05Z", tries: 1,
        died_at: "2026-01-02T03:04:06Z", reason: "deadline", handler: "/slow", error: "it ran longer" },
    ]);
    assert.equal((await it.lines("list")).length, 14);
    assert.equal((await it.lines("list", "--limit", "3")).length, 6);
    // BOT_TOKEN says which bot
    const own = await it.run(["list", "--json"], { BOT_TOKEN: tokenOf(43) });
    assert.equal(own.out.split("\n").length, 2, own.out);
    assert.match(own.out, /"update_id":22/);
  });

  test("show: why, where, and the update; nothing that a terminal obeys, no secrets", async (t) => {
    const it = await start(t);
    await it.dead(11, { error: `scripts/a.lua:3: with ${tokenOf(9)} in it\n  scripts/a.lua:3: in x`, update: update(11, "a\u0085b") });
    await it.dead(12, { reason: "unreadable", handler: null, chat_id: null, error: "bad", update: "{\u001b[31m" });
    await it.waiting(13, { tries: 1, update: '{"update_id":13,"poll":{"id":"1","options":[],"l":[1,{"a":null}]}}', lane: (2n ** 61n + 13n).toString() });
    const { out, code } = await it.run(["show", "11", "--bot", "42"], { BOT_TOKEN: tokenOf(9) });
    assert.equal(code, 0, out);
    assert.equal(out, `Update 11 of bot 42: message of chat 7
Came 2026-01-02 03:04:05 UTC; set aside 2026-01-02 03:04:06 UTC, after 1 try.

error in /a:
scripts/a.lua:3: with *** in it
  scripts/a.lua:3: in x

{
  "update_id": 11,
  "message": {
    "message_id": 1,
    "chat": {
      "id": 7,
      "type": "private"
    },
    "from": {
      "id": 7
    },
    "text": "a?b"
  }
}
`);
    assert.match(await it.ok("show", "12"), /^Update 12 of bot 42: of no kind\n[^]*\nunreadable:\nbad\n\n\{\?\[31m\n$/);
    assert.match(await it.ok("show", "13"),
      /^Update 13 of bot 42: poll\nCame .*; waits for a bot that takes it; a process may have died of it \(tries: 1\)\.\n[^]*"options": \[\],\n    "l": \[\n      1,\n      \{\n        "a": null/);
    const line = JSON.parse((await it.run(["show", "11", "--json", "--bot", "42"], { BOT_TOKEN: tokenOf(9) })).out);
    assert.equal(line.update.message.text, "a\u0085b");
    assert.match(line.error, /with \*\*\* in it\n/);
    assert.equal((await it.lines("show", "12"))[0].update, "{\u001b[31m");
    await it.fails(["show", "14"], /update 14 neither waits nor was set aside/);
    await it.fails(["show", "12", "--bot", "43"], /update 12 neither waits/);
  });
});

describe("changing", () => {
  test("retry: back into the inbox, each in its lane, for anybody", async (t) => {
    const it = await start(t);
    for (let id = 1; id <= 3; id++) await it.dead(id);
    await it.dead(4, { update: '{"update_id":4,"inline_query":{"id":"1","from":{"id":8}}}', chat_id: 8 });
    assert.equal(await it.ok("retry", "2", "4"), `retried 2: error in /a: scripts/a.lua:3: no such thing
retried 4: error in /a: scripts/a.lua:3: no such thing
2 back in the inbox: a running bot takes them within seconds.
`);
    assert.deepEqual(await it.ids("dead_updates"), [1, 3]);
    const rows = await it.db.query("SELECT update_id::int AS id, bot_id::int AS bot, lane, owner, taken, tries, update, " +
      "to_char(received_at AT TIME ZONE 'UTC', 'HH24:MI') AS at FROM inbox ORDER BY 1");
    assert.deepEqual(rows, [
      { id: 2, bot: 42, lane: "7", owner: null, taken: false, tries: 0, update: update(2, "/a 2"), at: "03:04" },
      { id: 4, bot: 42, lane: (2n ** 60n + 8n).toString(), owner: null, taken: false, tries: 0,
        update: '{"update_id":4,"inline_query":{"id":"1","from":{"id":8}}}', at: "03:04" },
    ]);
    // what is there is done also when something else is not
    assert.match(await it.fails(["retry", "3", "99"], /^moonpost: update 99 was not set aside\n$/), /^retried 3: .*\n1 back .* takes it /);
    assert.deepEqual(await it.ids("dead_updates"), [1]);
  });

  test("retry --all: of a chat, many, and what can't be read stays", async (t) => {
    const it = await start(t);
    for (let id = 1; id <= 250; id++) await it.dead(id, { chat_id: id % 2 ? 7 : 8 });
    await it.dead(30, { bot_id: 43 });
    await it.dead(300, { reason: "unreadable", handler: null, update: '{"update_id"' });
    const some = await it.lines("retry", "--all", "--chat", "8", "--bot", "42");
    assert.equal(some.length, 125);
    assert.deepEqual(some[0], { bot_id: 42, update_id: 2, result: "retried" });
    assert.match(await it.ok("retry", "--all"), /unreadable 300: [^]*\n126 back in the inbox/);
    assert.deepEqual(await it.ids("dead_updates"), [300]);
    assert.equal((await it.ids("inbox")).length, 251);
    await it.fails(["retry", "300"], /what can't be read can't be tried again/);
  });

  test("drop: says what it deletes", async (t) => {
    const it = await start(t);
    for (let id = 1; id <= 120; id++) await it.dead(id, id === 3 ? { reason: "unreadable", update: "{" } : {});
    await it.waiting(200);
    assert.equal(await it.ok("drop", "3"), "dropped 3: unreadable in /a: scripts/a.lua:3: no such thing\n");
    await it.fails(["drop", "3", "200"], /update 3 was not set aside\nmoonpost: update 200 was not set aside/);
    const gone = await it.lines("drop", "--all");
    assert.equal(gone.length, 119);
    assert.deepEqual(gone[0].update, JSON.parse(update(1, "/a 1")));
    assert.deepEqual([await it.ids("dead_updates"), await it.ids("inbox")], [[], [200]]);
  });
});

describe("with a bot", () => {
  const script = (body) => ({ "scripts/a.lua": `local bot = require "bot"
bot.command("a", "x", function(ctx) ${body} end)
bot.command("slow", "x", function(ctx) while true do end end)
bot.command("told", "x", function(ctx) error("caught") end)
bot.catch(function(err, ctx) if ctx.command ~= "told" then error(err, 0) end end)
` });

  test("what fails is set aside; mended and given back, it runs", async (t) => {
    const db = await place.newDatabase(t);
    const host = await startBot(t, place, script("error('broken ' .. ctx.args[1])"), { url: db.url });
    const list = async () => {
      const { code, out, err } = await inbox(["list", "--json"], { url: db.url });
      assert.equal(code, 0, err);
      return out.split("\n").filter(Boolean).map((line) => JSON.parse(line)).filter((row) => row.state === "dead");
    };
    await host.sim.send(alice, "/told");
    await host.sim.send(alice, "/a 1");
    await host.sim.send(alice, "/slow");
    const dead = await until("two dead updates", async () => {
      const rows = await list();
      return rows.length >= 2 && rows;
    });
    assert.deepEqual(dead.map((row) => [row.reason, row.handler, row.bot_id, row.chat_id]),
      [["deadline", "/slow", host.bot, alice], ["error", "/a", host.bot, alice]]);
    assert.match(dead[1].error, /^scripts\/a\.lua:2: broken 1\n[^]*scripts\/a\.lua:\d: /);
    host.folder.replace("scripts/a.lua", script("ctx:reply('mended ' .. ctx.args[1])")["scripts/a.lua"]);
    await host.line(/reloaded in /);
    const retried = await inbox(["retry", String(dead[1].update_id)], { url: db.url });
    assert.equal(retried.code, 0, retried.err);
    assert.deepEqual(await host.sim.texts(alice, 1), ["mended 1"]);
    await until("it is done", async () => (await db.query("SELECT FROM inbox")).length === 0);
    assert.equal((await list()).length, 1);
  });

  test("what failed just before the end is set aside too", async (t) => {
    const db = await place.newDatabase(t);
    const host = await startBot(t, place, script("error('broken')"), { url: db.url });
    await host.sim.send(alice, "/a");
    await host.line(/handler failed: /);
    await host.stop();
    assert.deepEqual(await db.query("SELECT reason, handler FROM dead_updates"), [{ reason: "error", handler: "/a" }]);
  });
});
