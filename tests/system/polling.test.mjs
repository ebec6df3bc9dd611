// getUpdates on a bad line, and with PostgreSQL away: no busy loop, no poll that
// hangs for ever, no update lost or run twice, and nothing acknowledged that is
// neither done nor saved.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { environment, folder, Host, Server, world } from "./lib/host.mjs";
import { atEnd, sleep, slow, until } from "./lib/program.mjs";
import { proxy } from "./lib/proxy.mjs";
import { StreamServer, work } from "./lib/stream_server.mjs";

const place = world();

// What Telegram need not keep any more, in order; and when getUpdates was called.
class Acknowledging extends StreamServer {
  polls = [];
  acknowledged = new Set();
  garbage = 0; // so many answers to come are not JSON
  hurry = false; // empty answers come at once

  poll(parameters, req, res) {
    this.polls.push(Date.now());
    const { offset = 0 } = parameters;
    for (const update of this.updates) if (update.update_id < offset) this.acknowledged.add(update.update_id - 7000);
    if (this.onAcknowledged) this.onAcknowledged(this.acknowledged);
    if (this.garbage > 0) {
      this.garbage--;
      return res.end(`{"ok":true,"result":[{"update_id":7${"\0".repeat(20)}`);
    }
    return super.poll(this.hurry ? { ...parameters, timeout: 0 } : parameters, req, res);
  }
}

async function bot(t, { url, behind = false, env = {} } = {}) {
  const db = url ? { url } : await place.newDatabase(t);
  const server = await new Acknowledging().start();
  atEnd(t, () => server.stop());
  const line = behind ? await proxy(t, server.base) : undefined;
  const home = folder(t, { "scripts/work.lua": work });
  const start = async () => {
    const host = new Host(["run", home.dir], { env: environment({ url: db.url, base: (line ?? server).base, bot: 1 },
      { POLL_TIMEOUT_S: "1", ...env }) });
    host.awaited = true;
    atEnd(t, () => host.running && host.kill("SIGKILL"));
    await host.line(/is running: .*\n/, 60000 * slow);
    return host;
  };
  return { db, server, line, start, host: await start() };
}

const ended = (server, host, ms = 60000) => until({ toString: () => `${server.ended.size} of ${server.made} are run:\n${host.said}` },
  () => server.ended.size === server.made, ms * slow);

const onceEach = (server, host) => {
  assert.equal(server.repeats(server.began), 0, `began more than once:\n${host?.said}`);
  assert.equal(server.repeats(server.ended), 0, "ended more than once");
  assert.deepEqual(server.disorder, []);
};

// Updates while some polls one after another meet this trouble.
async function meets(t, kind, { times = 3, ...more } = {}) {
  const { server, line, host } = await bot(t, { behind: true });
  for (let i = 0; i < 5; i++) server.add(10);
  await ended(server, host);
  const polls = () => line.seen.filter((method) => method === "getUpdates").length;
  const before = polls(), began = Date.now();
  for (let i = 0; i < times; i++) {
    line.next("getUpdates", kind, 1, more);
    server.add(10);
    await until("the trouble came", () => line.rules.every((rule) => rule.times === 0), 60000 * slow);
    server.add(100);
  }
  await ended(server, host);
  const seconds = (Date.now() - began) / 1000, asked = polls() - before;
  t.diagnostic(`${asked} polls in ${seconds.toFixed(1)} s`);
  assert.ok(asked <= 16 + 5 * seconds, `${asked} polls in ${seconds} s`);
  for (let i = 0; i < 5; i++) server.add(10);
  await ended(server, host);
  onceEach(server);
  await host.stop();
}

