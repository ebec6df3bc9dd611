// ctx:ask and ctx:wait: conversations, and what becomes of them when a process ends.
import assert from "node:assert/strict";
import { test } from "node:test";
import { environment, Host, query, Server, startBot, world } from "./lib/host.mjs";
import { freePort, sleep, until } from "./lib/program.mjs";
import { alice, bob, supergroup } from "./lib/simulator.mjs";

const place = world();

const script = `local bot = require "bot"
local time = require "time"
bot.command("order", "Order", function(ctx)
  local what = ctx:ask("What?", { stop = true, cancelled = "Nothing, then." })
  local size, pressed = ctx:ask("Which size?", { choices = { "small", { "large", 3 } }, stop = true })
  local many = ctx:ask("How many?", { kind = "integer", min = 1, max = 9, timeout = "5m" })
  ctx:reply(("%d %s of size %s, %s"):format(many, what, size, pressed.kind))
end)
bot.command("photo", "Photo", function(ctx)
  local photo = ctx:ask("Your photo?", { kind = "photo" })
  ctx:reply(math.type(photo.width))
end)
bot.command("name", "Name", function(ctx)
  local name = ctx:ask("Name?", { ended = ctx.args[1] })
  ctx:reply("Hello, " .. tostring(name))
end)
bot.command("soon", "Soon", function(ctx)
  local name, why = ctx:ask("Quick?", { timeout = 0.2, timed_out = "Too late." })
  ctx:reply(why)
end)
bot.command("lang", "Language", function(ctx)
  local config = ctx.config
  local code = ctx:ask("Code?")
  local seen = config.code
  config.code = code
  ctx:reply(seen .. " > " .. ctx.config.code)
end)
bot.command("set", "Set", function(ctx) ctx.config.code = ctx.args[1] ctx:reply("set") end)
bot.command("echo", "Echo", function(ctx) ctx:reply(ctx.match) end)
`;
const files = { "scripts/bot.lua": script, "defaults/init.lua": 'return { code = option.string{ default = "none" } }' };

const last = async (host, chat, n) => (await host.sim.texts(chat, n)).at(-1);
const rows = (host) => place.database.query("SELECT chat_id::int8, user_id::int8, topic::int8, ended FROM asks WHERE bot_id = $1 ORDER BY 1, 2", [host.bot])
  .then((list) => list.map((r) => [Number(r.chat_id), Number(r.user_id), Number(r.topic), r.ended]));
const until_rows = (host, n) => until(`${n} rows`, async () => (await rows(host)).length === n);

async function kill(host) {
  host.kill("SIGKILL");
  await host.ended;
  host.awaited = true;
}

async function again(host) {
  const next = new Host(["run", host.folder.dir], { env: environment({ url: place.database.url, base: host.sim.base, bot: host.bot }) });
  next.folder = host.folder;
  next.bot = host.bot;
  next.sim = host.sim;
  await next.line(/is running: .*\n/);
  return next;
}

test("ask: a conversation in straight-line code", async (t) => {
  const host = await startBot(t, place, files);
  await host.sim.send(alice, "/order");
  await host.sim.texts(alice, 1);
  await host.sim.send(alice, "tea");
  const question = await host.sim.message(alice, (m) => m.text === "Which size?");
  assert.deepEqual(question.reply_markup.inline_keyboard.flat().map((b) => b.text), ["small", "large"]);
  await host.sim.send(alice, "/echo meanwhile");
  await host.sim.send(alice, "huge");
  assert.equal(await last(host, alice, 4), "Please choose one of the buttons.");
  const { answer } = await host.sim.press(alice, question, question.reply_markup.inline_keyboard.flat()[1].callback_data);
  assert.ok(answer);
  assert.equal(await last(host, alice, 5), "How many?");
  assert.equal((await host.sim.message(alice, (m) => m.message_id === question.message_id)).reply_markup, undefined);
  await host.sim.send(alice, "10");
  assert.equal(await last(host, alice, 6), "It must be at most 9.");
  await host.sim.send(alice, "2");
  assert.equal(await last(host, alice, 7), "2 tea of size 3, callback_query");
  await host.sim.send(alice, "/order");
  await host.sim.texts(alice, 8);
  await host.sim.send(alice, "/cancel");
  assert.equal(await last(host, alice, 9), "Nothing, then.");
  await until_rows(host, 0);
  await host.sim.send(bob, "/photo");
  await host.sim.texts(bob, 1);
  await host.sim.send(bob, "no");
  assert.equal(await last(host, bob, 2), "Please send a photo.");
  const png = Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==", "base64");
  await host.sim.sendFile(bob, "photo", png, "a.png");
  assert.equal(await last(host, bob, 3), "integer");
  await host.sim.send(bob, "/soon");
  assert.deepEqual((await host.sim.texts(bob, 6)).slice(3), ["Quick?", "Too late.", "timeout"]);
  assert.doesNotMatch(host.said, /handler failed/);
});

test("ask: settings that others write meanwhile are seen", async (t) => {
  const host = await startBot(t, place, files);
  await host.sim.send(alice, "/lang");
  await host.sim.texts(alice, 1);
  await host.sim.send(alice, "/set xx");
  await host.sim.texts(alice, 2);
  await host.sim.send(alice, "de");
  assert.equal(await last(host, alice, 3), "xx > de");
});

test("ask: nothing of it holds the offset or the inbox", async (t) => {
  const host = await startBot(t, place, files);
  await host.sim.send(alice, "/name");
  await host.sim.texts(alice, 1);
  await sleep(3000); // longer than POLL_PATIENCE_MS
  await until("it is not in the inbox", async () => (await place.database.query("SELECT FROM inbox WHERE bot_id = $1", [host.bot])).length === 0);
  await host.sim.send(alice, "Ann");
  assert.equal(await last(host, alice, 2), "Hello, Ann");
});

