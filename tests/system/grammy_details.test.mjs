// The finer points of the Bot API that bots stumble over, seen through grammY.
import assert from "node:assert/strict";
import { test } from "node:test";
import { GrammyError, HttpError, InputFile, InputMediaBuilder, Keyboard } from "grammy";
import { botFor, poll, token, world } from "./lib/grammy.mjs";
import { sleep, until } from "./lib/program.mjs";
import { assertResult, assertShape } from "./lib/shape.mjs";
import { alice, bob, carol, group, supergroup } from "./lib/simulator.mjs";

const idle = (t, options) => world(t, undefined, { poll: false, ...options });

async function code(call) {
  const e = await call.then(() => null, (error) => error);
  assert.ok(e instanceof GrammyError, `${e}`);
  return [e.error_code, e.description];
}

test("shape: the check sees what is wrong", () => {
  const user = { id: 1, is_bot: false, first_name: "A" };
  assertShape("User", user);
  assert.throws(() => assertShape("User", { id: 1, is_bot: false }), /first_name is missing/);
  assert.throws(() => assertShape("User", { ...user, id: "1" }), /is no Integer/);
  assert.throws(() => assertShape("User", { ...user, age: 1 }), /no such field/);
  assert.throws(() => assertShape("ChatMember", { status: "boss", user }));
  assert.throws(() => assertResult("getMe", [user]), /is no User/);
  assertResult("editMessageText", true);
});

test("details: offset, limit and timeout of getUpdates", async (t) => {
  const { sim, bot } = await idle(t);
  const ids = [];
  for (const text of ["a", "b", "c", "d"]) ids.push((await sim.send(alice, text)).update_id);
  const texts = async (params) => (await bot.api.getUpdates(params)).map((u) => u.message.text).join("");
  assert.deepEqual(ids, [ids[0], ids[0] + 1, ids[0] + 2, ids[0] + 3]);
  assert.equal(await texts({}), "abcd");
  assert.equal(await texts({ limit: 2 }), "ab");
  assert.equal(await texts({ offset: ids[1] }), "bcd");
  assert.equal(await texts({}), "bcd", "what is below an offset is gone");
  assert.equal(await texts({ offset: -1 }), "d");
  assert.equal(await texts({}), "d");
  assert.equal(await texts({ offset: ids[3] + 1 }), "");
  let began = Date.now();
  assert.equal(await texts({ timeout: 1 }), "");
  assert.ok(Date.now() - began >= 950);
  began = Date.now();
  const waiting = texts({ timeout: 30 });
  await sleep(100);
  await sim.send(alice, "e");
  assert.equal(await waiting, "e");
  assert.ok(Date.now() - began < 25000);
});

test("details: allowed_updates stay until they are given again", async (t) => {
  const { sim, bot } = await idle(t);
  await bot.api.getUpdates({ allowed_updates: ["callback_query"] });
  await sim.send(alice, "unseen");
  assert.deepEqual(await bot.api.getUpdates(), []);
  await sim.send(alice, "unseen too");
  await bot.api.getUpdates({ allowed_updates: [] });
  await sim.send(alice, "seen");
  assert.deepEqual((await bot.api.getUpdates()).map((u) => u.message.text), ["seen"]);
});

test("details: parameters as query, form, JSON strings in a form", async (t) => {
  const { sim } = await idle(t);
  const url = `${sim.base}/bot${token}/SENDMESSAGE`;
  const ask = async (...args) => {
    const answer = await (await fetch(...args)).json();
    assert.ok(answer.ok, JSON.stringify(answer));
    assertResult("sendMessage", answer.result);
    return answer.result;
  };
  assert.equal((await ask(`${url}?chat_id=${alice}&text=a%20b%2B`)).text, "a b+");
  assert.equal((await ask(url, { method: "POST", body: new URLSearchParams({ chat_id: alice, text: "ä & ö" }) })).text, "ä & ö");
  const form = new FormData();
  form.set("chat_id", "@alice");
  form.set("text", "x");
  const byName = await (await fetch(url, { method: "POST", body: form })).json();
  assert.equal(byName.ok, false, "people have no address like channels");
  form.set("chat_id", String(alice));
  form.set("reply_markup", JSON.stringify({ inline_keyboard: [[{ text: "A", callback_data: "a" }]] }));
  assert.equal((await ask(url, { method: "POST", body: form })).reply_markup.inline_keyboard[0][0].text, "A");
  const bad = await fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body: "{" });
  assert.equal(bad.status, 400);
  assert.equal((await bad.json()).error_code, 400);
});

