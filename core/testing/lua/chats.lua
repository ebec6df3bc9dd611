-- The methods of a chat: what is in it.
local given = require "moonpost.given"
local message = require "moonpost.message"
local where = require "moonpost.where"
local world = require "moonpost.world"

local id_of, messages_of = given.id_of, given.messages_of
local Chat = {}

function Chat:messages() return messages_of(self.id) end

-- The last one, or the n-th from the end.
function Chat:last(n)
  local list = messages_of(self.id)
  return list[#list - (n or 1) + 1]
end

-- The newest one whose text or caption matches a Lua pattern.
function Chat:find(pattern)
  local list = messages_of(self.id)
  for i = #list, 1, -1 do
    local text = list[i].text or list[i].caption
    if text and text:find(pattern) then return list[i] end
  end
end

-- The texts of the buttons of the newest message that has any.
function Chat:buttons()
  local list = messages_of(self.id)
  for i = #list, 1, -1 do
    local texts = list[i]:buttons()
    if #texts > 0 then return texts end
  end
  return {}
end

-- Line by line, as one would read it.
function Chat:transcript()
  local lines = {}
  for _, m in ipairs(messages_of(self.id)) do
    local who = m.from and (m.from.id == world.BOT and "bot" or m.from.first_name) or "channel"
    if m.receiver_user then who = ("%s, only to %s"):format(who, m.receiver_user.first_name) end
    lines[#lines + 1] = ("%s: %s%s"):format(who, message.content(m),
      world.show_buttons(m.reply_markup))
  end
  return table.concat(lines, "\n")
end

-- What the bot is seen doing here: the action of its last sendChatAction in this spec.
function Chat:typing()
  local action
  for _, c in ipairs(world.calls("sendChatAction")) do
    if tonumber(c.params.chat_id) == self.id and not c.error then action = c.params.action end
  end
  return action
end

local function state_of(self)
  world.need()
  for _, c in ipairs(world.get("state").chats) do
    if c.id == self.id then return c end
  end
  where.raise("this chat is gone, or a private one")
end

-- ChatFullInfo, with members and topics.
function Chat:info() return state_of(self) end
function Chat:title() return state_of(self).title end
function Chat:description() return state_of(self).description end

function Chat:pinned()
  local m = state_of(self).pinned_message
  return m and message.wrap(m)
end

-- Telegram's ChatMember: { status = "administrator", can_pin_messages = true, … }
function Chat:member(user)
  local id = id_of(user, "member")
  for _, m in ipairs(state_of(self).members) do
    if m.user.id == id then return m end
  end
  return { status = "left", user = { id = id } }
end

-- A group becomes a supergroup: this object is that one from now on.
function Chat:migrate()
  world.act(world.name_of(self.id) .. " becomes a supergroup", function()
    local answer = world.post("migrate", { chat = self.id })
    world.name(answer.chat.id, rawget(self, "name"))
    self.id, self.type = answer.chat.id, answer.chat.type
    return answer
  end)
end

return Chat
