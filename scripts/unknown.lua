-- In private, a command that no script has gets an answer. In groups it may be
-- meant for another bot.
local bot = require "bot"

local function is_known(name)
  for _, c in ipairs(bot.commands()) do
    if c.command == name then return true end
  end
  return false
end

bot.on("message:entities:bot_command", function(ctx, next)
  -- Scripts whose names come after this one's have their turn by next().
  if ctx.chat.type ~= "private" or not ctx.command or is_known(ctx.command:lower()) then
    return next()
  end
  ctx:reply(ctx:t("unknown", { command = ctx.command:sub(1, 32) }))
end)
