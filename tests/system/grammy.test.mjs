// The simulator must be Telegram to clients that were not written with it:
// grammY bots, polling.
import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { test } from "node:test";
import { GrammyError, HttpError, InlineKeyboard, InputFile, InputMediaBuilder } from "grammy";
import { botFor, poll, token, world } from "./lib/grammy.mjs";
import { until } from "./lib/program.mjs";
import { assertShape } from "./lib/shape.mjs";
import { alice, bob, carol, channel, group, simulate, supergroup } from "./lib/simulator.mjs";

// The smallest PNG: one pixel.
const png = Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==", "base64");

// The error a call ends with.
async function refused(call, code, description) {
  const e = await call.then(() => assert.fail("it went well"), (error) => error);
  assert.ok(e instanceof GrammyError, `${e}`);
  assert.equal(e.error_code, code);
  assert.match(e.description, description);
  return e;
}

async function download(sim, bot, fileId) {
  const file = await bot.api.getFile(fileId);
  assert.match(file.file_path, /^[^/].*/);
  const response = await fetch(`${sim.base}/file/bot${token}/${file.file_path}`);
  assert.equal(response.status, 200);
  const bytes = Buffer.from(await response.arrayBuffer());
  assert.equal(file.file_size, bytes.length);
  return bytes;
}

test("grammy: who the bot is", async (t) => {
  const { bot } = await world(t, undefined, { poll: false });
  assert.deepEqual([bot.botInfo.id, bot.botInfo.is_bot, bot.botInfo.first_name, bot.botInfo.username],
    [1, true, "Moonpost", "moonpost_bot"]);
  const other = await botFor(t, { base: bot.api.options.apiRoot }, { token: "77:x" });
  assert.equal(other.botInfo.username, "moonpost_77_bot");
});

test("grammy: a command is answered with formatted text", async (t) => {
  const seen = [];
  const { sim } = await world(t, (bot) => {
    bot.command("start", (ctx) => {
      seen.push([ctx.match, ctx.from.username, ctx.from.language_code, ctx.chat.type]);
      return ctx.reply(`<b>Hello</b>, <a href="tg://user?id=${ctx.from.id}">${ctx.from.first_name}</a> 👍 <i>x</i>`,
        { parse_mode: "HTML", reply_parameters: { message_id: ctx.msgId } });
    });
    bot.hears(/^v2$/, (ctx) => ctx.reply("*a* `b` 1\\.", { parse_mode: "MarkdownV2" }));
  });
  const sent = await sim.send(alice, "/start deep link");
  const m = await sim.text(alice, "Hello, Alice 👍 x");
  assert.deepEqual(seen, [["deep link", "alice", "en", "private"]]);
  assert.deepEqual(m.entities.map((e) => [e.type, e.offset, e.length, e.user?.id]),
    [["bold", 0, 5, undefined], ["text_mention", 7, 5, alice], ["italic", 16, 1, undefined]]);
  assert.equal(m.reply_to_message.message_id, sent.message.message_id);
  assert.ok(m.message_id > sent.message.message_id);
  await sim.send(alice, "v2");
  const v2 = await sim.text(alice, "a b 1.");
  assert.deepEqual(v2.entities.map((e) => e.type), ["bold", "code"]);
});

test("grammy: updates come once, in order, also those from before it started", async (t) => {
  const seen = [];
  const { sim, bot } = await world(t, undefined, { poll: false });
  for (let i = 0; i < 120; i++) await sim.send(i % 2 ? alice : bob, `text ${i}`);
  bot.on("message:text", (ctx) => { seen.push(ctx.msg.text); });
  poll(t, bot);
  await until("all of them", () => seen.length >= 120);
  await sim.send(alice, "last");
  await until("the last", () => seen.includes("last"));
  assert.deepEqual(seen, [...Array.from({ length: 120 }, (_, i) => `text ${i}`), "last"]);
});