describe("getUpdates on a bad line", { concurrency: 5 }, () => {
  for (const kind of ["drop", "reset", "drop_after", "reset_after", "cut", "garbage"]) test(kind, (t) => meets(t, kind));
  for (const kind of ["stall", "stall_after"]) test(`${kind}: a long silence`, (t) => meets(t, kind, { times: 1 }));
  test("a byte now and then", (t) => meets(t, "slow", { times: 1, ms: 1000 }));
  test("slow, but whole in the end", (t) => meets(t, "slow", { ms: 3 }));

  test("no connection at all", async (t) => {
    const { server, line, host } = await bot(t, { behind: true });
    await line.refuse();
    for (let i = 0; i < 10; i++) server.add(10);
    await sleep(3000);
    await line.listen();
    await ended(server, host);
    onceEach(server);
    assert.ok(host.said.match(/no updates: /g).length < 6, host.said);
    assert.match(host.said, /getting updates again/);
    await host.stop();
  });

  test("answers that are no JSON", async (t) => {
    const { server, host } = await bot(t);
    server.garbage = 3;
    for (let i = 0; i < 10; i++) server.add(10);
    await ended(server, host);
    onceEach(server);
    await host.stop();
  });

  test("a server that never waits is not asked all the time", async (t) => {
    const { server, host } = await bot(t);
    server.hurry = true;
    await sleep(500);
    const before = server.polls.length, began = Date.now();
    await sleep(4000);
    await until("it is asked at all", () => server.polls.length > before);
    const asked = server.polls.length - before, seconds = (Date.now() - began) / 1000;
    t.diagnostic(`${asked} polls in ${seconds} s`);
    assert.ok(asked <= 6 * seconds, `${asked} polls in ${seconds} s`);
    server.add(10);
    await ended(server, host);
    await host.stop();
  });
});

describe("PostgreSQL is away", { concurrency: 2 }, () => {
  // Each acknowledged update has ended by then.
  const guard = (server) => {
    const wrong = [];
    server.onAcknowledged = (all) => {
      for (const n of all) if (!server.ended.has(n)) wrong.push(n);
    };
    return wrong;
  };
  const own = (t) => {
    const pg = new Server();
    atEnd(t, () => pg.remove());
    pg.start();
    return pg;
  };

  test("nothing is lost, run twice, or acknowledged before it is done; why is said once", async (t) => {
    const pg = own(t);
    const { server, host } = await bot(t, { url: pg.url });
    for (let i = 0; i < 20; i++) server.add(10);
    await ended(server, host);
    await until("all are acknowledged", () => server.updates.length === 0);
    pg.do("kill");
    await host.line(/no connection to PostgreSQL/, 60000 * slow);
    server.acknowledged.clear();
    const wrong = guard(server);
    for (let i = 0; i < 60; i++, await sleep(60)) server.add(i % 10 ? 20 : 2500);
    await until("it is said", () => /can't be saved and stay with Telegram/.test(host.said), 60000 * slow);
    assert.deepEqual(wrong, []);
    server.onAcknowledged = undefined;
    pg.start();
    await host.line(/connected to PostgreSQL again/, 60000 * slow);
    for (let i = 0; i < 30; i++, await sleep(20)) server.add(i % 10 ? 20 : 1500);
    await ended(server, host);
    await host.line(/updates that take long are saved again/, 60000 * slow);
    assert.equal(host.said.match(/can't be saved and stay with Telegram/g).length, 1, host.said);
    onceEach(server);
    await host.stop();
  });

  test("and the process is killed: the next one runs what was not done", async (t) => {
    const pg = own(t);
    const { server, host, start } = await bot(t, { url: pg.url });
    pg.do("kill");
    await host.line(/no connection to PostgreSQL/, 60000 * slow);
    const wrong = guard(server);
    for (let i = 0; i < 40; i++, await sleep(20)) server.add(i % 4 ? 20 : 3000);
    host.kill("SIGKILL");
    await host.ended;
    assert.deepEqual(wrong, []);
    server.onAcknowledged = undefined;
    pg.start();
    const next = await start();
    await ended(server, next, 100000);
    assert.deepEqual(server.disorder, []);
    t.diagnostic(`${server.repeats(server.began)} of ${server.made} began more than once`);
    await next.stop();
  });

  test("and it is told to end: handlers end first, the rest stays with Telegram", async (t) => {
    const pg = own(t);
    const { server, host, start } = await bot(t, { url: pg.url, env: { STOP_TIMEOUT_S: "100" } });
    pg.do("kill");
    await host.line(/no connection to PostgreSQL/, 60000 * slow);
    for (let i = 0; i < 40; i++, await sleep(20)) server.add(i % 4 ? 20 : 1500);
    const wrong = guard(server);
    host.kill("SIGTERM");
    assert.equal((await host.end(120000 * slow)).code, 0, host.said);
    assert.deepEqual(wrong, []);
    pg.start();
    const next = await start();
    await ended(server, next, 60000);
    onceEach(server, host);
    await next.stop();
  });
});
