-- /settings, /set and /reset: every setting in defaults/, of every script.
local bot = require "bot"
local cjson = require "cjson"
local fmt = require "fmt"
local keyboard = require "keyboard"
local menu = require "menu"

-- "welcome.text" → the table ctx.config.welcome and the key "text"
local function place(ctx, path)
  local section = ctx.config
  for name in path:gmatch("([^.]+)%.") do section = section[name] end
  return section, path:match("[^.]+$")
end

-- The setting at a path. Private ones are not for people in a chat: as if there
-- were none.
local function find(path)
  for _, setting in ipairs(bot.settings()) do
    if setting.path == path and not setting.private then return setting end
  end
end

local function no_setting(path)
  return fmt.cut(('there is no setting "%s"'):format(path), 1000)
end

-- One element of a list, so that /set would take it.
local function element(value)
  if type(value) ~= "string" then return cjson.encode(value) end
  if value == "" or value:find('^[%s["]') or value:find("[,%c]") or value:find("%s$") then
    return cjson.encode(value)
  end
  return value
end

-- A value as people write it: lists with commas, unless they hold lists.
local function written(ctx, value, setting)
  if value == nil or value == cjson.null then return ctx:t("setting.none") end
  if setting.type ~= "list" or not setting.of or setting.of == "list" or setting.of == "map" then
    return cjson.encode(value)
  end
  local parts = {}
  for _, v in ipairs(value) do parts[#parts + 1] = element(v) end
  return #parts > 0 and table.concat(parts, ", ") or ctx:t("setting.empty")
end

local function shown(ctx, value, setting)
  local text = fmt.code(fmt.cut(written(ctx, value, setting), 300))
  return setting.unit and text .. " " .. setting.unit or text
end

local function value_of(ctx, setting)
  local section, key = place(ctx, setting.path)
  return shown(ctx, section[key], setting)
end

local function about(setting)
  local text = setting.allowed
  if setting.help then text = setting.help .. "; " .. text end
  if setting.label then text = setting.label .. ": " .. text end
  return text
end

local function describe(ctx, setting)
  local mark = ctx:is_set(setting.path) and "✎ " or ""
  local default = shown(ctx, cjson.decode(setting.default_json), setting)
  return fmt.html("{}{}: {} ({}: {})\n{}", mark, setting.path, value_of(ctx, setting),
    ctx:t("setting.default"), default, fmt.cut(about(setting), 300))
end

local function heading(setting)
  local text = fmt.bold(fmt.cut(setting.section_label, 100))
  if setting.section_help then text = text .. ": " .. fmt.cut(setting.section_help, 300) end
  return text .. "\n"
end

local function show(ctx)
  local parts, section = {}, nil
  for _, setting in ipairs(bot.settings()) do
    if not setting.private then
      local begins = setting.section ~= section and setting.section_label
      section = setting.section
      parts[#parts + 1] = (begins and heading(setting) or "") .. describe(ctx, setting)
    end
  end
  parts[#parts + 1] = ctx:t("setting.legend")
  -- As many messages as it needs; the button is below the last.
  ctx:reply(fmt.join(parts, "\n\n"), {
    reply_markup = keyboard.inline{ { ctx:t("setting.change"), "settings:change" } },
  })
end

-- --- with buttons ---------------------------------------------------------------

local function say(key)
  return function(ctx) return ctx:t("setting." .. key) end
end

-- Which method of a menu is for which type of setting.
local kinds = {
  boolean = "toggle", choice = "choice", integer = "number", number = "number",
  string = "input", list = "input",
}

local panel = menu.new("settings", { text = say("menu"), admin = true })
local sections, n = {}, 0

-- The menu of a section: one of its own, below the others.
local function menu_of(setting)
  if not setting.section then return panel end
  local m = sections[setting.section]
  if not m then
    n = n + 1
    local label = setting.section_label or setting.section
    m = menu.new("settings." .. n, { text = label, admin = true })
    panel:submenu(label, m):row()
    sections[setting.section] = m
  end
  return m
end

for _, setting in ipairs(bot.settings()) do
  local kind = kinds[setting.type]
  if kind and not setting.private then
    local m = menu_of(setting)
    m[kind](m, setting.path):row()
  end
end
for _, m in pairs(sections) do m:back(say("back")) end
panel:close(say("close"))

bot.callback("settings:change", function(ctx)
  ctx:require_admin()
  ctx:answer()
  panel:reply(ctx)
end)

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
  local path, text = ctx.match:match("^(%S+)%s+(.+)$")
  if not path then return ctx:reply(ctx:t("setting.set_usage")) end
  local setting = find(path)
  if not setting then return ctx:reply(no_setting(path)) end
  local value, problem = bot.parse_setting(path, text)
  if value == nil then return ctx:reply(fmt.cut(problem, 1000)) end
  local section, key = place(ctx, path)
  section[key] = value
  -- Saved before this is sent: it can't say so when it is not true.
  local values = { path = path, value = value_of(ctx, setting) }
  ctx:reply(ctx:t_html("setting.is_now", values))
end)

bot.command("reset", "Take a setting back to its default: /reset welcome.text", function(ctx)
  ctx:require_admin()
  local path = ctx.args[1]
  if not path then return ctx:reply(ctx:t("setting.reset_usage")) end
  local setting = find(path)
  if not setting then return ctx:reply(no_setting(path)) end
  local section, key = place(ctx, path)
  section[key] = nil
  local values = { path = path, value = value_of(ctx, setting) }
  ctx:reply(ctx:t_html("setting.is_reset", values))
end)
