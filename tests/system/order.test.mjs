// Order: the updates of a chat one after another, each once, chats side by side;
// whatever handlers take, and whatever number of processes share the work. And
// bot.concurrent, which lets a handler out of that.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { environment, folder, Host, startBot, world } from "./lib/host.mjs";
import { OrderServer } from "./lib/order_server.mjs";
import { atEnd, freePort, slow, until } from "./lib/program.mjs";
import { alice, bob } from "./lib/simulator.mjs";

const place = world();
const long = Boolean(process.env.MOONPOST_TEST_LONG);

// Handlers of random duration: they wait for time and for Telegram.
const work = `local bot, time = require "bot", require "time"
bot.command("work", "x", function(ctx)
  ctx.api.sendMessage{ chat_id = ctx.chat_id, text = "begin " .. ctx.args[1] }
  if math.random(4) > 1 then time.sleep(math.random(0, 8) / 1000) end
  ctx.api.sendMessage{ chat_id = ctx.chat_id, text = "end " .. ctx.args[1] }
end)`;

async function startProcess(t, home, server, db, env) {
  const host = new Host(["run", home.dir], { env: environment({ url: db.url, base: server.base, bot: 1 }, {
    LOG_LEVEL: "warn", ...env }) });
  atEnd(t, () => (host.awaited ? undefined : host.stop()));
  return host;
}

// n processes of one bot, all updates, and what the server saw.
async function inOrder(t, { processes, webhook, chats = 200, each = long ? 500 : 50, env = {} }) {
  const db = await place.newDatabase(t);
  const server = await new OrderServer({ chats, each }).start();
  atEnd(t, () => server.stop());
  const home = folder(t, { "scripts/work.lua": work });
  await new Host(["migrate", home.dir], { env: { DATABASE_URL: db.url } }).succeeds();
  const ports = await Promise.all(Array.from({ length: processes }, freePort));
  const hosts = await Promise.all(ports.map((port) => startProcess(t, home, server, db, webhook
    ? { WEBHOOK_URL: "https://bot.test/hook", PORT: String(port), WEBHOOK_REPLY: "off", ...env } : env)));
  let pushed;
  if (webhook) {
    await until("a webhook", () => server.hook, 20000 * slow);
    pushed = server.push(ports);
  }
  // as long as something happens, it is waited for
  await until(`${server.total} updates in order`, () =>
    server.wrong.length || server.ended >= server.total || Date.now() - server.progressed > 30000 * slow, 600000 * slow);
  await pushed;
  assert.deepEqual(server.wrong.slice(0, 5), []);
  assert.equal(server.ended, server.total, hosts.map((host) => host.said).join("\n"));
  for (const host of hosts) await host.stop();
  assert.equal(server.ended, server.total);
  if (webhook) for (const port of ports) assert.ok(server.taken.get(port) > 0, `nothing came to port ${port}`);
  assert.deepEqual(await db.query("SELECT FROM inbox"), []);
  assert.deepEqual(await db.query("SELECT FROM dead_updates"), []);
}

describe("in order, each once", () => {
  test("polling", (t) => inOrder(t, { processes: 1, webhook: false }));
  test("polling, with a second process that stands by", (t) => inOrder(t, { processes: 2, webhook: false, each: 10 }));
  test("a webhook", (t) => inOrder(t, { processes: 1, webhook: true, each: long ? 500 : 10 }));
  test("a webhook of three processes", (t) => inOrder(t, { processes: 3, webhook: true, each: long ? 500 : 20 }));
  test("polling, with little in hand", (t) => inOrder(t, { processes: 1, webhook: false, each: 10, env: { UPDATES_MAX: "30" } }));
});

describe("bot.concurrent", () => {
  const files = {
    "defaults/init.lua": `return { one = 0, two = 0, before = 0 }`,
    "scripts/a.lua": `local bot, time, log = require "bot", require "time", require "log"
local go = false
bot.use(function(ctx, next)
  if ctx.command == "long" then ctx.config.before = ctx.config.before + 1 end
  next()
end)
bot.command("long", "x", bot.concurrent(function(ctx)
  local seen = ctx.config.one
  ctx.api.sendMessage{ chat_id = ctx.chat_id, text = "long begins" }
  while not go do time.sleep(0.01) end
  ctx.config.two = ctx.config.two + 1
  ctx:reply("long ends " .. seen)
end))
bot.command("set", "x", function(ctx)
  ctx.config.one = ctx.config.one + 1
  ctx:reply("set " .. ctx.config.one .. " before " .. ctx.config.before)
end)
bot.command("go", "x", function(ctx) go = true end)
bot.command("wait", "x", bot.concurrent(function(ctx)
  log.info("waits " .. ctx.args[1])
  time.sleep(2)
  log.info("waited " .. ctx.args[1])
end))
bot.command("now", "x", function(ctx) log.info("now") end)`,
  };

  test("its chat goes on, and both settings are kept", async (t) => {
    const db = await place.newDatabase(t);
    const host = await startBot(t, place, files, { url: db.url });
    await host.sim.send(alice, "/long");
    await host.sim.texts(alice, 1);
    await host.sim.send(alice, "/set");
    await host.sim.send(alice, "/set");
    assert.deepEqual(await host.sim.texts(alice, 3), ["long begins", "set 1 before 1", "set 2 before 1"]);
    await host.sim.send(alice, "/go");
    assert.deepEqual((await host.sim.texts(alice, 4))[3], "long ends 0");
    await until("all of it is stored", async () => {
      const [row] = await db.query("SELECT config FROM chat_configs WHERE chat_id = $1", [alice]);
      return row.config.two === 1 && row;
    });
    const [{ config }] = await db.query("SELECT config FROM chat_configs WHERE chat_id = $1", [alice]);
    assert.deepEqual(config, { one: 2, two: 1, before: 1 });
  });

  test("it counts among the updates in hand", async (t) => {
    const db = await place.newDatabase(t);
    const host = await startBot(t, place, files, { url: db.url, env: { UPDATES_MAX: "3" } });
    for (const n of [1, 2, 3]) await host.sim.send(alice, `/wait ${n}`);
    await host.line(/waits 1[^]*waits 2[^]*waits 3/);
    await host.sim.send(bob, "/now"); // there is no room for it
    await host.line(/: now/);
    assert.match(host.said, /waited 1[^]*: now/);
  });
});
