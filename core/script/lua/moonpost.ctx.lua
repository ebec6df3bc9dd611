-- The methods of ctx that are Lua: those of moonpost.send and moonpost.members, and
-- the small ones. ctx_methods.c has all their names.
local core = ...
local bot = require "bot"
local cjson = require "cjson"
local send = require "moonpost.send"
local utf16 = require "utf16"

local api = bot.api
local M = {}

for name, f in pairs(send) do M[name] = f end
for name, f in pairs(require "moonpost.members") do M[name] = f end

-- --- ctx.here ---------------------------------------------------------------------

-- These take a topic; in those about General it is none.
local function has_topic(method)
  return method:find("^send") or method:find("^copyMessage") or method:find("^forwardMessage")
    or method:find("ForumTopic") and not method:find("General") and method ~= "createForumTopic"
end

-- ctx.here.setChatTitle{ title = … }: any method, with the chat of the update.
function M.here_of(ctx)
  return setmetatable({}, {
    __metatable = false,
    __newindex = function() core.misuse("ctx.here is read-only") end,
    __index = function(_, method)
      local f = api[method]
      return function(params)
        local place = send.place(ctx, "here." .. method)
        local all = send.options_of("here." .. method, params)
        all.chat_id = all.chat_id == nil and place.chat_id or all.chat_id
        if has_topic(method) and all.message_thread_id == nil and all.chat_id == place.chat_id then
          all.message_thread_id = place.message_thread_id
        end
        if method:find("^send") then
          all.business_connection_id = all.business_connection_id or place.business_connection_id
        end
        return f(send.settle(send.settle(all, "text"), "caption"))
      end
    end,
  })
end

-- --- reactions --------------------------------------------------------------------

local function reaction(what, value)
  if type(value) == "table" then return value end
  if type(value) ~= "string" then
    core.misuse(("ctx:%s: an emoji is expected, got a %s"):format(what, type(value)))
  end
  if value:find("^%d+$") then return { type = "custom_emoji", custom_emoji_id = value } end
  return { type = "emoji", emoji = value }
end

-- ctx:react(emoji, or a list, or nothing [, { is_big = true, message = … }])
function M:react(emoji, options)
  local params = send.options_of("react", options)
  local list = setmetatable({}, cjson.array_mt)
  if type(emoji) == "table" and not emoji.type then
    for i, one in ipairs(emoji) do list[i] = reaction("react", one) end
  elseif emoji ~= nil then
    list[1] = reaction("react", emoji)
  end
  params.chat_id, params.message_id = send.which(self, "react", params.message)
  params.message, params.reaction = nil, list
  return api.setMessageReaction(params)
end

local function keys_of(list)
  local keys, set = {}, {}
  for i, r in ipairs(list or {}) do
    keys[i] = r.emoji or r.custom_emoji_id or r.type
    set[keys[i]] = true
  end
  return keys, set
end

local function without(keys, set)
  local left = {}
  for _, key in ipairs(keys) do
    if not set[key] then left[#left + 1] = key end
  end
  return left
end

-- ctx:reactions() -> { now =, added =, removed = }: lists of emoji, of an update
-- "message_reaction".
function M:reactions()
  local change = self.message_reaction
  if not change then return { now = {}, added = {}, removed = {} } end
  local old, had = keys_of(change.old_reaction)
  local new, has = keys_of(change.new_reaction)
  return { now = new, added = without(new, had), removed = without(old, has) }
end

-- --- chat actions -----------------------------------------------------------------

-- ctx:typing([action]); ctx:typing([action,] f) keeps it up while f runs, and returns
-- what that returns.
function M:typing(action, f)
  if type(action) == "function" then action, f = nil, action end
  local place = send.place(self, "typing")
  local params = {
    chat_id = place.chat_id, message_thread_id = place.message_thread_id,
    business_connection_id = place.business_connection_id, action = action or "typing",
  }
  if f == nil then return api.sendChatAction(params) end
  if type(f) ~= "function" then
    core.misuse("ctx:typing: a function is expected, got a " .. type(f))
  end
  local _ <close> = core.keep_typing(params)
  return f(self)
end

-- --- messages elsewhere, and at the top -------------------------------------------

local function pass_on(ctx, what, method, to, options)
  if type(to) == "table" then to = to.id end
  if to == nil then core.misuse(("ctx:%s: a chat's id is expected, got nil"):format(what)) end
  local params = send.options_of(what, options)
  local message = params.message
  params.message, params.chat_id = nil, to
  if type(message) == "table" and message[1] ~= nil then
    local ids = {}
    for i, one in ipairs(message) do params.from_chat_id, ids[i] = send.which(ctx, what, one) end
    params.message_ids = ids
    return api[method .. "s"](params)
  end
  params.from_chat_id, params.message_id = send.which(ctx, what, message)
  return api[method](send.settle(params, "caption"))
end

function M:forward(to, options)
  return pass_on(self, "forward", "forwardMessage", to, options)
end

function M:copy(to, options)
  return pass_on(self, "copy", "copyMessage", to, options)
end

-- ctx:pin([message] [, { disable_notification = true }])
function M:pin(message, options)
  local params = send.options_of("pin", options)
  params.chat_id, params.message_id = send.which(self, "pin", message)
  params.business_connection_id = self.business_connection_id
  return api.pinChatMessage(params)
end

-- ctx:unpin([message]): none: the one that was pinned last.
function M:unpin(message)
  local params = { chat_id = self.chat_id, business_connection_id = self.business_connection_id }
  if message ~= nil then params.chat_id, params.message_id = send.which(self, "unpin", message) end
  return api.unpinChatMessage(params)
end

function M:unpin_all()
  return api.unpinAllChatMessages{ chat_id = send.place(self, "unpin_all").chat_id }
end

function M:leave()
  return api.leaveChat{ chat_id = send.place(self, "leave").chat_id }
end

-- --- texts in many languages --------------------------------------------------------

-- ctx:t("welcome", { name = … }): a text of locales/, in this chat's language.
function M:t(key, values)
  return require("i18n").ctx_t(self, key, values)
end

-- The same as HTML: what is put in is escaped.
function M:t_html(key, values)
  return require("i18n").ctx_t_html(self, key, values)
end

-- --- entities ---------------------------------------------------------------------

-- ctx:entities(["url", …]): of the text or caption, each with its text.
function M:entities(...)
  local message, wanted, list = self.message or {}, nil, {}
  for i = 1, select("#", ...) do
    wanted = wanted or {}
    wanted[select(i, ...)] = true
  end
  local text = message.text or message.caption or ""
  for _, e in ipairs(message.entities or message.caption_entities or {}) do
    if not wanted or wanted[e.type] then
      local new = send.copy(e)
      new.text = utf16.sub(text, e.offset, e.length)
      list[#list + 1] = new
    end
  end
  return list
end

-- What an entity of this message covers.
function M:entity_text(entity)
  if type(entity) ~= "table" or not entity.offset or not entity.length then
    core.misuse("ctx:entity_text: an entity is expected, got a " .. type(entity))
  end
  local message = self.message or {}
  return utf16.sub(message.text or message.caption or "", entity.offset, entity.length)
end

return M
