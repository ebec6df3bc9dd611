-- How a request fails.
local bot = require "bot"
local http = require "http"

bot.command("why", function(ctx)
  local ok, err = pcall(http.post, "https://weather.example/now", { json = { town = ctx.match } })
  ctx:reply(ok and "answered" or ("%s %s %s"):format(err.kind, tostring(err.maybe_sent), err.message
    or tostring(err)))
end)
