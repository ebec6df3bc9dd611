// A bot with one setting and migrations of both kinds, for proofs about the database
// that it has: /get says flood.max, /set changes it.
import { slow } from "./host.mjs";
import { alice } from "./simulator.mjs";

export const files = {
  "defaults/flood.lua": "return { max = option.integer{ default = 5, min = 1, max = 100 } }",
  "migrations/config/0001_max.lua": "return function(config) config.flood.max = (config.flood.max or 0) + 10 end",
  "migrations/schema/0001_notes.sql": "CREATE TABLE notes (chat_id BIGINT, x INT);",
  "scripts/a.lua": `local bot = require "bot"
bot.command("get", "x", function(ctx) ctx:reply("max " .. ctx.config.flood.max) end)
bot.command("set", "x", function(ctx)
  ctx.config.flood.max = tonumber(ctx.args[1])
  ctx:reply("saved " .. ctx.config.flood.max)
end)`,
};

// What it replies.
export async function ask(host, text, as = alice) {
  const before = (await host.sim.said(as)).length;
  await host.sim.send(as, text);
  return (await host.sim.texts(as, before + 1, 20000 * slow))[before];
}
