---@meta utf16

---Telegram counts entities' offsets and lengths in UTF-16 units, from 0; Lua counts
---bytes, from 1: `require "utf16"`.
local utf16 = {}

---How many units a text has.
---@param text string
---@return integer
function utf16.len(text) end

---What an entity covers.
---@param text string
---@param offset integer From 0.
---@param length? integer To the end unless it is said.
---@return string
function utf16.sub(text, offset, length) end

---The units before a byte, as string.find() gives it: the offset of an entity.
---@param text string
---@param index integer From 1 to `#text + 1`.
---@return integer
function utf16.offset(text, index) end

---The byte that an entity's offset means.
---@param text string
---@param offset integer
---@return integer
function utf16.index(text, offset) end

return utf16
