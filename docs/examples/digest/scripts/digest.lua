-- How much was written here, each day at the chat's own time: /digest 09:00 Europe/Berlin.
-- The job is all that is stored; it outlives restarts.
local bot = require "bot"
local counter = require "counter"
local time = require "time"

local messages = counter.new("messages", { per = "chat", durable = true })

bot.job("digest", function(ctx)
  ctx:reply(("Messages since the last digest: %d"):format(messages:get(ctx)))
  messages:reset(ctx)
end)

-- hour, minute and zone; or nil
local function read(text)
  local hour, minute, zone = text:match("^(%d%d?):(%d%d)%s*(%S*)$")
  if not hour or tonumber(hour) > 23 or tonumber(minute) > 59 then return nil end
  if zone == "" then zone = "UTC" end
  return hour, minute, pcall(time.format, nil, "%H:%M", zone) and zone or nil
end

bot.command("digest", "Daily digest: /digest 09:00 Europe/Berlin, or off", function(ctx)
  ctx:require_admin()
  if ctx.match == "off" then
    bot.cancel_job("digest", { key = "daily" })
    return ctx:reply("No digests any more.")
  end
  local hour, minute, zone = read(ctx.match)
  if not zone then return ctx:reply("A time and a place: /digest 09:00 Europe/Berlin") end
  bot.schedule(("%d %d * * *"):format(minute, hour), "digest", nil,
    { key = "daily", replace = true, timezone = zone })
  ctx:reply(("Every day at %d:%s, %s."):format(hour, minute, zone))
end)

bot.on("message", function(ctx) messages:add(ctx) end)
