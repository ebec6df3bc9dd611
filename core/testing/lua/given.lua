-- What is given to the functions of people and chats: checked, and said if it is wrong.
local message = require "moonpost.message"
local where = require "moonpost.where"
local world = require "moonpost.world"

local M = {}

function M.id_of(thing, what)
  if type(thing) == "number" then return thing end
  if type(thing) == "table" and math.type(thing.id) == "integer" then return thing.id end
  where.raise(("%s: a person, a chat or an id is expected, got %s"):format(what, type(thing)))
end

function M.check_options(what, options, allowed)
  for key in pairs(options or {}) do
    if not (" " .. allowed .. " "):find(" " .. key .. " ", 1, true) then
      where.raise(("%s: there is no option %q; there are: %s"):format(what, tostring(key), allowed))
    end
  end
end

function M.message_of(what, m)
  if type(m) ~= "table" or not m.message_id or not m.chat then
    where.raise(what .. ": a message is expected, such as group:last(), got " .. type(m))
  end
  return m
end

-- The chat that a message is in, for /sim/: a private one has its person's id.
function M.messages_of(id)
  world.need()
  local list = {}
  for _, m in ipairs(world.get("messages", { chat = id }).messages) do
    if not m.deleted then list[#list + 1] = message.wrap(m) end
  end
  return list
end

return M
