-- Moderation: whom it is about, what they and the bot may, and what is done.
local core = ...
local bot = require "bot"
local says = require "moonpost.says"
local send = require "moonpost.send"
local time = require "time"
local utf16 = require "utf16"

local api = bot.api
local M = {}

-- Telegram's: a ban of less than 30 s or more than 366 days is one for ever.
local SHORTEST, LONGEST = 31, 366 * 24 * 3600

-- --- users ------------------------------------------------------------------------

-- A User, a Chat, a ChatMember, what ctx:target() gave, or an id: the id.
local function id_of(what, user)
  local id = user
  if type(user) == "table" then id = user.id or (user.user and user.user.id) end
  if type(id) == "string" and id:find("^%-?%d+$") then id = math.tointeger(id) end
  if math.type(id) ~= "integer" then
    core.misuse(("ctx:%s: a user or an id is expected, got %s"):format(what,
      user == nil and "nil" or "a " .. type(user)))
  end
  return id
end

local function chat_of(ctx, what)
  if not ctx.chat_id then core.misuse(("ctx:%s: this update is of no chat"):format(what)) end
  return ctx.chat_id
end

-- Seconds, or nil for ever.
local function seconds_of(what, duration)
  if duration == nil then return nil end
  local seconds, problem = core.seconds(duration)
  if not seconds then core.misuse(("ctx:%s: %s"):format(what, problem)) end
  if seconds > LONGEST then return nil end
  return math.max(seconds, SHORTEST)
end

local function until_date(what, duration)
  local seconds = seconds_of(what, duration)
  return seconds and math.ceil(time.now()) + seconds
end

-- (user, "3d"), (user, { duration = "3d", … }) or (user, "3d", { … })
local function duration_and_options(what, duration, options)
  if type(duration) == "table" then duration, options = nil, duration end
  options = send.options_of(what, options)
  duration = duration == nil and options.duration or duration
  options.duration = nil
  return duration, options
end

-- A method that changes what somebody is: what was remembered of them is over.
local function change(method, params)
  local result = api[method](params)
  core.forget(params.chat_id, params.user_id)
  return result
end

-- --- who is what ------------------------------------------------------------------

-- ctx:member([user]) -> ChatMember; nil: Telegram finds no such person here.
function M:member(user)
  local id = user == nil and self.user_id or id_of("member", user)
  if not id then core.misuse("ctx:member: this update is from nobody") end
  return core.member(chat_of(self, "member"), id)
end

local function is_admin_status(member)
  return member ~= nil and (member.status == "creator" or member.status == "administrator")
end

-- Does the chat speak itself? So do its administrators when they are anonymous.
local function is_chat(ctx, id)
  return id == ctx.chat_id
end

-- ctx:is_admin(user); without a user it is C.
function M:is_admin_of(user)
  local id = id_of("is_admin", user)
  if self.chat and self.chat.type == "private" or is_chat(self, id) then return true end
  if id < 0 then return false end
  return is_admin_status(M.member(self, id))
end

function M:is_creator(user)
  if self.chat and self.chat.type == "private" then return true end
  if user == nil and self.sender_chat then return false end
  if user ~= nil and id_of("is_creator", user) < 0 then return false end
  local member = M.member(self, user)
  return member ~= nil and member.status == "creator"
end

-- --- rights -----------------------------------------------------------------------

local right_names = says.under("moonpost.rights.")

local function rights_of(member)
  local rights = {}
  if not is_admin_status(member) then return rights end
  for name in pairs(right_names) do
    rights[name] = member.status == "creator" and name ~= "is_anonymous" or member[name] == true
  end
  return rights
end

-- Anonymous administrators are known by their title, if by anything: they have what
-- all who could have written this have.
local function anonymous_rights(ctx)
  local title, rights = ctx.message and ctx.message.author_signature or "", nil
  for _, member in ipairs(api.getChatAdministrators{ chat_id = ctx.chat_id }) do
    if member.is_anonymous and (member.custom_title or "") == title then
      local theirs = rights_of(member)
      rights = rights or theirs
      for name in pairs(rights) do rights[name] = rights[name] and theirs[name] end
    end
  end
  return rights or {}
end

-- ctx:rights([user]) -> { can_restrict_members = true, … }; empty: no administrator
function M:rights(user)
  chat_of(self, "rights")
  local sender = user == nil and self.sender_chat
  if sender then return is_chat(self, sender.id) and anonymous_rights(self) or {} end
  if user ~= nil and id_of("rights", user) < 0 then return {} end
  return rights_of(M.member(self, user))
end

-- The bot's own.
function M:my_rights()
  return rights_of(core.member(chat_of(self, "my_rights"), self.me.id))
end

-- --- requiring --------------------------------------------------------------------

-- Say why not, and end the handler.
local function refuse(ctx, text)
  if ctx.kind == "callback_query" then
    ctx:answer(text, { show_alert = true })
  else
    ctx:reply(text, { quote = true })
  end
  core.stop()
