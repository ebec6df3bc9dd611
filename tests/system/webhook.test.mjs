// A bot that Telegram sends its updates to, from its first to its last: with the
// simulator as Telegram, which repeats what is not answered with 2xx, as Telegram does.
import assert from "node:assert/strict";
import { test } from "node:test";
import { environment, Host, run, Server, startBot, urlOf, world } from "./lib/host.mjs";
import { atEnd, freePort, sleep, until } from "./lib/program.mjs";
import { alice, bob } from "./lib/simulator.mjs";

const place = world();

const script = `local bot = require "bot"
local time = require "time"
bot.command("say", "Say it", function(ctx) ctx:reply(ctx.args[1]) end)
bot.command("slow", "Take a while", function(ctx)
  time.sleep(tonumber(ctx.args[2]))
  ctx:reply(ctx.args[1])
end)
local go = false
bot.command("wait", "Until somebody says go", function(ctx)
  while not go do time.sleep(0.02) end
  ctx:reply("done")
end)
bot.command("go", "Go", function(ctx) go = true end)
bot.command("button", "Show a button", function(ctx)
  ctx:reply("Press", { reply_markup = { inline_keyboard = { { { text = "A", callback_data = "only" },
    { text = "B", callback_data = "first" } } } } })
end)
bot.callback("only", function(ctx)
  ctx:reply("pressed")
  local result = ctx:answer("Thanks")
  assert(result == true)
end)
bot.callback("first", function(ctx)
  ctx:answer("At once")
  time.sleep(0.3)
  ctx:reply("later")
end)
`;

// With a port of its own, and what Telegram is told of it.
async function startHook(t, { env = {}, path = "/hook", ...options } = {}) {
  const port = options.port ?? await freePort();
  const url = `http://127.0.0.1:${port}${path}`;
  const host = await startBot(t, place, { "scripts/bot.lua": script }, {
    ...options, env: { WEBHOOK_URL: url, PORT: String(port), ...env },
  });
  host.port = port;
  host.url = url;
  host.health = async () => {
    const answer = await fetch(`http://127.0.0.1:${port}/healthz`);
    return { status: answer.status, ...await answer.json() };
  };
  return host;
}

async function webhookOf(host) {
  const answer = await fetch(`${place.sim.base}/bot${environment({ bot: host.bot }).BOT_TOKEN}/getWebhookInfo`);
  return (await answer.json()).result;
}

const isRegistered = (host) => until("the webhook", async () => (await webhookOf(host)).url === host.url);

test("it registers itself, and answers", async (t) => {
  const host = await startHook(t, { env: { WEBHOOK_CONNECTIONS: "7" } });
  await host.sim.send(alice, "/say hello");
  await host.sim.text(alice, "hello");
  const info = await webhookOf(host);
  assert.equal(info.url, host.url);
  assert.equal(info.max_connections, 7);
  for (const kind of ["callback_query", "message"]) assert.ok(info.allowed_updates.includes(kind), kind);
  assert.ok(!info.allowed_updates.includes("poll"));
  const [call] = await host.sim.calls("setWebhook");
  assert.match(call.params.secret_token, /^[A-Za-z0-9_-]{32,256}$/);
  assert.ok(!host.said.includes(call.params.secret_token));
  assert.equal((await host.sim.calls("getUpdates")).length, 0);
});

test("the secret is the operator's, if there is one; wrong settings are named", async (t) => {
  const host = await startHook(t, { env: { WEBHOOK_SECRET: "Of-the_operator1" } });
  await host.sim.send(alice, "/say hello");
  await host.sim.text(alice, "hello");
  const [call] = await host.sim.calls("setWebhook");
  assert.equal(call.params.secret_token, "Of-the_operator1");
  for (const [name, value] of [["WEBHOOK_SECRET", "with space"], ["WEBHOOK_SECRET", "x".repeat(257)],
    ["WEBHOOK_URL", "ftp://a/b"], ["WEBHOOK_URL", "https://a/b?c"], ["WEBHOOK_URL", "https://a/healthz"],
    ["WEBHOOK_CONNECTIONS", "101"]]) {
    const env = environment({ url: place.database.url, base: place.sim.base, bot: 1 },
      { WEBHOOK_URL: "https://a/b", PORT: "0", [name]: value });
    const { code, said } = await run(["run", host.folder.dir], env);
    assert.equal(code, 1, said);
    assert.match(said, new RegExp(name));
  }
  const env = environment({ url: place.database.url, base: place.sim.base, bot: 1 },
    { WEBHOOK_URL: "https://a/b", PORT: String(host.port) });
  const { code, said } = await run(["run", host.folder.dir], env);
  assert.equal(code, 1);
  assert.match(said, new RegExp(`port ${host.port}`));
});

