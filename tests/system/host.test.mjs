// The host's life: signals, what is done with running handlers, what a killed
// one leaves to the next, the bounds of what is in hand; and one whole session
// of `moonpost dev` with the bot of this repository (bin/test valgrind host runs
// these under valgrind).
import assert from "node:assert/strict";
import { cpSync } from "node:fs";
import path from "node:path";
import { describe, test } from "node:test";
import { environment, folder, Host, says, slow, startBot, startSimulator, tokenOf, world } from "./lib/host.mjs";
import { atEnd, freePort, root, sleep, until } from "./lib/program.mjs";
import { alice, bob, carol, group, Simulator } from "./lib/simulator.mjs";

const place = world();
const prelude = `local bot, time, log = require "bot", require "time", require "log"\n`;
const script = `${prelude}
bot.command("hi", "x", function(ctx) ctx:reply("hello") end)
bot.command("slow", "x", function(ctx)
  ctx:reply("began")
  time.sleep(tonumber(ctx.args[1]))
  ctx:reply("done")
end)`;
const files = { "scripts/a.lua": script };

// The same bot again, after the last one has ended.
const again = (t, host, env) => startBot(t, place, null, { bot: host.bot, folder: host.folder, url: place.database.url, env });
const allDone = (host) => until("all is acknowledged", async () => (await host.sim.get("updates")).updates.every((u) => u.done));

describe("signals", { concurrency: 3 }, () => {
  test("SIGTERM lets handlers finish; the next process does not get their updates again", async (t) => {
    const host = await startBot(t, place, files);
    await host.sim.send(bob, "/hi");
    await host.sim.send(alice, "/slow 4");
    await host.sim.texts(alice, 1);
    await host.sim.send(alice, "/hi"); // behind the slow one: not begun
    await sleep(100);
    const asked = Date.now();
    for (let i = 0; i < 3; i++) {
      host.kill("SIGTERM");
      await sleep(30);
    }
    await host.sim.send(bob, "/hi"); // comes too late for this one
    const { code, said } = await host.end();
    assert.equal(code, 0, said);
    assert.ok(Date.now() - asked < 15000 * slow, said); // not STOP_TIMEOUT_S
    assert.match(said, /info +host: stopping; 1 handlers are still running[^]*info +host: stopped\n$/);
    assert.deepEqual(await host.sim.said(alice), ["began", "done"]);
    assert.deepEqual(await host.sim.said(bob), ["hello"]);

    const next = await again(t, host);
    assert.deepEqual(await next.sim.texts(alice, 3), ["began", "done", "hello"]);
    assert.deepEqual(await next.sim.texts(bob, 2), ["hello", "hello"]);
    await allDone(next);
    await next.stop();
    assert.deepEqual(await next.sim.said(alice), ["began", "done", "hello"]);
  });

  test("SIGTERM with nothing to do ends it at once", async (t) => {
    const host = await startBot(t, place, files);
    await host.sim.send(alice, "/hi");
    await host.sim.texts(alice, 1);
    for (const signal of ["SIGTERM", "SIGHUP", "SIGINT"]) host.kill(signal);
    const { code, said } = await host.end(15000 * slow); // less than STOP_TIMEOUT_S
    assert.equal(code, 0, said);
    await allDone(host);
  });

  test("a second SIGINT does not wait for handlers; their updates come again", async (t) => {
    const host = await startBot(t, place, files);
    await host.sim.send(alice, "/slow 60");
    await host.sim.texts(alice, 1);
    host.kill("SIGINT");
    await host.line(/handlers are still running/);
    await sleep(200);
    assert.ok(host.running, "the first SIGINT waits");
    host.kill("SIGINT");
    const { code, said } = await host.end(15000 * slow);
    assert.equal(code, 0, said);
    const next = await again(t, host, { STOP_TIMEOUT_S: "0" });
    assert.deepEqual(await next.sim.texts(alice, 2), ["began", "began"]);
  });

  test("a handler that outlasts STOP_TIMEOUT_S is ended; its update comes again", async (t) => {
    const host = await startBot(t, place, files, { env: { STOP_TIMEOUT_S: "1" } });
    await host.sim.send(alice, "/slow 60");
    await host.sim.texts(alice, 1);
    const asked = Date.now();
    host.kill("SIGTERM");
    const { code, said } = await host.end();
    assert.equal(code, 0, said);
    assert.ok(Date.now() - asked >= 950, "it waited");
    assert.match(said, /warn +host: 1 handlers did not finish in time; their updates will be handled by the next process/);
    host.folder.write("scripts/a.lua", script.replace("60", "0").replaceAll("tonumber(ctx.args[1])", "0"));
    const next = await again(t, host);
    assert.deepEqual(await next.sim.texts(alice, 3), ["began", "began", "done"]);
    await allDone(next);
  });

  test("kill -9: the update of a running handler runs again", async (t) => {
    const host = await startBot(t, place, files);
    await host.sim.send(bob, "/hi");
    await host.sim.texts(bob, 1);
    await sleep(100);
    await host.sim.send(alice, "/slow 4");
    await host.sim.texts(alice, 1);
    host.awaited = true;
    host.kill("SIGKILL");
    await host.ended;
    const next = await again(t, host);
    assert.deepEqual(await next.sim.texts(alice, 3), ["began", "began", "done"]);
    assert.deepEqual(await next.sim.said(bob), ["hello"]);
    await allDone(next);
  });

  test("while it starts: waiting for the database, waiting for the Bot API", async (t) => {
    const { dir } = folder(t, files);
    const port = await freePort();
    const waits = [
      [{ url: `postgres://u@127.0.0.1:${port}/d`, base: place.sim.base, bot: 7 }, /waiting for PostgreSQL/],
      [{ url: place.database.url, base: `http://127.0.0.1:${port}`, bot: 7 }, /waiting for the Bot API/],
    ];
    await Promise.all(waits.map(async ([where, pattern]) => {
      const host = new Host(["run", dir], { env: environment(where) });
      await host.line(pattern);
      host.kill("SIGTERM");
      assert.equal((await host.end(15000 * slow)).code, 0, host.said);
    }));
  });

  test("the Bot API server is away at the end", async (t) => {
    const sim = await startSimulator(t);
    const host = await startBot(t, place, files, { base: sim.base });
    await host.sim.send(alice, "/hi");
    await host.sim.texts(alice, 1);
    await sim.program.stop();
    await sleep(200);
    host.kill("SIGTERM");
    assert.equal((await host.end()).code, 0, host.said);
  });
});

