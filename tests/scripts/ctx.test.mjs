// What scripts do with ctx, in the simulator: moderation, long texts, messages for
// one person, markup.
import assert from "node:assert/strict";
import { test } from "node:test";
import { until } from "../system/lib/program.mjs";
import { alice, bob, carol, group, supergroup } from "../system/lib/simulator.mjs";
import { entities, startBot } from "./lib/bot.mjs";

const script = `
local bot = require "bot"
local fmt = require "fmt"

bot.command("ban", function(ctx)
  ctx:require_rights("can_restrict_members", "can_delete_messages")
  local who, rest = ctx:target()
  if not who then return ctx:reply(rest) end
  ctx:ban(who, rest ~= "" and rest or nil, { delete = true })
  ctx:reply(fmt.html("{} is banned.", fmt.mention(who)))
end)
bot.command("unban", function(ctx) ctx:unban((ctx:target())) ctx:reply("Unbanned.") end)
bot.command("kick", function(ctx) ctx:kick((ctx:target())) ctx:reply("Out.") end)
bot.command("mute", function(ctx) ctx:mute(ctx:target()) ctx:reply("Muted.") end)
bot.command("unmute", function(ctx) ctx:unmute((ctx:target())) ctx:reply("Unmuted.") end)
bot.command("mod", function(ctx)
  local who = ctx:target()
  ctx:promote(who)
  ctx:title(who, "Helper")
  ctx:reply(ctx:is_admin(who) and "Promoted." or "Not promoted.")
end)
bot.command("whisper", function(ctx) ctx:whisper("psst") end)
bot.command("long", function(ctx)
  local words = {}
  for i = 1, 1500 do words[i] = "word" .. i end
  local last, all = ctx:reply(fmt.bold(table.concat(words, " ")))
  ctx:reply(("%d %d"):format(#all, last.message_id - all[1].message_id))
end)
bot.command("edit", function(ctx)
  local sent = ctx:reply("0 %")
  ctx:edit("50 %", { message = sent })
  ctx:reply(tostring(ctx:edit("50 %", { message = sent })))
  ctx:delete{ sent, ctx.message }
end)
bot.command("react", function(ctx) ctx:react("👍") ctx:pin() end)
bot.command("slow", function(ctx)
  ctx:typing(function() require("time").sleep(0.05) ctx:reply("done") end)
end)
bot.on("chat_member", function() end)
bot.on("message:text", function(ctx)
  if ctx.chat.type ~= "private" then return end
  local links = ctx:entities("url")
  if links[1] then ctx:reply("link: " .. links[1].text) else ctx:reply(fmt.message(ctx.message)) end
end)
`;

const bot = startBot({ "scripts/a_ctx.lua": script });

const rights = (chat, status = "administrator") =>
  bot.sim.post("member", { chat, user: 1, status, quiet: true });

// The bot's next text, but for what it says of members who come and go.
async function says(as, text, more) {
  const { message } = await bot.sim.send(as, text, more);
  return until(`an answer to ${text}`, async () => (await bot.sim.messages(message.chat.id))
    .find((m) => m.from?.is_bot && m.text && !/^Welcome/.test(m.text) && m.message_id > message.message_id));
}
const say = async (...all) => (await says(...all)).text;

test("a moderation command: who may, whom it is about, for how long", async () => {
  await rights(supergroup);
  const { message } = await bot.sim.send(bob, "spam", { chat: supergroup });
  const about = { chat: supergroup, reply_to: message.message_id };
  assert.equal(await say(alice, "/ban", about), "Only administrators can do this.");
  assert.equal(await say(carol, "/ban", { chat: supergroup }), "Reply to a message of theirs, or mention them, or give their id.");
  const said = await says(carol, "/ban 1h", about);
  assert.equal(said.text, "Bob is banned.");
  assert.equal(said.entities[0].user.id, bob);
  const [{ params }] = (await bot.sim.calls("banChatMember")).slice(-1);
  assert.equal(params.revoke_messages, true);
  assert.ok(Math.abs(params.until_date - Date.now() / 1000 - 3600) < 60, params.until_date);
  assert.equal(await say(carol, `/unban ${bob}`, { chat: supergroup }), "Unbanned.");
  await bot.sim.post("join", { as: bob, chat: supergroup });
});

