// require "menu" and "keyboard": pressed in the simulator.
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { test } from "node:test";
import { alice, bob, group } from "./lib/simulator.mjs";
import { until } from "./lib/program.mjs";
import { startBot, buttons } from "../scripts/lib/bot.mjs";

const script = `
local bot = require "bot"
local menu = require "menu"
local keyboard = require "keyboard"

local more = menu.new("more", { text = "More", admin = true })
more:button("Hello", function(ctx) return "Hello, " .. ctx.from.first_name end):back()

local shop = menu.new("shop", { text = function(ctx) return "Shop" end, owner = true })
shop:page{
  list = function(ctx, first, count)
    local items = {}
    for i = first + 1, math.min(first + count, 1000) do items[#items + 1] = i end
    return items, 1000
  end,
  per = 10, columns = 2,
  item = function(ctx, n) return "Item " .. n, n end,
  press = function(ctx, n) return "You chose " .. n end,
}
shop:close()

local main = menu.new("main", { text = function(ctx) return "Welcome is " .. tostring(ctx.config.welcome.enabled) end, admin = true })
main:toggle("welcome.enabled"):row():choice("language.code"):row():number("try.size"):row():input("welcome.text"):row()
main:submenu("More", more):url("Site", "https://example.com")
main:button("Only in private", function() return "yes" end, { when = function(ctx) return ctx.chat.type == "private" end })

bot.command("menu", "m", function(ctx) main:reply(ctx) end)
bot.command("shop", "s", function(ctx) shop:reply(ctx) end)
bot.command("keys", "k", function(ctx)
  ctx:reply("keys", { reply_markup = keyboard.inline():button("A", "a"):url("B", "https://example.com"):row():copy_text("C", "copied") })
end)
bot.command("reply", "r", function(ctx)
  ctx:reply("reply", { reply_markup = keyboard.reply{ { "A", "B" }, "C", one_time = true } })
end)
bot.command("remove", "r", function(ctx) ctx:reply("gone", { reply_markup = keyboard.remove() }) end)
`;
const defaults = `return { size = option.integer{ default = 3, min = 1, max = 4, label = "Size" } }`;
const bot = startBot({ "scripts/menus.lua": script, "defaults/try.lua": defaults });

const find = (message, text) => {
  const all = message.reply_markup.inline_keyboard.flat();
  const button = all.find((b) => b.text === text || b.text.startsWith(text));
  assert.ok(button, `${text} is one of ${all.map((b) => b.text)}`);
  return button.callback_data;
};
const press = async (as, message, text) => (await bot.sim.press(as, message, find(message, text))).answer;
const now = (message) => bot.sim.message(message.chat.id, (m) => m.message_id === message.message_id);
const pressed = async (as, message, text, check) => {
  const answer = await press(as, message, text);
  const after = await bot.sim.message(message.chat.id, (m) => m.message_id === message.message_id && check(m));
  return { answer, message: after };
};

test("menu: a toggle changes the setting and the message", async () => {
  const m = await bot.ask(alice, "/menu");
  assert.equal(m.text, "Welcome is true");
  assert.deepEqual(buttons(m).slice(0, 5), ["✅ Greeting", "Language: en", "−", "Size: 3", "+"]);
  for (const b of m.reply_markup.inline_keyboard.flat()) assert.ok(!b.callback_data || Buffer.byteLength(b.callback_data) <= 64);
  const { message } = await pressed(alice, m, "✅", (x) => x.text === "Welcome is false");
  assert.ok(buttons(message)[0].startsWith("❌"));
  assert.deepEqual((await bot.stored(alice)).welcome, { enabled: false });
});

test("menu: choices, numbers, and what is out of range", async () => {
  const m = await bot.ask(alice, "/menu");
  let { message } = await pressed(alice, m, "Language", (x) => buttons(x).includes("• en"));
  ({ message } = await pressed(alice, message, "de", (x) => buttons(x).some((b) => b.includes(": de"))));
  assert.equal((await bot.stored(alice)).language.code, "de");
  ({ message } = await pressed(alice, message, "+", (x) => buttons(x).some((b) => b === "Size: 4")));
  assert.equal((await bot.stored(alice)).try.size, 4);
  const answer = await press(alice, message, "+");
  assert.match(answer.text, /must be a whole number from 1 to 4, got 5/);
  assert.equal(answer.show_alert, true);
});

