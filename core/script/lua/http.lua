-- require "http": requests to other servers. One of them is core.send (mod_http.c);
-- here are its options, redirects and what becomes of the answer.
local core = ...
local cjson = require "cjson"
local time = require "time"

local http = {}

local FOLLOW, FOLLOW_MAX = 5, 20

local option_types = {
  headers = "table", query = "table", form = "table", json = "any", body = "string",
  type = "string",
  timeout = "any", max_bytes = "number", follow = "any", sink = "any",
}

-- --- what is asked for ----------------------------------------------------------

local function fail(what, text, level)
  error(what .. ": " .. text, level + 1)
end

local function nearest(name)
  for known in pairs(option_types) do
    if known:sub(1, 3) == name:sub(1, 3) then return " (" .. known .. "?)" end
  end
  return ""
end

local function check_options(what, options, level)
  for name, value in next, options do
    local wanted = option_types[name]
    if not wanted then
      name = tostring(name)
      fail(what, ("there is no option %s%s"):format(name, nearest(name)), level + 1)
    elseif wanted ~= "any" and type(value) ~= wanted then
      fail(what, ("%s must be a %s, is a %s"):format(name, wanted, type(value)), level + 1)
    end
  end
  local bodies = {}
  for _, name in ipairs{ "body", "form", "json" } do
    if options[name] ~= nil then bodies[#bodies + 1] = name end
  end
  if #bodies > 1 then fail(what, "only one of " .. table.concat(bodies, " and "), level + 1) end
end

local function escape(text)
  return (text:gsub("[^%w%-._~]", function(c) return ("%%%02X"):format(c:byte()) end))
end

local function to_text(what, name, value, level)
  local kind = type(value)
  if kind == "string" then return value end
  if kind == "boolean" then return tostring(value) end
  if kind == "number" then return tostring(math.tointeger(value) or value) end
  fail(what, ("%s: a %s can't be sent"):format(name, kind), level + 1)
end

-- { a = 1, b = { 2, 3 } } → "a=1&b=2&b=3", in the order of the names
local function encode(what, fields, level)
  local names, parts = {}, {}
  for name in pairs(fields) do
    if type(name) ~= "string" then fail(what, "fields have names: { name = value }", level + 1) end
    names[#names + 1] = name
  end
  table.sort(names)
  for _, name in ipairs(names) do
    local value = fields[name]
    for _, one in ipairs(type(value) == "table" and value or { value }) do
      parts[#parts + 1] = escape(name) .. "=" .. escape(to_text(what, name, one, level + 1))
    end
  end
  return table.concat(parts, "&")
end

local function with_query(what, url, query, level)
  if not query then return url end
  local text = encode(what, query, level + 1)
  if text == "" then return url end
  local before, fragment = url:match("^([^#]*)(.*)$")
  return before .. (before:find("?", 1, true) and "&" or "?") .. text .. fragment
end

local own_headers = { ["content-length"] = true, ["transfer-encoding"] = true, ["expect"] = true,
  ["connection"] = true, ["accept-encoding"] = true }

-- A list of "Name: value", and the Content-Type by itself.
local function header_lines(what, headers, level)
  local lines, content_type = {}, nil
  local function add(name, value)
    value = to_text(what, name, value, level + 2)
    if value:find("[%z\1-\8\10-\31\127]") then
      local text = "the header %s has a line break or another sign of that kind in it"
      fail(what, text:format(name), level + 2)
    end
    if name:lower() == "content-type" then
      content_type = value
    else
      lines[#lines + 1] = value == "" and name .. ";" or name .. ": " .. value
    end
  end
  for name, value in pairs(headers or {}) do
    if type(name) ~= "string" or not name:find("^[%w!#$%%&'*+%-.^_`|~]+$") then
      fail(what, ("\"%s\" is no name of a header"):format(tostring(name)), level + 1)
    elseif own_headers[name:lower()] then
      fail(what, name .. " is not for scripts to set", level + 1)
    end
    for _, one in ipairs(type(value) == "table" and value or { value }) do add(name, one) end
  end
  if #lines >= core.headers_max then
    fail(what, ("more than %d headers"):format(core.headers_max - 1), level + 1)
  end
  return lines, content_type
end

local function has_header(lines, name)
  for _, line in ipairs(lines) do
    if line:lower():find(name, 1, true) == 1 then return true end
  end
  return false
end

local function body_of(what, options, level)
  if options.json ~= nil then
    local ok, text = pcall(cjson.encode, options.json)
    if not ok then fail(what, "json: " .. tostring(text):gsub("^.-:%d+: ", ""), level + 1) end
    return text, "application/json"
  elseif options.form then
    return encode(what, options.form, level + 1), "application/x-www-form-urlencoded"
  end
  return options.body, options.body and "text/plain; charset=utf-8"
end

local function check_url(what, url, level)
  if type(url) ~= "string" then
    fail(what, "the URL must be a string, is a " .. type(url), level + 1)
  end
  local scheme = url:match("^(%a[%w+.-]*):")
  scheme = scheme and scheme:lower()
  if scheme ~= "http" and scheme ~= "https" or not url:find("^%a+://[^/?#]") then
    local text = "\"%s\" is no URL that begins with http:// or https://"
    fail(what, text:format(url:sub(1, 100)), level + 1)
  elseif url:find("[%z\1-\32\127]") then
    fail(what, "there is a space or a line break in the URL; put such values into query = { … }",
      level + 1)
  end
end

local function timeout_of(what, options, level)
  local given = options.timeout
  if given == nil then return options.sink and core.sink_timeout_ms or core.timeout_ms end
  local ok, seconds = pcall(time.parse, given)
  local ms = ok and math.floor(seconds * 1000)
  if not ok or ms < 1 or ms > core.timeout_max_ms then
    fail(what, "timeout: seconds, or a text like \"10s\", up to an hour", level + 1)
  end
  return ms
end

local function check_sink(what, sink, level)
  if type(sink) == "string" then
    local problem = core.check_name(sink)
    if problem then fail(what, "sink: " .. problem, level + 1) end
  elseif sink ~= nil and type(sink) ~= "function" then
    fail(what, "sink: the name of a file or a function(piece), is a " .. type(sink), level + 1)
  end
end

local function follow_of(what, follow, level)
  if follow == nil or follow == true then return FOLLOW end
  if follow == false then return 0 end
  if math.type(follow) ~= "integer" or follow < 0 or follow > FOLLOW_MAX then
    fail(what, ("follow: how many redirects, 0 to %d"):format(FOLLOW_MAX), level + 1)
  end
  return follow
end

-- --- the answer -----------------------------------------------------------------

local headers_mt = {
  __index = function(headers, name)
    if type(name) == "string" then return rawget(headers, name:lower()) end
  end,
}

local function read_headers(text)
  local headers = {}
  for name, value in text:gmatch("([^:\r\n]+):[ \t]*([^\r\n]-)[ \t]*\r?\n") do
    name = name:lower()
    local before = headers[name]
    -- dates in cookies have commas
    headers[name] = before and before .. (name == "set-cookie" and "\n" or ", ") .. value or value
  end
  return setmetatable(headers, headers_mt)
end

local response_methods = {}

-- What the body says, as cjson.decode() has it. An error if it is no JSON.
function response_methods:json()
  local ok, value = pcall(cjson.decode, self.body)
  if not ok then
    local host = self.url:match("^%a+://([^/?#]*)"):match("[^@]*$")
    local why = tostring(value):gsub("^.-:%d+: ", "")
    error(("the answer of %s (%d) is no JSON: %s"):format(host, self.status, why), 2)
  end
  return value
end

local response_mt = { __index = response_methods, __metatable = false }

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
    core.fail(request.label .. ": redirected to what is neither http nor https")
  end
  if origin(url) ~= origin(request.url) then request.headers = without_secrets(request.headers) end
  if status == 303 and request.method ~= "HEAD"
    or (status == 301 or status == 302) and request.method == "POST" then
    request.method, request.body, request.type = "GET", nil, nil
  end
  request.url = url
end

local function label(request)
  return request.method .. " " .. request.url:match("^%a+://([^/?#]*)"):match("[^@]*$")
end

local function send(request)
  local deadline = core.clock() + request.timeout
  local left = request.timeout
  for hop = 0, request.follow do
    request.label = label(request)
    local status, headers, body, redirect, size, path = core.send(request.label, request.method,
      request.url, request.headers, request.type, request.body, left, request.max_bytes,
      request.sink)
    if not (redirect and redirects[status]) or request.follow == 0 then
      return setmetatable({
        status = status, ok = status >= 200 and status < 300, url = request.url,
        headers = read_headers(headers), body = body, size = size, path = path,
      }, response_mt)
    end
    if hop == request.follow then
      core.fail(("%s: redirected more than %d times"):format(request.label, hop))
    end
    go_after(request, status, redirect)
    left = math.max(deadline - core.clock(), 1)
  end
end

local function perform(what, method, url, options, level)
  level = level + 1
  options = options or {}
  if type(options) ~= "table" then
    fail(what, "the options must be a table, are a " .. type(options), level)
  end
  check_options(what, options, level)
  check_url(what, url, level)
  check_sink(what, options.sink, level)
  local lines, content_type = header_lines(what, options.headers, level)
  if not has_header(lines, "user-agent:") then lines[#lines + 1] = "User-Agent: moonpost" end
  local body, body_type = body_of(what, options, level)
  local max = options.max_bytes
  if max and (math.type(max) ~= "integer" or max < 1) then
    fail(what, "max_bytes: a whole number from 1", level)
  end
  return send{
    method = method, url = with_query(what, url, options.query, level), headers = lines,
    body = body, type = body and (options.type or content_type or body_type),
    timeout = timeout_of(what, options, level), max_bytes = max,
    follow = follow_of(what, options.follow, level), sink = options.sink,
  }
end

for _, method in ipairs{ "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE" } do
  local name = method:lower()
  http[name] = function(url, options)
    return (perform("http." .. name, method, url, options, 2))
  end
end

local methods = {
  GET = true, HEAD = true, POST = true, PUT = true, PATCH = true, DELETE = true, OPTIONS = true,
}

-- { method = "PUT", url = …, and the options }
function http.request(request)
  if type(request) ~= "table" then
    error("http.request: a table { method =, url =, … } is wanted", 2)
  end
  local options = {}
  for name, value in next, request do
    if name ~= "method" and name ~= "url" then options[name] = value end
  end
  local method = request.method == nil and "GET" or request.method
  if type(method) ~= "string" or not methods[method:upper()] then
    local text = "http.request: method: GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS, not %s"
    error(text:format(tostring(method)), 2)
  end
  return (perform("http.request", method:upper(), request.url, options, 2))
end

return http
