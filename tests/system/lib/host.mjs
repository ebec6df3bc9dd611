// Bots of a test's own: a folder, a database, and the program that runs them.
// Whatever a program says is looked through for secrets and for reports of the
// sanitizers when it has ended.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before } from "node:test";
import pg from "pg";
import { atEnd, patience, Program, root, slow, until } from "./program.mjs";
import { Simulator } from "./simulator.mjs";

const server = process.env.MOONPOST_TEST_DATABASE_URL;

/* ---- what must never be seen ---- */

const secret = "TheSecretOfTheTests";
export const password = "ThePasswordOfTheTests";
export const tokenOf = (bot) => `${bot}:${secret}${bot}`;

// Of any program of ours, at any time.
export function assertDiscreet(said) {
  assert.ok(!said.includes(secret), `a token was shown:\n${said}`);
  assert.ok(!said.includes(password), `a password was shown:\n${said}`);
  assert.doesNotMatch(said, /AddressSanitizer|LeakSanitizer|runtime error:|Assertion .* failed/, said);
}

/* ---- programs ---- */

export class Host extends Program {
  async end(ms) {
    this.awaited = true;
    const result = await super.end(ms);
    assertDiscreet(result.said);
    return result;
  }

  // It must end by itself with this status; gives what it said.
  async fails(status = 1) {
    const { code, said } = await this.end();
    assert.equal(code, status, said);
    return said;
  }

  // It must end by itself, well.
  succeeds() {
    return this.fails(0);
  }

  kill(signal) {
    this.child.kill(signal);
  }

  // What was said since the text said was so long.
  since(length) {
    return this.said.slice(length);
  }

  // Resident memory in KiB.
  get memory() {
    return Number(readFileSync(`/proc/${this.child.pid}/status`, "utf8").match(/VmRSS:\s+(\d+)/)[1]);
  }
}

// A command that runs to its end: its status and what it said.
export async function run(args, env = {}) {
  const { code, signal, said } = await new Host(args, { env }).end();
  return { code, signal, said };
}

/* ---- folders ---- */

export class Folder {
  constructor(files = {}) {
    this.dir = mkdtempSync(path.join(tmpdir(), "moonpost-bot."));
    mkdirSync(path.join(this.dir, "scripts"));
    for (const [name, text] of Object.entries(files)) this.write(name, text);
  }

  path(name) {
    return path.join(this.dir, name);
  }

  write(name, text) {
    mkdirSync(path.dirname(this.path(name)), { recursive: true });
    writeFileSync(this.path(name), text);
  }

  // As many editors save: a new file is renamed over the old one.
  replace(name, text) {
    writeFileSync(this.path(`${name}.new`), text);
    renameSync(this.path(`${name}.new`), this.path(name));
  }

  remove(name = ".") {
    rmSync(this.path(name), { recursive: true, force: true });
  }
}

// Removed when the test ends.
export function folder(t, files) {
  const made = new Folder(files);
  atEnd(t, () => made.remove());
  return made;
}

// A script with one command that says a text.
export const says = (command, text) => `local bot = require "bot"
bot.command("${command}", "Say it", function(ctx) ctx:reply(${JSON.stringify(text)}) end)
`;

/* ---- databases ---- */

// A server's URL with another database, user or password.
export function urlOf(database, { user, base = server } = {}) {
  const url = base.replace(/\/[^/?]*(\?|$)/, `/${database}$1`);
  return user ? url.replace(/\/\/[^/@]*@/, `//${user}@`) : url;
}

export async function query(url, statement, values) {
  const client = new pg.Client({ connectionString: url });
  client.on("error", () => {}); // the server may be ended by the test
  await client.connect();
  try {
    return (await client.query(statement, values)).rows;
  } finally {
    await client.end();
  }
}

let databases = 0;

// An empty database, dropped when the test ends.
export async function database(t, base = server) {
  assert.ok(server, "MOONPOST_TEST_DATABASE_URL is not set");
  const name = `host_${process.pid}_${++databases}`;
  await query(base, `CREATE DATABASE ${name}`);
  const url = urlOf(name, { base });
  atEnd(t, () => query(base, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`));
  return { name, url, query: (statement, values) => query(url, statement, values) };
}

// A server of the test's own, to be stopped and killed.
export class Server {
  constructor() {
    this.parent = mkdtempSync("/tmp/moonpost-pg.");
    execFileSync("chmod", ["755", this.parent]);
    this.dir = path.join(this.parent, "pg");
  }

  do(verb) {
    return execFileSync(path.join(root, "bin/lib/pg-throwaway"), [verb, this.dir], { encoding: "utf8" }).trim();
  }

  start() {
    this.url = this.do("start");
    return this.url;
  }

  remove() {
    this.do("remove");
    rmSync(this.parent, { recursive: true, force: true });
  }
}

/* ---- a bot that runs ---- */

// One simulator and one database for a test file; each of its tests has a bot
// of its own there. Call it at the file's top.
export function world() {
  const made = { bots: 100, newDatabase: (test) => database(test) };
  let ending;
  const t = { after: (f) => { ending = f; } };
  before(async () => {
    made.database = await database(t);
    made.sim = await startSimulator(t);
  });
  after(() => ending?.());
  return made;
}

export async function startSimulator(t, port = 0) {
  const program = new Host(["simulate", "--port", String(port)]);
  atEnd(t, () => (program.awaited ? undefined : program.stop()));
  const [base] = await program.line(/http:\/\/127\.0\.0\.1:\d+/);
  const sim = new Simulator(base);
  sim.program = program;
  return sim;
}

// What a bot of these tests gets: tokens and addresses, and more time where
// everything is slow.
export function environment({ url, base, bot }, env = {}) {
  return {
    BOT_TOKEN: tokenOf(bot),
    DATABASE_URL: url,
    TELEGRAM_API_URL: base,
    TASK_CPU_MS: String(250 * slow),
    POLL_PATIENCE_MS: "50",
    ...env,
  };
}

// The simulator as one bot sees it: its own private chats, updates and calls.
class View extends Simulator {
  constructor(sim, bot) {
    super(sim.base);
    this.bot = bot;
  }

  get(path, query = {}) {
    return super.get(path, path === "state" ? query : { bot: this.bot, ...query });
  }

  post(path, body = {}) {
    return super.post(path, { bot: this.bot, ...body });
  }

  // The texts that the bot has sent to a chat, oldest first.
  async said(chat) {
    const all = await this.messages(chat);
    return all.filter((m) => m.from?.is_bot).map((m) => m.text);
  }

  // Wait until it has said n texts there.
  texts(chat, n, ms) {
    let seen = [];
    const what = { toString: () => `${n} texts in ${chat}, not ${JSON.stringify(seen)}` };
    return until(what, async () => {
      seen = await this.said(chat);
      return seen.length >= n && seen;
    }, ms);
  }
}

// `moonpost run` on a folder with these files. options: env, bot, url, sim, args, and
// dir for a folder that is there; ready: false: don't wait until it runs.
export async function startBot(t, place, files, options = {}) {
  const bot = options.bot ?? ++place.bots;
  const home = options.folder ?? folder(t, files);
  const base = options.base ?? place.sim.base;
  const env = environment({ url: options.url ?? place.database.url, base, bot }, options.env);
  const host = new Host(["run", home.dir, ...(options.args ?? [])], { env });
  atEnd(t, () => (host.awaited ? undefined : host.stop()));
  host.folder = home;
  host.bot = bot;
  host.sim = new View({ base }, bot);
  if (options.ready !== false) await host.line(/is running: .*\n/);
  return host;
}

export { patience, slow };
