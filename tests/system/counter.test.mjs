// The module counter in the built program: floods, warnings that stay.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { query, startBot, world } from "./lib/host.mjs";
import { slow, until } from "./lib/program.mjs";
import { alice, bob } from "./lib/simulator.mjs";

const place = world();
const fast = { PACE_CHAT_PER_S: "1000000", PACE_GROUP_PER_MIN: "1000000", PACE_BOT_PER_S: "1000000" };
const script = `local bot, counter, time = require "bot", require "counter", require "time"
local flood = counter.new("flood", { window = "1h" })
local brief = counter.new("brief", { window = "1s" })
local all = counter.new("all", { per = "bot" })
local words = counter.new("words", { per = "key" })
local warnings = counter.new("warnings", { durable = true })
local recent = counter.new("recent", { durable = true, window = "1h", per = "chat" })
bot.command("flood", "x", function(ctx)
  ctx:reply(("%d of %d, %d"):format(flood:add(ctx), all:add(2), words:add(ctx.args[1] or "none")))
end)
bot.command("forgotten", "x", function(ctx)
  local n = brief:add(ctx, 2)
  time.sleep(1.3)
  ctx:reply("after all " .. n .. " " .. brief:get(ctx) .. " " .. flood:get(ctx) .. " " .. all:get())
end)
bot.command("warn", "x", function(ctx)
  ctx:reply("warned " .. warnings:add(ctx, tonumber(ctx.args[1]) or 1) .. " " .. recent:add{ chat = ctx.chat_id })
end)
bot.command("look", "x", function(ctx) ctx:reply("has " .. warnings:get(ctx) .. " " .. recent:get(ctx)) end)
bot.command("pardon", "x", function(ctx) warnings:reset(ctx) ctx:reply("pardoned") end)
local function show(list)
  for i, e in ipairs(list) do list[i] = (e.user_id or e.key or e.chat_id) .. "=" .. e.count end
  return table.concat(list, " ")
end
bot.command("top", "x", function(ctx) ctx:reply("top " .. show(warnings:top(3)) .. "; " .. show(words:top()) .. "; " .. show(warnings:top(3, ctx))) end)
bot.command("many", "x", function(ctx)
  for i = 1, 3000 do warnings:add{ chat = -5, user = i } end
  ctx:reply("counted")
end)
for i, wrong in ipairs{
  function(ctx) flood:add("a") end,
  function(ctx) flood:add{ chat = 5 } end,
  function(ctx) flood:add{ chat = 5, user = 6, topic = 7 } end,
  function(ctx) words:add(ctx) end,
  function(ctx) words:add(("x"):rep(101)) end,
  function(ctx) flood:add(ctx, 0.5) end,
  function(ctx) counter.new("late") end,
} do
  bot.command("wrong" .. i, "x", function(ctx) ctx:reply(select(2, pcall(wrong, ctx)):match("^scripts/a.lua:%d+: (.*)") or "no place") end)
end
`;

async function start(t, { env = {}, ...options } = {}) {
  const url = options.url ?? (await place.newDatabase(t)).url;
  const host = await startBot(t, place, { "scripts/a.lua": script }, { url, ...options, env: { ...fast, ...env } });
  host.url = url;
  return host;
}

const again = (t, host, options = {}) => start(t, { url: host.url, folder: host.folder, bot: host.bot, ...options });

let asked = 0;
async function ask(host, as, text) {
  const before = (await host.sim.said(as)).length;
  await host.sim.send(as, `${text}`);
  asked++;
  return (await host.sim.texts(as, before + 1, 30000 * slow))[before];
}

