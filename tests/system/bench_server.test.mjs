// The load server that bin/bench measures with must see what a bot does wrong.
import assert from "node:assert/strict";
import { connect } from "node:net";
import { dirname, join } from "node:path";
import { test as nodeTest } from "node:test";
import { fileURLToPath } from "node:url";
import { startLoadServer } from "../bench/load_server.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const build = process.env.MOONPOST ? dirname(process.env.MOONPOST) : join(here, "../../build/dev");
const program = join(build, "tests/bench/bench_botapi");

const test = (name, run) => nodeTest(name, { timeout: 60000 }, run);

async function withServer(options, run) {
  const server = await startLoadServer(program, options);
  try {
    return await run(server);
  } finally {
    await server.stop();
  }
}

const json = (params) => ({
  body: JSON.stringify(params),
  headers: { "content-type": "application/json" },
});

async function call(server, method, params = {}, encode = json) {
  const answer = await fetch(`${server.url}/bot1:x/${method}`, { method: "POST", ...encode(params) });
  return answer.json();
}

// The limit that each chat should be told: what botapi.c itself puts into the
// database, seen here through the answers it accepts, would prove nothing.
function limitOf(chatId) {
  const chat = chatId > 0 ? (chatId - 2 ** 51) / 1048573 : (-chatId - 1001200000000) / 907;
  return chat % 4 === 3 ? 5 : 6 + ((chat * 7) % 990);
}

function rightReply(message) {
  const mark = message.text.split(" ")[1];
  const text = `Limit: ${limitOf(message.chat.id)}${mark ? ` ${mark}` : ""}`;
  return { chat_id: message.chat.id, text };
}

async function takeAll(server, limit = 100) {
  const messages = [];
  let offset = 0;
  for (;;) {
    const { result } = await call(server, "getUpdates", { offset, limit });
    if (result.length === 0) return messages;
    messages.push(...result.map((update) => update.message));
    offset = result.at(-1).update_id + 1;
  }
}

// Answer the whole load with what change() makes of the right replies.
async function runBot(options, change, encode = json) {
  return withServer(options, async (server) => {
    await server.release();
    const replies = (await takeAll(server)).map(rightReply);
    for (const reply of change(replies)) await call(server, "sendMessage", reply, encode);
    return server.report(0);
  });
}

function counts(report) {
  const { right, wrong, duplicates, missing, out_of_order, strange } = report;
  return { right, wrong, duplicates, missing, out_of_order, strange };
}

const clean = { right: 40, wrong: 0, duplicates: 0, missing: 0, out_of_order: 0, strange: 0 };
const load = { updates: 40, chats: 8 }; // five for each chat

test("a bot without a fault has none", async () => {
  const report = await runBot(load, (replies) => replies);
  assert.deepEqual(counts(report), clean);
  assert.equal(report.served, 40);
  assert.equal(report.redelivered, 0);
  assert.deepEqual(report.examples, []);
  assert.ok(report.seconds > 0 && report.latency_ms.p50 > 0);
});

test("a lost reply is missing, wherever it was", async () => {
  for (const lost of [0, 7, 39]) {
    const report = await runBot(load, (replies) => replies.filter((_, i) => i !== lost));
    assert.deepEqual(counts(report), { ...clean, right: 39, missing: 1 }, `reply ${lost}`);
  }
});

test("a second reply is a duplicate, with a mark and without", async () => {
  for (const marked of [true, false]) {
    const report = await runBot(load, (replies) => {
      const twice = replies.findLast((reply) => / n/.test(reply.text) === marked);
      return [...replies, twice];
    });
    assert.deepEqual(counts(report), { ...clean, duplicates: 1 }, `marked: ${marked}`);
  }
});

test("two replies of a chat in the wrong order are seen", async () => {
  const report = await runBot(load, (replies) => {
    const chat = replies[0].chat_id;
    const [first, second] = replies.flatMap((r, i) => (r.chat_id === chat ? [i] : []));
    const swapped = [...replies];
    [swapped[first], swapped[second]] = [replies[second], replies[first]];
    return swapped;
  });
  const { out_of_order, ...others } = counts(report);
  assert.deepEqual({ ...others, out_of_order: 0 }, clean);
  assert.ok(out_of_order >= 1); // unmarked replies look alike: one may count twice
  assert.match(report.examples[0], /^out of order: chat/);
});

test("order between chats is free", async () => {
  const byChat = (a, b) => a.chat_id - b.chat_id; // sort() is stable
  const report = await runBot(load, (replies) => [...replies].sort(byChat));
  assert.deepEqual(counts(report), clean);
});

test("a wrong text is wrong: another chat's limit, the default, no text", async () => {
  for (const text of ["Limit: 4", "Limit: 5000", "Limit:", "", "Limit: 6 x", "Limit: null"]) {
    const report = await runBot(load, (replies) => {
      return replies.map((reply, i) => (i === 3 ? { ...reply, text } : reply));
    });
    assert.deepEqual(counts(report), { ...clean, right: 39, wrong: 1 }, `text "${text}"`);
  }
});

test("a reply to somebody else is strange", async () => {
  const report = await runBot(load, ([first, ...rest]) => [{ ...first, chat_id: 12345 }, ...rest]);
  assert.deepEqual(counts(report), { ...clean, right: 39, missing: 1, strange: 1 });
});

