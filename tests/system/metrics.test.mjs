// /metrics: a page that Prometheus' own parser reads, with the right numbers; and
// lines of the log that programs read.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import http from "node:http";
import path from "node:path";
import { test } from "node:test";
import { folder, Host, startBot, world, environment } from "./lib/host.mjs";
import { atEnd, freePort, root, until } from "./lib/program.mjs";
import { alice, bob, group } from "./lib/simulator.mjs";

const place = world();
const script = `local bot, log = require "bot", require "log"
bot.command("hi", "x", function(ctx) ctx:reply("hello") end)
bot.command("fail", "x", function(ctx) error("as it should\\n\\"quoted\\" \\255") end)
bot.command("get", "x", function(ctx) ctx:reply("max " .. ctx.config.flood.max) end)
bot.command("say", "x", function(ctx) log.info("two\\nlines \\"q\\" \\255") ctx:reply("said") end)
`;
const defaults = "return { max = option.integer{ default = 5 } }";
const files = { "scripts/a.lua": script, "defaults/flood.lua": defaults };

function parse(text) {
  const reader = path.join(root, "tests/system/lib/prometheus.py");
  const { status, stdout, stderr } = spawnSync("/usr/bin/python3", [reader], { input: text, encoding: "utf8" });
  assert.equal(status, 0, `${stderr}\n${text}`);
  return JSON.parse(stdout);
}

const page = (port, headers = {}) => fetch(`http://127.0.0.1:${port}/metrics`, { headers });

// The numbers as they are now: of(name, labels) is one, or undefined.
async function numbers(port, headers) {
  const answer = await page(port, headers);
  assert.equal(answer.status, 200);
  const list = parse(await answer.text());
  return (name, labels = {}) => list.find(([n, l]) => n === name &&
    Object.keys(labels).length === Object.keys(l).length &&
    Object.entries(labels).every(([k, v]) => l[k] === v))?.[2];
}

async function startWatched(t, made = files, env = {}) {
  const port = await freePort();
  const host = await startBot(t, place, made, { env: { METRICS_PORT: String(port), ...env } });
  host.port = port;
  host.now = () => numbers(port);
  return host;
}

test("what was done is counted", async (t) => {
  const host = await startWatched(t);
  for (let i = 0; i < 3; i++) await host.sim.send(alice, "/hi");
  for (let i = 0; i < 2; i++) await host.sim.send(bob, "/fail");
  await host.sim.send(alice, "nobody wants this");
  for (let i = 0; i < 4; i++) await host.sim.send(alice, "/get");
  await host.sim.texts(alice, 7);
  const now = await until("all is over", async () => {
    const at = await host.now();
    return at("moonpost_updates_total", { kind: "message", result: "failed" }) === 2 && at("moonpost_tasks") === 0 && at;
  });
  assert.equal(now("moonpost_updates_total", { kind: "message", result: "ok" }), 7);
  assert.equal(now("moonpost_updates_total", { kind: "message", result: "unwanted" }), 1);
  assert.equal(now("moonpost_updates_in_hand"), 0);
  assert.equal(now("moonpost_lane_seconds_count"), 9);
  assert.equal(now("moonpost_handler_seconds_count", { handler: "/hi" }), 3);
  assert.equal(now("moonpost_handler_seconds_count", { handler: "/fail" }), 2);
  assert.equal(now("moonpost_handler_seconds_count", { handler: "/get" }), 4);
  assert.ok(now("moonpost_handler_seconds_sum", { handler: "/hi" }) > 0);
  assert.ok(now("moonpost_handler_seconds_sum", { handler: "/hi" }) < 30);
  assert.equal(now("moonpost_api_calls_total", { method: "sendMessage", code: "200" }), 7);
  assert.equal(now("moonpost_api_calls_total", { method: "getMe", code: "200" }), 1);
  assert.ok(now("moonpost_api_calls_total", { method: "getUpdates", code: "200" }) >= 1);
  assert.ok(now("moonpost_api_seconds_count") >= 7);
  assert.equal(now("moonpost_config_cache_misses_total"), 1);
  assert.equal(now("moonpost_config_cache_hits_total"), 3);
  assert.equal(now("moonpost_config_cache_entries"), 1);
  assert.equal(now("moonpost_database_up"), 1);
  assert.equal(now("moonpost_database_connections_total"), 1);
  assert.equal(now("moonpost_leading"), 1);
  assert.equal(now("moonpost_generation"), 1);
  assert.equal(now("moonpost_pace_waiting", { priority: "reply" }), 0);
  assert.ok(now("moonpost_lua_memory_bytes") > 10000);
  assert.ok(now("process_resident_memory_bytes") > 1e6);
  assert.ok(now("process_cpu_seconds_total") > 0);
  assert.ok(Math.abs(now("process_start_time_seconds") - Date.now() / 1000) < 3600);
});

