-- chat.config: what the bot would read, through the host's own store; assigning is checked
-- against defaults/ as in a script.
local cjson = require "cjson"
local native = require "moonpost.native"
local where = require "moonpost.where"
local world = require "moonpost.world"

local M = {}
local mt = { __name = "config" }
local at = setmetatable({}, { __mode = "k" }) -- { chat, path } of each section

local function section(chat, path)
  local s = setmetatable({}, mt)
  at[s] = { chat = chat, path = path }
  return s
end

local function path_of(self, key)
  local path = at[self].path
  return path == "" and tostring(key) or path .. "." .. tostring(key)
end

local function get(chat, path)
  local kind, json = where.call(native.config_get, chat, path)
  if kind == "section" then return section(chat, path), json end
  return world.decode("[" .. json .. "]")[1], json
end

function mt.__index(self, key)
  return (get(at[self].chat, path_of(self, key)))
end

function mt.__newindex(self, key, value)
  local json
  if value ~= nil then
    local ok, text = pcall(cjson.encode, value)
    if not ok then where.raise(path_of(self, key) .. ": " .. tostring(text)) end
    json = text
  end
  where.call(native.config_set, at[self].chat, path_of(self, key), json)
end

-- Over the values as they are now; sections in it are plain tables.
function mt.__pairs(self)
  local _, json = get(at[self].chat, at[self].path)
  return next, world.decode(json), nil
end

function M.of(chat)
  world.need()
  return section(chat, "")
end

return M
