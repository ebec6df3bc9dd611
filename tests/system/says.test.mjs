// What the host says by itself in chats, in the bot's own languages: keys "moonpost." of
// locales/. What it says in English is in the tests of whoever says it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { environment, folder, Host, run as command, Server, startBot, world } from "./lib/host.mjs";
import { until } from "./lib/program.mjs";
import { alice, bob, carol, group } from "./lib/simulator.mjs";

const place = world();

const menus = (label) => `local bot = require "bot"
local menu = require "menu"
local sub = menu.new("sub", { text = "sub" })
sub:button("${label}", function() return "pressed" end):back():close()
local top = menu.new("top", { text = "top", admin = true })
top:submenu("Sub", sub)
local mine = menu.new("mine", { text = "mine", owner = true })
mine:button("Mine", function() return "yours" end)
bot.command("sub", "s", function(ctx) sub:reply(ctx) end)
bot.command("top", "t", function(ctx) top:reply(ctx) end)
bot.command("mine", "m", function(ctx) mine:reply(ctx) end)
`;
const script = `local bot = require "bot"
local i18n = require "i18n"
i18n.setup{ setting = "chat.language" }
bot.command("speak", "Speak", function(ctx) ctx.config.chat.language = ctx.args[1] ctx:reply("set") end)
bot.command("admin", "Admin", function(ctx) ctx:require_admin() ctx:reply("yes") end)
bot.command("given", "Given", function(ctx) ctx:require_admin("Given.") end)
bot.command("rights", "Rights", function(ctx) ctx:require_rights("can_restrict_members") ctx:reply("yes") end)
bot.command("mine_too", "Mine", function(ctx) ctx:require_my_rights("can_pin_messages") ctx:reply("yes") end)
bot.command("whom", "Whom", function(ctx) local who, why = ctx:target() ctx:reply(why or who.first_name) end)
bot.command("size", "Size", function(ctx)
  ctx:ask("Size?", { choices = { "S", "L" }, keep_buttons = true })
  ctx:ask("How many?", { kind = "integer", max = 9, stop = true })
  local name = ctx:ask("Name?", { min = 2, check = function(name) return name ~= "Bob" and name or nil end })
  ctx:reply("ok " .. name)
end)
bot.command("soon", "Soon", function(ctx) ctx:reply(select(2, ctx:ask("Quick?", { timeout = 0.1 }))) end)
bot.command("silent", "Silent", function(ctx) ctx:reply(select(2, ctx:ask("Quiet?", { timeout = 0.1, timed_out = false }))) end)
bot.command("retry", "Retry", function(ctx) ctx:ask("Number?", { kind = "number", retry = "Once more.", cancelled = "Given up." }) end)
bot.command("name", "Name", function(ctx) ctx:ask("Name?") end)
bot.command("text", "Text", function(ctx) ctx:reply(ctx:t("moonpost.groups_only") .. ctx:t("moonpost.menu_gone")) end)
bot.command("buttons", "Buttons", function(ctx)
  ctx:reply("Press", { reply_markup = { inline_keyboard = { { { text = "Admin", callback_data = "admin" } } } } })
end)
bot.callback("^admin$", function(ctx) ctx:require_admin() ctx:answer("yes") end)
`;
const de = `return {
  hello = "Hallo",
  moonpost = {
    admins_only = "Das dürfen nur Administratoren.",
    groups_only = "Das geht nur in Gruppen.",
    bot_needs_admin = "Ich muss hier {right} dürfen.",
    rights = { can_pin_messages = "Nachrichten anheften" },
    target_missing = "Wen?",
    no_database = "Meine Datenbank ist gerade \\"weg\\".",
    ask_choose = "Bitte einen Knopf drücken.",
    ask_max = "Höchstens {n}.",
    ask_min_length = { one = "Mindestens {n} Zeichen.", other = "Mindestens {n} Zeichen, bitte." },
    ask_invalid = "Das geht nicht.",
    ask_for = { integer = "Bitte eine ganze Zahl." },
    ask_cancelled = "Abgebrochen.",
    ask_timed_out = "Zu spät.",
    ask_restarted = "Ich wurde neu gestartet.",
    ask_over = "Diese Frage ist vorbei.",
    ask_foreign = "Das wurde jemand anders gefragt.",
    menu_foreign = "Nicht dein Menü.",
    menu_outdated = "Das Menü ist jetzt anders.",
    menu_gone = "Dieses Menü gibt es nicht mehr.",
    menu_back = "‹ Zurück",
  },
}`;
const files = {
  "scripts/a.lua": script,
  "scripts/menus.lua": menus("One"),
  "defaults/chat.lua": `return { language = option.string{ default = "en" } }`,
  "locales/en.lua": `return { hello = "Hello" }`,
  "locales/de.lua": de,
};

