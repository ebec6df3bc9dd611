// scripts/welcome.lua
import assert from "node:assert/strict";
import { test } from "node:test";
import { alice, bob, carol, group, supergroup } from "../system/lib/simulator.mjs";
import { startBot } from "./lib/bot.mjs";

const bot = startBot();
let eve;

// The answer to an /id: everything sent before has been handled then.
async function mark(chat) {
  const { message } = await bot.sim.send(carol, "/id", { chat });
  const answer = await bot.sim.message(chat, (m) => m.message_id > message.message_id && m.text?.startsWith("Chat: "));
  return answer.message_id;
}

// The bot's messages since a message: what it says to a join, with the mark after it.
async function join(chat, ...users) {
  const since = await mark(chat);
  for (const user of users) await bot.sim.post("join", { as: user, chat });
  const end = await mark(chat);
  const all = await bot.sim.messages(chat);
  return all.filter((m) => m.from?.is_bot && m.message_id > since && m.message_id < end);
}

test("welcome: who joins is greeted, by a link to them", async () => {
  eve = (await bot.sim.post("person", { first_name: "<b>Eve</b>", username: "eve" })).user;
  const [greeting, ...more] = await join(group, eve.id);
  assert.equal(greeting.text, "Welcome to Garden, <b>Eve</b>!");
  assert.deepEqual(more, []);
  assert.deepEqual(greeting.entities.map((e) => [e.type, e.offset, e.length]), [["text_mention", 19, 10]]);
  assert.equal(greeting.entities[0].user.id, eve.id);
});

test("welcome: the chat's own text, with markup and emoji as they were typed", async () => {
  const text = "<i>Hi</i> & 😀 {name} in {chat}; {other} 100%";
  assert.match(await bot.say(carol, `/set welcome.text ${text}`, { chat: supergroup }), /^welcome\.text is now/);
  const [greeting] = await join(supergroup, eve.id);
  assert.equal(greeting.text, "<i>Hi</i> & 😀 <b>Eve</b> in Workshop; {other} 100%");
  assert.deepEqual(greeting.entities.map((e) => e.type), ["text_mention"]);
});

test("welcome: a text full of places still fits into one message", async () => {
  await bot.say(carol, `/set welcome.text ${"{name}".repeat(166)}`, { chat: supergroup });
  const { user } = await bot.sim.post("person", { first_name: "N".repeat(64) });
  const [greeting] = await join(supergroup, user.id);
  assert.equal(greeting.text, "N".repeat(64).repeat(4) + "{name}".repeat(162));
});

test("welcome: several at once are one greeting, bots are not greeted", async () => {
  const since = await mark(group);
  await bot.sim.post("update", { message: {
    message_id: 100000, date: 1, chat: { id: group, type: "group", title: "Garden" },
    from: { id: carol, is_bot: false, first_name: "Carol" },
    new_chat_members: [
      { id: alice, is_bot: false, first_name: "Alice" },
      { id: 77, is_bot: true, first_name: "Robot", username: "robot_bot" },
      { id: bob, is_bot: false, first_name: "Bob", last_name: "Builder" },
    ],
  } });
  await mark(group);
  const said = (await bot.sim.messages(group)).filter((m) => m.from?.is_bot && m.message_id > since);
  assert.equal(said[0].text, "Welcome to Garden, Alice, Bob Builder!");
  assert.match(said[1].text, /^Chat: /);
});

test("welcome: not when it is off", async () => {
  assert.equal(await bot.say(carol, "/set welcome.enabled off", { chat: group }), "welcome.enabled is now false");
  const { user } = await bot.sim.post("person", { first_name: "Quiet" });
  assert.deepEqual(await join(group, user.id), []);
});

test("no handler failed", () => assert.deepEqual(bot.failures, []));
