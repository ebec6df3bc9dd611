// moonpost run --record and moonpost replay: what happened, through the present
// scripts.
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { describe, test } from "node:test";
import { gzipSync } from "node:zlib";
import { run, slow, startBot, world } from "./lib/host.mjs";
import { until } from "./lib/program.mjs";
import { alice, bob } from "./lib/simulator.mjs";

const place = world();

const script = `local bot, time = require "bot", require "time"
bot.command("count", "x", function(ctx)
  ctx.config.n = ctx.config.n + 1
  ctx:reply("n is " .. ctx.config.n)
end)
bot.command("slow", "x", function(ctx)
  ctx:reply("slow begins")
  time.sleep(1.5)
  ctx:reply("slow ends")
end)
bot.command("refused", "x", function(ctx)
  local ok, err = pcall(ctx.api.sendMessage, { chat_id = 424242, text = "hi" })
  ctx:reply(ok and "sent" or err.description)
end)
bot.command("boom", "x", function() error("on purpose") end)
bot.command("hello", "x", function(ctx) ctx:reply("Hello, " .. ctx.from.first_name) end)`;
const files = { "scripts/a.lua": script, "defaults/init.lua": "return { n = 0 }" };

const name = () => `/tmp/moonpost-record-${process.pid}-${Math.random().toString(36).slice(2)}`;

// A bot that has had some updates; gives its folder, its recording and its database.
async function recorded(t, work, args = [], made = files, env = {}) {
  const db = await place.newDatabase(t);
  await db.query("SELECT 1");
  const file = name();
  const host = await startBot(t, place, made, { url: db.url, args: ["--record", file, ...args], env: { TASK_CPU_MS: String(250 * slow), ...env } });
  await work(host);
  await host.stop();
  return { dir: host.folder, file, replay: (...more) => run(["replay", file, host.folder.dir, ...more], { DATABASE_URL: db.url }), db };
}

const says = (host, who, text) => until(text, async () => (await host.sim.said(who)).includes(text));

async function work(host) {
  await host.sim.send(alice, "/count");
  await says(host, alice, "n is 1");
  await Promise.all([host.sim.send(bob, "/slow"), host.sim.send(alice, "/count")]);
  await says(host, alice, "n is 2");
  await host.sim.send(alice, "/refused");
  await says(host, bob, "slow ends");
  await host.sim.send(alice, "/boom");
  await host.line(/on purpose/);
  await host.sim.send(bob, "just talk");
  await host.sim.send(alice, "/hello");
  await says(host, alice, "Hello, Alice");
}

