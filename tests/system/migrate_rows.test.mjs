// `moonpost migrate`: every chat's config brought to the current version.
import assert from "node:assert/strict";
import { execFile, execFileSync, spawnSync } from "node:child_process";
import { describe, test } from "node:test";
import { promisify } from "node:util";
import pg from "pg";
import { folder, Host, Server, slow, startBot, world } from "./lib/host.mjs";
import { atEnd, moonpost, until } from "./lib/program.mjs";
import { alice, bob, carol } from "./lib/simulator.mjs";

const place = world();
const patience = 60000 * slow;

const files = {
  "defaults/welcome.lua": "return { on = true, text = 'Hello' }",
  "defaults/warn.lua": "return { limit = 3, times = 0 }",
  "migrations/config/0001_on.lua": `return function(config)
  if config.welcome.enabled ~= nil then
    config.welcome.on, config.welcome.enabled = config.welcome.enabled, nil
  end
end`,
  "migrations/config/0002_warn.lua": `return function(config)
  if config.warn_limit == 13 then error("unlucky") end
  while config.warn_limit == 14 do end
  if config.warn_limit == 15 then return "rubbish" end
  if config.warn_limit then config.warn.limit, config.warn_limit = config.warn_limit, nil end
  config.warn.times = config.warn.times + 1 -- how often this has run
end`,
  "scripts/a.lua": `local bot = require "bot"
bot.command("get", "x", function(ctx) ctx:reply(ctx.config.warn.limit .. " " .. ctx.config.welcome.text) end)`,
};

const env = (db, more) => ({ DATABASE_URL: db.url, TASK_CPU_MS: String(250 * slow), ...more });
const start = (db, home, args = [], more = {}) => new Host(["migrate", home.dir, ...args], { env: env(db, more) });

async function migrate(db, home, args, status = 0) {
  const { code, said } = await start(db, home, args).end(patience);
  assert.equal(code, status, said);
  return said;
}

const python = "CREATE TABLE chat_configs (chat_id BIGINT PRIMARY KEY, config JSONB)";

async function pythonTable(t, rows) {
  const db = await place.newDatabase(t);
  await db.query(python);
  if (rows) await db.query(`INSERT INTO chat_configs SELECT n, jsonb_build_object('n', n, 'warn_limit', 4 + n % 5)
    FROM generate_series(1, ${rows}) AS n`);
  return db;
}

const number = async (db, query) => Number(Object.values((await db.query(query))[0])[0]);
const doneRows = (db) => number(db, "SELECT count(*) FROM chat_configs WHERE version = 2");

// Every row once, with its history.
async function expectAll(db, rows) {
  const [counts] = await db.query(`SELECT count(*)::int AS rows, (count(*) FILTER (WHERE version = 2 AND
    config @> jsonb_build_object('n', chat_id, 'warn', jsonb_build_object('limit', 4 + chat_id % 5, 'times', 1))
    AND NOT config ? 'warn_limit'))::int AS good FROM chat_configs`);
  assert.deepEqual(counts, { rows, good: rows });
}

/* ---- a Python bot's table ---- */

const kept = `{"list": [1, 2.50, null, {"a": []}], "big": 12345678901234567890.123, "id": -1001234567890123, "text": "Grüße \\" \\\\ 👋 \\u0001"}`;
const good = {
  [alice]: [`{"warn_limit": 7, "welcome": {"text": "Hi", "enabled": false}, "kept": ${kept}}`,
    { warn: { limit: 7, times: 1 }, welcome: { text: "Hi", on: false } }],
  [bob]: [null, { warn: { times: 1 } }],
  [-1001]: ["{}", { warn: { times: 1 } }],
  [-1002]: [`{"warn_limit": "many", "welcome": {}}`, { warn: { limit: "many", times: 1 }, welcome: {} }],
  "-9007199254740993": [`{"kept": ${kept}}`, { warn: { times: 1 } }],
};
const bad = {
  [carol]: ["[1, 2]", /an array, not an object: mend it with an UPDATE, or `moonpost config unset CHAT --all`/],
  2001: [`"text"`, /a string, not an object/],
  2002: ["5", /a number, not an object/],
  2003: ["null", /null, not an object/],
  2004: ["true", /a boolean, not an object/],
  2005: [`{"warn_limit": 13}`, /migrations\/config\/0002_warn\.lua:2: unlucky/],
  2006: [`{"warn_limit": 14}`, /too long/],
  2007: [`{"warn_limit": 15}`, /0002_warn\.lua: returned a string/],
  2008: [`{"t": "${"x".repeat(5e6)}"}`, /bytes, more than 16 times CONFIG_MAX_KB/],
  2009: [`{"t": ${"[".repeat(3000)}${"]".repeat(3000)}}`, /deep/],
};

