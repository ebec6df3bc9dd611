// A TCP proxy in front of a server that speaks HTTP/1.1, for making trouble on the
// way: what a request meets is decided by the last part of its path, the method.
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { atEnd } from "./program.mjs";

// Before the server gets the request …
const before = {
  drop: (client) => client.destroy(),
  reset: (client) => client.resetAndDestroy(),
  stall: () => {},
};

// … or after it was carried out, instead of the answer (its first bytes).
const after = {
  drop_after: (client) => client.destroy(),
  reset_after: (client) => client.resetAndDestroy(),
  stall_after: () => {},
  cut: (client, answer) => client.write(answer.subarray(0, answer.length / 2), () => client.destroy()),
  garbage: (client) => client.end("\0\x01\x02 this is no HTTP\r\n\r\n"),
  slow: (client, answer, { ms = 1000 }) => {
    let sent = 0;
    const timer = setInterval(() => {
      client.write(answer.subarray(sent, ++sent));
      if (sent === answer.length) clearInterval(timer);
    }, ms);
    client.on("close", () => clearInterval(timer));
  },
};

export class Proxy {
  constructor(base) {
    this.target = new URL(base);
    this.rules = [];
    this.seen = []; // the methods of all requests
    this.clients = new Set();
    this.port = 0;
  }

  get base() {
    return `http://127.0.0.1:${this.port}`;
  }

  // The next requests of that method (a string; a RegExp for several) meet it.
  // kind: one of those above; more: ms (of slow: for each byte).
  next(method, kind, times = 1, more = {}) {
    assert.ok(before[kind] || after[kind], `no such trouble: ${kind}`);
    this.rules.push({ method, kind, times, ...more });
  }

  // Until listen(): connections are refused, those that are open are reset.
  async refuse() {
    for (const client of this.clients) client.resetAndDestroy();
    this.server.close();
    await once(this.server, "close");
  }

  async listen() {
    this.server = createServer((client) => this.serve(client)).listen(this.port, "127.0.0.1");
    await once(this.server, "listening");
    this.port = this.server.address().port;
  }

  match(method) {
    const fits = (rule) => rule.times > 0 && (rule.method instanceof RegExp ? rule.method.test(method) : rule.method === method);
    const rule = this.rules.find(fits);
    if (rule) rule.times--;
    return rule;
  }

  serve(client) {
    const server = connect(this.target.port, this.target.hostname);
    let rule;
    this.clients.add(client);
    for (const socket of [client, server]) {
      socket.setNoDelay(true);
      socket.on("error", () => {});
    }
    client.on("close", () => {
      this.clients.delete(client);
      server.destroy();
    });
    server.on("close", () => rule || client.end());
    client.on("data", (data) => {
      const head = data.toString("latin1").match(/^(?:GET|POST) \S*\/(\w+)(?:\?\S*)? HTTP\/1/);
      if (head) {
        this.seen.push(head[1]);
        rule = this.match(head[1]);
      }
      if (!rule || after[rule.kind]) server.write(data);
      else before[rule.kind](client);
    });
    server.on("data", (data) => {
      if (!rule) client.write(data);
      else if (!rule.over) after[rule.kind](client, data, rule);
      if (rule) rule.over = rule.times === 0;
    });
  }
}

// One before that server, gone at the test's end.
export async function proxy(t, base) {
  const made = new Proxy(base);
  await made.listen();
  atEnd(t, async () => {
    if (made.server.listening) await made.refuse();
  });
  return made;
}
