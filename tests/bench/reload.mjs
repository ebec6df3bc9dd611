// What a reload takes: 50 scripts of about 100 lines, of which one is saved again
// and again. The host's own figure, in the line that it logs.
//   MOONPOST=…/moonpost DATABASE_URL=… node tests/bench/reload.mjs [--saves 50]
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";

const { values } = parseArgs({ options: { saves: { type: "string", default: "50" }, scripts: { type: "string", default: "50" } } });

// About 100 lines: a command, a setting, buttons, texts, a helper or two.
const part = (i, j) => `
local function helper${j}(ctx, list)
  local out = {}
  for index, value in ipairs(list) do
    if value ~= "" and index < 10 then
      out[#out + 1] = ("%d: %s"):format(index, value)
    end
  end
  return table.concat(out, "\\n")
end

bot.command("c${i}_${j}", "Command ${j} of script ${i}", function(ctx)
  local name = ctx.args[1] or "nobody"
  if name == "list" then
    ctx:reply(helper${j}(ctx, ctx.args))
    return
  end
  ctx:reply("Hello " .. name .. ", this is ${i}.", { reply_markup = { inline_keyboard = {
    { { text = "More", callback_data = "more:${i}:${j}" } },
  } } })
end)

bot.callback("^more:${i}:${j}$", function(ctx)
  ctx:answer("More of ${j}")
end)
`;
const script = (i, stamp) => `-- ${stamp}\nlocal bot = require "bot"\n${[1, 2, 3, 4].map((j) => part(i, j)).join("")}`;

const dir = mkdtempSync(join(tmpdir(), "moonpost-bench."));
mkdirSync(join(dir, "scripts"));
const write = (i, stamp) => writeFileSync(join(dir, `scripts/s${String(i).padStart(2, "0")}.lua`), script(i, stamp));
for (let i = 0; i < Number(values.scripts); i++) write(i, 0);

const bot = spawn(process.env.MOONPOST, ["dev", dir, "--port", "0"], { env: { ...process.env, LUA_MEMORY_MB: "256" }, stdio: ["ignore", "ignore", "pipe"] });
let said = "";
bot.stderr.on("data", (d) => { said += d; });
const until = async (f) => { for (let n = 0; !f(); n++) { if (n > 2000) throw new Error(said); await sleep(10); } };
const taken = () => [...said.matchAll(/reloaded in ([\d.]+) ms/g)].map((m) => Number(m[1]));

try {
  await until(() => /is running/.test(said));
  for (let n = 1; n <= Number(values.saves); n++) {
    write(n % Number(values.scripts), n);
    await until(() => taken().length >= n);
  }
  const list = taken().sort((a, b) => a - b);
  const lines = script(0, 0).split("\n").length - 1;
  console.log(`${values.scripts} scripts of ${lines} lines, one saved: median ${list[list.length >> 1]} ms, least ${list[0]} ms, most ${list.at(-1)} ms of ${list.length}`);
} finally {
  bot.kill("SIGTERM");
  await once(bot, "exit");
  rmSync(dir, { recursive: true });
}
