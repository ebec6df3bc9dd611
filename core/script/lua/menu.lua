-- require "menu": menus of buttons that are declared once. Nothing of a menu that was
-- sent is kept: a button carries which it is, of which menu, page and person, and a
-- signature, since anybody can send any data as a press (moonpost.menu_data.lua). If what
-- was declared has changed since, nothing is done but drawing the menu anew. Here is what
-- is declared, and what a press does; moonpost.menu_draw.lua draws.
local bot = require "bot"
local carried = require "moonpost.menu_data"
local drawing = require "moonpost.menu_draw"
local says = require "moonpost.says"

local cut, get, place_of = drawing.cut, drawing.get, drawing.place_of
local label_of, is_shown = drawing.label_of, drawing.is_shown
local render, new_view = drawing.render, drawing.new_view

local menus = {} -- by name

local M = {}
local Menu = {}
Menu.__index = Menu
Menu.__metatable = false
Menu.__name = "menu"

local NAME_MAX, ROW_MAX = 16, drawing.ROW_MAX

-- What the option "says" may say otherwise.
local keys = {
  admins = "moonpost.admins_only", owner = "moonpost.menu_foreign",
  outdated = "moonpost.menu_outdated",
}

-- --- what is declared ------------------------------------------------------------------------

local function fail(text, level)
  error("menu: " .. text, level + 1)
end

local function check(what, value, types, level)
  for _, wanted in ipairs(types) do
    if type(value) == wanted then return value end
  end
  fail(("%s must be a %s, got a %s"):format(what, table.concat(types, " or a "), type(value)),
    level + 1)
end

local option_types = {
  text = { "string", "function", "table" }, admin = { "boolean" }, owner = { "boolean" },
  allow = { "function" },
  parse_mode = { "string" }, options = { "table" }, says = { "table" },
}

-- menu.new(name, { text =, admin =, owner =, allow =, parse_mode =, options =, says = })
function M.new(name, options)
  if type(name) ~= "string" or not name:find("^[%w_.-]+$") or #name > NAME_MAX then
    fail("a menu's name must be 1 to 16 letters, digits, _ . or -", 2)
  end
  if menus[name] then fail(("there is a menu %q already"):format(name), 2) end
  check("options", options, { "table" }, 2)
  for key, value in pairs(options) do
    if not option_types[key] then fail(("there is no option %q"):format(tostring(key)), 2) end
    check(key, value, option_types[key], 2)
  end
  if options.text == nil then fail("a menu must have a text", 2) end
  local m = setmetatable({ name = name, options = options, buttons = {} }, Menu)
  menus[name] = m
  return m
end

