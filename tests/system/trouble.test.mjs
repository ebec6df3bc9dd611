// Updates that can't be read, handlers that go wrong, a Bot API server that
// says no: each is told of once, clearly, and costs nothing but itself.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { once } from "node:events";
import { describe, test } from "node:test";
import { database, environment, folder, Host, says, slow, startBot, startSimulator, tokenOf, world } from "./lib/host.mjs";
import { atEnd, freePort, sleep, until } from "./lib/program.mjs";
import { alice, bob } from "./lib/simulator.mjs";

const place = world();
const prelude = `local bot, time, log, cjson = require "bot", require "time", require "log", require "cjson"\n`;
const hi = { "scripts/hi.lua": says("hi", "hello") };

// For startBot(): a simulator of its own, since faults are for all its bots.
const apart = async (t) => ({ base: (await startSimulator(t)).base });

// Lines of the log that complain.
const complaints = (host) => host.said.split("\n").filter((l) => /^\d\d:\d\d:\d\d (error|warn)/.test(l));

/* ---- what comes in ---- */

const deep = (n) => "[".repeat(n) + "]".repeat(n);
const message = (more, id = "@") => `{"update_id":${id},"message":{"message_id":1,"date":1,"chat":{"id":1001,"type":"private"},"from":{"id":1001,"is_bot":false,"first_name":"A"}${more}}}`;

// An element of a getUpdates answer each: [text, whether it is complained about]
const rubbish = {
  "cut short": [`{"update_id":@,"message":{"text":"x"`, true],
  "cut in a string": [`{"update_id":@,"message":{"text":"x`, true],
  "a word": ["nonsense", true],
  "a control character": [message(`,"text":"\u0001"`), true],
  "a lone surrogate": [message(`,"text":"\\ud83d"`), false],
  "NUL": [message(`,"text":"a\\u0000b"`), false],
  "10,000 deep": [`{"update_id":@,"message":${deep(10000)}}`, true],
  "1,000 deep in an unknown field": [message(`,"x":${deep(1000)}`), true],
  "100 deep": [message(`,"x":${deep(100)}`), false],
  "no update_id": [`{"message":{"text":"/hi"}}`, true],
  "null": ["null", true],
  "a number": ["5", true],
  "a string": [`"x"`, true],
  "an array": ["[1,2]", true],
  "empty": ["{}", true],
  "an update_id that is a text": [`{"update_id":"5","message":{}}`, true],
  "an update_id with a fraction": [`{"update_id":5.5,"message":{}}`, true],
  "a negative update_id": [`{"update_id":-5,"message":{}}`, true],
  "a huge update_id": [`{"update_id":99999999999999999999999,"message":{}}`, true],
  "a message that is a number": [`{"update_id":@,"message":5}`, null],
  "a message that is null": [`{"update_id":@,"message":null}`, null],
  "wrong types everywhere": [`{"update_id":@,"message":{"message_id":"x","chat":7,"from":[],"text":{"a":1},"entities":"none","date":null}}`, null],
  "wrong types further down": [`{"update_id":@,"message":{"chat":{"id":"x","type":5},"from":{"id":null},"text":5,"entities":[5,null,{"type":7,"offset":"x"}]}}`, null],
  "entities beyond the text": [message(`,"text":"x /hi","entities":[{"type":"bot_command","offset":-4,"length":99999999999}]`), null],
  "huge numbers": [`{"update_id":@,"message":{"message_id":1e999,"date":-99999999999999999999,"chat":{"id":123456789012345678901234567890,"type":"private"},"text":"x"}}`, null],
  "keys twice": [`{"update_id":@,"message":{"text":"a"},"message":{"text":"b"}}`, null],
  "a callback query without anything": [`{"update_id":@,"callback_query":{}}`, null],
  "an inline query of the wrong kind": [`{"update_id":@,"inline_query":[]}`, null],
  "an unknown kind": [`{"update_id":@,"telepathy":{"from":{"id":5},"thought":"?"}}`, false],
  "only its number": [`{"update_id":@}`, null],
};