test("what one chat sends is answered in order, also when it is much", async (t) => {
  const host = await startHook(t);
  const want = [];
  for (let i = 0; i < 60; i++) {
    want.push(`n${i}`);
    await host.sim.send(alice, i % 7 ? `/say n${i}` : `/slow n${i} 0.02`);
  }
  assert.deepEqual(await host.sim.texts(alice, 60), want);
});

test("the last call of a handler goes in the answer, and what is not the last does not", async (t) => {
  const host = await startHook(t);
  await host.sim.send(alice, "/button");
  const message = await host.sim.message(alice, (m) => m.text === "Press");
  const [only, first] = message.reply_markup.inline_keyboard[0];
  const pressed = await host.sim.press(alice, message, only.callback_data);
  assert.equal(pressed.answer?.text ?? pressed.text, "Thanks", JSON.stringify(pressed));
  await host.sim.text(alice, "pressed");
  // by the answer: it did not come as a request of its own
  const before = Date.now();
  const other = await host.sim.press(alice, message, first.callback_data);
  assert.equal(other.answer?.text ?? other.text, "At once", JSON.stringify(other));
  await host.sim.text(alice, "later");
  assert.ok(Date.now() - before >= 250);
  const calls = await host.sim.calls("answerCallbackQuery");
  assert.equal(calls.length, 2);
  assert.doesNotMatch(host.said, /error|warn/);
});

test("WEBHOOK_REPLY=off: calls are always calls", async (t) => {
  const host = await startHook(t, { env: { WEBHOOK_REPLY: "off" } });
  await host.sim.send(alice, "/button");
  const message = await host.sim.message(alice, (m) => m.text === "Press");
  const pressed = await host.sim.press(alice, message, "only");
  assert.equal(pressed.answer?.text ?? pressed.text, "Thanks");
});

test("a handler that takes longer than a router waits for: the answer is there long before", async (t) => {
  const host = await startHook(t);
  await host.sim.send(alice, "/wait");
  // confirmed to Telegram, while the handler still runs
  await until("the update's end", async () => {
    const { updates } = await host.sim.get("updates");
    return updates.length && updates.every((u) => u.done);
  });
  assert.equal((await host.sim.said(alice)).length, 0);
  await host.sim.send(bob, "/go");
  await host.sim.text(alice, "done");
});

for (const alone of ["off", "on"]) {
  test(`restarts lose nothing and repeat nothing (WEBHOOK_ALONE=${alone})`, async (t) => {
    const env = { WEBHOOK_ALONE: alone };
    let host = await startHook(t, { env });
    const want = { [alice]: [], [bob]: [] };
    for (let round = 0; round < 4; round++) {
      for (let i = 0; i < 10; i++) {
        for (const who of [alice, bob]) {
          const text = `${round}.${i}`;
          want[who].push(text);
          await host.sim.send(who, i % 3 ? `/say ${text}` : `/slow ${text} 0.1`);
        }
      }
      await host.stop();
      host = await startHook(t, { env, port: host.port, bot: host.bot, folder: host.folder });
    }
    for (const who of [alice, bob]) {
      await host.sim.texts(who, want[who].length, 60000);
      assert.deepEqual(await host.sim.said(who), want[who]);
    }
  });
}

test("kill -9 loses nothing", async (t) => {
  let host = await startHook(t);
  const want = [];
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 5; i++) {
      want.push(`${round}.${i}`);
      await host.sim.send(alice, `/slow ${want.at(-1)} 0.05`);
    }
    await sleep(100);
    host.kill("SIGKILL");
    await host.end().catch(() => {});
    host = await startHook(t, { port: host.port, bot: host.bot, folder: host.folder });
  }
  const said = await until("all of them", async () => {
    const seen = await host.sim.said(alice);
    return want.every((text) => seen.includes(text)) && seen;
  }, 60000);
  assert.deepEqual([...new Set(said)], want); // one that was running may come twice
});

