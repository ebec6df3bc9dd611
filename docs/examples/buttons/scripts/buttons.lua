-- A message with buttons, that becomes what was pressed.
local bot = require "bot"
local keyboard = require "keyboard"

bot.command("start", "Choose", function(ctx)
  ctx:reply("Please choose:", {
    reply_markup = keyboard.inline()
      :button("Option 1", "option:1"):button("Option 2", "option:2"):row()
      :button("Option 3", "option:3"),
  })
end)

bot.callback("^option:(%d)$", function(ctx)
  ctx:answer() -- ends the little clock on the button
  ctx:edit("Selected option: " .. ctx.match[1])
end)

bot.command("help", "How to use this bot", function(ctx)
  ctx:reply("Use /start to test this bot.")
end)
