---@meta _

---Small values by key: `ctx.store` (the chat's), `ctx.user_store` (the person's),
---`bot.store(id)`. A field is read from the database, and assigning writes it at once;
---nil deletes. What was read is a copy: assign the whole value to change it. In a private
---chat the first two are the same.
---@class store.Store
---@field [string] any
---@field [integer] any
local store = {}

---@class store.Options
---@field ttl? string|number "10m", or seconds: then it is gone
---@field only_new? boolean write it only if it is not there

---@class store.IncrOptions
---@field ttl? string|number "10m", or seconds after the first of them: then it begins anew

---The value under a key, or the default. Waits.
---@param key string|integer
---@param default? any
---@return any
function store:get(key, default) end

---Writes a value; nil deletes it. Gives false if it was not written: with `only_new`, because
---it is there. Waits.
---@param key string|integer
---@param value any
---@param options? store.Options
---@return boolean
function store:set(key, value, options) end

---Adds n (1) to the number under a key, which is 0 if there is none, and gives the sum. Two
---at once both count. Waits.
---@param key string|integer
---@param n? number
---@param options? store.IncrOptions
---@return number
function store:incr(key, n, options) end

---The value, which is deleted: of two who take it at once, one gets it. Waits.
---@param key string|integer
---@return any
function store:take(key) end

---Deletes a key; was it there? Waits.
---@param key string|integer
---@return boolean
function store:delete(key) end

---All keys and values. Waits.
---@return table<string, any>
function store:all() end

---Deletes all keys, and gives how many there were. Waits.
---@return integer
function store:clear() end