test("nobody reads what it says", async (t) => {
  const host = await startBot(t, place, { "scripts/a.lua": script.replace(`ctx:reply("hello")`, `log.warn("asked") ctx:reply("hello")`) });
  host.child.stdout.destroy();
  host.child.stderr.destroy();
  await sleep(50);
  for (let i = 1; i <= 3; i++) {
    await host.sim.send(alice, "/hi");
    await host.sim.texts(alice, i);
  }
});

describe("bounds", { concurrency: 2 }, () => {
  test("UPDATES_MAX: never more in hand, and all are answered", async (t) => {
    const sim = await startSimulator(t);
    const counting = `${prelude}
local running, most = 0, 0
bot.hears("^n", function(ctx)
  running = running + 1
  most = math.max(most, running)
  time.sleep(0.01)
  running = running - 1
  ctx:reply("most " .. most)
end)`;
    const home = folder(t, { "scripts/a.lua": counting });
    const first = await startBot(t, place, null, { base: sim.base, folder: home });
    await first.stop();
    const ids = [];
    for (let i = 0; i < 50; i++) ids.push((await sim.post("person", { first_name: `P${i}` })).user.id);
    for (let k = 0; k < 10; k++) await Promise.all(ids.map((id) => first.sim.send(id, `n ${k}`)));
    const host = await startBot(t, place, null, { base: sim.base, folder: home, bot: first.bot, env: { UPDATES_MAX: "10" } });
    const texts = (await Promise.all(ids.map((id) => host.sim.texts(id, 10, 30000 * slow)))).flat();
    assert.equal(texts.length, 500);
    const most = Math.max(...texts.map((x) => Number(x.split(" ")[1])));
    assert.ok(most >= 2 && most <= 10, `${most} at once`);
    await sleep(200);
    for (const id of ids) assert.equal((await host.sim.said(id)).length, 10);
  });

  test("a chat whose handler hangs holds up no other", async (t) => {
    const host = await startBot(t, place, files, { env: { UPDATES_MAX: "5", STOP_TIMEOUT_S: "0" } });
    await host.sim.send(alice, "/slow 60");
    await host.sim.texts(alice, 1);
    for (let i = 0; i < 7; i++) await host.sim.send(bob, "/hi"); // more than fit in at once
    assert.equal((await host.sim.texts(bob, 7, 15000 * slow)).length, 7);
    assert.deepEqual(await host.sim.said(alice), ["began"]);
  });

  test("a long text, many arguments, a big update", async (t) => {
    const host = await startBot(t, place, {
      "scripts/a.lua": `${prelude}bot.command("echo", "x", function(ctx) ctx:reply(#ctx.match .. " " .. #ctx.args) end)`,
    });
    await host.sim.send(alice, `/echo ${"a ".repeat(2000)}b`);
    assert.deepEqual(await host.sim.texts(alice, 1), ["4001 2001"]);
    const big = { message: { message_id: 1, date: 1, chat: { id: alice, type: "private", first_name: "A" }, from: { id: alice, is_bot: false, first_name: "A" },
      text: `/echo ${"ä".repeat(500000)}`, entities: [{ type: "bot_command", offset: 0, length: 5 }] } };
    await host.sim.post("update", big);
    assert.deepEqual((await host.sim.texts(alice, 2))[1], "1000000 1");
  });
});

