// 200 saves, a third of them broken, while 1,000 updates a second come: no update is
// lost or answered twice, none is handled by half of one loading and half of another,
// and memory is what it was.
import assert from "node:assert/strict";
import { closeSync, openSync, writeSync } from "node:fs";
import { test } from "node:test";
import { BotServer } from "./lib/bot_server.mjs";
import { database, startBot, slow } from "./lib/host.mjs";
import { sleep, until } from "./lib/program.mjs";

const CHATS = 200;
const PER_S = Math.ceil(1000 / slow);
const SAVES = 200;

// A Bot API server that makes updates as time goes by, and notes the answers.
class StreamingServer extends BotServer {
  updates = []; // not acknowledged
  next = 1;
  polls = [];
  made = 0;
  answers = new Map(); // number of the update → what was said about it
  twice = [];
  last = new Map(); // chat → the newest version that answered there
  wrong = [];

  take(req, res) {
    const parts = [];
    req.on("data", (part) => parts.push(part));
    req.on("end", () => {
      const method = req.url.split("/").pop();
      const answer = (result) => {
        res.setHeader("Content-Type", "application/json");
        res.end(JSON.stringify({ ok: true, result }));
      };
      const parameters = parts.length ? JSON.parse(Buffer.concat(parts).toString()) : {};
      if (method === "getMe") return answer({ id: 1, is_bot: true, first_name: "Load", username: "load_bot" });
      if (method === "getWebhookInfo") return answer({ url: "", pending_update_count: 0 });
      if (method === "getUpdates") return this.poll(parameters, answer, req);
      if (method === "sendMessage") this.note(parameters);
      return answer(method === "sendMessage" ? { message_id: 1, date: 1, chat: { id: parameters.chat_id, type: "private" } } : true);
    });
  }

  poll({ offset = 0, timeout = 0 }, answer) {
    while (this.updates.length && this.updates[0].update_id < offset) this.updates.shift();
    if (this.updates.length || !timeout || this.stopped) return answer(this.updates.slice(0, 100));
    this.polls.push(() => answer(this.updates.slice(0, 100)));
  }

  // n more updates.
  make(n) {
    for (let i = 0; i < n; i++, this.made++) {
      const chat = 1000 + this.made % CHATS;
      this.updates.push({ update_id: this.next++, message: { message_id: 1, date: 1, text: `/n ${this.made}`,
        entities: [{ type: "bot_command", offset: 0, length: 2 }], chat: { id: chat, type: "private" },
        from: { id: chat, is_bot: false, first_name: "A" } } });
    }
    for (const poll of this.polls.splice(0)) poll();
  }

  // "17 v4 v4 v4": the update, and the version that each of three files had.
  note({ chat_id: chat, text }) {
    const [number, ...versions] = text.split(" ");
    if (this.answers.has(number)) this.twice.push(text);
    this.answers.set(number, text);
    const version = Number(versions[0].slice(1));
    if (new Set(versions).size !== 1 || versions.length !== 4) this.wrong.push(text);
    if (version < (this.last.get(chat) ?? 0)) this.wrong.push(`${text} after v${this.last.get(chat)}`);
    this.last.set(chat, version);
  }

  async stop() {
    for (const poll of this.polls.splice(0)) poll();
    await super.stop();
  }
}

// Four files that each know the version.
const files = (v) => ({
  "scripts/0.lua": `local bot = require "bot"\nbot.use(function(ctx, next) ctx.first = "v${v}" next() end)\n`,
  "scripts/lib/words.lua": `return { version = "v${v}" }\n`,
  "defaults/a.lua": `return { version = "v${v}" }\n`,
  "scripts/a.lua": `local bot = require "bot"
local time, words = require "time", require "words"
bot.command("n", "Say the version", function(ctx)
  if tonumber(ctx.args[1]) % 10 == 0 then time.sleep(0.05) end
  ctx:reply(("%s %s %s %s v${v}"):format(ctx.args[1], ctx.first, words.version, ctx.config.a.version))
end)
`,
});

// Every third save has a mistake, in one file or another.
function broken(v) {
  const all = files(v);
  const [file, mistake] = [
    ["scripts/a.lua", "local = 1\n"], ["scripts/0.lua", "error('while it is loaded')\n"], ["scripts/lib/words.lua", "return {\n"],
    ["defaults/a.lua", "return 5\n"], ["scripts/a.lua", `require("bot").command("n", "Twice", function() end)\n`],
  ][v % 5];
  all[file] = file === "defaults/a.lua" || file.includes("lib") ? mistake : all[file] + mistake;
  return all;
}

