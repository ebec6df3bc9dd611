// A database that is there and says no, or whose answers get lost: nothing is said
// to be saved that is not, reading goes on, and it recovers by itself.
// (Away, crashed, restarted: database.test.mjs.)
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { once } from "node:events";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { database, environment, folder, Host, query, Server, slow, startBot, urlOf, world } from "./lib/host.mjs";
import { atEnd, root, until } from "./lib/program.mjs";
import { alice, bob, carol } from "./lib/simulator.mjs";

const place = world();
const files = {
  "defaults/flood.lua": "return { max = option.integer{ default = 5, min = 1, max = 100 }, text = '' }",
  "scripts/a.lua": `local bot = require "bot"
bot.command("get", "x", function(ctx) ctx:reply("max " .. ctx.config.flood.max) end)
bot.command("set", "x", function(ctx)
  ctx.config.flood.max = tonumber(ctx.args[1])
  ctx:reply("saved " .. ctx.config.flood.max)
end)
bot.command("trying", "x", function(ctx)
  ctx.config.flood.max = tonumber(ctx.args[1])
  local ok, e = pcall(ctx.reply, ctx, "saved")
  if not ok then ctx:reply("not saved: " .. e.kind .. ", still " .. ctx.config.flood.max) end
end)
bot.command("fill", "x", function(ctx)
  local t = {}
  for i = 1, 3000 do t[i] = tostring(math.random(1 << 60)) end
  ctx.config.flood.text = table.concat(t)
  ctx:reply("filled")
end)`,
};
const unreachable = "I can't reach my database at the moment, so I can't do this now. Please try again later.";

// Send, and give the next thing the bot says there.
async function ask(host, as, text) {
  const before = (await host.sim.said(as)).length;
  await host.sim.send(as, text);
  return (await host.sim.texts(as, before + 1, 20000 * slow))[before];
}

// Nothing was sent but that the database can't be reached.
async function refuses(host, as, text) {
  const before = (await host.sim.calls("sendMessage")).length;
  assert.equal(await ask(host, as, text), unreachable);
  assert.equal((await host.sim.calls("sendMessage")).length, before + 1);
}

// Send until it is answered so.
const recovers = (host, as, text, answer) => until(`${text}: ${answer}`, async () => (await ask(host, as, text)) === answer, 90000 * slow);

const row = async (db, chat) => (await db.query("SELECT config, revision FROM chat_configs WHERE chat_id = $1", [chat]))[0];

// The listener has looked once: from then on it knows what is current.
const follows = (db) => until("it follows", async () => (await db.query("SELECT 1 FROM pg_stat_activity WHERE datname = $1 AND application_name = 'moonpost listen' AND state = 'idle' AND query LIKE '%pg_snapshot_xmin%'", [db.name])).length);

// What the log complained of, without the time; a handler's error with its traceback.
const complaints = (said) => said.split("\n").filter((l) => /^[\d:]+ (warn|error) /.test(l)).map((l) => l.slice(9));

