// A group becomes a supergroup: what belongs to it moves to the new id, whichever
// news comes first.
import assert from "node:assert/strict";
import { once } from "node:events";
import http from "node:http";
import { describe, test } from "node:test";
import { database, folder, query, slow, startBot, world } from "./lib/host.mjs";
import { atEnd, sleep, until } from "./lib/program.mjs";
import { alice } from "./lib/simulator.mjs";

const files = {
  "defaults/flood.lua": "return { max = option.integer{ default = 5, min = 1, max = 100 } }",
  "defaults/welcome.lua": "return { text = 'hello' }",
  "migrations/schema/0001_warnings.sql": `CREATE TABLE warnings (chat_id BIGINT, user_id BIGINT, n INT, PRIMARY KEY (chat_id, user_id));
COMMENT ON COLUMN warnings.chat_id IS 'how often; moonpost:chat';
CREATE TABLE other (chat_id BIGINT);`,
  "scripts/a.lua": `local bot = require "bot"
local time = require "time"
bot.command("get", "x", function(ctx) ctx:reply("max " .. ctx.config.flood.max .. " " .. ctx.config.welcome.text) end)
bot.command("set", "x", function(ctx)
  ctx.config.flood.max = tonumber(ctx.args[1])
  ctx:reply("saved " .. ctx.config.flood.max)
end)
bot.command("text", "x", function(ctx) ctx.config.welcome.text = ctx.args[1] ctx:reply("text " .. ctx.args[1]) end)
bot.command("slow", "x", function(ctx)
  ctx.config.flood.max = ctx.config.flood.max + 1
  ctx:reply("slow begins")
  time.sleep(tonumber(ctx.args[1]))
  ctx.config.welcome.text = "slow"
  ctx:reply("slow ends")
end)
bot.command("far", "x", bot.concurrent(function(ctx)
  local max = ctx.config.flood.max
  ctx:reply("far begins")
  time.sleep(tonumber(ctx.args[1]))
  ctx.config.welcome.text = "far"
  ctx:reply("far ends " .. max)
end))
bot.command("tell", "x", function(ctx)
  ctx.api.sendMessage{ chat_id = tonumber(ctx.args[1]), text = "told" }
end)`,
};

const server = process.env.MOONPOST_TEST_DATABASE_URL;
const old = -500, now = -1000000000500;

// A Bot API server that gives the updates it is told to, and knows which chats have moved.
class Api {
  constructor() {
    this.updates = [];
    this.sent = []; // { chat, text }
    this.refused = 0;
    this.moved = new Map();
    this.id = 100;
    this.offset = 0;
  }

  async start(t) {
    this.server = http.createServer((req, res) => {
      const parts = [];
      req.on("data", (d) => parts.push(d));
      req.on("end", () => this.take(req.url.split("/").pop(), parts.length ? JSON.parse(Buffer.concat(parts)) : {}, res));
    }).listen(0, "127.0.0.1");
    await once(this.server, "listening");
    this.base = `http://127.0.0.1:${this.server.address().port}`;
    atEnd(t, () => { this.server.closeAllConnections(); this.server.close(); });
    return this;
  }

  async take(method, parameters, res) {
    const answer = (status, body) => { res.writeHead(status, { "Content-Type": "application/json" }); res.end(JSON.stringify(body)); };
    const ok = (result) => answer(200, { ok: true, result });
    const chat = Number(parameters.chat_id);
    if (method === "getMe") return ok({ id: 77, is_bot: true, first_name: "M", username: "moves_bot" });
    if (method === "getWebhookInfo") return ok({ url: "", pending_update_count: 0 });
    if (method === "getUpdates") {
      this.offset = Math.max(this.offset, parameters.offset ?? 0);
      for (const end = Date.now() + Math.min(parameters.timeout ?? 0, 1) * 1000; ; await sleep(5)) {
        const list = this.updates.filter((u) => u.update_id >= this.offset);
        if (list.length || Date.now() >= end) return ok(list);
      }
    }
    if (method === "sendMessage") {
      if (this.moved.has(chat)) {
        this.refused++;
        return answer(400, { ok: false, error_code: 400, description: "Bad Request: group chat was upgraded to a supergroup chat", parameters: { migrate_to_chat_id: this.moved.get(chat) } });
      }
      this.sent.push({ chat, text: parameters.text });
      return ok({ message_id: this.sent.length, date: 1, chat: { id: chat, type: "group" }, text: parameters.text });
    }
    return ok(true);
  }

