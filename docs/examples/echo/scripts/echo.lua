-- Says what you say.
local bot = require "bot"

bot.command({ "start", "help" }, "What this bot does", function(ctx)
  ctx:reply("Hi there! Say something nice, and I will say exactly the same to you.")
end)

bot.on("message:text", function(ctx) ctx:reply(ctx.text) end)
