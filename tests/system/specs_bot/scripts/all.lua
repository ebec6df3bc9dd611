-- A bit of everything, for the specs beside it.
local bot = require "bot"
local time = require "time"
local log = require "log"
local http = require "http"
local count = 0
bot.command("ban", function(ctx)
  ctx.api.banChatMember{ chat_id = ctx.chat.id, user_id = ctx.message.reply_to_message.from.id }
  ctx:reply("banned")
end)
bot.command("count", function(ctx) count = count + 1 ctx:reply("count " .. count) end)
bot.command("start", "Begin", function(ctx)
  ctx.api.sendChatAction{ chat_id = ctx.chat.id, action = "typing" }
  ctx:reply("Hello " .. ctx.from.first_name)
end)
bot.command("kb", function(ctx)
  ctx:reply("pick", { reply_markup = { keyboard = { { { text = "Red" }, { text = "Blue" } } } } })
end)
bot.hears("Red", function(ctx) ctx:reply("you said red") end)
bot.on("message:photo", function(ctx) ctx:reply("photo: " .. (ctx.message.caption or "")) end)
bot.on("message:document", function(ctx) ctx:reply("doc: " .. ctx.message.document.file_name) end)
bot.on("message:sticker", function(ctx) ctx:reply("sticker") end)
bot.on("message:location", function(ctx) ctx:reply("at " .. ctx.message.location.latitude) end)
bot.on("message:contact", function(ctx) ctx:reply("contact " .. ctx.message.contact.first_name) end)
bot.on("message:poll", function(ctx) ctx:reply("poll " .. ctx.message.poll.question) end)
bot.on("message:forward_origin", function(ctx) ctx:reply("forwarded") end)
bot.on("edited_message", function(ctx) ctx:reply("edited: " .. ctx.text) end)
bot.on("message:reply_to_message", function(ctx)
  ctx:reply("reply to " .. ctx.message.reply_to_message.text)
end)
bot.on("message:new_chat_members", function(ctx)
  ctx:reply("welcome " .. ctx.message.new_chat_members[1].first_name)
end)
bot.on("message:left_chat_member", function(ctx)
  ctx:reply("bye " .. ctx.message.left_chat_member.first_name)
end)
bot.on("message:new_chat_title", function(ctx)
  ctx:reply("title " .. ctx.message.new_chat_title)
end)
bot.on("message:pinned_message", function(ctx) ctx:reply("pinned") end)
bot.on("message_reaction", function(ctx)
  ctx.api.sendMessage{ chat_id = ctx.chat.id, text = "reacted "
    .. ctx.message_reaction.new_reaction[1].emoji }
end)
bot.on("chat_member", function(ctx)
  log.info("member %s", ctx.chat_member.new_chat_member.status)
end)
bot.on("poll_answer", function(ctx) log.info("poll answer") end)
bot.on("inline_query", function(ctx)
  ctx:answer({ { type = "article", id = "1", title = "Loud",
    input_message_content = { message_text = ctx.inline_query.query:upper() } } })
end)
bot.command("pin", function(ctx)
  local m = ctx:reply("important")
  ctx.api.pinChatMessage{ chat_id = ctx.chat.id, message_id = m.message_id }
end)
bot.command("wait", function(ctx)
  for i = 1, 3 do time.sleep(10) ctx:reply("tick " .. i .. " " .. os.time()) end
end)

bot.command("ask", function(ctx)
  ctx:reply("Sure?", { reply_markup = { inline_keyboard = {
    { { text = "Yes", callback_data = "y" }, { text = "No", callback_data = "n" } } } } })
end)
bot.callback("y", function(ctx) ctx:answer("Fine", { show_alert = true }) ctx:edit("Done") end)
bot.callback("n", function(ctx) ctx:answer("Pity") end)
bot.command("boom", function() error("oh dear") end)

local ticks = 0
bot.every("6h", function()
  ticks = ticks + 1 log.warn("tick %d at %d", ticks, time.now() // 60)
end)
bot.job("remind", function(ctx, data)
  bot.api.sendMessage{ chat_id = data.chat, text = data.text }
end)
bot.command("remind", function(ctx)
  bot.after("5m", "remind", { chat = ctx.chat.id, text = "it is time" })
  ctx:reply("I will")
end)
bot.command("name", function(ctx)
  local name = ctx:ask("Your name?", { timeout = "2m" })
  ctx:reply(name and "Hello " .. name or "Never mind")
end)
bot.command("admin", function(ctx)
  ctx:require_admin()
  ctx:reply("you are")
end)
bot.command("secret", function(ctx) ctx:reply("psst", { ephemeral = true }) end)
bot.command("weather", function(ctx)
  local ok, answer = pcall(http.get, "https://weather.example/now",
    { query = { town = ctx.args[1] }, headers = { Authorization = "Bearer x" } })
  if not ok then return ctx:reply("nobody answers") end
  ctx:reply(answer.ok and answer:json().degrees .. " °C" or "status " .. answer.status)
end)
bot.command("tell", function(ctx)
  ctx:reply(http.post("http://127.0.0.1:1/hook", { json = { text = ctx.match } }).body)
end)
bot.command("upload", function(ctx)
  local answer = http.post("https://files.example/new", {
    form = { ["a \"name\""] = "b\r\n--c", list = { 1, 2 } }, retries = 1,
    files = {
      one = { content = "1\0\r\n", filename = "1 \"x\".txt" },
      two = { { content = "2", content_type = "a/b" }, { content = "" } },
    },
  })
  ctx:reply(answer:check().body)
end)
bot.command("fields", function(ctx)
  ctx:reply(http.post("https://files.example/fields",
    { form = { a = "1&2 +", b = { "x", "y" } } }):check().body)
end)
bot.command("max", function(ctx) ctx:reply("max " .. ctx.config.antiflood.max) end)