local function add(m, button, level)
  check("a menu", m, { "table" }, level + 1)
  if #m.buttons >= 36 * 36 then fail("a menu can have 1296 parts", level + 1) end
  m.shape = nil
  m.buttons[#m.buttons + 1] = button
  button.place = #m.buttons
  return m
end

local function read_options(options, allowed, level)
  if options == nil then return {} end
  check("a button's options", options, { "table" }, level + 1)
  for key in pairs(options) do
    if not allowed[key] then
      fail(("a button has no option %q here"):format(tostring(key)), level + 1)
    end
  end
  return options
end

local common = { when = true, id = true, style = true }

-- A button that does something: press(ctx, menu). What it gives:
--   nothing: the menu is drawn anew, if anything changed; a text: the same, and a toast;
--   false: the menu stays as it is; a menu: that one is opened.
function Menu:button(label, press, options)
  check("a button's label", label, { "string", "function" }, 2)
  check("a button's function", press, { "function" }, 2)
  options = read_options(options, common, 2)
  return (add(self, { kind = "button", label = label, press = press, options = options }, 2))
end

local function find_setting(path)
  for _, setting in ipairs(bot.settings()) do
    if setting.path == path then return setting end
  end
end

local function setting_button(m, kind, path, types, options, level)
  check("a setting's path", path, { "string" }, level + 1)
  local setting = find_setting(path)
  if not setting then fail(("there is no setting %q"):format(path), level + 1) end
  local fits = false
  for _, wanted in ipairs(types) do fits = fits or setting.type == wanted end
  if not fits then
    local wanted = table.concat(types, " or ")
    fail(("%s is a %s: :%s() is for a %s"):format(path, setting.type, kind, wanted), level + 1)
  end
  local label = options.label or setting.label or path
  return (add(m, { kind = kind, path = path, setting = setting, options = options, label = label },
    level + 1))
end

local settings_options = { when = true, label = true, on = true, off = true, step = true,
  columns = true, labels = true }

function Menu:toggle(path, options)
  options = read_options(options, settings_options, 2)
  return (setting_button(self, "toggle", path, { "boolean" }, options, 2))
end

function Menu:choice(path, options)
  options = read_options(options, settings_options, 2)
  return (setting_button(self, "choice", path, { "choice" }, options, 2))
end

function Menu:number(path, options)
  options = read_options(options, settings_options, 2)
  return (setting_button(self, "number", path, { "integer", "number" }, options, 2))
end

-- A setting whose value the person writes, when the button was pressed.
function Menu:input(path, options)
  local types = { "string", "integer", "number", "list", "chat", "user" }
  return (setting_button(self, "input", path, types, read_options(options, settings_options, 2), 2))
end

function Menu:submenu(label, other, options)
  check("a button's label", label, { "string", "function" }, 2)
  if type(other) ~= "table" or getmetatable(other) ~= false then
    fail("a submenu must be a menu", 2)
  end
  other.parent = other.parent or self
  options = read_options(options, common, 2)
  return (add(self, { kind = "submenu", label = label, to = other, options = options }, 2))
end

-- To the menu that has this one as a submenu, or the one that is named.
function Menu:back(label, to, options)
  check("a button's label", label or "", { "string", "function" }, 2)
  options = read_options(options, common, 2)
  return (add(self, { kind = "back", label = label or "‹ Back", to = to,
    says = not label and "moonpost.menu_back" or nil, options = options }, 2))
end

function Menu:close(label, options)
  check("a button's label", label or "", { "string", "function" }, 2)
  options = read_options(options, common, 2)
  return (add(self, { kind = "close", label = label or "✕ Close",
    says = not label and "moonpost.menu_close" or nil, options = options }, 2))
end

function Menu:url(label, url, options)
  check("a button's label", label, { "string", "function" }, 2)
  check("a button's URL", url, { "string", "function" }, 2)
  options = read_options(options, common, 2)
  return (add(self, { kind = "url", label = label, url = url, options = options }, 2))
end

-- What comes next begins a row.
function Menu:row()
  return (add(self, { kind = "row", options = {} }, 2))
end

local page_types = {
  list = { "function", "table" }, per = { "number" }, item = { "function" },
  press = { "function" }, columns = { "number" },
  empty = { "string" },
}

-- A list, page by page: { list =, per =, item =, press =, columns =, empty = }.
function Menu:page(options)
  check("a page", options, { "table" }, 2)
  for key, value in pairs(options) do
    if not page_types[key] then fail(("a page has no option %q"):format(tostring(key)), 2) end
    check(key, value, page_types[key], 2)
  end
  local per, columns = options.per or 8, options.columns or 1
  if options.list == nil or options.press == nil then fail("a page must have list and press", 2) end
  if per % 1 ~= 0 or per < 1 or per > 90 then fail("per must be a whole number from 1 to 90", 2) end
  if columns % 1 ~= 0 or columns < 1 or columns > ROW_MAX then
    fail("columns must be a whole number from 1 to 8", 2)
  end
  if self.paged then fail("a menu can have one list", 2) end
  self.paged = true
  return (add(self, { kind = "page", page = options, per = math.tointeger(per), columns = columns,
    options = {} }, 2))
end

-- --- changing the message --------------------------------------------------------------------

local function equal(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then return a == b end
  for key, value in pairs(a) do
    if not equal(value, b[key]) then return false end
  end
  for key in pairs(b) do
    if a[key] == nil then return false end
  end
  return true
end

-- Does the message say so already? With markup only Telegram can tell.
local function is_same(message, params)
  return message and message.text == params.text and not params.parse_mode and not params.entities
    and not message.entities and equal(message.reply_markup
      and message.reply_markup.inline_keyboard,
      params.reply_markup.inline_keyboard)
end

local function show(ctx, m, view)
  local params = render(ctx, m, view)
  local query = ctx.callback_query
  local message = query and query.message
  if is_same(message, params) then return end
  if query and query.inline_message_id then
    params.inline_message_id = query.inline_message_id
  else
    params.chat_id, params.message_id = message.chat.id, message.message_id
  end
  local ok, err = pcall(ctx.api.editMessageText, params)
  if not ok and not (type(err) == "table" and err.error_code == 400
    and err.description:find("not modified", 1, true)) then
    error(err, 0)
  end
end

-- The reply_markup, for messages of the author's own.
function Menu:markup(ctx)
  return drawing.draw(ctx, self, new_view(ctx, self))
end

-- Send it where the update came from. Gives the Message.                     [waits]
function Menu:reply(ctx, options)
  local params = render(ctx, self, new_view(ctx, self))
  for name, value in pairs(options or {}) do params[name] = value end
  return ctx:reply(params)
end

-- In place of the message whose button was pressed.                          [waits]
function Menu:open(ctx)
  if ctx.kind ~= "callback_query" then
    fail("open() is for presses of buttons; use reply() here", 2)
  end
  show(ctx, self, new_view(ctx, self))
end

-- --- presses ---------------------------------------------------------------------------------

local function say(ctx, m, what)
  return m.options.says and m.options.says[what] or says.of(ctx, keys[what])
end

-- May this person? Else why not.
local function refusal(ctx, m, press)
  if press.owner ~= 0 and press.owner ~= ctx.from.id then return say(ctx, m, "owner") end
  if m.options.admin and not (ctx.chat_id and ctx:is_admin()) then return say(ctx, m, "admins") end
  if m.options.allow then
    local ok, why = m.options.allow(ctx)
    if not ok then return why or say(ctx, m, "admins") end
  end
end

local press_kind = {}

function press_kind.button(ctx, m, _, button)
  local result = button.press(ctx, m)
  if type(result) == "table" and result.buttons then return nil, result end
  return result
end

function press_kind.submenu(_, _, _, button) return nil, button.to end

function press_kind.back(_, m, _, button)
  local to = button.to or m.parent
  if type(to) == "string" then to = menus[to] end
  return nil, to or m
end

function press_kind.close(ctx)
  ctx:delete()
  return false
end

local function assign(ctx, path, value)
  local section, key = place_of(ctx, path)
  local ok, err = pcall(function() section[key] = value end)
  if not ok then return tostring(err):gsub("^.-: ", ""):gsub("^config%.", ""), true end
end

-- What was seen is what is changed: two who press at once don't undo each other.
function press_kind.toggle(ctx, _, press, button)
  return assign(ctx, button.path, press.op == "+")
end

function press_kind.choice(ctx, _, press, button)
  if press.op == ">" then
    press.open = button.place
    return nil
  elseif press.op == "=" then
    press.open = nil
    local choice = button.setting.choices[tonumber(press.item:sub(2))]
    if choice then return assign(ctx, button.path, choice) end
  end
  press.open = nil
end

local function ask_value(ctx, button)
  ctx:answer()
  local setting = button.setting
  local value = ctx:ask(("%s: %s"):format(label_of(ctx, button), setting.allowed), {
    timeout = "5m",
    check = function(text) return bot.parse_setting(button.path, text) end,
  })
  if value ~= nil then return assign(ctx, button.path, value) end
end

function press_kind.number(ctx, _, press, button)
  if press.op == "/" then return ask_value(ctx, button) end
  local step = button.options.step or 1
  local present = get(ctx, button.path) or 0
  return assign(ctx, button.path, press.op == "+" and present + step or present - step)
end

function press_kind.input(ctx, _, _, button) return ask_value(ctx, button) end

function press_kind.page(ctx, m, press, button)
  if press.op == "*" then
    local result = button.page.press(ctx, carried.read_id(press.item), m)
    if type(result) == "table" and result.buttons then return nil, result end
    return result
  end
end

-- ctx:answer() is known to have been called by the author.
local function watch_answer(ctx)
  local answer, state = ctx.answer, {}
  ctx.answer = function(...)
    state.answered = true
    return answer(...)
  end
  return state
end

local function carry_out(ctx, m, press)
  local button = m.buttons[press.place]
  local view = { chat = ctx.chat_id, owner = press.owner, page = press.page, open = press.open }
  if press.shape ~= carried.shape_of(m) or not button or not press_kind[button.kind]
    or not is_shown(ctx, button) then
    view.page, view.open = 1, nil
    show(ctx, m, view)
    return ctx:answer(say(ctx, m, "outdated"))
  end
  local state = watch_answer(ctx)
  local result, alert_or_menu = press_kind[button.kind](ctx, m, press, button)
  if type(alert_or_menu) == "table" then
    m, view.page, press.open = alert_or_menu, 1, nil
    local why = refusal(ctx, m, { owner = press.owner })
    if why then return ctx:answer(why, { show_alert = true }) end
  end
  view.open = press.open
  if result ~= false and alert_or_menu ~= true then show(ctx, m, view) end
  if state.answered then return end
  if type(result) == "string" then
    ctx:answer(cut(result, 190), alert_or_menu == true and { show_alert = true } or nil)
  else
    ctx:answer()
  end
end

bot.callback("^m~", function(ctx)
  local press = carried.read_data(ctx.data, ctx.chat_id)
  if not press then
    return ctx:answer(says.of(ctx, "moonpost.menu_invalid"), { show_alert = true })
  end
  local m = menus[press.menu]
  if not m then
    return ctx:answer(says.of(ctx, "moonpost.menu_gone"), { show_alert = true })
  end
  local why = refusal(ctx, m, press)
  if why then return ctx:answer(why, { show_alert = true }) end
  carry_out(ctx, m, press)
end)

return M
