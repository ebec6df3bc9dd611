---@meta

---@class moonpost.inspect.Options
---@field depth? integer # tables within each other that are shown (6)
---@field items? integer # entries of one table (100)
---@field text? integer # bytes of one string (1000)
---@field width? integer # bytes of a table that stays on one line (80)

---A value as a person reads it: keys sorted, tables within each other indented, what is too deep or too much left out. For the log and for looking around;
---not for other programs: that is cjson.encode.
---@param value any
---@param options? moonpost.inspect.Options
---@return string
local function inspect(value, options) end

return inspect
