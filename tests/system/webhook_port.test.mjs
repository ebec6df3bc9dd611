// What strangers may send to the webhook's port: raw sockets against the built
// program. Whatever it is, the answer is right, memory is bounded, the bot goes on.
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { after, test } from "node:test";
import { slow, startBot, world } from "./lib/host.mjs";
import { freePort, patience, sleep, until } from "./lib/program.mjs";
import { alice } from "./lib/simulator.mjs";

const place = world();
const secret = "what-only-Telegram-knows";
const script = `local bot = require "bot"
local time = require "time"
bot.command("say", "Say it", function(ctx) ctx:reply(ctx.args[1]) end)
bot.callback("last", function(ctx) ctx:answer("Thanks") end)
bot.callback("first", function(ctx) ctx:answer("At once") time.sleep(0.01) end)
bot.callback("twice", function(ctx) ctx:answer("one") ctx:answer("two") end)
bot.callback("fails", function(ctx) ctx:answer("Thanks") error("after it") end)
`;

let host, port, nextUpdate = 1_000_000, said = 0;

// All tests of this file have one bot: it must survive them all.
after(() => host?.running && host.kill("SIGKILL"));

test("it starts", async () => {
  port = await freePort();
  const file = { after: () => {} };
  host = await startBot(file, place, { "scripts/bot.lua": script }, {
    env: {
      // what is freed is given back at once, or memory would say nothing
      ASAN_OPTIONS: `${process.env.ASAN_OPTIONS ?? ""}:quarantine_size_mb=1:thread_local_quarantine_size_kb=64`,
      WEBHOOK_URL: `http://127.0.0.1:${port}/hook`, WEBHOOK_SECRET: secret, PORT: String(port), REQUEST_TIMEOUT_S: "2",
    },
  });
});

const update = (text) => JSON.stringify({
  update_id: nextUpdate++,
  message: {
    message_id: nextUpdate, date: 1, text, chat: { id: alice, type: "private" }, from: { id: alice, is_bot: false, first_name: "A" },
    entities: [{ type: "bot_command", offset: 0, length: text.split(" ")[0].length }],
  },
});

const press = (data) => JSON.stringify({
  update_id: nextUpdate++,
  callback_query: {
    id: String(nextUpdate), chat_instance: "1", data, from: { id: alice, is_bot: false, first_name: "A" },
    message: { message_id: 1, date: 1, chat: { id: alice, type: "private" } },
  },
});

const request = (body, { method = "POST", path = "/hook", token = secret, more = "", length = Buffer.byteLength(body) } = {}) =>
  `${method} ${path} HTTP/1.1\r\nHost: bot\r\n${token === null ? "" : `X-Telegram-Bot-Api-Secret-Token: ${token}\r\n`}` +
  `${more}Content-Length: ${length}\r\n\r\n${body}`;

// A connection that gathers what it hears.
async function dial() {
  const socket = connect(port, "127.0.0.1");
  socket.heard = "";
  socket.on("data", (d) => { socket.heard += d; });
  socket.on("error", () => {});
  await once(socket, "connect");
  return socket;
}

const answers = (text) => [...text.matchAll(/HTTP\/1\.1 (\d+) [^\r]*\r\n(?:[^\r]+\r\n)*\r\n/g)].map((m) => Number(m[1]));
const hears = (socket, n = 1, ms = patience) =>
  until(`${n} answers, not ${socket.heard.slice(0, 200)}`, () => answers(socket.heard).length >= n && socket.heard, ms);

// The status of the answer to one request.
async function status(bytes) {
  const socket = await dial();
  socket.write(bytes);
  await hears(socket);
  socket.destroy();
  return answers(socket.heard)[0];
}

// The bot goes on: it answers an update that Telegram sends.
async function works() {
  const text = `still here ${++said}`.replaceAll(" ", "_");
  await host.sim.send(alice, `/say ${text}`);
  await host.sim.text(alice, text);
}

