// docs/scripting.md and README.md: their examples work, and the reference names
// everything that scripts are given.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { root, until } from "../system/lib/program.mjs";
import { alice, bob, carol, group } from "../system/lib/simulator.mjs";
import { buttons, startBot } from "./lib/bot.mjs";

const read = (file) => readFileSync(path.join(root, file), "utf8");
const guide = read("docs/scripting.md");

// The code blocks that are whole files: their first line says which.
const files = {};
for (const [, file, text] of (guide + read("README.md")).matchAll(/^```(?:lua|sql)\n-- ((?:scripts|defaults|migrations)\/\S+)\n(.*?)^```$/gms)) {
  assert.ok(!files[file] || files[file] === text, `${file} is there twice, and differs`);
  files[file] = text;
}

const bot = startBot(files);

test("the guide's examples: /limit, a setting that is shown, set and checked", async () => {
  assert.equal(await bot.say(alice, "/limit"), "Limit: 5");
  assert.equal(await bot.say(alice, "/limit 7"), "Limit: 7");
  assert.deepEqual(await bot.stored(alice), { antiflood: { max: 7 } });
  assert.equal(await bot.say(alice, "/limit 1000"), "antiflood.max: must be a whole number from 1 to 100, got 1000");
  assert.equal(await bot.say(alice, "/limit x"), "antiflood.max: must be a whole number from 1 to 100, got x");
  assert.equal(await bot.say(alice, "/limit"), "Limit: 7");
  assert.equal(await bot.say(alice, "/limit 7", { chat: group }), "Only administrators can do this.");
  assert.equal(await bot.say(carol, "/limit 8", { chat: group }), "Limit: 8");
  assert.match(await bot.say(alice, "/settings"), /^✎ antiflood\.max: 7 \(default: 5\)$/m);
});

test("the guide's examples: hears, a button that counts, an inline query", async () => {
  assert.equal(await bot.say(alice, "hello Eve"), "And hello to you, Eve");
  const message = await bot.ask(alice, "/count");
  await bot.sim.press(alice, message, "count:10");
  assert.equal((await bot.changed(message)).text, "10");
  const { results } = await bot.sim.post("inline", { as: alice, query: "wow" });
  assert.equal(results[0].title, "Say it loud");
  await bot.sim.sendFile(alice, "photo", Buffer.from("89504e47", "hex"), "x.png", { caption: "look" });
  await bot.program.line(/a photo of \d+ × \d+/);
});

test("the guide's examples: a command for administrators, another for everybody else", async () => {
  assert.equal(await bot.say(alice, "/clean", { chat: group }), "You may not delete messages here.");
  assert.equal(await bot.say(carol, "/clean", { chat: group }), "Answer to a message with /clean.");
});

