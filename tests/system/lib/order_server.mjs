// A Bot API server for proofs of order: it has updates of many chats ready, gives
// them out by getUpdates or to a webhook, and looks at what handlers do with them.
// A handler says "begin N" and "end N" by sendMessage, N counting its chat's updates.
import { randomInt } from "node:crypto";
import http from "node:http";
import { BotServer } from "./bot_server.mjs";

const updateOf = (id, chat, n) => ({
  update_id: id,
  message: { message_id: n, date: 1, chat: { id: chat, type: "private" },
    from: { id: chat, is_bot: false, first_name: "A" }, text: `/work ${n}`,
    entities: [{ type: "bot_command", offset: 0, length: 5 }] },
});

// each updates of each of so many chats, mixed at random; a chat's own in order.
function mix(chats, each) {
  const left = Array.from({ length: chats }, (_, i) => ({ chat: 1000 + i, n: 0 }));
  const updates = [];
  for (let id = 5000; left.length; id++) {
    const i = randomInt(left.length);
    updates.push(updateOf(id, left[i].chat, ++left[i].n));
    if (left[i].n === each) left.splice(i, 1);
  }
  return updates;
}

export class OrderServer extends BotServer {
  // delay: the most milliseconds that an answer to sendMessage takes.
  constructor({ chats, each, delay = 5 }) {
    super();
    this.updates = mix(chats, each);
    this.total = chats * each;
    this.delay = delay;
    this.first = 0; // of those not acknowledged
    this.polls = [];
    this.doing = new Map(); // chat → { n, open }
    this.wrong = []; // what was out of order, said twice, or at the same time as another
    this.ended = 0;
    this.taken = new Map(); // port → how many a webhook's process has answered with 200
    this.progressed = Date.now();
  }

  async stop() {
    this.stopped = true;
    for (const answer of this.polls.splice(0)) answer();
    await super.stop();
  }

  take(req, res) {
    const parts = [];
    req.on("data", (d) => parts.push(d));
    req.on("end", () => {
      const method = new URL(req.url, this.base).pathname.split("/").pop();
      const answer = (result, ms = 0) => setTimeout(() => {
        res.setHeader("Content-Type", "application/json");
        res.end(JSON.stringify({ ok: true, result }));
      }, ms);
      this.call(method, parts.length ? JSON.parse(Buffer.concat(parts).toString()) : {}, answer);
    });
  }

  call(method, parameters, answer) {
    if (method === "getUpdates") return this.poll(parameters, answer);
    if (method === "getMe") return answer({ id: 1, is_bot: true, first_name: "Order", username: "order_bot" });
    if (method === "getWebhookInfo") return answer({ url: this.hook?.url ?? "", pending_update_count: this.updates.length - this.first });
    if (method === "setWebhook") this.hook = parameters;
    if (method === "deleteWebhook") this.hook = undefined;
    if (method === "sendMessage") {
      this.note(parameters);
      return answer({ message_id: 1, date: 1, chat: { id: parameters.chat_id, type: "private" } }, randomInt(this.delay + 1));
    }
    return answer(true);
  }

  // The one place that judges.
  note({ chat_id, text }) {
    const [word, number] = text.split(" ");
    const n = Number(number);
    const at = this.doing.get(chat_id) ?? { n: 0, open: false };
    const right = word === "begin" ? !at.open && n === at.n + 1 : at.open && n === at.n;
    if (!right) this.wrong.push(`chat ${chat_id}: ${text} after ${at.open ? "begin" : "end"} ${at.n}`);
    this.doing.set(chat_id, { n, open: word === "begin" });
    if (word === "end") this.ended++;
    this.progressed = Date.now();
  }

  poll({ offset = 0, limit = 100, timeout = 0 }, answer) {
    while (this.first < this.updates.length && this.updates[this.first].update_id < offset) this.first++;
    const some = this.updates.slice(this.first, this.first + limit);
    if (some.length || !timeout) return answer(some);
    this.polls.push(() => answer([]));
    setTimeout(() => this.polls.splice(0).forEach((end) => end()), Math.min(timeout, 1) * 1000);
  }

  // As Telegram does with a webhook: many at once, but of a chat one after another; what
  // is not taken comes again. ports: of the processes; a router picks any.
  async push(ports) {
    const { pathname } = new URL(this.hook.url);
    const chats = new Map();
    for (const update of this.updates) {
      const { id } = update.message.chat;
      chats.set(id, [...(chats.get(id) ?? []), update]);
    }
    const lines = [...chats.values()];
    const worker = async () => {
      for (let line; !this.stopped && (line = lines.shift());) {
        if (await this.post(ports[randomInt(ports.length)], pathname, line[0])) line.shift();
        if (line.length) lines.push(line);
      }
    };
    await Promise.all(Array.from({ length: 40 }, worker));
  }

  post(port, path, update) {
    return new Promise((done) => {
      const body = JSON.stringify(update);
      const req = http.request({ host: "127.0.0.1", port, path, method: "POST", agent: this.agent, headers: {
        "Content-Type": "application/json", "Content-Length": Buffer.byteLength(body),
        "X-Telegram-Bot-Api-Secret-Token": this.hook.secret_token ?? "" } }, (res) => {
        const parts = [];
        res.on("data", (d) => parts.push(d));
        res.on("end", () => {
          const said = Buffer.concat(parts).toString();
          const call = res.statusCode === 200 && said.startsWith("{") ? JSON.parse(said) : {};
          if (call.method === "sendMessage") this.note(call);
          if (res.statusCode !== 200) return setTimeout(() => done(false), 20);
          this.taken.set(port, (this.taken.get(port) ?? 0) + 1);
          return done(true);
        });
      });
      req.on("error", () => setTimeout(() => done(false), 20));
      req.end(body);
    });
  }
}