test("who is not Telegram is turned away", async () => {
  assert.equal(await status(request(update("/say stranger"), { token: "what-only-Telegram-knowz" })), 401);
  assert.equal(await status(request(update("/say stranger"), { token: "" })), 401);
  assert.equal(await status(request(update("/say stranger"), { token: null })), 401);
  assert.equal(await status(request(update("/say stranger"), { token: `${secret}x` })), 401);
  assert.equal(await status(request(update("/say stranger"), { path: "/hook/" })), 404);
  assert.equal(await status(request(update("/say stranger"), { path: "/" })), 404);
  assert.equal(await status(request(update("/say stranger"), { method: "PUT" })), 405);
  assert.equal(await status("GET /hook HTTP/1.1\r\nHost: bot\r\n\r\n"), 405);
  assert.equal(await status(request("", { path: "/healthz" })), 405);
  assert.equal(await status("BREW /hook HTTP/1.1\r\n\r\n"), 405);
  await works();
  assert.ok(!(await host.sim.said(alice)).includes("stranger"));
});

test("what is no update", async () => {
  const whole = update("/say cut");
  assert.equal(await status(request(whole.slice(0, -5))), 400);
  assert.equal(await status(request("")), 400);
  assert.equal(await status(request("\0\0\0")), 400);
  assert.equal(await status(request("[".repeat(100000))), 400);
  assert.equal(await status(request(`{"a":"${"\xff".repeat(9)}`)), 400);
  // JSON, but no update: to refuse it would make Telegram repeat it for ever
  assert.equal(await status(request("{}")), 200);
  assert.equal(await status(request("[1,2]")), 200);
  assert.equal(await status(request('{"update_id":"x"}')), 200);
  assert.match(await until("the log", () => /is no update/.test(host.said) && host.said), /no update/);
  await works();
});

