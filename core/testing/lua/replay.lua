-- moonpost replay: the updates of a recording through the present scripts, one after
-- another, at the time of then; their calls and requests are answered as they were, and
-- compared. What a recording holds: core/bot/recorder.h. Returns the function that does
-- it: (options) -> exit status.
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

-- { bot =, at =, updates = { { update =, at =, calls = { … }, error = } }, configs = { … },
-- rows = { … } }. Requests of http are among the calls, with a url.
local function read(path)
  local rec = { updates = {}, by_id = {}, configs = {}, rows = {} }
  local calls, seen = {}, {}
  for e in read_lines(path) do
    if e.moonpost then
      rec.bot, rec.at = rec.bot or e.bot, rec.at or e.at
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
    elseif e.request then
      calls[e.request] = e
      local u = update_of(rec, e.update)
      if u then u.calls[#u.calls + 1] = e end
    elseif e.rows then
      local what = ("%s %d %s"):format(e.rows, e.chat, e.name)
      if not seen[what] then rec.rows[#rec.rows + 1] = e end
      seen[what] = true
    elseif calls[e.answer or e.response] then
      calls[e.answer or e.response].answer = e
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
  if c.url then
    return ("%s %s%s"):format(c.method, c.url, c.body and " " .. shown(c.body) or "")
  end
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
    return not c.url and c.method == method and (not c.parameters or same(c.parameters, parameters))
  end
  local found = take(player.now, equal)
  for i = #player.done, 1, -1 do
    if found then return found end
    found = take(player.done[i], equal)
  end
  return found or take(player.now, function(c) return not c.url and c.method == method end)
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

-- --- the requests of now -------------------------------------------------------------------

-- As it was asked for then; or with another body.
local function find_request(method, url, body)
  local function like(c) return c.method == method and c.url == url end
  local function equal(c) return like(c) and (c.bytes or (c.body or "") == body) end
  local found = take(player.now, equal)
  for i = #player.done, 1, -1 do
    if found then return found end
    found = take(player.done[i], equal)
  end
  return found or take(player.now, like)
end

-- Of the body as it is in the recording, not as it came over the network.
local OWN = { ["content-length"] = true, ["content-encoding"] = true,
  ["transfer-encoding"] = true, ["connection"] = true }

local function headers_of(text)
  local list = {}
  for name, value in text:gmatch("([^:\r\n]+):[ \t]*([^\r\n]-)[ \t]*\r?\n") do
    if not OWN[name:lower()] then
      list[#list + 1] = name
      list[#list + 1] = value
    end
  end
  return list
end

-- -> a status or how it fails, headers, body, 0: see native.web()
local function response_of(c)
  local a = c.answer
  if not a then return "drop", {}, "", 0 end
  if a.error == "timeout" then return "timeout", {}, "", 0 end
  if a.error then return a.maybe_sent and "drop" or "refused", {}, "", 0 end
  if a.bytes then note("lost", c) end
  return a.status, headers_of(a.headers), a.body or "", 0
end

function player.serve(method, url, _, body)
  if not player.now then return "refused", {}, "", 0 end
  local c = find_request(method, url, body)
  if not c then
    note("new", { method = method, url = url, body = body ~= "" and body or nil })
    return "refused", {}, "", 0
  end
  if not c.bytes and (c.body or "") ~= body then
    c.parameters = { body = c.body }
    note("other", c, { body = body })
  end
  return response_of(c)
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
  lines[#lines + 1] = "  ~ " .. n.call.method .. (n.call.url and " " .. n.call.url or "")
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

-- What may be why, and is no difference itself.
local function remarks(u)
  local lines = {}
  for _, n in ipairs(u.notes) do
    if n.kind == "lost" then
      lines[#lines + 1] = ("  ? %s %s: %d bytes came back, which are not in the recording")
        :format(n.call.method, n.call.url, n.call.answer.bytes)
    end
  end
  return lines
end

-- --- running -------------------------------------------------------------------------------

local function look_at_log()
  for _, line in ipairs(native.lines()) do
    local u = player.now
    if line.level == "error" and u and not u.failed then u.failed = line.text end
  end
end

local function put(sql, ...)
  local n, params = select("#", ...), { ... }
  for i = 1, n do params[i] = params[i] ~= cjson.null and tostring(params[i]) or nil end
  native.query(sql, n, table.unpack(params, 1, n))
end

local function put_configs(rec)
  for _, c in ipairs(rec.configs) do
    put("INSERT INTO chat_configs (chat_id, config, version) VALUES ($1, $2::jsonb, $3)", c.chat,
      cjson.encode(c.config), c.version)
  end
end

local function put_rows(rec)
  for _, r in ipairs(rec.rows) do
    for _, row in ipairs(r.list) do
      if r.rows == "store" then
        put("INSERT INTO store (chat_id, key, value, expires_at) VALUES ($1, $2, $3::jsonb, "
          .. "to_timestamp($4::bigint / 1000.0))", r.chat, row[1], cjson.encode(row[2]), row[3])
      else
        put("INSERT INTO counters (bot_id, name, chat_id, user_id, key, slot, n, expires_at) "
          .. "VALUES (1, $1, $2, $3, $4, $5, $6, to_timestamp($7::bigint / 1000.0))", r.name,
          r.chat, table.unpack(row, 1, 5))
      end
    end
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
      for _, line in ipairs(remarks(u)) do print(line) end
    end
    if u.notes then shown_n = shown_n + 1 end
  end
  print(("%d updates: %d as they were, %d differ"):format(shown_n, shown_n - differ, differ))
  return differ == 0 and 0 or 1
end

-- When it begins: with the first update that is run.
local function first_at(rec, options)
  for _, u in ipairs(rec.updates) do
    if options.update == 0 or u.update.update_id == options.update then return u.at end
  end
  return rec.at
end

return function(options)
  local rec = read(options.recording)
  if options.update ~= 0 and not rec.by_id[options.update] then
    stop("%s: there is no update %d in it", options.recording, options.update)
  end
  player.bot, player.done = rec.bot, {}
  native.web(player.serve)
  native.player(player.answer) -- the database has its name by now, which has the day in it
  native.set_day(first_at(rec, options))
  native.begin()
  put_configs(rec)
  put_rows(rec)
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