test("a table that Python has made: nothing is lost, and the bot reads it", async (t) => {
  const db = await pythonTable(t);
  for (const [chat, [config]] of Object.entries({ ...good, ...bad }))
    await db.query("INSERT INTO chat_configs VALUES ($1, $2)", [chat, config]);
  const texts = () => db.query("SELECT chat_id, md5(config::text) AS config, config #>> '{kept}' AS kept FROM chat_configs ORDER BY 1");
  const before = await texts();
  const home = folder(t, files);

  const dry = await migrate(db, home, ["--dry-run"], 1);
  assert.match(dry, /5 chats would be upgraded to version 2; 1 with values that don't fit, kept; 10 would fail\.\n/);
  assert.match(dry, new RegExp(`^chat ${alice}\\n  \\+ warn\\.limit: 7\\n  \\+ warn\\.times: 1\\n  - warn_limit: 7\\n  - welcome\\.enabled: false\\n  \\+ welcome\\.on: false\\n`, "m"));
  assert.deepEqual(await db.query("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"),
    [{ relname: "chat_configs" }]);
  assert.deepEqual(await texts(), before);

  const said = await migrate(db, home, [], 1);
  assert.match(said, /5 chats upgraded to version 2 in [^\n]*; 1 with values that don't fit, kept; 10 failed\.\n/);
  assert.match(said, /chat -1002: warn\.limit: must be/);
  const after = await texts();
  assert.deepEqual(after.map((row) => row.kept), before.map((row) => row.kept));
  const rows = await db.query("SELECT chat_id, config, version, revision::int FROM chat_configs");
  const failures = await db.query("SELECT chat_id, version, error FROM config_failures");
  assert.equal(failures.length, Object.keys(bad).length);
  for (const [chat, [, wanted]] of Object.entries(good)) {
    const row = rows.find((r) => r.chat_id === chat);
    delete row.config.kept;
    assert.deepEqual(row, { chat_id: chat, config: wanted, version: 2, revision: 2 });
  }
  for (const [chat, [, why]] of Object.entries(bad)) {
    const same = (list) => list.find((r) => r.chat_id === chat).config;
    assert.equal(same(after), same(before), `chat ${chat}`);
    const row = rows.find((r) => r.chat_id === chat);
    assert.deepEqual([row.version, row.revision], [0, 1], `chat ${chat}`);
    assert.match(failures.find((r) => r.chat_id === chat).error, why);
    assert.match(said, new RegExp(`chat ${chat} \\(version 0\\): .*${why.source}`), `chat ${chat}`);
  }
  assert.deepEqual((await db.query("SELECT config FROM config_history WHERE chat_id = $1", [bob])), [{ config: null }]);

  assert.match(await migrate(db, home, [], 1), /^0 chats upgraded to version 2; 10 failed\.$/m);
  assert.match(await migrate(db, home, ["--allow-failures"]), /10 failed\.$/m);
  assert.equal(await number(db, "SELECT sum(revision) FROM chat_configs WHERE version = 2"), 10, "and nothing is upgraded twice");

  const host = await startBot(t, place, null, { url: db.url, folder: home });
  for (const [who, text] of [[alice, "7 Hi"], [bob, "3 Hello"]]) {
    await host.sim.send(who, "/get");
    assert.deepEqual(await host.sim.texts(who, 1), [text]);
  }
});

test("--only-schema leaves the rows; many failures are counted", async (t) => {
  const db = await pythonTable(t);
  await db.query("INSERT INTO chat_configs SELECT n, '[]' FROM generate_series(1, 150) AS n");
  const home = folder(t, files);
  assert.match(await migrate(db, home, ["--only-schema"]), /\d schema migrations applied\.\n$/);
  assert.equal(await number(db, "SELECT max(version) FROM chat_configs"), 0);
  const said = await migrate(db, home, [], 1);
  assert.equal(said.match(/^ {2}chat \d+ \(version 0\): /gm).length, 20);
  assert.match(said, /… and 130 more: SELECT \* FROM config_failures\n/);
  assert.equal(await number(db, "SELECT count(*) FROM config_failures"), 150);
  await db.query("UPDATE chat_configs SET config = '{}'");
  assert.match(await migrate(db, home), /150 chats upgraded/);
  assert.equal(await number(db, "SELECT count(*) FROM config_failures"), 0);
  assert.match(await migrate(db, home), /^The database is up to date\.\n$/);
});

test("wrong usage, and what stands in the way", async (t) => {
  const db = await pythonTable(t, 10);
  const home = folder(t, files);
  await migrate(db, home, ["--only-rows"], 2);
  home.write("migrations/config/0002_warn.lua", "return function(config) end end");
  assert.match(await migrate(db, home, [], 1), /^moonpost: migrations\/config\/0002_warn\.lua:1: /);
  home.remove("migrations/config/0001_on.lua");
  assert.match(await migrate(db, home, [], 1), /^moonpost: migrations\/config/);
  assert.equal(await number(db, "SELECT count(*) FROM chat_configs WHERE config ? 'warn_limit'"), 10);
});

/* ---- ended, and with others beside ---- */

const many = 20000;

// How many are done when it has been ended in the middle.
async function endInTheMiddle(db, home, signal) {
  const program = start(db, home, [], { LOG_LEVEL: "warn" });
  await until("some are done", async () => (await doneRows(db)) > 0, patience);
  program.kill(signal);
  await program.ended;
  program.awaited = true;
  return { done: await doneRows(db), said: program.said, code: program.child.exitCode };
}

describe("in the middle", { concurrency: 1 }, () => {
  test("kill -9, and another run: each row once", async (t) => {
    const db = await pythonTable(t, many);
    const home = folder(t, files);
    await migrate(db, home, ["--only-schema"]);
    const { done } = await endInTheMiddle(db, home, "SIGKILL");
    assert.ok(done > 0 && done < many, `${done} are done`);
    const said = await migrate(db, home);
    assert.match(said, /chats upgraded to version 2/);
    await expectAll(db, many);
    assert.equal(await number(db, "SELECT count(*) FROM config_history"), many);
    assert.equal(await number(db, "SELECT count(*) FROM chat_configs WHERE revision <> 2"), 0);
  });

  test("SIGINT says what is done", async (t) => {
    const db = await pythonTable(t, many);
    const home = folder(t, files);
    await migrate(db, home, ["--only-schema"]);
    const { done, said, code } = await endInTheMiddle(db, home, "SIGINT");
    assert.ok(done > 0 && done < many, `${done} are done`);
    assert.equal(code, 1);
    assert.match(said, /moonpost: interrupted\n[\d,]+ of 20,000 chats are upgraded; another `moonpost migrate` goes on there\.\n$/);
    await migrate(db, home);
    await expectAll(db, many);
  });

  test("two at once, and others who write: nothing is lost, nothing upgraded twice", async (t) => {
    const db = await pythonTable(t, many);
    const home = folder(t, files);
    await migrate(db, home, ["--only-schema"]);
    const client = new pg.Client({ connectionString: db.url });
    await client.connect();
    atEnd(t, () => client.end());
    const written = new Map();
    let running = true;
    const write = async () => {
      for (let i = 1; running; i++) {
        const chats = Array.from({ length: 50 }, () => 1 + Math.floor(Math.random() * many));
        try {
          await client.query("UPDATE chat_configs SET config = config || jsonb_build_object('theirs', $2::int) WHERE chat_id = ANY ($1)", [chats, i]);
        } catch (error) { // rows are locked in any order, here and there
          if (error.code === "40P01") continue;
          throw error;
        }
        for (const chat of chats) written.set(chat, i);
      }
    };
    const writing = write();
    const said = await Promise.all([migrate(db, home), migrate(db, home)]);
    running = false;
    await writing;
    await expectAll(db, many);
    const rows = await db.query("SELECT chat_id::int, (config ->> 'theirs')::int AS theirs FROM chat_configs WHERE config ? 'theirs'");
    assert.equal(rows.length, written.size);
    for (const row of rows) assert.equal(row.theirs, written.get(row.chat_id), `chat ${row.chat_id}`);
    assert.ok(said.some((text) => /written by others meanwhile, tried again/.test(text)), said.join());
  });

  test("a connection that is lost again and again: it goes on", async (t) => {
    const db = await pythonTable(t, many);
    const home = folder(t, files);
    await migrate(db, home, ["--only-schema"]);
    const program = start(db, home);
    for (let i = 0; i < 3 && program.running; i++) {
      const done = await doneRows(db);
      await until("it goes on", async () => (await doneRows(db)) > done || !program.running, patience);
      await db.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'moonpost migrate' AND datname = current_database()");
    }
    const { code, said } = await program.end(patience);
    assert.equal(code, 0, said);
    await expectAll(db, many);
    assert.match(said, /^20,000 chats upgraded to version 2/m);
  });
});

// A batch's commit does not wait for the disk; but what was said to be done is.
describe("the server crashes", () => {
  // With rows, and nothing reaches the disk that nobody waits for.
  async function serverWith(t, home, rows) {
    const server = new Server();
    atEnd(t, () => server.remove());
    const url = server.start();
    const psql = (...texts) => execFileSync("psql", ["-X", "-q", "-A", "-t", url, ...texts.flatMap((x) => ["-c", x])], { encoding: "utf8" }).trim();
    psql("ALTER SYSTEM SET synchronous_commit = on", "SELECT pg_reload_conf()",
      "CREATE TABLE chat_configs (chat_id BIGINT PRIMARY KEY, config JSONB)", `INSERT INTO chat_configs SELECT n, '{}' FROM generate_series(1, ${rows}) AS n`);
    await migrate({ url }, home, ["--only-schema"]);
    const writer = Number(psql("SELECT pid FROM pg_stat_activity WHERE backend_type = 'walwriter'"));
    process.kill(writer, "SIGSTOP");
    const crash = () => {
      server.do("kill");
      process.kill(writer, "SIGKILL");
      server.start();
    };
    return { url, psql, crash };
  }

  test("right after: what was said is there", async (t) => {
    const home = folder(t, files);
    const { url, psql, crash } = await serverWith(t, home, 400);
    await migrate({ url }, home);
    crash();
    assert.equal(psql("SELECT count(*), min(version) FROM chat_configs"), "400|2");
  });

  test("meanwhile: what it forgot is upgraded again", async (t) => {
    const rows = 3000;
    const home = folder(t, { ...files, "migrations/config/0002_warn.lua": "return function() for _ = 1, 300000 do end end" });
    const { url, psql, crash } = await serverWith(t, home, rows);
    const program = start({ url }, home);
    await until("some are done", () => Number(psql("SELECT count(*) FROM chat_configs WHERE version = 2")) > 0, patience);
    assert.ok(program.running);
    crash();
    const { code, said } = await program.end(patience);
    assert.equal(code, 0, said);
    assert.equal(psql("SELECT count(*), min(version), max(revision) FROM chat_configs"), `${rows}|2|2`);
  });
});

/* ---- what is seen ---- */

test("elsewhere than on a terminal, a line every few seconds", async (t) => {
  const db = await pythonTable(t, 20000);
  const home = folder(t, { ...files, "migrations/config/0002_warn.lua": "return function() for _ = 1, 500000 do end end" });
  const program = start(db, home);
  await until("a line says how far it is", () => /^[\d,]+ of 20,000 chats upgraded \([\d,]+\/s, \d+(\.\d s| min \d+ s) left\)$/m.test(program.said), patience);
  program.kill("SIGINT");
  await program.end(patience);
});

// There may be no pseudo-terminals, as in a chroot without /dev/pts.
const noTerminal = spawnSync("script", ["-qec", "true", "/dev/null"]).status === 0 ? false : "no pseudo-terminals here";

test("a bar on a terminal, also on a narrow one", { skip: noTerminal }, async (t) => {
  const db = await pythonTable(t, many);
  const home = folder(t, { ...files, "migrations/config/0002_warn.lua": "return function() for _ = 1, 2000 do end end" });
  const onTerminal = async (columns) => {
    await db.query("DROP SCHEMA public CASCADE; CREATE SCHEMA public");
    await db.query(python);
    await db.query(`INSERT INTO chat_configs SELECT n, '{}' FROM generate_series(1, ${many}) AS n`);
    const command = `stty cols ${columns}; exec '${moonpost}' migrate '${home.dir}'`;
    const { stdout } = await promisify(execFile)("script", ["-qec", command, "/dev/null"],
      { env: { ...process.env, ...env(db) }, timeout: patience });
    // eslint-disable-next-line no-control-regex
    return [...stdout.matchAll(/\r([^\r]*)\x1b\[K\r/g)].map((m) => m[1]);
  };
  const wide = await onTerminal(120);
  assert.ok(wide.length > 0);
  assert.ok(wide.some((line) => /^\[#*-*\] +\d+% {2}[\d,]+ of 20,000 chats upgraded {2}[\d,]+\/s, .* left$/.test(line)), wide.join("\n"));
  const narrow = await onTerminal(30);
  assert.ok(narrow.every((line) => line.length < 30), narrow.join("\n"));
  assert.ok(narrow.some((line) => /\d+%/.test(line)));
});
