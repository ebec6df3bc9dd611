-- Four questions, of which two can be skipped; /cancel ends them anywhere.
local bot = require "bot"
local log = require "log"

local function ask(ctx, question, options)
  options.stop = true -- with /cancel the handler ends
  options.cancelled = "Bye! I hope we can talk again some day."
  return ctx:ask(question, options)
end

-- A message of a kind, or nil after /skip.
local function ask_or_skip(ctx, question, kind)
  return ask(ctx, question, {
    kind = "any",
    commands = "take", -- other commands would be for other handlers
    check = function(message)
      if message.text == "/skip" then return false end
      return message[kind], ("Please send me your %s, or /skip."):format(kind)
    end,
  }) or nil
end

bot.command("start", "Talk to the professor", function(ctx)
  local name = ctx.from.first_name
  local gender = ask(ctx, "Hi! My name is Professor Bot. I will hold a conversation with you. "
    .. "Send /cancel to stop talking to me.\n\nAre you a boy or a girl?",
    { choices = { "Boy", "Girl", "Other" } })
  log.info("%s is a %s", name, gender)

  local photo = ask_or_skip(ctx, "I see! Please send me a photo of yourself, so I know what you "
    .. "look like, or send /skip if you don't want to.", "photo")
  if photo then
    log.info("photo of %s: %s", name, ctx:download(photo[#photo].file_id, "user_photo.jpg"))
  end

  local location = ask_or_skip(ctx, (photo and "Gorgeous!" or "I bet you look great!")
    .. " Now, send me your location please, or send /skip.", "location")
  if location then log.info("%s is at %f, %f", name, location.latitude, location.longitude) end

  log.info("%s says: %s", name, ask(ctx, (location and "Maybe I can visit you sometime!"
    or "You seem a bit paranoid!") .. " At last, tell me something about yourself.", {}))
  ctx:reply("Thank you! I hope we can talk again some day.")
end)
