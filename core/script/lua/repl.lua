-- repl.lua - one input of `moonpost repl`: compiled, run, and what it gives shown.
--
-- run(text, variables, globals, send, chat): send(key, value) goes to who asked.

local bot = require "bot"
local inspect = require "inspect"

local function compile(text, env)
  local f = load("return " .. text, "=input", "t", env)
  if f then return f end
  return load(text, "=input", "t", env)
end

local function joined(...)
  local parts = table.pack(...)
  for i = 1, parts.n do parts[i] = tostring(parts[i]) end
  return table.concat(parts, "\t")
end

local function show(send, ok, ...)
  if not ok then
    send("error", tostring((...)))
    return
  end
  for i = 1, select("#", ...) do send("text", inspect((select(i, ...)))) end
end

-- What is assigned stays with who asks; everything else is the scripts'.
local function environment(variables, globals, own)
  return setmetatable({}, {
    __index = function(_, name)
      local value = variables[name]
      if value == nil then value = own[name] end
      if value == nil then value = globals[name] end
      return value
    end,
    __newindex = variables,
  })
end

return function(ctx, text, variables, globals, send, chat)
  local own = {
    bot = bot,
    api = bot.api,
    config = bot.config,
    ctx = ctx,
    chat = chat,
    inspect = inspect,
    print = function(...) send("text", joined(...)) end,
  }
  local f, problem = compile(text, environment(variables, globals, own))
  if not f then
    send(problem:find("<eof>$") and "more" or "error", problem)
    return
  end
  show(send, pcall(f))
end
