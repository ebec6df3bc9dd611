// A process that can't reach PostgreSQL while another one can: the other takes over,
// and it must not go on polling beside it.
import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { test } from "node:test";
import { environment, folder, Host, world } from "./lib/host.mjs";
import { atEnd, sleep, slow, until } from "./lib/program.mjs";
import { StreamServer, work } from "./lib/stream_server.mjs";

const place = world();

// In front of the server of the URL; while it is shut, nothing comes through: no byte,
// no new connection, no word of it.
async function gate(t, url) {
  const made = { shut: false, sockets: new Set() };
  const place = new URL(url.replace("@/", "@none/"));
  const host = place.searchParams.get("host") ?? place.hostname, port = Number(place.port || 5432);
  const front = createServer((client) => {
    const back = host.startsWith("/") ? connect(`${host}/.s.PGSQL.${port}`) : connect(port, host);
    for (const [from, to] of [[client, back], [back, client]]) {
      made.sockets.add(from);
      from.on("error", () => {});
      from.on("close", () => to.destroy());
      from.on("data", (d) => made.shut || to.write(d));
    }
  }).listen(0, "127.0.0.1");
  await once(front, "listening");
  atEnd(t, () => {
    for (const s of made.sockets) s.destroy();
    front.close();
  });
  made.url = `postgresql://moonpost@127.0.0.1:${front.address().port}${place.pathname}?sslmode=disable`;
  made.close = () => { made.shut = true; };
  made.open = () => { // what was lost on the way is not made good
    made.shut = false;
    for (const s of made.sockets) s.destroy();
    made.sockets.clear();
  };
  return made;
}

test("cut off from PostgreSQL, it stops polling when another one does", async (t) => {
  const db = await place.newDatabase(t);
  const server = await new StreamServer().start();
  atEnd(t, () => server.stop());
  const home = folder(t, { "scripts/work.lua": work });
  await new Host(["migrate", home.dir], { env: { DATABASE_URL: db.url } }).succeeds();
  const between = await gate(t, db.url);
  const start = (url) => {
    const host = new Host(["run", home.dir], { env: environment({ url, base: server.base, bot: 1 }, { DATABASE_TIMEOUT_MS: "1500" }) });
    host.awaited = true;
    atEnd(t, () => host.running && host.kill("SIGKILL"));
    return host;
  };
  const first = start(between.url);
  await first.line(/is running: .*\n/, 30000 * slow);
  const second = start(db.url);
  await second.line(/polls for this bot; standing by/, 30000 * slow);
  const feed = async (n) => {
    for (let i = 0; i < n; i++, await sleep(20)) server.add(randomInt(100));
    await until("all are run", () => server.ended.size === server.made, 60000 * slow).catch((e) => { throw new Error(`${e.message}\n${first.said}\n---\n${second.said}`); });
  };
  await feed(20);

  between.close();
  await second.line(/is running: .*\n/, 60000 * slow);
  await first.line(/warn +instance: another program polls for this bot \(409\), and PostgreSQL .* standing by until/, 60000 * slow);
  const conflicts = server.conflicts;
  await sleep(3000);
  assert.equal(server.conflicts, conflicts, "it polls all the same");
  await feed(20);

  // it comes back, and is there when it is needed
  between.open();
  await first.line(/connected to PostgreSQL again/, 60000 * slow);
  second.kill("SIGTERM");
  await second.ended;
  await feed(20);
  t.diagnostic(`${server.made} updates, ${server.repeats(server.began)} began and ${server.repeats(server.ended)} ended more than once; ${conflicts} conflicts`);
  await first.stop();
});
