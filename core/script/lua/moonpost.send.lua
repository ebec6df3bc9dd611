-- What ctx sends, edits and deletes, where that is more than one plain call: texts
-- that are divided, messages that one person sees, files with captions.
local core = ...
local bot = require "bot"
local fmt = require "fmt"
local cjson = require "cjson"

local api = bot.api
local M = {}

local TEXT_MAX, CAPTION_MAX = 4096, 1024

local function copy(t)
  local new = {}
  if t then
    for k, v in pairs(t) do new[k] = v end
  end
  return new
end
M.copy = copy

local function options_of(what, options)
  if options ~= nil and type(options) ~= "table" then
    core.misuse(("ctx:%s: options must be a table, got a %s"):format(what, type(options)))
  end
  return copy(options)
end
M.options_of = options_of

-- --- where to ---------------------------------------------------------------------

-- The chat of the update, and the topic that it came from.
function M.place(ctx, what)
  local chat_id = ctx.chat_id
  if not chat_id then core.misuse(("ctx:%s: this update has no chat to send to"):format(what)) end
  local direct = ctx.message and ctx.message.direct_messages_topic
  return {
    chat_id = chat_id, message_thread_id = ctx.topic,
    business_connection_id = ctx.business_connection_id,
    direct_messages_topic_id = direct and direct.topic_id,
  }
end

-- The message that a method is about: none given: the update's. An id, or a Message.
function M.which(ctx, what, message)
  local id, chat_id = message, ctx.chat_id
  if type(message) == "table" then
    id, chat_id = message.message_id, message.chat and message.chat.id or chat_id
  elseif message == nil then
    id = ctx.message_id
  end
  if math.type(id) ~= "integer" then
    core.misuse(message == nil and ("ctx:%s: this update is not about a message"):format(what)
      or ("ctx:%s: a message or its id is expected, got a %s"):format(what, type(message)))
  end
  return chat_id, id
end

-- --- texts ------------------------------------------------------------------------

-- A fmt value under name becomes its text and parse_mode.
local function settle(params, name)
  local value = params[name]
  if fmt.is(value) then
    params[name], params.parse_mode = value.text, value.parse_mode
  elseif type(value) == "number" then
    params[name] = tostring(value)
  end
  return params
end
M.settle = settle

-- What was given for a text: a text and options, or a table with all of them.
local function with_text(what, name, value, options)
  if type(value) == "table" and not fmt.is(value) then
    return settle(options_of(what, value), name)
  end
  local kind = type(value)
  if kind ~= "string" and kind ~= "number" and kind ~= "table" then
    core.misuse(("ctx:%s: a text is expected, got %s")
      :format(what, value == nil and "nil" or "a " .. kind))
  end
  local params = options_of(what, options)
  params[name] = value
  return settle(params, name)
end
M.with_text = with_text