test("grammy: inline buttons, answers and edits", async (t) => {
  const { sim, bot } = await world(t, (b) => {
    const keys = new InlineKeyboard().text("More", "more").text("Same", "same").row().url("Site", "https://example.com/");
    b.command("menu", (ctx) => ctx.reply("Menu", { reply_markup: keys }));
    b.callbackQuery("more", async (ctx) => {
      await ctx.answerCallbackQuery({ text: "Here is more", show_alert: true });
      await ctx.editMessageText("More of it", { reply_markup: keys });
    });
    b.callbackQuery("same", async (ctx) => {
      await refused(ctx.editMessageText("More of it", { reply_markup: keys }), 400, /message is not modified/);
      await ctx.editMessageReplyMarkup({});
      await ctx.answerCallbackQuery();
    });
  });
  await sim.send(alice, "/menu");
  const menu = await sim.text(alice, "Menu");
  assert.deepEqual(menu.reply_markup.inline_keyboard.map((row) => row.map((b) => b.text)), [["More", "Same"], ["Site"]]);
  const { answer } = await sim.press(alice, menu, "more");
  assert.deepEqual([answer.text, answer.show_alert], ["Here is more", true]);
  const edited = await sim.text(alice, "More of it");
  assert.equal(edited.message_id, menu.message_id);
  assert.ok(edited.edit_date > 0);
  await sim.press(alice, menu, "same");
  await sim.message(alice, (m) => m.text === "More of it" && !m.reply_markup);
  await refused(bot.api.editMessageText(alice, 99999, "x"), 400, /message to edit not found/);
  await refused(bot.api.answerCallbackQuery("123"), 400, /query is too old and response timeout expired or query ID is invalid/);
  await bot.api.deleteMessage(alice, menu.message_id);
  await sim.message(alice, (m) => m.message_id === menu.message_id && m.deleted);
  await refused(bot.api.deleteMessage(alice, menu.message_id), 400, /message to delete not found/);
});

test("grammy: files go up, come back and are sent again", async (t) => {
  const { sim, bot } = await world(t);
  const photo = await bot.api.sendPhoto(alice, new InputFile(png, "dot.png"), { caption: "<b>dot</b>", parse_mode: "HTML" });
  assert.equal(photo.caption, "dot");
  assert.deepEqual(photo.caption_entities, [{ type: "bold", offset: 0, length: 3 }]);
  assert.deepEqual(await download(sim, bot, photo.photo.at(-1).file_id), png);

  const big = Buffer.alloc(3 << 20, "moonpost");
  const doc = await bot.api.sendDocument(alice, new InputFile(Readable.from([big]), "näme \"x\".bin"));
  assert.equal(doc.document.file_name, "näme \"x\".bin");
  assert.equal(doc.document.file_size, big.length);
  assert.deepEqual(await download(sim, bot, doc.document.file_id), big);

  const again = await bot.api.sendDocument(bob, doc.document.file_id);
  assert.equal(again.document.file_unique_id, doc.document.file_unique_id);
  const album = await bot.api.sendMediaGroup(alice, [
    InputMediaBuilder.photo(new InputFile(png), { caption: "one" }),
    InputMediaBuilder.photo(photo.photo[0].file_id),
  ]);
  assert.equal(album.length, 2);
  assert.equal(album[0].media_group_id, album[1].media_group_id);
  assert.equal(album[0].caption, "one");
  const caption = await bot.api.editMessageCaption(alice, photo.message_id, { caption: "new" });
  assert.equal(caption.caption, "new");
  await refused(bot.api.sendPhoto(alice, "no-such-file"), 400, /wrong (remote )?file identifier/i);
  await refused(bot.api.getFile("no-such-file"), 400, /invalid file_id|wrong file_id/i);
  assert.equal((await fetch(`${sim.base}/file/bot${token}/none/of/this`)).status, 404);
});

test("grammy: a person's photo and document", async (t) => {
  const got = {};
  const { sim } = await world(t, (bot) => {
    bot.on(":photo", async (ctx) => { got.photo = [ctx.msg.caption, await download(sim, bot, ctx.msg.photo.at(-1).file_id)]; });
    bot.on(":document", (ctx) => { got.document = [ctx.msg.document.file_name, ctx.msg.document.file_size]; });
  });
  await sim.sendFile(alice, "photo", png, "dot.png", { caption: "look" });
  await sim.sendFile(alice, "document", Buffer.from("hello"), "a.txt");
  await until("both", () => got.photo && got.document);
  assert.deepEqual(got, { photo: ["look", png], document: ["a.txt", 5] });
});

test("grammy: edits and reactions of people and of the bot", async (t) => {
  const seen = [];
  const { sim, bot } = await world(t, (b) => {
    b.on("edited_message", (ctx) => { seen.push(`edited ${ctx.msg.text} ${ctx.msg.edit_date > 0}`); });
    b.reaction("👍", (ctx) => { seen.push(`liked by ${ctx.from.id}`); });
    b.on("message_reaction", (ctx) => { seen.push(`now ${ctx.messageReaction.new_reaction.length}`); });
  }, { start: { allowed_updates: ["message", "edited_message", "message_reaction"] } });
  const { message } = await sim.send(alice, "first");
  await sim.post("edit", { as: alice, chat: alice, message_id: message.message_id, text: "second" });
  const mine = await bot.api.sendMessage(alice, "mine");
  await sim.post("react", { as: alice, chat: alice, message_id: mine.message_id, reaction: ["👍"] });
  await sim.post("react", { as: alice, chat: alice, message_id: mine.message_id, reaction: [] });
  await until("three updates", () => seen.length === 3);
  assert.deepEqual(seen, ["edited second true", `liked by ${alice}`, "now 0"]);
  await bot.api.setMessageReaction(alice, message.message_id, [{ type: "emoji", emoji: "❤" }]);
  const m = await sim.message(alice, (x) => x.message_id === message.message_id && x.reactions?.length);
  assert.deepEqual(m.reactions, [{ emoji: "❤", users: [1] }]);
});

