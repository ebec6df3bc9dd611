-- Runs specs: (files, options, report) -> exit status.
local describe = require "moonpost.describe"
local native = require "moonpost.native"
local where = require "moonpost.where"
local world = require "moonpost.world"

local timeout_s

-- What an error says, and where it came from.
local function explain(err)
  if type(err) == "table" and (err.is_pending or err.is_fatal) then return err end
  local text = err
  if type(err) ~= "string" then
    local mt = getmetatable(err)
    text = mt and mt.__tostring and tostring(err) or "error object: " .. (_G.assert:format{ err,
      n = 1 })[1]
  end
  return { text = text, trace = where.trace(coroutine.running()) }
end

-- Call f within a coroutine that can be ended from outside. -> true, or false and what
-- explain() says.
local function call(f)
  local co = coroutine.create(function() return xpcall(f, explain) end)
  native.watch(co)
  local resumed, ok, err = coroutine.resume(co)
  if coroutine.status(co) == "suspended" then
    local trace = where.trace(co)
    coroutine.close(co)
    if not native.overran() then return false, { text = "interrupted", trace = trace } end
    return false, { trace = trace,
      text = ("%s: it ran for %d s without waiting for anything: an endless loop? "
      .. "(--timeout)"):format(trace[1] or "?", timeout_s) }
  end
  if not resumed then return false, { text = tostring(ok), trace = {} } end
  return ok, err
end

-- --- one spec ------------------------------------------------------------------------

local function run_all(functions, note)
  for _, f in ipairs(functions) do note(call(f)) end
end

local function befores(block, list)
  if block.parent then befores(block.parent, list) end
  for _, f in ipairs(block.before_each) do list[#list + 1] = f end
  return list
end

local function afters(block, list)
  for _, f in ipairs(block.after_each) do list[#list + 1] = f end
  if block.parent then afters(block.parent, list) end
  return list
end

-- luassert's spies, stubs and formatters are as before after each spec.
local function snapshot()
  local ok, snap = pcall(function() return _G.assert:snapshot() end)
  return ok and snap or nil
end

local function run_spec(spec)
  local result = { spec = spec, name = describe.full_name(spec), file = spec.file,
    line = spec.line, errors = {} }
  local self = { finally = {} }
  local function note(ok, err)
    if ok then return true end
    if err.is_fatal then error(err, 0) end
    if err.is_pending then
      result.pending = err.reason or true
    else
      result.errors[#result.errors + 1] = err
    end
    return false
  end

  local snap, began = snapshot(), native.real_ms()
  world.open()
  describe.run_as(self)
  local ready = true
  for _, f in ipairs(befores(spec.parent, {})) do
    ready = note(call(f))
    if not ready then break end
  end
  if ready then note(call(spec.fn)) end
  run_all(self.finally, note)
  run_all(afters(spec.parent, {}), note)
  describe.run_as(nil)
  result.script_errors, result.missing_error = world.unexpected()
  result.story = world.story()
  world.close()
  if snap then snap:revert() end
  result.ms = native.real_ms() - began - world.opening_ms()
  result.failed = #result.errors > 0 or #result.script_errors > 0 or result.missing_error ~= nil
  if result.failed then result.pending = nil end
  return result
end

-- --- blocks ---------------------------------------------------------------------------

local function count(block)
  local n = 0
  describe.each(block, function(spec) n = n + (spec.wanted and 1 or 0) end)
  return n
end

-- What does not belong to one spec: a file, a setup.
local function broken(name, file, err, line)
  return { name = name, file = file, line = line or 0, ms = 0, failed = true, errors = { err },
    script_errors = {},
    story = {} }
end

local function run_block(block, file, report)
  if count(block) == 0 or report:is_enough() then return end
  for _, f in ipairs(block.setup) do
    local ok, err = call(f)
    if not ok then
      if err.is_fatal then error(err, 0) end
      report:add(broken((block.name or file) .. ": setup", file, err))
      return
    end
  end
  for _, item in ipairs(block.items) do
    if native.interrupted() then return end
    if not item.is_spec then
      run_block(item, file, report)
    elseif item.wanted and not report:is_enough() then
      if item.pending then
        report:add{ name = describe.full_name(item), file = item.file, line = item.line, ms = 0,
          pending = true }
      else
        report:add(run_spec(item))
      end
    end
  end
  for _, f in ipairs(block.teardown) do
    local ok, err = call(f)
    if not ok then report:add(broken((block.name or file) .. ": teardown", file, err)) end
  end
end

-- --- which, and in which order ----------------------------------------------------------

-- Is one of the lines in it, or that of a describe() around it?
local function is_at(spec, lines)
  for _, line in ipairs(lines) do
    if line >= spec.line and line <= (spec.last_line or spec.line) then return true end
    local block = spec.parent
    while block do
      if block.line == line then return true end
      block = block.parent
    end
  end
  return #lines == 0
end

local function is_asked_for(spec, file, options)
  local name = describe.full_name(spec)
  return (not options.filter or name:find(options.filter) ~= nil)
    and (not options.name or name:find(options.name, 1, true) ~= nil)
    and is_at(spec, options.lines[file] or {})
end

-- Marks what is wanted. Where something has .only, only that is, in all files. -> how many
-- were left out for that
local function choose(read, options)
  local only, left_out = false, 0
  for _, r in ipairs(read) do
    describe.each(r.block, function(spec)
      spec.wanted = is_asked_for(spec, r.file, options)
      only = only or (spec.wanted and spec.only)
    end)
  end
  for _, r in ipairs(only and read or {}) do
    describe.each(r.block, function(spec)
      if spec.wanted and not spec.only then left_out = left_out + 1 end
      spec.wanted = spec.wanted and spec.only
    end)
  end
  return left_out
end

local function shuffle(list)
  for i = #list, 2, -1 do
    local j = math.random(i)
    list[i], list[j] = list[j], list[i]
  end
end

local function shuffle_block(block)
  shuffle(block.items)
  for _, item in ipairs(block.items) do
    if not item.is_spec then shuffle_block(item) end
  end
end

-- { { file =, block = }, … }; what can't be read is reported at once.
local function read_all(files, report)
  local read = {}
  for _, file in ipairs(files) do
    local block, err = describe.read(file, call)
    if block then
      read[#read + 1] = { file = file, block = block }
    else
      err = type(err) == "table" and err or { text = err, trace = {} }
      if err.is_fatal then error(err, 0) end
      report:begin(file)
      report:add(broken(file .. " can't be read", file, err))
      report:finish(file)
    end
    if native.interrupted() then break end
  end
  return read
end

local function list(read)
  for _, r in ipairs(read) do
    describe.each(r.block, function(spec)
      if spec.wanted then
        print(("%s:%d: %s"):format(spec.file, spec.line, describe.full_name(spec)))
      end
    end)
  end
end

local function run_all_once(read, report)
  for _, r in ipairs(read) do
    if native.interrupted() or report:is_enough() then return end
    if count(r.block) > 0 then
      report:begin(r.file)
      run_block(r.block, r.file, report)
      report:finish(r.file)
    end
  end
end

return function(files, options, report)
  timeout_s = options.timeout_ms // 1000
  local read = read_all(files, report)
  report.left_out = choose(read, options)
  if options.list then
    list(read)
    return report.failed == 0 and 0 or 1
  end
  if options.seed then math.randomseed(options.seed) end
  for _ = 1, options.times do
    if options.seed then
      shuffle(read)
      for _, r in ipairs(read) do shuffle_block(r.block) end
    end
    run_all_once(read, report)
  end
  return report:over(native.interrupted())
end
