-- web: the sites that the bot asks by `http`. None of it leaves this machine.
local cjson = require "cjson"
local forms = require "moonpost.web_form"
local native = require "moonpost.native"
local where = require "moonpost.where"
local world = require "moonpost.world"

local M = {}
local web = {}
local answers, requests -- of this spec
local FIELDS = "status, headers, body, json, slow, drop, refused, timeout"

function M.open()
  answers, requests = {}, {}
end

local function check_answer(answer)
  local kind = type(answer)
  if kind == "string" or kind == "function" then return end
  if kind ~= "table" then
    where.raise("web:answer: a table, a text or a function is expected, got " .. kind)
  end
  for key in pairs(answer) do
    if not (" " .. FIELDS:gsub(",", "") .. " "):find(" " .. tostring(key) .. " ", 1, true) then
      where.raise(("web:answer: there is no %q; there are: %s"):format(tostring(key), FIELDS))
    end
  end
end

-- answer(url, { status =, headers = {…}, body = or json =, slow = } or { drop, refused or
-- timeout = true } or text or function(request), times): a URL with or without its query, or
-- a Lua pattern that begins with ^. The last one that fits counts, times: so often.
function web:answer(url, answer, times)
  world.need()
  if type(url) ~= "string" then where.raise("web:answer: a URL is expected, got " .. type(url)) end
  check_answer(answer)
  if url:sub(1, 1) == "^" and not pcall(string.find, "", url) then
    where.raise("web:answer: not a Lua pattern: " .. url)
  end
  answers[#answers + 1] = { url = url, answer = answer, left = times or math.huge }
  return self
end

-- What was asked for so far: { { method =, url =, headers =, body =, json = or form = and
-- files = }, … }
function web:requests()
  world.need()
  return { table.unpack(requests) }, self
end

local function find(url)
  for i = #answers, 1, -1 do
    local a = answers[i]
    local at = a.url
    if a.left > 0 and (at == url or at == url:match("^[^?]*")
        or (at:sub(1, 1) == "^" and url:find(at))) then
      a.left = a.left - 1
      return a.answer
    end
  end
end

local function read(method, url, headers, body)
  local request = { method = method, url = url, body = body, headers = {} }
  for name, value in pairs(headers) do request.headers[name:lower()] = value end
  for _, name in ipairs{ "x-moonpost-url", "x-moonpost-number", "host" } do
    request.headers[name] = nil
  end
  local ok, value = pcall(world.decode, body)
  if ok and body ~= "" then request.json = value end
  request.form, request.files = forms.read(request.headers["content-type"], body)
  requests[#requests + 1] = request
  return request
end

-- -> a status or how it fails, headers, body
local function write(answer)
  for _, how in ipairs{ "drop", "refused", "timeout" } do
    if answer[how] then return how, {}, "" end
  end
  local list, body = {}, answer.body or ""
  for name, value in pairs(answer.headers or {}) do
    list[#list + 1] = name
    list[#list + 1] = tostring(value)
  end
  if answer.json ~= nil then
    body = cjson.encode(answer.json)
    list[#list + 1] = "Content-Type"
    list[#list + 1] = "application/json"
  end
  return answer.status or 200, list, body
end

local WORDS = { drop = "no answer", refused = "connection refused", timeout = "timed out" }

local function serve(method, url, headers, body)
  local request = read(method, url, headers, body)
  local answer = find(url)
  if type(answer) == "function" then answer = answer(request) end
  if answer == nil then
    world.note_error(("the bot asked for %s %s, and no web:answer() says what comes back:\n"
      .. "web:answer(%q, { json = … })"):format(method, url, (url:match("^[^?]*"))))
    answer = { status = 404 }
  end
  if type(answer) == "string" then answer = { body = answer } end
  local how, list, text = write(answer)
  local ms = native.duration(answer.slow or 0)
  world.tell(("  bot: %s %s → %s%s"):format(method, url, WORDS[how] or how,
    ms > 0 and (" (after %s)"):format(answer.slow) or ""))
  return how, list, text, ms
end

function M.set_globals(G)
  G.web = web
  native.web(function(...)
    local ok, status, headers, body, ms = pcall(serve, ...)
    if ok then return status, headers, body, ms end
    world.note_error("web:answer: " .. tostring(status))
    return 500, {}, "", 0
  end)
end

return M
