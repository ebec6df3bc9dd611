-- require "keyboard": buttons below a message, and instead of the letters. What its
-- functions give are plain tables, as reply_markup takes them; what can't be is an error
-- where it is added, not an answer of Telegram's.
local cjson = require "cjson"

local keyboard = {}

-- https://core.telegram.org/bots/api#inlinekeyboardbutton; how many there can be is not
-- said there: what is more is not shown.
local DATA_MAX = 64
local COPY_MAX = 256
local PLACEHOLDER_MAX = 64
local INLINE = { name = "inline", rows = "inline_keyboard", row_max = 8, max = 100 }
local REPLY = { name = "reply", rows = "keyboard", row_max = 12, max = 300 }

-- --- checks: level is that of the function in the author's file, seen from the caller -------

local function fail(text, level)
  error("keyboard: " .. text, level + 1)
end

local function check_text(what, text, max, level)
  if type(text) == "number" then text = tostring(text) end
  if type(text) ~= "string" or text == "" then
    fail(("%s must be a text, got %s"):format(what, text == "" and "an empty one" or "a "
      .. type(text)), level + 1)
  end
  local n = utf8.len(text)
  if not n then fail(what .. " is not UTF-8", level + 1) end
  if max and n > max then
    fail(("%s must have at most %d characters, this has %d"):format(what, max, n), level + 1)
  end
  return text
end

