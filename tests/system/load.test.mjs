// A load with a slow Bot API: each reply right, once and in order per chat, also
// when polls with unfinished updates bring them again.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { setTimeout as sleep } from "node:timers/promises";
import { startLoadServer } from "../bench/load_server.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const moonpost = process.env.MOONPOST ?? join(here, "../../build/dev/moonpost");
const program = join(dirname(moonpost), "tests/bench/bench_botapi");

test("under load with slow answers every reply is right, once and in order", { timeout: 180000 }, async () => {
  const admin = process.env.MOONPOST_TEST_DATABASE_URL;
  const url = admin.replace("/postgres?", "/slow_load?");
  const sql = execFileSync(program, ["--sql", "--chats", "300"]);
  execFileSync("psql", ["-Xq", admin, "-c", "CREATE DATABASE slow_load"]);
  execFileSync("psql", ["-Xq", url], { input: sql });
  const server = await startLoadServer(program, { updates: 900, chats: 300, "delay-ms": 250 });
  const bot = spawn(moonpost, ["run", join(here, "../bench/moonpost")], {
    stdio: "ignore",
    env: {
      ...process.env, BOT_TOKEN: "1:x", TELEGRAM_API_URL: server.url, DATABASE_URL: url,
      PACE_BOT_PER_S: "1000000", PACE_CHAT_PER_S: "1000000", PACE_CHAT_BURST: "1000000", PACE_GROUP_PER_MIN: "1000000",
    },
  });
  try {
    while (!(await server.status()).polling) await sleep(20);
    await server.release();
    const { right, wrong, duplicates, out_of_order, overlapped, missing } = await server.report(150);
    assert.deepEqual(
      { right, wrong, duplicates, out_of_order, overlapped, missing },
      { right: 900, wrong: 0, duplicates: 0, out_of_order: 0, overlapped: 0, missing: 0 },
    );
  } finally {
    bot.kill("SIGTERM");
    await once(bot, "exit");
    await server.stop();
    execFileSync("psql", ["-Xq", admin, "-c", "DROP DATABASE slow_load WITH (FORCE)"]);
  }
});
