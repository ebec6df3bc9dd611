-- A request of require "http" (http.lua) with its redirects and further tries, and what
-- became of it.
local core = ...
local cjson = require "cjson"
local time = require "time"

local M = {}

local PAUSE_S, PAUSE_MAX_S = 0.5, 30 -- before the second try, doubled after that

local function host_of(url)
  return url:match("^%a+://([^/?#]*)"):match("[^@]*$")
end

-- --- the answer -------------------------------------------------------------------

local headers_mt = {
  __index = function(headers, name)
    if type(name) == "string" then return rawget(headers, name:lower()) end
  end,
}

-- A server chooses this text: each pattern is anchored, and looks at a sign once.
local function trim(text)
  local from = text:find("%S")
  return from and text:match("^.*%S", from) or ""
end

-- dates in cookies have commas
local function join(name, values)
  return table.concat(values, name == "set-cookie" and "\n" or ", ")
end

local function read_headers(text)
  local lists, headers = {}, {}
  for line in text:gmatch("[^\r\n]+") do
    local name, value = line:match("^([^%s:][^:]*):(.*)$")
    if name then
      name = name:lower()
      lists[name] = lists[name] or {}
      table.insert(lists[name], trim(value))
    end
  end
  for name, values in pairs(lists) do headers[name] = join(name, values) end
  return setmetatable(headers, headers_mt)
end

local function read_cookies(lines)
  local cookies = {}
  for line in (lines or ""):gmatch("[^\n]+") do
    local name, value = line:match("^[^;]*"):match("^([^=]*)=(.*)$")
    if name then cookies[trim(name)] = trim(value) end
  end
  return cookies
end

local response_methods = {}

-- What the body says, as cjson.decode() has it. An error if it is no JSON.
function response_methods:json()
  local ok, value = pcall(cjson.decode, self.body)
  if not ok then
    local why = tostring(value):gsub("^.-:%d+: ", "")
    error(("the answer of %s (%d) is no JSON: %s"):format(host_of(self.url), self.status, why), 2)
  end
  return value
end

-- The answer itself, if its status is 200 to 299; else an error object.
function response_methods:check()
  if self.ok then return self end
  local text = ("%s %s: answered %d"):format(self.method, host_of(self.url), self.status)
  local err = core.error(text, "status", "status")
  err.status, err.answer = self.status, self
  error(err)
end

local response_mt = { __index = response_methods, __metatable = false }

local function make_answer(request, status, headers, body, size, path)
  local answer = {
    status = status, ok = status >= 200 and status < 300,
    method = request.method, url = request.url,
    headers = read_headers(headers), body = body, size = size, path = path,
  }
  answer.cookies = read_cookies(answer.headers["set-cookie"])
  return setmetatable(answer, response_mt)
end

-- --- redirects --------------------------------------------------------------------

local function origin(url)
  return (url:lower():match("^(%a+://[^/?#]*)"):gsub("//.*@", "//"))
end

local secret_headers = { "authorization:", "cookie:", "proxy-authorization:" }

-- What is for one server is not for the one that it names.
local function without_secrets(lines)
  local kept = {}
  for _, line in ipairs(lines) do
    local secret = false
    for _, name in ipairs(secret_headers) do
      secret = secret or line:lower():find(name, 1, true) == 1
    end
    if not secret then kept[#kept + 1] = line end
  end
  return kept
end

local redirects = { [301] = true, [302] = true, [303] = true, [307] = true, [308] = true }

local function go_after(request, status, url)
  if not url:find("^[Hh][Tt][Tt][Pp][Ss]?://") then
    error(core.error(request.label .. ": redirected to what is neither http nor https",
      "redirects", "network"))
  end
  if origin(url) ~= origin(request.url) then request.headers = without_secrets(request.headers) end
  if status == 303 and request.method ~= "HEAD"
    or (status == 301 or status == 302) and request.method == "POST" then
    request.method, request.body, request.type = "GET", nil, nil
  end
  request.url = url
end

-- One try, to be over at deadline.
local function try(request, deadline)
  for hop = 0, request.follow do
    request.label = request.method .. " " .. host_of(request.url)
    local status, headers, body, redirect, size, path = core.send(request.label, request.method,
      request.url, request.headers, request.type, request.body,
      math.max(deadline - core.clock(), 1), request.connect_timeout, request.max_bytes,
      request.sink)
    if not (redirect and redirects[status]) or request.follow == 0 then
      return make_answer(request, status, headers, body, size, path)
    end
    if hop == request.follow then
      error(core.error(("%s: redirected more than %d times"):format(request.label, hop),
        "redirects", "network"))
    end
    go_after(request, status, redirect)
  end
end

-- --- further tries ------------------------------------------------------------------

-- Done twice they are as done once.
local repeatable = { GET = true, HEAD = true, OPTIONS = true, PUT = true, DELETE = true }
-- Trouble that may pass, and statuses that say so.
local passing = { lost = true, timeout = true, name = true, connect = true }
local busy = { [429] = true, [502] = true, [503] = true, [504] = true }

local function may_repeat(request, given, ok, result)
  if given then return false end
  if ok then return busy[result.status] and repeatable[request.method] end
  return type(result) == "table" and passing[result.reason] and
    (repeatable[request.method] or not result.maybe_sent)
end

-- Seconds, a date, or nil.
local function retry_after(answer)
  local text = answer.headers["retry-after"]
  if not text then return nil end
  local seconds = text:match("^%d+$")
  if seconds then return tonumber(seconds) end
  local at = core.date(text)
  local now = answer.headers.date and core.date(answer.headers.date) or time.now()
  return at and math.max(at - now, 0)
end

local function pause_after(number, ok, result)
  return ok and retry_after(result) or math.min(PAUSE_S * 2 ^ (number - 1), PAUSE_MAX_S)
end

local function copy(request)
  local made = {}
  for name, value in pairs(request) do made[name] = value end
  return made
end

local function deadline_of(request, deadline)
  return math.min(deadline, core.clock() + (request.try_timeout or request.timeout))
end

-- request: what http.lua has checked, times in milliseconds.
function M.send(request)
  local deadline = core.clock() + request.timeout
  if request.retries == 0 then return try(request, deadline_of(request, deadline)) end
  local sink, given = request.sink, false
  if type(sink) == "function" then
    request.sink = function(piece)
      given = true
      return sink(piece)
    end
  end
  for number = 1, request.retries do
    local one = copy(request)
    local ok, result = pcall(try, one, deadline_of(request, deadline))
    local pause = pause_after(number, ok, result)
    if not may_repeat(one, given, ok, result) or
      core.clock() + pause * 1000.0 >= deadline then -- a server's number: no overflow
      if ok then return result end
      error(result, 0)
    end
    time.sleep(pause)
    core.retried()
  end
  return try(request, deadline_of(request, deadline))
end

return M
