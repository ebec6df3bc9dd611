---@meta log

---Lines in the program's log, with the update and the chat. A value; or a format
---and its values, as string.format; after either, a table of fields.
local log = {}

---Shown with LOG_LEVEL=debug only.
---@param message any
---@param ... any Values for the format, then a table of fields.
function log.debug(message, ...) end

---@param message any
---@param ... any
function log.info(message, ...) end

---@param message any
---@param ... any
function log.warn(message, ...) end

---@param message any
---@param ... any
function log.error(message, ...) end

return log
