---@meta cjson

---lua-cjson's interface: what can't be written or read is raised.
---@class cjson
---@field null lightuserdata JSON's null. A nil can't be in a table.
---@field empty_array lightuserdata Is written as `[]`; an empty table as `{}`.
---@field array_mt table A table with it is always written as an array.
---@field empty_array_mt table A table with it is written as `[]` while it is empty.
---@field _NAME string
---@field _VERSION string
local cjson = {}

---A value as JSON. Integers are exact; null, {} and [] are written as they were read.
---@param value any
---@return string
function cjson.encode(value) end

---What JSON says. Integers are integers, exact to 64 bits.
---@param text string
---@return any
function cjson.decode(text) end

---Another one of these modules, with settings of its own.
---@return cjson
function cjson.new() end

---What is done with tables whose numbers have gaps.
---@param convert? boolean write them as objects; else they are an error
---@param ratio? integer
---@param safe? integer
---@return boolean, integer, integer
function cjson.encode_sparse_array(convert, ratio, safe) end

---How many tables may be within each other.
---@param depth? integer
---@return integer
function cjson.encode_max_depth(depth) end

---@param depth? integer
---@return integer
function cjson.decode_max_depth(depth) end

---Digits of a float.
---@param precision? integer
---@return integer
function cjson.encode_number_precision(precision) end

---Has no effect; it is there for programs that call it.
---@param keep? boolean
---@return boolean
function cjson.encode_keep_buffer(keep) end

---NaN and infinity: an error (false), null ("null").
---@param setting? boolean|string
---@return boolean|string
function cjson.encode_invalid_numbers(setting) end

---@param setting? boolean
---@return boolean
function cjson.decode_invalid_numbers(setting) end

---Do arrays that are read get array_mt, so that they are written as arrays again?
---@param setting? boolean
---@return boolean
function cjson.decode_array_with_array_mt(setting) end

return cjson
