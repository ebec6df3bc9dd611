// moonpost test: which specs, in which order, how often; and JUnit's XML.
import assert from "node:assert/strict";
import { test } from "node:test";
import { database, folder, Host, run, slow } from "./lib/host.mjs";
import { until } from "./lib/program.mjs";

const limit = 60000 * slow;
const script = `local bot = require "bot"
bot.command("x", "x", function(ctx) ctx:reply("said x") end)`;

// A bot with these specs; they need no database unless they speak to it.
function bot(t, spec, more) {
  const made = folder(t, { "scripts/a.lua": script, "spec/a_spec.lua": spec, ...more });
  made.test = async (...args) => {
    const { code, said } = await run(["test", made.dir, ...args]);
    return { code, said: said.replaceAll(`${made.dir}/`, "") };
  };
  return made;
}

// The names of specs that passed, in the order in which they ran.
const ran = (said) => [...said.matchAll(/^ok \d+ - (.*)$/gm)].map((m) => m[1]);

const letters = `describe("letters", function()
  it("a.b", function() end)
  it("axb", function() end)
  describe("deep", function()
    it("c", function()
    end)
    it("d", function() end)
  end)
end)
it("e", function() end)`;

test("test: --name is a text, FILE:LINE the spec that is there", async (t) => {
  const made = bot(t, letters);
  const names = async (...args) => ran((await made.test("--tap", ...args)).said);
  assert.deepEqual(await names("--name", "a.b"), ["letters a.b"]);
  assert.deepEqual(await names("-t", "letters deep"), ["letters deep c", "letters deep d"]);
  assert.deepEqual(await names("-t", "letters", "--filter", "[de]$"), ["letters deep d"]);
  assert.deepEqual(await names("spec/a_spec.lua:6"), ["letters deep c"]);
  assert.deepEqual(await names("spec/a_spec.lua:4", "spec/a_spec.lua:10"), ["letters deep c", "letters deep d", "e"]);
  assert.deepEqual(await names("spec/a_spec.lua:1"), ["letters a.b", "letters axb", "letters deep c", "letters deep d"]);
  for (const [args, why] of [[["-t", "zzz"], /none has --name in its name/], [["spec/a_spec.lua:8"], /none is at that line/]]) {
    const { code, said } = await made.test(...args);
    assert.equal(code, 1);
    assert.match(said, why);
  }
});

test("test: .only in any file leaves the others out, and says so; .skip is pending", async (t) => {
  const made = bot(t, letters.replace('it("axb"', 'it.only("axb"').replace('it("d"', 'it.skip("d"'), {
    "spec/b_spec.lua": `describe.only("f", function() it("g", function() end) it("h", function() error("no") end) end)
describe.skip("i", function() it("j", function() error("no") end) end)`,
  });
  let { code, said } = await made.test("--tap");
  assert.equal(code, 1);
  assert.deepEqual(ran(said), ["letters axb", "f g"]);
  assert.match(said, /not ok 3 - f h/);
  assert.match(said, /moonpost: 5 specs were left out, as others have \.only/);
  made.write("spec/a_spec.lua", letters.replace('it("d"', 'it.skip("d"'));
  made.write("spec/b_spec.lua", 'describe.skip("i", function() it("j", function() error("no") end) end)');
  ({ code, said } = await made.test("--tap"));
  assert.equal(code, 0, said);
  assert.deepEqual(ran(said).slice(-3), ["letters deep d # SKIP", "e", "i j # SKIP"]);
  assert.doesNotMatch(said, /left out/);
});

test("test: --repeat, --bail, --shuffle", async (t) => {
  const made = bot(t, letters + `\nlocal n = 0\nit("third", function() n = n + 1 assert.is_true(n < 3) end)`);
  let { code, said } = await made.test("--tap", "--repeat", "4");
  assert.equal(code, 1);
  assert.match(said, /^1\.\.24$/m);
  assert.equal(said.match(/^not ok/gm).length, 2);
  ({ said } = await made.test("--tap", "--repeat", "4", "--bail"));
  assert.match(said, /^1\.\.18$/m);
  const inOrder = ran((await made.test("--tap", "-t", "letters")).said);
  const orders = new Set();
  for (let seed = 1; seed <= 10; seed++) {
    const order = ran((await made.test("--tap", "-t", "letters", "--shuffle", String(seed))).said);
    assert.deepEqual([...order].sort(), [...inOrder].sort());
    orders.add(order.join());
  }
  assert.ok(orders.size > 2, [...orders].join("\n"));
  ({ said } = await made.test("-t", "letters", "--shuffle"));
  const seed = said.match(/in the order of --shuffle (\d+)/)[1];
  const again = async () => ran((await made.test("--tap", "-t", "letters", "--shuffle", seed)).said).join();
  assert.equal(await again(), await again());
  for (const [args, why] of [[["--repeat", "0"], /--repeat needs a number/], [["--name"], /--name needs a text/]]) {
    ({ code, said } = await made.test(...args));
    assert.equal(code, 2);
    assert.match(said, why);
  }
});

test("test: JUnit's XML", async (t) => {
  const made = bot(t, `it("good", function() end)
it("bad <&> \\1\\255", function() assert.equal("a<b", "a&b") end)
pending("none")`);
  const { code, said } = await made.test("--junit");
  assert.equal(code, 1);
  assert.match(said, /^<\?xml version="1.0" encoding="UTF-8"\?>\n<testsuites tests="3" failures="1" errors="0" skipped="1" time="[\d.]+">\n/);
  assert.match(said, /<testsuite name="spec\/a_spec.lua" tests="3" failures="1" errors="0" skipped="1"/);
  assert.match(said, /<testcase classname="spec\/a_spec.lua" name="good" file="spec\/a_spec.lua" line="1" time="[\d.]+"><\/testcase>/);
  assert.match(said, /name="bad &lt;&amp;&gt; \?\?" .*<failure message="spec\/a_spec.lua:2: Expected objects to be equal.">spec\/a_spec.lua:2\n/);
  assert.match(said, /'a&amp;b'/);
  assert.match(said, /name="none" .*><skipped\/><\/testcase>/);
  assert.ok(said.endsWith("</testsuite>\n</testsuites>\n"), said);
});

test("test: --watch runs them again when something is saved, until Ctrl-C", async (t) => {
  const db = await database(t);
  const made = bot(t, 'it("x", function() assert.equal("said x", person("Al"):send("/x")[1].text) end)');
  const program = new Host(["test", made.dir, "--watch"], { env: { DATABASE_URL: db.url } });
  await program.line(/1 passed, 0 failed[^]*Waiting for something/, limit);
  made.write("scripts/a.lua", script.replace("said x", "said y"));
  await program.line(/0 passed, 1 failed[^]*Waiting for something/, limit);
  made.write("scripts/a.lua", script);
  await until("it passes again", () => program.said.match(/1 passed, 0 failed/g).length === 2 && /Ctrl-C ends\.\s*$/.test(program.said), limit);
  program.kill("SIGINT");
  const { code } = await program.end(limit);
  assert.equal(code, 0);
  assert.deepEqual(await db.query("SELECT nspname FROM pg_namespace WHERE nspname ~ '^moonpost'"), []);
});
