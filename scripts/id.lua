-- /id: the numbers by which Telegram knows chats and people.
local bot = require "bot"
local fmt = require "fmt"

bot.command("id", "Show the ids of this chat and of you", function(ctx)
  local lines = {}
  local function add(what, id)
    if id then lines[#lines + 1] = fmt.html("{}: {}", what, fmt.code(id)) end -- a tap copies it
  end

  add(ctx:t("id.chat"), ctx.chat_id)
  add(ctx:t("id.topic"), ctx.topic)
  add(ctx:t("id.you"), ctx.user_id) -- a channel's posts are from nobody
  local replied = ctx.reply_to
  local sender = replied and (replied.sender_chat or replied.from)
  add(ctx:t("id.sender"), sender and sender.id)
  ctx:reply(fmt.join(lines, "\n"))
end)
