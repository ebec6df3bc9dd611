-- inspect.lua - a value as a person reads it: inspect(value [, options]).
--
-- Keys are sorted; what is in a table already shown is <table 1> again; what is too
-- deep, too much or too long is "…". Calls __pairs, so that a chat's settings are
-- shown as they read. Never raises on what __pairs does.

local function is_name(key)
  return type(key) == "string" and key:find("^[%a_][%w_]*$") and not ({
    ["and"] = 1, ["break"] = 1, ["do"] = 1, ["else"] = 1, ["elseif"] = 1, ["end"] = 1,
    ["false"] = 1, ["for"] = 1, ["function"] = 1, ["goto"] = 1, ["if"] = 1, ["in"] = 1,
    ["local"] = 1, ["nil"] = 1, ["not"] = 1, ["or"] = 1, ["repeat"] = 1, ["return"] = 1,
    ["then"] = 1, ["true"] = 1, ["until"] = 1, ["while"] = 1,
  })[key]
end

-- As Lua would read it again, but with what is UTF-8 as it is.
local escapes = { ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t", ['"'] = '\\"', ["\\"] = "\\\\" }

local function quoted(text, max)
  local cut = #text > max
  if cut then
    -- not within a character
    local n = max
    while n > 0 and text:byte(n + 1) >= 0x80 and text:byte(n + 1) < 0xC0 do n = n - 1 end
    text = text:sub(1, n)
  end
  local escaped = text:gsub('[%c"\\]', function(c)
    return escapes[c] or ("\\%03d"):format(c:byte())
  end)
  return '"' .. escaped .. '"' .. (cut and "…" or "")
end

local order = { number = 1, string = 2, boolean = 3 }

local function before(a, b)
  local ta, tb = type(a), type(b)
  if ta ~= tb then return (order[ta] or 9) < (order[tb] or 9) end
  if ta == "number" or ta == "string" then return a < b end
  return tostring(a) < tostring(b)
end

local function read(value)
  local entries, keys = {}, {}
  for k, v in pairs(value) do
    if entries[k] == nil then keys[#keys + 1] = k end
    entries[k] = v
  end
  return entries, keys
end

local function scalar(value, max)
  if type(value) == "string" then return quoted(value, max) end
  local ok, text = pcall(tostring, value)
  if not ok then return "<" .. type(value) .. ">" end
  if type(value) == "number" or type(value) == "boolean" or value == nil then return text end
  return "<" .. text .. ">"
end

local Printer = {}
Printer.__index = Printer

-- The parts of a table, each "key = value"; the list's come first, without keys.
function Printer:parts(value, depth)
  local ok, entries, keys = pcall(read, value)
  if not ok then return { "<" .. tostring(entries) .. ">" } end
  table.sort(keys, before)
  local parts, n = {}, 0
  while entries[n + 1] ~= nil do n = n + 1 end
  for i = 1, math.min(n, self.items) do parts[i] = self:show(entries[i], depth + 1) end
  for _, key in ipairs(keys) do
    local in_list = math.type(key) == "integer" and key >= 1 and key <= n
    if not in_list and #parts < self.items then
      local name = is_name(key) and key or "[" .. scalar(key, self.text) .. "]"
      parts[#parts + 1] = name .. " = " .. self:show(entries[key], depth + 1)
    end
  end
  if #keys > #parts then parts[#parts + 1] = ("… %d more"):format(#keys - #parts) end
  return parts
end

function Printer:show(value, depth)
  if type(value) ~= "table" then return scalar(value, self.text) end
  if self.seen[value] then return ("<table %d>"):format(self.seen[value]) end
  self.count = self.count + 1
  self.seen[value] = self.count
  if depth >= self.depth then return next(value) == nil and "{}" or "{ … }" end
  local parts = self:parts(value, depth)
  if #parts == 0 then return "{}" end
  local line = "{ " .. table.concat(parts, ", ") .. " }"
  if #line <= self.width and not line:find("\n", 1, true) then return line end
  local indent = ("  "):rep(depth + 1)
  return "{\n" .. indent .. table.concat(parts, ",\n" .. indent) .. "\n" .. ("  "):rep(depth) .. "}"
end

local function number(options, name, default)
  local value = options and options[name]
  if value == nil then return default end
  if math.type(value) ~= "integer" or value < 1 then
    error(("inspect: %s must be a whole number from 1 on"):format(name), 4)
  end
  return value
end

local function inspect(value, options)
  if options ~= nil and type(options) ~= "table" then
    error("inspect: the options are a table: { depth = 2 }", 3)
  end
  return setmetatable({
    depth = number(options, "depth", 6),
    items = number(options, "items", 100), -- of one table
    text = number(options, "text", 1000), -- bytes of a string
    width = number(options, "width", 80),
    seen = {},
    count = 0,
  }, Printer):show(value, 0)
end

return function(value, options) return inspect(value, options) end
