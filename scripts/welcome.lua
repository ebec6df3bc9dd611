-- Greets people who join. The text is the chat's own: /set welcome.text …
local bot = require "bot"
local markup = require "markup"

bot.on("message:new_chat_members", function(ctx, next)
  local welcome = ctx.config.welcome
  local names = {}
  for _, member in ipairs(ctx.message.new_chat_members) do
    if not member.is_bot and #names < 5 then names[#names + 1] = markup.mention(member) end
  end
  if welcome.enabled and #names > 0 then
    local filled = { name = table.concat(names, ", "), chat = markup.escape(ctx.chat.title) }
    -- At most 4 places are filled, so that it always fits into one message.
    local text = markup.escape(welcome.text):gsub("{(%l+)}", filled, 4)
    ctx:reply(text, { parse_mode = "HTML" })
  end
  next() -- other scripts may want to know of new members too
end)