test("what is no HTTP", async () => {
  for (const [text, want] of [
    ["hello\r\n\r\n", 400], ["GET / HTTP/1.1\r\nA\r\n\r\n", 400], ["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505],
    ["\x16\x03\x01\x02\0\x01\0\r\n\r\n", 400], ["GET / HTTP/1.1\r\nA: \0\r\n\r\n", 400],
    [request("x", { length: -1 }), 400], [request("x", { length: "1e3" }), 400],
    [request("{}", { more: "Transfer-Encoding: chunked\r\n" }), 400],
  ]) assert.equal(await status(text), want, JSON.stringify(text));
  await works();
});

test("a megabyte of headers", async () => {
  const lines = Array.from({ length: 10000 }, (_, i) => `X-${i}: ${"a".repeat(100)}\r\n`).join("");
  assert.equal(await status(`GET /healthz HTTP/1.1\r\n${lines}\r\n`), 431);
  assert.equal(await status(`GET /healthz HTTP/1.1\r\nX: ${"a".repeat(1 << 20)}\r\n\r\n`), 431);
  assert.equal(await status(`GET /${"a".repeat(1 << 20)} HTTP/1.1\r\n\r\n`), 431);
  await works();
});

test("a body of 100 MB is refused, and not kept", async () => {
  const before = host.memory;
  const piece = Buffer.alloc(1 << 20, "x");
  for (const head of [
    request("", { length: 100 << 20 }), request("", { length: 100 << 20, token: "wrong" }),
    request("").replace(/Content-Length: 0/, "Transfer-Encoding: chunked"),
  ]) {
    const socket = await dial();
    socket.write(head);
    for (let i = 0; i < 100 && !socket.closed && socket.writable; i++) {
      if (/chunked/.test(head)) socket.write("100000\r\n");
      if (!socket.write(piece)) await Promise.race([once(socket, "drain").catch(() => {}), once(socket, "close"), sleep(2000)]);
      if (/chunked/.test(head)) socket.write("\r\n");
    }
    assert.equal(answers(await hears(socket))[0], 413);
    socket.destroy();
  }
  assert.ok(host.memory - before < 30_000, `${before} → ${host.memory} KiB`);
  await works();
});

test("slow headers: a deadline for the whole request, and for its body", async () => {
  const sockets = await Promise.all(Array.from({ length: 20 }, dial));
  const began = Date.now();
  sockets.forEach((s, i) => s.write(i % 2 ? "POST /hook HTTP/1.1\r\nX-Slow: " : request("", { length: 1000 })));
  const drip = setInterval(() => sockets.forEach((s) => s.writable && s.write("a")), 100);
  try {
    await works();
    for (const socket of sockets) assert.equal(answers(await hears(socket))[0], 408);
    assert.ok(Date.now() - began >= 1900);
  } finally {
    clearInterval(drip);
    sockets.forEach((s) => s.destroy());
  }
  await works();
});

test("500 idle connections: the oldest make room", async () => {
  const before = host.memory;
  const sockets = [];
  for (let i = 0; i < 500; i++) sockets.push(await dial());
  await works();
  await until("some are closed", () => sockets.filter((s) => s.closed).length >= 244);
  assert.ok(!sockets[499].closed);
  sockets[499].write("GET /healthz HTTP/1.1\r\n\r\n");
  assert.equal(answers(await hears(sockets[499]))[0], 200);
  // and 500 that have begun a request
  const slow500 = [];
  for (let i = 0; i < 500; i++) {
    slow500.push(await dial());
    slow500[i].write("GET /healthz HTTP/1.1\r\nX-Slow: ");
  }
  assert.equal(await status("GET /healthz HTTP/1.1\r\n\r\n"), 200);
  await works();
  [...sockets, ...slow500].forEach((s) => s.destroy());
  assert.ok(host.memory - before < 60_000, `${before} → ${host.memory} KiB`);
  await works();
});

test("pipelined: each gets its answer, in order", async () => {
  const socket = await dial();
  const texts = Array.from({ length: 30 }, (_, i) => `pipelined${i}`);
  socket.write(texts.map((text) => request(update(`/say ${text}`))).join("") +
    request("{") + request(update("/say after")));
  await hears(socket, 31);
  assert.deepEqual(answers(socket.heard).slice(0, 31), [...Array(30).fill(200), 400]);
  socket.destroy();
  const all = await until("all of them", async () => {
    const seen = (await host.sim.said(alice)).filter((text) => text.startsWith("pipelined"));
    return seen.length >= 30 && seen;
  });
  assert.deepEqual(all, texts);
});

test("pipelined without end, and no answer read", async () => {
  const socket = await dial();
  socket.pause();
  const many = "GET /healthz HTTP/1.1\r\n\r\n".repeat(10000);
  const before = host.memory;
  socket.setMaxListeners(100);
  for (let i = 0; i < 60; i++) if (!socket.write(many)) await Promise.race([once(socket, "drain"), sleep(50 * slow)]);
  await works();
  const after = host.memory;
  socket.destroy();
  assert.ok(after - before < 30_000, `${before} → ${after} KiB`);
  await works();
});

test("a handler's last call is in the answer", async () => {
  const answer = async (data) => {
    const socket = await dial();
    socket.write(request(press(data)));
    await hears(socket);
    const [head, ...body] = socket.heard.split("\r\n\r\n");
    socket.destroy();
    return { head, body: body.join("\r\n\r\n") };
  };
  const last = await answer("last");
  assert.match(last.head, /^HTTP\/1\.1 200 /);
  assert.match(last.head, /content-type: application\/json/i);
  const { method, text, callback_query_id: id } = JSON.parse(last.body);
  assert.deepEqual([method, text, typeof id], ["answerCallbackQuery", "Thanks", "string"]);
  assert.equal(JSON.parse((await answer("fails")).body).text, "Thanks");
  // what comes before something else goes as a call of its own
  const calls = async (text) => (await host.sim.calls("answerCallbackQuery")).filter((c) => c.params.text === text).length;
  assert.equal((await answer("first")).body, "");
  await until("the call", async () => await calls("At once") === 1);
  assert.equal((await answer("twice")).body, "");
  await until("both calls", async () => await calls("one") === 1 && await calls("two") === 1);
  assert.equal(await calls("Thanks"), 0);
});

test("at its end it takes no more, and says so", async () => {
  const socket = await dial(), more = await dial();
  await works();
  socket.write(request(update("/say last_words")));
  await hears(socket);
  host.kill("SIGTERM");
  more.write(request(update("/say too_late")));
  await until("an end", () => more.closed || answers(more.heard).length);
  if (answers(more.heard).length && answers(more.heard)[0] !== 200) assert.match(more.heard, / 503 [^]*Connection: close/);
  const { code } = await host.end();
  assert.equal(code, 0, host.said);
  assert.doesNotMatch(host.said, /AddressSanitizer|Assertion/);
});