test("form and multipart bodies are read, and chat_id as a string", async () => {
  const form = (params) => ({ body: new URLSearchParams(params) });
  const multipart = (params) => {
    const body = new FormData();
    for (const [name, value] of Object.entries(params)) body.set(name, String(value));
    return { body };
  };
  const escaped = ({ chat_id, text }) => ({
    body: `{ "x": [{"text": "no"}], "chat_id" : "${chat_id}","text":"\\u004c${text.slice(1)}"}`,
    headers: { "content-type": "application/json; charset=utf-8" },
  });
  for (const encode of [form, multipart, escaped]) {
    const report = await runBot(load, (replies) => replies, encode);
    assert.deepEqual(counts(report), clean, encode.name);
  }
});

test("getUpdates keeps to Telegram's offset rules", () =>
  withServer({ ...load, "first-id": 500 }, async (server) => {
    const get = async (params) =>
      (await call(server, "getUpdates", params)).result.map((update) => update.update_id);
    assert.deepEqual(await get({}), []);
    await server.release();
    assert.deepEqual(await get({ limit: 3 }), [500, 501, 502]);
    assert.deepEqual(await get({ limit: 3 }), [500, 501, 502]); // nothing confirmed
    assert.deepEqual(await get({ limit: 2, offset: 502 }), [502, 503]);
    assert.deepEqual(await get({ limit: 1, offset: 0 }), [502]);
    assert.deepEqual(await get({ offset: -2 }), [538, 539]);
    assert.deepEqual(await get({ offset: 500 }), [538, 539]); // -2 confirmed the others
    assert.deepEqual(await get({ offset: 540 }), []);
    assert.deepEqual(await get({}), []);
    const report = await server.report(0);
    assert.equal(report.served, 6);
    assert.equal(report.redelivered, 7);
  }));

test("a poll waits for the release, a second one ends it with 409", () =>
  withServer(load, async (server) => {
    const first = call(server, "getUpdates", { timeout: 50 });
    while (!(await server.status()).polling);
    const second = call(server, "getUpdates", { timeout: 50 });
    assert.equal((await first).error_code, 409);
    while (!(await server.status()).polling);
    await server.release();
    assert.equal((await second).result.length, 40);
  }));

test("--rate paces the load, --delay-ms the answers", () =>
  withServer({ ...load, rate: 4, "delay-ms": 30 }, async (server) => {
    await server.release();
    const { result } = await call(server, "getUpdates", { timeout: 5 });
    assert.ok(result.length >= 1 && result.length < 20, `${result.length} at once`);
    const started = performance.now();
    await call(server, "sendMessage", rightReply(result[0].message));
    assert.ok(performance.now() - started > 29);
  }));

test("two open calls for one chat are counted as overlapping", () =>
  withServer({ updates: 2, chats: 1, "delay-ms": 1000 }, async (server) => {
    await server.release();
    const replies = (await takeAll(server)).map(rightReply);
    await Promise.all(replies.map((reply) => call(server, "sendMessage", reply)));
    assert.equal((await server.report(0)).overlapped, 1);
  }));

test("report waits for the last reply and knows the CPU time of a process", () =>
  withServer(load, async (server) => {
    await server.release(process.pid);
    const asked = performance.now();
    const report = server.report(50);
    for (const message of await takeAll(server, 7))
      await call(server, "sendMessage", rightReply(message));
    const { right, cpu_us, seconds } = await report;
    assert.ok(performance.now() - asked < 49000, "it waited although all was answered");
    assert.equal(right, 40);
    assert.ok(cpu_us > 1000 && cpu_us < (seconds + 1) * 4e6, `${cpu_us} µs`);
  }));

test("after a reset the load comes again with ids that follow", () =>
  withServer({ ...load, "first-id": 500 }, async (server) => {
    await server.release();
    await takeAll(server);
    await server.reset();
    assert.deepEqual((await call(server, "getUpdates")).result, []);
    await server.release();
    const { result } = await call(server, "getUpdates", { offset: 540 });
    assert.equal(result[0].update_id, 540);
    assert.equal((await server.report(0)).served, 40);
  }));

test("requests may come in pieces, together, chunked, and get answers in order", () =>
  withServer(load, async (server) => {
    const socket = connect(new URL(server.url).port, "127.0.0.1");
    let text = "";
    socket.on("data", (data) => (text += data));
    const closed = new Promise((done) => socket.on("close", done));
    const chunked =
      "POST /bot1:x/setMyCommands HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" +
      'Content-Type: application/json\r\n\r\nf\r\n{"commands":[1]\r\n1;x=y\r\n}\r\n0\r\n\r\n';
    const all = `${chunked}GET /bot1:x/getMyCommands HTTP/1.1\r\n\r\nGET /bench/nothing HTTP/1.1\r\nConnection: close\r\n\r\n`;
    for (let i = 0; i < all.length; i += 50) {
      socket.write(all.slice(i, i + 50));
      await new Promise((done) => setTimeout(done, 2));
    }
    await closed;
    const bodies = text.split("\r\n\r\n").slice(1).map((part) => part.split("HTTP/1.1")[0]);
    assert.deepEqual(bodies, [
      '{"ok":true,"result":true}',
      '{"ok":true,"result":[1]}',
      '{"error":"not found"}',
    ]);
  }));