describe("updates", { concurrency: 2 }, () => {
  test("one that can't be read is skipped, those around it are answered", async (t) => {
    const host = await startBot(t, place, {
      ...hi,
      "scripts/a.lua": `${prelude}bot.use(function(ctx, next)
  local _ = { ctx.text, ctx.from, ctx.chat, ctx.message, cjson.encode(ctx.update) }
  next()
end)`,
      "scripts/z.lua": `${prelude}bot.on("message", function() end)`,
    });
    let n = 0;
    for (const [name, [text, bad]] of Object.entries(rubbish)) {
      const length = host.said.length;
      await host.sim.send(alice, "/hi");
      await host.sim.post("raw", { text });
      await host.sim.send(alice, "/hi");
      n += 2;
      const texts = await host.sim.texts(alice, n, 60000 * slow).catch((e) => { throw new Error(`${name}: ${e.message}\n${host.said}`); });
      assert.equal(texts.length, n, name);
      if (bad === null) continue;
      assert.equal(/is set aside: /.test(host.since(length)), bad, `${name}: ${host.since(length)}`);
    }
    await until("all are acknowledged", async () => (await host.sim.get("updates")).updates.every((u) => u.done));
    for (const line of complaints(host)) assert.ok(line.length < 600, line);
  });

  test("many bad ones at once, and an answer that is no JSON at all", async (t) => {
    const host = await startBot(t, place, hi, await apart(t));
    await host.sim.fault({ method: "getUpdates", kind: "garbage", times: 1 });
    await host.sim.post("raw", { text: "{" });
    await host.sim.send(alice, "/hi");
    for (let i = 0; i < 40; i++) await host.sim.post("raw", { text: i % 2 ? "[[[" : `{"update_id":@,"message":"${i}` });
    await host.sim.send(bob, "/hi");
    await host.sim.texts(alice, 1);
    await host.sim.texts(bob, 1);
    await sleep(300);
    assert.equal((await host.sim.said(alice)).length, 1);
  });

  test("unknown commands and methods", async (t) => {
    const host = await startBot(t, place, {
      ...hi, "scripts/x.lua": `${prelude}bot.command("fly", "x", function(ctx)
  local ok, e = pcall(ctx.api.flyToTheMoon, { chat_id = ctx.chat.id })
  ctx:reply(tostring(ok) .. " " .. tostring(e.error_code) .. " " .. e.description)
end)`,
    });
    for (const text of ["/nothing", "/HI", "/hi@somebody_else_bot", "/", "//hi", "text /hi"]) await host.sim.send(alice, text);
    await host.sim.send(alice, `/hi@moonpost_${host.bot}_bot`);
    await host.sim.send(alice, "/fly");
    assert.deepEqual(await host.sim.texts(alice, 3), ["hello", "hello", "false 404 Not Found: method not found"]);
    assert.deepEqual(complaints(host), []);
  });
});

/* ---- handlers ---- */

const handlers = `${prelude}
local function helper(x)
  return x.y.z
end
bot.command("fail", "x", function(ctx)
  ctx:reply("before")
  helper({})
end)
bot.command("object", "x", function() error({ code = 7 }) end)
bot.command("nothing", "x", function() error(nil) end)
bot.command("loop", "x", function() while true do end end)
bot.command("stubborn", "x", function() while true do pcall(function() while true do end end) end end)
bot.command("sorter", "x", function()
  local t = {}
  for i = 1, 1000 do t[i] = i end
  while true do table.sort(t, function(a, b) return a > b end) end
end)
bot.command("text", "x", function() return ("x"):rep(1 << 40) end)
bot.command("double", "x", function() local s = "x" while true do s = s .. s end end)
bot.command("tables", "x", function() local t = {} while true do t[#t + 1] = { #t } end end)
bot.command("deep", "x", function() local function f(x) return 1 + f(x) end f(1) end)
bot.command("close", "x", function()
  local x <close> = setmetatable and setmetatable({}, { __close = function() error("in close") end })
  error("first")
end)
bot.command("reply", "x", function(ctx) ctx:reply() end)
bot.command("assign", "x", function(ctx) ctx.config.nothing = 5 end)
bot.command("late", "x", function(ctx) require "lib.other" end)
`;
const failures = {
  fail: /scripts\/bad\.lua:4: attempt to index a nil value \(field 'y'\)[^]*scripts\/bad\.lua:8: in/,
  object: /handler failed: /,
  nothing: /handler failed: /,
  loop: /handler ended: it computed for too long[^]*scripts\/bad\.lua:12/,
  stubborn: /handler (ended|failed): [^]*too long[^]*scripts\/bad\.lua:13/,
  sorter: /handler (ended|failed): [^]*too long/,
  text: /not enough memory|resulting string too large/,
  double: /not enough memory/,
  tables: /not enough memory/,
  deep: /scripts\/bad\.lua:22: .*stack overflow|not enough memory/,
  close: /handler failed: .*(in close|first)/,
  reply: /scripts\/bad\.lua:27: ctx:reply: a text is expected/,
  assign: /scripts\/bad\.lua:28: /,
  late: /scripts\/bad\.lua:29: require "(lib\.)?other"/,
};

