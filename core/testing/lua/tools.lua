-- bot, telegram, clock, db and calls: what a spec has beside people and chats.
local cjson = require "cjson"
local native = require "moonpost.native"
local where = require "moonpost.where"
local world = require "moonpost.world"

-- --- the bot ------------------------------------------------------------------------------

local bot = { id = world.BOT, username = "moonpost_bot" }

-- The spec fails unless an error that matches is reported; it does not fail for it.
function bot:expect_error(pattern) return world.expect_error(pattern), self end

-- What it reported so far, and all that it logged: { level =, area =, text = }.
function bot:errors() return world.errors(), self end
function bot:log(level) return world.log(level), self end

-- It ends in order and another process begins: what is not in the database is gone.
function bot:restart()
  world.act("the bot is started again", function() where.call(native.restart) end)
  return self
end

-- Any other update, in Telegram's own form: bot:update{ poll_answer = {…} }
function bot:update(update)
  world.act("an update comes: " .. tostring((next(update))), function()
    return world.post("update", update)
  end)
  return self
end

-- The list that people see: { { command =, description = }, … }; of a scope and language.
function bot:commands(options)
  world.need()
  local scope = options and options.scope or "default"
  for _, set in ipairs(world.get("state").bots[1].commands) do
    local of = type(set.scope) == "table" and set.scope.type or "default"
    local chat = options and options.chat and options.chat.id
    if of == scope and (set.language_code or "") == (options and options.language or "")
        and (not chat or set.scope.chat_id == chat) then
      return set.commands, self
    end
  end
  return {}, self
end

-- --- what goes wrong -----------------------------------------------------------------------

local telegram = {}

local function fault(body)
  world.need()
  world.post("fault", body)
end

-- fail("sendMessage", 429, { retry_after = 3, description = "…" }, times); times: 1, -1 for
-- ever. method "*": all.
function telegram:fail(method, status, options, times)
  if type(options) == "number" then options, times = nil, options end
  options = options or {}
  fault{ method = method, kind = "error", status = status or 500, retry_after = options.retry_after,
    description = options.description, times = times or 1 }
  world.tell(("(%s will fail with %d)"):format(method, status or 500))
  return self
end

-- Answers come ms later, of real time.
function telegram:slow(ms, method, times)
  fault{ method = method or "*", kind = "delay", ms = ms, times = times or -1 }
  return self
end

-- The connection closes without an answer; done: it was carried out all the same.
function telegram:drop(method, options, times)
  if type(options) == "number" then options, times = nil, options end
  fault{ method = method, kind = options and options.done and "drop_after" or "drop", times = times
    or 1 }
  return self
end

-- Nothing fails any more.
function telegram:heal()
  world.need()
  where.call(native.request, "DELETE", "/sim/fault")
  return self
end

-- Telegram's flood limits hold: 1 message a second in a chat, 20 a minute in a group …
function telegram:limits(on)
  world.need()
  world.post("limits", { on = on ~= false })
  return self
end

-- --- time ------------------------------------------------------------------------------------

local clock = {}

local function advance(ms, text)
  if ms < 0 then where.raise("clock: time goes forward only") end
  world.act(text, function() where.call(native.advance, ms) end)
end

-- advance("1h30m" or seconds): what is due meanwhile happens, in order.
function clock:advance(duration)
  advance(where.call(native.duration, duration), ("— %s later —"):format(
    type(duration) == "number" and duration .. " s" or duration))
  return self
end

-- to(unix time): the same, until then.
function clock:to(time)
  world.need()
  advance(math.ceil((time - native.now()) * 1000), os.date("— %Y-%m-%d %H:%M:%S —",
    math.floor(time)))
  return self
end

-- Seconds since 1970, as the bot sees them.
function clock:now()
  world.need()
  return native.now(), self
end

-- --- the database --------------------------------------------------------------------------------

local db = {}

local function param(value)
  if value == nil or value == cjson.null then return nil end
  if type(value) == "table" then return cjson.encode(value) end
  if math.type(value) == "float" then return ("%.17g"):format(value) end
  return tostring(value)
end

-- query(sql, …) -> rows, as tables; or { affected = n } of a statement that gives none
function db.query(sql, ...)
  world.need()
  local n, params = select("#", ...), { ... }
  for i = 1, n do params[i] = param(params[i]) end
  local rows, affected = where.call(native.query, sql, n, table.unpack(params, 1, n))
  return rows and world.decode(rows) or { affected = affected }
end

return function(G)
  G.bot, G.telegram, G.clock, G.db = bot, telegram, clock, db
  -- calls("sendMessage") -> { { method =, params =, status =, result =, error = }, … }
  G.calls = world.calls
end
