-- require "http": requests to other servers. Here is what they are called with; what they
-- send is made in moonpost.http_body.lua, redirects and tries are in
-- moonpost.http_send.lua, and one request is core.send (mod_http.c).
local core = ...
local time = require "time"
local parts = require "moonpost.http_body"
local sending = require "moonpost.http_send"

local wrong = parts.wrong
local http = {}

local FOLLOW, FOLLOW_MAX = 5, 20
local RETRIES_MAX = 10

local option_types = {
  headers = "table", cookies = "table", auth = "table", bearer = "string",
  query = "table", form = "table", files = "table", json = "any", body = "any", type = "string",
  timeout = "any", connect_timeout = "any", try_timeout = "any", retries = "number",
  max_bytes = "number", follow = "any", sink = "any",
}

-- --- what is asked for ----------------------------------------------------------

local function nearest(name)
  for known in pairs(option_types) do
    if known:sub(1, 3) == name:sub(1, 3) then return " (" .. known .. "?)" end
  end
  return ""
end

local function check_bodies(what, options)
  local bodies = {}
  for _, name in ipairs{ "body", "form", "files", "json" } do
    local with_form = name == "files" and options.form ~= nil
    if options[name] ~= nil and not with_form then bodies[#bodies + 1] = name end
  end
  if #bodies > 1 then wrong(what, "only one of %s", table.concat(bodies, " and ")) end
  local kind = type(options.body)
  if kind ~= "nil" and kind ~= "string" and kind ~= "table" and kind ~= "userdata" then
    wrong(what, "body must be a string or a file, is a %s", kind)
  end
end

local function check_options(what, options)
  for name, value in next, options do
    local wanted = option_types[name]
    if not wanted then
      name = tostring(name)
      wrong(what, "there is no option %s%s", name, nearest(name))
    elseif wanted ~= "any" and type(value) ~= wanted then
      wrong(what, "%s must be a %s, is a %s", name, wanted, type(value))
    end
  end
  check_bodies(what, options)
end

local function check_url(what, url)
  if type(url) ~= "string" then wrong(what, "the URL must be a string, is a %s", type(url)) end
  local scheme = url:match("^(%a[%w+.-]*):")
  scheme = scheme and scheme:lower()
  if scheme ~= "http" and scheme ~= "https" or not url:find("^%a+://[^/?#]") then
    wrong(what, "\"%s\" is no URL that begins with http:// or https://", url:sub(1, 100))
  elseif url:find("[%z\1-\32\127]") then
    wrong(what, "there is a space or a line break in the URL; put such values into query = { … }")
  end
end

-- Of the option of that name, in milliseconds.
local function time_of(what, options, name, default)
  local given = options[name]
  if given == nil then return default end
  local ok, seconds = pcall(time.parse, given)
  local ms = ok and math.floor(seconds * 1000)
  if not ok or ms < 1 or ms > core.timeout_max_ms then
    wrong(what, "%s: seconds, or a text like \"10s\", up to an hour", name)
  end
  return ms
end

local function whole_number(what, options, name, least, most)
  local given = options[name]
  if given and (math.type(given) ~= "integer" or given < least or given > most) then
    local to = most == math.maxinteger and "" or " to " .. most
    wrong(what, "%s: a whole number from %d%s", name, least, to)
  end
  return given
end

local function check_sink(what, sink)
  if type(sink) == "string" then
    local problem = core.check_name(sink)
    if problem then wrong(what, "sink: %s", problem) end
  elseif sink ~= nil and type(sink) ~= "function" then
    wrong(what, "sink: the name of a file or a function(piece), is a %s", type(sink))
  end
end

local function follow_of(what, follow)
  if follow == nil or follow == true then return FOLLOW end
  if follow == false then return 0 end
  if math.type(follow) ~= "integer" or follow < 0 or follow > FOLLOW_MAX then
    wrong(what, "follow: how many redirects, 0 to %d", FOLLOW_MAX)
  end
  return follow
end

local function check_size(what, size)
  if size <= core.send_max then return end
  local text = "%s: %d bytes are to be sent, more than HTTP_SEND_MAX_MB=%d"
  error(core.error(text:format(what, size, core.send_max >> 20), "too_large", "usage"))
end

local function type_of(what, options, content_type, body_type)
  local said = options.type or content_type
  if said and options.files then
    wrong(what, "with files the Content-Type is multipart/form-data, and not to be set")
  end
  return said or body_type
end

local function perform(what, method, url, options)
  options = options or {}
  if type(options) ~= "table" then
    wrong(what, "the options must be a table, are a %s", type(options))
  end
  check_options(what, options)
  check_url(what, url)
  check_sink(what, options.sink)
  local lines, content_type = parts.header_lines(what, options)
  local body, body_type, size = parts.body_of(what, options)
  check_size(what, size)
  if body and method == "HEAD" then wrong(what, "a HEAD has no body") end
  local long = options.sink ~= nil or type(body) == "userdata"
  return sending.send{
    method = method, url = parts.with_query(what, url, options.query), headers = lines,
    body = body, type = body and type_of(what, options, content_type, body_type),
    timeout = time_of(what, options, "timeout", long and core.sink_timeout_ms or core.timeout_ms),
    connect_timeout = time_of(what, options, "connect_timeout"),
    try_timeout = time_of(what, options, "try_timeout"),
    retries = whole_number(what, options, "retries", 0, RETRIES_MAX) or 0,
    max_bytes = whole_number(what, options, "max_bytes", 1, math.maxinteger),
    follow = follow_of(what, options.follow), sink = options.sink,
  }
end

for _, method in ipairs{ "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE" } do
  local name = method:lower()
  http[name] = function(url, options)
    return (perform("http." .. name, method, url, options))
  end
end

local methods = {
  GET = true, HEAD = true, POST = true, PUT = true, PATCH = true, DELETE = true, OPTIONS = true,
}

-- For a piece of a path: "a b/ü" → "a%20b%2F%C3%BC".
function http.escape(text)
  if type(text) ~= "string" and type(text) ~= "number" then
    wrong("http.escape", "a text is wanted, not a %s", type(text))
  end
  return parts.escape(tostring(text))
end

-- { method = "PUT", url = …, and the options }
function http.request(request)
  if type(request) ~= "table" then
    wrong("http.request", "a table { method =, url =, … } is wanted")
  end
  local options = {}
  for name, value in next, request do
    if name ~= "method" and name ~= "url" then options[name] = value end
  end
  local method = request.method == nil and "GET" or request.method
  if type(method) ~= "string" or not methods[method:upper()] then
    wrong("http.request", "method: GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS, not %s",
      tostring(method))
  end
  return (perform("http.request", method:upper(), request.url, options))
end

return http
