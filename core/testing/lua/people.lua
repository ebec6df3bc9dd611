-- person{…} and chat.group{…}: who talks to the bot, and where (chats.lua).
local cjson = require "cjson"
local Chat = require "moonpost.chats"
local given = require "moonpost.given"
local message = require "moonpost.message"
local settings = require "moonpost.settings"
local where = require "moonpost.where"
local world = require "moonpost.world"

local id_of, check_options = given.id_of, given.check_options
local message_of, messages_of = given.message_of, given.messages_of
local Person, Replies = {}, {}

-- --- who and where is meant -----------------------------------------------------------

-- As Telegram's apps: in the private chat unless another is named.
local function place(self, options)
  return options and options.to and id_of(options.to, "to") or self.id
end

local function private_name(self) return self.name .. "'s chat" end

local function chat_name(id, self)
  return id == self.id and private_name(self) or world.name_of(id)
end

-- --- what comes back -------------------------------------------------------------------

-- The bot's new messages in a chat, in a list that shows itself well in failures.
Replies.__index = Replies

function Replies:texts()
  local list = {}
  for i, m in ipairs(self) do list[i] = m.text or m.caption or message.content(m) end
  return list
end

local function last_id(id)
  local list = messages_of(id)
  return #list > 0 and list[#list].message_id or 0
end