describe("handlers", { concurrency: 2 }, () => {
  test("one that goes wrong ends alone", async (t) => {
    const env = { LUA_MEMORY_MB: "24", TASK_CPU_MS: String(400 * slow) };
    const host = await startBot(t, place, { ...hi, "scripts/bad.lua": handlers }, { env });
    let n = 0;
    for (const [command, pattern] of Object.entries(failures)) {
      const length = host.said.length;
      await host.sim.send(alice, `/${command}`);
      await host.sim.send(alice, "/hi");
      await host.sim.send(bob, "/hi");
      const texts = await host.sim.texts(bob, ++n, 60000 * slow);
      assert.equal(texts.length, n);
      await until(`${command}: alice is answered`, async () => (await host.sim.said(alice)).filter((x) => x === "hello").length === n, 60000 * slow);
      const said = host.since(length);
      assert.match(said, pattern, command);
      assert.match(said, new RegExp(`update=\\d+ chat=${alice} handler=/${command}`), command);
      assert.equal(said.match(/handler (failed|ended)/g).length, 1, `${command}: told once:\n${said}`);
    }
    assert.equal((await host.sim.said(alice)).filter((x) => x === "before").length, 1);
    await until("all are acknowledged", async () => (await host.sim.get("updates")).updates.every((u) => u.done));
  });

  test("one that takes longer than TASK_TIMEOUT_S is ended", async (t) => {
    const files = { ...hi, "scripts/slow.lua": `${prelude}bot.command("slow", "x", function(ctx) time.sleep(3600) ctx:reply("late") end)` };
    const host = await startBot(t, place, files, { env: { TASK_TIMEOUT_S: "1" } });
    await host.sim.send(alice, "/slow");
    await host.sim.send(alice, "/hi");
    assert.deepEqual(await host.sim.texts(alice, 1), ["hello"]);
    assert.match(host.said, /handler ended: it ran longer than TASK_TIMEOUT_S[^]*scripts\/slow\.lua:2/);
  });

  test("bot.catch gets the error; one in it, or before all handlers, is logged", async (t) => {
    const host = await startBot(t, place, {
      "scripts/a.lua": `${prelude}
bot.use(function(ctx, next)
  if ctx.text == "/early" then error("too early") end
  next()
end)
bot.command("fail", "x", function() error("on purpose") end)
bot.command("worse", "x", function() error("worse") end)
bot.command("hi", "x", function(ctx) ctx:reply("hello") end)
bot.catch(function(e, ctx)
  if tostring(e):find("worse") then error("in catch") end
  ctx:reply("sorry: " .. tostring(e))
end)`,
    });
    for (const text of ["/fail", "/early", "/worse", "/hi"]) await host.sim.send(alice, text);
    assert.deepEqual(await host.sim.texts(alice, 3),
      ["sorry: scripts/a.lua:7: on purpose", "sorry: scripts/a.lua:4: too early", "hello"]);
    const errors = complaints(host);
    assert.equal(errors.length, 1, host.said);
    assert.match(errors[0], /error +script: handler failed: scripts\/a\.lua:11: in catch/);
  });

  test("errors of the Bot API are objects", async (t) => {
    const host = await startBot(t, place, {
      "scripts/api.lua": `${prelude}
local function show(ctx, e)
  ctx:reply(cjson.encode({ kind = e.kind, error_code = e.error_code, description = e.description, parameters = e.parameters,
    method = e.method, maybe_sent = e.maybe_sent }))
end
bot.command("try", "x", function(ctx)
  local ok, e = pcall(function() return ctx.api.sendMessage{ chat_id = 424242, text = "x" } end)
  assert(not ok)
  show(ctx, e)
end)
bot.command("failing", "x", function(ctx) ctx.api.sendMessage{ chat_id = 424242, text = "x" } end)
bot.command("empty", "x", function(ctx)
  local ok, e = pcall(ctx.reply, ctx, "")
  show(ctx, e)
end)
bot.command("direct", "x", function(ctx)
  local ok, e = pcall(ctx.api.getChat, { chat_id = 1001 })
  if not ok then return show(ctx, e) end
  ctx:reply("fine")
end)
bot.command("topic", "x", function(ctx)
  local ok, e = pcall(ctx.api.createForumTopic, { chat_id = 1001, name = "x" })
  ctx:reply(cjson.encode({ kind = e.kind, error_code = e.error_code, method = e.method, maybe_sent = e.maybe_sent }))
end)
bot.command("bare", "x", function(ctx) local m = ctx.api.getMe() ctx:reply(m.username) end)
bot.command("wrong", "x", function(ctx)
  local ok, e = pcall(ctx.api.getMe, 5)
  ctx:reply(type(e))
end)
`,
    }, await apart(t));
    const ask = async (text) => {
      const before = await host.sim.said(alice);
      await host.sim.send(alice, text);
      return (await host.sim.texts(alice, before.length + 1)).at(-1);
    };
    assert.deepEqual(JSON.parse(await ask("/try")),
      { kind: "telegram", error_code: 400, description: "Bad Request: chat not found", method: "sendMessage", maybe_sent: false });
    assert.equal(JSON.parse(await ask("/empty")).description, "Bad Request: message text is empty");
    assert.equal(await ask("/bare"), `moonpost_${host.bot}_bot`);
    assert.equal(await ask("/wrong"), "string");
    // Longer than the call's time: the script hears of it at once.
    await host.sim.fault({ method: "getChat", kind: "error", status: 429, retry_after: 70 });
    const limited = JSON.parse(await ask("/direct"));
    assert.equal(limited.error_code, 429);
    assert.deepEqual(limited.parameters, { retry_after: 70 });
    await host.sim.fault({ method: "createForumTopic", kind: "garbage" });
    assert.deepEqual(JSON.parse(await ask("/topic")), { kind: "network", error_code: 200, method: "createForumTopic", maybe_sent: true });
    await host.sim.fault({ method: "createForumTopic", kind: "drop_after" });
    assert.deepEqual(JSON.parse(await ask("/topic")), { kind: "network", method: "createForumTopic", maybe_sent: true });
    assert.equal(JSON.parse(await ask("/direct")).kind, "timeout"); // that 429 still holds
    await host.sim.send(alice, "/failing");
    await host.line(/handler failed: scripts\/api\.lua:12: sendMessage: .*chat not found/);
  });
});

