// `moonpost config`: looking at chats' settings and changing them, beside a bot
// that runs.
import assert from "node:assert/strict";
import { openSync, closeSync } from "node:fs";
import { userInfo } from "node:os";
import { describe, test } from "node:test";
import { config, configOf } from "./lib/config.mjs";
import { database, folder, Host, run, Server, startBot, world } from "./lib/host.mjs";
import { atEnd, slow, until } from "./lib/program.mjs";
import { alice, bob } from "./lib/simulator.mjs";

const place = world();
const who = `cli:${userInfo().username}`;

const files = {
  "defaults/init.lua": `return { language = option.choice{ "en", "de", default = "en" } }`,
  "defaults/antiflood.lua":
    `return { max = option.integer{ default = 5, min = 1, max = 100, unit = "messages" }, on = true, words = { "a" } }`,
  "defaults/filters.lua": `return option.section{ lazy = true, settings = { words = { "x" } } }`,
  "defaults/welcome.lua": `return { text = option.string{ default = "Hi", max = 4000 }, deep = { n = 1 } }`,
  "migrations/config/0001_first.lua": `return function(config)
  if config.flood then config.antiflood.max = config.flood end
  config.flood = nil
  if config.welcome.text == "bad" then error("no such thing") end
end`,
  "scripts/a.lua": `local bot = require "bot"
bot.command("max", "x", function(ctx)
  if ctx.args[1] then ctx.config.antiflood.max = tonumber(ctx.args[1]) end
  ctx:reply("max " .. ctx.config.antiflood.max)
end)
bot.command("hello", "x", function(ctx)
  ctx.config.welcome.text = ctx.args[1]
  ctx:reply("hello " .. ctx.config.welcome.text)
end)`,
};

// A folder and a database with its tables; rows are [chat, config, version].
async function start(t, rows = [], server = undefined) {
  const db = await (server ? database(t, server) : place.newDatabase(t));
  const home = folder(t, files);
  await new Host(["migrate", home.dir], { env: { DATABASE_URL: db.url } }).succeeds();
  for (const [chat, document, version] of rows)
    await db.query("INSERT INTO chat_configs (chat_id, config, version) VALUES ($1, $2, $3)", [chat, JSON.stringify(document), version]);
  const row = async (chat) => (await db.query(
    "SELECT config, version, revision::int, changed_by FROM chat_configs WHERE chat_id = $1", [chat]))[0];
  return { db, home, row, ...configOf(db.url, home.dir) };
}

