---@meta time

---What time it is, waiting, and how times are written.
local time = {}

---@class time.Parts
---@field year integer
---@field month integer
---@field day integer
---@field hour? integer
---@field min? integer
---@field sec? integer

---@class time.Date: time.Parts
---@field hour integer
---@field min integer
---@field sec integer
---@field wday integer 1 is Sunday.
---@field yday integer
---@field offset integer Seconds east of UTC.
---@field isdst boolean
---@field zone string "CEST"

---Seconds since 1970, with a fraction.
---@return number
function time.now() end

---Seconds of a clock that never jumps.
---@return number
function time.clock() end

---Waits so long; the chat's next update waits too.
---@param span string|number "10s", "1h30m", or seconds; a day at most.
function time.sleep(span) end

---"1h30m" in seconds: 5400.
---@param span string|number
---@return number
function time.parse(span) end

---"1 h 30 min": the largest units of so many seconds.
---@param seconds number
---@param units? integer How many, 1 to 4; 2 unless it is said.
---@return string
function time.duration(seconds, units) end

---As strftime: "%Y-%m-%d %H:%M".
---@param seconds? number now unless it is said
---@param format? string
---@param zone? string "Europe/Berlin", "+05:30"; UTC unless it is said.
---@return string
function time.format(seconds, format, zone) end

---What the calendar and the clocks show.
---@param seconds? number now unless it is said
---@param zone? string
---@return time.Date
function time.date(seconds, zone) end

---The second at which they show this.
---@param parts time.Parts
---@param zone? string
---@return integer seconds
function time.at(parts, zone) end

return time
