-- The world of a spec: when there is one, what happens in it, and what is told of it.
-- It begins with the first thing that a spec makes or asks for: specs that need no bot
-- cost none.
local cjson = require "cjson"
local native = require "moonpost.native"
local where = require "moonpost.where"

local M = { BOT = 1 }

local open, begun = false, false
local seq       -- of the simulator: what was told up to here
local story     -- lines
local calls     -- of the Bot API, in this spec
local errors    -- that the bot reported
local expected  -- { { pattern =, met = } }
local log       -- what the bot logged
local opening_ms = 0 -- of the spec's time: for the database, which is not its own

-- --- the simulator --------------------------------------------------------------------

local function null_to_nil(value)
  if type(value) ~= "table" then return value end
  for k, v in pairs(value) do
    if v == cjson.null then value[k] = nil else null_to_nil(v) end
  end
  return value
end

function M.decode(text)
  local value = cjson.decode(text)
  if value == cjson.null then return nil end
  return null_to_nil(value)
end

-- What the simulator answers; what it refuses is an error at the spec's line.
local function request(method, target, body, kind)
  local status, text = where.call(native.request, method, target, body, kind)
  local answer = M.decode(text)
  if status >= 400 then where.raise(answer and answer.error or text) end
  return answer
end

local function encode(what, value)
  local ok, text = pcall(cjson.encode, value)
  if not ok then where.raise(what .. ": " .. tostring(text)) end
  return text
end

function M.post(what, body)
  return request("POST", "/sim/" .. what, encode(what, body))
end