describe("a recording", () => {
  test("gives the same again, and shows what is other now", async (t) => {
    const { dir, file, replay, db } = await recorded(t, work);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    let { code, said } = await replay();
    assert.match(said, /^7 updates: 7 as they were, 0 differ\n$/);
    assert.equal(code, 0);

    dir.write("scripts/a.lua", script.replace('"n is "', '"n = "').replace('ctx:reply("slow ends")', "").replace('error("on purpose")', "")
      .replace('ctx:reply("Hello, " .. ctx.from.first_name)', 'ctx:reply("Hello, " .. ctx.from.first_name) ctx:reply("And?") error("new")'));
    ({ code, said } = await replay());
    assert.equal(code, 1, said);
    assert.match(said, /message "\/count" in 1001\n {2}~ sendMessage\n {6}text: "n is 1"\n +→ {2}"n = 1"\n/);
    assert.match(said, /message "\/slow" in 1002\n {2}- sendMessage \{.*"slow ends".*\}\n/);
    assert.match(said, /message "\/boom" in 1001\n {2}! it failed then, and does not now\n/);
    assert.match(said, /message "\/hello" in 1001\n {2}\+ sendMessage \{.*"And\?".*\}\n {2}! it fails now: .*new\n/);
    assert.match(said, /\n7 updates: 2 as they were, 5 differ\n$/);

    const id = said.match(/update (\d+): message "\/boom"/)[1];
    ({ code, said } = await replay("--update", id, "--verbose"));
    assert.match(said, /^update \d+: message "\/boom".*\n {2}!.*\n1 updates: 0 as they were, 1 differ\n$/);

    dir.write("scripts/a.lua", "nonsense");
    ({ code, said } = await replay());
    assert.equal(code, 1);
    assert.match(said, /scripts\/a\.lua:1: /);
    assert.deepEqual(await db.query("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'moonpost_test%'"), []);
  });

  test("of a chat that had settings, and of two runs", async (t) => {
    const { dir, file, replay, db } = await recorded(t, async (host) => {
      await host.sim.send(alice, "/count");
      await says(host, alice, "n is 1");
    });
    // the second one's settings are another's: the first document counts
    const again = await startBot(t, place, files, { url: db.url, folder: dir, args: ["--record", file] });
    await again.sim.send(alice, "/count");
    await says(again, alice, "n is 2");
    await again.stop();
    assert.equal((await replay()).said, "2 updates: 2 as they were, 0 differ\n");
  });

  test("without names", async (t) => {
    const { file, replay } = await recorded(t, work, ["--anonymous"]);
    const text = readFileSync(file, "utf8");
    assert.doesNotMatch(text, /Alice|alice|Bob|bob/);
    assert.match(text, /"text":"\/hello"/);
    assert.match((await replay()).said, / 0 differ\n$/);
  });

  test("that is none, or lacks what was asked for", async (t) => {
    const { file, replay } = await recorded(t, async () => {});
    let { code, said } = await replay("--update", "5");
    assert.equal(code, 1);
    assert.match(said, /there is no update 5 in it/);
    writeFileSync(file, '{"moonpost":"0","bot":{"id":1,"username":"a_bot"}}\nnonsense\n');
    ({ code, said } = await replay());
    assert.equal(code, 1);
    assert.match(said, /:2: not a line of a recording/);
    writeFileSync(file, "{}\n");
    ({ code, said } = await replay());
    assert.match(said, /not a recording/);
    ({ code, said } = await run(["replay"]));
    assert.equal(code, 2);
    assert.match(said, /which recording\?/);
    ({ code, said } = await run(["replay", "/nowhere/x", "."]));
    assert.equal(code, 1);
  });

  test("answers requests of http as they were, and says which are other", async (t) => {
    const web = createServer((req, res) => {
      if (req.url === "/gone") return void req.socket.destroy();
      const bodies = { "/rates": '{"eur":1.25}', "/large": "x".repeat(70000), "/zip": gzipSync("packed") };
      if (req.url === "/zip") res.setHeader("Content-Encoding", "gzip");
      res.setHeader("Content-Type", "application/json");
      res.end(bodies[req.url] ?? (req.url === "/moved" ? (res.writeHead(302, { Location: `http://${req.headers.host}/rates` }), "") : "?"));
    }).listen(0, "127.0.0.1");
    await once(web, "listening");
    t.after(() => web.closeAllConnections?.());
    t.after(() => web.close());
    const url = `http://127.0.0.1:${web.address().port}`;
    const rates = `local bot, http = require "bot", require "http"
bot.command("rates", function(ctx) ctx:reply("eur " .. http.get("${url}/rates"):json().eur) end)
bot.command("moved", function(ctx) ctx:reply("moved " .. http.get("${url}/moved"):json().eur) end)
bot.command("zip", function(ctx) ctx:reply(http.get("${url}/zip").body) end)
bot.command("large", function(ctx) ctx:reply("large " .. http.get("${url}/large").status) end)
bot.command("file", function(ctx) ctx:reply("in " .. http.get("${url}/rates", { sink = "rates.json" }).path) end)
bot.command("gone", function(ctx) ctx:reply(pcall(http.get, "${url}/gone") and "there" or "gone") end)
bot.command("tell", function(ctx) ctx:reply("told " .. http.post("${url}/tell", { json = { text = ctx.match } }).body) end)`;
    const { dir, file, replay } = await recorded(t, async (host) => {
      for (const [text, answer] of [["/rates", "eur 1.25"], ["/moved", "moved 1.25"], ["/zip", "packed"], ["/large", "large 200"], ["/file", "in data/rates.json"], ["/gone", "gone"], ["/tell x", "told ?"]]) {
        await host.sim.send(alice, text);
        await says(host, alice, answer);
      }
    }, [], { "scripts/a.lua": rates }, { HTTP_ALLOW_PRIVATE: "127.0.0.1" });
    web.close();
    web.closeAllConnections?.();
    assert.match(readFileSync(file, "utf8"), /\n{"request":\d+,"update":\d+,"method":"GET","url":"http:\/\/127.0.0.1:\d+\/rates"}\n/);
    let { code, said } = await replay();
    assert.equal(said, "7 updates: 7 as they were, 0 differ\n");
    assert.equal(code, 0);
    ({ said } = await replay("--verbose"));
    assert.match(said, /"\/large" in 1001\n {2}\? GET http:.*\/large: 70000 bytes came back, which are not in the recording\n/);
    assert.match(said, /"\/file" in 1001\n {2}\? GET http:.*\/rates: 12 bytes came back/);

    dir.write("scripts/a.lua", rates.replace("text = ctx.match", "text = 'y'").replaceAll("/zip", "/zap").replace('ctx:reply("large "', 'http.get("${url}/rates") ctx:reply("large "'));
    ({ code, said } = await replay());
    assert.equal(code, 1, said);
    assert.match(said, /"\/tell x" in 1001\n {2}~ POST http:.*\/tell\n {6}body: "{\\"text\\":\\"x\\"}"\n +→ {2}"{\\"text\\":\\"y\\"}"\n/);
    assert.match(said, /\/zap.*\n[^]*- GET http:.*\/zip\n/);
    assert.match(said, /7 updates: 4 as they were, 3 differ/);
  });

  test("has what stood in the settings, the store and durable counters, at the time of then", async (t) => {
    const script = `local bot, counter, time = require "bot", require "counter", require "time"
local seen = counter.new("seen", { durable = true })
local lately = counter.new("lately", { durable = true, window = "1h" })
bot.command("all", function(ctx)
  ctx.config.n = ctx.config.n + 1
  local store = ctx.store:get("n") or 0
  ctx.store:set("n", store + 1)
  ctx:reply(("%d %d %d %d %s"):format(ctx.config.n, store + 1, seen:add(ctx), lately:add(ctx), tostring(ctx.store:get("short"))))
end)
bot.command("short", function(ctx) ctx.store:set("short", "soon gone", { ttl = "5m" }) ctx:reply("set") end)
bot.command("now", function(ctx) ctx:reply(("now %d"):format(time.now() // 86400)) end)`;
    const db = await place.newDatabase(t);
    const first = await startBot(t, place, { "scripts/a.lua": script, "defaults/init.lua": "return { n = 0 }" }, { url: db.url });
    await first.sim.send(alice, "/all");
    await says(first, alice, "1 1 1 1 nil");
    await first.sim.send(alice, "/short");
    await says(first, alice, "set");
    await first.stop();
    const file = name();
    const host = await startBot(t, place, {}, { url: db.url, folder: first.folder, bot: first.bot, args: ["--record", file] });
    await host.sim.send(alice, "/all");
    await says(host, alice, "2 2 2 2 soon gone");
    await host.sim.send(alice, "/now");
    await until("it says when", async () => (await host.sim.said(alice)).some((s) => s.startsWith("now ")));
    await host.stop();
    // as if it had been a year ago
    const year = 365 * 24 * 3600 * 1000;
    const then = readFileSync(file, "utf8").replace(/"at":(\d+)/g, (_, at) => `"at":${at - year}`);
    const replay = () => run(["replay", file, host.folder.dir], { DATABASE_URL: db.url });
    assert.equal((await replay()).said, "2 updates: 2 as they were, 0 differ\n");
    writeFileSync(file, then);
    const { said } = await replay();
    const [, was, is] = said.match(/~ sendMessage\n {6}text: "now (\d+)"\n +→ {2}"now (\d+)"\n2 updates: 1 as they were/);
    assert.equal(was - is, 365);
  });
});
