// A deploy as Heroku does it, again and again: the new process starts when the old one
// gets its SIGTERM. ROLLING_ROUNDS=50 for a night's proof.
import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { describe, test } from "node:test";
import { environment, folder, Host, world } from "./lib/host.mjs";
import { atEnd, freePort, sleep, slow, until } from "./lib/program.mjs";
import { StreamServer, work } from "./lib/stream_server.mjs";

const place = world();
const rounds = Number(process.env.ROLLING_ROUNDS) || 6;

// A server, a database and a way to start processes of one bot.
async function prepare(t, env = {}) {
  const db = await place.newDatabase(t);
  const server = await new StreamServer().start();
  atEnd(t, () => server.stop());
  const home = folder(t, { "scripts/work.lua": work });
  await new Host(["migrate", home.dir], { env: { DATABASE_URL: db.url } }).succeeds();
  const start = async (webhook) => {
    const port = webhook ? await freePort() : 0;
    const host = new Host(["run", home.dir], { env: environment({ url: db.url, base: server.base, bot: 1 },
      { ...(webhook ? { WEBHOOK_URL: "https://bot.test/hook", PORT: String(port) } : {}), ...env }) });
    host.awaited = true;
    host.port = port;
    atEnd(t, () => host.running && host.kill("SIGKILL"));
    return host;
  };
  return { db, server, start };
}

const running = (host) => host.line(/is running: .*\n/, 30000 * slow);
const standing = /polls for this bot; standing by/;
const trouble = / (?:warn|error) .*/g;

// Updates all the time; gap(): the longest time without a message since the last call.
function load(server) {
  let over = false, last = Date.now(), longest = 0, seen = 0;
  const look = () => {
    if (server.said.length > seen) {
      for (const at of server.said.slice(seen)) {
        longest = Math.max(longest, at - last);
        last = Math.max(last, at);
      }
      seen = server.said.length;
    }
  };
  const fed = (async () => {
    for (; !over; await sleep(10)) server.add(randomInt(20) ? randomInt(20) : randomInt(600));
  })();
  return {
    gap() {
      look();
      const value = Math.max(longest, Date.now() - last);
      longest = 0;
      return value;
    },
    end() {
      over = true;
      return fed;
    },
  };
}

const allEnded = (server, hosts) => until(`${server.made} updates are run`, () => server.ended.size === server.made, 60000 * slow).catch((e) => {
  const lost = Array.from({ length: server.made }, (_, i) => i + 1).filter((n) => !server.ended.has(n));
  throw new Error(`${e.message}; missing: ${lost.slice(0, 20)}\n${hosts.map((h) => h.said).join("\n")}`);
});

async function rolling(t, webhook) {
  const { db, server, start } = await prepare(t);
  const hosts = [await start(webhook)];
  await running(hosts[0]);
  let ports = [hosts[0].port];
  if (webhook) server.pushAll(() => ports);
  const feed = load(server);
  const gaps = [];
  await sleep(500 * slow);
  feed.gap();
  for (let round = 0; round < rounds; round++) {
    const old = hosts.at(-1);
    old.kill("SIGTERM");
    hosts.push(await start(webhook));
    if (webhook) { // the router knows the new one when its port is bound
      await running(hosts.at(-1));
      ports = [hosts.at(-1).port];
    }
    const { code } = await old.end(30000 * slow);
    assert.equal(code, 0, old.said);
    await running(hosts.at(-1));
    await sleep(randomInt(300, 900) * slow);
    gaps.push(feed.gap());
  }
  await feed.end();
  await allEnded(server, hosts);
  await until("the inbox is empty", async () => (await db.query("SELECT FROM inbox")).length === 0);
  await hosts.at(-1).stop();
  gaps.sort((a, b) => a - b);
  t.diagnostic(`${server.made} updates, ${rounds} deploys; longest time without a message: median ${gaps[gaps.length >> 1]} ms, ` +
    `worst ${gaps.at(-1)} ms; ${server.conflicts} conflicts`);
  const twice = [...server.began].filter(([, times]) => times > 1).map(([n]) => n);
  assert.deepEqual(twice, [], twice.map((n) => server.history.get(1000 + (n % server.chats)).filter((line) => line.endsWith(` ${n}`)).join(", ")).join("\n"));
  assert.equal(server.repeats(server.ended), 0, "ended more than once");
  assert.deepEqual(server.disorder, []);
  assert.deepEqual(await db.query("SELECT * FROM dead_updates"), []);
  // A conflict may be with a poll whose end the server has not noticed yet; no process hears of it.
  assert.deepEqual(hosts.flatMap((h) => h.said.match(trouble) ?? []), []);
  assert.ok(gaps.at(-1) < 15000 * slow, `${gaps}`);
}

describe("rolling restarts under load: nothing is lost, nothing is run twice", () => {
  test("polling", (t) => rolling(t, false));
  test("a webhook", (t) => rolling(t, true));
});

// How long after the signal the one that stands by handles an update.
async function takeover(t, signal) {
  const { server, start } = await prepare(t);
  const first = await start();
  await running(first);
  const second = await start();
  await second.line(standing, 30000 * slow);
  const times = [];
  for (let hosts = [first, second], i = 0; i < 3; i++) {
    const began = Date.now();
    hosts[0].kill(signal);
    await running(hosts[1]);
    times.push(Date.now() - began);
    server.add(0);
    await until("it handles updates", () => server.ended.size === server.made, 30000 * slow);
    await hosts[0].ended;
    if (signal === "SIGTERM") assert.doesNotMatch(hosts.map((h) => h.said).join(""), trouble);
    hosts = [hosts[1], await start()];
    await hosts[1].line(standing, 30000 * slow).catch((e) => { throw new Error(`${e.message}\n${hosts.map((h) => h.said).join("\n---\n")}`); });
    atEnd(t, () => hosts[0].running && hosts[0].stop());
  }
  t.diagnostic(`after ${signal}: ${times.join(", ")} ms`);
  assert.equal(server.repeats(server.ended), 0);
  assert.ok(Math.max(...times) < 20000 * slow, `${times}`);
}

describe("one that stands by takes over", () => {
  test("at once when the other ends", (t) => takeover(t, "SIGTERM"));
  test("soon when the other is killed", (t) => takeover(t, "SIGKILL"));
  test("a webhook's other process finishes what one left that was killed", async (t) => {
    const { db, server, start } = await prepare(t);
    const hosts = [await start(true), await start(true)];
    for (const host of hosts) await running(host);
    let ports = [hosts[0].port];
    server.pushAll(() => ports);
    for (let i = 0; i < 10; i++) server.add(400);
    await until("all are taken", async () => server.updates.length === 0, 30000 * slow);
    ports = [hosts[1].port];
    const began = Date.now();
    hosts[0].kill("SIGKILL");
    await until("the other one goes on", () => server.ended.size === server.made, 60000 * slow);
    t.diagnostic(`${server.made} updates after ${Date.now() - began} ms`);
    await until("the inbox is empty", async () => (await db.query("SELECT FROM inbox")).length === 0);
    assert.deepEqual(server.disorder, []);
    await hosts[1].stop();
  });
});
