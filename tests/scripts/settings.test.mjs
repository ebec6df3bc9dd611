// scripts/settings.lua: /settings, /set, /reset
import assert from "node:assert/strict";
import { test } from "node:test";
import { alice, bob, carol, group, supergroup } from "../system/lib/simulator.mjs";
import { entities, startBot } from "./lib/bot.mjs";

const bot = startBot();
const line = (text, path) => text.split("\n").find((l) => l.includes(`${path}:`));

test("settings: each with its value, its default and what is allowed", async () => {
  const message = await bot.ask(alice, "/settings");
  assert.match(message.text, /^language\.code: "en" \(default: "en"\)\nLanguage: what the bot speaks in this chat; one of en, de$/m);
  assert.match(message.text, /^welcome\.enabled: true \(default: true\)\n.*true or false$/m);
  assert.match(message.text, /^welcome\.text: "Welcome to \{chat\}, \{name\}!" .*\n.*text of 1 to 1000 characters$/m);
  assert.match(message.text, /^Welcome: what people who join a group are told\nwelcome\.enabled: true/m);
  assert.equal(message.text.match(/^Welcome: /gm).length, 1);
  assert.deepEqual(entities(message, "bold"), ["Welcome"]);
  assert.equal(entities(message, "code").length, 6);
});

test("settings: by the button of /start", async () => {
  const hello = await bot.ask(alice, "/start");
  const { answer } = await bot.sim.press(alice, hello, "settings");
  assert.ok(answer, "the press is answered");
  assert.match((await bot.replies(hello))[0].text, /^language\.code: /);
});

test("set: changes a value of this chat only, and /settings marks it", async () => {
  assert.equal(await bot.say(alice, "/set welcome.enabled off"), "welcome.enabled is now false");
  const mine = await bot.say(alice, "/settings");
  assert.equal(line(mine, "welcome.enabled"), "✎ welcome.enabled: false (default: true)");
  assert.equal(line(mine, "language.code"), 'language.code: "en" (default: "en")');
  const others = await bot.say(carol, "/settings");
  assert.equal(line(others, "welcome.enabled"), "welcome.enabled: true (default: true)");
  assert.equal(await bot.stored(carol), undefined);
});

test("set: a value that equals the default is kept as set", async () => {
  assert.equal(await bot.say(carol, "/set welcome.enabled on"), "welcome.enabled is now true");
  assert.equal(line(await bot.say(carol, "/settings"), "welcome.enabled"), "✎ welcome.enabled: true (default: true)");
  assert.deepEqual(await bot.stored(carol), { welcome: { enabled: true } });
});

test("set: text with markup, quotes, emoji and line breaks is kept as it is", async () => {
  const text = '<b>Hi</b> & "you" 😀\nsecond {name} \\ </code>';
  const message = await bot.ask(alice, `/set welcome.text ${text}`);
  assert.equal(message.text, `welcome.text is now ${JSON.stringify(text)}`);
  assert.deepEqual(entities(message, "code"), [JSON.stringify(text)]);
  assert.deepEqual(entities(message, "bold"), []);
  assert.equal((await bot.stored(alice)).welcome.text, text);
  const all = await bot.ask(alice, "/settings");
  assert.deepEqual(entities(all, "bold"), ["Welcome"]);
  assert.ok(entities(all, "code").includes(JSON.stringify(text)));
});

