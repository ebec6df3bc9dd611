// moonpost doctor: what it says of bots that can work, and of those that can't. The
// Bot API is the simulator, or a server that says what the test wants.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { once } from "node:events";
import { describe, test } from "node:test";
import { database, environment, folder, Host, password, startBot, tokenOf, urlOf, world } from "./lib/host.mjs";
import { pooled } from "./lib/pgbouncer.mjs";
import { atEnd, freePort } from "./lib/program.mjs";
import { alice, group } from "./lib/simulator.mjs";

const place = world();
const files = {
  "scripts/a.lua": `local bot = require "bot"\nbot.command("hi", "x", function(ctx) ctx:reply("hi") end)`,
  "defaults/flood.lua": "return { max = option.integer{ default = 5 } }",
  "migrations/config/0001_max.lua": "return function(config) end",
  "migrations/config/0002_max.lua": "return function(config) end",
};
const bot = 77;

/* ---- asking the doctor ---- */

// What it says: status, the list, of(check): its findings, and the text.
async function doctor(args, env) {
  const host = new Host(["doctor", ...args], { env });
  const { code, signal, said } = await host.end(60000);
  assert.equal(signal, null, said);
  return { code, said };
}

async function findings(dir, env, args = []) {
  const { code, said } = await doctor([dir, "--json", ...args], env);
  const list = JSON.parse(said);
  for (const f of list) {
    assert.deepEqual(Object.keys(f), ["check", "status", "text", "advice"]);
    assert.ok(f.text, JSON.stringify(f));
    assert.equal(f.advice === "", f.status === "ok", JSON.stringify(f));
  }
  assert.equal(code, list.some((f) => f.status === "FAIL") ? 1 : 0);
  const of = (check) => list.filter((f) => f.check === check);
  const is = (check, status, pattern) => assert.ok(
    of(check).some((f) => f.status === status && pattern.test(f.text)),
    `${status} ${check} ${pattern} in ${JSON.stringify(list, null, 1)}`);
  return { code, list, of, is, said };
}

