// PgBouncer in transaction mode between the bot and the server: any statement may
// run in any session, and a session is somebody else's in the next moment.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { folder, Host, query, slow, startBot, world } from "./lib/host.mjs";
import { ask, files } from "./lib/flood_bot.mjs";
import { pooled } from "./lib/pgbouncer.mjs";
import { until } from "./lib/program.mjs";
import { alice, bob } from "./lib/simulator.mjs";

const place = world();

const times = (text, pattern) => text.split(pattern).length - 1;
const lost = /a pooler is in between/
const unheard = /notifications of PostgreSQL do not come through/;

describe("behind PgBouncer", { concurrency: 4 }, () => {
  const pooledDatabase = pooled();

  // With tables and rows of before.
  async function prepared(rows) {
    const db = await pooledDatabase();
    await db.query("CREATE TABLE chat_configs (chat_id BIGINT PRIMARY KEY, config JSONB)");
    await db.query(`INSERT INTO chat_configs SELECT n, '{"flood": {"max": 1}}' FROM generate_series(1, ${rows}) AS n`);
    return db;
  }

  test("migrate: tables and 2000 rows; config get, set; explain; two bots write", async (t) => {
    const db = await prepared(2000);
    const { dir } = folder(t, files);
    const env = { DATABASE_URL: db.url };
    const said = await new Host(["migrate", dir], { env }).succeeds();
    assert.match(said, /2,?000 chats upgraded/);
    assert.deepEqual(await db.query("SELECT config, version, count(*)::int FROM chat_configs GROUP BY 1, 2"), [{ config: { flood: { max: 11 } }, version: 1, count: 2000 }]);
    assert.deepEqual(await db.query("SELECT * FROM notes"), []);
    await new Host(["config", "set", "7", "flood.max", "17", "--dir", dir], { env }).succeeds();
    assert.match(await new Host(["config", "get", "7", "flood.max", "--dir", dir], { env }).succeeds(), /17/);
    for (let i = 0; i < 2; i++) assert.match(await new Host(["explain", dir], { env }).succeeds(), /config_fetch .* chat_configs/);

    const bots = await Promise.all([0, 1].map(() => startBot(t, place, files, { url: db.url })));
    for (let i = 20; i < 40; i++) assert.equal(await ask(bots[i % 2], `/set ${i}`), `saved ${i}`);
    const [{ config }] = await db.query("SELECT config FROM chat_configs WHERE chat_id = $1", [alice]);
    assert.equal(config.flood.max, 39);
  });

  test("a new schema file, saved while two bots run: once", async (t) => {
    const db = await prepared(0);
    const home = folder(t, files);
    const bots = await Promise.all([0, 1].map(() => startBot(t, place, null, { url: db.url, folder: home })));
    home.replace("migrations/schema/0002_names.sql", "CREATE TABLE names (name TEXT);\nINSERT INTO names VALUES ('a');\nSELEC 1;");
    for (const one of bots) await one.line(/error reload: migrations\/schema\/0002_names\.sql:3: syntax error/);
    home.replace("migrations/schema/0002_names.sql", "CREATE TABLE names (name TEXT);\nINSERT INTO names VALUES ('a');\nSELECT pg_sleep(0.2);");
    for (const one of bots) await one.line(/reload: reloaded .* migrations\/schema\/0002_names\.sql is new/);
    assert.deepEqual(await db.query("SELECT name FROM names"), [{ name: "a" }]);
    for (const one of bots) assert.equal(await ask(one, "/set 21"), "saved 21");
  });

  // What does not go out at once must not be split over two sessions.
  test("batches of many megabytes", async (t) => {
    const db = await prepared(4000);
    const { dir } = folder(t, {
      ...files,
      "defaults/flood.lua": "return { max = 5, note = '' }",
      "migrations/config/0001_max.lua": "return function(config) config.flood.note = string.rep('x', 20000) end",
    });
    for (let i = 0; i < 3; i++) {
      const { code, said } = await new Host(["migrate", dir], { env: { DATABASE_URL: db.url } }).end(120000 * slow);
      assert.equal(code, 0, said);
      assert.deepEqual(await db.query("SELECT length(config #>> '{flood,note}'), version, count(*)::int FROM chat_configs GROUP BY 1, 2"), [{ length: 20000, version: 1, count: 4000 }]);
      await db.query("UPDATE chat_configs SET version = 0");
    }
  });

  test("no prepared statements; nobody's session has our settings", async (t) => {
    const db = await prepared(0);
    const host = await startBot(t, place, files, { url: db.url });
    for (let i = 20; i < 40; i++) assert.equal(await ask(host, `/set ${i}`), `saved ${i}`);
    await host.line(lost);
    assert.equal(await ask(host, "/get"), "max 39");
    assert.equal(await ask(host, "/get", bob), "max 5");
    for (let i = 0; i < 8; i++) {
      const [row] = await query(db.url, "SELECT current_setting('statement_timeout') AS one, current_setting('idle_in_transaction_session_timeout') AS two");
      assert.deepEqual(row, { one: "0", two: "0" });
    }
    await host.stop();
    assert.equal(times(host.said, lost) <= 2, true, host.said); // also on the connection that listens
    assert.doesNotMatch(host.said, / error /);
    // and past the pooler they are set
    const direct = await startBot(t, place, files, { url: db.direct });
    assert.equal(await ask(direct, "/get"), "max 39");
  });

  test("without notifications: said once, and changes are looked up", async (t) => {
    const db = await prepared(0);
    const host = await startBot(t, place, files, { url: db.url, env: { DATABASE_PREPARE: "off", CONFIG_POLL_SECONDS: "1" } });
    assert.equal(await ask(host, "/set 21"), "saved 21");
    await host.line(unheard, 60000 * slow);
    for (const max of [31, 32, 33]) {
      await db.query("UPDATE chat_configs SET config = jsonb_build_object('flood', jsonb_build_object('max', $2::int)) WHERE chat_id = $1", [alice, max]);
      await until(`it has seen ${max}`, async () => (await ask(host, "/get")) === `max ${max}`);
    }
    await host.stop();
    assert.equal(times(host.said, unheard), 1, host.said);
    assert.doesNotMatch(host.said, / error /);
  });

  test("DATABASE_LISTEN_URL past the pooler: it listens", async (t) => {
    const db = await prepared(0);
    const host = await startBot(t, place, files, { url: db.url, env: { DATABASE_LISTEN_URL: db.direct, CONFIG_POLL_SECONDS: "3600", LOG_LEVEL: "debug" } });
    await host.line(/listening to what others write/);
    assert.equal(await ask(host, "/set 21"), "saved 21");
    await db.query("UPDATE chat_configs SET config = '{\"flood\": {\"max\": 31}}' WHERE chat_id = $1", [alice]);
    await until("it has heard", async () => (await ask(host, "/get")) === "max 31");
    assert.doesNotMatch(host.said, unheard);
  });
});
