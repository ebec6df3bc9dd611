// Scripts, defaults and upgrades that do not load, at start and while the bot
// runs; and what a save does: at once, to every later update, to no running one.
import assert from "node:assert/strict";
import { mkdirSync, renameSync } from "node:fs";
import { describe, test } from "node:test";
import { environment, folder, run, says, slow, startBot, world } from "./lib/host.mjs";
import { sleep, until } from "./lib/program.mjs";
import { alice } from "./lib/simulator.mjs";

const place = world();

// So that a loop and memory without end are ended soon.
const little = { LUA_MEMORY_MB: "16", TASK_CPU_MS: String(100 * slow) };

// Ways in which a bot's folder can be wrong: what is said about it.
const bot = `local bot = require "bot"\n`;
const mistakes = {
  "a syntax error": [{ "scripts/b.lua": "local x = 1\nlocal function f(\n" }, /scripts\/b\.lua:\d: .*(expected|near)/],
  "an error while loading": [{ "scripts/b.lua": "\n\nlocal x = nil + 1" }, /scripts\/b\.lua:3: attempt to perform arithmetic/],
  "an error object while loading": [{ "scripts/b.lua": `\nerror({ code = 5 })` }, /scripts\/b\.lua:2: raised a table/],
  "a global that is not there": [{ "scripts/b.lua": "io.open('x')" }, /scripts\/b\.lua:1: .*'io'/],
  "a module that is not there": [{ "scripts/b.lua": `require "wrods"` }, /scripts\/b\.lua:1: require "wrods": no such module.*scripts\/lib\/wrods\.lua/],
  "a mistake in a library": [{ "scripts/b.lua": `require "words"`, "scripts/lib/words.lua": "return {\n  a = ,\n}" }, /scripts\/lib\/words\.lua:2: /],
  "a library that requires itself": [{ "scripts/b.lua": `require "words"`, "scripts/lib/words.lua": `return require "words"` },
    /scripts\/lib\/words\.lua:1: require "words": it requires itself/],
  "defaults that raise": [{ "defaults/welcome.lua": "return {\n  a = nothing.at.all\n}" }, /defaults\/welcome\.lua:2: .*'nothing'/],
  "defaults that return no table": [{ "defaults/welcome.lua": "return 5" }, /defaults\/welcome\.lua: must return a table of settings, returned number/],
  "defaults that return nothing": [{ "defaults/welcome.lua": "" }, /defaults\/welcome\.lua: must return a table of settings, returned nil/],
  "a default out of its range": [{ "defaults/welcome.lua": "return { n = option.integer{ default = 5, max = 3 } }" }, /defaults\/welcome\.lua.*n/],
  "a default that is no setting": [{ "defaults/welcome.lua": "return { n = print }" }, /defaults\/welcome\.lua.*n.*function/],
  "one setting declared twice": [{ "defaults/init.lua": "return { welcome = 5 }", "defaults/welcome.lua": "return { on = true }" },
    /defaults\/welcome\.lua.*welcome/],
  "two scripts with one command": [{ "scripts/b.lua": says("hi", "x") }, /scripts\/b\.lua:2: .*\/hi.*scripts\/a\.lua:2/],
  "a command that can't be one": [{ "scripts/b.lua": `${bot}bot.command("/Hi", "x", function() end)` }, /scripts\/b\.lua:2: .*without the slash/],
  "an unknown filter": [{ "scripts/b.lua": `${bot}bot.on("mesage:photo", function() end)` }, /scripts\/b\.lua:2: bot\.on\("mesage:photo"\): .*message/],
  "a malformed pattern": [{ "scripts/b.lua": `${bot}bot.hears("[", function() end)` }, /scripts\/b\.lua:2: "\[": malformed pattern/],
  "settings without names": [{ "defaults/welcome.lua": "return { 1, 2 }" }, /defaults\/welcome\.lua: welcome: settings need names/],
  "a handler that is no function": [{ "scripts/b.lua": `${bot}bot.command("x", "y", "z")` }, /scripts\/b\.lua:2: .*function expected/],
  "waiting while loading": [{ "scripts/b.lua": `require("time").sleep(1)` }, /scripts\/b\.lua:1: .*in a handler/],
  "a gap in the upgrades": [{ "migrations/config/0001_a.lua": "return function() end", "migrations/config/0003_c.lua": "return function() end" },
    /migrations\/config\/0003_c\.lua: number 2 is expected/],
  "an upgrade that is no function": [{ "migrations/config/0001_a.lua": "return {}" }, /migrations\/config\/0001_a\.lua: must return a function.*returned table/],
  "an upgrade without a number": [{ "migrations/config/first.lua": "return function() end" }, /migrations\/config\/first\.lua: .*four digits/],
  "an endless loop while loading": [{ "scripts/b.lua": "local x = 0\nwhile true do\n  x = x + 1\nend" }, /scripts\/b\.lua:[234]: .*too long/],
  "too much memory while loading": [{ "scripts/b.lua": "local t = {}\nfor i = 1, 1e9 do t[i] = ('x'):rep(1000) .. i end" }, /scripts\/b\.lua: not enough memory/],
};

