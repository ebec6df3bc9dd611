-- Greets who comes, says who goes, and knows which chats the bot is in.
local bot = require "bot"
local fmt = require "fmt"
local log = require "log"

local inside = { creator = true, administrator = true, member = true }

-- Was the member in the chat, is it now?
local function change_of(update)
  local function is_in(m) return inside[m.status] or m.status == "restricted" and m.is_member end
  return is_in(update.old_chat_member), is_in(update.new_chat_member)
end

bot.on("my_chat_member", function(ctx)
  local was, is = change_of(ctx.my_chat_member)
  -- a key for each chat, so that two at once don't write over each other
  bot.store(ctx.me.id)[ctx.chat.type .. " " .. ctx.chat.id] = is or nil
  if was ~= is then
    log.info("%s %s %d", ctx.from.first_name, is and "let me into" or "put me out of", ctx.chat.id)
  end
end)

bot.command("show_chats", "Which chats I am in", function(ctx)
  local ids = { private = {}, group = {}, supergroup = {}, channel = {} }
  for key in pairs(bot.store(ctx.me.id):all()) do
    local kind, id = key:match("^(%l+) (%-?%d+)$")
    table.insert(ids[kind], id)
  end
  for kind, list in pairs(ids) do ids[kind] = #list > 0 and table.concat(list, ", ") or "none" end
  ctx:reply(("People: %s. Groups: %s. Supergroups: %s. Channels: %s."):format(
    ids.private, ids.group, ids.supergroup, ids.channel))
end)

bot.on("chat_member", function(ctx)
  local was, is = change_of(ctx.chat_member)
  local member, cause = fmt.mention(ctx.chat_member.new_chat_member.user), fmt.mention(ctx.from)
  if is and not was then
    ctx:reply(fmt.html("{} was added by {}. Welcome!", member, cause))
  elseif was and not is then
    ctx:reply(fmt.html("{} is no longer with us. Thanks a lot, {} …", member, cause))
  end
end)