test("details: reply keyboards reach the person, not the message", async (t) => {
  const { sim, bot } = await idle(t);
  const sent = await bot.api.sendMessage(alice, "pick", { reply_markup: new Keyboard().text("Red").text("Green").resized() });
  assert.equal(sent.reply_markup, undefined);
  const seen = await sim.text(alice, "pick");
  assert.deepEqual(seen.reply_markup.keyboard.flat().map((k) => k.text ?? k), ["Red", "Green"]);
});

test("details: a bot hears people and not bots", async (t) => {
  const seen = [];
  const { sim, bot } = await world(t, (b) => { b.on("message:text", (ctx) => { seen.push(ctx.msg.text); }); });
  const other = await botFor(t, sim, { token: "2:x" });
  await other.api.sendMessage(group, "by the other bot");
  await sim.send(alice, "by alice", { chat: group });
  await until("alice", () => seen.length);
  await bot.api.sendMessage(group, "by the bot");
  await sim.send(alice, "last", { chat: group });
  await until("the last", () => seen.includes("last"));
  assert.deepEqual(seen, ["by alice", "last"]);
  const mine = (await other.api.getUpdates()).map((u) => u.message?.text);
  assert.deepEqual(mine, ["by alice", "last"]);
});

test("details: a private chat is with one bot only", async (t) => {
  const { sim, bot } = await idle(t);
  const other = await botFor(t, sim, { token: "2:x" });
  await sim.send(alice, "to one", { bot: 1 });
  await sim.send(alice, "to two", { bot: 2 });
  assert.deepEqual((await bot.api.getUpdates()).map((u) => u.message.text), ["to one"]);
  assert.deepEqual((await other.api.getUpdates()).map((u) => u.message.text), ["to two"]);
  await other.api.sendMessage(alice, "from two");
  assert.deepEqual((await sim.messages(alice, { bot: 1 })).map((m) => m.text), ["to one"]);
  assert.deepEqual((await sim.messages(alice, { bot: 2 })).map((m) => m.text), ["to two", "from two"]);
});

test("details: what may be edited and deleted by whom", async (t) => {
  const { sim, bot } = await idle(t);
  const { message } = await sim.send(alice, "hers", { chat: supergroup });
  assert.deepEqual(await code(bot.api.editMessageText(supergroup, message.message_id, "x")), [400, "Bad Request: message can't be edited"]);
  assert.equal((await code(bot.api.deleteMessage(supergroup, message.message_id)))[0], 400);
  await sim.post("member", { chat: supergroup, user: 1, status: "administrator" });
  assert.equal(await bot.api.deleteMessage(supergroup, message.message_id), true);
  const ids = [];
  for (const text of ["a", "b", "c"]) ids.push((await bot.api.sendMessage(alice, text)).message_id);
  assert.equal(await bot.api.deleteMessages(alice, ids.slice(0, 2)), true);
  assert.deepEqual((await sim.messages(alice)).filter((m) => !m.deleted).map((m) => m.text), ["c"]);
});

test("details: media can be replaced, and come from an address", async (t) => {
  const { bot } = await idle(t);
  const sent = await bot.api.sendDocument(alice, new InputFile(Buffer.from("one"), "one.txt"), { caption: "first" });
  const edited = await bot.api.editMessageMedia(alice, sent.message_id,
    InputMediaBuilder.document(new InputFile(Buffer.from("two!"), "two.txt"), { caption: "second" }));
  assert.deepEqual([edited.document.file_name, edited.document.file_size, edited.caption], ["two.txt", 4, "second"]);
  for (const kind of ["Animation", "Video", "Audio", "Voice", "VideoNote", "Sticker"]) {
    const message = await bot.api[`send${kind}`](alice, new InputFile(Buffer.from(kind), `a.${kind}`));
    assert.ok(message[kind.replace(/(?!^)[A-Z]/g, "_$&").toLowerCase()].file_id, kind);
  }
  const byUrl = await bot.api.sendPhoto(alice, "https://example.com/a.png");
  assert.ok(byUrl.photo.length > 0);
  assert.equal((await code(bot.api.sendDocument(alice, new InputFile(Buffer.alloc(0), "empty"))))[1], "Bad Request: file must be non-empty");
});

test("details: replies, quotes and what a person replies to", async (t) => {
  const { sim, bot } = await idle(t);
  const mine = await bot.api.sendMessage(group, "question");
  await sim.send(bob, "answer", { chat: group, reply_to: mine.message_id });
  const [update] = await bot.api.getUpdates();
  assert.equal(update.message.reply_to_message.text, "question");
  assert.equal(update.message.reply_to_message.from.id, 1);
  const reply = await bot.api.sendMessage(group, "x", { reply_parameters: { message_id: update.message.message_id } });
  assert.equal(reply.reply_to_message.message_id, update.message.message_id);
  assert.equal(reply.reply_to_message.reply_to_message, undefined, "replies are shown one deep");
  const kept = await bot.api.sendMessage(group, "y", { reply_parameters: { message_id: 4711, allow_sending_without_reply: true } });
  assert.equal(kept.reply_to_message, undefined);
});