// Send, and give the next n texts that the bot says there.
async function ask(host, as, text, { chat = as, n = 1 } = {}) {
  const before = (await host.sim.said(chat)).length;
  await host.sim.send(as, text, chat === as ? {} : { chat });
  const said = (await host.sim.texts(chat, before + n)).slice(before);
  return n === 1 ? said[0] : said;
}

const german = (host, as, chat = as) => ask(host, as, "/speak de", { chat });
const labels = (message) => message.reply_markup.inline_keyboard.flat().map((b) => b.text);
async function last(host, chat, text) {
  return host.sim.message(chat, (m) => m.from?.is_bot && m.text === text);
}
async function press(host, as, message, label) {
  const button = message.reply_markup.inline_keyboard.flat().find((b) => b.text === label);
  return (await host.sim.press(as, message, button.callback_data)).answer.text;
}

test("says: refusals, in the language of the chat", async (t) => {
  const host = await startBot(t, place, files);
  assert.equal(await ask(host, alice, "/admin", { chat: group }), "Only administrators can do this.");
  await german(host, carol, group);
  assert.equal(await ask(host, alice, "/admin", { chat: group }), "Das dürfen nur Administratoren.");
  assert.equal(await ask(host, carol, "/admin", { chat: group }), "yes");
  assert.equal(await ask(host, alice, "/given", { chat: group }), "Given.");
  assert.equal(await ask(host, alice, "/rights", { chat: group }), "Das dürfen nur Administratoren.");
  assert.equal(await ask(host, carol, "/mine_too", { chat: group }), "Ich muss hier Nachrichten anheften dürfen.");
  assert.equal(await ask(host, alice, "/whom", { chat: group }), "Wen?");
  await ask(host, alice, "/buttons", { chat: group });
  assert.equal(await press(host, alice, await last(host, group, "Press"), "Admin"), "Das dürfen nur Administratoren.");
  assert.equal(await ask(host, alice, "/rights"), "This works in groups only.");
  await german(host, alice);
  assert.equal(await ask(host, alice, "/rights"), "Das geht nur in Gruppen.");
  assert.equal(await ask(host, alice, "/text"), "Das geht nur in Gruppen.Dieses Menü gibt es nicht mehr.");
  assert.equal(await ask(host, carol, "/text"), "This works in groups only.This menu does not exist any more.");
});

test("says: questions", async (t) => {
  const host = await startBot(t, place, files);
  await german(host, alice);
  await ask(host, alice, "/size");
  const question = await last(host, alice, "Size?");
  assert.equal(await ask(host, alice, "XL"), "Bitte einen Knopf drücken.");
  assert.equal(await ask(host, alice, "S"), "How many?");
  assert.equal(await press(host, alice, question, "L"), "Diese Frage ist vorbei.");
  assert.equal(await ask(host, alice, "many"), "Bitte eine ganze Zahl.");
  assert.equal(await ask(host, alice, "10"), "Höchstens 9.");
  assert.equal(await ask(host, alice, "3"), "Name?");
  assert.equal(await ask(host, alice, "B"), "Mindestens 2 Zeichen, bitte.");
  assert.equal(await ask(host, alice, "Bob"), "Das geht nicht.");
  assert.equal(await ask(host, alice, "Ann"), "ok Ann");
  assert.deepEqual(await ask(host, alice, "/soon", { n: 3 }), ["Quick?", "Zu spät.", "timeout"]);
  assert.deepEqual(await ask(host, alice, "/silent", { n: 2 }), ["Quiet?", "timeout"]);
  await ask(host, alice, "/name");
  assert.equal(await ask(host, alice, "/cancel"), "Abgebrochen.");
  await ask(host, alice, "/retry");
  assert.equal(await ask(host, alice, "x"), "Once more.");
  assert.equal(await ask(host, alice, "/cancel"), "Given up.");
  // in English nothing is said of time
  assert.deepEqual(await ask(host, carol, "/soon", { n: 2 }), ["Quick?", "timeout"]);
  await german(host, carol, group);
  await ask(host, alice, "/size", { chat: group });
  const theirs = await last(host, group, "Size?");
  assert.equal(await press(host, bob, theirs, "S"), "Das wurde jemand anders gefragt.");
  assert.doesNotMatch(host.said, /handler failed/);
});

