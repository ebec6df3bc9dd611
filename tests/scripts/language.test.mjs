// scripts/language.lua, locales/
import assert from "node:assert/strict";
import { test } from "node:test";
import { alice, bob, carol, group } from "../system/lib/simulator.mjs";
import { buttons, startBot } from "./lib/bot.mjs";

const bot = startBot();

test("language: shown, chosen by a button, and spoken", async () => {
  const message = await bot.ask(alice, "/language");
  assert.equal(message.text, "I speak English here.");
  assert.deepEqual(buttons(message), ["✓ English", "Deutsch"]);
  const { answer } = await bot.sim.press(alice, message, "language:de");
  assert.equal(answer.text, "Ich spreche hier Deutsch.");
  const changed = await bot.changed(message);
  assert.equal(changed.text, "Ich spreche hier Deutsch.");
  assert.deepEqual(buttons(changed), ["English", "✓ Deutsch"]);
  assert.equal(await bot.say(alice, "/start"), "Hallo, Alice! Ich bin ein Bot, gemacht mit Moonpost.");
  assert.equal(await bot.say(alice, "/xyz"), "/xyz kenne ich nicht. /help sagt, was ich kann.");
  assert.deepEqual(await bot.stored(alice), { language: { code: "de" } });
});

test("language: another chat speaks its own, which is Bob's while none was chosen", async () => {
  assert.match(await bot.say(carol, "/start"), /^Hello, Carol!/);
  assert.match(await bot.say(bob, "/start"), /^Hallo, Bob!/);
  const message = await bot.ask(bob, "/language");
  assert.deepEqual(buttons(message), ["English", "✓ Deutsch"]);
  await bot.sim.press(bob, message, "language:en");
  assert.equal((await bot.changed(message)).text, "I speak English here.");
  assert.match(await bot.say(bob, "/start"), /^Hello, Bob!/);
});

test("language: every text is there in German", async () => {
  assert.match(await bot.say(alice, "/set"), /^Sende \/set/);
});

test("language: pressing the one that is set changes nothing and is answered", async () => {
  const message = await bot.ask(alice, "/language");
  const { answer } = await bot.sim.press(alice, message, "language:de");
  assert.equal(answer.text, "Ich spreche hier Deutsch.");
  assert.equal((await bot.sim.messages(alice)).find((m) => m.message_id === message.message_id).edit_date, undefined);
});

test("language: in a group everyone sees it, administrators choose", async () => {
  const message = await bot.ask(alice, "/language", { chat: group });
  assert.equal(message.text, "I speak English here.");
  const refused = await bot.sim.press(alice, message, "language:de");
  assert.deepEqual([refused.answer.text, refused.answer.show_alert], ["Only administrators can do this.", true]);
  assert.equal(await bot.stored(group), undefined);
  const { answer } = await bot.sim.press(carol, message, "language:de");
  assert.equal(answer.text, "Ich spreche hier Deutsch.");
  assert.match(await bot.say(alice, "/start", { chat: group }), /^Hallo, Alice!/);
});

test("no handler failed", () => assert.deepEqual(bot.failures, []));