test("menu: a value that is written", async () => {
  const m = await bot.ask(bob, "/menu");
  await bot.sim.press(bob, m, find(m, "Text of the greeting"));
  const [question] = await bot.replies(m);
  assert.equal(question.text, "Text of the greeting: text of 1 to 1000 characters");
  await bot.sim.send(bob, "Hello there");
  const after = await bot.changed(m);
  assert.ok(buttons(after).includes("Text of the greeting: Hello there"));
  assert.equal((await bot.stored(bob)).welcome.text, "Hello there");
});

test("menu: a submenu and back, and a toast", async () => {
  const m = await bot.ask(alice, "/menu");
  let { message } = await pressed(alice, m, "More", (x) => x.text === "More");
  const answer = await press(alice, message, "Hello");
  assert.equal(answer.text, "Hello, Alice");
  ({ message } = await pressed(alice, message, "‹", (x) => x.text.startsWith("Welcome is")));
});

test("menu: others than admins, others than the owner", async () => {
  const m = await bot.ask(alice, "/menu", { chat: group });
  assert.ok(!buttons(m).includes("Only in private"));
  const answer = await press(bob, m, "✅");
  assert.deepEqual([answer.text, answer.show_alert], ["Only administrators can do this.", true]);
  assert.equal((await bot.stored(group))?.welcome, undefined);
  const shop = await bot.ask(bob, "/shop", { chat: group });
  assert.equal((await press(alice, shop, "Item 1")).text, "This menu is somebody else's.");
  assert.equal((await press(bob, shop, "Item 1")).text, "You chose 1");
});

test("menu: a thousand items", async () => {
  const m = await bot.ask(bob, "/shop");
  assert.ok(buttons(m).includes("1/100"));
  let { message } = await pressed(bob, m, "‹", (x) => buttons(x).includes("100/100"));
  assert.ok(buttons(message).includes("Item 1000"));
  assert.equal((await press(bob, message, "Item 1000")).text, "You chose 1000");
  ({ message } = await pressed(bob, message, "›", (x) => buttons(x).includes("1/100")));
  await press(bob, message, "✕");
});

test("menu: after its script has changed it is drawn anew, and nothing else happens", async () => {
  const m = await bot.ask(alice, "/menu");
  const data = find(m, "❌");
  const before = (await bot.stored(alice)).welcome;
  const changed = script.replace('main:toggle("welcome.enabled")', 'main:button("First", function() return "wrong" end):toggle("welcome.enabled")');
  assert.notEqual(changed, script);
  await writeFile(path.join(bot.dir, "scripts/menus.lua"), `${changed}\nbot.command("v2", "v", function(ctx) ctx:reply("2") end)`);
  await until("the reload", async () => {
    const { message } = await bot.sim.send(alice, "/v2");
    await new Promise((go) => setTimeout(go, 50));
    const said = await bot.sim.messages(alice);
    return said.some((x) => x.message_id > message.message_id && x.text === "2");
  });
  const { answer } = await bot.sim.press(alice, m, data);
  // alice has chosen German above: the bot's locales/de.lua
  assert.equal(answer.text, "Dieses Menü hat sich geändert. Bitte wähle noch einmal.");
  assert.ok(buttons(await now(m)).includes("First"));
  assert.deepEqual((await bot.stored(alice)).welcome, before);
});

test("keyboard: what the builders give is what Telegram takes", async () => {
  const keys = await bot.ask(alice, "/keys");
  assert.deepEqual(keys.reply_markup.inline_keyboard, [
    [{ text: "A", callback_data: "a" }, { text: "B", url: "https://example.com/" }].map((b, i) => keys.reply_markup.inline_keyboard[0][i]),
    [{ text: "C", copy_text: { text: "copied" } }],
  ]);
  await bot.ask(alice, "/reply");
  await bot.ask(alice, "/remove");
});

test("menu: nothing has failed", () => assert.deepEqual(bot.failures, []));
