// Jobs: what runs at a time, in the built program, with restarts, kills and several
// processes.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { folder, Host, query, Server, startBot, world } from "./lib/host.mjs";
import { atEnd, freePort, sleep, slow, until } from "./lib/program.mjs";
import { alice, bob } from "./lib/simulator.mjs";

const place = world();
const fast = { SCRIPT_LINES_PER_S: "1000000", PACE_CHAT_PER_S: "1000000", PACE_GROUP_PER_MIN: "1000000", PACE_BOT_PER_S: "1000000" };
const head = `local bot, log, time = require "bot", require "log", require "time"\n`;

async function start(t, script, { env = {}, ...options } = {}) {
  const db = options.db ?? await place.newDatabase(t);
  const host = await startBot(t, place, { "scripts/a.lua": head + script }, { url: db.url, ...options, env: { ...fast, ...env } });
  host.db = db;
  return host;
}

// The same bot and database in another process.
const again = (t, host, options = {}) => startBot(t, place, {}, { url: host.db.url, folder: host.folder, bot: host.bot, ...options, env: { ...fast, ...options.env } })
  .then((next) => Object.assign(next, { db: host.db }));

const jobs = (db, columns = "name") => db.query(`SELECT ${columns} FROM jobs ORDER BY id`);
// It has said so n times.
const times = (host, pattern, n) => until(`${pattern} ${n} times`, () => [...host.said.matchAll(pattern)].length >= n, 30000 * slow);
const eventually = (what, f) => until(what, f, 30000 * slow);
const back = (host, span, where = "true") => host.db.query(`UPDATE jobs SET due_at = due_at - $1::interval, run_at = run_at - $1::interval,
  slot = slot - extract(epoch FROM $1::interval)::int / 60 WHERE ${where}`, [span]);

