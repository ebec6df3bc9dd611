-- What a button of a menu carries (menu.lua), in at most 64 bytes:
--
--   m~NAME~PAGE~BUTTON OP~OWNER~ITEM SHAPE SIGNATURE
--
-- BUTTON is its place among those declared, SHAPE (3 characters) says what was declared
-- when it was sent: if that has changed, the place may be another button's.
local core = ... -- mod_menu.c

local DATA_MAX = 64
local SHAPE, SIGNATURE = 3, 8

local M = {}

local digits = "0123456789abcdefghijklmnopqrstuvwxyz"

local function to_36(n)
  local text = ""
  repeat
    local d = n % 36
    text = digits:sub(d + 1, d + 1) .. text
    n = n // 36
  until n == 0
  return text
end

function M.shape_of(m)
  if not m.shape then
    local parts = {}
    for i, b in ipairs(m.buttons) do
      -- what a button says may depend on the chat; what it is may not
      local what = b.setting and b.setting.choices and b.path .. "\0"
        .. table.concat(b.setting.choices, "\0")
      what = what or b.options.id or b.path or b.to and b.to.name or type(b.label) == "string"
        and b.label or ""
      parts[i] = b.kind .. "\0" .. what
    end
    m.shape = core.sign("shape\0" .. m.name .. "\0" .. table.concat(parts, "\1")):sub(1, SHAPE)
  end
  return m.shape
end

local function signature(chat, text)
  return core.sign(("press\0%d\0%s"):format(chat or 0, text))
end

-- view: { chat =, owner =, page =, open = }
function M.data_of(m, view, button, op, item)
  local page = view.open and "." .. to_36(view.open) or to_36(view.page)
  local text = ("m~%s~%s~%s%s~%s~%s%s"):format(m.name, page, to_36(button.place), op or "",
    to_36(view.owner), item or "",
    M.shape_of(m))
  local data = text .. signature(view.chat, text)
  if #data > DATA_MAX then
    local room = #(item or "") - 1 - (#data - DATA_MAX)
    error(("menu %s: an item's id can have %d bytes here, %q has %d"):format(m.name, room,
      item:sub(2), #item - 1), 0)
  end
  return data
end

-- The parts of a press, the menu by its name; or nil: it is none of ours.
function M.read_data(data, chat)
  local text = data:sub(1, -SIGNATURE - 1)
  local pattern = "^m~([%w_.-]+)~(%.?[%da-z]+)~([%da-z]+)([-+*/=<>]?)~([%da-z]+)~(.*)$"
  local name, page, place, op, owner, rest = text:match(pattern)
  if not name or #rest < SHAPE then return nil end
  if not core.equal(signature(chat, text), data:sub(-SIGNATURE)) then return nil end
  local open = page:match("^%.(.+)$")
  return {
    menu = name, place = tonumber(place, 36), op = op,
    owner = math.tointeger(tonumber(owner, 36)),
    page = open and 1 or tonumber(page, 36), open = open and tonumber(open, 36),
    item = rest:sub(1, -SHAPE - 1),
    shape = rest:sub(-SHAPE),
  }
end

-- An item's id as it is carried: "i5" the number, "s5" the text.
function M.id_of(m, id)
  if math.type(id) == "integer" then return "i" .. id end
  if type(id) == "string" then return "s" .. id end
  error(("menu %s: an item's id must be a text or a whole number, got a %s"):format(m.name,
    type(id)), 0)
end

function M.read_id(text)
  if text:sub(1, 1) == "i" then return math.tointeger(tonumber(text:sub(2))) end
  return text:sub(2)
end

return M