test("nothing of the token in the log, whatever goes wrong", async (t) => {
  const sim = await startSimulator(t);
  const env = { LOG_LEVEL: "debug", LOG_FORMAT: "logfmt", API_TIMEOUT_MS: "500" };
  const broken = `${prelude}bot.command("try", "x", function(ctx)
  local ok, e = pcall(ctx.api.getChat, { chat_id = 1 })
  log.info(tostring(e))
  log.info("what if a script knew it: ${tokenOf(9001)}")
  ctx:reply("tried")
end)`;
  const host = await startBot(t, place, { "scripts/a.lua": broken }, { base: sim.base, env, bot: 9001 });
  const faults = [{ kind: "drop" }, { kind: "garbage" }, { kind: "error", status: 404 }, { kind: "delay", ms: 700 }, { kind: "drop_after" }];
  let n = 0;
  for (const fault of faults) {
    await sim.fault({ method: "getChat", ...fault });
    await host.sim.send(alice, "/try");
    await host.sim.texts(alice, ++n);
  }
  await host.stop(); // it looks through what was said
  assert.match(host.said, /what if a script knew it: \*\*\*/);
  assert.match(host.said, /^time=\S+ level=\w+ area=\w+ /m);
});

// Node's own program for a person in the simulator of `dev`.
test("a session of dev, with the bot of this repository", async (t) => {
  const home = folder(t);
  for (const name of ["scripts", "defaults", "locales", "migrations"]) cpSync(path.join(root, name), home.path(name), { recursive: true });
  const { url } = await place.newDatabase(t);
  const host = new Host(["dev", home.dir, "--port", "0"], { env: { DATABASE_URL: url, TASK_CPU_MS: String(250 * slow) } });
  atEnd(t, () => (host.awaited ? undefined : host.stop()));
  const [base] = await host.line(/http:\/\/127\.0\.0\.1:\d+/);
  await host.line(/is running/);
  const sim = new Simulator(base);
  const answer = async (message) => sim.message(message.chat.id, (m) => m.from?.is_bot && m.message_id > message.message_id);

  const { message: start } = await sim.send(alice, "/start");
  const welcome = await answer(start);
  assert.ok(welcome.reply_markup.inline_keyboard.length);
  await sim.press(alice, welcome, "help");
  await sim.message(alice, (m) => m.text?.includes("/settings"));
  const { message: set } = await sim.send(alice, "/set welcome.text Hello {name}");
  assert.match((await answer(set)).text, /welcome\.text.*Hello \{name\}/);
  const { message: refused } = await sim.send(bob, "/set welcome.enabled off", { chat: group });
  assert.ok(await answer(refused));
  const { message: allowed } = await sim.send(carol, "/set welcome.text Servus {name}", { chat: group });
  await answer(allowed);
  const { user } = await sim.post("person", { first_name: "Dora" });
  await sim.post("join", { as: user.id, chat: group });
  await sim.message(group, (m) => m.text?.includes("Servus") && m.text.includes("Dora"));
  await sim.sendFile(alice, "document", Buffer.from("abc"), "a.txt");

  home.write("scripts/new.lua", says("new", "quite new"));
  await host.line(/reload: reloaded/);
  await sim.send(alice, "/new");
  await sim.text(alice, "quite new");
  home.write("scripts/new.lua", "this is not Lua");
  await host.line(/not reloaded/);
  await sim.send(alice, "/new");
  await until("it is said again", async () => (await sim.messages(alice)).filter((m) => m.text === "quite new").length === 2);
  assert.doesNotMatch(host.said, /handler failed/);
  host.kill("SIGTERM");
  assert.equal((await host.end()).code, 0, host.said);
});
