// scripts/settings.lua: settings of every kind, private ones, sections that are lazy.
import assert from "node:assert/strict";
import { test } from "node:test";
import { alice } from "../system/lib/simulator.mjs";
import { entities, startBot } from "./lib/bot.mjs";

const bot = startBot({
  "defaults/kinds.lua": `return option.section{ label = "<Kinds>", lazy = true, settings = {
    words = option.list{ of = option.string{ max = 5 }, max = 3, default = { "a", "b, c", "" } },
    modes = option.list{ of = option.choice{ "soft", "hard" }, default = {} },
    ids = option.list{ of = option.chat{}, default = {} },
    grid = option.list{ of = option.list{ of = option.integer{} }, default = { { 1 }, {} } },
    notes = option.map{ of = option.string{}, default = {} },
    any = { 1, "x" },
    log = option.chat{ label = "Log" },
    boss = option.user{ default = 42 },
    wait = option.integer{ default = 5, min = 1, max = 60, unit = "minutes <b>" },
    code = option.string{ default = "abc", pattern = "^%l+$" },
    token = option.string{ default = "hidden", private = true },
  } }`,
  "defaults/inner.lua": `return option.section{ private = true, settings = { a = 1 } }`,
  "defaults/replies.lua": `return option.section{ lazy = true, private = true,
    derive = function(section)
      local set, n = {}, 0
      for word in pairs(section.words) do set[word:lower()], n = true, n + 1 end
      return { set = set, n = n }
    end,
    settings = { words = option.map{ of = option.string{}, default = { Hello = "hi" } } } }`,
  "scripts/words.lua": `require("bot").command("word", function(ctx)
    local word = ctx.args[1]
    if ctx.args[2] then ctx.config.replies.words[word] = ctx.args[2] end
    ctx:reply(tostring(ctx.derived.replies.set[word:lower()]) .. ctx.derived.replies.n)
  end)`,
  "scripts/token.lua": `require("bot").command("token", function(ctx)
    ctx.config.kinds.token, ctx.config.inner.a = "mine", 2
    ctx:reply(ctx.config.kinds.token .. ctx.config.inner.a .. tostring(ctx.config.kinds.log))
  end)`,
});
const of = (text, path) => text.split("\n").find((l) => l.includes(`${path}:`));
const stored = async () => (await bot.stored(alice))?.kinds;

test("settings: lists, ids and units as people write them, private ones not at all", async () => {
  const message = await bot.ask(alice, "/settings");
  const shown = {
    any: '[1,"x"] (default: [1,"x"])',
    boss: "42 (default: 42)",
    code: '"abc" (default: "abc")',
    grid: "[[1],[]] (default: [[1],[]])",
    ids: "(empty) (default: (empty))",
    log: "none (default: none)",
    modes: "(empty) (default: (empty))",
    notes: "{} (default: {})",
    wait: "5 minutes <b> (default: 5 minutes <b>)",
    words: 'a, "b, c", "" (default: a, "b, c", "")',
  };
  for (const [name, line] of Object.entries(shown)) assert.equal(of(message.text, `kinds.${name}`), `kinds.${name}: ${line}`);
  assert.match(message.text, /^<Kinds>\nkinds\.any: /m);
  assert.deepEqual(entities(message, "bold"), ["<Kinds>", "Welcome"]);
  assert.match(message.text, /^Log: a chat's id or none$/m);
  assert.match(message.text, /^a whole number from 1 to 60 minutes <b>$/m);
  assert.match(message.text, /^a list of at most 3 elements, each text of at most 5 characters$/m);
  assert.match(message.text, /^text that matches "\^%l\+\$"$/m);
  assert.doesNotMatch(message.text, /token|hidden|inner/);
});

test("set: values as people write them", async () => {
  const set = {
    'words x,  y z ,"1, 2"': ['words is now x, y z, "1, 2"', "words", ["x", "y z", "1, 2"]],
    'words ["p"]': ["words is now p", "words", ["p"]],
    "modes hard, soft": ["modes is now hard, soft", "modes", ["hard", "soft"]],
    "ids -1001234567890123, 7": ["ids is now -1001234567890123, 7", "ids", [-1001234567890123, 7]],
    "grid [[],[2,3]]": ["grid is now [[],[2,3]]", "grid", [[], [2, 3]]],
    'notes {"a b":"c"}': ['notes is now {"a b":"c"}', "notes", { "a b": "c" }],
    "log -1001234567890": ["log is now -1001234567890", "log", -1001234567890],
    "boss none": ["boss is now none", "boss", null],
    "wait 7": ["wait is now 7 minutes <b>", "wait", 7],
    "code xyz": ['code is now "xyz"', "code", "xyz"],
  };
  for (const [what, [reply, name, value]] of Object.entries(set)) {
    assert.equal(await bot.say(alice, `/set kinds.${what}`), `kinds.${reply}`);
    assert.deepEqual((await stored())[name], value);
  }
  const text = await bot.say(alice, "/settings");
  assert.equal(of(text, "kinds.boss"), "✎ kinds.boss: none (default: 42)");
  assert.equal(await bot.say(alice, "/set kinds.log off"), "kinds.log is now none");
  assert.equal(await bot.say(alice, "/reset kinds.boss"), "kinds.boss is back at its default: 42");
});

test("set: what does not fit is told with its place", async () => {
  const before = await stored();
  const wrong = {
    "words a, b, c, d": "words: must be a list of at most 3 elements, each text of at most 5 characters, got 4 elements",
    "words a, abcdef": 'words[2]: must be text of at most 5 characters, got "abcdef"',
    "modes soft, loud": 'modes[2]: must be one of soft, hard, got "loud"',
    "ids 5, none": "ids[2]: must be a chat's id, got none",
    'grid [[1],["2"]]': 'grid[2][1]: must be a whole number, got "2"',
    'notes {"a":5}': 'notes["a"]: must be text, got 5',
    "log 0": "log: must be a chat's id or none, got 0",
    "boss -7": "boss: must be a user's id or none, got -7",
    "wait 61": "wait: must be a whole number from 1 to 60 minutes <b>, got 61",
    "code Abc": 'code: must be text that matches "^%l+$", got "Abc"',
  };
  for (const [what, told] of Object.entries(wrong)) assert.equal(await bot.say(alice, `/set kinds.${what}`), `kinds.${told}`);
  assert.deepEqual(await stored(), before);
});

test("set, reset: private settings are none for people, and some for scripts", async () => {
  for (const path of ["kinds.token", "inner.a"]) {
    assert.equal(await bot.say(alice, `/set ${path} 1`), `there is no setting "${path}"`);
    assert.equal(await bot.say(alice, `/reset ${path}`), `there is no setting "${path}"`);
  }
  assert.equal(await bot.say(alice, "/token"), "mine2nil");
  assert.equal((await stored()).token, "mine");
  assert.doesNotMatch(await bot.say(alice, "/settings"), /mine|token/);
});

test("derive: a function of a lazy section, computed again when it changes", async () => {
  assert.equal(await bot.say(alice, "/word HELLO"), "true1");
  assert.equal(await bot.say(alice, "/word bye"), "nil1");
  assert.equal(await bot.say(alice, "/word Bye then"), "true2");
  assert.equal(await bot.say(alice, "/word bye"), "true2");
});

test("no handler failed", () => assert.deepEqual(bot.failures, []));