  put(chat, message) {
    this.updates.push({ update_id: ++this.id, message: { message_id: this.id, date: 1, chat: { id: chat, type: chat < -1e12 ? "supergroup" : "group", title: "G" },
      from: { id: 7, is_bot: false, first_name: "A" }, ...message } });
    return this.id;
  }

  say(chat, text) {
    return this.put(chat, { text, entities: [{ type: "bot_command", offset: 0, length: text.split(" ")[0].length }] });
  }

  texts(chat) {
    return this.sent.filter((s) => s.chat === chat).map((s) => s.text);
  }

  async asked(chat, text, at = chat) {
    const before = this.texts(at).length;
    this.say(chat, text);
    return (await until(`an answer to ${text}`, () => this.texts(at).length > before && this.texts(at), 20000 * slow))[before];
  }

  upgrade(...news) {
    this.moved.set(old, now);
    for (const one of news) one === "to" ? this.put(old, { migrate_to_chat_id: now }) : this.put(now, { migrate_from_chat_id: old });
  }
}

async function start(t, { env = {}, db } = {}) {
  db ??= await database(t);
  const api = await new Api().start(t);
  const options = { url: db.url, base: api.base, bot: 77, folder: folder(t, files), env: { POLL_TIMEOUT_S: "1", PACE_CHAT_PER_S: "1000000", PACE_GROUP_PER_MIN: "1000000", ...env } };
  const host = await startBot(t, undefined, files, options);
  return { db, api, host, options };
}

const configs = (db) => db.query("SELECT chat_id::float8 AS chat, config FROM chat_configs ORDER BY 1");
const history = async (db, chat) => (await db.query("SELECT config FROM config_history WHERE chat_id = $1 ORDER BY revision", [chat])).map((h) => h.config);
const moved = /chat -500 is -1000000000500 now: its settings/g;

