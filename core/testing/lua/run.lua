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

local function wanted(spec, options)
  return not options.filter or describe.full_name(spec):find(options.filter) ~= nil
end

local function count(block, options)
  local n = 0
  for _, item in ipairs(block.items) do
    if item.is_spec then
      n = n + (wanted(item, options) and 1 or 0)
    else
      n = n + count(item, options)
    end
  end
  return n
end

-- What does not belong to one spec: a file, a setup.
local function broken(name, file, err, line)
  return { name = name, file = file, line = line or 0, ms = 0, failed = true, errors = { err },
    script_errors = {},
    story = {} }
end

local function run_block(block, file, options, report)
  if count(block, options) == 0 then return end
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
      run_block(item, file, options, report)
    elseif wanted(item, options) then
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

local function list(block, options)
  for _, item in ipairs(block.items) do
    if not item.is_spec then
      list(item, options)
    elseif wanted(item, options) then
      print(("%s:%d: %s"):format(item.file, item.line, describe.full_name(item)))
    end
  end
end

return function(files, options, report)
  timeout_s = options.timeout_ms // 1000
  for _, file in ipairs(files) do
    if native.interrupted() then break end
    local block, err = describe.read(file, call)
    if not block then
      err = type(err) == "table" and err or { text = err, trace = {} }
      if err.is_fatal then error(err, 0) end
      report:begin(file)
      report:add(broken(file .. " can't be read", file, err))
      report:finish(file)
    elseif options.list then
      list(block, options)
    elseif count(block, options) > 0 then
      report:begin(file)
      run_block(block, file, options, report)
      report:finish(file)
    end
  end
  if options.list then return 0 end
  return report:over(native.interrupted())
end
