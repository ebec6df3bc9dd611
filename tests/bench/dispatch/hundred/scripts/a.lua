-- A hundred handlers, as a grown bot has them. Which one runs is the last that fits:
-- what comes before it must be passed over.
local bot = require "bot"

local function nothing() end

for i = 1, 30 do bot.command("cmd" .. i, "Command number " .. i, nothing) end

for i = 1, 15 do bot.hears("word " .. i, nothing) end -- plain
for _, pattern in ipairs{
  "^buy (%d+)", "^sell (%d+)$", "^(%d+)%s*%+%s*(%d+)$", "^!(%w+)", "https?://",
  "%f[%w]spam%f[%W]", "^[Hh]ello", "bitcoin", "^%s*$", "^order (%d+) of (%d+)$",
} do bot.hears(pattern, nothing) end

for i = 1, 10 do bot.callback("button" .. i, nothing) end -- plain
for i = 1, 4 do bot.callback("^menu" .. i .. ":(%d+)$", nothing) end
bot.callback("^page:(%d+):(%a+)$", nothing)

for _, filter in ipairs{
  "message:new_chat_members", "message:left_chat_member", ":voice", ":video", ":document",
  ":sticker", ":location", ":contact", ":poll", ":dice", "edited_message:text",
  "edited_message:caption", "my_chat_member", "chat_member", "chat_join_request",
  "message_reaction", "inline_query", "chosen_inline_result", ":pinned_message",
} do bot.on(filter, nothing) end
bot.on(":photo", nothing)

local private = bot.group{ chat_type = "private" }
for i = 1, 5 do private.hears("^secret" .. i, nothing) end
private.on(":text", nothing)
local admins = bot.group{ admin = true, chat_type = { "group", "supergroup" } }
for i = 1, 4 do admins.command("admin" .. i, nothing) end
