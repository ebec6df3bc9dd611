// A cold start: what a batch of updates needs of configs is one statement. Without
// TASK_SLICE_MS: where the machine is slow a batch would be two turns now and then.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import path from "node:path";
import { test } from "node:test";
import { startLoadServer } from "../bench/load_server.mjs";
import { database, environment, Host } from "./lib/host.mjs";
import { atEnd, moonpost, root, slow, until } from "./lib/program.mjs";

const program = path.join(path.dirname(moonpost), "tests/bench/bench_botapi");
const chats = slow > 1 ? 1000 : 10000;

test(`the first updates of ${chats} chats`, async (t) => {
  const db = await database(t);
  const server = await startLoadServer(program, { updates: chats, chats });
  atEnd(t, () => server.stop());
  const sql = execFileSync(program, ["--sql", "--chats", String(chats)], { maxBuffer: 1 << 26 });
  execFileSync("psql", ["-Xq", db.url], { input: sql });
  const bot = new Host(["run", path.join(root, "tests/bench/moonpost")], {
    env: environment({ url: db.url, base: server.url, bot: 1 }, { STATS_SECONDS: "1", TASK_SLICE_MS: "0" }),
  });
  atEnd(t, () => bot.stop());
  await until("it polls", async () => (await server.status()).polling, 30000 * slow);
  await bot.line(/changes: listening/, 30000 * slow); // which forgets all once
  await server.release();
  const report = await server.report(50);
  assert.deepEqual([report.right, report.wrong, report.missing], [chats, 0, 0]);
  const pattern = new RegExp(`config cache: ${chats} chats, .* (\\d+) misses .* (\\d+) statements`);
  const [, misses, statements] = (await bot.line(pattern)).map(Number);
  t.diagnostic(`${statements} statements for ${report.polls} polls, ${misses} misses`);
  assert.ok(statements <= report.polls, `${statements} statements for ${report.polls} batches`);
  assert.ok(statements >= chats / 500);
});
