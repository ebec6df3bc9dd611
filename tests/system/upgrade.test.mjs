// Configs of older versions: upgraded when they are read, written back, and
// left alone when that fails or when they are newer than this program.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { startBot, world } from "./lib/host.mjs";
import { until } from "./lib/program.mjs";
import { alice, bob, carol } from "./lib/simulator.mjs";

const place = world();

const files = {
  "defaults/welcome.lua": `return { text = "hi", enabled = true, words = { "first" }, deep = { n = 1 } }`,
  "migrations/config/0001_split.lua": `
return function(config)
  config.welcome.text = config.welcome_text or config.welcome.text
  config.welcome_text = nil
end`,
  "migrations/config/0002_more.lua": `
return function(config)
  if config.welcome.text == "bad" then error("no such thing") end
  if config.welcome.text == "loop" then while true do pcall(error) end end
  if config.welcome.text == "rubbish" then return 5 end
  if config.welcome.text == "function" then config.welcome.f = print end
  table.insert(config.welcome.words, "second")
  config.welcome.enabled = true -- as it is already: still not set
  config.welcome.deep.n = config.welcome.deep.n + 0
end`,
  "scripts/a.lua": `
local bot, cjson = require "bot", require "cjson"
bot.command("show", "Show", function(ctx)
  local w = ctx.config.welcome
  ctx:reply(w.text .. " " .. table.concat(w.words, ",") .. " " .. tostring(ctx:is_set("welcome.enabled")))
end)
bot.command("set", "Set", function(ctx)
  ctx.config.welcome.enabled = false
  ctx:reply("set")
end)`,
};

async function start(t, rows) {
  const db = await place.newDatabase(t);
  await db.query(`CREATE TABLE chat_configs (chat_id BIGINT PRIMARY KEY, config JSONB NOT NULL DEFAULT '{}',
    version INT NOT NULL, revision BIGINT NOT NULL DEFAULT 1, updated_at TIMESTAMPTZ NOT NULL DEFAULT now())`);
  for (const [chat, config, version] of rows)
    await db.query("INSERT INTO chat_configs (chat_id, config, version) VALUES ($1, $2, $3)", [chat, config, version]);
  const host = await startBot(t, place, files, { url: db.url });
  const row = async (chat) => (await db.query("SELECT config, version, revision::int FROM chat_configs WHERE chat_id = $1", [chat]))[0];
  return { host, db, row };
}

async function ask(host, who, text, n = 1) {
  await host.sim.send(who, text);
  return (await host.sim.texts(who, n)).at(-1);
}

describe("an older config", () => {
  test("is upgraded when it is read, and written back", async (t) => {
    const { host, row } = await start(t, [
      [alice, { welcome_text: "yo", other: { kept: [1] } }, 0],
      [bob, { welcome: { words: [] } }, 1],
    ]);
    assert.equal(await ask(host, alice, "/show"), "yo first,second false");
    assert.equal(await ask(host, bob, "/show"), "hi second false");
    await until("alice's row to be written", async () => (await row(alice)).version === 2);
    // What was not set and not changed is not stored; unknown keys are kept.
    assert.deepEqual(await row(alice),
      { config: { other: { kept: [1] }, welcome: { text: "yo", words: ["first", "second"] } }, version: 2, revision: 2 });
    await until("bob's row to be written", async () => (await row(bob)).version === 2);
    assert.deepEqual((await row(bob)).config, { welcome: { words: ["second"] } });
  });

  test("can be written at once, and is not upgraded twice", async (t) => {
    const { host, row } = await start(t, [[alice, {}, 0]]);
    assert.equal(await ask(host, alice, "/set"), "set");
    assert.equal(await ask(host, alice, "/show", 2), "hi first,second true");
    assert.deepEqual(await row(alice),
      { config: { welcome: { enabled: false, words: ["first", "second"] } }, version: 2, revision: 3 });
  });

  for (const [text, why] of [["bad", /0002_more\.lua:3: no such thing/], ["loop", /too long/],
    ["rubbish", /0002_\w+\.lua: returned a number/], ["function", /function/]]) {
    test(`that can't be upgraded (${text}) is kept as it is and read-only`, async (t) => {
      const config = { welcome: { text } };
      const { host, row } = await start(t, [[alice, config, 1], [bob, {}, 1]]);
      assert.equal(await ask(host, alice, "/show"), `${text} first false`);
      await host.line(new RegExp(`config of chat ${alice} can't be upgraded from version 1 to 2 and is read-only: .*${why.source}`));
      await host.sim.send(alice, "/set");
      await host.line(/handler failed: .*could not be upgraded and is read-only/);
      assert.deepEqual(await row(alice), { config, version: 1, revision: 1 });
      assert.equal(await ask(host, bob, "/show"), "hi first,second false", "others are not affected");
    });
  }
});

test("a newer config is used as it is, and never stamped down", async (t) => {
  const { host, row } = await start(t, [[carol, { welcome: { text: "new", style: 5 } }, 9]]);
  assert.equal(await ask(host, carol, "/show"), "new first false");
  assert.equal(await ask(host, carol, "/set", 2), "set");
  assert.deepEqual(await row(carol),
    { config: { welcome: { text: "new", style: 5, enabled: false } }, version: 9, revision: 2 });
});