describe("at start", { concurrency: 3 }, () => {
  test("a byte order mark and a first line with # are skipped, and counted", async (t) => {
    const good = folder(t, { "scripts/a.lua": `\uFEFF#!/usr/bin/lua\n${says("hi", "hi")}` });
    assert.equal((await run(["check", good.dir], little)).code, 0);
    const bad = folder(t, { "scripts/a.lua": `\uFEFF#!/usr/bin/lua\nx = = 1` });
    assert.match((await run(["check", bad.dir], little)).said, /scripts\/a\.lua:2: /);
  });
  const nowhere = environment({ url: "postgres://u@127.0.0.1:1/d", base: "http://127.0.0.1:1", bot: 7 }, little);

  for (const [name, [files, pattern]] of Object.entries(mistakes)) {
    test(name, async (t) => {
      const { dir } = folder(t, { "scripts/a.lua": says("hi", "hi"), ...files });
      const { code, said } = await run(["run", dir], nowhere);
      assert.equal(code, 1, said);
      assert.match(said, pattern);
      assert.match(said, /^moonpost: [^\n]+(\n +\d+ \| [^\n]*\n +\| \s*\^)?\n$/, "one line, and the one it is about");
      assert.deepEqual(await run(["check", dir], little), { code, signal: null, said });
    });
  }
});

// Ask until the bot answers with the text; gives the ms that it took.
async function answered(host, command, text) {
  const start = performance.now();
  await until(`/${command}: ${text}`, async () => {
    const { seq } = await host.sim.send(alice, `/${command}`).then(() => host.sim.get("messages", { chat: alice }));
    await host.sim.get("messages", { chat: alice, after: seq, wait_ms: 5 });
    return (await host.sim.said(alice)).includes(text);
  });
  return performance.now() - start;
}

const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];
const reloads = (host) => (host.said.match(/reload: reloaded/g) ?? []).length;

// Do something that makes a new generation, and wait for it.
async function reloaded(host, change) {
  const before = reloads(host);
  change();
  await until("a new generation", () => reloads(host) > before || !host.running);
  assert.ok(host.running, host.said);
}