test("ask: after kill -9 the chat is told, once, in its topic", async (t) => {
  const host = await startBot(t, place, files);
  await host.sim.send(alice, "/name", { chat: supergroup, thread: 3 });
  await host.sim.message(supergroup, (m) => m.text === "Name?");
  await host.sim.send(bob, "/name Bye.");
  await host.sim.texts(bob, 1);
  await until_rows(host, 2);
  assert.deepEqual(await rows(host), [[supergroup, alice, 3, null], [bob, bob, 0, "Bye."]]);
  await kill(host);
  const next = await again(host);
  const told = await next.sim.message(supergroup, (m) => m.text === "I was restarted in the middle of this. Please start again.");
  assert.equal(told.message_thread_id, 3);
  assert.equal(await last(next, bob, 2), "Bye.");
  await until_rows(next, 0);
  await next.sim.send(bob, "Bob"); // nobody waits for it
  await next.sim.send(bob, "/name");
  await next.sim.texts(bob, 3);
  await next.sim.send(bob, "Bob");
  assert.equal(await last(next, bob, 4), "Hello, Bob");
  await next.stop();
  assert.equal((await next.sim.said(bob)).length, 4);
});

test("ask: SIGTERM tells before it leaves, and nobody tells again", async (t) => {
  const host = await startBot(t, place, files);
  await host.sim.send(alice, "/name");
  await host.sim.texts(alice, 1);
  await until_rows(host, 1);
  await host.stop();
  assert.deepEqual(await host.sim.said(alice), ["Name?", "I was restarted in the middle of this. Please start again."]);
  assert.deepEqual(await rows(host), []);
  const next = await again(host);
  await sleep(1500);
  assert.equal((await next.sim.said(alice)).length, 2);
  await next.stop();
});

// Two processes get a bot's updates from Telegram, in turn.
test("ask: an answer that comes to another process finds who waits", async (t) => {
  const hook = async (bot) => {
    const port = await freePort();
    const host = await startBot(t, place, files, {
      bot, env: { WEBHOOK_URL: `http://127.0.0.1:${port}/hook`, PORT: String(port), WEBHOOK_SECRET: "s3cret" },
    });
    host.url = `http://127.0.0.1:${port}/hook`;
    return host;
  };
  const one = await hook();
  const two = await hook(one.bot);
  let id = 1000;
  const send = async (host, as, text) => {
    const update = {
      update_id: id++, message: {
        message_id: id, date: 1, chat: { id: as, type: "private", first_name: "P" }, from: { id: as, is_bot: false, first_name: "P" }, text,
        ...(text.startsWith("/") && { entities: [{ type: "bot_command", offset: 0, length: text.split(" ")[0].length }] }),
      },
    };
    const answer = await fetch(host.url, {
      method: "POST", body: JSON.stringify(update),
      headers: { "Content-Type": "application/json", "X-Telegram-Bot-Api-Secret-Token": "s3cret" },
    });
    assert.equal(answer.status, 200);
  };
  for (const [from, to, as] of [[one, two, alice], [two, one, bob]]) {
    await send(from, as, "/name");
    await from.sim.texts(as, 1);
    await until_rows(from, 1);
    await send(to, as, "Ann");
    assert.equal(await last(from, as, 2), "Hello, Ann");
    await until_rows(from, 0);
  }
  // and when the one that waits is gone, the other tells
  await send(one, alice, "/name");
  await one.sim.texts(alice, 3);
  await until_rows(one, 1);
  await kill(one);
  assert.equal(await last(two, alice, 4), "I was restarted in the middle of this. Please start again.");
  await two.stop();
});

test("ask: without a database, and when it is there again", async (t) => {
  const server = new Server();
  t.after(() => server.remove());
  server.start();
  const host = await startBot(t, place, files, { url: server.url, env: { DATABASE_TIMEOUT_MS: "1000" } });
  server.do("kill");
  await host.line(/no connection to PostgreSQL/);
  await host.sim.send(alice, "/name");
  await host.sim.texts(alice, 1);
  await host.sim.send(alice, "Ann"); // nothing of it needs the database
  assert.equal(await last(host, alice, 2), "Hello, Ann");
  await host.sim.send(bob, "/name");
  await host.sim.texts(bob, 1);
  server.start();
  await host.line(/connected to PostgreSQL again/, 60000);
  const noted = async () => (await query(server.url, "SELECT chat_id::int8 FROM asks")).map((r) => Number(r.chat_id));
  await until("it is noted", async () => (await noted()).length === 1, 60000);
  assert.deepEqual(await noted(), [bob]);
  await host.sim.send(bob, "Bob");
  assert.equal(await last(host, bob, 2), "Hello, Bob");
  await until("it is over", async () => (await noted()).length === 0);
  await host.stop();
});

test("ask: a reload does not end it", async (t) => {
  const host = await startBot(t, place, files);
  await host.sim.send(alice, "/name");
  await host.sim.texts(alice, 1);
  host.folder.write("scripts/bot.lua", 'local bot = require "bot"\nbot.command("new", "n", function(ctx) ctx:reply("new") end)');
  await host.line(/reloaded|is loaded/i);
  await host.sim.send(alice, "/new");
  assert.equal(await last(host, alice, 2), "new");
  await host.sim.send(alice, "Ann");
  assert.equal(await last(host, alice, 3), "Hello, Ann");
});
