-- /start: the first thing that people send to a bot.
local bot = require "bot"
local texts = require "texts" -- scripts/lib/texts.lua

bot.command("start", "Say hello", function(ctx)
  local say = texts.of(ctx)
  local name = ctx.from and ctx.from.first_name or ctx.chat.title
  local options = {}
  if ctx.chat.type == "private" then
    -- Rows of buttons. What is in callback_data comes back when one is pressed:
    -- help.lua and settings.lua take it with bot.callback.
    options.reply_markup = { inline_keyboard = {
      { { text = say.what, callback_data = "help" } },
      { { text = say.settings, callback_data = "settings" } },
    } }
  end
  ctx:reply(say.hello:format(name), options)
end)
