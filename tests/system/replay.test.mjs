// moonpost run --record and moonpost replay: what happened, through the present
// scripts.
import assert from "node:assert/strict";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { describe, test } from "node:test";
import { run, slow, startBot, world } from "./lib/host.mjs";
import { until } from "./lib/program.mjs";
import { alice, bob } from "./lib/simulator.mjs";

const place = world();

const script = `local bot, time = require "bot", require "time"
bot.command("count", "x", function(ctx)
  ctx.config.n = ctx.config.n + 1
  ctx:reply("n is " .. ctx.config.n)
end)
bot.command("slow", "x", function(ctx)
  ctx:reply("slow begins")
  time.sleep(1.5)
  ctx:reply("slow ends")
end)
bot.command("refused", "x", function(ctx)
  local ok, err = pcall(ctx.api.sendMessage, { chat_id = 424242, text = "hi" })
  ctx:reply(ok and "sent" or err.description)
end)
bot.command("boom", "x", function() error("on purpose") end)
bot.command("hello", "x", function(ctx) ctx:reply("Hello, " .. ctx.from.first_name) end)`;
const files = { "scripts/a.lua": script, "defaults/init.lua": "return { n = 0 }" };

// A bot that has had some updates; gives its folder, its recording and its database.
async function recorded(t, work, args = []) {
  const db = await place.newDatabase(t);
  await db.query("SELECT 1");
  const file = `/tmp/moonpost-record-${process.pid}-${Math.random().toString(36).slice(2)}`;
  const host = await startBot(t, place, files, { url: db.url, args: ["--record", file, ...args], env: { TASK_CPU_MS: String(250 * slow) } });
  await work(host);
  await host.stop();
  return { dir: host.folder, file, replay: (...more) => run(["replay", file, host.folder.dir, ...more], { DATABASE_URL: db.url }), db };
}

const says = (host, who, text) => until(text, async () => (await host.sim.said(who)).includes(text));

async function work(host) {
  await host.sim.send(alice, "/count");
  await says(host, alice, "n is 1");
  await Promise.all([host.sim.send(bob, "/slow"), host.sim.send(alice, "/count")]);
  await says(host, alice, "n is 2");
  await host.sim.send(alice, "/refused");
  await says(host, bob, "slow ends");
  await host.sim.send(alice, "/boom");
  await host.line(/on purpose/);
  await host.sim.send(bob, "just talk");
  await host.sim.send(alice, "/hello");
  await says(host, alice, "Hello, Alice");
}

describe("a recording", () => {
  test("gives the same again, and shows what is other now", async (t) => {
    const { dir, file, replay, db } = await recorded(t, work);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    let { code, said } = await replay();
    assert.match(said, /^7 updates: 7 as they were, 0 differ\n$/);
    assert.equal(code, 0);

    dir.write("scripts/a.lua", script.replace('"n is "', '"n = "').replace('ctx:reply("slow ends")', "").replace('error("on purpose")', "")
      .replace('ctx:reply("Hello, " .. ctx.from.first_name)', 'ctx:reply("Hello, " .. ctx.from.first_name) ctx:reply("And?") error("new")'));
    ({ code, said } = await replay());
    assert.equal(code, 1, said);
    assert.match(said, /message "\/count" in 1001\n {2}~ sendMessage\n {6}text: "n is 1"\n +→ {2}"n = 1"\n/);
    assert.match(said, /message "\/slow" in 1002\n {2}- sendMessage \{.*"slow ends".*\}\n/);
    assert.match(said, /message "\/boom" in 1001\n {2}! it failed then, and does not now\n/);
    assert.match(said, /message "\/hello" in 1001\n {2}\+ sendMessage \{.*"And\?".*\}\n {2}! it fails now: .*new\n/);
    assert.match(said, /\n7 updates: 2 as they were, 5 differ\n$/);

    const id = said.match(/update (\d+): message "\/boom"/)[1];
    ({ code, said } = await replay("--update", id, "--verbose"));
    assert.match(said, /^update \d+: message "\/boom".*\n {2}!.*\n1 updates: 0 as they were, 1 differ\n$/);

    dir.write("scripts/a.lua", "nonsense");
    ({ code, said } = await replay());
    assert.equal(code, 1);
    assert.match(said, /scripts\/a\.lua:1: /);
    assert.deepEqual(await db.query("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'moonpost_test%'"), []);
  });

  test("of a chat that had settings, and of two runs", async (t) => {
    const { dir, file, replay, db } = await recorded(t, async (host) => {
      await host.sim.send(alice, "/count");
      await says(host, alice, "n is 1");
    });
    // the second one's settings are another's: the first document counts
    const again = await startBot(t, place, files, { url: db.url, folder: dir, args: ["--record", file] });
    await again.sim.send(alice, "/count");
    await says(again, alice, "n is 2");
    await again.stop();
    assert.equal((await replay()).said, "2 updates: 2 as they were, 0 differ\n");
  });

  test("without names", async (t) => {
    const { file, replay } = await recorded(t, work, ["--anonymous"]);
    const text = readFileSync(file, "utf8");
    assert.doesNotMatch(text, /Alice|alice|Bob|bob/);
    assert.match(text, /"text":"\/hello"/);
    assert.match((await replay()).said, / 0 differ\n$/);
  });

  test("that is none, or lacks what was asked for", async (t) => {
    const { file, replay } = await recorded(t, async () => {});
    let { code, said } = await replay("--update", "5");
    assert.equal(code, 1);
    assert.match(said, /there is no update 5 in it/);
    writeFileSync(file, '{"moonpost":"0","bot":{"id":1,"username":"a_bot"}}\nnonsense\n');
    ({ code, said } = await replay());
    assert.equal(code, 1);
    assert.match(said, /:2: not a line of a recording/);
    writeFileSync(file, "{}\n");
    ({ code, said } = await replay());
    assert.match(said, /not a recording/);
    ({ code, said } = await run(["replay"]));
    assert.equal(code, 2);
    assert.match(said, /which recording\?/);
    ({ code, said } = await run(["replay", "/nowhere/x", "."]));
    assert.equal(code, 1);
  });
});