/* ---- the other side ---- */

describe("the Bot API server", { concurrency: 3 }, () => {
  const nothing = (t) => folder(t, hi).dir;

  test("it does not know the token", async (t) => {
    const env = environment({ url: place.database.url, base: place.sim.base, bot: 7 }, { BOT_TOKEN: "7:invalid" });
    const said = await new Host(["run", nothing(t)], { env }).fails();
    const errors = said.split("\n").filter((l) => / error /.test(l));
    assert.equal(errors.length, 1, said);
    assert.match(errors[0], /does not know this BOT_TOKEN.*401.*@BotFather/);
  });

  test("it stops knowing the token", async (t) => {
    const host = await startBot(t, place, hi, await apart(t));
    await host.sim.fault({ method: "getUpdates", kind: "error", status: 401, description: "Unauthorized" });
    await host.sim.send(alice, "/hi"); // so that it polls again
    const said = await host.fails();
    assert.match(said, /error host: .*does not know this BOT_TOKEN.*401/);
  });

  test("two bots with one token", async (t) => {
    const one = await startBot(t, place, hi);
    const two = await startBot(t, place, hi, { bot: one.bot, folder: one.folder, url: (await database(t)).url }); // they can't agree
    await until("one of them is told", () => /409|Conflict/.test(one.said + two.said));
    assert.match(one.said + two.said, /warn +poll: no updates: .*(another program|terminated by other)/);
    for (let i = 0; i < 5; i++) await one.sim.send(alice, "/hi");
    await two.stop();
    await one.sim.send(alice, "/hi");
    await one.sim.texts(alice, 6, 40000 * slow);
    assert.ok(one.running);
    assert.ok(complaints(one).length <= 12, one.said);
  });

  test("it is not there at the start, and goes away later", async (t) => {
    const port = await freePort();
    const host = await startBot(t, place, hi, { base: `http://127.0.0.1:${port}`, ready: false });
    await host.line(/warn +telegram: waiting for the Bot API at http:\/\/127\.0\.0\.1:\d+: .*(refused|connect)/i);
    const sim = await startSimulator(t, port);
    await host.line(/is running: /);
    await host.sim.send(alice, "/hi");
    await host.sim.texts(alice, 1);
    await sim.program.stop();
    await host.line(/warn +poll: no updates: .*; trying again in/);
    await sleep(2000);
    await startSimulator(t, port);
    await until("it polls again", () => host.sim.send(alice, "/hi").then(() => true, () => false), 40000 * slow);
    await host.sim.texts(alice, 1, 40000 * slow);
    await host.line(/info +poll: getting updates again/);
    assert.ok(complaints(host).length <= 4, host.said);
  });

  // A server that does what answer() says.
  async function serve(t, answer) {
    const server = createServer(answer).listen(0, "127.0.0.1");
    await once(server, "listening");
    atEnd(t, () => new Promise((closed) => { server.closeAllConnections(); server.close(closed); }));
    return `http://127.0.0.1:${server.address().port}`;
  }

  test("its updates hold bytes that are no text", async (t) => {
    const sent = [], offsets = [];
    const update = (id, text) => Buffer.concat([Buffer.from(message(`,"text":"`, id).slice(0, -2)), text, Buffer.from(`"}}`)]);
    const all = [[7, Buffer.from("/hi")], [8, Buffer.from([0xff])], [9, Buffer.from("/hi")], [10, Buffer.from([0xc0, 0xaf])],
      [11, Buffer.from([0xed, 0xa0, 0x80])], [12, Buffer.from("/hi")], [13, Buffer.from([0xf0, 0x9f])]];
    const base = await serve(t, async (request, response) => {
      const chunks = [];
      for await (const chunk of request) chunks.push(chunk);
      const method = request.url.split("/").at(-1), body = JSON.parse(Buffer.concat(chunks).toString() || "{}");
      if (method === "getMe") return response.end(`{"ok":true,"result":{"id":7,"is_bot":true,"first_name":"x","username":"x_bot"}}`);
      if (method === "sendMessage") sent.push(body.text);
      if (method !== "getUpdates") return response.end(`{"ok":true,"result":{}}`);
      offsets.push(body.offset);
      const due = all.filter(([id]) => id >= body.offset);
      if (!due.length) await sleep(100);
      const parts = due.flatMap(([id, text]) => [Buffer.from(","), update(id, text)]).slice(1);
      response.end(Buffer.concat([Buffer.from(`{"ok":true,"result":[`), ...parts, Buffer.from("]}")]));
    });
    const host = await startBot(t, place, hi, { base });
    await until("all are acknowledged", () => offsets.at(-1) === 14);
    assert.deepEqual(sent, ["hello", "hello", "hello"]);
    assert.equal(complaints(host).filter((l) => l.includes("is set aside")).length, 4, host.said);
  });

  test("it answers with what is no Bot API", async (t) => {
    const answers = [
      (_, r) => r.end("<html>It works!</html>"),
      (_, r) => { r.statusCode = 502; r.end("Bad gateway"); },
      (_, r) => r.end(`{"ok":true}`),
      (_, r) => r.end(`{"ok":"yes","result":{}}`),
      (_, r) => r.end(`[]`),
      (_, r) => r.end(""),
      (_, r) => { r.writeHead(302, { Location: "http://127.0.0.1:1/" }); r.end(); },
      (_, r) => r.socket.end("not HTTP at all\r\n\r\n"),
      (_, r) => { r.writeHead(200, { "Content-Length": "100" }); r.write("{"); r.socket.end(); },
    ];
    let i = 0;
    const base = await serve(t, (...args) => answers[i++ % answers.length](...args));
    const host = await startBot(t, place, hi, { base, ready: false });
    await until("it has tried", () => i >= 4, 40000 * slow);
    assert.ok(host.running, host.said);
    assert.match(host.said, /warn +telegram: waiting for the Bot API at/);
    assert.ok(!host.said.includes(tokenOf(host.bot)));
  });
});