end

-- ("a", "b") or { "a", "b", text = … }
local function names_of(what, ...)
  local list, text = { ... }, nil
  if type(list[1]) == "table" then list, text = list[1], list[1].text end
  if #list == 0 then core.misuse(("ctx:%s: the name of a right is expected"):format(what)) end
  for _, name in ipairs(list) do
    if not right_names[name] then
      core.misuse(("ctx:%s: there is no right %q; Telegram's are can_restrict_members, "
        .. "can_delete_messages …"):format(what, tostring(name)))
    end
  end
  return list, text
end

local function missing(rights, names)
  for _, name in ipairs(names) do
    if not rights[name] then return name end
  end
end

-- How a right is called in the sentence that says so.
local function say_right(ctx, key, right)
  return says.of(ctx, key, { right = says.of(ctx, "moonpost.rights." .. right) })
end

local function check_group(ctx, text)
  if not ctx.chat or ctx.chat.type == "private" then
    refuse(ctx, text or says.of(ctx, "moonpost.groups_only"))
  end
end

local function check_mine(ctx, names, text)
  local rights = M.my_rights(ctx)
  local lacks = missing(rights, names)
  if not lacks then return end
  local how = next(rights) and "moonpost.bot_needs_right" or "moonpost.bot_needs_admin"
  refuse(ctx, text or say_right(ctx, how, lacks))
end

-- ctx:require_rights("can_restrict_members", …): of the person and of the bot.
function M:require_rights(...)
  local names, text = names_of("require_rights", ...)
  check_group(self, text)
  if self.kind ~= "channel_post" and self.kind ~= "edited_channel_post" then
    local rights = M.rights(self)
    local lacks = missing(rights, names)
    if lacks then
      refuse(self, text or next(rights) and say_right(self, "moonpost.need_right", lacks)
        or says.of(self, "moonpost.admins_only"))
    end
  end
  check_mine(self, names, text)
end

-- Of the bot alone: for what it does by itself.
function M:require_my_rights(...)
  local names, text = names_of("require_my_rights", ...)
  check_group(self, text)
  check_mine(self, names, text)
end

-- --- whom a command is about ------------------------------------------------------

-- Where the command's arguments begin in the text, as a byte.
local function args_at(text)
  local _, to = text:find("^/[%w_]+@?[%w_]*%s*")
  return to and to + 1 or 1
end

local function entity_at(ctx, text, index)
  local message = ctx.message
  local offset = utf16.offset(text, index)
  for _, e in ipairs(message.entities or message.caption_entities or {}) do
    if e.offset == offset and (e.type == "text_mention" or e.type == "mention") then return e end
  end
end

local function rest_of(text, index)
  return (text:sub(index):gsub("^%s+", ""):gsub("%s+$", ""))
end

-- Of a ChatFullInfo, what a Chat has.
local function known_of(chat)
  return {
    id = chat.id, type = chat.type, title = chat.title, username = chat.username,
    first_name = chat.first_name, last_name = chat.last_name,
  }
end

-- What is known of a user by the id alone.
local function by_id(ctx, id)
  if id < 0 then
    local ok, chat = pcall(api.getChat, { chat_id = id })
    return ok and known_of(chat) or { id = id }
  end
  local member = ctx.chat_id and core.member(ctx.chat_id, id)
  return member and member.user or { id = id }
end

-- A bot can't look a person up by their @name, but channels and those who are here.
local function by_name(ctx, name)
  local from, replied = ctx.from, ctx.reply_to and ctx.reply_to.from
  for _, user in ipairs{ replied or from, from } do
    if user and user.username and user.username:lower() == name:lower() then return user end
  end
  if ctx.me and ctx.me.username and ctx.me.username:lower() == name:lower() then return ctx.me end
  local ok, chat = pcall(api.getChat, { chat_id = "@" .. name })
  if ok then return known_of(chat) end
  return nil, says.of(ctx, "moonpost.target_unknown", { name = name })
end

-- ctx:target() -> User (or the Chat that wrote), the rest of the arguments; or nil and
-- what to say.
function M:target()
  local text = self.text or ""
  local at = self.command and args_at(text) or 1
  local entity = self.command and entity_at(self, text, at)
  if entity then
    local rest = rest_of(text, utf16.index(text, entity.offset + entity.length))
    if entity.type == "text_mention" then return entity.user, rest end
    local user, problem = by_name(self, utf16.sub(text, entity.offset + 1, entity.length - 1))
    if not user then return nil, problem end
    return user, rest
  end
  local digits, after = text:match("^(%-?%d%d%d%d+)%f[%s\0]()", at)
  local id = self.command and digits and math.tointeger(tonumber(digits))
  if id then return by_id(self, id), rest_of(text, after) end
  local replied = self.reply_to
  if replied then
    local who = replied.sender_chat or replied.from
    if who then return who, rest_of(text, at) end
  end
  return nil, says.of(self, "moonpost.target_missing")
