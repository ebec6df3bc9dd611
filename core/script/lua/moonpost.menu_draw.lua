-- How a menu (menu.lua) looks in a chat: its text and its buttons, for a view:
--   { chat =, owner = who alone may press, or 0, page =, open = the choice that is shown }
local carried = require "moonpost.menu_data"
local says = require "moonpost.says"

local data_of, id_of = carried.data_of, carried.id_of
local ROW_MAX, BUTTONS_MAX = 8, 100

local M = { ROW_MAX = ROW_MAX }

local function value_of(value, ...)
  if type(value) == "function" then return value(...) end
  return value
end

local function cut(text, max)
  if (utf8.len(text) or 0) <= max then return text end
  return text:sub(1, utf8.offset(text, max) - 1) .. "…"
end

local function place_of(ctx, path)
  local section = ctx.config
  for name in path:gmatch("([^.]+)%.") do section = section[name] end
  return section, path:match("[^.]+$")
end

local function get(ctx, path)
  local section, key = place_of(ctx, path)
  return section[key]
end

local function is_shown(ctx, button)
  return button.options.when == nil or value_of(button.options.when, ctx) and true or false
end

local function draw_row(rows)
  if #rows == 0 or #rows[#rows] > 0 then rows[#rows + 1] = {} end
end

local function put(rows, button)
  if #rows == 0 or #rows[#rows] >= ROW_MAX then rows[#rows + 1] = {} end
  table.insert(rows[#rows], button)
end

local function label_of(ctx, button)
  if button.says then return says.of(ctx, button.says) end
  local label = value_of(button.label, ctx)
  if type(label) ~= "string" or label == "" then
    error("menu: a label must be a text that is not empty", 0)
  end
  return label
end

local draw_kind = {}

local function draw_plain(ctx, m, view, button, rows)
  put(rows, { text = label_of(ctx, button), callback_data = data_of(m, view, button),
    style = button.options.style })
end
for _, kind in ipairs{ "button", "submenu", "back", "close" } do draw_kind[kind] = draw_plain end

function draw_kind.row(_, _, _, _, rows) draw_row(rows) end

function draw_kind.url(ctx, _, _, button, rows)
  put(rows, { text = label_of(ctx, button), url = value_of(button.url, ctx) })
end

function draw_kind.toggle(ctx, m, view, button, rows)
  local on = get(ctx, button.path)
  local mark = on and (button.options.on or "✅") or button.options.off or "❌"
  local data = data_of(m, view, button, on and "-" or "+")
  put(rows, { text = mark .. " " .. label_of(ctx, button), callback_data = data })
end

local function choice_label(button, value)
  return button.options.labels and button.options.labels[value] or tostring(value)
end

function draw_kind.choice(ctx, m, view, button, rows)
  local text = label_of(ctx, button) .. ": " .. choice_label(button, get(ctx, button.path))
  put(rows, { text = text, callback_data = data_of(m, view, button, ">") })
end

local function shown(value)
  if value == nil then return "–" end
  if math.type(value) == "float" and value % 1 == 0 then return ("%d"):format(value) end
  if type(value) == "table" then
    local parts = {}
    for i, v in ipairs(value) do parts[i] = tostring(v) end
    return #parts == 0 and "–" or table.concat(parts, ", ")
  end
  return tostring(value)
end

function draw_kind.number(ctx, m, view, button, rows)
  local unit = button.setting.unit and " " .. button.setting.unit or ""
  draw_row(rows)
  put(rows, { text = "−", callback_data = data_of(m, view, button, "-") })
  put(rows, { text = label_of(ctx, button) .. ": " .. shown(get(ctx, button.path)) .. unit,
    callback_data = data_of(m, view, button, "/") })
  put(rows, { text = "+", callback_data = data_of(m, view, button, "+") })
  draw_row(rows)
end

function draw_kind.input(ctx, m, view, button, rows)
  local text = label_of(ctx, button) .. ": " .. cut(shown(get(ctx, button.path)), 30)
  put(rows, { text = text, callback_data = data_of(m, view, button, "/") })
end

-- The items of a page, and how many pages there are. A list function may give all items,
-- or, with how many there are in all, only those it was asked for.
local function read_page(ctx, button, page)
  local per, list = button.per, button.page.list
  if type(list) == "table" then
    local pages = math.max(1, (#list + per - 1) // per)
    page = math.min(page, pages)
    return table.move(list, (page - 1) * per + 1, math.min(page * per, #list), 1, {}), pages, page
  end
  local items, total = list(ctx, (page - 1) * per, per)
  if type(items) ~= "table" then
    error("menu: the list of a page must be a table, got a " .. type(items), 0)
  end
  local pages = math.max(1, ((total or #items) + per - 1) // per)
  if page > pages then -- there were more
    page = pages
    if total then items = list(ctx, (page - 1) * per, per) end
  end
  if total then return items, pages, page end
  return table.move(items, (page - 1) * per + 1, math.min(page * per, #items), 1, {}), pages, page
end

function draw_kind.page(ctx, m, view, button, rows)
  local items, pages, page = read_page(ctx, button, view.page)
  view.page = page
  for i, item in ipairs(items) do
    local label, id = item, item
    if button.page.item then label, id = button.page.item(ctx, item) end
    if id == nil then id = label end
    if type(label) == "number" then label = tostring(label) end
    if type(label) ~= "string" or label == "" then
      error("menu: an item's label must be a text", 0)
    end
    if (i - 1) % button.columns == 0 then draw_row(rows) end
    put(rows, { text = label, callback_data = data_of(m, view, button, "*", id_of(m, id)) })
  end
  draw_row(rows)
  if pages > 1 then
    local function to(text, target)
      if target < 1 then target = pages elseif target > pages then target = 1 end
      local there = { chat = view.chat, owner = view.owner, page = target }
      put(rows, { text = text, callback_data = data_of(m, there, button, "<") })
    end
    to("‹", page - 1)
    put(rows, { text = page .. "/" .. pages, callback_data = data_of(m, view, button, "<") })
    to("›", page + 1)
    draw_row(rows)
  elseif #items == 0 and button.page.empty then
    put(rows, { text = button.page.empty, callback_data = data_of(m, view, button, "<") })
    draw_row(rows)
  end
end

-- The choices of a setting, in place of the menu's buttons.
local function draw_choices(ctx, m, view, button)
  local rows, present = {}, get(ctx, button.path)
  for i, choice in ipairs(button.setting.choices) do
    if (i - 1) % (button.options.columns or 2) == 0 then draw_row(rows) end
    local mark = choice == present and "• " or ""
    local data = data_of(m, view, button, "=", "s" .. i)
    put(rows, { text = mark .. choice_label(button, choice), callback_data = data })
  end
  draw_row(rows)
  local closed = { chat = view.chat, owner = view.owner, page = 1 }
  local label = says.of(ctx, "moonpost.menu_back")
  put(rows, { text = label, callback_data = data_of(m, closed, button, "<") })
  return rows
end

local function draw(ctx, m, view)
  local rows, n = {}, 0
  local opened = view.open and m.buttons[view.open]
  if opened and opened.kind == "choice" then
    rows = draw_choices(ctx, m, view, opened)
  else
    view.open = nil
    for _, button in ipairs(m.buttons) do
      if is_shown(ctx, button) then draw_kind[button.kind](ctx, m, view, button, rows) end
    end
  end
  if #rows > 0 and #rows[#rows] == 0 then rows[#rows] = nil end
  for _, row in ipairs(rows) do n = n + #row end
  if n > BUTTONS_MAX then
    error(("menu %s: %d buttons; a message can have 100"):format(m.name, n), 0)
  end
  return { inline_keyboard = rows }
end

-- What sendMessage and editMessageText take.
local function render(ctx, m, view)
  local text = value_of(m.options.text, ctx)
  local params = { reply_markup = draw(ctx, m, view) }
  for name, value in pairs(m.options.options or {}) do params[name] = value end
  if type(text) == "table" then -- of fmt, or { text =, entities = }
    params.text, params.parse_mode, params.entities = text.text, text.parse_mode, text.entities
  else
    params.text = text
  end
  params.parse_mode = params.parse_mode or m.options.parse_mode
  if type(params.text) ~= "string" or params.text == "" then
    error(("menu %s: its text must not be empty"):format(m.name), 0)
  end
  return params
end

local function new_view(ctx, m)
  local owner = m.options.owner and ctx.from and ctx.from.id or 0
  return { chat = ctx.chat_id, owner = owner, page = 1 }
end

M.cut = cut
M.place_of = place_of
M.get = get
M.is_shown = is_shown
M.label_of = label_of
M.draw = draw
M.render = render
M.new_view = new_view

return M
