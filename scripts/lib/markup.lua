-- Texts for Telegram: what people wrote must never become markup, and a message
-- has an end.
local markup = {}

local entities = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;" }

-- For everything that stands in a text with parse_mode = "HTML" and is not yours.
function markup.escape(text)
  return (text:gsub('[&<>"]', entities))
end

-- The text, or its first max characters and "…".
function markup.cut(text, max)
  local past = utf8.offset(text, max + 1)
  if not past or past > #text then return text end
  return text:sub(1, past - 1) .. "…"
end

-- A user's name as a link to them.
function markup.mention(user)
  local name = user.first_name
  if user.last_name then name = name .. " " .. user.last_name end
  return ('<a href="tg://user?id=%d">%s</a>'):format(user.id, markup.escape(name))
end

-- Put parts together into as few messages as they need. A part is never divided,
-- so each must fit into one. Telegram's limit is 4096 UTF-16 units; a UTF-8 text
-- has at least as many bytes.
function markup.pages(parts)
  local pages = {}
  for _, part in ipairs(parts) do
    local last = pages[#pages]
    if last and #last + #part + 2 <= 4096 then
      pages[#pages] = last .. "\n\n" .. part
    else
      pages[#pages + 1] = part
    end
  end
  return pages
end

return markup