end

-- --- bans -------------------------------------------------------------------------

-- ctx:ban(user [, duration] [, { delete = true }]); a Chat: the channel that writes here.
function M:ban(user, duration, options)
  local id, chat_id = id_of("ban", user), chat_of(self, "ban")
  duration, options = duration_and_options("ban", duration, options)
  if id < 0 then return api.banChatSenderChat{ chat_id = chat_id, sender_chat_id = id } end
  options.chat_id, options.user_id = chat_id, id
  options.until_date = options.until_date or until_date("ban", duration)
  if options.delete ~= nil then options.revoke_messages, options.delete = options.delete, nil end
  return change("banChatMember", options)
end

-- Who is not banned stays what they are.
function M:unban(user)
  local id, chat_id = id_of("unban", user), chat_of(self, "unban")
  if id < 0 then return api.unbanChatSenderChat{ chat_id = chat_id, sender_chat_id = id } end
  return change("unbanChatMember", { chat_id = chat_id, user_id = id, only_if_banned = true })
end

-- Out, but they may come back.
function M:kick(user)
  local id = id_of("kick", user)
  local result = M.ban(self, id)
  if self.chat.type ~= "group" then M.unban(self, id) end
  return result
end

-- --- restrictions -----------------------------------------------------------------

local permission_names = {
  "can_send_messages", "can_send_audios", "can_send_documents", "can_send_photos",
  "can_send_videos", "can_send_video_notes", "can_send_voice_notes", "can_send_polls",
  "can_send_other_messages", "can_add_web_page_previews", "can_react_to_messages",
  "can_edit_tag", "can_change_info",
  "can_invite_users", "can_pin_messages", "can_manage_topics",
}
local writing = 11 -- the first ones, which are about what one can say

local function all_permissions(value, last)
  local permissions = {}
  for i = 1, last or #permission_names do permissions[permission_names[i]] = value end
  return permissions
end

local function restrict(ctx, what, user, permissions, duration)
  return change("restrictChatMember", {
    chat_id = chat_of(ctx, what), user_id = id_of(what, user), permissions = permissions,
    use_independent_chat_permissions = true, until_date = until_date(what, duration),
  })
end

-- ctx:mute(user [, duration]): can read, and say nothing.
function M:mute(user, duration)
  duration = duration_and_options("mute", duration)
  return restrict(self, "mute", user, all_permissions(false, writing), duration)
end

function M:unmute(user)
  return restrict(self, "unmute", user, all_permissions(true))
end

-- ctx:restrict(user, { "can_send_photos", … } [, duration]): what is taken away. A
-- table with names is ChatPermissions, as Telegram has them.
function M:restrict(user, permissions, duration)
  if type(permissions) ~= "table" then
    core.misuse("ctx:restrict: a list of permissions to take away is expected, got a "
      .. type(permissions))
  end
  if permissions[1] ~= nil then
    local given = all_permissions(true)
    for _, name in ipairs(permissions) do
      if given[name] == nil then
        core.misuse(("ctx:restrict: there is no permission %q"):format(tostring(name)))
      end
      given[name] = false
    end
    permissions = given
  end
  return restrict(self, "restrict", user, permissions, (duration_and_options("restrict", duration)))
end

-- --- administrators ---------------------------------------------------------------

local moderator = {
  "can_manage_chat", "can_delete_messages", "can_restrict_members", "can_invite_users",
  "can_pin_messages", "can_manage_video_chats",
}

-- ctx:promote(user [, rights]): a list, or a table of names; none: a moderator's.
function M:promote(user, rights)
  local params = {}
  if rights == nil then rights = moderator end
  if type(rights) ~= "table" then
    core.misuse("ctx:promote: a list of rights is expected, got a " .. type(rights))
  end
  if rights[1] ~= nil then
    for _, name in ipairs((names_of("promote", rights))) do params[name] = true end
  else
    params = send.copy(rights)
  end
  params.chat_id, params.user_id = chat_of(self, "promote"), id_of("promote", user)
  return change("promoteChatMember", params)
end

function M:demote(user)
  local params = {}
  for name in pairs(right_names) do params[name] = false end
  return M.promote(self, user, params)
end

-- ctx:title(user, text): what stands beside an administrator's name.
function M:title(user, text)
  return change("setChatAdministratorCustomTitle", {
    chat_id = chat_of(self, "title"), user_id = id_of("title", user),
    custom_title = tostring(text or ""),
  })
end

-- --- requests to join -------------------------------------------------------------

local function join_request(ctx, what, method, user)
  local id = user == nil and ctx.user_id or id_of(what, user)
  return api[method]{ chat_id = chat_of(ctx, what), user_id = id }
end

function M:approve(user)
  return join_request(self, "approve", "approveChatJoinRequest", user)
end

function M:decline(user)
  return join_request(self, "decline", "declineChatJoinRequest", user)
end

return M
