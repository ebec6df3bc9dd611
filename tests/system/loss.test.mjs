// kill -9 at random moments, again and again: every update is run to its end, or is
// set aside where an operator finds it. LOSS_ROUNDS=200 for a night's proof.
import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { describe, test } from "node:test";
import { environment, folder, Host, world } from "./lib/host.mjs";
import { atEnd, freePort, sleep, slow, until } from "./lib/program.mjs";
import { StreamServer, work } from "./lib/stream_server.mjs";

const place = world();
const rounds = Number(process.env.LOSS_ROUNDS) || 5;

// Processes of one bot, each killed and started again. env: for port p.
async function killed(t, { processes, envOf, webhook }) {
  const db = await place.newDatabase(t);
  const server = await new StreamServer().start();
  atEnd(t, () => server.stop());
  const home = folder(t, { "scripts/work.lua": work });
  await new Host(["migrate", home.dir], { env: { DATABASE_URL: db.url } }).succeeds();
  const ports = await Promise.all(Array.from({ length: processes }, freePort));
  const start = (i) => {
    const host = new Host(["run", home.dir], { env: environment({ url: db.url, base: server.base, bot: 1 },
      { LOG_LEVEL: "warn", TASK_TIMEOUT_S: "10", ...envOf(ports[i]) }) });
    host.awaited = true;
    atEnd(t, () => host.running && host.kill("SIGKILL"));
    return host;
  };
  const hosts = ports.map((_, i) => start(i));
  if (webhook) {
    await until("a webhook", () => server.hook, 20000 * slow);
    server.pushAll(() => ports);
  }
  let over = false;
  const feeding = (async () => {
    for (; !over; await sleep(20)) if (server.updates.length < 60) server.add(randomInt(4) ? randomInt(30) : randomInt(500));
  })();
  for (let round = 0; round < rounds; round++) {
    await sleep(randomInt(100, 2500) * slow);
    const i = randomInt(processes);
    hosts[i].kill("SIGKILL");
    await hosts[i].ended;
    hosts[i] = start(i);
  }
  over = true;
  await feeding;
  // What a process may have died of is run a few at a time: as long as it goes on, it is waited for.
  let dead = [], at = 0, since = Date.now();
  for (;;) {
    dead = (await db.query("SELECT update_id::int - 7000 AS n FROM dead_updates")).map((row) => row.n);
    const known = new Set([...server.ended.keys(), ...dead]).size;
    if (known === server.made) break;
    if (known > at) [at, since] = [known, Date.now()];
    const lost = Array.from({ length: server.made }, (_, n) => n + 1).filter((n) => !server.ended.has(n) && !dead.includes(n));
    assert.ok(Date.now() - since < 30000 * slow, `missing: ${lost.slice(0, 20)}\n${hosts.map((host) => host.said).join("\n")}`);
    await sleep(100);
  }
  await until("the inbox is empty", async () => (await db.query("SELECT FROM inbox")).length === 0);
  for (const host of hosts) await host.stop();
  t.diagnostic(`${server.made} updates, ${rounds} kills: ${server.repeats(server.began)} began more than once, ` +
    `${server.repeats(server.ended)} ended more than once, ${dead.length} set aside, ${server.disorder.length} out of order`);
  // Those were there at three kills, each; a kill has at most a few that it could be.
  const others = await db.query("SELECT update_id, reason, tries FROM dead_updates WHERE reason <> 'crash' OR tries < 3");
  assert.deepEqual(others, []);
  assert.ok(dead.length <= rounds, `set aside: ${dead}`);
  assert.deepEqual(server.disorder, []);
}

describe("kill -9, and nothing is lost", () => {
  test("polling", (t) => killed(t, { processes: 1, webhook: false, envOf: () => ({}) }));
  test("polling, with one that stands by", (t) => killed(t, { processes: 2, webhook: false, envOf: () => ({}) }));
  const hook = (port) => ({ WEBHOOK_URL: "https://bot.test/hook", PORT: String(port) });
  test("a webhook", (t) => killed(t, { processes: 1, webhook: true, envOf: hook }));
  test("a webhook of two processes", (t) => killed(t, { processes: 2, webhook: true, envOf: hook }));
  test("a webhook that is alone", (t) => killed(t, { processes: 1, webhook: true, envOf: (port) => ({ ...hook(port), WEBHOOK_ALONE: "on" }) }));
});
