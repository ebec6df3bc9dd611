-- What the host says by itself in chats: as the bot's locales/ have it, else in English.
-- says.c has the keys; core.locales is empty in a bot that has none.
local core = ...

local M = {}

-- The text of a key in the language of ctx. Waits as ctx:t() does, if a locale has the
-- key; else it costs nothing.
function M.of(ctx, key, values)
  local text = next(core.locales) and require("i18n").own(ctx, key, values)
  if text then return text end
  text = core.english[key]
  return values and (text:gsub("{(%w+)}", values)) or text
end

-- The same if a locale has the key, else nil.
function M.translated(ctx, key)
  return next(core.locales) and require("i18n").own(ctx, key) or nil
end

function M.english(key) return core.english[key] end

-- The last parts of the keys that begin so: { can_pin_messages = true, … }
function M.under(prefix)
  local names = {}
  for key in pairs(core.english) do
    if key:sub(1, #prefix) == prefix then names[key:sub(#prefix + 1)] = true end
  end
  return names
end

return M
