-- Handlers for bench_config: reads against plain tables, and tasks that use more and
-- more of the config.
-- luacheck: ignore 311
local bot = require "bot"

local rounds, reads = 11, 2000000

local function median(values)
  table.sort(values)
  return values[(#values + 1) // 2]
end

local function whole(ctx)
  local x
  for _ = 1, reads // 10 do
    x = ctx.config.antiflood.max x = ctx.config.antiflood.max x = ctx.config.antiflood.max
    x = ctx.config.antiflood.max x = ctx.config.antiflood.max x = ctx.config.antiflood.max
    x = ctx.config.antiflood.max x = ctx.config.antiflood.max x = ctx.config.antiflood.max
    x = ctx.config.antiflood.max
  end
  return x
end

local function part(ctx)
  local x
  local c = ctx.config
  for _ = 1, reads // 10 do
    x = c.antiflood.max x = c.antiflood.max x = c.antiflood.max x = c.antiflood.max
    x = c.antiflood.max x = c.antiflood.max x = c.antiflood.max x = c.antiflood.max
    x = c.antiflood.max x = c.antiflood.max
  end
  return x
end

local function time(read, from)
  local start = os.clock()
  read(from)
  return os.clock() - start
end

local function compare(name, read, ctx)
  local plain = { config = { antiflood = { on = true, max = 5, seconds = 10, mute = 60 } } }
  local ratios, rates = {}, {}
  read(ctx)
  local before = collectgarbage("count")
  read(ctx)
  local allocated = (collectgarbage("count") - before) * 1024
  for i = 1, rounds do
    local own, its = time(read, plain), time(read, ctx)
    ratios[i], rates[i] = its / own, reads / its
  end
  print(("%-26s %.1f times a plain table's, %.1f million reads/s, %d bytes allocated"):format(
    name, median(ratios), median(rates) / 1e6, allocated))
end

bot.command("read", function(ctx)
  compare("ctx.config.antiflood.max", whole, ctx)
  compare("c.antiflood.max", part, ctx)
end)

bot.command("none", function() end)

bot.command("view", function(ctx) return ctx.config end)

bot.command("leaf", function(ctx) return ctx.config.antiflood.max end)

bot.command("some", function(ctx)
  local c = ctx.config
  return c.antiflood.on and c.captcha.on and c.filters.words[1] and c.warn.max
end)

bot.command("all", function(ctx)
  local n = 0
  for _, value in pairs(ctx.config) do
    if type(value) == "table" then
      for _ in pairs(value) do n = n + 1 end
    end
  end
end)
