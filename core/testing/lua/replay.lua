-- moonpost replay: the updates of a recording through the present scripts, one after
-- another; their calls are answered as they were then, and compared. What a recording
-- holds: core/bot/recorder.h. Returns the function that does it: (options) -> exit
-- status.
--
-- Updates that ran side by side then run one after another now, so that a call is
-- looked for among all that are due, its own update's first.
local cjson = require "cjson"
local native = require "moonpost.native"

local function stop(text, ...)
  error({ message = text:format(...) }, 0)
end

-- --- the recording -----------------------------------------------------------------------

local function read_lines(path)
  local f, problem = io.open(path, "r")
  if not f then stop("%s", problem) end
  local number = 0
  return function()
    local line = f:read("l")
    number = number + 1
    if not line then
      f:close()
      return nil
    end
    local ok, entry = pcall(cjson.decode, line)
    if not ok or type(entry) ~= "table" then
      stop("%s:%d: not a line of a recording", path, number)
    end
    return entry
  end
end

local function update_of(rec, id)
  return rec.by_id[id] or rec.updates[#rec.updates]
end

-- { bot =, updates = { { update =, at =, calls = { … }, error = } }, configs = { … } }
local function read(path)
  local rec = { updates = {}, by_id = {}, configs = {} }
  local calls, seen = {}, {}
  for e in read_lines(path) do
    if e.moonpost then
      rec.bot = rec.bot or e.bot
      calls = {} -- another run: its numbers begin anew
    elseif e.update and e.at then
      local u = { update = e.update, at = e.at, calls = {} }
      rec.updates[#rec.updates + 1] = u
      rec.by_id[e.update.update_id] = u
    elseif e.config then
      if not seen[e.chat] and e.revision > 0 then rec.configs[#rec.configs + 1] = e end
      seen[e.chat] = true
    elseif e.call then
      calls[e.call] = { method = e.method, parameters = e.parameters }
      local u = update_of(rec, e.update)
      if u then u.calls[#u.calls + 1] = calls[e.call] end
    elseif e.answer and calls[e.answer] then
      calls[e.answer].answer = e
    elseif e.failed then
      local u = rec.by_id[e.failed]
      if u then u.error = e.error end
    end
  end
  if not rec.bot then
    stop("%s: not a recording (moonpost run --record FILE makes one)", path)
  end
  return rec
end

-- --- comparing ---------------------------------------------------------------------------

local function same(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then return a == b end
  for k, v in pairs(a) do if not same(v, b[k]) then return false end end
  for k in pairs(b) do if a[k] == nil then return false end end
  return true
end

local function sorted_keys(a, b)
  local keys, seen = {}, {}
  for _, t in ipairs{ a, b } do
    for k in pairs(t) do
      if not seen[k] then keys[#keys + 1] = k end
      seen[k] = true
    end
  end
  table.sort(keys, function(x, y) return tostring(x) < tostring(y) end)
  return keys
end

local function shown(value)
  local text = value == nil and "nothing" or cjson.encode(value)
  if #text > 300 then text = text:sub(1, utf8.offset(text, 0, 298) - 1) .. "…" end
  return text
end

local function shown_call(c)
  return c.method .. (c.parameters and " " .. shown(c.parameters) or " (with files)")
end

-- --- the calls of now --------------------------------------------------------------------

local player = { message_id = 1000000000 }

-- Take the first call of an update that fits, out of those that are still due.
local function take(u, fits)
  for i, c in ipairs(u and u.due or {}) do
    if fits(c) then return table.remove(u.due, i) end
  end
end

local function find(method, parameters)
  local function equal(c)
    return c.method == method and (not c.parameters or same(c.parameters, parameters))
  end
  local found = take(player.now, equal)
  for i = #player.done, 1, -1 do
    if found then return found end
    found = take(player.done[i], equal)
  end
  return found or take(player.now, function(c) return c.method == method end)
end

-- What a call gets that nothing was recorded for: what a bot can go on with.
local function invented(method, p)
  local result = true
  if method:find("^send") or method:find("^edit") or method:find("^copy") then
    player.message_id = player.message_id + 1
    result = { message_id = player.message_id, date = 0, text = p.text }
    result.chat = { id = math.tointeger(tonumber(p.chat_id)) or 0, type = "private" }
  end
  return { ok = true, result = result }
end

local function answer_of(c)
  local a = c.answer
  if not a then return { ok = true, result = true } end
  if a.result ~= nil then return { ok = true, result = a.result } end
  if a.error_code == 0 then -- the network failed; an error it was
    return { ok = false, error_code = 400, description = "Bad Request: it did not get through" }
  end
  local answer = { ok = false, error_code = a.error_code, description = a.description }
  answer.parameters = a.parameters
  return answer
end

local function note(kind, c, other)
  local notes = player.now.notes
  notes[#notes + 1] = { kind = kind, call = c, other = other }
end

function player.answer(method, text)
  if method == "getMe" then
    local me = { id = player.bot.id, is_bot = true, first_name = "Bot" }
    me.username = player.bot.username
    return cjson.encode{ ok = true, result = me }
  end
  if not player.now then return nil end
  local p = cjson.decode(text)
  local c = find(method, p)
  if not c then
    note("new", { method = method, parameters = p })
    return cjson.encode(invented(method, p))
  end
  if c.parameters and not same(c.parameters, p) then note("other", c, p) end
  local answer = answer_of(c)
  return cjson.encode(answer), answer.error_code
end

-- --- what differs ------------------------------------------------------------------------

local function describe(update)
  for kind, payload in pairs(update) do
    if type(payload) == "table" then
      local chat = payload.chat or (payload.message and payload.message.chat)
      local text = payload.text or payload.data or payload.query
      return ("update %d: %s%s%s"):format(update.update_id, kind,
        text and " " .. shown(text) or "", chat and " in " .. tostring(chat.id) or "")
    end
  end
  return ("update %d"):format(update.update_id)
end

local function add_other(lines, n)
  lines[#lines + 1] = "  ~ " .. n.call.method
  for _, k in ipairs(sorted_keys(n.call.parameters, n.other)) do
    local before, now = n.call.parameters[k], n.other[k]
    if not same(before, now) then
      lines[#lines + 1] = ("      %s: %s"):format(k, shown(before))
      lines[#lines + 1] = ("      %s  %s"):format((" "):rep(#tostring(k) - 1) .. "→", shown(now))
    end
  end
end

local function differences(u)
  local lines = {}
  for _, n in ipairs(u.notes) do
    if n.kind == "new" then lines[#lines + 1] = "  + " .. shown_call(n.call) end
    if n.kind == "other" then add_other(lines, n) end
  end
  for _, c in ipairs(u.due) do lines[#lines + 1] = "  - " .. shown_call(c) end
  if u.failed and not u.error then
    lines[#lines + 1] = "  ! it fails now: " .. u.failed:gsub("\n", "\n    ")
  end
  if u.error and not u.failed then lines[#lines + 1] = "  ! it failed then, and does not now" end
  return lines
end

-- --- running -------------------------------------------------------------------------------

local function look_at_log()
  for _, line in ipairs(native.lines()) do
    local u = player.now
    if line.level == "error" and u and not u.failed then u.failed = line.text end
  end
end

local function put_configs(rec)
  for _, c in ipairs(rec.configs) do
    native.query("INSERT INTO chat_configs (chat_id, config, version) VALUES ($1, $2::jsonb, $3)",
      c.chat, cjson.encode(c.config), c.version)
  end
end

local function run_one(u, ms)
  u.due, u.notes = {}, {}
  for i, c in ipairs(u.calls) do u.due[i] = c end
  player.now = u
  local update = {}
  for k, v in pairs(u.update) do if k ~= "update_id" then update[k] = v end end
  native.request("POST", "/sim/update", cjson.encode(update), "application/json")
  native.settle()
  if ms > 0 then native.advance(ms) end
  look_at_log()
  player.done[#player.done + 1] = u
  if #player.done > 100 then table.remove(player.done, 1) end
end

-- Until the next one came, but not for hours: and some time after the last.
local function time_after(updates, i)
  local next = updates[i + 1]
  return next and math.max(0, math.min(next.at - updates[i].at, 24 * 3600 * 1000)) or 60000
end

local function report(rec, options)
  local differ, shown_n = 0, 0
  for _, u in ipairs(rec.updates) do
    local lines = u.notes and differences(u) or {}
    if #lines > 0 then differ = differ + 1 end
    if u.notes and (#lines > 0 or options.verbose) then
      print(describe(u.update))
      for _, line in ipairs(lines) do print(line) end
    end
    if u.notes then shown_n = shown_n + 1 end
  end
  print(("%d updates: %d as they were, %d differ"):format(shown_n, shown_n - differ, differ))
  return differ == 0 and 0 or 1
end

return function(options)
  local rec = read(options.recording)
  if options.update ~= 0 and not rec.by_id[options.update] then
    stop("%s: there is no update %d in it", options.recording, options.update)
  end
  player.bot, player.done = rec.bot, {}
  native.player(player.answer)
  native.begin()
  put_configs(rec)
  for i, u in ipairs(rec.updates) do
    if options.update == 0 or u.update.update_id == options.update then
      run_one(u, time_after(rec.updates, i))
      if native.interrupted() then stop("interrupted") end
    end
  end
  local status = report(rec, options)
  native.finish()
  return status
end
