// moonpost new: a folder that works at once; moonpost types in it.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { run } from "./lib/host.mjs";
import { root } from "./lib/program.mjs";

function emptyFolder(t) {
  const dir = mkdtempSync(path.join(tmpdir(), "moonpost-new-"));
  t.after(() => rmSync(dir, { recursive: true }));
  return dir;
}

test("new: a bot that loads, is tidy, and has its types", async (t) => {
  const dir = path.join(emptyFolder(t), "my-bot");
  let { code, said } = await run(["new", dir]);
  assert.equal(code, 0, said);
  assert.match(said, /cd .*my-bot\n {2}DATABASE_URL=postgres:\/\/… moonpost dev\n\nWithout a database: .*`bin\/run .*my-bot`/);
  assert.match((await run(["new", `${dir}2`], { DATABASE_URL: "postgres://x/y" })).said, /\n {2}moonpost dev\n/);
  ({ code, said } = await run(["check", dir]));
  assert.equal(code, 0, said);
  execFileSync("luacheck", ["--quiet", "scripts", "defaults", "spec"], { cwd: dir });
  const globals = (of) => readFileSync(path.join(of, ".luacheckrc"), "utf8").match(/^stds\.moonpost = [^]*?^}$/m)[0];
  assert.equal(globals(dir), globals(root), "what scripts have is the same everywhere");
  assert.doesNotMatch(readFileSync(path.join(dir, ".luacheckrc"), "utf8"), /core\//); // nothing of Moonpost's own source
  writeFileSync(path.join(dir, "scripts/bad.lua"), "io.write(bto)\n");
  assert.throws(() => execFileSync("luacheck", ["--no-color", "scripts"], { cwd: dir, encoding: "utf8" }),
    (e) => /variable .?io/.test(e.stdout) && /variable .?bto/.test(e.stdout));
  assert.match(readFileSync(path.join(dir, "types/config.lua"), "utf8"), /^---@field greeting Config\.Greeting$/m);
  assert.ok(JSON.parse(readFileSync(path.join(dir, ".luarc.json"), "utf8"))["workspace.library"].includes("types"));
  assert.match(readFileSync(path.join(dir, "Procfile"), "utf8"), /^worker: bin\/moonpost run$/m);
});

test("new: nothing is written over, and then nothing is written at all", async (t) => {
  const dir = emptyFolder(t);
  mkdirSync(path.join(dir, "spec"));
  writeFileSync(path.join(dir, "README.md"), "mine");
  const { code, said } = await run(["new", dir]);
  assert.equal(code, 1);
  assert.match(said, /README\.md is there already; nothing was written/);
  assert.equal(readFileSync(path.join(dir, "README.md"), "utf8"), "mine");
  assert.ok(!existsSync(path.join(dir, "scripts")));
});

test("new: without a folder, and where none can be", async (t) => {
  let { code, said } = await run(["new"]);
  assert.equal(code, 2);
  assert.match(said, /which folder/);
  ({ code, said } = await run(["new", path.join(emptyFolder(t), "a/b")]));
  assert.equal(code, 1);
  assert.match(said, /No such file or directory/);
});

test("types: written once, again when something changed, an author's .luarc.json stays", async (t) => {
  const dir = path.join(emptyFolder(t), "bot");
  const types = async () => (await run(["types", dir])).said;
  await run(["new", dir]);
  assert.match(await types(), /is up to date\.\n$/); // and .luarc.json is as it should be
  writeFileSync(path.join(dir, "defaults/more.lua"), "return { on = true }");
  writeFileSync(path.join(dir, ".luarc.json"), "{}");
  assert.match(await types(), /^Written: .*types\.\nIn \.luarc\.json/);
  assert.match(readFileSync(path.join(dir, "types/config.lua"), "utf8"), /^---@field on boolean/m);
  assert.equal(readFileSync(path.join(dir, ".luarc.json"), "utf8"), "{}");
});