-- The entities that a part of the text has.
local function cut_entities(entities, part)
  local list = setmetatable({}, cjson.array_mt)
  for _, e in ipairs(entities) do
    local from = math.max(e.offset, part.offset)
    local to = math.min(e.offset + e.length, part.offset + part.units)
    if from < to then
      local new = copy(e)
      new.offset, new.length = from - part.offset, to - from
      list[#list + 1] = new
    end
  end
  return list
end

-- Divide params[name], if it must be: a list of the texts, each with its entities.
-- What can't be divided goes as it is: Telegram says what is wrong with it.
local function divide(params, name, first_max)
  local text, list = params[name], name == "text" and "entities" or "caption_entities"
  if type(text) ~= "string" or #text <= first_max then return nil end
  local mode = params.parse_mode and params.parse_mode:lower() or ""
  if mode ~= "" and mode ~= "html" and mode ~= "markdownv2" then return nil end
  local entities = mode == "" and params[list] or nil
  local parts = core.split(text, mode, first_max, TEXT_MAX, entities)
  if not parts or #parts < 2 then return nil end
  for _, part in ipairs(parts) do
    part.entities = entities and cut_entities(entities, part)
  end
  return parts
end

-- --- sending ----------------------------------------------------------------------

-- Only the person whom it answers sees it: in groups, where the bot is an
-- administrator, or for 15 s after a press or an ephemeral message. Elsewhere
-- Telegram refuses, and it is an ordinary message.
local function send_ephemeral(ctx, method, params)
  local query, message = ctx.callback_query, ctx.message
  local private = copy(params)
  private.ephemeral_message_parameters = {
    receiver_user_id = ctx.user_id, callback_query_id = query and query.id,
  }
  private.reply_parameters = nil
  if message and message.ephemeral_message_id and not query then
    private.reply_parameters = { ephemeral_message_id = message.ephemeral_message_id }
  end
  local ok, result = pcall(api[method], private)
  if ok then return result end
  if type(result) ~= "table" or result.error_code ~= 400 then error(result, 0) end
  return api[method](params)
end

local function is_for_one(ctx)
  local kind = ctx.chat and ctx.chat.type
  return (kind == "supergroup" or kind == "group") and ctx.user_id and not ctx.sender_chat
end

-- Our own options become Telegram's. Returns how it is sent.
local function take_options(ctx, params)
  local ephemeral, quote = params.ephemeral, params.quote
  params.ephemeral, params.quote = nil, nil
  if quote and not params.reply_parameters then
    local id = ctx.message_id
    if id and id ~= 0 then
      params.reply_parameters = { message_id = id, allow_sending_without_reply = true }
    end
  end
  if ephemeral and is_for_one(ctx) then
    return function(method, p) return send_ephemeral(ctx, method, p) end
  end
  return function(method, p) return api[method](p) end
end

-- What is left of a text goes as messages of its own; buttons are below the last.
local function send_divided(send, method, params, name, parts)
  local sent = {}
  for i, part in ipairs(parts) do
    local p = copy(params)
    if i > 1 then
      p = {}
      for _, key in ipairs{
        "chat_id", "message_thread_id", "business_connection_id", "direct_messages_topic_id",
        "parse_mode", "link_preview_options", "disable_notification", "protect_content",
        "allow_paid_broadcast",
      } do
        p[key] = params[key]
      end
      method, name = "sendMessage", "text"
    end
    p[name] = part.text
    p[name == "text" and "entities" or "caption_entities"] = part.entities
    p.reply_markup = i == #parts and params.reply_markup or nil
    sent[i] = send(method, p)
  end
  return sent[#sent], sent
end

-- name: of the parameter that may be too long; max: when it is.
local function send_any(ctx, method, params, name, max)
  local send = take_options(ctx, params)
  local parts = name and divide(params, name, max)
  if parts then return send_divided(send, method, params, name, parts) end
  return send(method, params)
end

local function into_place(ctx, what, params)
  if params.chat_id == nil then
    for k, v in pairs(M.place(ctx, what)) do
      if params[k] == nil then params[k] = v end
    end
  end
  return params
end

-- ctx:reply(text [, options]) -> Message [, all of them]
function M:reply(value, options)
  local params = with_text("reply", "text", value, options)
  return send_any(self, "sendMessage", into_place(self, "reply", params), "text", TEXT_MAX)
end

-- ctx:whisper(text [, options]): seen by the person alone, where that can be.
function M:whisper(value, options)
  local params = with_text("whisper", "text", value, options)
  params.ephemeral = true
  return send_any(self, "sendMessage", into_place(self, "whisper", params), "text", TEXT_MAX)
end

-- ctx:send(chat_id, text [, options]): to any chat.
function M:send(chat_id, value, options)
  if type(chat_id) == "table" then chat_id = chat_id.id end
  local kind = type(chat_id)
  if kind ~= "number" and kind ~= "string" then
    core.misuse(("ctx:send: a chat's id is expected, got %s")
      :format(chat_id == nil and "nil" or "a " .. kind))
  end
  local params = with_text("send", "text", value, options)
  params.chat_id, params.ephemeral = chat_id, nil
  return send_any(self, "sendMessage", params, "text", TEXT_MAX)
end

-- --- other kinds of messages ------------------------------------------------------

-- ctx:reply_photo(photo, options): the method, and what stands before the options.
local kinds = {
  photo = { "sendPhoto", "photo" },
  live_photo = { "sendLivePhoto", "live_photo", "photo" },
  audio = { "sendAudio", "audio" },
  document = { "sendDocument", "document" },
  video = { "sendVideo", "video" },
  animation = { "sendAnimation", "animation" },
  voice = { "sendVoice", "voice" },
  video_note = { "sendVideoNote", "video_note" },
  sticker = { "sendSticker", "sticker" },
  media_group = { "sendMediaGroup", "media" },
  paid_media = { "sendPaidMedia", "star_count", "media" },
  location = { "sendLocation", "latitude", "longitude" },
  venue = { "sendVenue", "latitude", "longitude", "title", "address" },
  contact = { "sendContact", "phone_number", "first_name" },
  poll = { "sendPoll", "question", "options" },
  dice = { "sendDice", "emoji", optional = true },
  game = { "sendGame", "game_short_name" },
  invoice = { "sendInvoice", "title", "description", "payload", "currency", "prices" },
  checklist = { "sendChecklist", "checklist" },
  rich_message = { "sendRichMessage", "rich_message" },
}

local function settle_media(params)
  if type(params.media) ~= "table" then return end
  local media = setmetatable({}, cjson.array_mt)
  for i, item in ipairs(params.media) do media[i] = settle(copy(item), "caption") end
  params.media = media
end

local function is_list_of_all(value, kind)
  return type(value) == "table" and not fmt.is(value) and value[kind[2]] ~= nil
end

for name, kind in pairs(kinds) do
  local what = "reply_" .. name
  M[what] = function(self, ...)
    local params
    local n = #kind - 1
    if is_list_of_all((...), kind) then
      params = options_of(what, (...))
    else
      local given = { ... }
      if kind.optional and type(given[1]) == "table" then table.insert(given, 1, nil) end
      params = options_of(what, given[n + 1])
      for i = 1, n do
        if given[i] == nil and not kind.optional then
          core.misuse(("ctx:%s: %s is missing"):format(what, kind[i + 1]))
        end
        params[kind[i + 1]] = given[i]
      end
    end
    settle(params, "caption")
    if name == "media_group" or name == "paid_media" then settle_media(params) end
    if name == "poll" and fmt.is(params.question) then
      local question = params.question
      params.question, params.question_parse_mode = question.text, question.parse_mode
    end
    return send_any(self, kind[1], into_place(self, what, params), "caption", CAPTION_MAX)
  end
end

-- --- changing ---------------------------------------------------------------------

local media_kinds = {
  "photo", "live_photo", "video", "animation", "document", "audio", "voice", "paid_media",
}

local function has_media(message)
  for _, kind in ipairs(media_kinds) do
    if message[kind] then return true end
  end
  return false
end

-- Telegram refuses a change that changes nothing: then the result is false.
local function unless(refusal, method, params)
  local ok, result = pcall(api[method], params)
  if ok then return result end
  if type(result) == "table" and result.error_code == 400
    and tostring(result.description):find(refusal, 1, true) then
    return false
  end
  error(result, 0)
end

-- What is changed: message, or the one with the button, or the update's.
local function edited(ctx, what, message)
  if message == nil and ctx.inline_message_id then
    return { inline_message_id = ctx.inline_message_id }, {}
  end
  local of = type(message) == "table" and message or message == nil and ctx.message or {}
  if of.ephemeral_message_id then
    local receiver = of.receiver_user and of.receiver_user.id or ctx.user_id
    return { chat_id = of.chat and of.chat.id or ctx.chat_id, receiver_user_id = receiver,
      ephemeral_message_id = of.ephemeral_message_id }, of
  end
  local chat_id, id = M.which(ctx, what, message)
  local connection = ctx.business_connection_id
  return { chat_id = chat_id, message_id = id, business_connection_id = connection }, of
end

-- ctx:edit(text [, options]), ctx:edit{ text =, caption =, media =, reply_markup = }
function M:edit(value, options)
  local params
  if type(value) == "table" and not fmt.is(value) then
    params = settle(settle(options_of("edit", value), "text"), "caption")
  else
    params = with_text("edit", "text", value, options)
  end
  local where, message = edited(self, "edit", params.message)
  params.message = nil
  for k, v in pairs(where) do params[k] = v end
  local what = "ReplyMarkup"
  if params.media then
    what = "Media"
    if type(params.media) == "table" then params.media = settle(copy(params.media), "caption") end
  elseif params.text ~= nil and has_media(message) then
    what = "Caption"
    params.caption, params.caption_entities = params.text, params.entities
    params.text, params.entities = nil, nil
  elseif params.text ~= nil or params.rich_message ~= nil then
    what = "Text"
  elseif params.caption ~= nil then
    what = "Caption"
  elseif params.reply_markup == nil then
    core.misuse("ctx:edit: a text, a caption, media or a reply_markup is expected")
  end
  local kind = params.ephemeral_message_id and "editEphemeralMessage" or "editMessage"
  return unless("message is not modified", kind .. what, params)
end

local function delete_many(ctx, list)
  local ids, chat_id, result = {}, nil, true
  local function flush()
    if #ids > 0 then
      result = api.deleteMessages{ chat_id = chat_id, message_ids = ids } and result
    end
    ids = {}
  end
  for _, message in ipairs(list) do
    local chat, id = M.which(ctx, "delete", message)
    if chat ~= chat_id or #ids == 100 then flush() end
    chat_id, ids[#ids + 1] = chat, id
  end
  flush()
  return result
end

-- ctx:delete([message]): the update's, another, or a list of them. false: it is gone.
function M:delete(message)
  if type(message) == "table" and message[1] ~= nil then return delete_many(self, message) end
  if type(message) == "table" and next(message) == nil then return true end
  local where = edited(self, "delete", message)
  if where.ephemeral_message_id then return api.deleteEphemeralMessage(where) end
  if where.inline_message_id then
    core.misuse("ctx:delete: an inline message can't be deleted by a bot")
  end
  if where.business_connection_id then
    return api.deleteBusinessMessages{ business_connection_id = where.business_connection_id,
      message_ids = { where.message_id } }
  end
  return unless("message to delete not found", "deleteMessage", where)
end

-- --- answering --------------------------------------------------------------------

-- ctx:answer() of the queries that are not answered by a text or a list.
function M:answer(value, options)
  local kind, params = self.kind, options_of("answer", options)
  if kind == "pre_checkout_query" then
    params.pre_checkout_query_id = self.pre_checkout_query.id
    params.ok = value == nil or value == true
    if type(value) == "string" then params.error_message = value end
    return api.answerPreCheckoutQuery(params)
  elseif kind == "shipping_query" then
    params.shipping_query_id = self.shipping_query.id
    params.ok = type(value) == "table"
    params[params.ok and "shipping_options" or "error_message"] = value
    return api.answerShippingQuery(params)
  elseif kind == "guest_message" and type(value) == "table" then
    params.guest_query_id, params.result = self.message.guest_query_id, value
    return api.answerGuestQuery(params)
  end
  core.misuse(("ctx:answer() answers queries; this is a %s"):format(kind))
end

return M
