---@meta counter

---Counts of what people do, in windows of time: for floods and warnings.
local counter = {}

---@class counter.Options
---@field window? string|number From 0.1 seconds to a year; what was added is forgotten after it. Without it: never.
---@field per? "chat+user"|"chat"|"user"|"key"|"bot" What is counted apart; `"chat+user"` unless it is said.
---@field durable? boolean It is kept in the database too.

---@class counter.Who
---@field chat? integer
---@field user? integer

---@class counter.Top
---@field count integer
---@field chat_id? integer
---@field user_id? integer
---@field key? string

---@class counter.Counter
local Counter = {}

---Add to a count, and give it. Waits when a durable count is first used.
---@param who ctx|counter.Who|string `ctx`, ids, or with `per = "key"` a text. With `per = "bot"` it is left out.
---@param n? integer 1 unless it is said; may be below 0.
---@return integer count
---@overload fun(self: counter.Counter, n?: integer): integer
function Counter:add(who, n) end

---The count. Waits when a durable count is first used.
---@param who? ctx|counter.Who|string
---@return integer count
function Counter:get(who) end

---The count is 0 from now on. Waits if it is durable.
---@param who? ctx|counter.Who|string
function Counter:reset(who) end

---The greatest counts, greatest first. Waits if they are durable.
---@param n? integer How many: 10 unless it is said.
---@param chat? ctx|integer Of this chat only.
---@return counter.Top[]
function Counter:top(n, chat) end

---A counter; while the scripts are loaded.
---@param name string
---@param options? counter.Options
---@return counter.Counter
function counter.new(name, options) end

return counter
