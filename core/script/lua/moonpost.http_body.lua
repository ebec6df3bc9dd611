-- What a request of require "http" sends: fields, bodies, headers (http.lua).
local core = ...
local cjson = require "cjson"
local crypto = require "crypto"

local M = {}

function M.wrong(what, text, ...)
  core.wrong(what .. ": " .. (select("#", ...) > 0 and text:format(...) or text))
end
local wrong = M.wrong

-- Of an error that was caught: without the place, which is in the host.
local function plain(err)
  return (tostring(err):gsub("^[^\n:]*:%d+: ", ""))
end

-- --- fields -----------------------------------------------------------------------

-- RFC 3986's unreserved signs stay; locales don't matter.
local function escape(text)
  return (text:gsub("[^A-Za-z0-9%-._~]", function(c) return ("%%%02X"):format(c:byte()) end))
end
M.escape = escape

local function to_text(what, name, value)
  local kind = type(value)
  if kind == "string" then return value end
  if kind == "boolean" then return tostring(value) end
  if kind == "number" then return tostring(math.tointeger(value) or value) end
  wrong(what, "%s: a %s can't be sent", name, kind)
end

local function sorted_names(what, fields)
  local names = {}
  for name in pairs(fields) do
    if type(name) ~= "string" then wrong(what, "fields have names: { name = value }") end
    names[#names + 1] = name
  end
  table.sort(names)
  return names
end

-- { a = 1, b = { 2, 3 } } → "a", "1", "b", "2", "b", "3", in the order of the names
local function flatten(what, fields)
  local flat = {}
  for _, name in ipairs(sorted_names(what, fields)) do
    local value = fields[name]
    for _, one in ipairs(type(value) == "table" and value or { value }) do
      flat[#flat + 1] = name
      flat[#flat + 1] = to_text(what, name, one)
    end
  end
  return flat
end

-- The same as "a=1&b=2&b=3".
local function encode(what, fields)
  local flat, parts = flatten(what, fields), {}
  for i = 1, #flat, 2 do
    parts[#parts + 1] = escape(flat[i]) .. "=" .. escape(flat[i + 1])
  end
  return table.concat(parts, "&")
end

function M.with_query(what, url, query)
  if not query then return url end
  local text = encode(what, query)
  if text == "" then return url end
  local before, fragment = url:match("^([^#]*)(.*)$")
  return before .. (before:find("?", 1, true) and "&" or "?") .. text .. fragment
end

-- --- files ------------------------------------------------------------------------

local file_fields = { path = "path", content = "data", filename = "name", content_type = "type" }

-- What bot.file() gives, of that or of { path = or content =, filename =, content_type = }.
local function to_file(what, name, given)
  if type(given) == "userdata" then return given end
  if type(given) ~= "table" then
    wrong(what, "%s: { path = … }, { content = … } or bot.file(…) is wanted, not a %s", name,
      type(given))
  end
  local file = {}
  for key, value in next, given do
    if not file_fields[key] then
      wrong(what, "%s: there is no %s; there are: path, content, filename, content_type", name,
        tostring(key))
    elseif type(value) ~= "string" then
      wrong(what, "%s: %s must be a string, is a %s", name, key, type(value))
    end
    file[file_fields[key]] = value
  end
  if (file.path == nil) == (file.data == nil) then
    wrong(what, "%s: one of path and content is wanted", name)
  end
  local ok, made = pcall(core.file, file)
  if not ok then
    local why = plain(made):gsub("^bot%.file[:%s]*", ""):gsub("^%((%b\"\")%)", "%1")
    wrong(what, "%s: %s", name, why)
  end
  return made
end

local function add_files(what, files)
  local flat = {}
  for _, name in ipairs(sorted_names(what, files)) do
    local given = files[name]
    local list = type(given) == "table" and given[1] ~= nil and given or { given }
    for _, one in ipairs(list) do
      flat[#flat + 1] = name
      flat[#flat + 1] = to_file(what, name, one)
    end
  end
  return flat
end

local function make_upload(what, make, ...)
  local ok, upload, size, kind = pcall(make, ...)
  if not ok then wrong(what, "%s", plain(upload)) end
  return upload, size, kind
end

-- --- bodies -----------------------------------------------------------------------

local function json_body(what, value)
  local ok, text = pcall(cjson.encode, value)
  if not ok then wrong(what, "json: %s", plain(text)) end
  return text, "application/json"
end

-- The body, its Content-Type (nil: the boundary is in it, which curl makes) and its bytes.
function M.body_of(what, options)
  local body, kind, size
  if options.json ~= nil then
    body, kind = json_body(what, options.json)
  elseif options.files then
    body, size = make_upload(what, core.form, flatten(what, options.form or {}),
      add_files(what, options.files))
  elseif options.form then
    body, kind = encode(what, options.form), "application/x-www-form-urlencoded"
  elseif type(options.body) == "string" then
    body, kind = options.body, "text/plain; charset=utf-8"
  elseif options.body ~= nil then
    body, size, kind = make_upload(what, core.upload, to_file(what, "body", options.body))
    kind = kind or "application/octet-stream"
  end
  return body, kind, size or body and #body or 0
end

-- --- headers ----------------------------------------------------------------------

local own_headers = { ["content-length"] = true, ["transfer-encoding"] = true, ["expect"] = true,
  ["connection"] = true, ["accept-encoding"] = true }

local function check_header(what, name)
  if type(name) ~= "string" or not name:find("^[%w!#$%%&'*+%-.^_`|~]+$") then
    wrong(what, "\"%s\" is no name of a header", tostring(name))
  elseif own_headers[name:lower()] then
    wrong(what, "%s is not for scripts to set", name)
  end
end

local function header_line(what, name, value)
  value = to_text(what, name, value)
  if value:find("[%z\1-\8\10-\31\127]") then
    wrong(what, "the header %s has a line break or another sign of that kind in it", name)
  end
  return value == "" and name .. ";" or name .. ": " .. value, value
end

local function has_header(lines, name)
  for _, line in ipairs(lines) do
    if line:match("^[^:;]+"):lower() == name then return true end
  end
  return false
end

local function add_own(what, lines, option, name, value)
  if has_header(lines, name:lower()) then
    wrong(what, "%s and the header %s: only one of them", option, name)
  end
  lines[#lines + 1] = header_line(what, name, value)
end

local function basic(what, auth)
  local user, password = auth.user, auth.password
  if type(user) ~= "string" or type(password or "") ~= "string" or user:find(":", 1, true) then
    wrong(what, "auth: { user = \"…\", password = \"…\" } is wanted, no colon in user")
  end
  return "Basic " .. crypto.base64(user .. ":" .. (password or ""))
end

local function cookie_line(what, cookies)
  local flat, parts = flatten(what, cookies), {}
  for i = 1, #flat, 2 do
    if (flat[i] .. flat[i + 1]):find("[;%c]") or flat[i]:find("[=,%s]") then
      wrong(what, "cookies: %s has a sign in it that no cookie can have", flat[i])
    end
    parts[#parts + 1] = flat[i] .. "=" .. flat[i + 1]
  end
  return table.concat(parts, "; ")
end

local function add_options(what, lines, options)
  if options.auth and options.bearer then wrong(what, "only one of auth and bearer") end
  if options.auth then
    add_own(what, lines, "auth", "Authorization", basic(what, options.auth))
  elseif options.bearer then
    add_own(what, lines, "bearer", "Authorization", "Bearer " .. options.bearer)
  end
  if options.cookies and next(options.cookies) ~= nil then
    add_own(what, lines, "cookies", "Cookie", cookie_line(what, options.cookies))
  end
  if not has_header(lines, "user-agent") then lines[#lines + 1] = "User-Agent: moonpost" end
end

-- A list of "Name: value", and the Content-Type by itself.
function M.header_lines(what, options)
  local lines, content_type = {}, nil
  if options.type then header_line(what, "Content-Type", options.type) end
  for name, value in pairs(options.headers or {}) do
    check_header(what, name)
    for _, one in ipairs(type(value) == "table" and value or { value }) do
      local line, text = header_line(what, name, one)
      if name:lower() == "content-type" then
        content_type = text
      else
        lines[#lines + 1] = line
      end
    end
  end
  add_options(what, lines, options)
  if #lines > core.headers_max then wrong(what, "more than %d headers", core.headers_max) end
  return lines, content_type
end

return M