-- With a file: parts are { name =, value = } or { name =, file =, data =, type = }.
function M.post_form(what, parts)
  local boundary = ("moonpost%d%d"):format(os.time(), math.random(1 << 30))
  local out = {}
  for _, p in ipairs(parts) do
    local file = p.file and ('; filename="%s"'):format((p.file:gsub('[\r\n"\\]', "_"))) or ""
    local kind = p.type and ("Content-Type: %s\r\n"):format(p.type) or ""
    out[#out + 1] = ('--%s\r\nContent-Disposition: form-data; name="%s"%s\r\n'):format(boundary,
      p.name, file) .. kind .. "\r\n" .. (p.data or p.value) .. "\r\n"
  end
  out[#out + 1] = ("--%s--\r\n"):format(boundary)
  return request("POST", "/sim/" .. what, table.concat(out), "multipart/form-data; boundary="
    .. boundary)
end

function M.get(what, query)
  local parts = {}
  for k, v in pairs(query or {}) do
    parts[#parts + 1] = k .. "=" .. tostring(v):gsub("[^%w%-_.~]", function(c)
      return ("%%%02X"):format(c:byte())
    end)
  end
  return request("GET", "/sim/" .. what .. (#parts > 0 and "?" .. table.concat(parts, "&") or ""))
end

-- --- what is told -----------------------------------------------------------------------

local function tell(text) story[#story + 1] = text end
M.tell = tell

local function short(text, n)
  text = tostring(text):gsub("\n", "\n         ")
  if utf8.len(text) and utf8.len(text) > n then
    text = text:sub(1, utf8.offset(text, n + 1) - 1) .. "…"
  end
  return text
end

local names = {} -- of chats and people by id, for the story

function M.name(id, name) names[id] = name end
function M.name_of(id) return names[tonumber(id)] or tostring(id) end

local function rows_of(markup)
  if type(markup) == "string" then
    local ok, decoded = pcall(M.decode, markup)
    markup = ok and decoded or nil
  end
  return type(markup) == "table" and (markup.inline_keyboard or markup.keyboard) or {}
end

-- "[Yes] [No]"; "" without buttons.
function M.show_buttons(markup)
  local out = {}
  for _, row in ipairs(rows_of(markup)) do
    for _, b in ipairs(row) do
      out[#out + 1] = ("[%s]"):format(type(b) == "table" and b.text or b)
    end
  end
  return #out > 0 and "  " .. table.concat(out, " ") or ""
end

-- One call, as far as a reader wants to know.
local function describe_call(c)
  local p = c.params
  local parts = { "  bot: " .. c.method }
  if p.chat_id then parts[#parts + 1] = " → " .. M.name_of(p.chat_id) end
  local said = p.text or p.caption or p.action or p.title
  if said then parts[#parts + 1] = ": " .. short(said, 300) end
  parts[#parts + 1] = M.show_buttons(p.reply_markup)
  if p.show_alert == true or p.show_alert == "true" then parts[#parts + 1] = " (alert)" end
  if c.error then parts[#parts + 1] = ("  ✗ %d %s"):format(c.status, c.error) end
  return table.concat(parts)
end

local QUIET = { getUpdates = true, getMe = true, deleteWebhook = true }

local function take_calls()
  local answer = M.get("calls", { after = seq })
  seq = answer.seq
  for _, c in ipairs(answer.calls) do
    if not QUIET[c.method] then
      if type(c.params) ~= "table" then c.params = {} end
      if type(c.response) == "table" then
        c.result = c.response.result
        if c.response.ok == false then c.error = c.response.description end
      end
      calls[#calls + 1] = c
      tell(describe_call(c))
    end
  end
end

local function is_expected(text)
  for _, e in ipairs(expected) do
    if text:find(e.pattern) then
      e.met = true
      return true
    end
  end
end

local function take_lines()
  for _, line in ipairs(native.lines()) do
    log[#log + 1] = line
    tell(("  %s %s: %s%s"):format(line.level, line.area, (line.text:gsub("\n", "\n    ")),
      line.fields ~= "" and " (" .. line.fields .. ")" or ""))
    if line.level == "error" then errors[#errors + 1] = line.text end
  end
end

-- --- its life -----------------------------------------------------------------------------

function M.open()
  open, begun, opening_ms = true, false, 0
  story, calls, errors, expected, log, names = {}, {}, {}, {}, {}, {}
  require "moonpost.web".open()
end

function M.close()
  if begun then native.finish() end
  open, begun = false, false
end

-- A bot that does not start is the end of the whole run, not of one spec.
local function begin()
  local before = native.real_ms()
  local ok, err = pcall(native.open)
  opening_ms = native.real_ms() - before
  if ok then ok, err = pcall(native.begin) end
  if not ok then error({ is_fatal = true, message = err }, 0) end
  begun = true
  names[M.BOT] = "the bot"
  seq = 0
  take_calls()
  seq = M.get("state").seq
  story, calls = {}, {}
  for _, line in ipairs(native.lines()) do
    if line.level == "error" then errors[#errors + 1] = line.text end
  end
end

-- Before anything that needs the bot.
function M.need()
  if not open then
    where.raise("people, chats and the bot are made anew for each spec: use them in it() "
      .. "or before_each()")
  end
  if not begun then begin() end
end

-- Somebody does something: f() is called, and what the bot makes of it waited for. Gives
-- what f returns.
function M.act(text, f)
  M.need()
  if text then tell(text) end
  local result = f()
  local ok, err = pcall(native.settle)
  take_calls()
  take_lines()
  if not ok then where.raise(err) end
  return result
end

function M.calls_after(n)
  local list = {}
  for i = n + 1, #calls do list[#list + 1] = calls[i] end
  return list
end

function M.ncalls() return #calls end

function M.calls(method)
  M.need()
  local list = {}
  for _, c in ipairs(calls) do
    if not method or c.method:lower() == method:lower() then list[#list + 1] = c end
  end
  return list
end

-- --- errors of scripts -----------------------------------------------------------------------

function M.expect_error(pattern)
  M.need()
  if not pcall(string.find, "", pattern or "") then
    where.raise("expect_error: not a Lua pattern: " .. pattern)
  end
  expected[#expected + 1] = { pattern = pattern or "" }
end

-- Something that fails the spec as if the bot had reported it.
function M.note_error(text)
  errors[#errors + 1] = text
end

function M.errors()
  M.need()
  return { table.unpack(errors) }
end

function M.log(level)
  M.need()
  local list = {}
  for _, line in ipairs(log) do
    if not level or line.level == level then list[#list + 1] = line end
  end
  return list
end

-- -> what was not expected, and a pattern that nothing matched
function M.unexpected()
  if begun then pcall(take_lines) end
  local list, missing = {}, nil
  for _, text in ipairs(errors) do
    if not is_expected(text) then list[#list + 1] = text end
  end
  for _, e in ipairs(expected) do
    if not e.met then missing = missing or e.pattern end
  end
  return list, missing
end

function M.story() return story end
function M.opening_ms() return opening_ms end

function M.set_globals(G)
  require "moonpost.people"(G)
  require "moonpost.tools"(G)
  require "moonpost.database"(G)
  require "moonpost.web".set_globals(G)
end

return M