test("who becomes an administrator is one at once", async () => {
  await rights(supergroup);
  assert.equal(await say(alice, "/ban", { chat: supergroup }), "Only administrators can do this.");
  await bot.sim.post("member", { chat: supergroup, user: alice, status: "administrator" });
  assert.equal(await say(alice, "/ban", { chat: supergroup }), "Reply to a message of theirs, or mention them, or give their id.");
  await bot.sim.post("member", { chat: supergroup, user: alice, status: "administrator", can_restrict_members: false });
  assert.equal(await say(alice, "/ban", { chat: supergroup }), "You need the right to ban users for this.");
  await bot.sim.post("member", { chat: supergroup, user: alice, status: "member" });
  await rights(supergroup, "member");
  assert.equal(await say(carol, "/ban", { chat: supergroup }), "Reply to a message of theirs, or mention them, or give their id.");
  await bot.sim.post("member", { chat: supergroup, user: 1, status: "administrator", can_restrict_members: false });
  assert.equal(await say(carol, "/ban", { chat: supergroup }), "I need the right to ban users here.");
});

test("kick, mute, promote", async () => {
  await rights(supergroup);
  const status = async (user) => (await bot.sim.get("state")).chats.find((c) => c.id === supergroup)
    .members.find((m) => m.user.id === user);
  const at = { chat: supergroup };
  assert.equal(await say(carol, `/mute ${bob} 10m`, at), "Muted.");
  assert.equal((await status(bob)).can_send_messages, false);
  assert.equal(await say(carol, `/unmute ${bob}`, at), "Unmuted.");
  assert.notEqual((await status(bob)).can_send_messages, false);
  assert.equal(await say(carol, `/kick ${bob}`, at), "Out.");
  assert.ok(!["member", "kicked"].includes((await status(bob))?.status ?? "left"));
  await bot.sim.post("join", { as: bob, chat: supergroup });
  await bot.sim.post("member", { chat: supergroup, user: 1, status: "administrator", can_promote_members: true, quiet: true });
  assert.equal(await say(carol, `/mod ${bob}`, at), "Promoted.");
  assert.equal((await status(bob)).custom_title, "Helper");
  await bot.sim.post("member", { chat: supergroup, user: bob, status: "member", quiet: true });
});

test("a message for one person: theirs alone where that can be", async () => {
  await rights(group, "member");
  assert.equal((await bot.ask(alice, "/whisper", { chat: group })).receiver_user, undefined);
  await rights(group);
  assert.equal((await bot.ask(alice, "/whisper", { chat: group })).receiver_user.id, alice);
  assert.equal((await bot.ask(alice, "/whisper")).receiver_user, undefined);
});

test("a long text comes in parts, and stays bold", async () => {
  const { message } = await bot.sim.send(alice, "/long");
  const parts = await bot.replies(message, 5);
  assert.equal(parts[4].text, "4 3");
  const texts = parts.slice(0, 4);
  assert.equal(texts.map((m) => m.text).join(" "), Array.from({ length: 1500 }, (_, i) => `word${i + 1}`).join(" "));
  for (const m of texts) {
    assert.ok(m.text.length <= 4096, m.text.length);
    assert.deepEqual(entities(m, "bold"), [m.text]);
  }
});

test("what was sent is edited and deleted, a message reacted to and pinned", async () => {
  const { message } = await bot.sim.send(alice, "/edit");
  await bot.sim.text(alice, "false");
  await until("both are gone", async () => (await bot.sim.messages(alice))
    .filter((m) => m.deleted && m.message_id >= message.message_id).length === 2);
  const { message: other } = await bot.sim.send(alice, "/react");
  await bot.sim.message(alice, (m) => m.message_id === other.message_id && m.reactions?.[0].emoji === "👍");
  await bot.sim.message(alice, (m) => m.pinned_message?.message_id === other.message_id);
  assert.equal(await bot.say(alice, "/slow"), "done");
  assert.ok((await bot.sim.calls("sendChatAction")).length >= 1);
});

test("entities, and what somebody wrote with its formatting", async () => {
  assert.equal(await bot.say(alice, "😀 see example.com now"), "link: example.com");
  const { message } = await bot.sim.post("send", { as: alice, chat: alice,
    message: { text: "a <b> & c", entities: [{ type: "bold", offset: 2, length: 3 }] } });
  const [bold] = await bot.replies(message);
  assert.equal(bold.text, "a <b> & c");
  assert.deepEqual(entities(bold, "bold"), ["<b>"]);
  assert.deepEqual(bot.failures, []);
});
