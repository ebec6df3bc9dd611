// An update that takes the process down with it is tried again twice, and then set
// aside. Here the test is what kills: when it sees that the handler has begun.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { environment, folder, Host, world } from "./lib/host.mjs";
import { atEnd, freePort, slow, until } from "./lib/program.mjs";
import { StreamServer, work } from "./lib/stream_server.mjs";

const place = world();

// Updates of which some are poison; kills with those ends all processes that run.
async function poisoned(t, { count, poison, processes = 1, webhook = false }) {
  const db = await place.newDatabase(t);
  const server = await new StreamServer().start();
  atEnd(t, () => server.stop());
  const home = folder(t, { "scripts/work.lua": work });
  await new Host(["migrate", home.dir], { env: { DATABASE_URL: db.url } }).succeeds();
  const ports = await Promise.all(Array.from({ length: processes }, freePort));
  const hosts = [], said = [];
  let over = false;
  const keep = async (i) => { // as a supervisor does it
    while (!over) {
      hosts[i] = new Host(["run", home.dir], { env: environment({ url: db.url, base: server.base, bot: 1 },
        webhook ? { WEBHOOK_URL: "https://bot.test/hook", PORT: String(ports[i]) } : {}) });
      hosts[i].awaited = true;
      said.push(hosts[i]);
      await hosts[i].ended;
    }
  };
  const kept = ports.map((_, i) => keep(i));
  atEnd(t, () => {
    over = true;
    hosts.forEach((h) => h.running && h.kill("SIGKILL"));
  });
  const note = server.note.bind(server);
  let kills = 0;
  server.note = (call) => {
    note(call);
    const [word, n] = call.text.split(" ");
    if (word === "end" || !poison.includes(Number(n))) return;
    kills++;
    hosts.forEach((h) => h.kill("SIGKILL"));
  };
  await until("they run", () => server.hook || /is running/.test(hosts.map((h) => h.said).join("")), 20000 * slow);
  if (webhook) server.pushAll(() => ports);
  for (let i = 1; i <= count; i++) server.add(poison.includes(i) ? 5000 : 30);
  const all = () => said.map((h) => h.said).join("\n");
  let dead = [];
  await until("all are run or set aside", async () => {
    dead = await db.query("SELECT update_id::int - 7000 AS n, reason, tries, update::json->>'update_id' AS text FROM dead_updates ORDER BY 1");
    return server.ended.size + dead.length === count;
  }, 100000 * slow).catch((e) => {
    throw new Error(`${e.message}: ${server.ended.size} ended, ${JSON.stringify(dead)}, ${kills} kills\n${all()}`);
  });
  assert.deepEqual(dead, poison.map((n) => ({ n, reason: "crash", tries: 3, text: String(7000 + n) })));
  for (const n of poison) assert.ok(server.began.get(n) <= 3, `${n} was begun ${server.began.get(n)} times`);
  for (let n = 1; n <= count; n++) assert.equal(server.ended.has(n), !poison.includes(n), String(n));
  await until("the inbox is empty", async () => (await db.query("SELECT FROM inbox")).length === 0);
  over = true;
  for (const host of hosts) await host.stop();
  await Promise.all(kept);
  assert.match(all(), /error +update: update 70\d\d is set aside: the program died while it ran this update/);
  assert.deepEqual(server.disorder, []);
  t.diagnostic(`${kills} kills; ${server.repeats(server.ended)} of the others ran more than once; poison began ` +
    poison.map((n) => `${server.began.get(n)}`).join(", ") + " times");
}

describe("poison ends", () => {
  test("polling: one of thirty", (t) => poisoned(t, { count: 30, poison: [7] }));
  test("polling: two in different chats, and one behind another in a chat", (t) => poisoned(t, { count: 60, poison: [5, 6, 26] }));
  test("a webhook", (t) => poisoned(t, { count: 30, poison: [9], webhook: true }));
  test("a webhook of two processes that both die", (t) => poisoned(t, { count: 30, poison: [9], webhook: true, processes: 2 }));
});