test("two processes share the work, and each chat keeps its order", async (t) => {
  const one = await startHook(t);
  const two = await startHook(t, { bot: one.bot, folder: one.folder });
  const want = { [alice]: [], [bob]: [] };
  for (let i = 0; i < 40; i++) {
    for (const who of [alice, bob]) {
      want[who].push(`n${i}`);
      await one.sim.send(who, `/slow n${i} 0.0${i % 4}`);
    }
    if (i === 20) await one.stop();
  }
  await isRegistered(two);
  for (const who of [alice, bob]) {
    await two.sim.texts(who, 40, 60000);
    assert.deepEqual(await two.sim.said(who), want[who]);
  }
});

test("from polling to the webhook and back, by nothing but a restart", async (t) => {
  const env = {};
  const polling = await startBot(t, place, { "scripts/bot.lua": script }, { env });
  await polling.sim.send(alice, "/say one");
  await polling.sim.text(alice, "one");
  await polling.stop();
  const hook = await startHook(t, { bot: polling.bot, folder: polling.folder });
  await hook.sim.send(alice, "/say two");
  await hook.sim.text(alice, "two");
  await hook.stop();
  await hook.sim.send(alice, "/say three");
  const again = await startBot(t, place, {}, { bot: polling.bot, folder: polling.folder });
  await again.sim.text(alice, "three");
  await again.sim.send(alice, "/say four");
  await again.sim.text(alice, "four");
  assert.equal((await webhookOf(again)).url, "");
  assert.deepEqual(await again.sim.said(alice), ["one", "two", "three", "four"]);
});

test("a reload that wants other updates tells Telegram", async (t) => {
  const host = await startHook(t);
  host.folder.write("scripts/more.lua", `local bot = require "bot"
bot.on("edited_message:text", function(ctx) ctx:reply("edited") end)`);
  await until("edited_message", async () => (await webhookOf(host)).allowed_updates?.includes("edited_message"));
});

test("registering is tried until it works", async (t) => {
  const bot = ++place.bots;
  await place.sim.fault({ bot, method: "setWebhook", kind: "error", code: 500, times: 2 });
  const host = await startHook(t, { bot });
  assert.equal((await host.health()).status === 200 || (await host.health()).status === 503, true);
  await isRegistered(host);
  await until("health", async () => (await host.health()).status === 200);
  assert.match(host.said, /can't be told to send updates to WEBHOOK_URL: 500/);
});

test("/healthz says what is wrong, from the first moment on", async (t) => {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}/hook`;
  const env = environment({ url: urlOf("nowhere_at_all"), base: place.sim.base, bot: ++place.bots },
    { WEBHOOK_URL: url, PORT: String(port) });
  const good = await startHook(t);
  const host = new Host(["run", good.folder.dir], { env });
  await host.line(/listening on port/);
  const ask = async () => {
    const answer = await fetch(`http://127.0.0.1:${port}/healthz`);
    return [answer.status, await answer.json()];
  };
  const [status, body] = await ask();
  assert.equal(status, 503);
  assert.equal(body.ok, false);
  assert.equal(body.state, "starting");
  assert.equal(body.database, "no connection");
  await host.stop();
  await isRegistered(good);
  await until("health", async () => (await good.health()).status === 200);
  const { ok, state, database, webhook } = await good.health();
  assert.deepEqual({ ok, state, database, webhook }, { ok: true, state: "ok", database: "ok", webhook: "ok" });
});

test("the database goes away and comes back: 503, and nothing is lost", async (t) => {
  const server = new Server();
  const url = server.start();
  atEnd(t, () => server.remove());
  const host = await startHook(t, { url });
  await isRegistered(host);
  await host.sim.send(alice, "/say before");
  await host.sim.text(alice, "before");
  assert.equal((await host.health()).status, 200);
  server.do("kill");
  await until("503", async () => (await host.health()).status === 503);
  assert.match(JSON.stringify(await host.health()), /"database":"no connection"/);
  await host.sim.send(alice, "/say meanwhile");
  await sleep(300);
  server.start();
  await until("200", async () => (await host.health()).status === 200, 60000);
  await host.sim.text(alice, "meanwhile");
  await host.sim.send(alice, "/say after");
  await host.sim.text(alice, "after");
  assert.deepEqual(await host.sim.said(alice), ["before", "meanwhile", "after"]);
});
