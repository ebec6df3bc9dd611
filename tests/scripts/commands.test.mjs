// scripts/start.lua, help.lua, id.lua, unknown.lua
import assert from "node:assert/strict";
import { test } from "node:test";
import { alice, carol, channel, group, supergroup } from "../system/lib/simulator.mjs";
import { buttons, entities, startBot } from "./lib/bot.mjs";

const bot = startBot({
  // its name comes after unknown.lua
  "scripts/zebra.lua": `local bot = require "bot"
bot.command("stripes", "Show stripes", function(ctx) ctx:reply("||||") end)
bot.command("quiet", function(ctx) ctx:reply("shh") end)
bot.on("message:text", function(ctx) ctx:reply("zebra heard " .. ctx.text) end)`,
});

test("start: greets by name, with buttons in private", async () => {
  const hello = await bot.ask(alice, "/start");
  assert.equal(hello.text, "Hello, Alice! I am a bot made with Moonpost.");
  assert.deepEqual(buttons(hello), ["What can you do?", "Settings"]);
});

test("start: in a group without buttons", async () => {
  const hello = await bot.ask(alice, "/start", { chat: group });
  assert.match(hello.text, /^Hello, Alice!/);
  assert.deepEqual(buttons(hello), []);
});

test("start: a name is never markup", async () => {
  const { user } = await bot.sim.post("person", { first_name: "<b>Eve</b> & %s 😀" });
  const hello = await bot.ask(user.id, "/start");
  assert.equal(hello.text, "Hello, <b>Eve</b> & %s 😀! I am a bot made with Moonpost.");
  assert.deepEqual(entities(hello, "bold"), []);
});

test("help: every command with a description", async () => {
  const { text } = await bot.ask(alice, "/help");
  for (const name of ["start", "help", "id", "language", "settings", "set", "reset"]) {
    assert.match(text, new RegExp(`^/${name}: \\w`, "m"));
  }
  assert.match(text, /^\/stripes: Show stripes$/m);
  assert.doesNotMatch(text, /quiet/);
});

test("help: the button turns the greeting into the help", async () => {
  const hello = await bot.ask(alice, "/start");
  const { answer } = await bot.sim.press(alice, hello, "help");
  assert.ok(answer, "the press is answered");
  const { text } = await bot.changed(hello);
  assert.equal(text, (await bot.ask(alice, "/help")).text);
});

test("id: the chat's and one's own", async () => {
  const message = await bot.ask(alice, "/id", { chat: group });
  assert.equal(message.text, `Chat: ${group}\nYou: ${alice}`);
  assert.deepEqual(entities(message, "code"), [String(group), String(alice)]);
});

test("id: of the sender of a message that is replied to", async () => {
  const { message } = await bot.sim.send(carol, "look at me", { chat: group });
  await bot.replies(message); // zebra's
  const text = await bot.say(alice, "/id", { chat: group, reply_to: message.message_id });
  assert.equal(text, `Chat: ${group}\nYou: ${alice}\nSender of that message: ${carol}`);
});

test("id: of a topic, and the answer goes there", async () => {
  const message = await bot.ask(alice, "/id", { chat: supergroup, thread: 2 });
  assert.equal(message.text, `Chat: ${supergroup}\nTopic: 2\nYou: ${alice}`);
  assert.equal(message.message_thread_id, 2);
});

test("id: in a channel, where posts are from nobody", async () => {
  assert.equal(await bot.say(carol, "/id", { chat: channel }), `Chat: ${channel}`);
});

test("unknown: one clear answer in private", async () => {
  const { message } = await bot.sim.send(alice, "/Frobnicate now");
  await bot.sim.send(alice, "/id"); // by its answer all before it is done
  const texts = (await bot.replies(message, 2)).map((m) => m.text);
  assert.deepEqual(texts, ["I don't know /Frobnicate. Send /help for what I can do.", `Chat: ${alice}\nYou: ${alice}`]);
});

test("unknown: leaves to later scripts what is theirs", async () => {
  assert.equal(await bot.say(alice, "/stripes"), "||||");
  assert.equal(await bot.say(alice, "/STRIPES"), "||||");
  assert.equal(await bot.say(alice, "what about /frobnicate?"), "zebra heard what about /frobnicate?");
  assert.equal(await bot.say(alice, "/frobnicate", { chat: group }), "zebra heard /frobnicate");
});

test("unknown: a command as long as a message", async () => {
  const name = "x".repeat(4000);
  assert.equal(await bot.say(alice, `/${name} /y`), `I don't know /${name.slice(0, 32)}. Send /help for what I can do.`);
});

test("no handler failed", () => assert.deepEqual(bot.failures, []));
