-- What every bot of the comparison does: answer /limit from the chat's config.
local bot = require "bot"

bot.command("limit", "Show how many messages a minute are allowed", function(ctx)
  local mark = ctx.args[1]
  ctx:reply("Limit: " .. ctx.config.antiflood.max .. (mark and " " .. mark or ""))
end)
