local bot = require "bot"

bot.command("limit", "Show after how many warnings one is banned", function(ctx)
  ctx:reply("Limit: " .. ctx.config.warn.limit)
end)
