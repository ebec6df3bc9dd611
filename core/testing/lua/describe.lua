-- describe, it and their kin, under busted's names: they note what there is to run.
-- A block: { name, parent, items = { blocks and specs }, before_each = {}, only, … }.
-- A spec: { name, parent, fn, file, line, pending, only }.
local where = require "moonpost.where"

local M = {}
local block   -- the one that is being read; nil: none is
local running -- the spec that runs: { finally = {} }

local function new_block(name, parent)
  return { name = name, parent = parent, items = {}, setup = {}, teardown = {}, before_each = {},
    after_each = {} }
end

local function reading(what)
  if not block then
    where.raise(what .. " belongs into describe or at the top of a file, not into a spec")
  end
  return block
end

local function check(what, name, fn)
  if type(name) ~= "string" then
    where.raise(what .. ": the name must be text, got " .. type(name))
  end
  if type(fn) ~= "function" then where.raise(("%s %q: there is no function"):format(what, name)) end
end

-- mark: "only", "skip" or nil.
local function add_block(name, fn, mark)
  check("describe", name, fn)
  local outer = reading("describe")
  block = new_block(name, outer)
  block.line = select(2, where.place())
  block.only = mark == "only" or outer.only
  block.skip = mark == "skip" or outer.skip
  outer.items[#outer.items + 1] = block
  fn()
  block = outer
end

local function add_spec(name, fn, mark)
  check("it", name, fn)
  local b = reading("it")
  local file, line = where.place()
  b.items[#b.items + 1] = { is_spec = true, name = name, parent = b, fn = fn, file = file,
    line = line, last_line = debug.getinfo(fn, "S").lastlinedefined,
    only = mark == "only" or b.only, pending = mark == "skip" or b.skip }
end

-- it(…), it.only(…), it.skip(…): callable, as busted's are.
local function with_marks(add)
  local marks = {}
  for _, mark in ipairs{ "only", "skip" } do
    marks[mark] = function(name, fn) add(name, fn, mark) end
  end
  return setmetatable(marks, { __call = function(_, name, fn) add(name, fn) end })
end

-- pending("name" [, f]) in a block: a spec that is still to be written; in a spec: it
-- ends here, and counts as pending.
local function add_pending(name, _)
  if not block then error({ is_pending = true, reason = name }, 0) end
  local file, line = where.place()
  block.items[#block.items + 1] =
    { is_spec = true, name = tostring(name), parent = block, file = file, line = line,
      pending = true }
end

local function adder(what)
  return function(fn)
    if type(fn) ~= "function" then where.raise(what .. " needs a function") end
    local list = reading(what)[what]
    list[#list + 1] = fn
  end
end

local function add_finally(fn)
  if not running then where.raise("finally belongs into a spec") end
  running.finally[#running.finally + 1] = fn
end

function M.set_globals(G)
  for _, name in ipairs{ "describe", "context", "insulate", "expose" } do
    G[name] = with_marks(add_block)
  end
  for _, name in ipairs{ "it", "spec", "test" } do G[name] = with_marks(add_spec) end
  G.pending = add_pending
  for _, name in ipairs{ "before_each", "after_each", "setup", "teardown" } do
    G[name] = adder(name)
  end
  G.strict_setup, G.lazy_setup = G.setup, G.setup
  G.strict_teardown, G.lazy_teardown = G.teardown, G.teardown
  G.finally = add_finally
end

-- Read a file: its block, or nil and what is wrong. What it makes global is its own.
function M.read(path, call)
  local env = setmetatable({}, { __index = _G })
  local chunk, problem = loadfile(path, "t", env)
  if not chunk then return nil, problem end
  local top = new_block(nil, nil)
  block = top
  local ok, err = call(chunk)
  block = nil
  if not ok then return nil, err end
  return top
end

-- Every spec of a block and those in it.
function M.each(b, f)
  for _, item in ipairs(b.items) do
    if item.is_spec then f(item) else M.each(item, f) end
  end
end

-- While a spec runs: what finally() notes goes into it.
function M.run_as(spec) running = spec end

function M.full_name(spec)
  local names = { spec.name }
  local b = spec.parent
  while b and b.name do
    table.insert(names, 1, b.name)
    b = b.parent
  end
  return table.concat(names, " ")
end

return M
