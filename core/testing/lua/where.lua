-- Which line of a spec is meant: the nearest one on the stack that is not ours.
local M = {}

local function is_ours(source)
  return source:sub(1, 10) == "=moonpost/" or source:find("/luassert/", 1, true)
end

-- -> file, line
function M.place()
  for level = 2, 100 do
    local info = debug.getinfo(level, "Sl")
    if not info then break end
    if info.what ~= "C" and not is_ours(info.source) then
      return info.short_src, info.currentline
    end
  end
  return "?", 0
end

-- An error at that line.
function M.raise(text)
  local file, line = M.place()
  error(("%s:%d: %s"):format(file, line, text), 0)
end

-- Call a function of C, whose errors have no place.
function M.call(f, ...)
  local function answer(ok, ...)
    if ok then return ... end
    if type((...)) ~= "string" then error((...), 0) end
    M.raise((...))
  end
  return answer(pcall(f, ...))
end

-- The lines of specs on the stack, for a traceback.
function M.trace(co)
  local lines = {}
  for level = 0, 100 do
    local info = debug.getinfo(co, level, "Sl")
    if not info then break end
    if info.what ~= "C" and not is_ours(info.source) then
      lines[#lines + 1] = ("%s:%d"):format(info.short_src, info.currentline)
    end
  end
  return lines
end

return M
