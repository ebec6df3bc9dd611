-- database: what goes wrong with PostgreSQL, for the bot. core/io/pg_fault.h does it.
local native = require "moonpost.native"
local where = require "moonpost.where"
local world = require "moonpost.world"

local database = {}

local function shown(duration)
  return type(duration) == "number" and duration .. " s" or duration
end

-- down(): it can't be reached until up(). down(f): only while f runs; gives what it returns.
function database:down(f)
  if f ~= nil and type(f) ~= "function" then
    where.raise("database:down: a function is expected, or nothing; got " .. type(f))
  end
  world.act("(the database is away)", function() where.call(native.database_down) end)
  if not f then return self end
  local results = table.pack(pcall(f))
  self:up()
  if not results[1] then error(results[2], 0) end
  return table.unpack(results, 2, results.n)
end

-- It is there again: what waited for it goes on.
function database:up()
  world.act("(the database is back)", function() where.call(native.database_up) end)
  return self
end

-- slow("2s" or seconds): every answer takes so long: as clock:advance() moves on. 0: no more.
function database:slow(duration)
  world.need()
  local ms = where.call(native.duration, duration)
  world.act(("(the database takes %s for an answer)"):format(shown(duration)), function()
    where.call(native.database_slow, ms)
  end)
  return self
end

-- fail("notes", "23505", { message =, constraint = }, times): the next query of the bot that
-- has this word in it is refused by the server with this SQLSTATE; times: 1, -1 for ever.
function database:fail(name, sqlstate, options, times)
  world.need()
  if type(options) == "number" then options, times = nil, options end
  options = options or {}
  sqlstate = sqlstate or "XX000"
  if type(name) ~= "string" or name == "" then
    where.raise("database:fail: the name of a table is expected, or \"*\"")
  elseif type(sqlstate) ~= "string" or not sqlstate:find("^[%dA-Z][%dA-Z][%dA-Z][%dA-Z][%dA-Z]$")
      or sqlstate:find("^0[0-2]") then
    where.raise(("database:fail: %s is not an SQLSTATE of an error, such as 40P01")
      :format(tostring(sqlstate)))
  end
  for key in pairs(options) do
    if key ~= "message" and key ~= "constraint" then
      where.raise(("database:fail: there is no %q; there are: message, constraint")
        :format(tostring(key)))
    end
  end
  native.database_fail(name, sqlstate, options.message or "as the spec wanted it",
    options.constraint, times or 1)
  world.tell(("(a query of %s will fail with %s)"):format(name, sqlstate))
  return self
end

-- Nothing is wrong any more.
function database:heal()
  world.act("(the database is well)", function() where.call(native.database_heal) end)
  return self
end

return function(G) G.database = database end