test("grammy: without asking for them, no reactions and no chat_member come", async (t) => {
  const seen = [];
  const { sim } = await world(t, (b) => {
    b.use((ctx) => { seen.push(Object.keys(ctx.update)[1]); });
  });
  const { message } = await sim.send(alice, "x", { chat: group });
  await sim.post("react", { as: bob, chat: group, message_id: message.message_id, reaction: ["👍"] });
  await sim.post("leave", { as: bob, chat: group });
  await sim.send(alice, "y", { chat: group });
  await until("the last", () => seen.length >= 3);
  assert.deepEqual(seen, ["message", "message", "message"]);
});

test("grammy: inline queries", async (t) => {
  const chosen = [];
  const { sim } = await world(t, (b) => {
    b.inlineQuery(/^say (.+)$/, (ctx) => ctx.answerInlineQuery([
      { type: "article", id: "a", title: "Loud", input_message_content: { message_text: `<b>${ctx.match[1]}</b>`, parse_mode: "HTML" } },
      { type: "article", id: "b", title: "Quiet", input_message_content: { message_text: ctx.match[1] } },
    ], { cache_time: 0 }));
    b.on("chosen_inline_result", (ctx) => { chosen.push([ctx.chosenInlineResult.result_id, ctx.chosenInlineResult.query]); });
  });
  const { inline_query_id, results } = await sim.post("inline", { as: alice, query: "say boo", bot: 1 });
  assert.deepEqual(results.map((r) => r.title), ["Loud", "Quiet"]);
  const { message } = await sim.post("pick", { as: alice, chat: group, inline_query_id, result_id: "a" });
  assert.equal(message.text, "boo");
  assert.equal(message.entities[0].type, "bold");
  assert.equal(message.via_bot.id, 1);
  await until("the choice", () => chosen.length);
  assert.deepEqual(chosen, [["a", "say boo"]]);
});

test("grammy: commands, by scope and language", async (t) => {
  const { sim, bot } = await world(t, undefined, { poll: false });
  assert.deepEqual(await bot.api.getMyCommands(), []);
  await bot.api.setMyCommands([{ command: "start", description: "Begin" }]);
  await bot.api.setMyCommands([{ command: "ban", description: "Ban" }], { scope: { type: "chat_administrators", chat_id: group } });
  await bot.api.setMyCommands([{ command: "start", description: "Los" }], { language_code: "de" });
  assert.deepEqual(await bot.api.getMyCommands(), [{ command: "start", description: "Begin" }]);
  assert.deepEqual(await bot.api.getMyCommands({ language_code: "de" }), [{ command: "start", description: "Los" }]);
  assert.deepEqual(await bot.api.getMyCommands({ scope: { type: "chat_administrators", chat_id: group } }),
    [{ command: "ban", description: "Ban" }]);
  await bot.api.deleteMyCommands();
  assert.deepEqual(await bot.api.getMyCommands(), []);
  await refused(bot.api.setMyCommands([{ command: "Not Good", description: "x" }]), 400, /BOT_COMMAND_INVALID/);
  assert.ok((await sim.get("state")).bots[0]);
});