test("the guide's examples: errors of the Bot API are caught, others are logged and said", async () => {
  assert.equal(await bot.say(alice, "/tell"), "Usage: /tell ID text");
  assert.equal(await bot.say(alice, `/tell ${bob} hi there`), "Told.");
  assert.match(await bot.say(alice, "/tell 99999 hi"), /^I can't: Bad Request: /);
  await bot.sim.fault({ method: "sendMessage", kind: "error", status: 500, description: "no" });
  assert.equal(await bot.say(alice, `/tell ${bob} x`), "That went wrong. It is in the log.");
  await bot.program.line(/handler failed: .*sendMessage: 500/);
});

test("the guide's examples: what was stored before is upgraded when it is read", async () => {
  await bot.query("INSERT INTO chat_configs (chat_id, config, version) VALUES ($1, $2, 0)", [bob, { flood_limit: 9 }]);
  assert.equal(await bot.say(bob, "/limit"), "Limit: 9");
  await until("it is written back", async () => (await bot.stored(bob)).antiflood);
  assert.deepEqual(await bot.stored(bob), { antiflood: { max: 9 } });
});

test("the guide's examples: a broadcast, by its owner only", async () => {
  await bot.sim.send(alice, "/news Nobody gets this");
  await bot.sim.send(carol, "/news Hello everybody");
  await bot.sim.message(carol, (m) => /^Broadcast 1 goes to \d+ chats\. \/stopnews 1 stops it\.$/.test(m.text));
  for (const chat of [alice, bob, carol]) await bot.sim.text(chat, "Hello everybody");
  await until("it is done", async () => (await bot.query("SELECT state FROM broadcasts"))[0].state === "done");
  await bot.sim.send(carol, "/stopnews 1");
  await bot.sim.message(carol, (m) => /^Stopped\. \d+ chats have got it\.$/.test(m.text));
  const said = await bot.sim.messages(alice);
  assert.deepEqual(said.filter((m) => /gets this/.test(m.text) && m.from.is_bot), []);
});

test("the guide's examples: a store of the chat and of the person, a table of its own", async () => {
  assert.equal(await bot.say(alice, "/remember"), "Nothing yet.");
  assert.equal(await bot.say(alice, "/remember the milk"), "I'll remember.");
  assert.equal(await bot.say(alice, "/remember"), "the milk");
  assert.equal(await bot.say(alice, "/daily", { chat: group }), "Number 1 in this chat.");
  assert.equal(await bot.say(bob, "/daily"), "Number 1 in this chat.");
  assert.equal(await bot.say(bob, "/daily"), "You had yours today.");
  assert.equal(await bot.say(alice, "/daily", { chat: group }), "You had yours today.");
  const { message } = await bot.sim.send(alice, "spam", { chat: group });
  for (const n of [1, 2]) {
    assert.equal(await bot.say(carol, "/warn", { chat: group, reply_to: message.message_id }), `Alice: warning ${n}`);
  }
  assert.equal(await bot.say(carol, "/pardon", { chat: group }), "1 forgiven.");
  assert.deepEqual(await bot.query("SELECT warnings FROM pardons"), [{ warnings: 1 }]);
});

test("the guide's examples: a reminder, and a flood that is counted", async () => {
  assert.equal(await bot.say(bob, "/remind 1s tea"), "I will.");
  await bot.sim.text(bob, "Don't forget: tea");
  for (let i = 0; i < 6; i++) await bot.sim.send(bob, `quick ${i}`, { chat: group });
  await bot.sim.text(group, "Slowly! Warning 1.");
});

test("the guide's examples: a conversation, keyboards, a menu", async () => {
  assert.equal(await bot.say(bob, "/order"), "What would you like?");
  const size = await bot.ask(bob, "tea");
  assert.deepEqual(buttons(size), ["small", "large"]);
  await bot.sim.press(bob, size, size.reply_markup.inline_keyboard[0][1].callback_data);
  await bot.sim.message(bob, (m) => m.text === "How many?");
  assert.equal(await bot.say(bob, "2"), "2 tea, large. Thank you!");
  assert.equal(await bot.say(bob, "/order"), "What would you like?");
  assert.equal(await bot.say(bob, "/cancel"), "Nothing, then.");
  assert.deepEqual(buttons(await bot.ask(bob, "/buttons")), ["Yes", "No", "Read more"]);
  assert.equal(await bot.say(bob, "/phone"), "Your number?");
  await bot.sim.send(carol, "/panel", { chat: group });
  const panel = await bot.sim.message(group, (m) => m.text === "What should I do here?");
  assert.deepEqual(buttons(panel).map((b) => b.split(":")[0]), ["✅ Greeting", "Text of the greeting", "Language", "Test", "✕ Close"]);
  const press = async (as, n) => (await bot.sim.press(as, panel, panel.reply_markup.inline_keyboard.flat()[n].callback_data)).answer.text;
  assert.equal(await press(carol, 3), "It works.");
  assert.equal(await press(alice, 0), "Only administrators can do this.");
});

test("the reference names everything there is", () => {
  const tables = {
    "core/script/mod_bot.c": [/functions\[\] = \{(.*?)\n\};/s, (name) => `bot.${name}`],
    "core/script/register.c": [/register_functions\[\] = \{(.*?)\n\};/s, (name) => `bot.${name}`],
    "core/script/ctx_methods.c": [/ctx_methods\[\] = \{(.*?)\n\};/s, (name) => `ctx:${name}(`],
    "core/script/mod_db.c": [/functions\[\] = \{(.*?)\n\};/s, (name) => `db.${name}`],
    "core/script/mod_store.c": [/store_methods\[\] = \{(.*?)\n\};/s, (name) => `store:${name}(`],
    "core/script/ctx.c": [/fields\[\] = \{(.*?)\n\};/s, (name) => `ctx.${name}\``],
    "core/script/mod_time.c": [/functions\[\] = \{(.*?)\n\};/s, (name) => `time.${name}(`],
    "core/script/option.c": [/kinds\[\] = \{(.*?)\n\};/s, (name) => `\`${name}\``],
  };
  for (const [file, [table, written]] of Object.entries(tables)) {
    const names = [...read(file).match(table)[1].matchAll(/\{ "(\w+)"/g)].map((m) => m[1]);
    assert.ok(names.length > 1, file);
    for (const name of names) {
      assert.ok(guide.includes(written(name)) || guide.includes(`option.${name}`), `docs/scripting.md has no ${written(name)}`);
    }
  }
  const vm = read("core/script/vm.c").match(/base_names\[\] = \{(.*?)\};/s)[1];
  for (const [, name] of vm.matchAll(/"(\w+)"/g)) {
    if (name !== "_VERSION") assert.match(guide, new RegExp(`\\b${name}\\b`), name);
  }
});

test("the reference has every text that the host says by itself", () => {
  const table = read("core/script/says.c").match(/texts\[\] = \{(.*?)\n\};/s)[1];
  const texts = [...table.matchAll(/\{\s*"moonpost\.([\w.]+)",\s*((?:"[^"]*"\s*)+)\}/g)].map(([, key, text]) => [key, text.replace(/"\s*"|^"|"\s*$/g, "").trim()]);
  assert.ok(texts.length > 60);
  const rows = [...guide.matchAll(/^\| `moonpost\.(\w+)` \| (.*) \|$/gm)];
  for (const [key, text] of texts) {
    const [name, part] = key.split(".");
    const row = rows.find(([, n]) => n === name)?.[2] ?? "";
    assert.ok(part ? `${row};`.includes(`\`${part}\` ${text};`) : text ? row === text : row.startsWith("(nothing)"), `docs/scripting.md, moonpost.${key}: ${text}`);
  }
  assert.deepEqual(rows.map(([, n]) => n).sort(), [...new Set(texts.map(([key]) => key.split(".")[0]))].sort());
});

test("the settings from the environment are all in docs/operating.md", () => {
  const operating = read("docs/operating.md");
  const names = [...read("core/base/settings.c").matchAll(/^ {4}\{ "([A-Z_]+)", [A-Z]+, AT\(\w+\),\s*(?:"([^"]*)"|NULL), (\d+), (\d+)/gm)];
  assert.ok(names.length > 10);
  for (const [, name, def, min, max] of names) {
    const row = operating.split("\n").find((l) => l.startsWith(`| \`${name}\``));
    assert.ok(row, `docs/operating.md has no ${name}`);
    if (def) assert.ok(row.includes(def), `${name}: the default is ${def}`);
    if (max !== "0") assert.ok(row.includes(`${min} to ${max}`), `${name}: ${min} to ${max}`);
  }
});

test("docs/ARCHITECTURE.md names files and functions that exist", () => {
  const text = read("docs/ARCHITECTURE.md");
  const sources = readdirSync(path.join(root, "core"), { recursive: true }).filter((f) => /\.([ch]|sql)$/.test(f));
  const code = sources.map((f) => read(path.join("core", f))).join("\n");
  const names = [...text.matchAll(/`(\w+)\(\)`/g)].map((m) => m[1]);
  assert.ok(names.length > 40);
  for (const name of names) assert.ok(new RegExp(`\\b${name}\\(`).test(code), `core/ has no ${name}()`);
  for (const [, file] of text.matchAll(/`([\w/]+\.[ch])`/g)) {
    assert.ok(sources.some((f) => f === file || f.endsWith(`/${file}`)), `core/ has no ${file}`);
  }
});

test("docs/examples/README.md counts the lines of its examples", () => {
  const rows = [...read("docs/examples/README.md").matchAll(/^\| \[(\w+)\]\((\S+)\) \|.*?\| (\d+) \|/gm)];
  const folders = readdirSync(path.join(root, "docs/examples"), { withFileTypes: true }).filter((f) => f.isDirectory()).map((f) => f.name);
  assert.deepEqual(rows.map((r) => r[1]).sort(), folders.sort());
  for (const [, name, , lines] of rows) {
    const files = readdirSync(path.join(root, "docs/examples", name), { recursive: true }).filter((f) => /^(scripts|defaults)\/.*\.lua$/.test(f));
    const code = files.flatMap((f) => read(path.join("docs/examples", name, f)).split("\n")).filter((l) => !/^\s*(--.*)?$/.test(l));
    assert.equal(code.length, Number(lines), name);
    assert.ok(readdirSync(path.join(root, "docs/examples", name, "spec")).length > 0, `${name} has no spec`);
  }
});
