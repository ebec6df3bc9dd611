// What editors are told (core/script/meta) and what there is: the same names. Each file
// is Lua, and its types are declared.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, test } from "node:test";
import { folder, run, startBot, world } from "./lib/host.mjs";
import { root, until } from "./lib/program.mjs";
import { alice } from "./lib/simulator.mjs";

const place = world();
const read = (file) => readFileSync(path.join(root, file), "utf8");
const metaFiles = readdirSync(path.join(root, "core/script/meta"));
const meta = Object.fromEntries(metaFiles.map((f) => [path.basename(f, ".lua"), read(`core/script/meta/${f}`)]));
const modules = [...read("core/script/require.c").matchAll(/^\s*\{ "([\w.]+)", \w+ \}(?:,\s*\{ "([\w.]+)", \w+ \})?/gm)]
  .flatMap((m) => [m[1], m[2]]).filter((m) => m && !m.startsWith("moonpost."));

// What a file declares: functions, and fields that are functions or values.
function declared(text) {
  const names = [...text.matchAll(/^function [\w.]+[.:](\w+)\(/gm), ...text.matchAll(/^---@field (?:(?:public|private|protected|package) )?\[?"?(\w+)"?\]?\??/gm)];
  return new Set(names.map((m) => m[1]));
}

describe("the types for editors", () => {
  test("have every function of every module, and no others", async (t) => {
    assert.ok(modules.length > 10, modules.join(" "));
    const list = modules.map((m) => `"${m}"`).join(", ");
    const bot = await startBot(t, place, { "scripts/a.lua": `local bot = require "bot"
local modules = {}
for _, name in ipairs{ ${list} } do modules[name] = require(name) end
bot.command("names", "x", function(ctx)
  for name, module in pairs(modules) do
    local names = {}
    if type(module) == "table" then for key in pairs(module) do names[#names + 1] = tostring(key) end end
    print("module " .. name .. ":" .. table.concat(names, ","))
  end
  ctx:reply("done")
end)` });
    await bot.sim.send(alice, "/names");
    await until("done", async () => (await bot.sim.said(alice)).includes("done"));
    for (const name of modules) {
      const [, names] = bot.said.match(new RegExp(`module ${name.replace(".", "\\.")}:(\\S*)`));
      const file = meta[name] ?? meta[name.replace(".", "_")];
      assert.ok(file, `core/script/meta has no ${name}.lua`);
      const has = declared(file);
      for (const key of names.split(",").filter(Boolean)) assert.ok(has.has(key), `${name}.${key} is not in meta/${name}.lua`);
      const own = [...file.matchAll(new RegExp(`^function ${name.split(".")[0]}\\.(\\w+)\\(`, "gm"))].map((m) => m[1]);
      for (const key of own) assert.ok(names.split(",").includes(key), `${name}.${key} of meta/${name}.lua does not exist`);
    }
  });

  test("have every field and method of ctx, and no others", () => {
    const methods = [...read("core/script/ctx_methods.c").match(/ctx_methods\[\] = \{(.*?)\n\};/s)[1].matchAll(/\{ "(\w+)"/g)].map((m) => m[1]);
    const fields = [...read("core/script/ctx.c").match(/fields\[\] = \{(.*?)\n\};/s)[1].matchAll(/\{ "(\w+)"/g)].map((m) => m[1]);
    assert.ok(methods.length > 30 && fields.length > 15);
    const has = declared(meta.ctx);
    for (const name of [...methods, ...fields]) assert.ok(has.has(name), `ctx.${name} is not in meta/ctx.lua`);
    const own = [...meta.ctx.matchAll(/^function [\w.]+[.:](\w+)\(/gm)].map((m) => m[1]);
    for (const name of own) assert.ok(methods.includes(name), `ctx:${name}() of meta/ctx.lua does not exist`);
  });

  test("are Lua, and name only types that are declared", async (t) => {
    const bot = folder(t, { "scripts/a.lua": "", "defaults/init.lua": "return { a = 1 }" });
    const { code, said } = await run(["types", bot.dir]);
    assert.equal(code, 0, said);
    const dir = bot.path("types");
    const files = readdirSync(dir);
    const all = files.map((f) => readFileSync(path.join(dir, f), "utf8"));
    // 011: what is not Lua
    execFileSync("luacheck", ["--no-config", "--quiet", "--only", "011", "--", ...files.map((f) => path.join(dir, f))]);
    const known = new Set(["any", "nil", "boolean", "string", "number", "integer", "table", "function", "fun", "true", "false", "unknown", "self", "void",
      "userdata", "thread", "lightuserdata"]);
    for (const text of all) {
      for (const m of text.matchAll(/^---@(?:class|alias) ([\w.]+)/gm)) known.add(m[1]);
      for (const m of text.matchAll(/^---@generic (.*)$/gm)) for (const g of m[1].split(",")) known.add(g.trim().split(/[ :]/)[0]);
    }
    all.forEach((text, i) => {
      for (const m of text.matchAll(/^---@(param \S+|field (?:public |private )?(?:\[[^\]]*\]|\S+)|return|class [\w.]+ ?:|alias [\w.]+) +([^#\n]*)/gm)) {
        for (const name of typeNames(m[2], m[1] === "return" || m[1].startsWith("param") || m[1].startsWith("field"))) {
          assert.ok(known.has(name), `${files[i]}: "${name}" in ${m[0].slice(0, 120)}`);
        }
      }
    });
  });
});

// The names of types that begin a type expression: "telegram.Message[]|nil text" → one.
function typeNames(text) {
  const names = [];
  let rest = text.trim();
  const expression = () => {
    for (;;) {
      let m;
      if ((m = rest.match(/^"[^"]*"/))) rest = rest.slice(m[0].length);
      else if ((m = rest.match(/^fun\(/))) {
        rest = rest.slice(m[0].length);
        while (rest && !rest.startsWith(")")) {
          if ((m = rest.match(/^\s*(\.\.\.|[\w]+\??)\s*(:\s*)?/)) && m[0]) {
            rest = rest.slice(m[0].length);
            if (m[2]) expression();
          } else if ((m = rest.match(/^\s*,\s*/))) rest = rest.slice(m[0].length);
          else break;
        }
        rest = rest.replace(/^\)\s*/, "");
        if ((m = rest.match(/^:\s*/))) {
          rest = rest.slice(m[0].length);
          expression();
        }
      } else if ((m = rest.match(/^\{/))) return; // a table literal: not looked into
      else if ((m = rest.match(/^\(/))) {
        rest = rest.slice(1);
        expression();
        rest = rest.replace(/^\)/, "");
      } else if ((m = rest.match(/^[A-Za-z_][\w.]*/))) {
        names.push(m[0].replace(/\.+$/, ""));
        rest = rest.slice(m[0].length);
        if (rest.startsWith("<")) rest = rest.slice(rest.indexOf(">") + 1);
      } else return;
      rest = rest.replace(/^(\[\]|\?)+/, "");
      if (!rest.startsWith("|")) return;
      rest = rest.slice(1);
    }
  };
  expression();
  return names;
}
