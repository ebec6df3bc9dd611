// `moonpost dev` with a copy of the bot in this repository and a database of its
// own, once for a test file; and talking to it.
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before } from "node:test";
import { Program, root, until } from "../../system/lib/program.mjs";
import { Simulator } from "../../system/lib/simulator.mjs";

const pg = createRequire(path.join(root, "tests/system/package.json"))("pg");
const server = process.env.MOONPOST_TEST_DATABASE_URL;

// The server's URL with another database.
const urlOf = (name) => server.replace(/\/[^/?]*(\?|$)/, `/${name}$1`);

async function query(url, statement, values) {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(statement, values)).rows;
  } finally {
    await client.end();
  }
}

class Bot {
  name = `scripts_${process.pid}_${Date.now()}`;

  // files: what the folder has besides, "scripts/x.lua" → its text.
  async prepare(files) {
    this.dir = await mkdtemp(path.join(tmpdir(), "moonpost-scripts-"));
    for (const part of ["scripts", "defaults", "locales"]) {
      await cp(path.join(root, part), path.join(this.dir, part), { recursive: true });
    }
    for (const [file, text] of Object.entries(files)) {
      await mkdir(path.dirname(path.join(this.dir, file)), { recursive: true });
      await writeFile(path.join(this.dir, file), text);
    }
    await query(server, `CREATE DATABASE ${this.name}`);
  }

  async start() {
    this.program = new Program(["dev", this.dir, "--port", "0"], { env: { DATABASE_URL: urlOf(this.name) } });
    const [base] = await this.program.line(/http:\/\/127\.0\.0\.1:\d+/);
    this.sim = new Simulator(base);
  }

  // End the program and start it again: the simulator forgets, the database doesn't.
  async restart() {
    await this.program.stop();
    await this.start();
  }

  async end() {
    if (!server) return;
    await this.program?.stop();
    await query(server, `DROP DATABASE IF EXISTS ${this.name} WITH (FORCE)`);
    await rm(this.dir, { recursive: true });
  }

  // What is stored for a chat; undefined: no row.
  async stored(chat) {
    const rows = await this.query("SELECT config FROM chat_configs WHERE chat_id = $1", [chat]);
    return rows[0]?.config;
  }

  query(statement, values) {
    return query(urlOf(this.name), statement, values);
  }

  // The bot's messages after one of ours, when there are at least n. (A channel's
  // posts are from nobody.)
  replies(message, n = 1) {
    return until(`${n} replies to ${message.text?.slice(0, 60)}`, async () => {
      const all = await this.sim.messages(message.chat.id);
      const found = all.filter((m) => m.from?.is_bot !== false && m.message_id > message.message_id);
      return found.length >= n && found;
    });
  }

  // Send a text and give the bot's next message. In private the chat is the person.
  async ask(as, text, more = {}) {
    const { message } = await this.sim.send(as, text, more);
    return (await this.replies(message))[0];
  }

  async say(as, text, more = {}) {
    return (await this.ask(as, text, more)).text;
  }

  // A message of the bot once it has changed from what it was.
  changed(message) {
    return this.sim.message(message.chat.id, (m) => m.message_id === message.message_id && m.edit_date);
  }

  // What the handlers raised, as the program's log has it.
  get failures() {
    return this.program.said.match(/handler (failed|ended).*/g) ?? [];
  }
}

export function startBot(files = {}) {
  const bot = new Bot();
  before(async () => {
    if (!server) throw new Error("MOONPOST_TEST_DATABASE_URL is not set");
    await bot.prepare(files);
    await bot.start();
  });
  after(() => bot.end());
  return bot;
}

// The texts of a message's entities of a type.
export const entities = (message, type) =>
  (message.entities ?? []).filter((e) => e.type === type).map((e) => message.text.slice(e.offset, e.offset + e.length));

export const buttons = (message) => (message.reply_markup?.inline_keyboard ?? []).flat().map((b) => b.text);
