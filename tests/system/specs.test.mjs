// moonpost test: a bot's specs against the simulator and a schema of their own.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { assertDiscreet, database, folder, Host, query, run, says, slow, urlOf } from "./lib/host.mjs";
import { root, until } from "./lib/program.mjs";

const files = { "scripts/a.lua": `${says("x", "said x")}
bot.command("boom", function() error("oh dear") end)
` };
const limit = 60000 * slow;

// Runs specs to their end; out: what was said, with the database as it was before.
async function specs(t, written, args = [], { db, env = {} } = {}) {
  const bot = folder(t, { ...files, ...written });
  db ??= await database(t);
  const program = new Host(["test", bot.dir, ...args], { env: { DATABASE_URL: db.url, ...env } });
  const { code, said } = await program.end(limit);
  assert.deepEqual(await leftIn(db), [], said);
  return { code, said: said.replaceAll(`${bot.dir}/`, ""), db, bot };
}

// Schemas and tables that are not PostgreSQL's own.
const leftIn = (db) => db.query(`SELECT relnamespace::regnamespace::text AS schema, relname FROM pg_class
  WHERE relnamespace::regnamespace::text !~ '^(pg_|information_schema)'
  UNION SELECT nspname, '' FROM pg_namespace WHERE nspname ~ '^moonpost'`);

