// A Bot API server whose updates come as a stream, for proofs of what processes lose
// when they end, well or not. A handler says "begin N" and "end N" by sendMessage; N is
// the update's number. Two that poll at the same time get a 409, as Telegram does it.
import http from "node:http";
import { BotServer } from "./bot_server.mjs";
import { sleep } from "./program.mjs";

export class StreamServer extends BotServer {
  constructor({ chats = 20 } = {}) {
    super();
    this.chats = chats;
    this.updates = []; // not acknowledged
    this.made = 0;
    this.began = new Map();
    this.ended = new Map();
    this.last = new Map(); // chat → the highest number that has begun in it
    this.disorder = []; // a first run that was behind a later one's
    this.history = new Map(); // chat → what was said
    this.began0 = Date.now();
    this.conflicts = 0;
    this.said = []; // times of messages
  }

  // One more update, of a handler that takes ms.
  add(ms) {
    const n = ++this.made, chat = 1000 + (n % this.chats), text = `/work ${n} ${ms}`;
    const update = { update_id: 7000 + n, message: { message_id: n, date: 1, chat: { id: chat, type: "private" },
      from: { id: chat, is_bot: false, first_name: "A" }, text, entities: [{ type: "bot_command", offset: 0, length: 5 }] } };
    this.updates.push(update);
    this.wake();
    return update;
  }

  wake() {
    const waiting = this.polling;
    this.polling = undefined;
    waiting?.answer();
  }

  take(req, res) {
    const parts = [];
    req.on("data", (d) => parts.push(d));
    req.on("end", () => {
      const method = new URL(req.url, this.base).pathname.split("/").pop();
      const parameters = parts.length ? JSON.parse(Buffer.concat(parts).toString()) : {};
      if (method === "getUpdates") return this.poll(parameters, req, res);
      return this.reply(res, this.call(method, parameters));
    });
  }

  reply(res, result, status = 200) {
    res.statusCode = status;
    res.setHeader("Content-Type", "application/json");
    res.end(JSON.stringify(status === 200 ? { ok: true, result } : { ok: false, error_code: status, description: result }));
  }

  call(method, parameters) {
    if (method === "getMe") return { id: 1, is_bot: true, first_name: "Stream", username: "stream_bot" };
    if (method === "getWebhookInfo") return { url: this.hook?.url ?? "", pending_update_count: this.updates.length };
    if (method === "setWebhook") this.hook = parameters;
    if (method === "deleteWebhook") this.hook = undefined;
    if (method !== "sendMessage") return true;
    this.note(parameters);
    return { message_id: 1, date: 1, chat: { id: parameters.chat_id, type: "private" } };
  }

  note({ chat_id, text }) {
    const [word, number] = text.split(" "), n = Number(number);
    const counts = word === "begin" ? this.began : this.ended;
    if (word === "begin" && !this.began.has(n)) {
      if (n < (this.last.get(chat_id) ?? 0)) this.disorder.push(`${n} in ${chat_id} after ${this.history.get(chat_id)?.slice(-12)}`);
      this.last.set(chat_id, n);
    }
    this.history.set(chat_id, [...(this.history.get(chat_id) ?? []), `${(Date.now() - this.began0) / 1000} ${text}`]);
    counts.set(n, (counts.get(n) ?? 0) + 1);
    this.said.push(Date.now());
  }

  poll({ offset = 0, limit = 100, timeout = 0 }, req, res) {
    if (this.polling) { // the earlier one is ended
      this.conflicts++;
      this.reply(this.polling.res, "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running", 409);
      this.polling = undefined;
    }
    while (this.updates.length && this.updates[0].update_id < offset) this.updates.shift();
    if (this.updates.length || !timeout) return this.reply(res, this.updates.slice(0, limit));
    const mine = { res, answer: () => this.reply(res, this.updates.slice(0, limit)) };
    this.polling = mine;
    const gone = () => { if (this.polling === mine) this.polling = undefined; };
    res.on("close", gone);
    setTimeout(() => { if (this.polling === mine) { gone(); this.reply(res, []); } }, timeout * 1000).unref();
  }

  // A webhook's side: every chat's updates one after another, to any of the ports that
  // ports() gives; what is not taken comes again.
  async pushAll(ports) {
    const busy = new Set();
    while (!this.stopped) {
      const list = this.hook ? ports() : []; // before setWebhook there is nowhere to push
      const next = list.length ? this.updates.filter((u) => !busy.has(u.message.chat.id)) : [];
      const seen = new Set();
      for (const update of next) {
        const chat = update.message.chat.id;
        if (seen.has(chat) || busy.size >= 40) continue;
        seen.add(chat);
        busy.add(chat);
        const port = list[Math.floor(Math.random() * list.length)];
        this.post(port, update).then((taken) => {
          if (taken) this.updates.splice(this.updates.indexOf(update), 1);
          busy.delete(chat);
        });
      }
      await sleep(5);
    }
  }

  post(port, update) {
    return new Promise((done) => {
      const body = JSON.stringify(update);
      const again = () => setTimeout(() => done(false), 50);
      const req = http.request({ host: "127.0.0.1", port, path: new URL(this.hook.url).pathname, method: "POST", agent: this.agent, headers: {
        "Content-Type": "application/json", "Content-Length": Buffer.byteLength(body),
        "X-Telegram-Bot-Api-Secret-Token": this.hook.secret_token ?? "" } }, (res) => {
        const parts = [];
        res.on("data", (d) => parts.push(d));
        res.on("error", again);
        res.on("end", () => {
          const said = Buffer.concat(parts).toString();
          const call = res.statusCode === 200 && said.startsWith("{") ? JSON.parse(said) : {};
          if (call.method === "sendMessage") this.note(call);
          return res.statusCode === 200 ? done(true) : again();
        });
      });
      req.on("error", again);
      req.end(body);
    });
  }

  // How many updates began, or ended, more than once.
  repeats(counts) {
    return [...counts.values()].filter((n) => n > 1).length;
  }
}

// The handler that goes with it.
export const work = `local bot, time = require "bot", require "time"
bot.command("work", "x", function(ctx)
  ctx.api.sendMessage{ chat_id = ctx.chat_id, text = "begin " .. ctx.args[1] }
  time.sleep(tonumber(ctx.args[2]) / 1000)
  ctx.api.sendMessage{ chat_id = ctx.chat_id, text = "end " .. ctx.args[1] }
end)`;