// All files are one save, however long this process is kept from going on between
// two of them: while a file is open for writing, what is in the folder is not whole.
async function save(folder, all, v) {
  const saving = openSync(folder.path("scripts/.saving"), "w");
  for (const [name, text] of Object.entries(all)) {
    if (v % 4) {
      folder.replace(name, text); // a new file over the old one
      continue;
    }
    const fd = openSync(folder.path(name), "w"); // in two writes
    writeSync(fd, text.slice(0, text.length / 2));
    await sleep(2);
    writeSync(fd, text.slice(text.length / 2));
    closeSync(fd);
  }
  closeSync(saving);
  folder.remove("scripts/.saving");
}

test("200 saves while 1,000 updates/s come", { timeout: 500000 * slow }, async (t) => {
  const server = await new StreamingServer().start();
  t.after(() => server.stop());
  const { url } = await database(t);
  const none = { ASAN_OPTIONS: `${process.env.ASAN_OPTIONS ?? ""}:quarantine_size_mb=0:thread_local_quarantine_size_kb=0` };
  const many = { PACE_BOT_PER_S: "1000000", PACE_CHAT_PER_S: "1000000", PACE_CHAT_BURST: "1000000" };
  const host = await startBot(t, {}, files(0), { base: server.base, url, bot: 1, env: { ...none, ...many } });
  let going = true;
  const streaming = (async () => {
    let before = performance.now();
    let owed = 0;
    while (going) {
      await sleep(5);
      const now = performance.now();
      owed += (now - before) * PER_S / 1000;
      before = now;
      // a slow machine gets as many as it can do
      if (server.made - server.answers.size < 2 * PER_S) server.make(Math.floor(owed));
      owed %= 1;
    }
  })();
  const begun = performance.now();
  let memory = 0;
  const told = () => host.said.match(/reload: reloaded in|not reloaded/g)?.length ?? 0;
  for (let v = 1; v <= SAVES; v++) {
    const before = told();
    await save(host.folder, v % 3 ? files(v) : broken(v), v);
    await sleep(30 + (v % 7) * 5);
    // a slow machine may take several as one: of every second one it is waited for
    if (v % 2) await until("it is told of", () => told() > before);
    if (v === 50) memory = host.memory;
  }
  const seconds = (performance.now() - begun) / 1000;
  going = false;
  await streaming;
  const unanswered = () => [...Array(server.made).keys()].filter((n) => !server.answers.has(String(n)));
  const others = () => host.said.replace(/.* reload: .*\n( .*\n)*/g, "").slice(-3000);
  const missing = { toString: () => `answers to ${unanswered().slice(0, 200)}, of ${server.made}; ${server.updates.length} of them with the server; it said:\n${others()}` };
  let known = 0, since = Date.now(); // as long as it goes on, it is waited for
  await until(missing, () => {
    if (server.answers.size > known) [known, since] = [server.answers.size, Date.now()];
    assert.ok(Date.now() - since < 60000 * slow, `${missing}`);
    return known >= server.made;
  }, 600000 * slow);
  await until("the last good one is loaded", () => /reload: [^\n]+\n$/.test(host.said));
  const grown = host.memory - memory;
  const good = host.said.match(/reload: reloaded in/g)?.length ?? 0, bad = host.said.match(/not reloaded/g)?.length ?? 0;
  t.diagnostic(`${server.made} updates in ${seconds.toFixed(1)} s, ${good} reloads, ${bad} refused, ${grown} KiB more`);
  assert.deepEqual(server.wrong.slice(0, 5), []);
  assert.deepEqual(server.twice.slice(0, 5), []);
  assert.equal(server.answers.size, server.made);
  assert.ok(good > SAVES / 5 && bad > SAVES / 12, `${good} reloads, ${bad} refused`);
  assert.doesNotMatch(host.said, /handler failed/);
  assert.ok(grown < 8192, `grew by ${grown} KiB`);
  // what they answer with now is the last good version
  server.make(1);
  const last = SAVES % 3 ? SAVES : SAVES - 1;
  await until("one more", () => server.answers.get(String(server.made - 1)));
  assert.match(server.answers.get(String(server.made - 1)), new RegExp(` v${last}$`));
});
