// Calls of the Bot API on a bad network and with a server in trouble: what can't have
// arrived is sent again, what may have arrived is not sent twice, and the script
// learns which it was.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { patience, slow, startBot, world } from "./lib/host.mjs";
import { sleep, until } from "./lib/program.mjs";
import { proxy } from "./lib/proxy.mjs";
import { alice, bob, carol } from "./lib/simulator.mjs";

const place = world();

const script = `local bot = require "bot"
local message = {}

-- What becomes of a call, said in another message.
local function told(ctx, what, f, ...)
  local ok, e = pcall(f, ...)
  ctx:reply(ok and what .. " is done" or "error: " .. tostring(e))
  return ok and e
end

bot.command("say", "Say it", function(ctx)
  message[ctx.chat.id] = told(ctx, "it", ctx.reply, ctx, ctx.args[1])
end)
bot.command("edit", "Edit what was said", function(ctx)
  told(ctx, "it", ctx.api.editMessageText,
    { chat_id = ctx.chat.id, message_id = message[ctx.chat.id].message_id, text = ctx.args[1] })
end)
bot.command("plain", "Say it", function(ctx) ctx:reply(ctx.args[1]) end)
bot.command("chat", "Ask for the chat", function(ctx) told(ctx, "it", ctx.api.getChat, { chat_id = ctx.chat.id }) end)
bot.command("upload", "Send a file", function(ctx)
  told(ctx, "it", ctx.api.sendDocument, { chat_id = ctx.chat.id, document = bot.file{ data = ("x"):rep(200000), name = "x.txt" } })
end)
`;

async function start(t, env = {}) {
  const way = await proxy(t, place.sim.base);
  const host = await startBot(t, place, { "scripts/a.lua": script }, { base: way.base, env });
  host.sim.base = place.sim.base; // its people come by another way
  return { way, host };
}

const count = (list, text) => list.filter((x) => x === text).length;

// Clock ticks (10 ms) of CPU that it has used.
const ticks = (host) => {
  const fields = readFileSync(`/proc/${host.child.pid}/stat`, "utf8").split(") ")[1].split(" ");
  return Number(fields[11]) + Number(fields[12]);
};

describe("on the way", () => {
  // Does the message come? null: it may or may not, but the script hears that.
  const troubles = ["drop", "reset", "drop_after", "reset_after", "cut", "garbage"];

  for (const kind of troubles) {
    test(`${kind}: no message twice, edits get through`, async (t) => {
      const { way, host } = await start(t);
      way.next("sendMessage", kind);
      await host.sim.send(alice, "/say one");
      const arrives = !(kind === "drop" || kind === "reset");
      const said = await host.sim.texts(alice, arrives ? 2 : 1);
      assert.equal(count(said, "one"), arrives ? 1 : 0);
      assert.match(said.at(-1), /^error: .*sendMessage: .*may have been sent/);

      await host.sim.send(alice, "/say two");
      await host.sim.text(alice, "it is done");
      const before = await host.sim.said(alice);
      way.next("editMessageText", kind);
      await host.sim.send(alice, "/edit three");
      // The second edit is done, or is told that the first one was.
      const last = (await host.sim.texts(alice, before.length + 1)).at(-1);
      assert.match(last, /^it is done$|message is not modified.*may have been sent/);
      assert.equal(count(await host.sim.said(alice), "three"), 1);
      assert.equal(way.seen.filter((m) => m === "editMessageText").length, 2);
      assert.equal(count(way.seen, "sendMessage"), 5);
    });
  }

  test("an answer at a byte a second, or none: the call ends in time, and the bot goes on", async (t) => {
    const { way, host } = await start(t, { API_TIMEOUT_MS: "4000" });
    for (const [person, kind] of [[alice, "slow"], [bob, "stall_after"], [carol, "stall"]]) {
      way.next("sendMessage", kind);
      await host.sim.send(person, "/say one");
      await until("the first try", () => way.rules.at(-1).times === 0);
    }
    for (const person of [alice, bob, carol]) {
      const said = await host.sim.texts(person, person === carol ? 1 : 2);
      assert.match(said.at(-1), /^error: .*may have been sent/);
      assert.equal(count(said, "one"), person === carol ? 0 : 1);
      await host.sim.send(person, "/plain two");
      await host.sim.text(person, "two");
    }
  });

  test("nothing can be reached for a while: calls wait and get through, once", async (t) => {
    const { way, host } = await start(t);
    await host.sim.send(alice, "/plain zero");
    await host.sim.text(alice, "zero");
    // A handler that runs while nothing goes: it waits before its reply.
    way.next("getChat", "stall");
    await host.sim.send(bob, "/chat");
    await until("it is called", () => way.seen.includes("getChat"));
    const before = ticks(host);
    await way.refuse(); // getChat, too, is to be asked again
    await sleep(1500);
    assert.ok(ticks(host) - before < 100 * slow, "it is busy with waiting");
    await way.listen();
    await host.sim.text(bob, "it is done");
    await host.sim.send(alice, "/plain one");
    await host.sim.text(alice, "one");
    const said = await host.sim.said(bob);
    assert.deepEqual(said, ["it is done"]);
  });

  test("an upload that breaks off is sent again; one that was out is not", async (t) => {
    const { way, host } = await start(t);
    way.next("sendDocument", "reset");
    await host.sim.send(alice, "/upload");
    await until("something is said of it", async () => (await host.sim.said(alice)).length > 0);
    way.next("sendDocument", "drop_after");
    await host.sim.send(bob, "/upload");
    const said = await host.sim.texts(bob, 2);
    assert.match(said.at(-1), /may have been sent/);
    const files = (await host.sim.messages(bob)).filter((m) => m.document);
    assert.equal(files.length, 1);
    assert.ok((await host.sim.messages(alice)).filter((m) => m.document).length <= 1);
  });
});

