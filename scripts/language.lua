-- /language: what the bot speaks in this chat. A setting and buttons for it.
local bot = require "bot"
local texts = require "texts"

local function current(ctx)
  local code = ctx.config.language.code
  return texts.of(ctx).language:format(texts.names[code] or code)
end

local function buttons(ctx)
  local row = {}
  for _, code in ipairs(texts.order) do
    local mark = code == ctx.config.language.code and "✓ " or ""
    row[#row + 1] = { text = mark .. texts.names[code], callback_data = "language:" .. code }
  end
  return { inline_keyboard = { row } }
end

bot.command("language", "Show or choose my language", function(ctx)
  ctx:reply(current(ctx), { reply_markup = buttons(ctx) })
end)

-- A Lua pattern; what is in parentheses becomes ctx.match[1].
bot.callback("^language:(%l+)$", function(ctx)
  ctx:require_admin() -- in groups; for others the handler ends here
  local before = ctx.config.language.code
  ctx.config.language.code = ctx.match[1]
  ctx:answer(current(ctx)) -- what was assigned is saved before this is sent
  if ctx.match[1] ~= before then -- Telegram refuses an edit that changes nothing
    ctx:edit(current(ctx), { reply_markup = buttons(ctx) })
  end
end)
