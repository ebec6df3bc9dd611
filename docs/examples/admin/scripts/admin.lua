-- Moderation: /ban, /mute, /unmute, /warn, by a reply, a mention or an id. Who may is
-- asked of Telegram, and so is what the bot may.
local bot = require "bot"
local counter = require "counter"
local fmt = require "fmt"

local warnings = counter.new("warnings", { window = "30d", per = "chat+user", durable = true })

-- A command about somebody: do_it(ctx, user, the rest of the text) gives what is said.
local function moderation(name, description, do_it)
  bot.group{ chat_type = { "group", "supergroup" } }.command(name, description, function(ctx)
    ctx:require_rights("can_restrict_members")
    local user, rest = ctx:target()
    if not user then return ctx:reply(rest) end
    if user.id > 0 and ctx:is_admin(user) then return ctx:reply("That is an administrator.") end
    ctx:reply(do_it(ctx, user, rest))
  end)
end

moderation("ban", "Ban somebody: /ban 3d", function(ctx, user, rest)
  ctx:ban(user, rest ~= "" and rest or nil)
  return fmt.html("{} is banned.", fmt.mention(user))
end)

moderation("mute", "Mute somebody: /mute 10m", function(ctx, user, rest)
  ctx:mute(user, rest ~= "" and rest or nil)
  return fmt.html("{} is muted.", fmt.mention(user))
end)

moderation("unmute", "Let somebody write again", function(ctx, user)
  ctx:unmute(user)
  return fmt.html("{} may write again.", fmt.mention(user))
end)

moderation("warn", "Warn somebody", function(ctx, user)
  local config = ctx.config.warnings
  local n = warnings:add{ chat = ctx.chat_id, user = user.id }
  if n < config.limit then
    return fmt.html("{} is warned: {} of {}.", fmt.mention(user), n, config.limit)
  end
  warnings:reset{ chat = ctx.chat_id, user = user.id }
  ctx:mute(user, config.mute)
  return fmt.html("{} had {} warnings, and is muted for {}.", fmt.mention(user), n, config.mute)
end)