test("test: what passes, fails and is pending is counted, and shown where it failed", async (t) => {
  const { code, said } = await specs(t, {
    "spec/a_spec.lua": `describe("x", function()
  local alice
  before_each(function() alice = person{ name = "Alice" } end)
  it("passes", function() assert.equal("said x", alice:send("/x")[1].text) end)
  it("fails", function()
    assert.equal("said y", alice:send("/x")[1].text)
  end)
  it("raises", function() local t = nil; return t.x end)
  pending("is to come")
  it("waits", function() pending("for later") end)
end)`,
  });
  assert.equal(code, 1, said);
  assert.match(said, /✗ x fails {2}spec\/a_spec.lua:5\n {2}spec\/a_spec.lua:6: Expected objects to be equal\./);
  assert.match(said, /'said x'\n {2}Expected:\n {2}\(string\) 'said y'/);
  assert.match(said, /what happened:\n {4}Alice → Alice's chat: \/x\n {4} {2}bot: sendMessage → Alice: said x\n/);
  assert.match(said, /✗ x raises.*\n {2}spec\/a_spec.lua:8: attempt to index a nil value/);
  assert.match(said, /^spec\/a_spec.lua: 1 passed, 2 failed, 2 pending \(\d+ ms\)$/m);
  assert.match(said, /^1 passed, 2 failed, 2 pending in [\d.]+ s \(median \d+ ms a spec\)$/m);
});

test("test: 0 when all pass; 1 when nothing was run", async (t) => {
  const spec = { "spec/a_spec.lua": 'it("a", function() assert.is_true(true) end)' };
  assert.equal((await specs(t, spec)).code, 0);
  const none = await specs(t, spec, ["--filter", "zzz"]);
  assert.equal(none.code, 1);
  assert.match(none.said, /no spec was run: none matches --filter/);
  const empty = await specs(t, {});
  assert.equal(empty.code, 1);
  assert.match(empty.said, /there are no specs: they are in .*spec\/, in files like limit_spec.lua/);
});

test("test: an error of the bot fails the spec that caused it, and no other", async (t) => {
  const { code, said } = await specs(t, {
    "spec/a_spec.lua": `it("booms", function() person("Al"):send("/boom") end)
it("expects it", function() bot:expect_error("oh dear") person("Al"):send("/boom") end)
it("expects it in vain", function() bot:expect_error("oh dear") person("Al"):send("/x") end)
it("expects another", function() bot:expect_error("hello") person("Al"):send("/boom") end)`,
  });
  assert.equal(code, 1, said);
  assert.match(said, /✗ booms .*\n.*bot:expect_error.*\n {4}handler failed: scripts\/a.lua:4: oh dear/);
  assert.match(said, /✗ expects it in vain .*\n.*expected to report an error that matches "oh dear", and did not/);
  assert.match(said, /✗ expects another /);
  assert.match(said, /^1 passed, 3 failed, 0 pending/m);
});

test("test: files that can't be read are failures, the others run", async (t) => {
  const { code, said } = await specs(t, {
    "spec/a_spec.lua": 'it("a", function() assert.equal(1 2) end)',
    "spec/b_spec.lua": 'describe("b", function() error("at the top") end)',
    "spec/c_spec.lua": 'describe("c", function() setup(function() person("Al") end) it("d", function() end) end)',
    "spec/deep/e_spec.lua": 'it("e", function() end)',
    "spec/helper.lua": "error('not a spec')",
  });
  assert.equal(code, 1, said);
  assert.match(said, /spec\/a_spec.lua:1: '\)' expected near '2'/);
  assert.match(said, /spec\/b_spec.lua:1: at the top/);
  assert.match(said, /spec\/c_spec.lua:1: people, chats and the bot are made anew for each spec/);
  assert.match(said, /spec\/deep\/e_spec.lua: 1 passed/);
  assert.match(said, /^1 passed, 3 failed/m);
});

test("test: a bot that does not load, or whose tables can't be made", async (t) => {
  const spec = { "spec/a_spec.lua": 'it("a", function() person("Al"):send("/x") end)' };
  const broken = await specs(t, { ...spec, "scripts/b.lua": "local x = = 1" });
  assert.equal(broken.code, 1);
  assert.match(broken.said, /moonpost: scripts\/b.lua:1: unexpected symbol near '='/);
  const tables = await specs(t, { ...spec, "migrations/schema/0001_a.sql": "CREATE TABLE (x);" });
  assert.equal(tables.code, 1);
  assert.match(tables.said, /migrations\/schema\/0001_a.sql:1: syntax error/);
});

test("test: a handler that computes for long has ended, too, when the bot is idle", async (t) => {
  const { code, said } = await specs(t, {
    "scripts/b.lua": `local bot = require "bot"
bot.command("work", function(ctx)
  local from, n = os.clock(), 0
  while os.clock() - from < 0.05 do n = n + 1 end
  ctx:reply("worked")
end)
bot.command("loop", function() while true do end end)
`,
    "spec/a_spec.lua": `local al
before_each(function() al = person("Al") end)
it("works", function() assert.equal("worked", al:send("/work")[1].text) end)
it("loops", function()
  bot:expect_error("for too long")
  al:send("/loop")
end)
`,
  });
  assert.equal(code, 0, said);
});

test("test: an endless loop in a spec is ended, also within pcall and table.sort", async (t) => {
  const { code, said } = await specs(t, {
    "spec/a_spec.lua": `it("a", function() while true do end end)
it("b", function() while true do pcall(function() while true do end end) end end)
it("c", function() table.sort({ 1, 2, 3 }, function() while true do end end) end)
it("d", function() while true do coroutine.wrap(function() while true do end end)() end end)
it("e", function() person("Al"):send("/x") end)`,
  }, ["--timeout", "4"]);
  assert.equal(code, 1, said);
  assert.equal(said.match(/an endless loop\?/g).length, 4, said);
  assert.match(said, /^1 passed, 4 failed/m);
});

test("test: a bot that is not idle in time says what it is at", async (t) => {
  const { code, said } = await specs(t, {
    "spec/a_spec.lua": `it("a", function() local al = person("Al") telegram:slow(20000, "sendMessage") al:send("/x") end)`,
  }, ["--timeout", "4"]);
  assert.equal(code, 1, said);
  assert.match(said, /a_spec.lua:1: the bot was not idle after 4 s: 1 updates in hand, .*1 calls to the Bot API/);
});

test("test: which specs: files, folders, --filter with tags, --list", async (t) => {
  const written = {
    "spec/a_spec.lua": 'describe("a", function() it("one #slow", function() end) it("two", function() end) end)',
    "spec/b_spec.lua": 'it("three", function() end)',
  };
  const bot = folder(t, { ...files, ...written });
  const list = async (...args) => (await run(["test", bot.dir, "--list", ...args])).said.replaceAll(`${bot.dir}/`, "");
  assert.equal(await list(), "spec/a_spec.lua:1: a one #slow\nspec/a_spec.lua:1: a two\nspec/b_spec.lua:1: three\n");
  assert.equal(await list("spec/b_spec.lua"), "spec/b_spec.lua:1: three\n");
  assert.equal(await list("b_spec.lua"), "spec/b_spec.lua:1: three\n");
  assert.equal(await list(path.join(bot.dir, "spec")), await list());
  assert.equal(await list("--filter", "#slow"), "spec/a_spec.lua:1: a one #slow\n");
  for (const [args, status, pattern] of [
    [["nothing_spec.lua"], 1, /nothing_spec.lua: no such file or folder/],
    [["--filter", "%"], 1, /--filter %: not a Lua pattern/],
    [["--filter"], 2, /--filter needs a Lua pattern/],
    [["--timeout", "0"], 2, /--timeout needs a number of seconds/],
    [["--what"], 2, /unexpected argument --what/],
  ]) {
    const { code, said } = await run(["test", bot.dir, ...args]);
    assert.equal(code, status, said);
    assert.match(said, pattern);
  }
});

test("test: TAP and JSON, for programs", async (t) => {
  const written = { "spec/a_spec.lua": `it("good", function() end)
it("bad #1", function() assert.is_true(false) end)
pending("none")` };
  const tap = await specs(t, written, ["--tap"]);
  assert.equal(tap.code, 1);
  assert.match(tap.said, /^TAP version 14\nok 1 - good\nnot ok 2 - bad \\#1\n# spec\/a_spec.lua:2\n/);
  assert.match(tap.said, /\nok 3 - none # SKIP\n1\.\.3\n$/);
  const json = await specs(t, written, ["--json"]);
  const lines = json.said.trim().split("\n").map((line) => JSON.parse(line));
  assert.deepEqual(lines.map((l) => l.status ?? l.event), ["passed", "failed", "pending", "end"]);
  assert.equal(lines[1].line, 2);
  assert.match(lines[1].errors[0], /a_spec.lua:2: Expected/);
  assert.deepEqual([lines[3].passed, lines[3].failed, lines[3].pending], [1, 1, 1]);
});

test("test: nothing in the database but its own schema is touched, which is dropped", async (t) => {
  const db = await database(t);
  await db.query("CREATE TABLE chat_configs (chat_id BIGINT PRIMARY KEY, config JSONB)");
  await db.query("INSERT INTO chat_configs VALUES (1001, '{\"own\": 1}')");
  const bot = folder(t, { ...files, "spec/a_spec.lua": `it("a", function()
    person("Al"):send("/x")
    assert.match("^moonpost_test_%d+_%d+$", db.query("SELECT current_schema() AS s")[1].s)
    assert.same({}, db.query("SELECT * FROM chat_configs"))
  end)` });
  // of runs that were killed: one a day and more ago, one just now, one of another name
  const now = Math.floor(Date.now() / 1000);
  for (const name of [`${now - 90000}_1`, `${now - 60}_1`, "mine"]) await db.query(`CREATE SCHEMA moonpost_test_${name}`);
  const { code, said } = await new Host(["test", bot.dir], { env: { DATABASE_URL: db.url } }).end(limit);
  assert.equal(code, 0, said);
  assert.deepEqual((await db.query("SELECT nspname FROM pg_namespace WHERE nspname ~ '^moonpost' ORDER BY 1")).map((r) => r.nspname),
    [`moonpost_test_${now - 60}_1`, "moonpost_test_mine"]);
  assert.deepEqual(await db.query("SELECT * FROM chat_configs"), [{ chat_id: "1001", config: { own: 1 } }]);
});

for (const signal of ["SIGINT", "SIGTERM"]) {
  test(`test: ${signal} ends it, and nothing stays`, async (t) => {
    const db = await database(t);
    const bot = folder(t, { ...files, "spec/a_spec.lua": `it("a", function()
      person("Al"):send("/x")
      print("here")
      ${signal === "SIGINT" ? "while true do end" : 'telegram:slow(60000, "sendMessage") person("Al"):send("/x")'}
    end)
    it("b", function() print("never") end)` });
    const program = new Host(["test", bot.dir, "--timeout", "100"], { env: { DATABASE_URL: db.url } });
    await program.line(/here/, limit);
    program.kill(signal);
    const { code, said } = await program.end(limit);
    assert.equal(code, 1, said);
    assert.match(said, /interrupted/);
    assert.doesNotMatch(said, /never/);
    assert.deepEqual(await leftIn(db), []);
  });
}

test("test: without a database, or without one that can be reached", async (t) => {
  const bot = folder(t, { ...files, "spec/a_spec.lua": 'it("a", function() person("Al") end)',
    "spec/b_spec.lua": 'it("b", function() end)' });
  const none = await run(["test", bot.dir]);
  assert.equal(none.code, 1);
  assert.match(none.said, /DATABASE_URL is not set: specs run in a schema of their own/);
  const pure = await run(["test", bot.dir, "b_spec.lua"]);
  assert.equal(pure.code, 0, pure.said); // needs no bot
  const { code, said } = await new Host(["test", bot.dir],
    { env: { DATABASE_URL: "postgres://a:b@127.0.0.1:1/c", DATABASE_TIMEOUT_MS: "1000" } }).end(limit);
  assert.equal(code, 1);
  assert.match(said, /no connection to PostgreSQL/);
});

test("test: without luassert it says which package is missing", async (t) => {
  const bot = folder(t, { ...files, "spec/a_spec.lua": "" });
  const { code, said } = await run(["test", bot.dir], { LUA_PATH: "/nowhere/?.lua" });
  assert.equal(code, 1);
  assert.match(said, /luassert, which is not installed here: the package lua-luassert/);
});

test("test: everything that people can do and see, and specs that don't know of each other", async (t) => {
  const db = await database(t);
  const dir = path.join(root, "tests/system/specs_bot");
  const { code, said } = await new Host(["test", dir, "--verbose", "--timeout", String(10 * slow)],
    { env: { DATABASE_URL: db.url } }).end(limit);
  assert.equal(code, 0, said);
  assert.match(said, /^\d\d passed, 0 failed, 0 pending/m);
  assert.deepEqual(await leftIn(db), []);
});

// What an editor is told, in core/script/meta/spec.lua, is what there is.
test("test: every function of specs is described for editors, and in the guide", () => {
  const read = (file) => readFileSync(path.join(root, file), "utf8");
  const names = (text, pattern) => [...text.matchAll(pattern)].map((m) => m[1].replace(".", ":")).sort();
  const sources = ["people", "chats", "tools", "message", "web", "database"].map((f) => read(`core/testing/lua/${f}.lua`)).join("\n");
  const kinds = "(?:Person|Chat|Message|Replies|bot|telegram|clock|web|database|db)";
  const chats = ["messages", "last", "find", "buttons", "transcript", "typing"];
  const written = names(sources, new RegExp(`^function (${kinds}[:.]\\w+)`, "gm"))
    .concat(names(sources, new RegExp(`^(Person\\.\\w+) = ruler`, "gm"))).sort();
  const meta = read("core/script/meta/spec.lua");
  const described = names(meta, new RegExp(`^function (${kinds}[:.]\\w+)\\(`, "gm"));
  assert.deepEqual(described, written);
  for (const name of chats) assert.ok(written.includes(`Chat:${name}`), name);
  const guide = read("docs/scripting.md");
  const section = guide.slice(guide.indexOf("\n## Tests"));
  for (const name of described) {
    const short = name.split(":")[1];
    assert.match(section, new RegExp(`\\b${short}\\b`), `docs/scripting.md, Tests, does not name ${name}`);
  }
});

test("test: the guide's spec passes on the guide's script", async (t) => {
  const guide = readFileSync(path.join(root, "docs/scripting.md"), "utf8");
  const file = (name) => guide.match(new RegExp("^```lua\\n-- " + name + "\\n(.*?)^```$", "ms"))[1];
  const names = ["scripts/limit.lua", "defaults/antiflood.lua", "spec/limit_spec.lua"];
  const written = Object.fromEntries(names.map((name) => [name, file(name)]));
  const more = guide.match(/^```lua\n(it\("says so while the database is away".*?)^```$/ms)[1];
  written[names[2]] = written[names[2]].replace(/end\)\n$/, `${more}end)\n`);
  const { code, said } = await specs(t, written);
  assert.equal(code, 0, said);
  assert.match(said, /^3 passed, 0 failed/m);
});
