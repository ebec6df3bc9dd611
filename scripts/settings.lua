-- /settings, /set and /reset: every setting in defaults/, of every script.
local bot = require "bot"
local cjson = require "cjson"
local markup = require "markup"
local texts = require "texts"

-- "welcome.text" → the table ctx.config.welcome and the key "text"
local function place(ctx, path)
  local section = ctx.config
  for name in path:gmatch("([^.]+)%.") do section = section[name] end
  return section, path:match("[^.]+$")
end

local function find(path)
  for _, setting in ipairs(bot.settings()) do
    if setting.path == path then return setting end
  end
end

local function shown(json)
  return "<code>" .. markup.escape(markup.cut(json, 300)) .. "</code>"
end

local function value_of(ctx, path)
  local section, key = place(ctx, path)
  return shown(cjson.encode(section[key]))
end

local function describe(ctx, setting)
  local say = texts.of(ctx)
  local mark = ctx:is_set(setting.path) and "✎ " or ""
  local about = setting.allowed
  if setting.help then about = setting.help .. "; " .. about end
  return ("%s%s: %s (%s: %s)\n%s"):format(mark, setting.path, value_of(ctx, setting.path),
    say.default, shown(setting.default_json), markup.escape(markup.cut(about, 300)))
end

local function show(ctx)
  local parts = {}
  for _, setting in ipairs(bot.settings()) do
    parts[#parts + 1] = describe(ctx, setting)
  end
  parts[#parts + 1] = texts.of(ctx).legend
  for _, page in ipairs(markup.pages(parts)) do
    ctx:reply(page, { parse_mode = "HTML" })
  end
end

bot.command("settings", "Show the settings of this chat", function(ctx)
  ctx:require_admin()
  show(ctx)
end)

bot.callback("settings", function(ctx)
  ctx:require_admin()
  ctx:answer()
  show(ctx)
end)

bot.command("set", "Change a setting: /set welcome.enabled off", function(ctx)
  ctx:require_admin()
  local say = texts.of(ctx)
  local path, text = ctx.match:match("^(%S+)%s+(.+)$")
  if not path then return ctx:reply(say.set_usage) end
  local value, problem = bot.parse_setting(path, text)
  if value == nil then return ctx:reply(markup.cut(problem, 1000)) end
  local section, key = place(ctx, path)
  section[key] = value
  -- Saved before this is sent: it can't say so when it is not true.
  ctx:reply(say.is_now:format(path, value_of(ctx, path)), { parse_mode = "HTML" })
end)

bot.command("reset", "Take a setting back to its default: /reset welcome.text", function(ctx)
  ctx:require_admin()
  local say = texts.of(ctx)
  local path = ctx.args[1]
  if not path then return ctx:reply(say.reset_usage) end
  if not find(path) then
    local _, problem = bot.parse_setting(path, "")
    return ctx:reply(markup.cut(problem, 1000))
  end
  local section, key = place(ctx, path)
  section[key] = nil
  ctx:reply(say.is_reset:format(path, value_of(ctx, path)), { parse_mode = "HTML" })
end)