describe("a server of our own", () => {
  const server = new Server();
  let db, t;

  before(async () => {
    server.start();
    t = { after: (f) => { t.end = f; } };
    db = await database(t, server.url);
  });
  after(async () => {
    try {
      await t.end();
    } finally {
      server.remove();
    }
  });

  // Between the bot and the server; `cut` is called with each text of the bot's.
  async function proxy(t) {
    const socket = `${server.dir}/.s.PGSQL.5432`;
    const made = { sockets: new Set(), refuse: false, lose: null, lost: 0 };
    const front = createServer((client) => {
      if (made.refuse) return void client.destroy();
      const back = connect(socket);
      let losing = false;
      for (const s of [client, back]) {
        made.sockets.add(s);
        s.on("error", () => {});
        s.on("close", () => { client.destroy(); back.destroy(); });
      }
      client.on("data", (d) => {
        losing = made.lose !== null && d.includes(made.lose);
        back.write(d);
      });
      back.on("data", (d) => {
        if (!losing) return void client.write(d);
        if (!d.subarray(-6).equals(Buffer.from([0x5a, 0, 0, 0, 5, 0x49]))) return; // not ready yet
        made.lose = null;
        made.lost++;
        made.refuse = made.refuseThen;
        client.destroy();
      });
    }).listen(0, "127.0.0.1");
    await once(front, "listening");
    atEnd(t, () => {
      for (const s of made.sockets) s.destroy();
      front.close();
    });
    made.url = `postgresql://moonpost@127.0.0.1:${front.address().port}/${db.name}?sslmode=disable`;
    return made;
  }

  test("the answer to a write gets lost", async (t) => {
    const between = await proxy(t);
    const host = await startBot(t, place, files, { url: between.url, env: { DATABASE_TIMEOUT_MS: String(2000 * slow) } });
    between.lose = `"max":7`;
    assert.equal(await ask(host, alice, "/set 7"), "saved 7");
    assert.equal(between.lost, 1);
    await host.line(/warn +database: no connection to PostgreSQL; [^\n]*trying again: server closed the connection unexpectedly\n/);
    assert.deepEqual(await row(db, alice), { config: { flood: { max: 7 } }, revision: "1" });

    // and then it is not to be reached: nobody can say what became of it
    Object.assign(between, { lose: `"max":9`, refuseThen: true });
    await refuses(host, alice, "/set 9");
    assert.match(host.said, new RegExp(`error +script: handler failed: [^\\n]*it is not known whether the config of chat ${alice} was saved: `));
    between.refuse = between.refuseThen = false;
    await recovers(host, alice, "/get", "max 9"); // not what was in memory
    assert.deepEqual(await row(db, alice), { config: { flood: { max: 9 } }, revision: "2" });
  });

  test("read-only for a while, as in a failover", async (t) => {
    const bots = [await startBot(t, place, files, { url: db.url })];
    const readOnly = (on) => query(server.url, `ALTER SYSTEM ${on ? "SET" : "RESET"} default_transaction_read_only${on ? " = on" : ""}`)
      .then(() => query(server.url, "SELECT pg_reload_conf()"));
    await readOnly(true);
    await until("it is so", async () => (await query(server.url, "SHOW transaction_read_only"))[0].transaction_read_only === "on");
    try {
      bots.push(await startBot(t, place, files, { url: db.url })); // a start needs no write
      for (const host of bots) {
        await recovers(host, bob, "/set 11", unreachable);
        await refuses(host, bob, "/set 12");
        assert.match(host.said, /error +script: handler failed: [^\n]*cannot execute INSERT in a read-only transaction/);
        assert.match(host.said, /warn +database: no connection to PostgreSQL; [^\n]*the server is read-only; connecting anew/);
        assert.match(await ask(host, alice, "/get"), /^max \d$/); // from the table
        assert.equal(await ask(host, bob, "/trying 12"), "not saved: database, still 5");
      }
      // tables to be made: it waits
      const url = await query(server.url.replace("?", "?options=-cdefault_transaction_read_only%3Doff&"), "CREATE DATABASE empty").then(() => urlOf("empty", { base: server.url }));
      const { dir } = folder(t, files);
      const third = new Host(["run", dir], { env: environment({ url, base: place.sim.base, bot: ++place.bots }) });
      atEnd(t, () => third.stop());
      await third.line(/warn +database: waiting for PostgreSQL: the server is read-only; connecting anew/);
      await readOnly(false);
      await third.line(/is running/, 60000 * slow);
    } finally {
      await readOnly(false);
    }
    for (const host of bots) await recovers(host, bob, "/set 13", "saved 13");
    assert.equal((await row(db, bob)).config.flood.max, 13);
  });

  // Passwords are asked for by a line of pg_hba.conf before all others.
  test("the password is changed", async (t) => {
    const hba = path.join(server.dir, "data/pg_hba.conf");
    writeFileSync(hba, `local all changing scram-sha-256\n${readFileSync(hba, "utf8")}`);
    await query(server.url, "CREATE ROLE changing LOGIN SUPERUSER PASSWORD 'first'");
    await query(server.url, "SELECT pg_reload_conf()");
    const host = await startBot(t, place, files, { url: urlOf(db.name, { user: "changing:first", base: server.url }), env: { DATABASE_TIMEOUT_MS: String(800 * slow) } });
    await follows(db);
    assert.equal(await ask(host, alice, "/set 21"), "saved 21");
    await query(server.url, "ALTER ROLE changing PASSWORD 'second'");
    await query(server.url, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'changing'");
    await host.line(/warn +database: no connection to PostgreSQL; chats whose config is in memory go on, trying again: [^\n]*password authentication failed for user "changing"/);
    assert.equal(await ask(host, alice, "/get"), "max 21");
    await refuses(host, carol, "/get");
    await refuses(host, alice, "/set 22");
    assert.doesNotMatch(host.said, /'first'|changing:first/);
    const length = host.said.length;
    await query(server.url, "ALTER ROLE changing PASSWORD 'first'");
    await until("it connects", () => /info +database: connected to PostgreSQL again/.test(host.since(length)), 30000 * slow);
    assert.equal(await ask(host, alice, "/set 23"), "saved 23");
  });

  test("too many connections", async (t) => {
    await query(server.url, "CREATE ROLE crowded LOGIN CONNECTION LIMIT 1");
    await db.query("GRANT ALL ON ALL TABLES IN SCHEMA public TO crowded");
    const limit = async (n) => {
      await query(server.url, `ALTER ROLE crowded CONNECTION LIMIT ${n}`);
      await query(server.url, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'crowded'");
    };
    const host = await startBot(t, place, files, { url: urlOf(db.name, { user: "crowded", base: server.url }), env: { CONFIG_POLL_SECONDS: "1", DATABASE_TIMEOUT_MS: String(800 * slow) } });
    // there is one left for the bot, and none to listen
    await host.line(/warn +config: others' changes of configs can't be listened for; they are looked up every 1 s until that works: [^\n]*too many connections for role "crowded"/);
    assert.equal(await ask(host, alice, "/set 31"), "saved 31");
    await db.query(`UPDATE chat_configs SET config = '{"flood": {"max": 32}}' WHERE chat_id = $1`, [alice]);
    await recovers(host, alice, "/get", "max 32");

    await limit(0);
    await host.line(/warn +database: no connection to PostgreSQL; [^\n]*too many connections for role "crowded"/);
    assert.equal(await ask(host, alice, "/get"), "max 32");
    await refuses(host, alice, "/set 33");
    await limit(2);
    await host.line(/info +config: listening again/, 60000 * slow);
    await recovers(host, alice, "/set 34", "saved 34");
    assert.ok(complaints(host.said).length < 10, host.said);
  });
});

// A standby that becomes the primary when that dies.
test("a failover", async (t) => {
  const [old, next] = [new Server(), new Server()];
  for (const server of [old, next]) atEnd(t, () => server.remove());
  old.start();
  const db = await database(t, old.url);
  atEnd(t, () => old.start()); // where the database is dropped
  const first = await startBot(t, place, files, { url: db.url });
  assert.equal(await ask(first, alice, "/set 7"), "saved 7");
  await first.stop();

  const { uid, gid } = statSync(path.join(old.dir, "data"));
  const as = process.getuid() === 0 ? ["setpriv", `--reuid=${uid}`, `--regid=${gid}`, "--clear-groups"] : ["env"];
  execFileSync("install", ["-d", "-m", "700", "-o", String(uid), "-g", String(gid), next.dir]);
  execFileSync(as[0], [...as.slice(1), "pg_basebackup", "-d", urlOf("postgres", { base: old.url }), "-D", path.join(next.dir, "data"), "-R", "-X", "stream", "-c", "fast"], { cwd: "/" });
  next.start();
  const there = urlOf(db.name, { base: next.url });
  const both = db.url.replace(/host=([^&]*)/, `host=$1,${next.dir}`) + "&target_session_attrs=read-write";
  const env = { CONFIG_POLL_SECONDS: "1" };
  const main = await startBot(t, place, null, { url: both, env, folder: first.folder });
  const stray = await startBot(t, place, null, { url: there, env, folder: first.folder });
  assert.equal(await ask(main, bob, "/set 8"), "saved 8");
  await recovers(stray, alice, "/get", "max 7");
  await refuses(stray, alice, "/set 9");
  assert.match(stray.said, /error +script: handler failed: [^\n]*cannot execute UPDATE in a read-only transaction/);
  assert.match(stray.said, /warn +config: others' changes of configs can't be listened for; [^\n]* (the server is read-only|during recovery)/);

  // The old one goes on a little, and counts transactions that the next one never
  // hears of: the same numbers will be given again there.
  const [{ pid: receiver }] = await query(next.url, "SELECT pid FROM pg_stat_wal_receiver");
  process.kill(receiver, "SIGSTOP");
  for (let i = 0; i < 50; i++) await query(old.url, "SELECT pg_current_xact_id()");
  const heard = main.said.length;
  await query(old.url, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'moonpost listen' AND datname = $1", [db.name]);
  await until("main has looked", () => /listening again/.test(main.since(heard)), 30000 * slow);
  process.kill(main.child.pid, "SIGSTOP"); // it looks again when there are more than it knew
  old.do("kill");
  process.kill(receiver, "SIGTERM");
  process.kill(receiver, "SIGCONT");
  await query(next.url, "SELECT pg_promote()");
  await recovers(stray, bob, "/set 11", "saved 11");
  for (let i = 0; i < 60; i++) await query(next.url, "SELECT pg_current_xact_id()");
  process.kill(main.child.pid, "SIGCONT");
  await recovers(main, alice, "/set 10", "saved 10");
  await stray.line(/info +config: listening again/, 30000 * slow);
  await until("each hears of the other", async () => (await ask(stray, alice, "/get")) === "max 10" && (await ask(main, bob, "/get")) === "max 11");
  assert.equal(complaints(stray.said).filter((l) => /config:/.test(l)).length, 1, stray.said);
});

// A table space of 3 MB, in a mount namespace of the server's own.
test("the disk is full", async (t) => {
  const server = new Server();
  atEnd(t, () => server.remove());
  server.start();
  server.do("stop");
  const small = path.join(server.parent, "small");
  try {
    execFileSync("unshare", ["-m", "sh", "-c", `mkdir ${small} && mount -t tmpfs -o size=3m tmpfs ${small} && chown --reference=${server.dir}/data ${small} && '${root}/bin/lib/pg-throwaway' start ${server.dir}`], { stdio: ["ignore", "ignore", "pipe"] });
  } catch (e) {
    return t.skip(`no tmpfs can be mounted here: ${e.stderr}`);
  }
  const db = await database(t, server.url);
  await query(server.url, `CREATE TABLESPACE small LOCATION '${small}'`);
  const host = await startBot(t, place, files, { url: db.url });
  assert.equal(await ask(host, alice, "/set 7"), "saved 7");
  await db.query("ALTER TABLE chat_configs SET TABLESPACE small");
  await db.query("CREATE TABLE filler (x TEXT) TABLESPACE small");
  for (const size of [100000, 1000]) // as much as goes in, and then some
    await assert.rejects(async () => { for (;;) await db.query(`INSERT INTO filler SELECT repeat('x', 1900) FROM generate_series(1, ${size / 1000})`); }, /No space left on device/);
  await until("there is no room", async () => (await ask(host, bob, "/fill")) === unreachable);
  assert.match(host.said, /error +script: handler failed: [^\n]*could not extend file[^\n]*No space left on device/);
  assert.equal(await ask(host, alice, "/get"), "max 7");
  assert.equal(await ask(host, carol, "/get"), "max 5");
  assert.doesNotMatch(host.said, /no connection to PostgreSQL/);
  await db.query("DROP TABLE filler");
  await recovers(host, bob, "/fill", "filled");
  assert.equal(await ask(host, alice, "/set 8"), "saved 8");
});
