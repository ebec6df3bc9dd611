// moonpost types: the settings of a folder as annotations for an editor.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { folder, run } from "./lib/host.mjs";
import { root } from "./lib/program.mjs";

test("types: a class for each section, and Lua can read it", async (t) => {
  const bot = folder(t, {
    "scripts/a.lua": "",
    "defaults/init.lua": "return { owner = option.user{} }",
    "defaults/filters.lua": `return option.section{ label = "Filters", lazy = true,
      derive = function(section) return section.words end,
      settings = { words = option.list{ of = option.string{ max = 50 }, default = {} },
        mode = option.choice{ "soft", "hard", default = "soft", help = "what happens\\nthen" } } }`,
  });
  const { code, said } = await run(["types", "--print", bot.dir]);
  assert.equal(code, 0, said);
  const lines = said.split("\n");
  assert.equal(lines[0], "---@meta");
  assert.deepEqual(lines.slice(3), [
    "",
    "---@class Config",
    "---@field filters Config.Filters # Filters",
    "---@field owner integer? # a user's id or none; default null",
    "",
    "---@class Config.Filters",
    '---@field mode "soft"|"hard" # what happens then; one of soft, hard; default "soft"',
    "---@field words string[] # a list, each text of at most 50 characters; default []",
    "",
    "---@class Derived",
    "---@field filters any # what derive of this section returns",
    "",
  ]);
  const file = path.join(bot.dir, "types.lua");
  writeFileSync(file, said);
  execFileSync("luacheck", ["--no-config", "--no-max-line-length", "--quiet", file]);
});

test("types: the bot in this repository", async () => {
  const { code, said } = await run(["types", "--print", root]);
  assert.equal(code, 0, said);
  assert.match(said, /^---@field welcome Config\.Welcome\b/m);
  assert.match(said, /^---@field enabled boolean # /m);
});

test("types: a folder that does not load, and one that is none", async (t) => {
  const bot = folder(t, { "scripts/a.lua": "", "defaults/x.lua": "return {\n a = print }" });
  let { code, said } = await run(["types", "--print", bot.dir]);
  assert.equal(code, 1);
  assert.match(said, /^moonpost: defaults\/x\.lua:2: x\.a: a setting can't be a function\n  2 \|  a = print }\n/);
  ({ code, said } = await run(["types", "--print", path.join(bot.dir, "none")]));
  assert.equal(code, 1);
  assert.match(said, /^moonpost: .*none/);
});
