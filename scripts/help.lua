-- /help: every command that has a description, so nothing has to be added here.
local bot = require "bot"

local function help(ctx)
  local lines = { ctx:t("help"), "" }
  for _, c in ipairs(bot.commands()) do
    if c.description and not c.hidden then
      lines[#lines + 1] = ("/%s: %s"):format(c.command, c.description)
    end
  end
  return table.concat(lines, "\n")
end

bot.command("help", "Show what I can do", function(ctx)
  ctx:reply(help(ctx))
end)

-- The button of /start: its message becomes the help.
bot.callback("help", function(ctx)
  ctx:answer() -- ends the little clock on the button
  ctx:edit(help(ctx))
end)
