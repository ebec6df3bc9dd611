-- Specs' results for programs: TAP 14; JSON, an object a line; JUnit's XML, at the end.
-- (Text, say) -> { tap =, json =, junit = }; say: functions of report.lua.
local cjson = require "cjson"
local native = require "moonpost.native"

local place, indent, details -- of report.lua

local Tap = {}
Tap.__index = Tap

function Tap.begin() end
function Tap.finish() end

function Tap:say(result)
  local name = result.name:gsub("\n", " "):gsub("#", "\\#")
  self.number = (self.number or 0) + 1
  if self.number == 1 then io.write("TAP version 14\n") end
  io.write(result.failed and "not ok " or "ok ", self.number, " - ", name, result.pending
    and " # SKIP" or "",
    type(result.pending) == "string" and " " .. result.pending or "", "\n")
  if result.failed then
    io.write("# ", place(result), "\n", indent(table.concat(details(result), "\n"), "# "), "\n")
  end
end

function Tap:over_text(interrupted)
  io.write(("1..%d\n"):format(self.number or 0))
  if interrupted then io.write("Bail out! interrupted\n") end
end

local Json = {}
Json.__index = Json

function Json.begin() end
function Json.finish() end

function Json.say(_, result)
  local line = { event = "spec", name = result.name, file = result.file, line = result.line,
    ms = result.ms,
    status = result.failed and "failed" or result.pending and "pending" or "passed" }
  if type(result.pending) == "string" then line.reason = result.pending end
  if result.failed then
    local texts = {}
    for _, e in ipairs(result.errors) do texts[#texts + 1] = e.text end
    for _, e in ipairs(result.script_errors) do texts[#texts + 1] = e end
    if result.missing_error then
      texts[#texts + 1] = "expected error missing: " .. result.missing_error
    end
    line.errors = setmetatable(texts, cjson.array_mt)
    line.story = setmetatable(result.story, cjson.array_mt)
  end
  -- what a bot says need not be UTF-8
  local ok, text = pcall(cjson.encode, line)
  if not ok then
    line.errors, line.story = { "not UTF-8" }, nil
    text = cjson.encode(line)
  end
  io.write(text, "\n")
end

function Json:over_text(interrupted)
  io.write(cjson.encode{ event = "end", passed = self.passed, failed = self.failed,
    pending = self.pending,
    ms = native.real_ms() - self.began, interrupted = interrupted }, "\n")
end

-- --- JUnit ----------------------------------------------------------------------------

local Junit = {}
Junit.__index = Junit

local ENTITIES = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;" }

-- What a bot says need not be UTF-8, nor what XML may have in it.
local function xml(text)
  if not utf8.len(text) then text = text:gsub("[\128-\255]", "?") end
  text = text:gsub("[%z\1-\8\11\12\14-\31]", "?"):gsub("\239\191[\190\191]", "?")
  return (text:gsub('[&<>"]', ENTITIES))
end

function Junit:begin(file)
  self.suites = self.suites or {}
  self.suite = { file = file, began = native.real_ms(), cases = {}, failed = 0, pending = 0 }
  table.insert(self.suites, self.suite)
end

function Junit:finish() self.suite.ms = native.real_ms() - self.suite.began end

local function outcome(result)
  if result.failed then
    local lines = details(result)
    local first = (lines[1] or ""):match("^%s*([^\n]*)")
    return ('<failure message="%s">%s</failure>'):format(xml(first),
      xml(place(result) .. "\n" .. table.concat(lines, "\n")))
  elseif result.pending then
    return type(result.pending) == "string"
      and ('<skipped message="%s"/>'):format(xml(result.pending)) or "<skipped/>"
  end
  return ""
end

function Junit:say(result)
  local suite = self.suite
  suite.failed = suite.failed + (result.failed and 1 or 0)
  suite.pending = suite.pending + (result.pending and not result.failed and 1 or 0)
  table.insert(suite.cases,
    ('  <testcase classname="%s" name="%s" file="%s" line="%d" time="%.3f">%s</testcase>\n')
      :format(xml(result.file), xml(result.name), xml(result.file), result.line, result.ms / 1000,
        outcome(result)))
end

function Junit:over_text()
  io.write('<?xml version="1.0" encoding="UTF-8"?>\n', ('<testsuites tests="%d" failures="%d" '
    .. 'errors="0" skipped="%d" time="%.3f">\n'):format(self.passed + self.failed + self.pending,
    self.failed, self.pending, (native.real_ms() - self.began) / 1000))
  for _, s in ipairs(self.suites or {}) do
    io.write(('<testsuite name="%s" tests="%d" failures="%d" errors="0" skipped="%d" '
      .. 'time="%.3f">\n'):format(xml(s.file), #s.cases, s.failed, s.pending,
      (s.ms or 0) / 1000), table.concat(s.cases), "</testsuite>\n")
  end
  io.write("</testsuites>\n")
end

return function(Text, say)
  place, indent, details = say.place, say.indent, say.details
  local formats = { tap = Tap, json = Json, junit = Junit }
  for _, format in pairs(formats) do setmetatable(format, { __index = Text }) end
  return formats
end
