// Starting programs and waiting for what they do.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import path from "node:path";
import { fileURLToPath } from "node:url";

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../../..");
export const moonpost = process.env.MOONPOST || path.join(root, "build/dev/moonpost");
// Under valgrind everything takes longer.
export const slow = Number(process.env.MOONPOST_TEST_SLOW) || 1;
// Only what hangs takes so long: other machines are slower than ours, and busy.
export const patience = 30000 * slow;

export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

// What a test began is ended in reverse order; node's own t.after() runs in
// the order of its calls. The first error is the test's.
const endings = new WeakMap();

export function atEnd(t, f) {
  if (!endings.has(t)) {
    const list = [];
    endings.set(t, list);
    t.after(async () => {
      const errors = [];
      for (const end of list.reverse()) {
        try {
          await end();
        } catch (e) {
          errors.push(e);
        }
      }
      if (errors.length) throw errors[0];
    });
  }
  endings.get(t).push(f);
}

// The first true value of f(), which may be async. what: for the message.
export async function until(what, f, ms = patience) {
  for (const end = Date.now() + ms; ; await sleep(20)) {
    const value = await f();
    if (value) return value;
    if (Date.now() > end) throw new Error(`waited in vain: ${what}`);
  }
}

// A port that nobody listens on, and that the system does not give to somebody who
// connects before the test listens there: it is below those.
const given = new Set();
const lowest = 10000;
const [end] = readFileSync("/proc/sys/net/ipv4/ip_local_port_range", "utf8").split("\t").map(Number);

export async function freePort() {
  for (;;) {
    const wish = end > lowest + 1000 ? randomInt(lowest, end) : 0;
    const server = createServer();
    const port = await new Promise((done) => {
      server.on("error", () => done(0)).listen(wish, "127.0.0.1", () => done(server.address().port));
    });
    if (!port) continue;
    server.close();
    await once(server, "close");
    if (given.has(port)) continue;
    given.add(port);
    return port;
  }
}

// No test waits for Telegram's flood limits, unless it is about them.
const noLimits = Object.fromEntries(
  ["BOT_PER_S", "CHAT_PER_S", "CHAT_BURST", "GROUP_PER_MIN"].map((name) => [`PACE_${name}`, "1000000"]),
);

// A running moonpost. It says what it was started with; env is added to a small
// environment of its own, so that nothing of the caller's gets in.
export class Program {
  constructor(args, { env = {}, cwd = root } = {}) {
    const { PATH, HOME, LANG, ASAN_OPTIONS, UBSAN_OPTIONS, LSAN_OPTIONS } = process.env;
    const own = { PATH, HOME, LANG, ASAN_OPTIONS, UBSAN_OPTIONS, LSAN_OPTIONS };
    for (const key of Object.keys(own)) if (own[key] === undefined) delete own[key];
    this.said = "";
    this.args = args;
    this.child = spawn(moonpost, args, { cwd, env: { ...own, ...noLimits, ...env }, stdio: ["ignore", "pipe", "pipe"] });
    this.child.stdout.on("data", (d) => { this.said += d; });
    this.child.stderr.on("data", (d) => { this.said += d; });
    this.child.on("error", (e) => { this.said += `${e.message}\n`; });
    this.ended = once(this.child, "close").then(([code, signal]) => ({ code, signal }));
  }

  get running() {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  // Wait until what it said matches; gives the match.
  line(pattern, ms) {
    return until(`${this.args.join(" ")} says ${pattern}`, () => {
      const match = this.said.match(pattern);
      assert.ok(match || this.running, `it ended without saying ${pattern}:\n${this.said}`);
      return match;
    }, ms);
  }

  // Wait until it has ended by itself.
  async end(ms = patience) {
    const timer = setTimeout(() => this.child.kill("SIGKILL"), ms);
    const { code, signal } = await this.ended;
    clearTimeout(timer);
    assert.notEqual(signal, "SIGKILL", `it did not end:\n${this.said}`);
    return { code, signal, said: this.said };
  }

  // End it well: SIGTERM, exit status 0.
  async stop() {
    if (this.running) this.child.kill("SIGTERM");
    const { code } = await this.end(30000 * slow);
    assert.equal(code, 0, `it did not end well:\n${this.said}`);
  }
}
