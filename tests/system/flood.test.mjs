// Far more messages wanted than Telegram lets pass, with a server that enforces the
// limits: none is refused, replies go first, and each chat's stay in order. Telegram's
// numbers, but 17 times as fast on both sides.
import assert from "node:assert/strict";
import { test } from "node:test";
import { patience, slow, startBot, world } from "./lib/host.mjs";
import { sleep } from "./lib/program.mjs";
import { alice, supergroup } from "./lib/simulator.mjs";

const place = world();

const chats = 1000;
const each = 10;
const limits = { bot_per_s: 500, chat_per_s: 17, chat_burst: 5, group_per_min: 340 };
const env = {
  ...Object.fromEntries(Object.entries(limits).map(([name, n]) => [`PACE_${name.toUpperCase()}`, String(n)])),
  UPDATES_MAX: String(2 * chats), // those that wait are in hand
};

const script = `local bot = require "bot"
bot.command("flood", "Many messages to somebody else", function(ctx)
  local to, n = math.tointeger(tonumber(ctx.args[1])), tonumber(ctx.args[2])
  for i = 1, n do ctx.api.sendMessage{ chat_id = to, text = ctx.args[3] .. " " .. i } end
end)
bot.command("ping", "Answer", function(ctx) ctx:reply("pong " .. ctx.args[1]) end)
`;

// f() for each, some at a time.
async function forAll(list, f) {
  const left = list.values();
  await Promise.all(Array.from({ length: 16 }, async () => {
    for (const item of left) await f(item);
  }));
}

const bots = async (host, chat) => (await host.sim.messages(chat)).filter((m) => m.from?.is_bot).map((m) => m.text);

test("10,000 messages at once, within the limits", { timeout: 240000 * slow }, async (t) => {
  const host = await startBot(t, place, { "scripts/a.lua": script }, { env });
  const people = Array.from({ length: chats }, (_, i) => 20001 + i);
  await forAll(people, async (id) => {
    await place.sim.post("person", { id, first_name: `P${id}` });
    await host.sim.send(id, "hello"); // bots can't begin
  });
  await host.sim.send(alice, "/ping 0");
  await host.sim.texts(alice, 1);
  await place.sim.post("limits", { on: true, ...limits });
  t.after(() => place.sim.post("limits", { on: false }));

  // Each asks for messages to the next; three ask for more in one group.
  const next = (id) => (id + 1 - people[0]) % chats + people[0];
  const began = Date.now();
  const sending = Promise.all([
    forAll(people, (id) => host.sim.send(id, `/flood ${next(id)} ${each} to${next(id)}`)),
    forAll(["a", "b", "c"], async (name, i) => {
      await host.sim.post("send", { as: alice, chat: supergroup, text: `/flood ${supergroup} 20 ${name}` });
    }),
  ]);

  // Meanwhile somebody asks for a reply now and then.
  const took = [];
  const wanted = chats * each + 60;
  const done = async () => (await place.sim.get("limits")).passed >= wanted + took.length;
  let sent = false;
  sending.then(() => { sent = true; }, () => { sent = true; });
  for (let n = 1; !sent || !(await done()); n++) {
    const asked = Date.now();
    await host.sim.send(alice, `/ping ${n}`);
    await host.sim.texts(alice, n + 1, 3 * patience);
    took.push(Date.now() - asked);
    await sleep(200);
    assert.ok(Date.now() - began < 150000 * slow, "it takes too long");
  }
  await sending;
  const all = Date.now() - began; // what would wait its turn would wait for nearly so long
  took.sort((a, b) => a - b);
  t.diagnostic(`${all / 1000} s; replies: median ${took[took.length >> 1]} ms, longest ${took.at(-1)} ms`);
  assert.ok(took.length >= 10, `only ${took.length} replies were asked for`);
  assert.ok(took[took.length >> 1] < all / 10 && took.at(-1) < all / 2, `replies took ${took.join(", ")} ms of ${all}`);

  await host.sim.texts(supergroup, 60, 3 * patience);
  assert.doesNotMatch(host.said, / (warn|error) /);
  const { refused } = await place.sim.get("limits");
  assert.equal(refused, 0, "messages were refused");
  await forAll(people, async (id) => {
    const wanted = Array.from({ length: each }, (_, i) => `to${id} ${i + 1}`);
    assert.deepEqual(await host.sim.texts(id, each), wanted);
  });
  const group = await bots(host, supergroup);
  for (const name of ["a", "b", "c"]) {
    assert.deepEqual(group.filter((text) => text.startsWith(name)), Array.from({ length: 20 }, (_, i) => `${name} ${i + 1}`));
  }
});

// The server is stricter than we are told: what it says is kept, all come, once.
test("a server that lets less pass: nothing is lost or doubled", { timeout: 200000 * slow }, async (t) => {
  const host = await startBot(t, place, { "scripts/a.lua": script }, { env });
  await place.sim.post("limits", { on: true, bot_per_s: 100, chat_per_s: 3, chat_burst: 3, group_per_min: 100 });
  t.after(() => place.sim.post("limits", { on: false }));
  const people = Array.from({ length: 10 }, (_, i) => 30001 + i);
  for (const id of people) await place.sim.post("person", { id, first_name: `P${id}` });
  for (const id of people) await host.sim.send(id, `/flood ${id} 8 x`);
  for (const id of people) {
    assert.deepEqual(await host.sim.texts(id, 8, 3 * patience), Array.from({ length: 8 }, (_, i) => `x ${i + 1}`));
  }
  const { passed, refused } = await place.sim.get("limits");
  assert.ok(refused > 0, "this test tests nothing");
  assert.equal(passed, 80);
});