describe("while it runs", { concurrency: 2 }, () => {
  test("a command that never runs is told of at each load", async (t) => {
    const host = await startBot(t, place, { "scripts/a.lua": `${says("hi", "1")}\n${says("hi", "2")}` });
    const told = () => (host.said.match(/ warn +script: \/hi of scripts\/a\.lua:\d comes after that of line 2, and runs only/g) ?? []).length;
    assert.equal(told(), 1, host.said);
    await reloaded(host, () => host.folder.write("scripts/b.lua", says("other", "x")));
    assert.equal(told(), 2, host.said);
  });

  test("a mistake leaves the old scripts in use, and the next good save is taken", async (t) => {
    const host = await startBot(t, place, { "scripts/a.lua": says("hi", "old"), "scripts/b.lua": says("other", "x") }, { env: little });
    for (const [name, [files, pattern]] of Object.entries(mistakes)) {
      const length = host.said.length;
      for (const [file, text] of Object.entries(files)) host.folder.write(file, text);
      // this process may be kept from going on between two files: then it is said of the first one, too
      const said = new RegExp(`error reload: [^\\n]*(${pattern.source})[^]*not reloaded`, pattern.flags);
      const what = { toString: () => `${name}: it is said:\n${host.since(length)}` };
      await until(what, () => said.test(host.since(length)));
      const told = host.said.length;
      for (const file of Object.keys(files)) host.folder.remove(file);
      await until(`${name}: mended`, () => /reload: (reloaded|the files are as they were)/.test(host.since(told)) || !host.running);
    }
    const length = host.said.length;
    host.folder.write("scripts/a.lua", says("hi", "new").replace("end)", "end"));
    await until("refused", () => host.since(length).includes("not reloaded"));
    await host.sim.send(alice, "/hi");
    assert.deepEqual(await host.sim.texts(alice, 1), ["old"]);
    host.folder.write("scripts/a.lua", says("hi", "new"));
    await answered(host, "hi", "new");
  });

  test("the log says what changed; what did not change is not loaded again", async (t) => {
    const host = await startBot(t, place, { "scripts/a.lua": says("hi", "one"), "scripts/lib/w.lua": "return {}", "scripts/b.lua": `require "w"` });
    const line = async (change) => {
      const length = host.said.length;
      change();
      await until("it is told of", () => /reload: .*\n/.test(host.since(length)));
      return host.since(length).match(/reload: (.*)\n/)[1].replace(/[\d.]+ ms/, "T ms");
    };
    assert.equal(await line(() => host.folder.write("scripts/a.lua", says("hi", "two"))), "reloaded in T ms: scripts/a.lua changed, 3 files, 1 handlers");
    assert.equal(await line(() => host.folder.write("scripts/lib/w.lua", "return 1")), "reloaded in T ms: scripts/lib/w.lua changed, 3 files, 1 handlers");
    assert.equal(await line(() => host.folder.replace("scripts/c.lua", "")), "reloaded in T ms: scripts/c.lua is new, 4 files, 1 handlers");
    assert.equal(await line(() => host.folder.remove("scripts/c.lua")), "reloaded in T ms: scripts/c.lua is gone, 3 files, 1 handlers");
    const before = host.said.length;
    for (const save of ["write", "replace"]) host.folder[save]("scripts/a.lua", says("hi", "two"));
    host.folder.write("scripts/a.txt", "x");
    await sleep(300 * slow);
    assert.equal(host.since(before), "");
    assert.equal(await line(() => host.folder.write("scripts/a.lua", "x x")), "scripts/a.lua:1: syntax error near 'x'");
    assert.match(host.since(before), / 1 \| x x\n +\| \^\n +not reloaded: the scripts loaded before stay in use/);
    assert.equal(await line(() => host.folder.write("scripts/a.lua", says("hi", "two"))), "the files are as they were loaded before");
    await answered(host, "hi", "two");
  });

  test("a new script answers", async (t) => {
    const host = await startBot(t, place, { "scripts/a.lua": says("hi", "hi") });
    const took = [];
    for (let i = 0; i < 9; i++) {
      host.folder.write(`scripts/new${i}.lua`, `local bot = require "bot"
local log = require "log"

bot.command("new${i}", "A new command", function(ctx)
  log.debug("asked")
  local name = ctx.from.first_name
  if ctx.args[1] then name = ctx.args[1] end
  ctx:reply("new ${i}, " .. name)
end)
`);
      took.push(await answered(host, `new${i}`, `new ${i}, Alice`));
    }
    t.diagnostic(`from save to answer: median ${median(took).toFixed()} ms, most ${Math.max(...took).toFixed()} ms`);
  });

  test("libraries, defaults, new folders, files that come and go", async (t) => {
    const words = (text) => `return { text = "${text}" }`;
    const host = await startBot(t, place, {
      "scripts/a.lua": `${bot}local words = require "words"\nbot.command("hi", "x", function(ctx) ctx:reply(words.text) end)`,
      "scripts/lib/words.lua": words("one"),
    });
    await answered(host, "hi", "one");
    host.folder.write("scripts/lib/words.lua", words("two"));
    await answered(host, "hi", "two");
    host.folder.replace("scripts/lib/words.lua", words("three"));
    await answered(host, "hi", "three");

    // folders that were not there at the start
    host.folder.write("scripts/b.lua", `${bot}bot.command("set", "x", function(ctx) ctx:reply("max is " .. ctx.config.flood.max) end)`);
    host.folder.write("defaults/flood.lua", "return { max = 5 }");
    await answered(host, "set", "max is 5");
    host.folder.write("defaults/flood.lua", "return { max = 7 }");
    await answered(host, "set", "max is 7");
    host.folder.write("scripts/lib/deep/er.lua", "return 'deeper'");
    host.folder.write("scripts/c.lua", `${bot}local er = require "deep.er"\nbot.command("deep", "x", function(ctx) ctx:reply(er) end)`);
    await answered(host, "deep", "deeper");
    host.folder.write("scripts/lib/deep/er.lua", "return 'deepest'");
    await answered(host, "deep", "deepest");

    // gone, and back under another name
    const known = async () => (await host.sim.get("state")).bots.find((b) => b.id === host.bot).commands.flatMap((c) => c.commands).map((c) => c.command).sort();
    await until("all commands are told", async () => String(await known()) === "deep,hi,set");
    await reloaded(host, () => host.folder.remove("scripts/b.lua"));
    await until("the command is taken back", async () => String(await known()) === "deep,hi");
    const before = await host.sim.said(alice);
    await host.sim.send(alice, "/set");
    await host.sim.send(alice, "/deep");
    assert.deepEqual(await host.sim.texts(alice, before.length + 1), [...before, "deepest"]);
    await reloaded(host, () => renameSync(host.folder.path("scripts/a.lua"), host.folder.path("scripts/z.lua")));
    await answered(host, "hi", "three");

    // what editors leave beside a file is none
    mkdirSync(host.folder.path("scripts/lib/x"));
    for (const name of [".a.lua.swp", "a.lua~", ".#a.lua", "#a.lua#", "a.txt"]) host.folder.write(`scripts/${name}`, "not Lua at all");
    host.folder.write("scripts/z.lua", says("hi", "after all"));
    await answered(host, "hi", "after all");
    assert.doesNotMatch(host.said, /not reloaded/);
  });

  test("running handlers finish on the scripts they began with", async (t) => {
    const script = (text) => `${bot}local words, time = require "words", require "time"
bot.command("slow", "x", function(ctx)
  require("log").info("begins")
  time.sleep(3)
  ctx:reply("${text}, " .. words.text .. ", " .. ctx.config.a.b)
end)`;
    const files = (text) => ({
      "scripts/a.lua": script(text), "scripts/lib/words.lua": `return { text = "${text} words" }`,
      "defaults/a.lua": `return { b = "${text} default" }`,
    });
    const host = await startBot(t, place, files("old"), { url: (await place.newDatabase(t)).url });
    for (const as of [1001, 1002, 1003]) await host.sim.send(as, "/slow");
    await until("the handlers run", () => host.said.match(/: begins/g)?.length === 3);
    await reloaded(host, () => Object.entries(files("new")).forEach(([name, text]) => host.folder.write(name, text)));
    for (const as of [1001, 1002, 1003]) {
      await host.sim.send(as, "/slow");
      assert.deepEqual(await host.sim.texts(as, 2), ["old, old words, old default", "new, new words, new default"]);
    }
  });

  // A save empties the file first, and on some disks that is seen long before it is told of.
  test("a file that is empty for a moment is not what is meant; one that stays so is", async (t) => {
    const host = await startBot(t, place, { "scripts/a.lua": says("hi", "one"), "defaults/a.lua": "return { a = 1 }" });
    let ms, length, tries = 0;
    do { // until this machine was quick enough
      assert.ok(++tries < 100);
      length = host.said.length;
      const began = performance.now();
      for (const name of ["scripts/a.lua", "defaults/a.lua"]) host.folder.write(name, "");
      await sleep(200);
      host.folder.write("defaults/a.lua", "return { a = 2 }");
      host.folder.write("scripts/a.lua", says("hi", `${tries} times`));
      ms = performance.now() - began;
      await answered(host, "hi", `${tries} times`);
    } while (ms > 800);
    assert.match(host.since(length), /reload: reloaded in [^\n]*, 2 files, 1 handlers\n$/);
    assert.doesNotMatch(host.since(length), /, 0 handlers|not reloaded/);
    await reloaded(host, () => host.folder.write("scripts/a.lua", ""));
    assert.match(host.said, /scripts\/a\.lua changed, 2 files, 0 handlers\n$/);
  });

  test("50 saves, every third broken, while updates come: each is answered once", async (t) => {
    const script = (i) => `${bot}bot.command("n", "x", function(ctx) ctx:reply(ctx.args[1] .. " by ${i}") end)\n`;
    const host = await startBot(t, place, { "scripts/a.lua": script(0) });
    const people = [1001, 1002, 1003];
    let sent = 0, over = false;
    const sending = (async () => {
      while (!over) {
        await Promise.all(people.map((as) => host.sim.send(as, `/n ${sent}`)));
        sent++;
        await sleep(2);
      }
    })();
    for (let i = 1; i <= 50; i++) {
      const text = i % 3 === 0 ? `${script(i)}\nlocal = broken` : script(i);
      if (i % 2) host.folder.write("scripts/a.lua", text);
      else host.folder.replace("scripts/a.lua", text);
      await sleep(i % 5 ? 30 : 5);
    }
    over = true;
    await sending;
    for (const as of people) {
      const texts = await host.sim.texts(as, sent);
      assert.deepEqual(texts.map((x) => Number(x.split(" ")[0])), [...Array(sent).keys()]);
    }
    await answered(host, "n last", "last by 50");
    t.diagnostic(`${3 * sent} updates over ${reloads(host)} reloads`);
    assert.ok(reloads(host) > 15, host.said);
  });
});