test("grammy: errors have Telegram's codes and texts", async (t) => {
  const { sim, bot } = await world(t, undefined, { poll: false });
  await refused(bot.api.sendMessage(424242, "x"), 400, /^Bad Request: chat not found$/);
  await refused(bot.api.sendMessage(alice, ""), 400, /^Bad Request: message text is empty$/);
  await refused(bot.api.sendMessage(alice, "x".repeat(4097)), 400, /^Bad Request: message is too long$/);
  await refused(bot.api.sendMessage(alice, "<b>x", { parse_mode: "HTML" }), 400,
    /^Bad Request: can't parse entities: Can't find end tag corresponding to start tag "b"$/);
  await refused(bot.api.sendMessage(alice, "a.", { parse_mode: "MarkdownV2" }), 400,
    /^Bad Request: can't parse entities: Character '\.' is reserved and must be escaped with the preceding '\\'$/);
  await refused(bot.api.sendMessage(alice, "x", { reply_parameters: { message_id: 777 } }), 400, /message to be replied not found/);
  await refused(bot.api.raw.sendMessage({ text: "x" }), 400, /^Bad Request: chat_id is empty$/);
  await refused(bot.api.raw.noSuchMethod({}), 404, /^Not Found/);
  await refused(bot.api.banChatMember(group, bob), 400, /not enough rights/);
  const wrong = await fetch(`${sim.base}/botnonsense/getMe`);
  assert.equal(wrong.status, 404 === wrong.status ? 404 : 401);
  assert.equal((await wrong.json()).ok, false);
});

test("grammy: faults on demand", async (t) => {
  const { sim, bot } = await world(t, undefined, { poll: false });
  await sim.fault({ method: "sendMessage", kind: "error", status: 429, retry_after: 7 });
  const e = await refused(bot.api.sendMessage(alice, "x"), 429, /^Too Many Requests: retry after 7$/);
  assert.equal(e.parameters.retry_after, 7);
  await sim.fault({ method: "sendMessage", kind: "error", status: 502 });
  await refused(bot.api.sendMessage(alice, "x"), 502, /^Bad Gateway$/);
  for (const kind of ["drop", "garbage", "drop_after"]) {
    await sim.fault({ method: "sendMessage", kind });
    await assert.rejects(bot.api.sendMessage(alice, `with ${kind}`), HttpError);
  }
  assert.deepEqual((await sim.messages(alice)).map((m) => m.text), ["with drop_after"]);
  await sim.fault({ method: "*", kind: "delay", ms: 300 });
  const began = Date.now();
  await bot.api.sendMessage(alice, "late");
  assert.ok(Date.now() - began >= 290);
  await bot.api.sendMessage(alice, "at once");
  assert.deepEqual((await sim.get("state")).faults, []);
});

test("grammy: a second poller ends the first, as at Telegram", async (t) => {
  const { sim, bot } = await world(t, undefined, { poll: false });
  const ended = poll(t, bot);
  await until("the first polls", async () => (await sim.get("state")).bots[0].connected);
  const second = await botFor(t, sim);
  assert.deepEqual(await second.api.getUpdates(), []);
  await refused(ended, 409, /^Conflict: terminated by other getUpdates request/);
});

test("grammy: members of a group", async (t) => {
  const seen = [];
  const { sim, bot } = await world(t, (b) => {
    b.on("message:new_chat_members", (ctx) => { seen.push(`came ${ctx.msg.new_chat_members[0].first_name}`); });
    b.on("message:left_chat_member", (ctx) => { seen.push(`went ${ctx.msg.left_chat_member.first_name}`); });
    b.on("chat_member", (ctx) => { seen.push(`${ctx.chatMember.old_chat_member.status} → ${ctx.chatMember.new_chat_member.status}`); });
    b.on("my_chat_member", (ctx) => { seen.push(`I am ${ctx.myChatMember.new_chat_member.status}`); });
  }, { start: { allowed_updates: ["message", "chat_member", "my_chat_member"] } });
  await sim.post("member", { chat: supergroup, user: 1, status: "administrator" });
  await sim.post("leave", { as: bob, chat: supergroup });
  await sim.post("join", { as: bob, chat: supergroup });
  await until("all updates", () => seen.length >= 5);
  assert.equal(seen[0], "I am administrator");
  assert.deepEqual(seen.slice(1).sort(), ["came Bob", "left → member", "member → left", "went Bob"]);

  assert.equal((await bot.api.getChatMember(supergroup, carol)).status, "creator");
  assert.deepEqual((await bot.api.getChatAdministrators(supergroup)).map((m) => m.user.id).sort(), [1, carol]);
  assert.equal(await bot.api.getChatMemberCount(supergroup), 4);
  await bot.api.restrictChatMember(supergroup, bob, { can_send_messages: false });
  assert.equal((await bot.api.getChatMember(supergroup, bob)).status, "restricted");
  await bot.api.banChatMember(supergroup, bob);
  assert.equal((await bot.api.getChatMember(supergroup, bob)).status, "kicked");
  await bot.api.unbanChatMember(supergroup, bob);
  assert.equal((await bot.api.getChatMember(supergroup, bob)).status, "left");
  const chat = await bot.api.getChat(supergroup);
  assert.deepEqual([chat.title, chat.type, chat.is_forum], ["Workshop", "supergroup", true]);
  const { message } = await sim.send(alice, "pin me", { chat: supergroup });
  await bot.api.pinChatMessage(supergroup, message.message_id);
  assert.equal((await bot.api.getChat(supergroup)).pinned_message.text, "pin me");
  await bot.api.unpinChatMessage(supergroup, message.message_id);
  assert.equal((await bot.api.getChat(supergroup)).pinned_message, undefined);
});

test("grammy: topics, channel posts and a chat the bot was thrown out of", async (t) => {
  const posts = [];
  const { sim, bot } = await world(t, (b) => {
    b.on("channel_post:text", (ctx) => { posts.push([ctx.chat.title, ctx.msg.text]); });
    b.on("message:text", (ctx) => ctx.reply(`in ${ctx.msg.message_thread_id}`, { message_thread_id: ctx.msg.message_thread_id }));
  });
  await sim.send(alice, "hello", { chat: supergroup, thread: 2 });
  const reply = await sim.text(supergroup, "in 2");
  assert.deepEqual([reply.message_thread_id, reply.is_topic_message], [2, true]);
  await refused(bot.api.sendMessage(supergroup, "x", { message_thread_id: 99 }), 400, /message thread not found/);
  await sim.send(carol, "news", { chat: channel });
  await until("the post", () => posts.length);
  assert.deepEqual(posts, [["News", "news"]]);
  const mine = await bot.api.sendMessage(channel, "by the bot");
  assert.equal(mine.sender_chat.id, channel);
  await sim.post("member", { chat: group, user: 1, status: "kicked" });
  await refused(bot.api.sendMessage(group, "x"), 403, /^Forbidden: bot was kicked from the group chat$/);
});

test("grammy: forwards, copies and the small kinds of message", async (t) => {
  const { sim, bot } = await world(t);
  const { message } = await sim.send(alice, "original");
  const forward = await bot.api.forwardMessage(bob, alice, message.message_id);
  assert.equal(forward.text, "original");
  assert.deepEqual([forward.forward_origin.type, forward.forward_origin.sender_user.id], ["user", alice]);
  const copy = await bot.api.copyMessage(bob, alice, message.message_id);
  assert.ok(copy.message_id > forward.message_id);
  const location = await bot.api.sendLocation(alice, 52.5, 13.4);
  assert.deepEqual([location.location.latitude, location.location.longitude], [52.5, 13.4]);
  const poll1 = await bot.api.sendPoll(alice, "Well?", [{ text: "yes" }, { text: "no" }]);
  assert.deepEqual(poll1.poll.options.map((o) => o.text), ["yes", "no"]);
  assert.equal((await bot.api.sendDice(alice)).dice.emoji, "🎲");
  assert.equal((await bot.api.sendContact(alice, "+49123", "Eve")).contact.first_name, "Eve");
  assert.equal(await bot.api.sendChatAction(alice, "typing"), true);
});

// Every other method: with nothing, an error of Telegram's shape or a result of
// the declared type; never a crash.
test("grammy: every method of the documentation answers", async (t) => {
  const { spec } = await import("./lib/shape.mjs");
  const { sim, bot } = await world(t, undefined, { poll: false });
  const sample = { chat_id: alice, user_id: alice, message_id: 1, text: "x", name: "n", title: "t" };
  for (const [name, method] of Object.entries(spec.methods)) {
    if (name === "getUpdates" || name === "logOut" || name === "close") continue;
    for (const params of [{}, Object.fromEntries(Object.entries(sample).filter(([k]) => method.fields.some((f) => f.name === k)))]) {
      const response = await fetch(`${sim.base}/bot${token}/${name}`, {
        method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(params),
      });
      const answer = await response.json();
      if (answer.ok) continue;      // its shape is checked by the unit test
      assert.equal(answer.error_code, response.status, name);
      assert.match(answer.description, /^(Bad Request|Forbidden|Conflict|Not Found|Unauthorized)/, name);
    }
  }
  assert.equal((await bot.api.getMe()).id, 1);
});

test("grammy: what the simulator shows people has the documentation's shape", async (t) => {
  const { sim, bot } = await world(t);
  await sim.send(alice, "hello @bob #tag https://example.com", { chat: group });
  await bot.api.sendMessage(group, "<tg-spoiler>boo</tg-spoiler>", { parse_mode: "HTML" });
  for (const m of await sim.messages(group)) {
    const { seq, reactions, ...message } = m;
    assert.ok(seq > 0);
    assertShape("Message", message);
  }
  const { people, chats } = await sim.get("state");
  for (const user of people) assertShape("User", user);
  for (const { members, topics, ...chat } of chats) {
    assertShape("ChatFullInfo", chat);
    assertShape("Array of ChatMember", members);
  }
});
