-- Greets people who join. The text is the chat's own: /set welcome.text …
local bot = require "bot"
local fmt = require "fmt"

bot.on("message:new_chat_members", function(ctx, next)
  local welcome = ctx.config.welcome
  local names = {}
  for _, member in ipairs(ctx.message.new_chat_members) do
    if not member.is_bot and #names < 5 then names[#names + 1] = fmt.mention(member) end
  end
  if welcome.enabled and #names > 0 then
    local filled = {
      name = tostring(fmt.join(names, ", ")), chat = fmt.escape_html(ctx.chat.title),
    }
    -- At most 4 places are filled, so that it always fits into one message.
    local text = fmt.escape_html(welcome.text):gsub("{(%l+)}", filled, 4)
    ctx:reply(fmt.raw(text))
  end
  next() -- other scripts may want to know of new members too
end)
