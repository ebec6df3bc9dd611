-- Finds the specs, runs them and reports. Returns the function that does it:
-- (options) -> exit status.
local native = require "moonpost.native"
local describe = require "moonpost.describe"
local report = require "moonpost.report"
local run = require "moonpost.run"
local world = require "moonpost.world"

-- For the person who asked: shown as it is.
local function stop(text, ...)
  error({ message = text:format(...) }, 0)
end

local function add_folder(folder, files)
  for _, name in ipairs(native.list(folder)) do
    local path = folder .. "/" .. name
    if native.kind(path) == "folder" then
      add_folder(path, files)
    elseif name:find("_spec%.lua$") then
      files[#files + 1] = path
    end
  end
end

local function join(dir, path)
  return dir == "." and path or (dir:gsub("/+$", "")) .. "/" .. path
end

-- spec/a_spec.lua:12, as failures name it, is the spec that this line is in.
local function with_line(path)
  local file, line = path:match("^(.+):(%d+)$")
  if file and not native.kind(path) then return file, tonumber(line) end
  return path
end

-- What was asked for: as it stands, or in the bot's folder, or in its spec/.
-- -> files, { [file] = { lines } }
local function find_files(options)
  local files, lines = {}, {}
  for _, given in ipairs(options.files) do
    local path, line = with_line(given)
    local found
    for _, try in ipairs{ path, join(options.dir, path), join(options.dir, "spec/" .. path) } do
      if native.kind(try) then
        found = try
        break
      end
    end
    if not found then stop("%s: no such file or folder", path) end
    if native.kind(found) == "folder" then
      add_folder((found:gsub("(.)/+$", "%1")), files)
    else
      if not lines[found] then files[#files + 1] = found end
      lines[found] = lines[found] or {}
      table.insert(lines[found], line)
    end
  end
  if #options.files == 0 then add_folder(join(options.dir, "spec"), files) end
  if #files == 0 then
    stop("there are no specs: they are in %s, in files like limit_spec.lua", join(options.dir,
      "spec/"))
  end
  return files, lines
end

local function need_luassert()
  local ok, luassert = pcall(require, "luassert")
  if ok then return luassert end
  stop("specs need luassert, which is not installed here: the package lua-luassert of Debian "
    .. "and Ubuntu "
    .. "(apt-get install lua-luassert), or `luarocks install luassert` for Lua 5.4")
end

return function(options)
  if options.filter and not pcall(string.find, "", options.filter) then
    stop("--filter %s: not a Lua pattern", options.filter)
  end
  local files
  files, options.lines = find_files(options)
  world.set_globals(_G)
  describe.set_globals(_G)
  _G.assert = need_luassert()
  for _, name in ipairs{ "spy", "stub", "mock", "match" } do
    _G[name] = require("luassert." .. name)
  end
  return run(files, options, report.new(options))
end