test("details: a person's text has entities", async (t) => {
  const { sim, bot } = await idle(t);
  await sim.send(alice, "/ban@moonpost_bot @bob 👍 #spam see https://example.com", { chat: group });
  const [{ message }] = await bot.api.getUpdates();
  assert.deepEqual(message.entities.map((e) => [e.type, message.text.substr(e.offset, e.length)]), [
    ["bot_command", "/ban@moonpost_bot"], ["mention", "@bob"], ["hashtag", "#spam"], ["url", "https://example.com"]]);
});

test("details: buttons that Telegram refuses", async (t) => {
  const { bot } = await idle(t);
  const keys = (button) => ({ reply_markup: { inline_keyboard: [[button]] } });
  assert.deepEqual(await code(bot.api.sendMessage(alice, "x", keys({ text: "A", callback_data: "x".repeat(65) }))),
    [400, "Bad Request: BUTTON_DATA_INVALID"]);
  assert.match((await code(bot.api.sendMessage(alice, "x", keys({ text: "A" }))))[1], /Text buttons are unallowed in the inline keyboard/);
  assert.match((await code(bot.api.sendMessage(alice, "x", keys({ text: "A", url: "no link" }))))[1], /URL .*invalid/);
  assert.match((await code(bot.api.sendMessage(alice, "x", keys({ callback_data: "a" }))))[1], /Can't find field "text"/);
});

test("details: promoting needs the right; the owner is safe; a restricted person is quiet", async (t) => {
  const { sim, bot } = await idle(t);
  await sim.post("member", { chat: supergroup, user: 1, status: "administrator" });
  assert.deepEqual(await code(bot.api.promoteChatMember(supergroup, alice, {})),
    [400, "Bad Request: not enough rights to promote a chat member"]);
  assert.equal((await code(bot.api.banChatMember(supergroup, carol)))[0], 400);
  await sim.post("member", { chat: supergroup, user: 1, status: "administrator", can_promote_members: true });
  await bot.api.promoteChatMember(supergroup, alice, { can_delete_messages: true, can_invite_users: true });
  const member = await bot.api.getChatMember(supergroup, alice);
  assert.deepEqual([member.status, member.can_delete_messages, member.can_promote_members], ["administrator", true, false]);
  assert.equal((await code(bot.api.banChatMember(supergroup, alice)))[0], 400);
  await bot.api.promoteChatMember(supergroup, alice, {});
  assert.equal((await bot.api.getChatMember(supergroup, alice)).status, "member");
  assert.deepEqual(await code(bot.api.getChatMember(supergroup, 987654)), [400, "Bad Request: user not found"]);
  await bot.api.restrictChatMember(supergroup, bob, { can_send_messages: false });
  await assert.rejects(sim.send(bob, "hm", { chat: supergroup }));
});

test("details: a person who blocks the bot, and comes back", async (t) => {
  const seen = [];
  const { sim, bot } = await world(t, (b) => {
    b.on("my_chat_member", (ctx) => { seen.push(ctx.myChatMember.new_chat_member.status); });
  });
  await sim.send(alice, "hello");
  await sim.post("member", { chat: alice, user: 1, status: "kicked" });
  assert.deepEqual(await code(bot.api.sendMessage(alice, "x")), [403, "Forbidden: bot was blocked by the user"]);
  await sim.post("member", { chat: alice, user: 1, status: "member" });
  await bot.api.sendMessage(alice, "again");
  await until("both changes", () => seen.length === 2);
  assert.deepEqual(seen, ["kicked", "member"]);
});

test("details: an update that is no JSON breaks the answer, not the simulator", async (t) => {
  const { sim, bot } = await idle(t);
  const { update_id } = await sim.post("raw", { text: "{\"update_id\":@,\"message\":" });
  await assert.rejects(bot.api.getUpdates(), HttpError);
  const [call] = await sim.calls("getUpdates");
  assert.equal(call.response, `{"ok":true,"result":[{"update_id":${update_id},"message":]}`);
  assert.equal((await sim.get("updates")).updates.length, 1);
  assert.deepEqual(await bot.api.getUpdates({ offset: update_id + 1 }), []);
});

test("details: a broken poll is no end: grammY goes on after faults", async (t) => {
  const seen = [];
  const { sim, bot } = await idle(t);
  bot.on("message:text", (ctx) => { seen.push(ctx.msg.text); });
  await sim.fault({ method: "getUpdates", kind: "error", status: 500 });
  await sim.send(alice, "through it");
  poll(t, bot);
  await until("the message", () => seen.length);
  assert.deepEqual(seen, ["through it"]);
});