local function check_data(data, level)
  if type(data) == "number" then data = tostring(data) end
  if type(data) ~= "string" or data == "" then
    fail("a button's data must be a text, got " .. (data == "" and "an empty one" or "a "
      .. type(data)), level + 1)
  end
  if #data > DATA_MAX then
    fail(("a button's data can have 64 bytes, %q has %d"):format(data, #data), level + 1)
  end
  return data
end

local function check_url(url, schemes, level)
  check_text("a URL", url, nil, level + 1)
  for _, scheme in ipairs(schemes) do
    if url:sub(1, #scheme):lower() == scheme then return url end
  end
  fail(("a URL must begin with %s, got %q"):format(table.concat(schemes, " or "), url), level + 1)
end

local function check_table(what, value, level)
  if value ~= nil and type(value) ~= "table" then
    fail(("%s must be a table, got a %s"):format(what, type(value)), level + 1)
  end
  return value or {}
end

local function copy(from, to)
  for name, value in pairs(from) do to[name] = value end
  return to
end

-- A button, with what else Telegram takes for one: { style = "danger" }.
local function make(text, name, value, options, level)
  local button = { text = check_text("a button's text", text, nil, level + 1) }
  if name then button[name] = value end
  return copy(check_table("a button's options", options, level + 1), button)
end

-- --- rows --------------------------------------------------------------------------------------

-- Keyboards whose next button begins a row.
local wants_row = setmetatable({}, { __mode = "k" })
local kind_of = setmetatable({}, { __mode = "k" })

local function new_rows()
  return setmetatable({}, cjson.empty_array_mt)
end

local function count(rows)
  local n = 0
  for _, row in ipairs(rows) do n = n + #row end
  return n
end

local function add(k, button, level)
  local kind = kind_of[k]
  local rows = k[kind.rows]
  if wants_row[k] or #rows == 0 then
    rows[#rows + 1] = {}
    wants_row[k] = nil
  end
  local row = rows[#rows]
  if #row == kind.row_max then
    local text = "a row of an %s keyboard can have %d buttons; begin another with :row()"
    fail(text:format(kind.name, kind.row_max), level + 1)
  end
  if count(rows) == kind.max then
    local text = "an %s keyboard can have %d buttons; see menu:page() for long lists"
    fail(text:format(kind.name, kind.max), level + 1)
  end
  if (button.pay or button.callback_game) and (#rows > 1 or #row > 0) then
    fail((button.pay and "pay" or "game") .. " must be the first button", level + 1)
  end
  row[#row + 1] = button
  return k
end

-- --- methods of both -------------------------------------------------------------------------

local function define_row(methods)
  -- The next button begins a row. With buttons: they are one.
  function methods.row(k, ...)
    wants_row[k] = true
    if select("#", ...) > 0 then
      for i = 1, select("#", ...) do
        add(k, check_table("a button", (select(i, ...)), 2), 2)
      end
      wants_row[k] = true
    end
    return k
  end

  -- The rows of another one, below.
  function methods.append(k, other)
    local kind = kind_of[k]
    if type(other) ~= "table" or type(other[kind.rows]) ~= "table" then
      fail(("append takes an %s keyboard"):format(kind.name), 2)
    end
    for _, row in ipairs(other[kind.rows]) do
      wants_row[k] = true
      for _, button in ipairs(row) do add(k, button, 2) end
    end
    wants_row[k] = true
    return k
  end

  -- Arrange all buttons anew, so many in a row.
  function methods.columns(k, columns)
    local kind = kind_of[k]
    if math.type(columns) ~= "integer" or columns < 1 or columns > kind.row_max then
      fail(("columns must be a whole number from 1 to %d"):format(kind.row_max), 2)
    end
    local all = {}
    for _, row in ipairs(k[kind.rows]) do table.move(row, 1, #row, #all + 1, all) end
    k[kind.rows] = new_rows()
    for i, button in ipairs(all) do
      if (i - 1) % columns == 0 then wants_row[k] = true end
      add(k, button, 2)
    end
    return k
  end

  -- A button that is a table already.
  function methods.add(k, ...)
    for i = 1, select("#", ...) do
      local button = (select(i, ...))
      check_table("a button", button, 2)
      if button == nil then fail("a button must be a table, got nil", 2) end
      check_text("a button's text", button.text, nil, 2)
      add(k, button, 2)
    end
    return k
  end
end

local function new(kind, methods_mt, options)
  local k = copy(options, {})
  k[kind.rows] = new_rows()
  kind_of[k] = kind
  return setmetatable(k, methods_mt)
end

-- --- inline ----------------------------------------------------------------------------------

local WEB = { "http://", "https://", "tg://" }

-- Name of the method → what makes the button: (text, its argument, level) → field, value
local inline_buttons = {
  button = function(data, level, text)
    return "callback_data", check_data(data == nil and text or data, level + 1)
  end,
  url = function(url, level) return "url", check_url(url, WEB, level + 1) end,
  web_app = function(url, level)
    return "web_app", { url = check_url(url, { "https://" }, level + 1) }
  end,
  login = function(login, level)
    if type(login) == "string" then login = { url = login } end
    login = check_table("login", login, level + 1)
    return "login_url", copy(login, { url = check_url(login.url, WEB, level + 1) })
  end,
  switch_inline = function(query) return "switch_inline_query", query or "" end,
  switch_inline_current = function(query)
    return "switch_inline_query_current_chat", query or ""
  end,
  switch_inline_chosen = function(chosen, level)
    return "switch_inline_query_chosen_chat", check_table("what can be chosen", chosen, level + 1)
  end,
  copy_text = function(text, level)
    return "copy_text", { text = check_text("what is copied", text, COPY_MAX, level + 1) }
  end,
  game = function() return "callback_game", {} end,
  pay = function() return "pay", true end,
}

local without_argument = { game = true, pay = true }
local inline = {}
define_row(inline)
for name, field_of in pairs(inline_buttons) do
  if without_argument[name] then
    inline[name] = function(k, text, options)
      local field, value = field_of()
      return (add(k, make(text, field, value, options, 2), 2))
    end
  else
    inline[name] = function(k, text, argument, options)
      check_text("a button's text", text, nil, 2)
      local field, value = field_of(argument, 2, text)
      return (add(k, make(text, field, value, options, 2), 2))
    end
  end
end
local inline_mt = { __index = inline, __metatable = false }

-- "text", { "text", "data" } or a button as Telegram has it.
local function inline_of(item, level)
  if type(item) ~= "table" then
    return (make(item, "callback_data", check_data(item, level + 1), nil, level + 1))
  end
  if item.text == nil then
    local data = check_data(item[2] == nil and item[1] or item[2], level + 1)
    return (make(item[1], "callback_data", data, nil, level + 1))
  end
  check_text("a button's text", item.text, nil, level + 1)
  if item.callback_data ~= nil then check_data(item.callback_data, level + 1) end
  return item
end

local function is_row(item)
  return type(item) == "table" and item.text == nil and type(item[1]) == "table"
end

local function fill(k, list, of, columns, level)
  local kind, n = kind_of[k], 0
  if columns ~= nil and (math.type(columns) ~= "integer" or columns < 1
    or columns > kind.row_max) then
    fail(("columns must be a whole number from 1 to %d"):format(kind.row_max), level + 1)
  end
  for _, item in ipairs(list) do
    if of.is_row(item) then
      wants_row[k] = true
      for _, one in ipairs(item) do add(k, of.button(one, level + 1), level + 1) end
      wants_row[k] = true
    else
      if n % (columns or 1) == 0 then wants_row[k] = true end
      n = n + 1
      add(k, of.button(item, level + 1), level + 1)
    end
  end
  wants_row[k] = true
  return k
end

-- keyboard.inline([list [, { columns = 2 }]])
function keyboard.inline(list, options)
  local k = new(INLINE, inline_mt, {})
  options = check_table("options", options, 2)
  list = check_table("the list of buttons", list, 2)
  return (fill(k, list, { button = inline_of, is_row = is_row }, options.columns or list.columns,
    2))
end

-- --- reply -----------------------------------------------------------------------------------

local function request_id(id, level)
  if math.type(id) ~= "integer" or id < -2147483648 or id > 2147483647 then
    fail("a request must have a whole number as its id", level + 1)
  end
  return id
end

local reply_buttons = {
  text = function() end,
  request_contact = function() return "request_contact", true end,
  request_location = function() return "request_location", true end,
  request_poll = function(kind) return "request_poll", { type = kind } end,
  web_app = function(url, level)
    return "web_app", { url = check_url(url, { "https://" }, level + 1) }
  end,
  request_users = function(id, level, options)
    return "request_users", copy(check_table("options", options, level + 1),
      { request_id = request_id(id, level + 1) })
  end,
  request_chat = function(id, level, options)
    local request = copy(check_table("options", options, level + 1),
      { request_id = request_id(id, level + 1) })
    request.chat_is_channel = request.chat_is_channel or false
    return "request_chat", request
  end,
}

local reply = {}
define_row(reply)
for name, field_of in pairs(reply_buttons) do
  -- (text, what it is about, options): also as a function of the module
  local function button(text, level, argument, options)
    local field, value = field_of(argument, level + 1, options)
    return (make(text, field, value, nil, level + 1))
  end
  reply[name] = function(k, text, argument, options)
    return (add(k, button(text, 2, argument, options), 2))
  end
  if name ~= "text" then
    keyboard[name] = function(text, argument, options)
      local made = button(text, 2, argument, options)
      return made
    end
  end
end
local reply_mt = { __index = reply, __metatable = false }

local reply_names = {
  one_time = "one_time_keyboard", resize = "resize_keyboard", persistent = "is_persistent",
  placeholder = "input_field_placeholder", selective = "selective", force_reply = "force_reply",
}
local reply_options = {}
for name, telegram in pairs(reply_names) do
  reply_options[name], reply_options[telegram] = telegram, telegram
end

local function read_options(given, allowed, level)
  local options = {}
  for name, value in pairs(given) do
    if type(name) == "string" and name ~= "columns" then
      local telegram = allowed[name]
      if not telegram then fail(("there is no option %q"):format(name), level + 1) end
      if telegram == "input_field_placeholder" then
        check_text("the placeholder", value, PLACEHOLDER_MAX, level + 1)
      end
      options[telegram] = value
    end
  end
  return options
end

local function reply_of(item, level)
  if type(item) ~= "table" then return (make(item, nil, nil, nil, level + 1)) end
  check_text("a button's text", item.text, nil, level + 1)
  return item
end

local function is_reply_row(item)
  return type(item) == "table" and item.text == nil
end

-- keyboard.reply{ { "Yes", "No" }, one_time = true }
function keyboard.reply(list)
  list = check_table("the list of buttons", list, 2)
  local options = read_options(list, reply_options, 2)
  if options.resize_keyboard == nil then options.resize_keyboard = true end
  local k = new(REPLY, reply_mt, options)
  return (fill(k, list, { button = reply_of, is_row = is_reply_row }, list.columns, 2))
end

-- Takes the keyboard away.
function keyboard.remove(options)
  local markup = read_options(check_table("options", options, 2), { selective = "selective" }, 2)
  markup.remove_keyboard = true
  return markup
end

-- As if the person had chosen "Reply".
function keyboard.force_reply(options)
  local allowed = {
    selective = "selective", placeholder = "input_field_placeholder",
    input_field_placeholder = "input_field_placeholder",
  }
  local markup = read_options(check_table("options", options, 2), allowed, 2)
  markup.force_reply = true
  return markup
end

return keyboard
