// grammY behind a webhook: the simulator delivers, as Telegram does.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { test } from "node:test";
import { GrammyError, InlineKeyboard, webhookCallback } from "grammy";
import { world } from "./lib/grammy.mjs";
import { atEnd, until } from "./lib/program.mjs";
import { alice, bob } from "./lib/simulator.mjs";

const secretToken = "Secret_token-1";

// An HTTP server for the bot's webhook; handle answers requests.
async function serve(t, handle) {
  const server = createServer(handle).listen(0, "127.0.0.1");
  await once(server, "listening");
  atEnd(t, () => {
    server.close();
    server.closeAllConnections?.();
  });
  return `http://127.0.0.1:${server.address().port}/hook`;
}

async function webhookWorld(t, setup, options = {}) {
  const w = await world(t, setup, { poll: false, client: options.client });
  const callback = webhookCallback(w.bot, "http", { secretToken });
  w.requests = [];
  w.url = await serve(t, (req, res) => {
    w.requests.push(req.headers);
    if (options.before?.(req, res)) return;
    callback(req, res).catch((e) => {
      res.statusCode = 500;
      res.end(String(e));
    });
  });
  await w.bot.api.setWebhook(w.url, { secret_token: secretToken, ...options.webhook });
  return w;
}

test("grammy webhook: a command, a button, and what the simulator sends along", async (t) => {
  const { sim, bot, url, requests } = await webhookWorld(t, (b) => {
    b.command("start", (ctx) => ctx.reply("Hi", { reply_markup: new InlineKeyboard().text("Go", "go") }));
    b.callbackQuery("go", async (ctx) => {
      await ctx.answerCallbackQuery("Gone");
      await ctx.editMessageText("Went");
    });
  });
  await sim.send(alice, "/start");
  const hi = await sim.text(alice, "Hi");
  assert.equal((await sim.press(alice, hi, "go")).answer.text, "Gone");
  await sim.text(alice, "Went");
  assert.equal(requests[0]["x-telegram-bot-api-secret-token"], secretToken);
  assert.match(requests[0]["content-type"], /^application\/json/);
  const info = await bot.api.getWebhookInfo();
  assert.deepEqual([info.url, info.pending_update_count, info.has_custom_certificate], [url, 0, false]);
  assert.equal(info.last_error_message, undefined);
  assert.ok((await sim.get("updates")).updates.every((u) => u.done));
});

test("grammy webhook: the answer itself can be a call", async (t) => {
  const { sim } = await webhookWorld(t, (b) => {
    b.on("message:text", (ctx) => ctx.reply(`${ctx.msg.text}, ä & <b>`));
  }, { client: { canUseWebhookReply: (method) => method === "sendMessage" } });
  await sim.send(alice, "echo");
  await sim.text(alice, "echo, ä & <b>");
});

test("grammy webhook: what fails comes again, and getWebhookInfo says so", async (t) => {
  let failures = 2;
  const { sim, bot } = await webhookWorld(t, (b) => {
    b.on("message:text", (ctx) => ctx.reply(`got ${ctx.msg.text}`));
  }, {
    before: (req, res) => {
      if (failures-- <= 0) return false;
      req.resume();
      res.statusCode = 503;
      res.end("not now");
      return true;
    },
  });
  await sim.send(alice, "one");
  const info = await until("an error", async () => {
    const seen = await bot.api.getWebhookInfo();
    return seen.last_error_message && seen;
  });
  assert.equal(info.last_error_message, "Wrong response from the webhook: 503 Service Unavailable");
  assert.ok(Math.abs(info.last_error_date - Date.now() / 1000) < 60);
  assert.equal(info.pending_update_count, 1);
  await sim.text(alice, "got one");
  assert.equal((await sim.messages(alice)).length, 2);
  await until("nothing pending", async () => (await bot.api.getWebhookInfo()).pending_update_count === 0);
});

test("grammy webhook: in order for each chat, side by side across chats", async (t) => {
  const log = [];
  const { sim } = await webhookWorld(t, (b) => {
    b.on("message:text", async (ctx) => {
      log.push(`begin ${ctx.msg.text}`);
      if (ctx.msg.text.startsWith("slow")) await until("the other chat's", () => log.includes("end fast 3"));
      log.push(`end ${ctx.msg.text}`);
    });
  });
  await sim.send(alice, "slow 1");
  await sim.send(alice, "fast 2");
  await sim.send(bob, "fast 3");
  await until("all", () => log.length === 6);
  assert.ok(log.indexOf("end slow 1") < log.indexOf("begin fast 2"), log.join());
  assert.ok(log.indexOf("end fast 3") < log.indexOf("end slow 1"), log.join());
});

test("grammy webhook: not together with polling; deleted, updates wait for the next poll", async (t) => {
  const { sim, bot } = await webhookWorld(t, () => {}, { webhook: { allowed_updates: ["message"] } });
  await assert.rejects(bot.api.getUpdates(), (e) => e instanceof GrammyError && e.error_code === 409 &&
    /can't use getUpdates method while webhook is active/.test(e.description));
  assert.deepEqual((await bot.api.getWebhookInfo()).allowed_updates, ["message"]);
  assert.equal(await bot.api.deleteWebhook(), true);
  assert.equal((await bot.api.getWebhookInfo()).url, "");
  await sim.send(alice, "after");
  const updates = await bot.api.getUpdates();
  assert.deepEqual(updates.map((u) => u.message.text), ["after"]);
  await assert.rejects(bot.api.setWebhook("http://example.com/hook"), (e) => e.error_code === 400 && /bad webhook/.test(e.description));
});

test("grammy webhook: pending updates can be dropped", async (t) => {
  const { sim, bot } = await world(t, undefined, { poll: false });
  await sim.send(alice, "old");
  assert.equal((await bot.api.getWebhookInfo()).pending_update_count, 1);
  await bot.api.deleteWebhook({ drop_pending_updates: true });
  assert.equal((await bot.api.getWebhookInfo()).pending_update_count, 0);
  assert.deepEqual(await bot.api.getUpdates(), []);
});