describe("the command line", { concurrency: 4 }, () => {
  const subcommands = ["get", "set", "unset", "history", "undo", "export", "import", "stats"];

  test("help", async () => {
    const { code, said } = await run(["config", "--help"], { PORT: "nonsense" });
    assert.equal(code, 0, said);
    assert.match(said, /^Usage: moonpost config SUBCOMMAND/);
    for (const name of subcommands) {
      assert.match(said, new RegExp(`^  ${name} +\\S.{8}`, "m"));
      const help = await run(["config", name, "--help"], { PORT: "nonsense" });
      assert.equal(help.code, 0);
      assert.match(help.said, new RegExp(`^Usage: moonpost config ${name}[^]*--dir DIR[^]*--json`));
      for (const word of help.said.match(/^Usage: .*$/m)[0].matchAll(/--[a-z-]+|\b[A-Z]{4,}\b/g))
        if (word[0] !== "FILE") assert.match(help.said, new RegExp(`^  ${word[0]} +\\S`, "m"), word[0]);
    }
  });

  const wrong = [
    [[], /^Usage: moonpost config/],
    [["fly"], /there is no "fly"; see moonpost config --help/],
    [["get"], /it needs CHAT \[PATH\]; see moonpost config get --help/],
    [["get", "abc"], /"abc" is not a chat's id: a number like/],
    [["get", "0"], /"0" is not a chat's id/],
    [["get", "99999999999999999999"], /is not a chat's id/],
    [["get", "5", "a", "b"], /unexpected argument "b"/],
    [["get", "5", "--all"], /there is no option "--all"/],
    [["get", "5", "--dir"], /--dir needs a folder/],
    [["set", "5", "antiflood.max"], /it needs CHAT PATH VALUE/],
    [["set", "5", "welcome.text", "two", "words"], /unexpected argument "words"; a text with spaces needs quotes/],
    [["set", "5", "welcome.text", "-x"], /there is no option "-x" \(.*write -- before it\)/],
    [["unset", "5"], /it needs a PATH, or --all/],
    [["unset", "5", "antiflood", "--all"], /either "antiflood" or --all/],
    [["undo", "5", "x"], /"x" is not a revision/],
    [["export"], /it needs CHATs, or --all/],
    [["export", "5", "x"], /"x" is not a chat's id/],
    [["export", "5", "--all"], /either "5" or --all/],
    [["import", "file"], /unexpected argument "file"/],
    [["stats", "--dry-run"], /there is no option "--dry-run"/],
  ];
  for (const [args, pattern] of wrong) {
    test(`wrong usage: config ${args.join(" ")}`, async () => {
      const { code, said } = await run(["config", ...args], { DATABASE_URL: "postgres://u@127.0.0.1:1/d" });
      assert.equal(code, 2, said);
      assert.match(said, pattern);
      if (args.length) assert.match(said, /^moonpost config[^\n]*; see moonpost config [^\n]*--help\n$/);
    });
  }

  test("what is missing: a folder, the database, its tables", async (t) => {
    const db = await place.newDatabase(t);
    const home = folder(t, files);
    const { fails } = configOf(db.url, home.dir);
    await fails(["get", "5", "--dir", home.path("none")], /none is not a folder/);
    await fails(["get", "5"], /run `moonpost migrate` first/);
    await fails(["import"], /run `moonpost migrate` first/);
    await db.query("CREATE TABLE chat_configs (chat_id BIGINT PRIMARY KEY, config JSONB)");
    await fails(["get", "5"], /run `moonpost migrate` first/);
    await fails(["get", "5"], /DATABASE_URL is not set/, 1, { url: "" });
    await fails(["stats"], /^moonpost: no connection to PostgreSQL/m, 1,
      { url: "postgres://u@127.0.0.1:1/d", env: { DATABASE_TIMEOUT_MS: "300" } });
    home.write("defaults/x.lua", "return 5");
    await fails(["get", "5"], /defaults\/x\.lua: must return/);
  });
});

describe("get", { concurrency: 4 }, () => {
  test("what is set, what is default, what is neither", async (t) => {
    const { ok, json, fails, row } = await start(t, [
      [-1001234567890, { flood: 9, old: { x: [1, 2] }, antiflood: { on: 5, new: "v" }, filters: { words: ["y"] } }, 0],
      [7, { antiflood: { max: 500 }, welcome: 7 }, 1],
      [8, {}, 9],
    ]);
    assert.equal(await ok("get", "5"), `chat 5: nothing is set, these are the defaults

  language = "en"
  antiflood.max = 5 messages
  antiflood.on = true
  antiflood.words = ["a"]
  filters.words = ["x"]
  welcome.text = "Hi"
  welcome.deep.n = 1
`);
    const shown = await ok("get", "-1001234567890");
    assert.match(shown, /^chat -1001234567890: revision 1, \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC by sql:\S+, version 0, shown as version 1\n\n/);
    assert.equal(shown.slice(shown.indexOf("\n\n") + 2), `  language = "en"
? old = {"x": [1, 2]}   (no setting has this name)
* antiflood.max = 9 messages   (default: 5)
! antiflood.on = true   (not what is stored: antiflood.on: must be true or false, got 5)
  antiflood.words = ["a"]
? antiflood.new = "v"   (no setting has this name)
* filters.words = ["y"]   (default: ["x"])
  welcome.text = "Hi"
  welcome.deep.n = 1
`);
    assert.equal((await row(-1001234567890)).version, 0, "looking changes nothing");
    assert.equal(await ok("get", "-1001234567890", "antiflood.max"), "* antiflood.max = 9 messages   (default: 5)\n");
    assert.equal(await ok("get", "5", "welcome"), `  welcome.text = "Hi"\n  welcome.deep.n = 1\n`);
    assert.match(await ok("get", "-1001234567890", "old.x"), /^\? old\.x = \[1, 2\] /);
    assert.match(await ok("get", "7"), /^! antiflood\.max = 500 messages {3}\(antiflood\.max: must be .* got 500\)$/m);
    assert.match(await ok("get", "7"), /^! welcome = the defaults {3}\(not what is stored: must be a section, got 7\)$/m);
    assert.match(await ok("get", "8"), /version 9, newer than 1 of this folder/);
    await fails(["get", "5", "old"], /there is no setting "old"; there are antiflood, filters, language, welcome\n$/);
    await fails(["get", "5", "welcome.nope.x"], /there is no setting "welcome\.nope\.x"; welcome has deep, text\n$/);
    for (const path of ["a..b", ".", "a\"b", ""]) await fails(["get", "5", `${path}.`], /there is no setting/);

    const all = await json("get", "-1001234567890");
    assert.deepEqual(Object.keys(all), ["chat_id", "version", "revision", "changed_at", "changed_by", "config", "overrides"]);
    assert.equal(all.version, 0);
    assert.match(all.changed_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    assert.deepEqual(all.config, { language: "en", antiflood: { max: 9, on: true, words: ["a"] },
      filters: { words: ["y"] }, welcome: { text: "Hi", deep: { n: 1 } } });
    assert.deepEqual(all.overrides, { old: { x: [1, 2] }, antiflood: { on: 5, new: "v", max: 9 }, filters: { words: ["y"] } });
    const part = await json("get", "5", "antiflood.max");
    assert.deepEqual(part, { chat_id: 5, version: 1, revision: 0, changed_at: null, changed_by: null,
      path: "antiflood.max", config: 5, overrides: null });
  });

  test("maps, ids of chats, elements that are checked", async (t) => {
    const { ok, json, fails, home } = await start(t);
    home.write("defaults/things.lua", `return { log = option.chat{}, ids = option.list{ default = {}, of = option.integer{ min = 0 } },
      names = option.map{ default = {}, of = option.string{ max = 5 } } }`);
    assert.equal(await ok("get", "5", "things"), "  things.ids = []\n  things.log = null\n  things.names = {}\n");
    await ok("set", "5", "things.log", "-1001234567890");
    assert.equal((await json("get", "5", "things")).config.log, -1001234567890);
    assert.match(await ok("set", "5", "things.log", "none"), /things\.log = null \(was -1001234567890\)/);
    await ok("set", "5", "things.names", '{"a": "b", "c": "d"}');
    await fails(["set", "5", "things.names", '{"a": "too long"}'], /things\.names\["a"\]: must be text of at most 5 characters/);
    await fails(["set", "5", "things.ids", "[1, -2]"], /things\.ids\[2\]: must be a whole number/);
    assert.equal(await ok("get", "5", "things.names.a"), '* things.names.a = "b"\n');
    await ok("unset", "5", "things.names.a");
    assert.deepEqual((await json("get", "5", "things.names")).overrides, { c: "d" });
  });

  test("one that can't be upgraded, and what is no config at all", async (t) => {
    const { run: config, ok, fails, db } = await start(t, [[3, { welcome: { text: "bad" } }, 0], [4, [1], 1], [6, null, 1]]);
    const { code, out, err } = await config(["get", "3"]);
    assert.equal(code, 0);
    assert.match(err, /config of chat 3 is read-only: it can't be upgraded from version 0 to 1: migrations\/config\/0001_first\.lua:4: no such thing/);
    assert.match(out, /^\* welcome\.text = "bad"/m);
    for (const chat of [4, 6]) {
      const said = await fails(["get", String(chat)], /is not a JSON object; `moonpost config undo \d` brings back/);
      assert.match(said, /^[^\n]+\n$/);
      await fails(["set", String(chat), "antiflood.max", "7"], /is not a JSON object; `moonpost config undo/);
    }
    await fails(["set", "3", "antiflood.max", "7"], /could not be upgraded and is read-only/);
    assert.match(await ok("unset", "4", "--all"), /^chat 4: all is at its default now; revision 2\n$/);
    assert.match(await ok("unset", "3", "--all"), /revision 2\n$/);
    assert.equal((await db.query("SELECT version FROM chat_configs WHERE chat_id = 3"))[0].version, 1);
    assert.match(await ok("set", "4", "antiflood.max", "7"), /revision 3\n$/);
  });

  test("text that a terminal would obey is not passed on", async (t) => {
    const { db, ok } = await start(t, [[5, { welcome: { text: "a\u009b31m\u001b[1m\u007f" } }, 1]]);
    await db.query("UPDATE chat_configs SET config = config || '{\"x\": 1}', changed_by = E'me\\x1b[2J', revision = 2");
    for (const said of [await ok("get", "5"), await ok("history", "5")]) {
      assert.doesNotMatch(said, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
      assert.match(said, /by me\?\[2J/);
    }
  });
});

describe("set and unset", { concurrency: 4 }, () => {
  test("as a person types it, checked, once", async (t) => {
    const { ok, json, fails, row } = await start(t);
    assert.equal(await ok("set", "-5", "antiflood.max", "7"),
      "chat -5: antiflood.max = 7 messages (was the default, 5); revision 1\n");
    assert.deepEqual(await row(-5), { config: { antiflood: { max: 7 } }, version: 1, revision: 1, changed_by: who });
    assert.equal(await ok("set", "-5", "antiflood.max", "8"), "chat -5: antiflood.max = 8 messages (was 7); revision 2\n");
    assert.equal(await ok("set", "-5", "antiflood.max", "8"), "chat -5: antiflood.max = 8 messages; still revision 2\n");
    assert.match(await ok("set", "-5", "antiflood.on", "off"), /antiflood\.on = false/);
    assert.match(await ok("set", "-5", "welcome.text", "--", "-two words"), /welcome\.text = "-two words"/);
    assert.match(await ok("set", "-5", "antiflood.words", '["x", "y"]'), /antiflood\.words = \["x", ?"y"\]/);
    assert.match(await ok("set", "-5", "filters.words", '["z"]'), /filters\.words = \["z"\]/);
    assert.match(await ok("set", "-5", "antiflood.on", "on"), /antiflood\.on = true \(was false\)/, "chosen, though it is the default");
    assert.deepEqual((await row(-5)).config,
      { antiflood: { max: 8, on: true, words: ["x", "y"] }, filters: { words: ["z"] }, welcome: { text: "-two words" } });
    const revision = (await row(-5)).revision;
    await fails(["set", "-5", "antiflood.max", "1000"], /^moonpost: antiflood\.max: must be a whole number from 1 to 100.*, got 1000\n$/);
    await fails(["set", "-5", "antiflood.max", "-3"], /antiflood\.max: must be .*, got -3\n$/);
    await fails(["set", "-5", "language", "fr"], /language: must be one of en, de, got "?fr"?\n$/);
    await fails(["set", "-5", "welcome", "x"], /"welcome" is a section/);
    await fails(["set", "-5", "nope.x", "x"], /there is no setting "nope\.x"/);
    await fails(["set", "-5", "welcome.text", "x".repeat(5000)], /welcome\.text: must be text of at most 4000 characters/);
    assert.equal((await row(-5)).revision, revision);
    assert.deepEqual(await json("set", "6", "antiflood.max", "9"),
      { chat_id: 6, revision: 1, version: 1, changed: true, path: "antiflood.max", value: 9 });
    assert.equal((await json("set", "6", "antiflood.max", "9")).changed, false);
  });

  test("back to the default", async (t) => {
    const { ok, json, fails, row } = await start(t, [
      [5, { antiflood: { max: 7, on: false }, welcome: { text: "x" }, old: { x: 1 } }, 1], [8, { antiflood: { max: 7 } }, 9]]);
    assert.equal(await ok("unset", "5", "antiflood.max"), "chat 5: antiflood.max = 5 messages (the default); revision 2\n");
    assert.equal(await ok("unset", "5", "antiflood.max"), "chat 5: antiflood.max was not set; still revision 2\n");
    assert.equal(await ok("unset", "5", "antiflood"), "chat 5: antiflood is at its defaults; revision 3\n");
    assert.equal(await ok("unset", "5", "old"), "chat 5: old is gone; revision 4\n");
    await fails(["unset", "5", "old"], /there is no setting "old"/);
    await fails(["unset", "5", ""], /there is no setting ""/);
    assert.deepEqual((await row(5)).config, { welcome: { text: "x" } });
    assert.equal(await ok("unset", "5", "--all"), "chat 5: all is at its default now; revision 5\n");
    assert.equal(await ok("unset", "5", "--all"), "chat 5: all is at its default; still revision 5\n");
    assert.equal(await ok("unset", "99", "--all"), "chat 99: all is at its default; nothing is set\n");
    assert.equal(await ok("unset", "99", "antiflood.max"), "chat 99: antiflood.max was not set; nothing is set\n");
    assert.equal(await row(99), undefined);
    assert.deepEqual(await json("unset", "8", "--all"), { chat_id: 8, revision: 2, version: 9, changed: true, path: "" });
    assert.deepEqual(await row(8), { config: {}, version: 9, revision: 2, changed_by: who });
  });

  test("too large a document", async (t) => {
    const { fails, ok } = await start(t, [[5, { old: "x".repeat(1000) }, 1]]);
    await ok("set", "5", "welcome.text", "short");
    await fails(["set", "5", "welcome.text", "y".repeat(500)], /more than the 1024 that CONFIG_MAX_KB allows/, 1, { env: { CONFIG_MAX_KB: "1" } });
  });
});

describe("history and undo", { concurrency: 4 }, () => {
  test("newest first, with who, and what changed", async (t) => {
    const { ok, run: config, db, lines } = await start(t);
    const nothing = await config(["history", "5"]);
    assert.deepEqual([nothing.code, nothing.out], [0, ""]);
    assert.match(nothing.err, /chat 5 has no history/);
    await ok("set", "5", "antiflood.max", "7");
    await ok("set", "5", "welcome.text", "a");
    await ok("set", "5", "welcome.text", "b");
    await ok("unset", "5", "antiflood");
    assert.equal((await ok("history", "5")).replaceAll(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC/g, "T"), `* 4  T by ${who}
    antiflood.max: 7 → default
  3  T by ${who}
    welcome.text: "a" → "b"
  2  T by ${who}
    welcome.text: default → "a"
  1  T by ${who}
    antiflood.max: default → 7
`);
    const all = lines(await ok("history", "5", "--json"));
    assert.deepEqual(all.map((r) => [r.revision, r.current, r.changed_by]), [[4, true, who], [3, false, who], [2, false, who], [1, false, who]]);
    assert.deepEqual(all[1].config, { antiflood: { max: 7 }, welcome: { text: "b" } });
    assert.deepEqual(all[1].changes, [{ path: "welcome.text", before: "a", after: "b" }]);
    assert.deepEqual(all[2].changes, [{ path: "welcome.text", after: "a" }]);
    await db.query("UPDATE chat_configs SET config = '[1]'");
    assert.match(await ok("history", "5"), /^\* 5 {2}.* by sql:\S+\n {4}all of it: {"welcome": {"text": "b"}} → \[1\]$/m);
    await db.query("DELETE FROM chat_configs");
    assert.match(await ok("history", "5"), /^The chat has no row now: all is at its default\.\n {2}5 /);
    await db.query("DELETE FROM config_history WHERE revision < 4");
    assert.match(await ok("history", "5"), /\n {2}4 .*\n {4}\(what it changed is not kept\)\n$/);
    assert.equal(lines(await ok("history", "5", "--json")).at(-1).changes, null);
  });

  test("long values that differ in one place are shown from there", async (t) => {
    const { ok } = await start(t);
    const long = (text) => ok("set", "5", "welcome.text", "ä".repeat(150) + text + "z".repeat(150));
    await long("one");
    await long("two");
    const shown = (await ok("history", "5")).split("\n");
    assert.match(shown[1], /^ {4}welcome\.text: …ä{6}onez{91}… → …ä{6}twoz{91}…$/);
    assert.match(shown[3], /^ {4}welcome\.text: default → "ä{99}…$/);
  });

  test("undo, undo of an undo, and to a revision", async (t) => {
    const { ok, json, fails, row } = await start(t);
    await fails(["undo", "5"], /chat 5 has no earlier settings to go back to/);
    await fails(["undo", "5", "1"], /chat 5 has no history: nothing was ever set/);
    await ok("set", "5", "antiflood.max", "7");
    await fails(["undo", "5"], /no earlier settings.*unset 5 --all/);
    await ok("set", "5", "antiflood.max", "8");
    await ok("set", "5", "welcome.text", "x");
    assert.equal(await ok("undo", "5"), `chat 5: as in revision 2 again, now revision 4\n    welcome.text: "x" → default\n`);
    assert.deepEqual(await row(5), { config: { antiflood: { max: 8 } }, version: 1, revision: 4, changed_by: who });
    assert.match(await ok("undo", "5"), /as in revision 3 again, now revision 5\n {4}welcome\.text: default → "x"\n/);
    assert.match(await ok("undo", "5", "1"), /as in revision 1 again, now revision 6\n {4}antiflood\.max: 8 → 7\n {4}welcome\.text: "x" → default\n/);
    assert.equal(await ok("undo", "5", "1"), "chat 5: has the settings of revision 1; nothing was written\n");
    assert.deepEqual(await json("undo", "5", "1"), { chat_id: 5, revision: 6, version: 1, from: 1, changes: [] });
    await fails(["undo", "5", "99"], /chat 5 has no revision 99; kept are 1 to 6/);
    const undone = await json("undo", "5");
    assert.deepEqual(undone, { chat_id: 5, revision: 7, version: 1, from: 5,
      changes: [{ path: "antiflood.max", before: 7, after: 8 }, { path: "welcome.text", after: "x" }] });
    await ok("unset", "5", "--all");
    assert.match(await ok("undo", "5"), /as in revision 7 again, now revision 9/);
  });

  test("an older version's document is upgraded on the way; an upgrade alone is not undone", async (t) => {
    const { db, ok, row } = await start(t, [[5, { flood: 3, welcome: { text: "x" } }, 0]]);
    await db.query("UPDATE chat_configs SET config = '{\"flood\": 4}'");
    await ok("get", "5");
    await db.query("UPDATE chat_configs SET config = '{\"antiflood\": {\"max\": 4}}', version = 1");
    assert.match(await ok("history", "5"), /^ {4}version 0 → 1\n {4}antiflood\.max: default → 4\n {4}flood: 4 → default$/m);
    assert.equal(await ok("undo", "5"),
      "chat 5: as in revision 1 again, now revision 4\n    antiflood.max: 4 → 3\n    welcome.text: default → \"x\"\n");
    assert.deepEqual(await row(5), { config: { antiflood: { max: 3 }, welcome: { text: "x" } }, version: 1, revision: 4, changed_by: who });
  });

  // A bot that does not start any more is when an operator needs this.
  test("a script with a mistake is no hindrance, a declaration with one is", async (t) => {
    const { home, ok, fails } = await start(t, [[5, { antiflood: { max: 7 } }, 1]]);
    home.write("scripts/a.lua", "this is no Lua");
    assert.match(await ok("get", "5", "antiflood.max"), /= 7 messages/);
    home.write("defaults/antiflood.lua", "return 5");
    await fails(["get", "5"], /defaults\/antiflood\.lua: must return a table/);
  });

  test("is the way out of a row that can't be read", async (t) => {
    const { db, ok, fails, row, run: config } = await start(t, [[5, { antiflood: { max: 7 } }, 1]]);
    for (const broken of ["5", "null", "[]", `{"a": ${'{"a":'.repeat(100)}1${"}".repeat(100)}}`, `{"welcome": {"text": "bad"}}`]) {
      await db.query("UPDATE chat_configs SET config = $1, version = 0", [broken]);
      assert.match(await ok("undo", "5"), /^chat 5: as in revision \d+ again/, broken);
      assert.deepEqual((await row(5)).config, { antiflood: { max: 7 } });
      assert.equal((await row(5)).version, 1);
      await fails(["undo", "5"], /revision \d+ can't be used: .*(not a JSON object|too deep|can't be upgraded).*; say which: undo CHAT REVISION/);
    }
    // What no longer fits is said, and kept.
    await db.query("UPDATE chat_configs SET config = '{\"antiflood\": {\"max\": 500}}'");
    await ok("unset", "5", "--all");
    const { code, err } = await config(["undo", "5"]);
    assert.equal(code, 0);
    assert.match(err, /does not fit its setting any more: antiflood\.max: must be .* got 500/);
    assert.deepEqual((await row(5)).config, { antiflood: { max: 500 } });
    await db.query("DELETE FROM chat_configs");
    assert.match(await config(["undo", "5"]).then((r) => r.out), /again, now revision \d+/);
  });
});

describe("export and import", { concurrency: 4 }, () => {
  test("import of an export changes nothing", async (t) => {
    const { db, ok, run: config, lines } = await start(t);
    await db.query(`INSERT INTO chat_configs (chat_id, config, version)
      SELECT -1000000000000 - n, jsonb_build_object('antiflood', jsonb_build_object('max', n % 100 + 1), 'other', repeat('ä', n % 300)), n % 2
      FROM generate_series(1, 3000) AS n`);
    await db.query(`INSERT INTO chat_configs VALUES (9223372036854775807, '{"n": 9007199254740993}', 1),
      (-9223372036854775808, '{}', 1), (7, '{"flood": 8}', 0)`);
    const exported = await ok("export", "--all");
    const parsed = lines(exported);
    assert.equal(parsed.length, 3003);
    assert.deepEqual(parsed.slice(1).filter((l, i) => BigInt(l.chat_id) < BigInt(parsed[i].chat_id)), [], "in order");
    assert.match(exported, /^\{"chat_id":-9223372036854775808,"version":1,"revision":1,"config":\{\}\}$/m);
    assert.match(exported, /"config":\{"n": 9007199254740993\}/);
    const before = await db.query("SELECT * FROM chat_configs ORDER BY chat_id");
    for (const args of [["import", "--dry-run"], ["import"]]) {
      const { code, out } = await config(args, { input: exported });
      assert.equal(code, 0);
      assert.match(out, /^3003 lines: 0 chats (would be )?changed\.\n$/);
    }
    assert.deepEqual(await db.query("SELECT * FROM chat_configs ORDER BY chat_id"), before);
    assert.equal(Number((await db.query("SELECT count(*) FROM config_history"))[0].count), 0);

    await db.query("DELETE FROM chat_configs WHERE chat_id % 3 = 0; UPDATE chat_configs SET config = '{}' WHERE chat_id % 3 = -1");
    const { out } = await config(["import", "--json"], { input: exported });
    assert.ok(JSON.parse(out).changed > 1500, out);
    const current = `SELECT chat_id, CASE WHEN version = 1 THEN config ELSE '1' END AS config FROM chat_configs ORDER BY chat_id`;
    const odd = (rows) => rows.filter((r) => r.config !== 1).map((r) => `${r.chat_id} ${JSON.stringify(r.config)}`);
    assert.deepEqual(odd(await db.query(current)).filter((l) => before.some((r) => r.version === 1 && `${r.chat_id} ${JSON.stringify(r.config)}` === l)).length,
      before.filter((r) => r.version === 1).length);
    assert.equal((await config(["import", "--dry-run", "--json"], { input: exported })).out, `{"lines":3003,"changed":0,"dry_run":true}\n`);
  });

  test("an export with values that no longer fit can be imported", async (t) => {
    const { db, ok, run: config } = await start(t, [[5, { antiflood: { max: 7 } }, 1]]);
    await db.query(`INSERT INTO chat_configs (chat_id, config, version)
      SELECT n, '{"flood": 5000}'::jsonb, 0 FROM generate_series(100, 130) AS n`);
    const exported = await ok("export", "--all");
    const refused = await config(["import"], { input: exported });
    assert.equal(refused.code, 1);
    assert.match(refused.err, /31 of 32 lines are wrong; nothing was imported \(--keep takes values that do not fit, too\)\n$/);
    await db.query("DELETE FROM chat_configs");
    const { code, out, err } = await config(["import", "--keep"], { input: exported });
    assert.deepEqual([code, out], [0, "32 lines: 32 chats changed.\n"]);
    assert.match(err, /^line 2, kept: antiflood\.max: must be .* got 5000\n/);
    assert.equal(err.match(/, kept: /g).length, 20);
    assert.match(err, /\n… and 11 more, kept\n$/);
    assert.deepEqual((await db.query("SELECT config FROM chat_configs WHERE chat_id = 101"))[0].config, { antiflood: { max: 5000 } });
    assert.equal((await config(["import", "--keep"], { input: "x" })).code, 1);
  });

  test("all chats, when the last one there can be ends the first batch", async (t) => {
    const { db, ok } = await start(t);
    await db.query(`INSERT INTO chat_configs (chat_id, config, version) SELECT n, '{}'::jsonb, 1 FROM generate_series(1, 99) AS n
      UNION ALL SELECT 9223372036854775807, '{}'::jsonb, 1`);
    assert.equal((await ok("export", "--all")).split("\n").length, 101);
    await db.query("DELETE FROM chat_configs WHERE chat_id = 9223372036854775807");
    assert.equal((await ok("export", "--all")).split("\n").length, 100);
  });

  test("some chats; what is no object; a reader that has enough; a full disk", async (t) => {
    const { db, ok, run: config } = await start(t, [[5, { antiflood: { max: 7 } }, 1], [6, [1], 1], [7, null, 0]]);
    assert.equal(await ok("export", "5", "6", "7"), `{"chat_id":5,"version":1,"revision":1,"config":{"antiflood": {"max": 7}}}
{"chat_id":6,"version":1,"revision":1,"config":[1]}\n{"chat_id":7,"version":0,"revision":1,"config":null}\n`);
    const { code, out, err } = await config(["export", "99", "5"]);
    assert.deepEqual([code, out.split("\n").length], [0, 2]);
    assert.match(err, /chat 99 has no row: nothing is set/);
    await db.query("INSERT INTO chat_configs SELECT n, '{}', 1 FROM generate_series(100, 20000) AS n");
    const full = openSync("/dev/full", "w");
    t.after(() => closeSync(full));
    const stopped = await config(["export", "--all"], { stdout: full });
    assert.equal(stopped.code, 1);
    assert.match(stopped.err, /^moonpost: standard output: No space left on device\n$/);
  });

  test("replaces what a chat had, keeps it in history", async (t) => {
    const { ok, run: config, row } = await start(t, [[5, { antiflood: { max: 7 }, welcome: { text: "x" } }, 1]]);
    const input = `\n{"chat_id":5,"version":1,"config":{"antiflood":{"max":3}}}\r\n  {"config":{"flood":4},"version":0,"chat_id":6,"revision":99}  \n` +
      `{"chat_id":7,"version":1,"config":{"language":"de"}}\n{"chat_id":7,"version":1,"config":{"language":"en"}}`;
    const dry = await config(["import", "--dry-run"], { input });
    assert.equal(dry.out, "4 lines: 3 chats would be changed.\n");
    assert.equal(await row(6), undefined);
    assert.equal((await config(["import"], { input })).out, "4 lines: 3 chats changed.\n");
    assert.deepEqual(await row(5), { config: { antiflood: { max: 3 } }, version: 1, revision: 2, changed_by: who });
    assert.deepEqual(await row(6), { config: { antiflood: { max: 4 } }, version: 1, revision: 1, changed_by: who });
    assert.deepEqual((await row(7)).config, { language: "en" }, "of two lines the last");
    assert.match(await ok("undo", "5"), /antiflood\.max: 3 → 7/);
  });

  test("if one line is wrong nothing is written", async (t) => {
    const { db, run: config } = await start(t);
    const wrong = [
      ["nonsense", /expected a value at byte 1/], ["[]", /must be an object with chat_id, version and config/],
      ["{}", /chat_id must be/], [`{"chat_id":"5"}`, /chat_id must be/], [`{"chat_id":0}`, /chat_id must be/],
      [`{"chat_id":5,"config":{}}`, /version must be a whole number; this folder's is 1/],
      [`{"chat_id":5,"version":2,"config":{}}`, /version 2 is newer than 1, this folder's/],
      [`{"chat_id":5,"version":1,"config":[]}`, /config must be an object/],
      [`{"chat_id":5,"version":1,"config":null}`, /config must be an object/],
      [`{"chat_id":5,"version":1,"config":{"antiflood":{"max":"x"}}}`, /antiflood\.max: must be a whole number/],
      [`{"chat_id":5,"version":1,"config":{"welcome":5}}`, /welcome: must be a section, got 5/],
      [`{"chat_id":5,"version":0,"config":{"flood":5000}}`, /antiflood\.max: must be .* got 5000/],
      [`{"chat_id":5,"version":0,"config":{"welcome":{"text":"bad"}}}`, /can't be upgraded from version 0 to 1: .*no such thing/],
      [`{"chat_id":5,"version":1,"config":{"a":"\\u0000"}}`, /\\u0000/],
      [`{"chat_id":5,"version":1,"config":{"a":"\\ud800x"}}`, /half of a pair/],
      [`{"chat_id":5,"version":1,"config":{"a":"\\udc00"}}`, /half of a pair/],
      [`{"chat_id":5,"version":1,"config":{"a":"\\ud83dabde00"}}`, /half of a pair/],
      [`{"chat_id":5,"version":1,"config":{"a":"${"x".repeat(70000)}"}}`, /more than the 65536 that CONFIG_MAX_KB allows/],
      [`{"chat_id":5,"version":1,"config":{"a":"${"x".repeat(1100000)}"}}`, /is too long/],
      [`{"chat_id":5,"version":1,"config":${'{"a":'.repeat(70)}1${"}".repeat(71)}`, /nested too deeply/],
    ];
    const good = `{"chat_id":4,"version":1,"config":{"antiflood":{"max":3}}}`;
    const { code, out, err } = await config(["import"], { input: [good, ...wrong.map(([line]) => line), good].join("\n") });
    assert.deepEqual([code, out], [1, ""]);
    const said = err.trimEnd().split("\n");
    assert.equal(said.length, wrong.length + 1);
    for (const [i, [, pattern]] of wrong.entries()) {
      assert.ok(said[i].startsWith(`line ${i + 2}: `), said[i]);
      assert.match(said[i], pattern);
    }
    assert.equal(said.at(-1), `moonpost: ${wrong.length} of ${wrong.length + 2} lines are wrong; nothing was imported (--keep takes values that do not fit, too)`);
    assert.equal((await db.query("SELECT * FROM chat_configs")).length, 0);
    const many = await config(["import", "--dry-run"], { input: "x\n".repeat(100) });
    assert.equal(many.code, 1);
    assert.match(many.err, /line 20: [^\n]*\n… and 80 more\nmoonpost: 100 of 100 lines are wrong; nothing was imported\n$/);
    // Whole pairs, and a backslash before "u", are fine; a key that no setting has is said.
    const fine = await config(["import"], { input: `{"chat_id":5,"version":1,"config":{"a":"\\ud83d\\ude00 \\\\ud800 \\n"}}` });
    assert.deepEqual([fine.code, fine.out], [0, "1 line: 1 chat changed.\n"]);
    assert.match(fine.err, /^1 line has a key that no setting has; it is kept, and not used \(line 1: a\)\n$/);
    assert.deepEqual((await db.query("SELECT config FROM chat_configs"))[0].config, { a: "😀 \\ud800 \n" });
    assert.equal((await config(["import"], { input: "" })).out, "0 lines: 0 chats changed.\n");
  });

  test("a row that the database refuses fails its batch, and says what was done", async (t) => {
    const { db, run: config } = await start(t);
    await db.query("ALTER TABLE chat_configs ADD CHECK (chat_id < 1500)");
    const input = Array.from({ length: 2000 }, (_, i) => `{"chat_id":${i + 1},"version":1,"config":{"language":"de"}}`).join("\n");
    const { code, err } = await config(["import"], { input });
    assert.equal(code, 1);
    assert.match(err, /^moonpost: 1000 chats were changed before that; import again: what is equal is not written\nmoonpost: config_import: /);
    assert.equal((await db.query("SELECT * FROM chat_configs")).length, 1000);
  });
});

test("stats", async (t) => {
  const { db, ok, json } = await start(t, [
    [1, {}, 1], [2, { antiflood: { max: 7 } }, 0], [3, [1], 1], [4, { language: "de" }, 9], [5, { old: "x".repeat(3000) }, 1]]);
  await ok("set", "4", "antiflood.max", "9");
  await db.query("INSERT INTO config_failures (chat_id, version, error) VALUES (2, 0, 'x')");
  const said = await ok("stats");
  for (const line of [/^chats with a row {6}5$/m, /^ {2}of version 9 {8}1 {3}newer/m, /^ {2}of version 1 {8}3$/m,
    /^ {2}of version 0 {8}1 {3}older than this folder's; `moonpost migrate`/m, /^ {2}with nothing set {4}1$/m,
    /^ {2}that can't be read {2}1 {3}not a JSON object/m, /^failed to upgrade {5}1 /m, /^revisions in history {2}1$/m,
    /^settings stored {7}\d+ bytes, \d+ bytes a chat on average$/m, /^the largest {11}3,011 bytes, chat 5$/m, /^tables on disk {8}\d+ KiB, their history \d+ KiB$/m])
    assert.match(said, line);
  const all = await json("stats");
  assert.deepEqual([all.rows, all.versions, all.version, all.empty, all.unreadable, all.failures, all.history, all.history_is_estimate],
    [5, { 0: 1, 1: 3, 9: 1 }, 1, 1, 1, 1, 1, false]);
  assert.deepEqual(all.largest[0], { chat_id: 5, bytes: 3011 });
  await db.query("TRUNCATE chat_configs, config_history, config_failures");
  assert.equal(await ok("stats"), "chats with a row      0\nrevisions in history  0\n");
});

describe("beside a running bot", () => {
  async function bot(t) {
    const made = await start(t);
    const host = await startBot(t, place, files, { url: made.db.url, folder: made.home });
    let n = 0;
    const ask = async (chat, text) => {
      await host.sim.send(chat, text);
      return (await host.sim.texts(chat, ++n)).at(-1);
    };
    return { ...made, host, ask };
  }

  test("what is set, undone and imported is used at once", async (t) => {
    const { ok, run: config, ask } = await bot(t);
    const answers = (text) => until(text, async () => (await ask(alice, "/max")) === text);
    assert.equal(await ask(alice, "/max"), "max 5");
    await ok("set", String(alice), "antiflood.max", "42");
    await answers("max 42");
    await ok("set", String(alice), "antiflood.max", "43");
    await answers("max 43");
    await ok("undo", String(alice));
    await answers("max 42");
    await config(["import"], { input: `{"chat_id":${alice},"version":1,"config":{"antiflood":{"max":44}}}` });
    await answers("max 44");
    await ok("unset", String(alice), "--all");
    await answers("max 5");
  });

  test("different keys from both at once: both are kept", async (t) => {
    const { ok, host, row } = await bot(t);
    const rounds = 15;
    const bots = async () => {
      for (let i = 1; i <= rounds; i++) {
        await host.sim.send(bob, `/hello ${i}`);
        await host.sim.texts(bob, i);
      }
    };
    const ours = async () => {
      for (let i = 1; i <= rounds; i++) await ok("set", String(bob), "antiflood.max", String(i));
    };
    await Promise.all([bots(), ours()]);
    const { config: document, revision } = await row(bob);
    assert.deepEqual(document, { antiflood: { max: rounds }, welcome: { text: String(rounds) } });
    assert.equal(revision, 2 * rounds, "none was lost, none written twice");
    const history = (await ok("history", String(bob), "--json")).trim().split("\n").map((l) => JSON.parse(l));
    assert.ok(history.some((r) => r.changed_by === who) && history.some((r) => r.changed_by.startsWith("user:")));
  });
});

test("an import goes on when the server is back", async (t) => {
  const server = new Server();
  atEnd(t, () => server.remove());
  server.start();
  const { db, home } = await start(t, [], server.url);
  const input = Array.from({ length: 20000 }, (_, i) => `{"chat_id":${i + 1},"version":1,"config":{"language":"de"}}`).join("\n");
  const ended = config(["import"], { url: db.url, dir: home.dir, input });
  await until("some of it is written", async () => (await db.query("SELECT FROM chat_configs LIMIT 1")).length);
  server.do("restart");
  const { code, out, err } = await ended;
  assert.equal(code, 0, err);
  assert.match(out, /^20000 lines: \d+ chats changed\.\n$/);
  assert.match(err, /^[^\n]*waiting for PostgreSQL/, "it did not meet the restart");
  assert.deepEqual(await db.query(`SELECT count(*)::int, max(revision)::int FROM chat_configs WHERE config = '{"language": "de"}'`),
    [{ count: 20000, max: 1 }]);
});

test("memory stays flat, however much there is", { skip: slow > 1 }, async (t) => {
  const { db, home } = await start(t);
  await db.query(`INSERT INTO chat_configs (chat_id, config, version)
    SELECT n, jsonb_build_object('welcome', jsonb_build_object('text', repeat('x', 4000))), 1 FROM generate_series(1, 20000) AS n`);
  const env = { ASAN_OPTIONS: `${process.env.ASAN_OPTIONS ?? ""}:quarantine_size_mb=1` };
  const all = await config(["export", "--all"], { url: db.url, dir: home.dir, env });
  assert.equal(all.code, 0, all.err);
  assert.ok(all.out.length > 80e6);
  assert.ok(all.grown < 30000, `it grew by ${all.grown} KiB`);
  const again = await config(["import"], { url: db.url, dir: home.dir, env, input: all.out });
  assert.equal(again.out, "20000 lines: 0 chats changed.\n", again.err);
  assert.ok(again.grown < 30000, `it grew by ${again.grown} KiB`);
});
