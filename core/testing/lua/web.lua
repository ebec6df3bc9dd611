-- web: the sites that the bot asks by `http`. None of it leaves this machine.
local cjson = require "cjson"
local forms = require "moonpost.web_form"
local native = require "moonpost.native"
local where = require "moonpost.where"
local world = require "moonpost.world"

local M = {}
local web = {}
local answers, requests -- of this spec

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
    if not (" status headers body json drop "):find(" " .. tostring(key) .. " ", 1, true) then
      where.raise(("web:answer: there is no %q; there are: status, headers, body, json, drop")
        :format(tostring(key)))
    end
  end
end

-- answer(url, { status =, headers = {…}, body = or json =, drop = } or text or
-- function(request)): a URL with or without its query, or a Lua pattern that begins with ^.
-- The last one that fits counts.
function web:answer(url, answer)
  world.need()
  check_answer(answer)
  if url:sub(1, 1) == "^" and not pcall(string.find, "", url) then
    where.raise("web:answer: not a Lua pattern: " .. url)
  end
  answers[#answers + 1] = { url = url, answer = answer }
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
    local at = answers[i].url
    if at == url or at == url:match("^[^?]*") or (at:sub(1, 1) == "^" and url:find(at)) then
      return answers[i].answer
    end
  end
end

local function read(method, url, headers, body)
  local request = { method = method, url = url, body = body, headers = {} }
  for name, value in pairs(headers) do request.headers[name:lower()] = value end
  for _, name in ipairs{ "x-moonpost-url", "host" } do request.headers[name] = nil end
  local ok, value = pcall(world.decode, body)
  if ok and body ~= "" then request.json = value end
  request.form, request.files = forms.read(request.headers["content-type"], body)
  requests[#requests + 1] = request
  return request
end

local function write(answer)
  if type(answer) == "string" then answer = { body = answer } end
  if answer.drop then return 0, {}, "" end
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

local function serve(method, url, headers, body)
  local request = read(method, url, headers, body)
  local answer = find(url)
  if type(answer) == "function" then answer = answer(request) end
  if answer == nil then
    world.note_error(("the bot asked for %s %s, and no web:answer() says what comes back")
      :format(method, url))
    answer = { status = 404 }
  end
  local status, list, text = write(answer)
  world.tell(("  bot: %s %s → %s"):format(method, url, status == 0 and "no answer" or status))
  return status, list, text
end

function M.set_globals(G)
  G.web = web
  native.web(function(...)
    local ok, status, headers, body = pcall(serve, ...)
    if ok then return status, headers, body end
    world.note_error("web:answer: " .. tostring(status))
    return 500, {}, ""
  end)
end

return M