local function replies_after(id, after)
  local list = setmetatable({}, Replies)
  for _, m in ipairs(messages_of(id)) do
    if m.message_id > after and ((m.from and m.from.id == world.BOT) or m.sender_chat) then
      list[#list + 1] = m
    end
  end
  return list
end

-- Do it, and give the bot's answers in that chat.
local function act(id, text, f)
  world.need()
  local before = last_id(id)
  local answer = world.act(text, f)
  if answer and answer.message then before = answer.message.message_id end
  return replies_after(id, before), answer
end

-- --- people: sending ---------------------------------------------------------------------

local FILES = { photo = "photo.jpg", document = "document.txt", video = "video.mp4",
  audio = "audio.mp3", voice = "voice.ogg", animation = "animation.mp4", sticker = "sticker.webp" }
local TYPES = { photo = "image/jpeg", document = "text/plain", video = "video/mp4",
  audio = "audio/mpeg", voice = "audio/ogg", animation = "video/mp4", sticker = "image/webp" }
local SEND = "to reply_to thread"

-- A file: true (any), its bytes, or { name =, data =, type = }.
local function file_part(kind, content)
  local file = type(content) == "table" and content or {}
  return { name = kind, file = file.name or FILES[kind], type = file.type or TYPES[kind],
    data = file.data or (type(content) == "string" and content) or "the bytes of a " .. kind }
end

local function send_form(base, kind, content)
  local parts, rest = { file_part(kind, content[kind]) }, {}
  for k, v in pairs(base) do parts[#parts + 1] = { name = k, value = tostring(v) } end
  for k, v in pairs(content) do
    if k == "caption" then
      parts[#parts + 1] = { name = k, value = v }
    elseif k ~= kind then
      rest[k] = v
    end
  end
  if next(rest) then parts[#parts + 1] = { name = "message", value = cjson.encode(rest) } end
  return world.post_form("send", parts)
end

local function send_content(base, content)
  if type(content) ~= "table" then
    base.text = tostring(content)
    return world.post("send", base)
  end
  for kind in pairs(FILES) do
    if content[kind] ~= nil then return send_form(base, kind, content) end
  end
  local rest = {}
  for k, v in pairs(content) do
    if k == "text" then base.text = v else rest[k] = v end
  end
  base.message = next(rest) and rest or nil
  return world.post("send", base)
end

local function shown(content)
  if type(content) ~= "table" then return tostring(content) end
  if content.text then return content.text end
  for k in pairs(content) do
    if k ~= "caption" then
      return ("(%s)%s"):format(k, content.caption and " " .. content.caption or "")
    end
  end
  return "(nothing)"
end

-- A topic by its name, or its number.
local function thread_of(id, thread)
  if type(thread) ~= "string" then return thread end
  for _, c in ipairs(world.get("state").chats) do
    for _, t in ipairs(c.id == id and c.topics or {}) do
      if t.name == thread then return t.message_thread_id end
    end
  end
  where.raise(("%s has no topic %q"):format(world.name_of(id), thread))
end

-- send(content, { to =, reply_to =, thread = }); content: text, or a table such as
-- { photo = true, caption = "…" } or { location = { latitude = 1, longitude = 2 } }
function Person:send(content, options)
  check_options("send", options, SEND)
  if type(content) ~= "table" and type(content) ~= "string" and type(content) ~= "number" then
    where.raise("send: text or a table is expected, got " .. type(content))
  end
  local id = place(self, options)
  world.need()
  local base = { as = self.id, chat = id, thread = options and thread_of(id, options.thread) }
  if options and options.reply_to then
    base.reply_to = message_of("reply_to", options.reply_to).message_id
  end
  local text = ("%s → %s: %s"):format(self.name, chat_name(id, self), shown(content))
  return (act(id, text, function() return send_content(base, content) end))
end

function Person:reply(to, content)
  message_of("reply", to)
  return self:send(content, { to = to.chat.id, reply_to = to })
end

-- What of a message goes along when it is forwarded.
local CONTENT = { "text", "entities", "caption", "caption_entities", "photo", "document", "video",
  "audio", "voice", "animation", "sticker", "location", "venue", "contact", "poll", "dice" }

function Person:forward(m, options)
  check_options("forward", options, "to")
  message_of("forward", m)
  local id = place(self, options)
  local fields = {}
  fields.forward_origin = m.from and { type = "user", sender_user = m.from, date = m.date }
    or { type = "chat", sender_chat = m.sender_chat or m.chat, date = m.date }
  for _, key in ipairs(CONTENT) do fields[key] = m[key] end
  local text = ("%s → %s: (forwarded) %s"):format(self.name, chat_name(id, self),
    message.content(m))
  return (act(id, text, function()
    return world.post("send", { as = self.id, chat = id, message = fields })
  end))
end

function Person:edit(m, text)
  message_of("edit", m)
  return (act(m.chat.id, ("%s edits: %s"):format(self.name, text), function()
    return world.post("edit", { as = self.id, chat = m.chat.id, message_id = m.message_id,
      text = text })
  end))
end

function Person:delete(m)
  message_of("delete", m)
  world.act(self.name .. " deletes: " .. message.content(m), function()
    return world.post("delete", { as = self.id, chat = m.chat.id, message_id = m.message_id })
  end)
end

function Person:pin(m)
  message_of("pin", m)
  return (act(m.chat.id, self.name .. " pins: " .. message.content(m), function()
    return world.post("pin", { as = self.id, chat = m.chat.id, message_id = m.message_id })
  end))
end

-- react(message, "👍" or { "👍", "❤" }; none takes them away)
function Person:react(m, emoji)
  message_of("react", m)
  if type(emoji) ~= "table" then emoji = { emoji } end
  return (act(m.chat.id, ("%s reacts with %s"):format(self.name, table.concat(emoji, " ")),
    function()
    return world.post("react", { as = self.id, chat = m.chat.id, message_id = m.message_id,
      reaction = #emoji > 0 and emoji or cjson.empty_array })
  end))
end

-- --- people: buttons ----------------------------------------------------------------------

-- The newest message in the chat that has such a button.
local function find_button(id, name, on)
  local list = on and { on } or messages_of(id)
  local seen = {}
  for i = #list, 1, -1 do
    local b = list[i].button and list[i]:button(name)
    if b then return list[i], b end
    for _, text in ipairs(list[i].buttons and list[i]:buttons() or {}) do seen[#seen + 1] = text end
  end
  where.raise(("there is no button %q%s"):format(name,
    #seen > 0 and "; there are: " .. table.concat(seen, ", ") or ", nor any other"))
end

-- What answerCallbackQuery said to this query.
local function take_answer(self, query, from)
  for _, c in ipairs(world.calls_after(from)) do
    if c.method == "answerCallbackQuery" and not c.error
      and tostring(c.params.callback_query_id) == tostring(query) then
      self.answered = { text = c.params.text, url = c.params.url,
        show_alert = c.params.show_alert == true or c.params.show_alert == "true" }
    end
  end
end

local function press_inline(self, m, b)
  local from, id = world.ncalls(), m.chat.id
  if not b.callback_data then
    local kinds = {}
    for k in pairs(b) do if k ~= "text" then kinds[#kinds + 1] = k end end
    where.raise(("the button %q is no callback button (%s): no bot hears of it"):format(b.text,
      table.concat(kinds, ", ")))
  end
  self.answered = nil
  local replies, answer = act(id, ("%s presses [%s]"):format(self.name, b.text), function()
    return world.post("press", { as = self.id, chat = id, message_id = m.message_id,
      data = b.callback_data })
  end)
  take_answer(self, answer.callback_query_id, from)
  return replies
end

-- press("Yes" or its data, { to = chat, on = message }): an inline button is pressed, one of
-- a reply keyboard sends its text.
function Person:press(name, options)
  check_options("press", options, "to on")
  local on = options and options.on and message_of("on", options.on)
  local id = on and on.chat.id or place(self, options)
  world.need()
  local m, b = find_button(id, name, on)
  if m.reply_markup.inline_keyboard then return press_inline(self, m, b) end
  return self:send(b.text, { to = id })
end

-- What the last press was answered with: { text =, show_alert =, url = }, or nil.
function Person:answer() return self.answered end

-- Its text, as an alert or as a toast; nil when it was not one.
function Person:alert()
  local a = self.answered
  return a and a.show_alert and a.text or nil
end

function Person:toast()
  local a = self.answered
  return a and not a.show_alert and a.text or nil
end

-- --- people: inline mode -------------------------------------------------------------------

-- inline("words") -> the results that the bot offers, or nil when it does not answer
function Person:inline(query)
  local from = world.need() or world.ncalls()
  local answer = world.act(("%s types @%s %s"):format(self.name, "moonpost_bot", query), function()
    return world.post("inline", { as = self.id, query = query, wait_ms = 0 })
  end)
  self.inline_query_id = answer.inline_query_id
  self.results = nil
  for _, c in ipairs(world.calls_after(from)) do
    if c.method == "answerInlineQuery" and not c.error and
        tostring(c.params.inline_query_id) == tostring(self.inline_query_id) then
      local results = c.params.results
      self.results = type(results) == "string" and world.decode(results) or results or {}
    end
  end
  return self.results
end

-- choose(result or its number, { to = chat })
function Person:choose(which, options)
  check_options("choose", options, "to")
  if not self.results then where.raise("choose: inline() gave no results to choose from") end
  local result = type(which) == "number" and self.results[which] or which
  if type(result) ~= "table" or not result.id then
    where.raise("choose: there is no such result")
  end
  local id = place(self, options)
  return (act(id, ("%s chooses %q"):format(self.name, result.title or result.id), function()
    return world.post("pick", { as = self.id, chat = id, inline_query_id = self.inline_query_id,
      result_id = result.id })
  end))
end

-- --- people: coming, going, ruling -----------------------------------------------------------

local function member(self, chat, user, status, rights, text)
  local body = { chat = id_of(chat, "chat"), user = id_of(user, "user"), status = status,
    by = self.id }
  for k, v in pairs(rights or {}) do body[k] = v end
  return (act(body.chat, text, function() return world.post("member", body) end))
end

local function by(options) return options and options.by and id_of(options.by, "by") end

function Person:join(chat, options)
  check_options("join", options, "by")
  local id = id_of(chat, "join")
  return (act(id, ("%s joins %s"):format(self.name, world.name_of(id)), function()
    return world.post("join", { as = self.id, chat = id, by = by(options) })
  end))
end

function Person:leave(chat, options)
  check_options("leave", options, "by")
  local id = id_of(chat, "leave")
  return (act(id, ("%s leaves %s"):format(self.name, world.name_of(id)), function()
    return world.post("leave", { as = self.id, chat = id, by = by(options) })
  end))
end

local function ruler(verb, status)
  return function(self, user, chat, rights)
    return member(self, chat, user, status, rights, ("%s %s %s in %s"):format(self.name, verb,
      world.name_of(id_of(user, "user")), world.name_of(id_of(chat, "chat"))))
  end
end

Person.promote = ruler("promotes", "administrator")
Person.demote = ruler("demotes", "member")
Person.restrict = ruler("restricts", "restricted")
Person.ban = ruler("bans", "kicked")
Person.unban = ruler("unbans", "left")
Person.add = ruler("adds", "member")

function Person:rename(chat, title)
  local id = id_of(chat, "rename")
  return (act(id, ("%s renames %s: %s"):format(self.name, world.name_of(id), title), function()
    local answer = world.post("title", { as = self.id, chat = id, title = title })
    world.name(id, title)
    return answer
  end))
end

-- The person blocks the bot, or lets it in again.
function Person:block()
  world.act(self.name .. " blocks the bot", function()
    return world.post("member", { chat = self.id, user = world.BOT, status = "kicked" })
  end)
end

function Person:unblock()
  world.act(self.name .. " unblocks the bot", function()
    return world.post("member", { chat = self.id, user = world.BOT, status = "member" })
  end)
end

-- The ephemeral messages in a chat that this person sees, and nobody else.
function Person:ephemerals(chat)
  local list = {}
  for _, m in ipairs(messages_of(id_of(chat, "ephemerals"))) do
    if m.receiver_user and m.receiver_user.id == self.id then list[#list + 1] = m end
  end
  return list
end

-- --- making them -----------------------------------------------------------------------------

local function index_with_config(class)
  return function(self, key)
    if key == "config" then return settings.of(self.id) end
    return class[key]
  end
end

local function set_with_config(self, key, value)
  if key == "config" then where.raise("assign the settings in .config, not all of it") end
  rawset(self, key, value)
end

local person_mt = { __name = "person", __index = index_with_config(Person),
  __newindex = set_with_config,
  __tostring = function(self) return self.name end }
local chat_mt = { __name = "chat", __index = index_with_config(Chat), __newindex = set_with_config,
  __tostring = function(self) return self.name end }

-- A person's private chat has the methods of a chat; so has the person, where the name
-- is free.
function Person:chat()
  return setmetatable({ id = self.id, type = "private", name = private_name(self) }, chat_mt)
end
for _, name in ipairs{ "messages", "last", "find", "buttons", "transcript", "typing" } do
  Person[name] = Chat[name]
end

local function each_chat(list)
  if list == nil then return {} end
  return list.id and { list } or list
end

local STATUS = { member_of = "member", admin_of = "administrator", owner_of = "creator" }
local PERSON = "name first_name last_name username language id admin_of member_of owner_of"

local function person(options)
  if type(options) == "string" then options = { name = options } end
  options = options or {}
  check_options("person", options, PERSON)
  world.need()
  local user = world.post("person", {
    id = options.id,
    first_name = options.first_name or options.name or "Alice",
    last_name = options.last_name,
    username = options.username,
    language_code = options.language,
  }).user
  local self = setmetatable({ id = user.id, name = options.name or user.first_name,
    username = user.username, user = user }, person_mt)
  world.name(self.id, self.name)
  for key, status in pairs(STATUS) do
    for _, c in ipairs(each_chat(options[key])) do
      world.post("member", { chat = id_of(c, key), user = self.id, status = status, by = self.id,
        quiet = true })
    end
  end
  return self
end

local CHAT = "title id username forum topics members owner bot_admin bot"

local function maker(kind)
  return function(options)
    options = options or {}
    check_options("chat." .. kind, options, CHAT)
    world.need()
    local members = {}
    if options.owner then members[1] = id_of(options.owner, "owner") end
    for _, m in ipairs(options.members or {}) do members[#members + 1] = id_of(m, "members") end
    if options.bot ~= false then members[#members + 1] = world.BOT end
    local made = world.post("chat", {
      type = kind,
      title = options.title or kind,
      id = options.id,
      username = options.username,
      is_forum = options.forum or options.topics ~= nil or nil,
      topics = options.topics,
      members = #members > 0 and members or cjson.empty_array,
    }).chat
    local self = setmetatable({ id = made.id, type = kind, name = made.title }, chat_mt)
    world.name(self.id, self.name)
    if options.bot_admin then
      local body = { chat = self.id, user = world.BOT, status = "administrator", quiet = true }
      for k, v in pairs(type(options.bot_admin) == "table" and options.bot_admin or {}) do
        body[k] = v
      end
      world.post("member", body)
    end
    return self
  end
end

return function(G)
  G.person = person
  G.chat = { group = maker("group"), supergroup = maker("supergroup"), channel = maker("channel") }
end