describe("order", { concurrency: 2 }, () => {
  // Chats that send numbers; the handlers take a random time.
  const script = `${prelude}math = math
bot.hears("^n (%d+)$", function(ctx)
  time.sleep(math.random() * 0.02)
  ctx:reply("got " .. ctx.match[1])
end)
bot.catch(function(e, ctx) log.warn("caught " .. tostring(e)) end)`;

  async function people(sim, n) {
    const ids = [];
    for (let i = 0; i < n; i++) ids.push((await sim.post("person", { first_name: `P${i}`, username: `p_${sim.bot}_${i}` })).user.id);
    return ids;
  }

  const sendAll = async (sim, ids, n) => {
    for (let k = 0; k < n; k++) await Promise.all(ids.map((id) => sim.send(id, `n ${k}`)));
  };
  const numbers = (texts) => texts.map((x) => Number(x.split(" ")[1]));

  test("50 chats of 40 updates each", async (t) => {
    const host = await startBot(t, place, { "scripts/a.lua": script });
    const ids = await people(host.sim, 50);
    await sendAll(host.sim, ids, 40);
    for (const id of ids) assert.deepEqual(numbers(await host.sim.texts(id, 40, 60000 * slow)), [...Array(40).keys()]);
    await sleep(200);
    for (const id of ids) assert.equal((await host.sim.said(id)).length, 40);
  });

  test("with faults: getUpdates' lose nothing, sendMessage's fail that handler only", async (t) => {
    const host = await startBot(t, place, { "scripts/a.lua": script }, await apart(t));
    const ids = await people(host.sim, 20);
    const polling = [{ kind: "drop" }, { kind: "drop_after", times: 2 }, { kind: "error", status: 500 }, { kind: "garbage" }];
    const sending = [{ kind: "error", status: 429, retry_after: 1, times: 4 }, { kind: "error", status: 500, times: 3 }, { kind: "drop", times: 2 }];
    for (let round = 0; round < 4; round++) {
      await host.sim.fault({ method: "getUpdates", ...polling[round] });
      if (sending[round]) await host.sim.fault({ method: "sendMessage", ...sending[round] });
      for (let k = 0; k < 5; k++) await Promise.all(ids.map((id) => host.sim.send(id, `n ${round * 5 + k}`)));
      await until(`round ${round} is over`, async () => {
        const got = (await Promise.all(ids.map((id) => host.sim.said(id)))).flat().length;
        return got + (host.said.match(/caught/g)?.length ?? 0) >= 100 * (round + 1);
      }, 60000 * slow);
    }
    const caught = host.said.match(/caught .*/g) ?? [];
    const all = await Promise.all(ids.map((id) => host.sim.said(id)));
    assert.equal(all.flat().length + caught.length, 400);
    for (const texts of all) {
      const list = numbers(texts);
      assert.deepEqual(list, [...new Set(list)].sort((a, b) => a - b));
    }
    // A 429 is waited for; of a 500 and of a broken connection nobody knows.
    assert.ok(caught.length <= 5, caught.join("\n"));
    t.diagnostic(`${caught.length} sendMessage failed, as they should`);
    assert.ok(caught.length >= 3, "what may have been sent was passed on to the handlers");
  });
});