test("trouble is counted: 429, an error, a connection that breaks; reloads", async (t) => {
  const host = await startWatched(t);
  const { bot } = host;
  await host.sim.fault({ method: "sendMessage", kind: "error", status: 429, retry_after: 1, bot });
  await host.sim.send(alice, "/hi");
  await host.sim.texts(alice, 1);
  await host.sim.fault({ method: "sendMessage", kind: "error", status: 400, description: "Bad Request: no", bot });
  await host.sim.send(alice, "/hi");
  await host.sim.fault({ method: "sendMessage", kind: "drop", bot });
  await host.sim.send(alice, "/hi");
  host.folder.replace("scripts/a.lua", `${script}\n-- changed`);
  await host.line(/reloaded in /);
  host.folder.replace("scripts/a.lua", "this is no Lua");
  await host.line(/not reloaded/);
  const code = (now, c) => now("moonpost_api_calls_total", { method: "sendMessage", code: c });
  const now = await until("all three", async () => {
    const at = await host.now();
    return code(at, "400") && code(at, "network") && at;
  });
  assert.equal(code(now, "429"), 1);
  assert.equal(code(now, "400"), 1);
  assert.equal(code(now, "network"), 1);
  assert.equal(now("moonpost_api_floods_total"), 1);
  assert.ok(now("moonpost_api_retries_total") >= 1);
  assert.equal(now("moonpost_reloads_total", { result: "ok" }), 1);
  assert.equal(now("moonpost_reloads_total", { result: "failed" }), 1);
  assert.equal(now("moonpost_generation"), 2);
});

