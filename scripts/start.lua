-- /start: the first thing that people send to a bot.
local bot = require "bot"

bot.command("start", "Say hello", function(ctx)
  local name = ctx.from and ctx.from.first_name or ctx.chat.title
  local options = {}
  if ctx.chat.type == "private" then
    -- Rows of buttons. What is in callback_data comes back when one is pressed:
    -- help.lua and settings.lua take it with bot.callback.
    options.reply_markup = { inline_keyboard = {
      { { text = ctx:t("what"), callback_data = "help" } },
      { { text = ctx:t("settings"), callback_data = "settings" } },
    } }
  end
  ctx:reply(ctx:t("hello", { name = name }), options)
end)
