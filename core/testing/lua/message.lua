-- Messages as people see them: Telegram's Message objects, with methods for what is on
-- them.
local M = {}
local Message = {}
Message.__index = Message

local function rows(m)
  local markup = m.reply_markup
  return markup and (markup.inline_keyboard or markup.keyboard) or {}
end

-- The texts of the buttons, row by row.
function Message:rows()
  local list = {}
  for i, row in ipairs(rows(self)) do
    list[i] = {}
    for j, b in ipairs(row) do list[i][j] = type(b) == "table" and b.text or b end
  end
  return list
end

-- The same in one list.
function Message:buttons()
  local list = {}
  for _, row in ipairs(self:rows()) do
    for _, text in ipairs(row) do list[#list + 1] = text end
  end
  return list
end

-- The button of that text or callback_data, as Telegram has it.
function Message:button(name)
  for _, field in ipairs{ "text", "callback_data" } do
    for _, row in ipairs(rows(self)) do
      for _, b in ipairs(row) do
        if type(b) == "string" then b = { text = b } end
        if b[field] == name then return b end
      end
    end
  end
end

function M.wrap(json) return setmetatable(json, Message) end

-- What a message is, when it has no text.
local kinds = { "photo", "document", "video", "audio", "voice", "animation", "sticker",
  "video_note", "location",
  "venue", "contact", "poll", "dice", "new_chat_members", "left_chat_member", "new_chat_title",
    "pinned_message" }

function M.content(m)
  if m.text then return m.text end
  for _, kind in ipairs(kinds) do
    if m[kind] then return ("(%s)%s"):format(kind, m.caption and " " .. m.caption or "") end
  end
  return "(a message)"
end

return M