test("says: menus", async (t) => {
  const host = await startBot(t, place, files);
  await german(host, carol, group);
  for (const name of ["sub", "top", "mine"]) await ask(host, alice, `/${name}`, { chat: group });
  const [sub, top, mine] = await Promise.all(["sub", "top", "mine"].map((name) => last(host, group, name)));
  assert.deepEqual(labels(sub), ["One", "‹ Zurück", "✕ Close"]);
  assert.equal(await press(host, alice, top, "Sub"), "Das dürfen nur Administratoren.");
  assert.equal(await press(host, bob, mine, "Mine"), "Nicht dein Menü.");
  assert.equal(await press(host, alice, mine, "Mine"), "yours");
  host.folder.write("scripts/menus.lua", menus("Two").replace(/"top"/g, '"tip"'));
  await until("it is loaded", async () => await press(host, alice, top, "Sub") === "Dieses Menü gibt es nicht mehr.");
  assert.equal(await press(host, alice, sub, "One"), "Das Menü ist jetzt anders.");
});

test("says: a conversation that ends with the process, also one that was noted without a text", async (t) => {
  const host = await startBot(t, place, files);
  await german(host, alice);
  await ask(host, alice, "/name");
  await ask(host, carol, "/name");
  const rows = () => place.database.query("SELECT ended FROM asks WHERE bot_id = $1 ORDER BY chat_id", [host.bot]);
  await until("both are noted", async () => (await rows()).length === 2);
  assert.deepEqual((await rows()).map((r) => r.ended).sort(), ["I was restarted in the middle of this. Please start again.", "Ich wurde neu gestartet."]);
  await place.database.query("UPDATE asks SET ended = NULL WHERE bot_id = $1 AND chat_id = $2", [host.bot, carol]);
  host.kill("SIGKILL");
  await host.ended;
  host.awaited = true;
  // now German is the only language there is
  host.folder.remove("locales/en.lua");
  host.folder.write("defaults/chat.lua", `return { language = option.string{ default = "de" } }`);
  const next = new Host(["run", host.folder.dir], { env: environment({ url: place.database.url, base: host.sim.base, bot: host.bot }) });
  await next.line(/is running: .*\n/);
  await last(host, alice, "Ich wurde neu gestartet.");
  await last(host, carol, "Ich wurde neu gestartet.");
  // and at SIGTERM
  assert.equal(await ask(host, alice, "/name"), "Name?");
  await next.stop();
  assert.deepEqual((await host.sim.said(alice)).slice(-2), ["Name?", "Ich wurde neu gestartet."]);
});

test("says: that the database is away, by what is known of the person", async (t) => {
  const server = new Server();
  t.after(() => server.remove());
  server.start();
  const host = await startBot(t, place, { ...files, "locales/en.lua": `return { hello = "Hello", moonpost = { no_database = "Away." } }` }, { url: server.url });
  await ask(host, alice, "/text");
  await german(host, carol); // bob's Telegram is German
  server.do("stop");
  assert.equal(await ask(host, alice, "/speak en"), "Away.");
  assert.equal(await ask(host, bob, "/speak en"), `Meine Datenbank ist gerade "weg".`);
  assert.equal(await ask(host, carol, "/speak en"), `Meine Datenbank ist gerade "weg".`);
});

test("says: check knows the keys: none is missing or too much, but values that are not given are told", async (t) => {
  const { dir } = folder(t, {
    "scripts/a.lua": `local bot = require "bot"\nbot.command("x", function(ctx) ctx:reply(ctx:t("moonpost.admins_only") .. ctx:t("moonpost.admin")) end)`,
    "locales/en.lua": `return {\n  moonpost = { menu_gone = "Gone." },\n}`,
    "locales/de.lua": `return {\n  moonpost = {\n    need_right = "Du darfst nicht.",\n    ask_min = "Ab {min}.",\n  },\n}`,
  });
  const { code, said } = await command(["check", dir]);
  assert.equal(code, 0, said);
  assert.deepEqual(said.trim().split("\n").slice(0, -1), [
    `scripts/a.lua:2: no file in locales/ has "moonpost.admin"`,
    "locales/de.lua:4: moonpost.ask_min: has {min}, which the host does not give",
  ]);
});

const mistakes = {
  "an unknown key": [`return {\n  moonpost = {\n    admin_only = "x",\n  },\n}`, /locales\/en\.lua:3: moonpost\.admin_only: the host says nothing by this name; did you mean "moonpost\.admins_only"\?/],
  "an unknown right": [`return { moonpost = { rights = { can_pin_message = "x" } } }`, /did you mean "moonpost\.rights\.can_pin_messages"\?/],
  "a text that is too long": [`return { moonpost = { menu_gone = ("ä"):rep(201) } }`, /moonpost\.menu_gone: must be text of at most 200 characters/],
};
for (const [name, [text, pattern]] of Object.entries(mistakes)) {
  test(`says: a locale with ${name} does not load`, async (t) => {
    const { code, said } = await command(["check", folder(t, { "scripts/a.lua": "", "locales/en.lua": text }).dir]);
    assert.equal(code, 1, said);
    assert.match(said, pattern);
  });
}