describe("jobs", { concurrency: 2 }, () => {
  test("after, at, a key, cancelling and looking", async (t) => {
    const host = await start(t, `
bot.job("remind", function(ctx, data)
  ctx:reply(("%s %s %s %d %s"):format(data.text, data.n, math.type(data.n), ctx.job.tries, ctx.config.word))
end)
bot.job("bare", function(ctx, data) log.info("bare " .. tostring(data) .. " " .. tostring(ctx.chat_id)) end)
bot.command("in", "x", function(ctx)
  local id, new = bot.after(ctx.args[1], "remind", { text = ctx.args[2], n = 9007199254740993 }, { key = ctx.args[3] })
  ctx:reply("made " .. math.type(id) .. " " .. tostring(new))
end)
bot.command("again", "x", function(ctx)
  local _, new = bot.after("1s", "remind", { text = "replaced", n = 1.5 }, { key = "k", replace = true })
  ctx:reply("again " .. tostring(new))
end)
bot.command("at", "x", function(ctx)
  bot.at(time.now() + 0.3, "bare", nil, { chat = false })
  bot.at("2001-01-01 12:00", "bare", "past", { timezone = "Europe/Berlin" })
end)
bot.command("list", "x", function(ctx)
  local all = bot.jobs()
  for i, j in ipairs(all) do all[i] = j.name .. " " .. j.state .. " " .. tostring(j.key) .. " " .. j.data.text .. " " .. math.floor(j.due - time.now() + 0.5) end
  ctx:reply(#all .. ": " .. table.concat(all, ", ") .. "; " .. #bot.jobs{ chat = "all" } .. " " .. #bot.jobs{ key = "k" })
end)
bot.command("cancel", "x", function(ctx)
  local n = bot.cancel_job("remind", { key = ctx.args[1] })
  ctx:reply("cancelled " .. n)
end)
for _, wrong in ipairs{
  function() bot.after("10x", "remind") end,
  function() bot.after("1s", "remin") end,
  function() bot.after("1s", "remind", print) end,
  function() bot.after("1s", "remind", nil, { kye = "a" }) end,
  function() bot.after("1s", "remind", nil, { replace = true }) end,
  function() bot.after("1s", "remind", ("x"):rep(65535)) end,
  function() bot.at("tomorrow", "remind") end,
  function() bot.at("2026-12-24 18:00", "remind", nil, { timezone = "Berlin" }) end,
  function() bot.jobs{ state = "x" } end,
  function() bot.job("late", function() end) end,
} do
  bot.command("wrong" .. _, "x", function(ctx) ctx:reply(select(2, pcall(wrong)):match("^scripts/a.lua:%d+: (.*)") or "no place") end)
end
`, {});
    host.folder.write("defaults/init.lua", "return { word = 'set' }");
    await host.line(/reloaded/);
    await host.sim.send(alice, "/in 1s first");
    await host.sim.text(alice, "made integer true");
    await host.sim.text(alice, "first 9007199254740993 integer 0 set");
    await host.sim.send(alice, "/in 1h later k");
    await host.sim.text(alice, "made integer true");
    await host.sim.send(alice, "/in 2h other k");
    await host.sim.text(alice, "made integer false");
    await host.sim.send(bob, "/in 1h bobs k");
    await host.sim.text(bob, "made integer true");
    await host.sim.send(alice, "/list");
    await host.sim.message(alice, (m) => /^1: remind waiting k later 3[56]\d\d; 2 1$/.test(m.text));
    await host.sim.send(alice, "/again");
    await host.sim.text(alice, "again false");
    await host.sim.text(alice, "replaced 1.5 float 0 set");
    await host.sim.send(bob, "/cancel k");
    await host.sim.text(bob, "cancelled 1");
    await host.sim.send(alice, "/cancel k");
    await host.sim.text(alice, "cancelled 0");
    await host.sim.send(alice, "/at");
    await host.line(/bare past 1001/);
    await host.line(/bare nil nil/);
    await eventually("no rows", async () => (await jobs(host.db)).length === 0);
    const wrongs = [/bot.after: .*10x/, /no bot.job\("remin", …\); there are .*remind/, /bot.after: data: .*function/, /no option kye; there are chat, key, replace/,
      /replace goes with a key/, /65537 bytes as JSON; 65536 are the most/, /bot.at: .*tomorrow/, /there is no "Berlin"/, /"waiting", "running" or "failed"/, /only be called while the scripts are loaded/];
    for (const [i, wanted] of wrongs.entries()) {
      await host.sim.send(bob, `/wrong${i + 1}`);
      await host.sim.message(bob, (m) => m.from?.is_bot && wanted.test(m.text));
    }
  });

  test("every: intervals, cron and at; a schedule that is wrong names its line", async (t) => {
    const host = await start(t, `
bot.every("1s", function(ctx) log.info("tick " .. ctx.job.name .. " " .. tostring(ctx.chat_id)) end)
bot.every("0 9 * * 1-5", { timezone = "Europe/Berlin", missed = "skip" }, function() end)
bot.every("1d", { at = "09:30", name = "daily", timezone = "America/New_York", jitter = "10m" }, function() end)
`);
    await times(host, /tick scripts\/a\.lua 1s nil/g, 3);
    const rows = await jobs(host.db, "name, schedule, zone, due_at AT TIME ZONE coalesce(zone, 'UTC') AS at, run_at - due_at AS jitter, ran_at IS NULL AS new");
    assert.deepEqual(rows.map((r) => [r.name, r.schedule, r.zone, r.new]), [
      ["daily", "30 9 * * *", "America/New_York", true], ["scripts/a.lua 0 9 * * 1-5", "0 9 * * 1-5", "Europe/Berlin", true], ["scripts/a.lua 1s", "1s", null, false]]);
    assert.deepEqual(rows.slice(0, 2).map((r) => r.at.toTimeString().slice(0, 8)), ["09:30:00", "09:00:00"]);
    const loads = [
      [`bot.every("5x", function() end)`, /a\.lua:2: bot.every: .*5x/],
      [`bot.every("61 * * * *", function() end)`, /a\.lua:2: bot.every\("61 \* \* \* \*"\): minute "61"/],
      [`bot.every("0.5s", function() end)`, /a\.lua:2: bot.every: /],
      [`bot.every("1h", { at = "09:00" }, function() end)`, /at goes with "1d"/],
      [`bot.every("1d", { at = "25:00" }, function() end)`, /a time like "09:00"/],
      [`bot.every("1h", { timezone = "UTC" }, function() end)`, /a timezone goes with/],
      [`bot.every("@daily", { timezone = "Europe/Berln" }, function() end)`, /there is no "Europe\/Berln"/],
      [`bot.every("@daily", { missed = "never" }, function() end)`, /"once", "skip" or "all"/],
      [`bot.every("1h", { tires = 3 }, function() end)`, /no option tires/],
      [`bot.every("1h", { tries = 0 }, function() end)`, /tries: 1 to 100/],
      [`bot.every("1h", function() end) bot.every("1h", function() end)`, /there is a job "scripts\/a.lua 1h" already, of scripts\/a.lua:2; give this one a name/],
      [`bot.job("a", function() end) bot.every("1h", { name = "a" }, function() end)`, /there is a job "a" already/],
      [`bot.job("", function() end)`, /1 to 100 bytes/],
      [`bot.job("a\\255", function() end)`, /the name is not UTF-8/],
    ];
    for (const [script, wanted] of loads) {
      host.folder.replace("scripts/a.lua", head + script);
      await host.line(wanted);
    }
    // what is declared no more goes, what has another schedule gets another time
    host.folder.replace("scripts/a.lua", `${head}bot.every("2h", { name = "daily" }, function() end)`);
    await host.line(/reloaded in /);
    await eventually("one row", async () => {
      const [row, more] = await jobs(host.db, "name, schedule, slot, round(extract(epoch FROM due_at - now()) / 60)::int AS minutes");
      return !more && row.schedule === "2h" && row.slot === null && row.minutes === 120;
    });
  });

  test("schedule: a chat's own, again and again", async (t) => {
    const host = await start(t, `
bot.job("quote", function(ctx, data)
  ctx:reply("quote " .. data)
  if data == "changes" then bot.schedule("1s", "quote", "changed", { key = "daily", replace = true }) end
end)
bot.job("sad", function(ctx) error("always") end)
bot.command("daily", "x", function(ctx)
  local _, new = bot.schedule(ctx.args[1]:gsub("_", " "), "quote", ctx.args[2], { key = "daily", replace = ctx.args[3] == "replace", timezone = ctx.args[4] })
  ctx:reply(tostring(new) .. " " .. bot.jobs()[1].every)
end)
bot.command("stop", "x", function(ctx) ctx:reply("stopped " .. bot.cancel_job("quote", { key = "daily" })) end)
bot.command("sad", "x", function(ctx) bot.schedule("1s", "sad") end)
for i, wrong in ipairs{
  function() bot.schedule("500ms", "quote") end,
  function() bot.schedule("1 2 3", "quote") end,
  function() bot.schedule("1h", "quote", 1, { timezone = "UTC" }) end,
} do bot.command("wrong" .. i, "x", function(ctx) ctx:reply(select(2, pcall(wrong)):match("^scripts/a.lua:%d+: (.*)") or "no place") end) end`);
    const said = (n, chat = alice) => host.sim.texts(chat, n, 30000 * slow);
    await host.sim.send(alice, "/daily 1s a");
    assert.equal((await said(3))[0], "true 1s");
    await host.sim.send(alice, "/daily 1h b"); // is there already
    await host.sim.message(alice, (m) => m.text === "false 1s");
    await host.sim.send(alice, "/daily 30_8_*_*_* c replace Europe/Berlin");
    await host.sim.text(alice, "false 30 8 * * *");
    let [row] = await jobs(host.db, "schedule, zone, every, to_char(due_at AT TIME ZONE 'Europe/Berlin', 'HH24:MI:SS') AS at, due_at > now() AS future");
    assert.deepEqual(row, { schedule: "30 8 * * *", zone: "Europe/Berlin", every: false, at: "08:30:00", future: true });
    await host.stop();
    await back(host, "49 hours"); // missed twice: once
    const next = await again(t, host);
    await next.sim.text(alice, "quote c");
    await eventually("it has its next time", async () => (await jobs(next.db, "due_at > now() AS future"))[0].future);
    [row] = await jobs(next.db, "to_char(due_at AT TIME ZONE 'Europe/Berlin', 'HH24:MI:SS') AS at, due_at < now() + interval '25 hours' AS soon");
    assert.deepEqual(row, { at: "08:30:00", soon: true });
    assert.equal((await next.sim.said(alice)).filter((text) => text === "quote c").length, 1);
    await next.sim.send(alice, "/stop");
    await next.sim.text(alice, "stopped 1");
    // made anew by itself while it runs: the old one makes room
    await next.sim.send(alice, "/daily 1s changes replace");
    await next.sim.text(alice, "quote changed");
    await eventually("one", async () => (await jobs(next.db, "data")).length === 1);
    assert.deepEqual(await jobs(next.db, "data"), [{ data: "changed" }]);
    await next.sim.send(alice, "/stop");
    await next.sim.send(bob, "/sad");
    await times(next, /handler failed: scripts\/a\.lua:\d+: always/g, 2); // goes on
    assert.ok(!next.said.includes("set aside"));
    for (const [i, wanted] of [/at least a second/, /bot.schedule\("1 2 3"\): five fields/, /a timezone goes with a cron line/].entries()) {
      await next.sim.send(bob, `/wrong${i + 1}`);
      await next.sim.message(bob, (m) => m.from?.is_bot && wanted.test(m.text));
    }
  });

  test("what was missed while no process ran: once, skip, all", async (t) => {
    const half = (new Date().getUTCMinutes() + 30) % 60; // none is due while this test runs
    const host = await start(t, ["once", "skip", "all"].map((missed) => `
bot.every("1h", { name = "${missed}", missed = "${missed}" }, function(ctx) log.info("ran ${missed} " .. math.floor(ctx.job.due)) end)
bot.every("${half} * * * *", { name = "cron ${missed}", missed = "${missed}" }, function(ctx) log.info("ran cron ${missed} " .. math.floor(ctx.job.due)) end)`).join(""));
    await eventually("six times", async () => (await host.db.query("SELECT FROM jobs WHERE due_at IS NOT NULL")).length === 6);
    await host.stop();
    await back(host, "5 hours");
    const before = Object.fromEntries((await jobs(host.db, "name, floor(extract(epoch FROM due_at))::int AS due, extract(minute FROM due_at) AS minute")).map((r) => [r.name, r]));
    const next = await again(t, host);
    let rows = [];
    await until({ toString: () => `all in the future: ${JSON.stringify(rows)} ${next.said}` }, async () => {
      rows = await jobs(next.db, "name, run_at > now() AS future, run_at::text, owner");
      return rows.filter((r) => r.future && r.owner === null).length === 6;
    }, 20000 * slow);
    await next.stop();
    const ran = (name) => [...next.said.matchAll(new RegExp(`ran ${name} (\\d+)`, "g"))].map((m) => Number(m[1]));
    assert.deepEqual(ran("skip"), []);
    assert.deepEqual(ran("cron skip"), []);
    assert.deepEqual(ran("once"), [before.once.due]);
    assert.deepEqual(ran("cron once"), [before["cron once"].due]);
    for (const name of ["all", "cron all"]) {
      const list = ran(name);
      assert.equal(list.length, 5, `${name}: ${list}`);
      list.forEach((due, i) => assert.equal(due, before[name].due + i * 3600));
    }
    // they keep their places: the same minute of the hour
    for (const row of await jobs(next.db, "name, extract(minute FROM due_at) AS minute, due_at - now() < interval '1 hour' AS soon"))
      assert.deepEqual([row.minute, row.soon], [before[row.name].minute, true], row.name);
  });

  test("one that fails: tries, backoff, set aside; with bot.catch too", async (t) => {
    for (const caught of ["", "bot.catch(function(e) log.info('caught') end)"]) {
      const port = await freePort();
      const host = await start(t, `${caught}
bot.job("flaky", { tries = 3, backoff = "200ms" }, function(ctx, data)
  log.info("try " .. ctx.job.tries)
  if ctx.job.tries < data then error("on purpose") end
  log.info("went well")
end)
bot.every("1s", { name = "sad" }, function() log.info("sad") error("always \\255 " .. ("ä"):rep(4000)) end)
bot.command("go", "x", function(ctx) bot.after(0, "flaky", tonumber(ctx.args[1])) end)`, { env: { METRICS_PORT: String(port) } });
      await host.sim.send(alice, "/go 2");
      for (const n of [0, 1, 2]) await host.line(new RegExp(`try ${n}`));
      await host.line(/went well/);
      await host.sim.send(alice, "/go 9");
      await host.line(/job \d+ is set aside after 3 of 3 tries/);
      const [failed] = await eventually("it is set aside", async () => {
        const rows = await host.db.query("SELECT state, tries, error, chat_id::int AS chat FROM jobs WHERE state = 'failed'");
        return rows.length && rows;
      });
      assert.equal(failed.tries, 3);
      assert.equal(failed.chat, alice);
      assert.match(failed.error, caught ? /bot\.catch took the error/ : /scripts\/a\.lua:5: on purpose[^]*a\.lua:5: in/);
      if (!caught) assert.match(host.said, /scripts\/a\.lua:5: on purpose\n[^]*a\.lua:5: in/);
      await times(host, /bot: sad/g, 4); // it goes on: three have failed
      const [every] = await host.db.query("SELECT error FROM jobs WHERE name = 'sad'");
      assert.match(every.error, caught ? /bot\.catch took/ : /always \ufffd ä+/);
      const page = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
      for (const wanted of [/^moonpost_job_runs_total\{result="done"\} 1$/m, /^moonpost_job_runs_total\{result="retry"\} 4$/m,
        /^moonpost_job_runs_total\{result="failed"\} ([4-9]|\d\d+)$/m, /^moonpost_job_late_seconds_count [1-9]/m, /^moonpost_jobs_running [01]$/m, /^moonpost_jobs_waiting \d+$/m])
        assert.match(page, wanted);
      await host.stop();
    }
  });

  test("a chat's jobs run in its lane, in turn with its updates", async (t) => {
    const host = await start(t, `
bot.job("j", function(ctx) log.info("job begins") time.sleep(0.5) log.info("job ends") end)
bot.command("go", "x", function(ctx) bot.after(0, "j") time.sleep(0.5) log.info("handler ends") end)
bot.command("hi", "x", function(ctx) log.info("hi") end)`);
    await host.sim.send(alice, "/go");
    await host.line(/handler ends/);
    await host.line(/job begins/);
    await host.sim.send(alice, "/hi");
    await host.line(/bot: hi/);
    assert.match(host.said, /handler ends[^]*job begins[^]*job ends[^]*bot: hi/);
  });

  test("at most JOBS_MAX at once; the largest data there may be", async (t) => {
    const host = await start(t, `
local now, most = 0, 0
bot.job("j", function(ctx, data)
  now = now + 1
  most = math.max(most, now)
  while most < 3 do time.sleep(0.01) end
  now = now - 1
  log.info("ended " .. #data .. " most " .. most)
end)
bot.command("go", "x", function(ctx) for i = 1, 9 do bot.after(0, "j", ("x"):rep(65534), { chat = false }) end end)`, { env: { JOBS_MAX: "3" } });
    await host.sim.send(alice, "/go");
    await times(host, /ended 65534 most 3/g, 9);
    await eventually("no rows", async () => (await jobs(host.db)).length === 0);
    assert.equal([...host.said.matchAll(/ended/g)].length, 9);
  });

  test("SIGTERM: what has not ended is the next process's, and no try was used", async (t) => {
    const script = (s) => `
bot.job("long", function(ctx, n) log.info("begins " .. n .. " " .. ctx.job.tries) time.sleep(${s}) log.info("ends " .. n) end)
bot.command("go", "x", function(ctx) for i = 1, 3 do bot.after(0, "long", i, { chat = i > 1 and ctx.chat_id or false }) end end)`;
    const host = await start(t, script(60), { env: { STOP_TIMEOUT_S: "1" } });
    await host.sim.send(alice, "/go");
    await host.line(/begins 1/);
    await host.line(/begins 2/);
    await host.stop();
    assert.deepEqual(await jobs(host.db, "state, owner, tries, crashes"), Array(3).fill({ state: "waiting", owner: null, tries: 0, crashes: 0 }));
    host.folder.write("scripts/a.lua", head + script(1));
    const next = await again(t, host);
    for (const n of [1, 2, 3]) await next.line(new RegExp(`ends ${n}`), 30000 * slow);
    await eventually("no rows", async () => (await jobs(next.db)).length === 0);
  });

  test("a process that dies of a job three times: it is set aside; others run", async (t) => {
    let host = await start(t, `
bot.job("deadly", function(ctx) log.info("deadly begins") time.sleep(60) end)
bot.job("plain", function(ctx) log.info("plain") end)
bot.command("go", "x", function(ctx) bot.after(0, "deadly") bot.after("100h", "plain") ctx:reply("made") end)`);
    await host.sim.send(alice, "/go");
    for (let i = 0; i < 3; i++) {
      await host.line(/deadly begins/, 30000 * slow);
      host.kill("SIGKILL");
      await host.ended;
      host.awaited = true;
      host = await again(t, host);
    }
    await host.line(/bot\.job deadly: job 1: the process died each of 3 times while it ran: it is set aside/, 30000 * slow);
    const rows = await eventually("it is set aside", async () => {
      const list = await jobs(host.db, "name, state, crashes, error");
      return list[0].state === "failed" && list;
    });
    assert.deepEqual(rows.map((r) => [r.name, r.state, r.crashes]), [["deadly", "failed", 3], ["plain", "waiting", 0]]);
    assert.ok(!host.said.includes("deadly begins"));
  });

  test("two processes and kill -9: every job ran, and once unless it was cut off", async (t) => {
    const db = await place.newDatabase(t);
    const ports = [await freePort(), await freePort()];
    const first = await start(t, `
bot.job("work", function(ctx, n) log.info("begin " .. n .. ".") time.sleep(0.05) log.info("end " .. n .. ".") end)
bot.every("1s", { name = "beat" }, function(ctx) log.info("beat " .. math.floor(ctx.job.due) .. ".") end)
bot.command("go", "x", function(ctx)
  for i = 1, 300 do bot.after(i % 60 / 10, "work", i, { chat = false }) end
  ctx:reply("made")
end)`, { db, env: { JOBS_MAX: "20", WEBHOOK_URL: `http://127.0.0.1:${ports[0]}/hook`, PORT: String(ports[0]) } });
    const all = [first];
    const begin = async (i) => {
      const host = await again(t, first, { env: { JOBS_MAX: "20", WEBHOOK_URL: `http://127.0.0.1:${ports[0]}/hook`, PORT: String(ports[i]) }, });
      all.push(host);
      return host;
    };
    let second = await begin(1);
    await first.sim.send(alice, "/go");
    await first.sim.text(alice, "made");
    for (let i = 0; i < 3; i++) {
      await sleep(1000);
      second.kill("SIGKILL");
      await second.ended;
      second.awaited = true;
      second = await begin(1);
    }
    await eventually("all are over", async () => (await db.query("SELECT FROM jobs WHERE name = 'work'")).length === 0);
    const counts = (word, list = all) => {
      const n = new Map();
      for (const host of list) for (const m of host.said.matchAll(new RegExp(`${word} (\\d+)\\.`, "g"))) n.set(m[1], (n.get(m[1]) ?? 0) + 1);
      return n;
    };
    const ended = counts("end"), begun = counts("begin"), beats = counts("beat");
    assert.equal(ended.size, 300);
    const killed = all.filter((host) => host.awaited);
    let cut = 0; // begun by one that was killed: it may not have said that it ended
    for (const [n, times_] of begun) {
      if (times_ === 1) continue;
      cut++;
      assert.ok(killed.some((host) => host.said.includes(`begin ${n}.`)), `${n} began ${times_} times`);
    }
    assert.ok(cut <= 3 * 20, `${cut} ran again`);
    for (const [at, n] of beats) assert.ok(n === 1 || killed.some((host) => host.said.includes(`beat ${at}.`)), `beat ${at}: ${n}`);
    assert.ok(beats.size >= 5);
    const ran = all.map((host) => counts("begin", [host]).size);
    assert.ok(ran[0] > 0 && ran.slice(1).some((n) => n > 0), `${ran}`);
    t.diagnostic(`began here: ${ran}; ${cut} began more than once`);
  });

  test("the next poller has them after a kill, and the one that stands by has none", async (t) => {
    const first = await start(t, `bot.every("1s", { name = "beat" }, function(ctx) log.info("beat") end)`);
    const second = await again(t, first, { ready: false });
    await second.line(/standing by/);
    await times(first, /bot: beat/g, 3);
    assert.ok(!second.said.includes("bot: beat"), second.said);
    first.kill("SIGKILL");
    await first.ended;
    first.awaited = true;
    await times(second, /bot: beat/g, 2);
  });

  test("a group that becomes a supergroup keeps its jobs", async (t) => {
    const host = await start(t, `
bot.job("remind", function(ctx, data) log.info("in " .. ctx.chat_id .. " " .. data) ctx:reply("moved " .. data) end)
bot.command("in", "x", function(ctx) bot.after("1h", "remind", ctx.args[1], { key = "k" }) ctx:reply("made") end)
bot.command("look", "x", function(ctx) ctx:reply("there are " .. #bot.jobs()) end)`);
    const { chat: { id: chat } } = await host.sim.post("chat", { type: "group", title: "Movers", members: [alice, host.bot] });
    await host.sim.send(alice, "/in water", { chat });
    await host.sim.text(chat, "made");
    const { chat: { id: to } } = await host.sim.post("migrate", { chat });
    await host.sim.send(alice, "/look", { chat: to });
    await host.sim.text(to, "there are 1");
    await back(host, "1 hour");
    await host.line(new RegExp(`in ${to} water`), 30000 * slow);
    await host.sim.text(to, "moved water");
  });

  test("moonpost jobs: list, show, run, drop", async (t) => {
    const host = await start(t, `
bot.job("later", function(ctx, data) log.info("ran " .. data.n) end)
bot.job("bad", function() error("on purpose") end)
bot.every("1d", { name = "daily", at = "00:00", missed = "all" }, function() log.info("daily ran") end)
bot.every("5h", { name = "span" }, function() log.info("span ran") end)
bot.command("go", "x", function(ctx)
  for n = 1, 3 do bot.after("90m", "later", { n = n }, { key = "k" .. n }) end
  bot.after(0, "bad")
end)`);
    const env = { DATABASE_URL: host.db.url };
    const tool = (...args) => new Host(["jobs", ...args], { env });
    await host.sim.send(alice, "/go");
    await host.line(/is set aside/);
    await eventually("it is", async () => (await jobs(host.db, "state")).some((r) => r.state === "failed"));
    const said = (await tool("list").succeeds());
    assert.match(said, /^3  later \(k1\) of chat 1001: in 1h(29|30)m$/m);
    assert.match(said, /^1  daily, every 0 0 \* \* \*: in /m);
    assert.match(said, /^6  bad of chat 1001: failed; .*on purpose$/m);
    assert.equal((await tool("list", "--failed").succeeds()).split("\n").length, 2);
    assert.equal((await tool("list", "--failed", "--chat", "5").succeeds()), "Nothing was set aside.\n");
    const list = (await tool("list", "--json", "--name", "later").succeeds()).trim().split("\n").map((l) => JSON.parse(l));
    assert.deepEqual(list.map((j) => [j.id, j.state, j.key, j.data, j.chat_id, j.every]), [1, 2, 3].map((n) => [n + 2, "waiting", `k${n}`, { n }, alice, null]));
    assert.match((await tool("show", "6").succeeds()), /error      [^]*a\.lua:4: on purpose[^]*in /);
    assert.match((await tool("show", "3").succeeds()), /by         user:1001 update:\d+[^]*data       \{"n":1\}/);
    const times_ = () => jobs(host.db, "name, due_at::text AS due").then((rows) => rows.filter((r) => /daily|span/.test(r.name)));
    const before = await times_();
    assert.match((await tool("run", "3", "1", "2", "6").succeeds()), /3 runs\n1 runs\n2 runs\n6 runs\n/);
    await host.line(/ran 1/, 30000 * slow);
    await host.line(/daily ran/, 30000 * slow);
    await host.line(/span ran/, 30000 * slow);
    await eventually("they keep their times", async () => (await host.db.query("SELECT FROM jobs WHERE every AND owner IS NULL AND run_at > now() AND ran_at > now() - interval '1 minute'")).length === 2);
    assert.deepEqual(await times_(), before);
    await eventually("it failed again", async () => host.said.match(/job 6 is set aside/g)?.length === 2);
    assert.match((await tool("drop", "4").succeeds()), /4 dropped/);
    for (const [args, status, words] of [[["drop", "1"], 1, /job 1 is not there, or is of bot\.every/], [["show", "99"], 1, /there is no job 99/],
      [["run"], 2, /it needs an ID/], [["list", "--wrong"], 2, /no option/], [["show", "x"], 2, /is not a job's number/]]) {
      assert.match(await tool(...args).fails(status), words);
    }
    await eventually("one is left, those of bot.every and the failed one", async () => (await jobs(host.db)).length === 4);
  });

  test("moonpost test: what is due runs when a spec moves the clock", async (t) => {
    const home = folder(t, {
      "scripts/a.lua": `local bot, counter = require "bot", require "counter"
local flood = counter.new("flood", { window = "10s" })
bot.job("remind", function(ctx, data) ctx:reply("reminder " .. data) end)
bot.command("remind", "x", function(ctx) bot.after(ctx.args[1], "remind", ctx.args[2]) ctx:reply("made") end)
bot.command("flood", "x", function(ctx) ctx:reply("flood " .. flood:add(ctx)) end)
bot.every("1d", { name = "daily", at = "09:00" }, function(ctx) ctx.api.sendMessage{ chat_id = 77001, text = "morning" } end)
`,
      "spec/a_spec.lua": `describe("time", function()
  local alice
  before_each(function() alice = person{ name = "Alice", id = 77001 } alice:send("/start") end)
  it("reminds", function()
    assert.equal("made", alice:send("/remind 1h tea")[1].text)
    clock:advance("59m")
    assert.equal("made", alice:last().text)
    clock:advance("2m")
    assert.equal("reminder tea", alice:last().text)
  end)
  it("forgets floods", function()
    alice:send("/flood")
    assert.equal("flood 2", alice:send("/flood")[1].text)
    clock:advance("12s")
    assert.equal("flood 1", alice:send("/flood")[1].text)
  end)
  it("is every day", function()
    clock:advance("3d")
    local n = 0
    for _, m in ipairs(alice:messages()) do if m.text == "morning" then n = n + 1 end end
    assert.equal(3, n)
  end)
end)`,
    });
    const db = await place.newDatabase(t);
    assert.match(await new Host(["test", home.dir], { env: { DATABASE_URL: db.url } }).succeeds(), /3 passed, 0 failed/);
  });

  test("one that nobody handles waits, and is told once", async (t) => {
    const host = await start(t, `bot.job("known", function() end)`);
    await host.db.query("INSERT INTO jobs (bot_id, name, due_at, run_at) VALUES ($1, 'strange', now(), now())", [host.bot]);
    await host.line(/a job "strange" is due, and there is no bot\.job\("strange", …\): it waits/, 30000 * slow);
    host.folder.replace("scripts/a.lua", `${head}bot.job("strange", function() log.info("at last") end)`);
    await host.line(/at last/);
  });

  test("after PostgreSQL was away, ends are written and what is due runs", async (t) => {
    const server = new Server();
    atEnd(t, () => server.remove());
    const db = { url: server.start() };
    const host = await startBot(t, place, { "scripts/a.lua": `${head}
bot.job("slow", function(ctx, n) log.info("begin " .. n) time.sleep(2) log.info("end " .. n) end)
bot.every("1s", { name = "beat" }, function(ctx) log.info("beat") end)
bot.command("go", "x", function(ctx) bot.after(0, "slow", 1, { chat = false }) end)` }, { url: db.url, env: fast });
    await host.sim.send(alice, "/go");
    await host.line(/begin 1/);
    server.do("stop");
    await host.line(/end 1/);
    await sleep(500);
    server.start();
    await host.line(/connected to PostgreSQL again/, 30000 * slow);
    await times(host, /bot: beat/g, 2);
    await eventually("its end is written", async () => (await query(db.url, "SELECT FROM jobs WHERE name = 'slow'")).length === 0);
    assert.equal(host.said.match(/begin 1/g).length, 1);
  });
});
