-- What is said about specs: for people; for programs see report_formats.lua.
local native = require "moonpost.native"

local SLOWEST = 3
local SLOW_MS = 50

local Text = {}
Text.__index = Text

local function place(result)
  return result.line > 0 and ("%s:%d"):format(result.file, result.line) or result.file
end

local function indent(text, by)
  return by .. (text:gsub("\n", "\n" .. by))
end

-- Everything that a failed spec has to say: lines.
local function details(result)
  local lines = {}
  local function add(text, by) lines[#lines + 1] = indent(text, by or "  ") end
  for _, e in ipairs(result.errors) do
    local before = e.trace and e.trace[1]
    add(e.text)
    if before and not e.text:find(before, 1, true) then add("at " .. before, "    ") end
    for i = 2, #(e.trace or {}) do
      if e.trace[i] ~= before then add("called from " .. e.trace[i], "    ") end
      before = e.trace[i]
    end
  end
  for _, e in ipairs(result.script_errors) do
    add("the bot reported an error (bot:expect_error() if it is meant to):")
    add(e, "    ")
  end
  if result.missing_error then
    add(("the bot was expected to report an error that matches %q, and did not")
      :format(result.missing_error))
  end
  if #result.story > 0 then
    add("what happened:")
    for _, line in ipairs(result.story) do add(line, "    ") end
  end
  return lines
end

-- --- for people ------------------------------------------------------------------------

local colours = { red = "\27[31m", green = "\27[32m", yellow = "\27[33m", dim = "\27[2m" }

function Text:paint(colour, text)
  return self.options.colour and colours[colour] .. text .. "\27[0m" or text
end

function Text:begin(file)
  self.file = { passed = 0, failed = 0, pending = 0, began = native.real_ms() }
  if self.options.verbose then io.write(file, "\n") end
end

function Text:say(result)
  if result.failed then
    io.write(self:paint("red", "✗ "), result.name, "  ",
      self:paint("dim", place(result)), "\n",
      table.concat(details(result), "\n"), "\n\n")
  elseif self.options.verbose and result.pending then
    local why = type(result.pending) == "string" and ": " .. result.pending or ""
    io.write(self:paint("yellow", "  … "), result.name, why, "\n")
  elseif self.options.verbose then
    io.write(self:paint("green", "  ✓ "), result.name, self:paint("dim",
      (" (%.0f ms)"):format(result.ms)), "\n")
  end
end

local function sum(n)
  local parts = { n.passed .. " passed" }
  if n.failed > 0 then parts[#parts + 1] = n.failed .. " failed" end
  if n.pending > 0 then parts[#parts + 1] = n.pending .. " pending" end
  return table.concat(parts, ", ")
end

function Text:finish(file)
  if self.options.verbose then return end
  io.write(("%s: %s (%.0f ms)\n"):format(file, sum(self.file), native.real_ms() - self.file.began))
end

function Text:speed()
  local all = self.times
  table.sort(all, function(a, b) return a.ms < b.ms end)
  if #all == 0 then return end
  local slow = {}
  for i = #all, math.max(1, #all - SLOWEST + 1), -1 do
    if self.options.verbose or all[i].ms > SLOW_MS then
      slow[#slow + 1] = ("  %.0f ms  %s"):format(all[i].ms, all[i].name)
    end
  end
  if #slow > 0 then io.write("\nslowest:\n", table.concat(slow, "\n"), "\n") end
  return all[(#all + 1) // 2].ms
end

function Text:over_text(interrupted)
  local median = self:speed()
  io.write(("\n%d passed, %d failed, %d pending in %.2f s%s\n"):format(self.passed, self.failed,
    self.pending,
    (native.real_ms() - self.began) / 1000, median and (" (median %.0f ms a spec)"):format(median)
      or ""))
  if self.options.seed then
    io.write(("in the order of --shuffle %d\n"):format(self.options.seed))
  end
  if interrupted then io.write("interrupted: not all specs were run\n") end
end

-- --- all of them -----------------------------------------------------------------------

local function add(self, result)
  local kind = result.failed and "failed" or result.pending and "pending" or "passed"
  self[kind] = self[kind] + 1
  if self.file then self.file[kind] = self.file[kind] + 1 end
  if not result.pending then
    self.times[#self.times + 1] = { name = result.name, ms = result.ms }
  end
  self:say(result)
end

-- --bail: one failure is enough.
local function is_enough(self) return self.options.bail and self.failed > 0 end

local function why_none(options)
  if options.filter then return ": none matches --filter" end
  if options.name then return ": none has --name in its name" end
  if next(options.lines) then return ": none is at that line" end
  return ""
end

local function over(self, interrupted)
  self:over_text(interrupted)
  if self.passed + self.failed + self.pending == 0 and not interrupted then
    io.stderr:write("moonpost: no spec was run", why_none(self.options), "\n")
  end
  if self.left_out > 0 then
    io.stderr:write(("moonpost: %d specs were left out, as others have .only\n")
      :format(self.left_out))
  end
  return (self.failed == 0 and self.passed + self.pending > 0 and not interrupted) and 0 or 1
end

local function new(options)
  local kind = options.format == "text" and Text
    or require "moonpost.report_formats"(Text, { place = place, indent = indent,
      details = details })[options.format]
  return setmetatable({ options = options, passed = 0, failed = 0, pending = 0, left_out = 0,
    times = {}, add = add, over = over, is_enough = is_enough, began = native.real_ms() }, kind)
end

return { new = new }