describe("chats that move", { concurrency: 3 }, () => {
  for (const order of [["to", "from"], ["from", "to"], ["to"], ["from"]]) {
    test(`news: ${order.join(", ")}: settings, history and a table move, once`, async (t) => {
      const { db, api, host, options } = await start(t);
      await api.asked(old, "/set 21");
      await api.asked(old, "/set 22");
      await db.query("INSERT INTO warnings SELECT $1, n, n FROM generate_series(1, 3) AS n", [old]);
      await db.query("INSERT INTO warnings VALUES ($1, 2, 9)", [now]);
      await db.query("INSERT INTO other VALUES ($1)", [old]);
      api.upgrade(...order);
      assert.equal(await api.asked(now, "/get"), "max 22 hello");
      assert.deepEqual(await configs(db), [{ chat: now, config: { flood: { max: 22 } } }]);
      assert.deepEqual(await history(db, now), [{ flood: { max: 21 } }, { flood: { max: 22 } }]);
      assert.deepEqual(await db.query("SELECT chat_id::float8 AS chat, user_id::int AS u, n FROM warnings ORDER BY 2, 3"),
        [{ chat: now, u: 1, n: 1 }, { chat: old, u: 2, n: 2 }, { chat: now, u: 2, n: 9 }, { chat: now, u: 3, n: 3 }]);
      assert.deepEqual(await db.query("SELECT chat_id::int AS chat FROM other"), [{ chat: old }]);
      await host.line(/1 rows stayed with the old id: warnings: duplicate key/);

      assert.equal(await api.asked(now, "/set 30"), "saved 30");
      // what is still said in the old chat's name is of the new one
      assert.equal(await api.asked(old, "/get", now), "max 30 hello");
      assert.equal(await api.asked(old, "/set 31", now), "saved 31");
      assert.equal(await api.asked(now, "/get"), "max 31 hello");
      assert.deepEqual((await configs(db)).map((c) => c.chat), [now]);
      await host.stop();
      assert.equal(host.said.match(moved).length, 1, host.said);
      assert.equal(api.refused, 0); // the host knew by itself
      assert.equal(api.offset, api.id + 1); // all is acknowledged

      await startBot(t, undefined, files, options); // and the next one knows from the database
      assert.equal(await api.asked(old, "/get", now), "max 31 hello");
      assert.equal(api.refused, 0);
    });
  }

  test("the new chat has settings already: the old one fills what it has not set", async (t) => {
    const { db, api } = await start(t);
    await api.asked(old, "/set 21");
    await api.asked(old, "/text old");
    await api.asked(now, "/set 40");
    api.upgrade("from", "to");
    assert.equal(await api.asked(now, "/get"), "max 40 old");
    assert.deepEqual(await history(db, now), [{ flood: { max: 21 } }, { flood: { max: 21 }, welcome: { text: "old" } }, { flood: { max: 40 } }]);
  });

  test("a 400 is the news: answered once, in the new chat", async (t) => {
    const { db, api, host } = await start(t);
    await api.asked(old, "/set 21");
    api.upgrade();
    api.say(alice, `/tell ${old}`);
    await until("it was told", () => api.texts(now).length);
    await host.line(moved);
    assert.deepEqual(await configs(db), [{ chat: now, config: { flood: { max: 21 } } }]);
    api.say(alice, `/tell ${old}`);
    await until("it was told", () => api.texts(now).length === 2);
    assert.equal(await api.asked(now, "/get"), "max 21 hello");
    assert.deepEqual(api.texts(now), ["told", "told", "max 21 hello"]);
    assert.equal(api.refused, 1);
  });

  test("tasks that run meanwhile: what they write goes along", async (t) => {
    const { db, api } = await start(t);
    await api.asked(old, "/set 21");
    api.say(old, "/slow 1");
    await until("it begins", () => api.texts(old).includes("slow begins"));
    api.upgrade("from", "to");
    assert.equal(await api.asked(now, "/get"), "slow ends");
    await until("it was asked", () => api.texts(now).length === 2);
    assert.deepEqual(api.texts(now), ["slow ends", "max 22 slow"]);
    assert.deepEqual(await configs(db), [{ chat: now, config: { flood: { max: 22 }, welcome: { text: "slow" } } }]);
  });

  for (const stored of [true, false]) {
    test(`a task beside its lane: what it writes after the move is the new chat's; the old one had ${stored ? "settings" : "none"}`, async (t) => {
      const { db, api } = await start(t);
      if (stored) await api.asked(old, "/set 21");
      api.say(old, "/far 1");
      await until("it begins", () => api.texts(old).includes("far begins"));
      api.upgrade("to", "from");
      assert.equal(await api.asked(now, "/set 22"), "saved 22");
      await until("it ends", () => api.texts(now).includes(`far ends ${stored ? 21 : 5}`));
      assert.deepEqual(await configs(db), [{ chat: now, config: { flood: { max: 22 }, welcome: { text: "far" } } }]);
    });
  }

  test("the database is away: both wait, and the update is not acknowledged", async (t) => {
    const { db, api, host, options } = await start(t, { env: { DATABASE_TIMEOUT_MS: "500" } });
    await api.asked(old, "/set 21");
    const admit = (yes) => query(server, `ALTER DATABASE ${db.name} ALLOW_CONNECTIONS ${yes}; SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${db.name}'`);
    await admit(false);
    const news = api.id + 1;
    api.upgrade("to");
    await host.line(/moving what is its: .*; trying again, both chats wait/, 20000 * slow);
    assert.ok(api.offset <= news, `${api.offset}`);
    host.kill("SIGKILL");
    await host.ended;
    host.awaited = true;
    await admit(true);
    const next = await startBot(t, undefined, files, options);
    await next.line(moved);
    assert.equal(await api.asked(now, "/get"), "max 21 hello");
  });

  test("configs of different versions, and what others wrote to the old id", async (t) => {
    const { db, api, host, options } = await start(t);
    await api.asked(old, "/set 21");
    await host.stop();
    options.folder.write("migrations/config/0001_ten.lua", "return function(config) config.flood.max = (config.flood.max or 5) + 10 end");
    const next = await startBot(t, undefined, files, { ...options, env: { ...options.env, CONFIG_UPGRADE_PER_S: "0" } });
    await api.asked(now, "/text new");
    api.upgrade("from");
    await next.line(moved);
    // version 1's default of the old chat was set, 31; the new one's own is there, too
    assert.equal(await api.asked(now, "/get"), "max 31 new");
    await next.stop();
    // a straggler: an instance that did not know
    await db.query("INSERT INTO chat_configs (chat_id, config, version) VALUES ($1, '{\"flood\": {\"max\": 44}}', 1)", [old]);
    await startBot(t, undefined, files, options);
    await until("it has moved, too", async () => (await configs(db)).length === 1);
    assert.deepEqual((await configs(db))[0].config.flood, { max: 44 });
  });
});

describe("in the simulator", () => {
  const place = world();

  test("a group is upgraded", async (t) => {
    const host = await startBot(t, place, files);
    const { chat } = await host.sim.post("chat", { type: "group", title: "Movers", members: [alice, host.bot] });
    await host.sim.send(alice, "/set 21", { chat: chat.id });
    await host.sim.texts(chat.id, 1);
    const made = await host.sim.post("migrate", { chat: chat.id });
    await host.sim.send(alice, "/get", { chat: made.chat.id });
    assert.deepEqual(await host.sim.texts(made.chat.id, 1), ["max 21 hello"]);
  });
});
