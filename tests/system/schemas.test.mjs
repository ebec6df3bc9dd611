// Several bots in one database, each in a schema of its own (DATABASE_SCHEMA).
import assert from "node:assert/strict";
import pg from "pg";
import { describe, test } from "node:test";
import { database, folder, Host, startBot, urlOf, world } from "./lib/host.mjs";
import { ask, files } from "./lib/flood_bot.mjs";
import { pooled } from "./lib/pgbouncer.mjs";
import { atEnd, until } from "./lib/program.mjs";
import { alice } from "./lib/simulator.mjs";

const place = world();

const write = (schema, max) => `UPDATE ${schema}.chat_configs SET config = '{"flood": {"max": ${max}}}' WHERE chat_id = ${alice}`;

// What is said on these channels, until now.
async function ear(t, url, channels) {
  const client = new pg.Client({ connectionString: url });
  const heard = [];
  await client.connect();
  atEnd(t, () => client.end());
  client.on("notification", (n) => heard.push(`${n.channel} ${n.payload}`));
  for (const channel of channels) await client.query(`LISTEN ${channel}`);
  return heard;
}

describe("DATABASE_SCHEMA", { concurrency: 3 }, () => {
  test("two bots and a third in public: tables, configs and news apart", async (t) => {
    const db = await database(t);
    const { dir } = folder(t, files);
    await Promise.all(["bot_a", "bot_b", "bot_b"].map((DATABASE_SCHEMA) =>
      new Host(["migrate", dir], { env: { DATABASE_URL: db.url, DATABASE_SCHEMA } }).succeeds()));
    await new Host(["migrate", dir], { env: { DATABASE_URL: db.url } }).succeeds();
    const homes = await db.query("SELECT schemaname AS s, count(*)::int AS n FROM pg_tables WHERE schemaname !~ '^(pg_|information_schema)' GROUP BY 1 ORDER BY 1");
    assert.deepEqual(homes.map((h) => h.s), ["bot_a", "bot_b", "public"]);
    assert.equal(new Set(homes.map((h) => h.n)).size, 1);

    const bots = await Promise.all(["bot_a", "bot_b", undefined].map((schema) => startBot(t, place, files, {
      url: db.url, env: { LOG_LEVEL: "debug", CONFIG_POLL_SECONDS: "3600", ...(schema && { DATABASE_SCHEMA: schema }) },
    })));
    for (const bot of bots) await bot.line(/listening to what others write/);
    const heard = await ear(t, db.url, ["moonpost_config", "moonpost_config_bot_a", "moonpost_config_bot_b"]);
    const [a, b, c] = bots;
    assert.equal(await ask(a, "/set 21"), "saved 21");
    assert.equal(await ask(b, "/get"), "max 5");
    assert.equal(await ask(c, "/set 23"), "saved 23");
    assert.equal(await ask(b, "/set 22"), "saved 22");
    assert.deepEqual(await Promise.all(bots.map((bot) => ask(bot, "/get"))), ["max 21", "max 22", "max 23"]);
    await until("all three were told of", () => heard.length >= 3);
    assert.deepEqual(heard.map((h) => h.split(" ")[0]).sort(), ["moonpost_config", "moonpost_config_bot_a", "moonpost_config_bot_b"]);

    // what others write is heard by the one whose it is
    const before = bots.map((bot) => bot.said.length);
    for (const [i, schema] of ["bot_a", "bot_b", "public"].entries()) {
      await db.query(write(schema, 31 + i));
      await until("it has heard", async () => (await ask(bots[i], "/get")) === `max ${31 + i}`);
    }
    await db.query("TRUNCATE bot_b.chat_configs");
    await until("it has heard", async () => (await ask(b, "/get")) === "max 5");
    assert.equal(await ask(a, "/get"), "max 31");
    bots.forEach((bot, i) => assert.doesNotMatch(bot.since(before[i]), / warn | error /));

    // and the commands
    const env = { DATABASE_URL: db.url, DATABASE_SCHEMA: "bot_a" };
    assert.match(await new Host(["config", "get", String(alice), "flood.max", "--dir", dir], { env }).succeeds(), /31/);
    await new Host(["config", "set", String(alice), "flood.max", "41", "--dir", dir], { env }).succeeds();
    assert.equal(await ask(a, "/get"), "max 41");
    assert.equal(await ask(c, "/get"), "max 33");
    assert.match(await new Host(["explain", dir], { env }).succeeds(), /config_fetch .* chat_configs/);
    assert.deepEqual(await db.query("SELECT to_regclass('bot_a.config_history')::text AS t"), [{ t: "bot_a.config_history" }]);
  });

  test("a role that may not make schemas: its own has to be there", async (t) => {
    const db = await database(t);
    const role = `role_${process.pid}`;
    const { dir } = folder(t, files);
    await db.query(`CREATE ROLE ${role} LOGIN`);
    atEnd(t, () => db.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`));
    const env = { DATABASE_URL: urlOf(db.name, { base: db.url.replace(/\/\/[^@/]*@/, `//${role}@`) }), DATABASE_SCHEMA: "bot_r" };
    assert.match(await new Host(["migrate", dir], { env }).fails(), /permission denied.*GRANT CREATE/s);
    await db.query(`CREATE SCHEMA bot_r AUTHORIZATION ${role}`);
    await new Host(["migrate", dir], { env }).succeeds();
    assert.deepEqual(await db.query("SELECT count(*)::int AS n FROM bot_r.notes"), [{ n: 0 }]);
  });

  test("a name that is none is refused, and is told what one is", async () => {
    for (const name of ["Bot", "a-b", "1a", "pg_bot", `x${"y".repeat(40)}`, "a;DROP"]) {
      const said = await new Host(["migrate"], { env: { DATABASE_URL: "postgres://nowhere/x", DATABASE_SCHEMA: name } }).fails();
      assert.match(said, /DATABASE_SCHEMA=.*must be a name of small letters/, said);
    }
  });
});

describe("DATABASE_SCHEMA behind PgBouncer", () => {
  const pooledDatabase = pooled();

  test("the role has to have it; nothing is set in sessions", async (t) => {
    const db = await pooledDatabase();
    const { dir } = folder(t, files);
    const { url } = db;
    const env = { DATABASE_URL: url, DATABASE_SCHEMA: "bot_a", DATABASE_TIMEOUT_MS: "5000" };
    const said = await new Host(["migrate", dir], { env }).fails();
    assert.match(said, /DATABASE_SCHEMA is bot_a, but .* search_path .*public.*ALTER ROLE moonpost IN DATABASE \w+ SET search_path = bot_a/);
    assert.deepEqual(await db.query("SELECT FROM pg_namespace WHERE nspname = 'bot_a'"), []);

    const alter = said.match(/ALTER ROLE .*? = bot_a/)[0];
    const anew = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${db.name}' AND pid <> pg_backend_pid()`;
    await db.query(`${alter.replace("bot_a", "bot_a, public")}; ${anew}`);
    assert.match(await new Host(["migrate", dir], { env }).fails(), /search_path bot_a, public/);
    await db.query(`${alter}; ${anew}`);
    await new Host(["migrate", dir], { env: { ...env, DATABASE_TIMEOUT_MS: "10000" } }).succeeds();
    assert.deepEqual(await db.query("SELECT DISTINCT schemaname AS s FROM pg_tables WHERE schemaname !~ '^(pg_|information_schema)'"), [{ s: "bot_a" }]);

    const host = await startBot(t, place, files, { url, env: { DATABASE_SCHEMA: "bot_a", CONFIG_POLL_SECONDS: "1" } });
    for (let i = 20; i < 30; i++) assert.equal(await ask(host, `/set ${i}`), `saved ${i}`);
    assert.deepEqual(await db.query("SELECT config -> 'flood' -> 'max' AS max FROM bot_a.chat_configs"), [{ max: 29 }]);
    await db.query(write("bot_a", 31));
    await until("it has seen it", async () => (await ask(host, "/get")) === "max 31");
  });
});