test("200 reloads keep no memory", { skip: slow > 1 }, async (t) => {
  // the sanitizer keeps what was freed for a while; not here
  const env = { ASAN_OPTIONS: `${process.env.ASAN_OPTIONS ?? ""}:quarantine_size_mb=0:thread_local_quarantine_size_kb=0` };
  const big = Array.from({ length: 200 }, (_, i) => `bot.command("c${i}", "Command ${i}", function(ctx) ctx:reply("${"x".repeat(100)}") end)`);
  const files = { "scripts/a.lua": says("hi", "hi"), "scripts/lib/w.lua": "return {}", "defaults/a.lua": "return { b = { 1, 2, 3 }, c = 'text' }" };
  const host = await startBot(t, place, files, { env });
  const round = async (i) => {
    await reloaded(host, () => host.folder.replace("scripts/b.lua", `-- ${i}\n${bot}require "w"\n${big.join("\n")}`));
    if (i % 10 === 0) await answered(host, "hi", "hi");
  };
  for (let i = 0; i < 30; i++) await round(i);
  const before = host.memory;
  for (let i = 0; i < 200; i++) await round(i);
  const grown = host.memory - before;
  t.diagnostic(`${before} KiB before, ${grown} KiB more after 200 reloads`);
  assert.ok(grown < 4096, `grew by ${grown} KiB`);
});