describe("counters", { concurrency: 2 }, () => {
  test("in a window, per person, of the whole bot, by a word", async (t) => {
    const host = await start(t);
    assert.equal(await ask(host, alice, "/flood a"), "1 of 2, 1");
    assert.equal(await ask(host, alice, "/flood a"), "2 of 4, 2");
    assert.equal(await ask(host, bob, "/flood b"), "1 of 6, 1");
    assert.equal(await ask(host, alice, "/forgotten"), "after all 2 0 2 6");
    const wrongs = [/ctx or table { chat =, user = } expected/, /counts per chat\+user: user is expected, got nil/, /no option topic; there are chat, user/,
      /string expected, got moonpost.ctx/, /a key has 1 to 100 bytes/, /no integer representation/, /while the scripts are loaded/];
    for (const [i, wanted] of wrongs.entries()) assert.match(await ask(host, alice, `/wrong${i + 1}`), wanted);
    for (const [text, wanted] of [[`counter.new("a") counter.new("a")`, /b.lua:1: .*there is a counter "a" already/], [`counter.new("a", { per = "person" })`, /per: "person": "chat\+user"/],
      [`counter.new("a", { window = "1ms" })`, /window: 100 ms to a year/], [`counter.new("a", { windows = 1 })`, /no option windows/]]) {
      host.folder.replace("scripts/b.lua", `local counter = require "counter" ${text}`);
      await host.line(wanted);
    }
    // a reload forgets nothing
    host.folder.replace("scripts/b.lua", "");
    await host.line(/reloaded in /);
    assert.equal(await ask(host, alice, "/flood a"), "3 of 8, 3");
  });

  test("durable ones outlive a restart, and two processes add up", async (t) => {
    const host = await start(t);
    assert.equal(await ask(host, alice, "/warn"), "warned 1 1");
    assert.equal(await ask(host, alice, "/warn 4"), "warned 5 2");
    assert.equal(await ask(host, bob, "/warn 2"), "warned 2 1");
    assert.equal(await ask(host, bob, "/flood x"), "1 of 2, 1");
    assert.equal(await ask(host, bob, "/top"), `top ${alice}=5 ${bob}=2; x=1; ${bob}=2`);
    await host.stop();
    const next = await again(t, host);
    assert.equal(await ask(next, alice, "/look"), "has 5 2");
    assert.equal(await ask(next, alice, "/warn"), "warned 6 3");
    const rows = () => query(host.url, "SELECT user_id::int AS u, sum(n)::int AS n FROM counters WHERE name = 'warnings' GROUP BY 1 ORDER BY 1");
    await until("it is written", async () => (await rows())[0].n === 6, 30000 * slow);
    // another process has counted 10 more
    await query(host.url, "UPDATE counters SET n = n + 10 WHERE user_id = $1", [alice]);
    assert.equal(await ask(next, alice, "/warn"), "warned 7 4");
    await until("both are in it", async () => (await rows())[0].n === 17, 30000 * slow);
    await until("and known here", async () => (await ask(next, alice, "/look")) === "has 17 4", 30000 * slow);
    assert.equal(await ask(next, alice, "/pardon"), "pardoned");
    assert.equal(await ask(next, alice, "/look"), "has 0 4");
    assert.equal(await ask(next, alice, "/warn"), "warned 1 5");
    assert.equal(await ask(next, alice, "/warn -9"), "warned 0 6");
    assert.equal(await ask(next, alice, "/many"), "counted");
    await next.stop();
    assert.equal((await query(host.url, "SELECT FROM counters WHERE chat_id = -5")).length, 3000);
    assert.deepEqual(await query(host.url, "SELECT n::int, expires_at IS NULL AS ever FROM counters WHERE name = 'warnings' AND chat_id = $1", [bob]), [{ n: 2, ever: true }]);
    const [recent] = await query(host.url, "SELECT extract(epoch FROM expires_at - now())::int AS s FROM counters WHERE name = 'recent' LIMIT 1");
    assert.ok(recent.s > 3500 && recent.s < 4400, `${recent.s}`);
  });

  test("a group that becomes a supergroup keeps its counts", async (t) => {
    const host = await start(t);
    const { chat: { id: chat } } = await host.sim.post("chat", { type: "group", title: "Movers", members: [alice, host.bot] });
    await host.sim.send(alice, "/warn 3", { chat });
    await host.sim.text(chat, "warned 3 1");
    await until("it is written", async () => (await query(host.url, "SELECT FROM counters")).length === 2, 30000 * slow);
    const { chat: { id: to } } = await host.sim.post("migrate", { chat });
    await host.sim.send(alice, "/look", { chat: to });
    await host.sim.text(to, "has 3 1");
    await host.sim.send(alice, "/warn", { chat: to });
    await host.sim.text(to, "warned 4 2");
  });
});