test("what scripts ask of other servers is counted", async (t) => {
  const held = [];
  let busy = 1;
  const server = http.createServer((req, res) => {
    req.resume();
    if (req.url === "/held") return held.push(res);
    if (req.url === "/busy" && busy-- > 0) return res.writeHead(503, { "Retry-After": "0" }).end();
    res.writeHead(req.url === "/404" ? 404 : 200).end("12345");
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  atEnd(t, () => { server.closeAllConnections(); server.close(); });
  const base = `http://127.0.0.1:${server.address().port}`;
  const host = await startWatched(t, { "scripts/a.lua": `local bot, http, parallel = require "bot", require "http", require "parallel"
bot.command("ask", "x", function(ctx)
  http.get("${base}/")
  http.get("${base}/")
  http.post("${base}/404", { body = "xyz" })
  http.put("${base}/", { body = { content = ("x"):rep(100) } })
  http.get("${base}/busy", { retries = 1 })
  pcall(http.get, "http://10.0.0.1/")
  pcall(http.get, "${base}/held", { timeout = 0.2 })
  parallel.race(function() http.get("${base}/held") end, function() http.get("${base}/") end)
  ctx:reply("asked")
end)
bot.command("hold", "x", function(ctx) http.get("${base}/held") ctx:reply("held") end)` }, { HTTP_ALLOW_PRIVATE: "127.0.0.1" });
  const first = await host.now();
  assert.equal(first("moonpost_http_requests_total", { method: "GET", result: "2xx" }), 0);
  assert.equal(first("moonpost_http_in_flight"), 0);
  await host.sim.send(alice, "/ask");
  await host.sim.texts(alice, 1);
  const now = await host.now();
  const count = (method, result) => now("moonpost_http_requests_total", { method, result });
  assert.equal(count("GET", "2xx"), 4);
  assert.equal(count("GET", "5xx"), 1);
  assert.equal(count("POST", "4xx"), 1);
  assert.equal(count("PUT", "2xx"), 1);
  assert.equal(count("GET", "address"), 1);
  assert.equal(count("GET", "timeout"), 1);
  assert.equal(count("GET", "cancelled"), 1);
  assert.equal(now("moonpost_http_seconds_count"), 10);
  assert.ok(now("moonpost_http_seconds_sum") >= 0.2);
  assert.equal(now("moonpost_http_retries_total"), 1);
  assert.equal(now("moonpost_http_sent_bytes_total"), 103);
  assert.equal(now("moonpost_http_received_bytes_total"), 30);
  assert.equal(now("moonpost_http_in_flight"), 0);
  assert.equal(now("moonpost_http_waiting"), 0);
  const before = held.length;
  for (const who of [alice, bob]) await host.sim.send(who, "/hold");
  await until("both are there", () => held.length === before + 2);
  assert.equal((await host.now())("moonpost_http_in_flight"), 2);
  for (const res of held) res.end();
  await host.sim.texts(bob, 1);
  await until("none is on its way", async () => (await host.now())("moonpost_http_in_flight") === 0);
});

test("handlers' names may be anything, and many; the page stays small", async (t) => {
  const odd = 'say "hi"\\\n\tüber 🌙 {x="1"}';
  const many = Array.from({ length: 300 }, (_, i) => `bot.command("many${i}", "x", function(ctx) ctx:reply("m") end)`);
  const host = await startWatched(t, {
    "scripts/a.lua": `local bot = require "bot"\nbot.hears(${JSON.stringify(odd)}, function(ctx) ctx:reply("odd") end)`,
    "scripts/b.lua": `local bot = require "bot"\n${many.join("\n")}`,
  });
  await host.sim.send(alice, "/many250");
  await host.sim.send(alice, "/many299");
  await host.sim.texts(alice, 2);
  const handlers = await until("both are counted, as others", async () => { // a handler ends after its answer
    const answer = await page(host.port);
    assert.equal(answer.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    const list = parse(await answer.text()).filter(([name]) => name === "moonpost_handler_seconds_count");
    return list.find(([, labels]) => labels.handler === "other")?.[2] === 2 && list;
  });
  assert.ok(handlers.length <= 101, String(handlers.length));
  assert.ok(handlers.some(([, labels]) => labels.handler.includes(odd)), JSON.stringify(handlers.slice(0, 3)));
});

test("a token for the page; another method; a port that is taken", async (t) => {
  const host = await startWatched(t, files, { METRICS_TOKEN: "let-me-see" });
  for (const headers of [{}, { Authorization: "Bearer let-me-sex" }, { Authorization: "let-me-see" }]) {
    assert.equal((await page(host.port, headers)).status, 401);
  }
  const now = await numbers(host.port, { Authorization: "Bearer let-me-see" });
  assert.equal(now("moonpost_leading"), 1);
  const posted = await fetch(`http://127.0.0.1:${host.port}/metrics`, { method: "POST", body: "x" });
  assert.equal(posted.status, 405);
  assert.equal((await fetch(`http://127.0.0.1:${host.port}/`)).status, 404);
  const health = await fetch(`http://127.0.0.1:${host.port}/healthz`);
  assert.equal(health.status, 200);
  const env = environment({ url: place.database.url, base: place.sim.base, bot: ++place.bots }, { METRICS_PORT: String(host.port) });
  const said = await new Host(["run", host.folder.dir], { env }).fails();
  assert.match(said, new RegExp(`METRICS_PORT: .*${host.port}`));
});

test("on the webhook's port only with a token", async (t) => {
  for (const token of [undefined, "let-me-see"]) {
    const port = await freePort();
    const host = await startBot(t, place, files, {
      env: { WEBHOOK_URL: `http://127.0.0.1:${port}/hook`, PORT: String(port), ...(token && { METRICS_TOKEN: token }) },
    });
    if (!token) {
      assert.equal((await page(port)).status, 404);
      continue;
    }
    assert.equal((await page(port)).status, 401);
    await until("the webhook", async () => (await host.sim.calls("setWebhook")).length > 0);
    await host.sim.send(alice, "/hi");
    await host.sim.texts(alice, 1);
    const now = await until("it is counted", async () => {
      const at = await numbers(port, { Authorization: `Bearer ${token}` });
      return at("moonpost_updates_total", { kind: "message", result: "ok" }) === 1 && at;
    });
    assert.equal(now("moonpost_leading"), 1);
    const answers = ["done", "saved"].map((answer) => now("moonpost_webhook_updates_total", { answer }) ?? 0);
    assert.equal(answers[0] + answers[1], 1);
  }
});

// In docs/operating.md `moonpost_a_b_total`, `_c_total` means moonpost_a_c_total, too.
function documented() {
  const names = new Set();
  for (const row of readFileSync(path.join(root, "docs/operating.md"), "utf8").split("\n")) {
    const [first, ...rest] = [...(row.match(/^\| (`(?:moonpost|process)_.*?) \|/)?.[1] ?? "").matchAll(/`(\w+)`/g)].map((m) => m[1]);
    if (!first) continue;
    names.add(first);
    const words = first.split("_");
    for (const name of rest) {
      names.add(name);
      if (name.startsWith("_")) for (let n = 1; n < words.length; n++) names.add(words.slice(0, n).join("_") + name);
    }
  }
  return names;
}

test("each metric is in docs/operating.md", async (t) => {
  const host = await startWatched(t);
  await host.sim.send(alice, "/hi");
  await host.sim.texts(alice, 1);
  const text = await (await page(host.port)).text();
  const names = [...text.matchAll(/^# TYPE (\w+) /gm)].map((m) => m[1]);
  assert.ok(names.length > 30);
  const docs = documented();
  assert.deepEqual(names.filter((name) => !docs.has(name)), []);
});

test("no METRICS_PORT: nothing listens", async (t) => {
  const host = await startBot(t, place, files);
  assert.doesNotMatch(host.said, /metrics/);
});

test("LOG_FORMAT=json: each line is an object, whatever is said", async (t) => {
  const host = await startBot(t, place, files, { env: { LOG_FORMAT: "json", LOG_LEVEL: "debug" }, ready: false });
  await host.line(/is running: .*\n/);
  await host.sim.send(alice, "/say");
  await host.sim.texts(alice, 1);
  await host.sim.send(group, "/hi").catch(() => {});
  await host.sim.send(alice, "/fail");
  await host.line(/handler failed/);
  await host.stop();
  const lines = host.said.trimEnd().split("\n").map((line) => JSON.parse(line));
  for (const line of lines) {
    assert.match(line.time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    assert.match(line.level, /^(debug|info|warn|error)$/);
    assert.equal(typeof line.area, "string");
    assert.equal(typeof line.msg, "string");
  }
  const ours = lines.find((line) => line.area === "bot");
  assert.equal(ours.msg, 'two\nlines "q" \ufffd');
  assert.equal(ours.chat, alice);
  const failed = lines.find((line) => /handler failed/.test(line.msg));
  assert.equal(failed.handler, "/fail");
  assert.match(failed.msg, /as it should\n"quoted" \ufffd/);
});