describe("a server in trouble", () => {
  test("a storm of 429: all wait, all come, once and in order", { timeout: 200000 * slow }, async (t) => {
    const { host } = await start(t);
    await place.sim.fault({ method: "sendMessage", kind: "error", status: 429, retry_after: 1, times: 12 });
    const people = [alice, bob, carol];
    for (let n = 1; n <= 4; n++) for (const person of people) await host.sim.send(person, `/plain m${n}`);
    for (const person of people) {
      assert.deepEqual(await host.sim.texts(person, 4, 4 * patience), ["m1", "m2", "m3", "m4"]);
    }
    const calls = await host.sim.calls("sendMessage");
    const refused = calls.filter((c) => c.status === 429).length;
    assert.equal(refused, 12);
    assert.equal(calls.filter((c) => c.status === 200).length, 12);
  });

  test("502, 503 and 504 are tried again, whatever the method", async (t) => {
    const { host } = await start(t);
    for (const status of [502, 503, 504]) {
      await place.sim.fault({ method: "sendMessage", kind: "error", status });
      await host.sim.send(alice, `/plain after${status}`);
      await host.sim.text(alice, `after${status}`);
    }
    assert.deepEqual(await host.sim.said(alice), ["after502", "after503", "after504"]);
    await place.sim.fault({ method: "getChat", kind: "error", status: 502 });
    await host.sim.send(alice, "/chat");
    await host.sim.text(alice, "it is done");
  });

  test("500: what can be repeated is; of a message it is said that nobody knows", async (t) => {
    const { host } = await start(t);
    await place.sim.fault({ method: "getChat", kind: "error", status: 500 });
    await host.sim.send(alice, "/chat");
    await host.sim.text(alice, "it is done");
    await place.sim.fault({ method: "sendMessage", kind: "error", status: 500 });
    await host.sim.send(bob, "/say one");
    const said = await host.sim.texts(bob, 1);
    assert.match(said[0], /^error: .*sendMessage: 500 Internal Server Error \(it may have been sent\)$/);
    assert.equal((await host.sim.calls("sendMessage")).filter((c) => c.params.text === "one").length, 1);
  });

  test("a 401 in the middle is that call's error, and no more", async (t) => {
    const { host } = await start(t);
    await place.sim.fault({ method: "sendMessage", kind: "error", status: 401 });
    await host.sim.send(alice, "/say one");
    const said = await host.sim.texts(alice, 1);
    assert.match(said[0], /^error: .*sendMessage: 401 Unauthorized$/);
    await host.sim.send(alice, "/plain two");
    await host.sim.text(alice, "two");
  });
});

describe("a group that moves", () => {
  test("a call to the old id goes to the new one", async (t) => {
    const { host } = await start(t);
    const { chat } = await place.sim.post("chat", { type: "group", title: "Small", members: [alice, host.bot] });
    await host.sim.post("send", { as: alice, chat: chat.id, text: "/plain one" });
    await host.sim.text(chat.id, "one");
    const moved = await place.sim.post("migrate", { chat: chat.id });
    // An update from before, so to say: the handler answers to the old id.
    await host.sim.post("update", {
      message: {
        message_id: 1, date: 1, chat: { id: chat.id, type: "group", title: "Small" }, from: { id: alice, is_bot: false, first_name: "Alice" },
        text: "/plain two", entities: [{ type: "bot_command", offset: 0, length: 6 }],
      },
    });
    await host.sim.text(moved.chat.id, "two");
    // Told by the message of the move, or by a 400: sent once there, in either case.
    const calls = (await host.sim.calls("sendMessage")).filter((c) => c.status === 200);
    assert.deepEqual(calls.map((c) => [c.params.chat_id, c.params.text]), [[chat.id, "one"], [moved.chat.id, "two"]]);
  });
});
