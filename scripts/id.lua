-- /id: the numbers by which Telegram knows chats and people.
local bot = require "bot"

bot.command("id", "Show the ids of this chat and of you", function(ctx)
  local lines = {}
  local function add(what, id)
    -- <code>: a tap copies it
    lines[#lines + 1] = ("%s: <code>%d</code>"):format(what, id)
  end

  add(ctx:t("id.chat"), ctx.chat.id)
  if ctx.message.is_topic_message then add(ctx:t("id.topic"), ctx.message.message_thread_id) end
  if ctx.from then add(ctx:t("id.you"), ctx.from.id) end -- a channel's posts are from nobody
  local replied = ctx.message.reply_to_message
  -- Within a topic, what is no reply "replies" to the message that made the topic.
  if replied and not replied.forum_topic_created then
    local sender = replied.sender_chat or replied.from
    if sender then add(ctx:t("id.sender"), sender.id) end
  end
  ctx:reply(table.concat(lines, "\n"), { parse_mode = "HTML" })
end)
