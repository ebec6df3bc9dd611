// Telegram's lists of commands: kept in step with the scripts by scope and language.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { startBot, world } from "./lib/host.mjs";
import { until } from "./lib/program.mjs";
import { supergroup } from "./lib/simulator.mjs";

const place = world();

const script = (commands) => `local bot = require "bot"
local function f(ctx) ctx:reply("here") end
${commands}`;

const parsed = (list) => (typeof list === "string" ? JSON.parse(list) : list);

const lists = async (host) => (await host.sim.calls("setMyCommands")).map(({ params: p }) =>
  `${p.scope?.type ?? "default"}${p.scope?.chat_id ?? ""}/${p.language_code ?? ""}: ${
    parsed(p.commands).map((c) => `${c.command} ${c.description}`).join(", ")}`).sort();

const deleted = async (host) => (await host.sim.calls("deleteMyCommands")).map(({ params: p }) =>
  `${p.scope?.type ?? "default"}${p.scope?.chat_id ?? ""}/${p.language_code ?? ""}`).sort();

const stays = async (what, expected) => {
  await until(`${JSON.stringify(expected)}`, async () => {
    const now = await what();
    return now.length >= expected.length && now;
  });
  assert.deepEqual(await what(), expected);
};

describe("lists of commands", () => {
  test("by scope and language: each has what the wider ones have", async (t) => {
    const db = await place.newDatabase(t);
    const host = await startBot(t, place, { "scripts/a.lua": script(`
bot.command("start", { description = "Begin", languages = { de = "Los" } }, f)
bot.command("ban", { description = "Ban", scope = "admins" }, f)
bot.command("rules", { description = "Rules", scope = "groups", aliases = { "regeln" } }, f)
bot.command("me", { description = "About you", scope = "private" }, f)
bot.command("here", { description = "Here", scope = ${supergroup} }, f)
bot.command("secret", { description = "Secret", hidden = true }, f)
bot.command("bare", f)
bot.group{ chat_type = "private" }.command("mine", "Mine", f)
`) }, { url: db.url });
    await stays(() => lists(host), [
      "all_chat_administrators/: start Begin, ban Ban, rules Rules",
      "all_chat_administrators/de: start Los, ban Ban, rules Rules",
      "all_group_chats/: start Begin, rules Rules",
      "all_group_chats/de: start Los, rules Rules",
      "all_private_chats/: start Begin, me About you, mine Mine",
      "all_private_chats/de: start Los, me About you, mine Mine",
      `chat${supergroup}/: start Begin, rules Rules, here Here`,
      `chat${supergroup}/de: start Los, rules Rules, here Here`,
      "default/: start Begin",
      "default/de: start Los",
    ].sort());
    assert.deepEqual(await deleted(host), []);
    await host.stop();
  });

  test("only what changes is sent, what is not wanted any more is deleted", async (t) => {
    const db = await place.newDatabase(t);
    const before = script(`
bot.command("start", "Begin", f)
bot.command("me", { description = "About you", scope = "private", languages = { de = "Du" } }, f)`);
    const host = await startBot(t, place, { "scripts/a.lua": before }, { url: db.url });
    const first = ["all_private_chats/: start Begin, me About you", "all_private_chats/de: start Begin, me Du",
      "default/: start Begin"];
    await stays(() => lists(host), first);

    host.folder.write("scripts/a.lua", script(`
bot.command("start", "Begin", f)
bot.command("me", { description = "You", scope = "private" }, f)`));
    await host.line(/reloaded in .*\n/);
    const second = [...first, "all_private_chats/: start Begin, me You"].sort();
    await stays(() => lists(host), second);
    await stays(() => deleted(host), ["all_private_chats/de"]);
    await until("it is noted", async () => (await db.query("SELECT FROM bot_commands")).length === 2);
    await host.stop();

    // a restart says nothing twice
    const again = await startBot(t, place, {}, { url: db.url, folder: host.folder, bot: host.bot });
    again.folder.write("scripts/b.lua", script(`bot.command("last", { description = "Last", scope = "groups" }, f)`));
    await again.line(/reloaded in .*\n/);
    await stays(() => lists(again), [...second, "all_group_chats/: start Begin, last Last"].sort());
    assert.deepEqual(await deleted(again), ["all_private_chats/de"]);

    // without any, all that were sent go
    again.folder.write("scripts/a.lua", script(`bot.command("start", f)`));
    again.folder.remove("scripts/b.lua");
    await stays(() => deleted(again), ["all_group_chats/", "all_private_chats/", "all_private_chats/de", "default/"]);
    await until("none is noted", async () => (await db.query("SELECT FROM bot_commands")).length === 0);
    await again.stop();
  });

  test("a bot that describes none leaves the author's own list alone", async (t) => {
    const db = await place.newDatabase(t);
    const host = await startBot(t, place, { "scripts/a.lua": script(`bot.command("start", f)`) }, { url: db.url });
    host.folder.write("scripts/a.lua", script(`bot.command("begin", f)`));
    await host.line(/reloaded in .*\n/);
    assert.deepEqual(await lists(host), []);
    assert.deepEqual(await deleted(host), []);
    await host.stop();
  });

  test("one that fails does not hold up the others, and is said", async (t) => {
    const db = await place.newDatabase(t);
    const bot = ++place.bots;
    await place.sim.fault({ bot, method: "setMyCommands", kind: "error", status: 400, description: "Bad Request: no" });
    const host = await startBot(t, place, { "scripts/a.lua": script(`
bot.command("start", "Begin", f)
bot.command("me", { description = "You", scope = "private" }, f)`) }, { url: db.url, bot });
    await until("both were tried", async () => (await lists(host)).length === 2);
    await host.line(/setMyCommands for \{"type":"default"\}: .*tried again later/);
    await until("the other is noted", async () => (await db.query("SELECT scope FROM bot_commands")).length === 1);
    // and a reload tries it again
    host.folder.write("scripts/b.lua", `local x = 1`);
    await until("it went well", async () => (await db.query("SELECT FROM bot_commands")).length === 2);
    await host.stop();
  });
});
