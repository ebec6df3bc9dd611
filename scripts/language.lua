-- /language: what the bot speaks in this chat. A setting and buttons for it.
local bot = require "bot"
local i18n = require "i18n"

-- ctx:t() gives the texts of locales/ in the language that the chat has chosen.
i18n.setup{ setting = "language.code", default = "en" }

local function current(ctx)
  local code = i18n.language(ctx)
  return ctx:t("language", { language = i18n.t(code, "name") })
end

local function buttons(ctx)
  local row, chosen = {}, i18n.language(ctx)
  for _, code in ipairs(i18n.languages()) do
    local mark = code == chosen and "✓ " or ""
    row[#row + 1] = { text = mark .. i18n.t(code, "name"), callback_data = "language:" .. code }
  end
  return { inline_keyboard = { row } }
end

bot.command("language", "Show or choose my language", function(ctx)
  ctx:reply(current(ctx), { reply_markup = buttons(ctx) })
end)

-- A Lua pattern; what is in parentheses becomes ctx.match[1].
bot.callback("^language:(%l+)$", function(ctx)
  ctx:require_admin() -- in groups; for others the handler ends here
  ctx.config.language.code = ctx.match[1]
  ctx:answer(current(ctx)) -- what was assigned is saved before this is sent
  ctx:edit(current(ctx), { reply_markup = buttons(ctx) })
end)
