// kill -9 of the bot and of PostgreSQL, and restarts, at random moments while
// configs are written: what was said to be saved is there, and nothing is half
// there. MOONPOST_TEST_ROUNDS: how often (20).
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { database, query, Server, startBot, world } from "./lib/host.mjs";
import { again, settings } from "./lib/instances.mjs";
import { atEnd, sleep, slow, until } from "./lib/program.mjs";
import { alice, bob, carol } from "./lib/simulator.mjs";

const place = world();
const rounds = Number(process.env.MOONPOST_TEST_ROUNDS) || (slow > 1 ? 4 : 20);
const chats = [alice, bob, carol];
const files = {
  "defaults/one.lua": "return { n = 0 }",
  "defaults/two.lua": "return { n = 0, text = '' }",
  "scripts/a.lua": `local bot = require "bot"
bot.command("save", "Two keys, always equal", function(ctx)
  local n = tonumber(ctx.args[1])
  ctx.config.one.n = n
  ctx.config.two.n = n
  ctx:reply("saved " .. n)
end)`,
};
const unreachable = "I can't reach my database at the moment, so I can't do this now. Please try again later.";
const random = (n) => Math.floor(Math.random() * n);

// What the chats were told, and what the database holds, since the last look.
class Witness {
  constructor(host, db) {
    this.sim = host.sim;
    this.db = db;
    this.seq = 0;
    this.saved = Object.fromEntries(chats.map((c) => [c, new Set()])); // said to be
    this.refused = Object.fromEntries(chats.map((c) => [c, 0]));
    this.written = Object.fromEntries(chats.map((c) => [c, new Set()]));
    this.revision = Object.fromEntries(chats.map((c) => [c, 0]));
    this.seqs = Object.fromEntries(chats.map((c) => [c, 0]));
  }

  async listen(chat) {
    const news = await this.sim.get("messages", { chat, after: this.seqs[chat] });
    this.seqs[chat] = news.seq;
    for (const m of news.messages) {
      if (!m.from?.is_bot) continue;
      const n = m.text.match(/^saved (\d+)$/)?.[1];
      if (n) this.saved[chat].add(Number(n));
      else assert.equal(m.text, unreachable);
      if (!n) this.refused[chat]++;
    }
  }

  // Each of the numbers was answered; a refusal does not say which it is of.
  async answered(numbers) {
    for (const chat of chats) {
      await this.listen(chat);
      const silent = numbers[chat].filter((n) => !this.saved[chat].has(n)).length;
      if (silent > this.refused[chat]) return false;
    }
    return true;
  }

  async check() {
    for (const chat of chats) {
      const rows = await this.db.query(`SELECT revision::int, config FROM config_history WHERE chat_id = $1 AND revision >= $2
        UNION ALL SELECT revision::int, config FROM chat_configs WHERE chat_id = $1 ORDER BY 1`, [chat, this.revision[chat]]);
      let last = this.revision[chat];
      for (const { revision, config } of rows) {
        assert.ok(revision === last || revision === last + 1, `revision ${revision} after ${last}`);
        assert.equal(config.one.n, config.two.n, "half a write");
        this.written[chat].add(config.one.n);
        last = revision;
      }
      this.revision[chat] = last;
      for (const n of this.saved[chat]) assert.ok(this.written[chat].has(n), `${n} was said to be saved in ${chat}`);
    }
  }
}

describe("killed while writing", () => {
  const server = new Server();
  let db, t;

  before(async () => {
    server.start();
    t = { after: (f) => { t.end = f; } };
    db = await database(t, server.url);
    // what is committed is in the operating system's hands, as without our haste
    await query(server.url, "ALTER SYSTEM SET synchronous_commit = on");
    await query(server.url, "SELECT pg_reload_conf()");
  });
  after(async () => {
    try {
      await t.end();
    } finally {
      server.remove();
    }
  });

  test(`${rounds} times: the bot, the server, or both`, async (t) => {
    const env = settings({ LOG_LEVEL: "info", DATABASE_TIMEOUT_MS: String(8000 * slow) });
    let host = await startBot(t, place, files, { url: db.url, env });
    const witness = new Witness(host, db);
    const counts = { bot: 0, server: 0, restart: 0, both: 0 };
    let number = 0;
    atEnd(t, () => (host.awaited ? undefined : host.stop()));

    const killBot = async () => {
      host.kill("SIGKILL");
      await host.ended;
      host.awaited = true;
    };
    const restartBot = async () => {
      host = await again(host, db.url, env);
      await host.line(/is running/, 30000 * slow);
    };
    const kinds = {
      bot: async () => { await killBot(); await restartBot(); },
      server: async () => { server.do("kill"); server.start(); },
      restart: async () => { server.do("restart"); },
      both: async () => { await Promise.all([killBot(), server.do("kill")]); server.start(); await restartBot(); },
    };
    for (let round = 0; round < rounds; round++) {
      const kind = ["bot", "bot", "bot", "server", "restart", "both"][random(6)];
      const numbers = Object.fromEntries(chats.map((c) => [c, []]));
      for (const chat of chats) witness.refused[chat] = 0;
      const sends = (async () => {
        for (let i = 0; i < 4; i++) {
          for (const chat of chats) {
            numbers[chat].push(++number);
            await host.sim.send(chat, `/save ${number}`);
          }
        }
      })();
      await sleep(random(60 * slow));
      await kinds[kind]();
      await sends;
      counts[kind]++;
      await until(`round ${round} (${kind}): all is answered: ${JSON.stringify(numbers)}\n${host.said.slice(-3000)}`,
        () => witness.answered(numbers), 40000 * slow);
      await witness.check();
    }
    const saved = chats.reduce((sum, c) => sum + witness.saved[c].size, 0);
    const written = chats.reduce((sum, c) => sum + witness.written[c].size, 0);
    t.diagnostic(`killed: ${JSON.stringify(counts)}; of ${number} writes ${saved} were said to be saved, ${written} were`);
    assert.ok(saved > number / 2, "most were saved");
  });
});