// A Bot API server; answers: { method: result or { error_code, description } }.
async function api(t, answers = {}, headers = {}) {
  const all = {
    getMe: { id: bot, is_bot: true, first_name: "B", username: "doctors_bot", can_join_groups: true, can_read_all_group_messages: false },
    getWebhookInfo: { url: "", has_custom_certificate: false, pending_update_count: 0 },
    ...answers,
  };
  const asked = [];
  const server = createServer((req, res) => {
    const method = req.url.split("/").pop();
    if (method) asked.push(method);
    const answer = all[method];
    const bad = !answer || answer.error_code;
    if (answer === "never") return;
    for (const [name, value] of Object.entries(headers)) res.setHeader(name, value);
    res.statusCode = bad ? (answer?.error_code ?? 404) : 200;
    res.setHeader("Content-Type", "application/json");
    res.end(JSON.stringify(bad ? { ok: false, error_code: res.statusCode, description: answer?.description ?? "Not Found" }
      : { ok: true, result: answer }));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  atEnd(t, () => { server.closeAllConnections(); server.close(); });
  return { base: `http://127.0.0.1:${server.address().port}`, asked };
}

const migrate = async (dir, url) => new Host(["migrate", dir], { env: { DATABASE_URL: url } }).succeeds();

// A database with all tables, and a folder.
async function ready(t) {
  const db = await database(t);
  const home = folder(t, files);
  await migrate(home.dir, db.url);
  return { ...db, dir: home.dir, folder: home };
}

/* ---- all of it ---- */

test("a bot that can work: all is ok, and nothing is written", async (t) => {
  const db = await ready(t);
  const env = environment({ url: db.url, base: place.sim.base, bot: ++place.bots });
  const state = () => db.query(`SELECT relname, n_tup_ins, n_tup_upd, n_tup_del FROM pg_stat_user_tables
    UNION ALL SELECT relname, 0, 0, 0 FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY 1, 2`);
  const before = await state();
  const { code, list, is, said } = await findings(db.dir, env);
  assert.equal(code, 0, said);
  assert.deepEqual(list.filter((f) => f.status !== "ok" && f.check !== "memory"), []);
  is("folder", "ok", /loads: 4 files, 1 handlers, 2 config upgrades/);
  is("token", "ok", /number \d+/);
  is("webhook", "ok", /none/);
  is("updates", "ok", /^0 wait/);
  is("database", "ok", /^PostgreSQL \d+/);
  is("schema", "ok", /^public$/);
  is("slots", "ok", /of the server's \d+ connections/);
  is("pooler", "ok", /none/);
  is("listen", "ok", /come/);
  is("tables", "ok", /are there/);
  is("migrations", "ok", /up to 0\d+_/);
  is("indices", "ok", /valid/);
  is("configs", "ok", /version 2/);
  is("clock", "ok", /PostgreSQL/);
  is("clock", "ok", /Bot API server/);
  is("disk", "ok", /./);
  is("limits", "ok", /./);
  assert.deepEqual(await state(), before);
  const { code: again, said: text } = await doctor([db.dir], env);
  assert.equal(again, 0);
  assert.match(text, /^ok    folder: /m);
  assert.match(text, /^ok    token: /m);
});

test("without a token and a database it says so, and what else there is", async (t) => {
  const home = folder(t, files);
  const { code, list, is, of } = await findings(home.dir, {});
  assert.equal(code, 1);
  is("token", "FAIL", /BOT_TOKEN is not set/);
  is("database", "FAIL", /DATABASE_URL is not set/);
  is("folder", "ok", /loads/);
  is("limits", "ok", /./);
  assert.equal(of("webhook").length + of("tables").length, 0, JSON.stringify(list));
  const { code: status, said } = await doctor([home.dir], {});
  assert.equal(status, 1);
  assert.match(said, /^FAIL  token: BOT_TOKEN is not set.*\n      → Get one from @BotFather/m);
  assert.match(said, /^2 failed, \d to be looked at\.$/m);
});

test("a folder with a mistake: file and line, and the rest is looked at all the same", async (t) => {
  const db = await ready(t);
  db.folder.write("scripts/b.lua", "local x = \n\n= 1");
  const { base } = await api(t);
  const { code, is } = await findings(db.dir, environment({ url: db.url, base, bot }));
  assert.equal(code, 1);
  is("folder", "FAIL", /scripts\/b\.lua:3/);
  is("token", "ok", /@doctors_bot/);
  is("tables", "ok", /there/);
});

test("where files go: there, not yet, nowhere", async (t) => {
  const home = folder(t, files);
  const disk = async (env) => (await findings(home.dir, env)).of("disk")[0];
  assert.equal((await disk({})).text, `${home.dir} can be written to`);
  home.write("data/x", "");
  assert.equal((await disk({})).text, `${home.dir}/data can be written to`);
  assert.equal((await disk({ DATA_DIR: home.path("files") })).status, "ok");
  const nowhere = await disk({ DATA_DIR: "/not/there/at/all" });
  assert.equal(nowhere.status, "warn");
  assert.match(nowhere.text, /^no files can be written in \/not\/there\/at: No such file/);
});

test("wrong usage is told", async (t) => {
  const home = folder(t, files);
  for (const args of [["--chat"], ["--chat", "x"], ["--chat", "0"], ["--nonsense"], [home.dir, "another"]]) {
    assert.equal((await doctor(args, {})).code, 2, args.join(" "));
  }
  assert.equal((await doctor(["/nowhere/at/all"], {})).code, 1);
});

/* ---- Telegram ---- */

describe("Telegram", { concurrency: 3 }, () => {
  const look = async (t, answers, { env = {}, args = [], headers = {}, made = files } = {}) => {
    const { base } = await api(t, answers, headers);
    const found = await findings(folder(t, made).dir, { BOT_TOKEN: tokenOf(bot), TELEGRAM_API_URL: base, ...env }, args);
    assert.ok(!found.said.includes(tokenOf(bot)));
    return found;
  };

  test("a token that is not known; one that is none; nobody there", async (t) => {
    (await look(t, { getMe: { error_code: 401, description: "Unauthorized" } })).is("token", "FAIL", /does not know this BOT_TOKEN: 401/);
    (await look(t, { getMe: { error_code: 502, description: "Bad Gateway" } })).is("token", "FAIL", /no answer|502/);
    (await look(t, {}, { env: { BOT_TOKEN: "nonsense" } })).is("token", "FAIL", /BOT_TOKEN/);
    const nobody = `http://127.0.0.1:${await freePort()}`;
    (await look(t, {}, { env: { TELEGRAM_API_URL: nobody } })).is("token", "FAIL", new RegExp(`no answer from the Bot API server at ${nobody}`));
  });

  test("privacy mode: only a warning if handlers want more", async (t) => {
    const hears = { "scripts/a.lua": `require "bot".on("message:text", function() end)` };
    (await look(t, {})).is("privacy", "ok", /no handler is for other messages/);
    (await look(t, {}, { made: hears })).is("privacy", "warn", /there are handlers for other messages/);
    const me = { id: bot, username: "b", can_join_groups: false, can_read_all_group_messages: true };
    const { is } = await look(t, { getMe: me }, { made: hears });
    is("privacy", "ok", /sees all/);
    is("groups", "warn", /can't be added/);
  });

  test("a webhook though updates are polled; errors of it; many that wait", async (t) => {
    const now = Math.floor(Date.now() / 1000);
    const info = (more) => ({ getWebhookInfo: { url: "", pending_update_count: 0, ...more } });
    (await look(t, info({ url: "https://other.example/x" }))).is("webhook", "warn", /https:\/\/other\.example\/x, though WEBHOOK_URL is not set/);
    const ours = { WEBHOOK_URL: "https://our.example/hook" };
    (await look(t, info({ url: ours.WEBHOOK_URL }), { env: ours })).is("webhook", "ok", /it is WEBHOOK_URL/);
    (await look(t, info({ url: "https://other.example/x" }), { env: ours })).is("webhook", "warn", /not WEBHOOK_URL/);
    (await look(t, info({}), { env: ours })).is("webhook", "warn", /no webhook, not WEBHOOK_URL/);
    const late = { last_error_date: now - 60, last_error_message: "Connection refused", pending_update_count: 5000 };
    const { is } = await look(t, info({ url: ours.WEBHOOK_URL, ...late }), { env: ours });
    is("webhook", "warn", /could not deliver an update (6\d|[7-9]\d|1\d\d) s ago: Connection refused/);
    is("updates", "warn", /5000 wait/);
    const old = { ...late, last_error_date: now - 7200, pending_update_count: 3 };
    const calm = await look(t, info({ url: ours.WEBHOOK_URL, ...old }), { env: ours });
    assert.ok(calm.of("webhook").every((f) => f.status === "ok"));
  });

  test("rights in a chat", async (t) => {
    const chat = async (answers, id = "-1001", made = files) => look(t, answers, { args: ["--chat", id], made });
    const member = (more) => ({ getChatMember: { user: { id: bot }, ...more } });
    (await chat(member({ status: "administrator", can_be_edited: false, can_delete_messages: true })))
      .is("chat", "ok", /administrator with all rights/);
    (await chat(member({ status: "administrator", can_delete_messages: false, can_pin_messages: false, can_invite_users: true })))
      .is("chat", "warn", /without can_delete_messages, can_pin_messages$/);
    (await chat(member({ status: "member" }))).is("chat", "warn", /member, no administrator$/);
    const wants = { "scripts/a.lua": `require "bot".on("chat_member", function() end)` };
    (await chat(member({ status: "member" }), "-1001", wants)).is("chat", "warn", /handlers of chat_member need it/);
    (await chat(member({ status: "kicked" }))).is("chat", "FAIL", /"kicked"/);
    (await chat(member({ status: "restricted", can_send_messages: false }))).is("chat", "FAIL", /can't send/);
    (await chat(member({ status: "restricted", can_send_messages: true }))).is("chat", "warn", /restricted/);
    (await chat({ getChatMember: { error_code: 400, description: "Bad Request: chat not found" } })).is("chat", "FAIL", /chat not found/);
    (await chat({ getChat: { id: 5, type: "private" } }, "5")).is("chat", "ok", /private/);
  });

  test("the simulator's group, as a member, then as an administrator", async (t) => {
    const id = ++place.bots;
    const env = { BOT_TOKEN: tokenOf(id), TELEGRAM_API_URL: place.sim.base };
    const { dir } = folder(t, files);
    await findings(dir, env); // it gets to know the bot
    await place.sim.post("member", { chat: group, user: id, status: "member", bot: id });
    (await findings(dir, env, ["--chat", String(group)])).is("chat", "warn", /member, no administrator/);
    await place.sim.post("member", { chat: group, user: id, status: "administrator", can_delete_messages: true, bot: id });
    (await findings(dir, env, ["--chat", String(group)])).is("chat", "warn", /administrator without can_/);
  });

  test("a clock that is wrong", async (t) => {
    const { is } = await look(t, {}, { headers: { Date: new Date(Date.now() - 3600e3).toUTCString() } });
    is("clock", "warn", /^is 3[56]\d\d s ahead of the Bot API server's$/);
    const ahead = await look(t, {}, { headers: { Date: new Date(Date.now() + 90e3).toUTCString() } });
    ahead.is("clock", "warn", /behind the Bot API server's/);
  });

  test("a server that never answers takes ten seconds, not for ever", async (t) => {
    const began = Date.now();
    (await look(t, { getMe: "never" })).is("token", "FAIL", /no answer/);
    assert.ok(Date.now() - began < 100000);
  });
});

/* ---- the database ---- */

describe("the database", { concurrency: 3 }, () => {
  const look = async (dir, url, env = {}) => findings(dir, { DATABASE_URL: url, ...env });

  test("nobody there, a wrong password, a database that is not there", async (t) => {
    const { dir } = folder(t, files);
    const began = Date.now();
    const url = `postgres://me:${password}@127.0.0.1:${await freePort()}/x`;
    (await look(dir, url)).is("database", "FAIL", /DATABASE_URL: no connection: /);
    (await look(dir, urlOf("not_there_at_all"))).is("database", "FAIL", /not_there_at_all/);
    (await look(dir, "postgres://[")).is("database", "FAIL", /DATABASE_URL/);
    assert.ok(Date.now() - began < 100000);
  });

  test("no tables yet; old ones; newer ones", async (t) => {
    const db = await database(t);
    const { dir } = folder(t, files);
    const empty = await look(dir, db.url);
    empty.is("tables", "warn", /none yet/);
    await migrate(dir, db.url);
    await db.query("DELETE FROM schema_migrations WHERE owner = 'moonpost' AND name > '0003'");
    (await look(dir, db.url)).is("migrations", "warn", /^0002_\S+ has run, 0\d+_\S+ has not/);
    await db.query("INSERT INTO schema_migrations VALUES ('moonpost', '9999_later.sql', '')");
    (await look(dir, db.url)).is("migrations", "warn", /newer Moonpost: 9999_later\.sql/);
  });

  test("an index that is gone, one that is not valid", async (t) => {
    const db = await ready(t);
    await db.query("DROP INDEX inbox_lane");
    await db.query("DROP TABLE dead_updates");
    await db.query("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'chat_configs_version'::regclass");
    const { is } = await look(db.dir, db.url);
    is("tables", "FAIL", /^missing: dead_updates, dead_updates_died_at, inbox_lane$/);
    is("indices", "warn", /chat_configs_version/);
  });

  test("configs below the version, and above", async (t) => {
    const db = await ready(t);
    await db.query("INSERT INTO chat_configs (chat_id, config, version) VALUES (1, '{}', 0), (2, '{}', 1), (3, '{}', 2)");
    const { is } = await look(db.dir, db.url);
    is("configs", "ok", /^2 are below version 2/);
    await db.query("INSERT INTO chat_configs (chat_id, config, version) VALUES (4, '{}', 7)");
    (await look(db.dir, db.url)).is("configs", "warn", /^1 are of a later version/);
  });

  test("connections of the role that are nearly used up", async (t) => {
    const db = await ready(t);
    const role = `doctor_${process.pid}`;
    await db.query(`CREATE ROLE ${role} LOGIN CONNECTION LIMIT 3`);
    atEnd(t, () => db.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`));
    await db.query(`GRANT SELECT ON ALL TABLES IN SCHEMA public TO ${role}`);
    const { is } = await look(db.dir, urlOf(db.name, { user: role }));
    is("slots", "warn", /^1 of the role's 3 connections/);
    is("slots", "ok", /server's/);
  });

  test("a schema of its own, that is there or not", async (t) => {
    const db = await ready(t);
    const missing = await look(db.dir, db.url, { DATABASE_SCHEMA: "mine" });
    missing.is("schema", "warn", /no schema mine/);
    await new Host(["migrate", db.dir], { env: { DATABASE_URL: db.url, DATABASE_SCHEMA: "mine" } }).succeeds();
    const there = await look(db.dir, db.url, { DATABASE_SCHEMA: "mine" });
    there.is("schema", "ok", /^mine$/);
    there.is("tables", "ok", /there/);
  });

  test("while the bot runs: its connections are counted, it goes on", async (t) => {
    const db = await ready(t);
    const host = await startBot(t, place, null, { folder: db.folder, url: db.url });
    const { code, is } = await findings(db.dir, environment({ url: db.url, base: place.sim.base, bot: host.bot }));
    assert.equal(code, 0);
    is("slots", "ok", /./);
    await host.sim.send(alice, "/hi");
    await host.sim.texts(alice, 1);
  });
});

describe("behind PgBouncer", () => {
  const pooledDatabase = pooled();

  test("the pooler is seen, and that notifications don't come; past it they do", async (t) => {
    const { url, direct } = await pooledDatabase();
    const { dir } = folder(t, files);
    await migrate(dir, direct);
    const through = await findings(dir, { DATABASE_URL: url });
    through.is("pooler", "warn", /one in between/);
    through.is("listen", "warn", /don't come/);
    through.is("tables", "ok", /there/);
    const past = await findings(dir, { DATABASE_URL: url, DATABASE_LISTEN_URL: direct });
    past.is("pooler", "ok", /DATABASE_LISTEN_URL/);
    past.is("listen", "ok", /come/);
    const gone = await findings(dir, { DATABASE_URL: direct, DATABASE_LISTEN_URL: "postgres://127.0.0.1:1/x" });
    gone.is("database", "FAIL", /DATABASE_LISTEN_URL: no connection/);
  });
});
