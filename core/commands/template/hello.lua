-- Handlers. Save this file while the bot runs, and it is loaded at once.
local bot = require "bot"

bot.command("start", "Say hello", function(ctx)
  local name = ctx.from and ctx.from.first_name or "everybody"
  -- ctx.config holds this chat's settings: declared in defaults/greeting.lua
  local text = ctx.config.greeting.text:gsub("{name}", function() return name end)
  ctx:reply(text)
end)

bot.command("greeting", "Show or change the greeting: /greeting Hi, {name}!", function(ctx)
  if ctx.match ~= "" then
    ctx:require_admin() -- in groups; for others the handler ends here
    ctx.config.greeting.text = ctx.match -- checked, and stored before the reply leaves
  end
  ctx:reply("The greeting here: " .. ctx.config.greeting.text)
end)