test("set: long values are shown cut, and the message still fits", async () => {
  const text = "😀<&".repeat(333);
  await bot.say(alice, `/set welcome.text ${text}`);
  assert.equal((await bot.stored(alice)).welcome.text, text);
  const shown = line(await bot.say(alice, "/settings"), "welcome.text");
  assert.match(shown, /^✎ welcome\.text: "😀<&.{100,400}… \(default/u);
  assert.equal(await bot.say(alice, `/set welcome.text ${text}xx`),
    `welcome.text: must be text of 1 to 1000 characters, got "${"😀<&".repeat(9)}😀<…`);
  assert.equal((await bot.stored(alice)).welcome.text, text);
});

test("set: a wrong value is told, and nothing changes", async () => {
  const before = await bot.stored(alice);
  const wrong = {
    "welcome.enabled maybe": "welcome.enabled: must be true or false, got maybe",
    "welcome.enabled 2": "welcome.enabled: must be true or false, got 2",
    "language.code fr": 'language.code: must be one of en, de, got "fr"',
    'welcome.text ""': 'welcome.text: must be text of 1 to 1000 characters, got ""',
    "welcome.colour red": 'there is no setting "welcome.colour"',
    "welcome x": 'there is no setting "welcome"',
    ". x": 'there is no setting "."',
    "<b>x</b> y": 'there is no setting "<b>x</b>"',
  };
  for (const [what, told] of Object.entries(wrong)) assert.equal(await bot.say(alice, `/set ${what}`), told);
  assert.deepEqual(await bot.stored(alice), before);
});

test("set, reset: without all they need they say how", async () => {
  for (const text of ["/set", "/set welcome.text"]) assert.match(await bot.say(alice, text), /^Send \/set, a setting and its value/);
  assert.match(await bot.say(alice, "/reset"), /^Send \/reset and a setting/);
  assert.equal(await bot.say(alice, "/reset welcome.colour"), 'there is no setting "welcome.colour"');
  assert.equal(await bot.say(alice, "/reset welcome"), 'there is no setting "welcome"');
});

test("reset: back to the default, which is followed again", async () => {
  await bot.say(carol, "/set welcome.text Hey");
  assert.equal(await bot.say(carol, "/reset welcome.text"), 'welcome.text is back at its default: "Welcome to {chat}, {name}!"');
  assert.equal(line(await bot.say(carol, "/settings"), "welcome.text")[0], "w");
  assert.equal((await bot.stored(carol)).welcome?.text, undefined);
});

test("admins only in groups: a member is refused, the owner is not", async () => {
  const refused = "Only administrators can do this.";
  for (const text of ["/settings", "/set welcome.enabled off", "/reset welcome.enabled", "/set"]) {
    assert.equal(await bot.say(alice, text, { chat: group }), refused);
  }
  assert.equal(await bot.stored(group), undefined);
  assert.equal(await bot.say(carol, "/set welcome.enabled off", { chat: group }), "welcome.enabled is now false");
  assert.deepEqual(await bot.stored(group), { welcome: { enabled: false } });
  assert.match(await bot.say(carol, "/settings", { chat: group }), /✎ welcome\.enabled: false/);
});

test("admins only: an administrator that is no owner may", async () => {
  await bot.sim.post("member", { chat: supergroup, user: bob, status: "administrator" });
  assert.equal(await bot.say(bob, "/set welcome.enabled off", { chat: supergroup }), "welcome.enabled is now false");
});

test("settings survive a restart of the program", async () => {
  await bot.say(carol, "/set language.code de");
  await bot.restart();
  const text = await bot.say(carol, "/settings");
  assert.equal(line(text, "language.code"), '✎ language.code: "de" (Vorgabe: "en")');
  assert.equal(line(text, "welcome.enabled"), "✎ welcome.enabled: true (Vorgabe: true)");
  assert.match(await bot.say(carol, "/settings", { chat: group }), /✎ welcome\.enabled: false/);
});

test("no handler failed", () => assert.deepEqual(bot.failures, []));

test("settings: with buttons", async () => {
  const list = await bot.ask(carol, "/settings", { chat: group });
  const change = list.reply_markup.inline_keyboard[0][0];
  assert.equal(change.text, "Change");
  const refused = await bot.sim.press(alice, list, change.callback_data);
  assert.equal(refused.answer.text, "Only administrators can do this.");
  await bot.sim.press(carol, list, change.callback_data);
  const panel = await bot.sim.message(group, (m) => m.text === "What should be different here?");
  const press = (message, text) => bot.sim.press(carol, message, message.reply_markup.inline_keyboard.flat().find((b) => b.text === text).callback_data);
  const now = (check) => bot.sim.message(group, (m) => m.message_id === panel.message_id && check(m));
  await press(panel, "Welcome");
  const welcome = await now((m) => m.text === "Welcome");
  const before = (await bot.stored(group))?.welcome?.enabled ?? true;
  await press(welcome, before ? "✅ Greeting" : "❌ Greeting");
  const after = await now((m) => JSON.stringify(m.reply_markup).includes(before ? "❌ Greeting" : "✅ Greeting"));
  assert.equal((await bot.stored(group)).welcome.enabled, !before);
  await press(after, "‹ Back");
  await press(await now((m) => m.text.startsWith("What")), "✕ Close");
});
