-- ctx:ask() and ctx:wait(): questions, their buttons, checking what is answered and
-- asking again. Who waits for whose update is core.open and core.wait (ask_lua.c).
local core = ...
local says = require "moonpost.says"

local M = {}

local TIMEOUT_MS = 3600 * 1000
local TRIES, TRIES_MAX = 10, 1000
local CHOICES_MAX = 100
-- of the function of the script that has called ctx:ask(): M.ask() and the C function
-- that calls it are in between
local AUTHOR = 3

local option_types = {
  timeout = "any", choices = "table", columns = "number", keyboard = "string", other = "boolean",
  check = "function", retry = "string", tries = "number", cancel = "any", commands = "string",
  kind = "string", min = "number", max = "number", ["in"] = "string", from = "any",
  ended = "string", cancelled = "any", timed_out = "any", stop = "boolean",
  keep_buttons = "boolean",
  force_reply = "boolean",
}
local wait_types = {
  timeout = "any", commands = "string", cancel = "any", from = "any", ended = "string",
  ["in"] = "string",
}

-- What a message of a kind is: the field of it, or what is made of its text.
local kinds = says.under("moonpost.ask_for.")

-- --- what is asked for -------------------------------------------------------------

local function fail(what, text, level)
  error(what .. ": " .. text, level + 1)
end

local function check_options(what, options, types, level)
  if options == nil then return {} end
  if type(options) ~= "table" then fail(what, "options must be a table", level + 1) end
  for name, value in pairs(options) do
    local wanted = types[name]
    if not wanted then
      fail(what, ("there is no option %q"):format(tostring(name)), level + 1)
    elseif wanted ~= "any" and type(value) ~= wanted then
      fail(what, ("%s must be a %s, got a %s"):format(name, wanted, type(value)), level + 1)
    end
  end
  return options
end

local function one_of(what, name, value, allowed, level)
  for _, word in ipairs(allowed) do
    if value == word then return end
  end
  fail(what, ("%s must be one of %s"):format(name, table.concat(allowed, ", ")), level + 1)
end

local function read_timeout(what, options, level)
  if options.timeout == nil then return TIMEOUT_MS end
  local ms, why = core.duration(options.timeout)
  if not ms then fail(what, "timeout: " .. why, level + 1) end
  if ms <= 0 or ms > core.timeout_max then
    fail(what, "timeout: must be more than 0 and at most 30 days", level + 1)
  end
  return ms
end

-- Whom, and where.
local function read_place(what, ctx, options, level)
  local here, user, topic, message = core.place(ctx)
  local chat = here
  if not user and chat and chat > 0 then user = chat end
  if options.from == "anyone" then
    user = 0
  elseif math.type(options.from) == "integer" then
    user = options.from
  elseif options.from ~= nil then
    fail(what, 'from must be "anyone" or a user\'s id', level + 1)
  end
  if options["in"] == "private" then
    if not user or user == 0 then
      fail(what, "this update is about no person who could be asked in private", level + 1)
    end
    chat, topic = user, nil
  elseif options["in"] ~= nil and options["in"] ~= "chat" then
    fail(what, 'in must be "chat" or "private"', level + 1)
  end
  if not chat or not user then
    fail(what, "this update has no chat or no person to ask", level + 1)
  end
  return { chat = chat, user = user, topic = topic or 0, elsewhere = chat ~= here }, message
end

-- What both have.
local function read_common(what, ctx, options, level)
  local asked, message = read_place(what, ctx, options, level + 1)
  asked.ms = read_timeout(what, options, level + 1)
  asked.commands = options.commands or "pass"
  one_of(what, "commands", asked.commands, { "pass", "end", "take" }, level + 1)
  local ended = options.ended
  if ended and (#ended == 0 or #ended > core.ended_max or not utf8.len(ended)
    or ended:find("\0", 1, true)) then
    fail(what, "ended must be a text of at most 1000 bytes", level + 1)
  end
  -- what is said when nobody is left who could look it up
  asked.ended = options.ended or says.translated(ctx, "moonpost.ask_restarted")
  if options.cancel == false then
    asked.cancel = ""
  elseif options.cancel ~= nil and type(options.cancel) ~= "string" then
    fail(what, "cancel must be a text, or false", level + 1)
  else
    asked.cancel = options.cancel
  end
  return asked, message
end

-- --- choices ---------------------------------------------------------------------------

local function read_choice(choice, level)
  local text, value = choice, choice
  if type(choice) == "table" then
    text = choice.text or choice[1]
    value = choice.value
    if value == nil then value = choice[2] end
    if value == nil then value = text end
  end
  if type(text) == "number" then text = tostring(text) end
  if type(text) ~= "string" or text == "" then
    fail("ctx:ask", 'a choice must be a text, or { "text", value }', level + 1)
  end
  return { text = text, value = value }
end

local function read_choices(options, level)
  if not options.choices then return nil end
  local choices, longest = {}, 0
  for i, choice in ipairs(options.choices) do
    choices[i] = read_choice(choice, level + 1)
    longest = math.max(longest, utf8.len(choices[i].text) or #choices[i].text)
  end
  if #choices == 0 then
    fail("ctx:ask", "choices must be a list with at least one choice", level + 1)
  end
  if #choices > CHOICES_MAX then
    fail("ctx:ask", "at most 100 choices can be buttons", level + 1)
  end
  one_of("ctx:ask", "keyboard", options.keyboard or "inline", { "inline", "reply" }, level + 1)
  local columns = options.columns or (longest <= 8 and 3 or longest <= 18 and 2 or 1)
  if columns < 1 or columns > 8 or columns % 1 ~= 0 then
    fail("ctx:ask", "columns must be from 1 to 8", level + 1)
  end
  choices.columns = columns
  return choices
end

local function rows_of(choices, make)
  local rows = {}
  for i, choice in ipairs(choices) do
    if (i - 1) % choices.columns == 0 then rows[#rows + 1] = {} end
    rows[#rows][#rows[#rows] + 1] = make(choice, i)
  end
  return rows
end

local function markup_of(q, id)
  -- Telegram takes it as for the person whose message is replied to
  local selective = q.group and q.reply_to and true or nil
  if q.choices and q.options.keyboard ~= "reply" then
    local prefix = "ask~" .. id .. "~" .. math.tointeger(q.asked.user) .. "~"
    return { inline_keyboard = rows_of(q.choices, function(choice, i)
      return { text = choice.text, callback_data = prefix .. i }
    end) }
  elseif q.choices then
    return {
      keyboard = rows_of(q.choices, function(choice) return { text = choice.text } end),
      one_time_keyboard = true, resize_keyboard = true, selective = selective,
    }
  elseif q.group and q.options.force_reply ~= false then
    -- a bot that Telegram shows only what is for it sees the answer so
    return { force_reply = true, selective = selective }
  end
end

-- --- asking ------------------------------------------------------------------------------

local function send(ctx, q, what, id, with_buttons)
  local params = {}
  if type(what) == "table" then
    for name, value in pairs(what) do params[name] = value end
  else
    params.text = what
  end
  if params.reply_markup == nil and (with_buttons or not q.choices) then
    params.reply_markup = markup_of(q, id)
  end
  if q.asked.elsewhere then
    params.chat_id = q.asked.chat
    return ctx.api.sendMessage(params)
  end
  if q.group and params.reply_parameters == nil and q.reply_to then
    params.reply_parameters = { message_id = q.reply_to, allow_sending_without_reply = true }
  end
  return ctx:reply(params)
end

local function equal_text(a, b)
  return a == b or a:lower() == b:lower()
end

local function is_cancel(word, answer)
  if word == "" or not answer.text then return false end
  if word:sub(1, 1) == "/" and answer.command then
    return equal_text(answer.command, word:sub(2))
  end
  return equal_text(answer.text, word)
end

-- The choice, or nil.
local function find_choice(q, answer)
  if answer.kind == "callback_query" then
    local i = math.tointeger(tonumber(answer.data:match("~(%d+)$")))
    return i and q.choices and q.choices[i]
  end
  for _, choice in ipairs(q.choices or {}) do
    if answer.text and equal_text(answer.text, choice.text) then return choice end
  end
end

local function in_range(q, n)
  local options = q.options
  if options.min and n < options.min then
    return nil, options.retry or says.of(q.ctx, "moonpost.ask_min", { n = options.min })
  end
  if options.max and n > options.max then
    return nil, options.retry or says.of(q.ctx, "moonpost.ask_max", { n = options.max })
  end
  return n
end

-- value | nil, why
local function read_text(q, text)
  local options, length = q.options, utf8.len(text) or #text
  if options.min and length < options.min then
    return nil, options.retry or says.of(q.ctx, "moonpost.ask_min_length", { n = options.min })
  end
  if options.max and length > options.max then
    return nil, options.retry or says.of(q.ctx, "moonpost.ask_max_length", { n = options.max })
  end
  return text
end

-- value | nil, why: why nil is what is said for the kind.
local function read_kind(q, answer)
  local kind, message = q.kind, answer.message
  if q.asked.filter then return answer[answer.kind] end
  if kind == "any" then return message end
  if kind == "text" or kind == "number" or kind == "integer" then
    if not message.text then return nil end
    if kind == "text" then return read_text(q, message.text) end
    local n = tonumber((message.text:gsub("^%s+", ""):gsub("%s+$", ""):gsub(",", ".")))
    if kind == "integer" then n = n and math.tointeger(n) end
    if not n or n ~= n or n == math.huge or n == -math.huge then return nil end
    return in_range(q, n)
  elseif kind == "photo" then
    return message.photo and message.photo[#message.photo]
  elseif kind == "media" then
    return message.photo and message.photo[#message.photo] or message.video
  end
  return message[kind]
end

-- value | nil, why
local function read_answer(q, answer)
  local choice = find_choice(q, answer)
  if choice then return choice.value end
  if q.choices and not q.options.other and not q.options.check then
    return nil, q.options.retry or says.of(q.ctx, "moonpost.ask_choose")
  end
  local value, why = read_kind(q, answer)
  if value == nil then
    return nil, why or q.options.retry
      or kinds[q.kind] and says.of(q.ctx, "moonpost.ask_for." .. q.kind)
  end
  if q.options.check then
    value, why = q.options.check(value, answer)
    if value == nil then
      return nil, why or q.options.retry or says.of(q.ctx, "moonpost.ask_invalid")
    end
  end
  return value
end

-- The question's buttons are of no use any more.
local function take_buttons(ctx, q)
  local m = q.message
  if not m or not q.choices or q.options.keyboard == "reply" or q.options.keep_buttons then
    return
  end
  pcall(ctx.api.editMessageReplyMarkup, { chat_id = m.chat.id, message_id = m.message_id })
end

-- Nothing is said of it in English.
local function given_up(ctx, given, why)
  if given ~= nil then return given end
  local text = says.translated(ctx, "moonpost.ask_" .. why)
  return text ~= "" and text
end

-- It may be the database that was lost, and with it the chat's language.
local function interrupted(ctx)
  local ok, text = pcall(says.of, ctx, "moonpost.ask_interrupted")
  return ok and text or says.english("moonpost.ask_interrupted")
end

local function give_up(ctx, q, why)
  take_buttons(ctx, q)
  local text
  if why == "cancelled" then text = given_up(ctx, q.options.cancelled, "cancelled") end
  if why == "timeout" then text = given_up(ctx, q.options.timed_out, "timed_out") end
  -- not by what anybody did here: another process has the bot's updates now, or the chat has moved
  if why == "ended" or why == "moved" then
    text = q.options.ended or interrupted(ctx)
  end
  if text then
    send(ctx, { options = { force_reply = false }, asked = q.asked, group = false }, text)
  end
  if q.options.stop then core.stop() end
  return nil, why
end

local function read_question(ctx, options, level)
  local q = { ctx = ctx, options = options, kind = options.kind or "text" }
  q.asked, q.reply_to = read_common("ctx:ask", ctx, options, level + 1)
  q.choices = read_choices(options, level + 1)
  q.tries = options.tries or TRIES
  if q.tries < 1 or q.tries > TRIES_MAX or q.tries % 1 ~= 0 then
    fail("ctx:ask", "tries must be a whole number from 1 to 1000", level + 1)
  end
  if not kinds[q.kind] then q.asked.filter = q.kind end
  q.group = q.asked.chat < 0
  return q
end

-- A kind that is none is taken for a filter, whose error would not name the kinds.
local function no_kind(q)
  local names = {}
  for name in pairs(kinds) do names[#names + 1] = name end
  table.sort(names)
  return ("there is no kind %q; there are %s, and filters, as \":photo\""):format(
    q.kind, table.concat(names, ", "))
end

local function open(ctx, q, level)
  local id, why = core.open(ctx, q.asked)
  if not id and why:find("^unknown kind of update") and not q.kind:find(":", 1, true) then
    why = no_kind(q)
  end
  if not id then fail("ctx:ask", why, level + 1) end
  return id
end

-- The options are read here so that what is wrong with them is told at the author's line.
function M.ask(ctx, question, options)
  options = check_options("ctx:ask", options, option_types, AUTHOR)
  local q = read_question(ctx, options, AUTHOR)
  if question ~= nil and type(question) ~= "string" and type(question) ~= "table" then
    fail("ctx:ask", "the question must be a text, a table of sendMessage's parameters, or nil",
      AUTHOR)
  end
  local ends, text, tries = core.now() + q.asked.ms, question, 0
  q.asked.id = open(ctx, q, AUTHOR)
  while true do
    if text ~= nil then
      local ok, message = pcall(send, ctx, q, text, q.asked.id, not q.message)
      if not ok then
        core.close(ctx)
        error(message, 0)
      end
      q.message = q.message or message
    end
    local answer, why = core.wait(ctx)
    if not answer then return give_up(ctx, q, why) end
    if answer.kind == "callback_query" and not q.asked.filter then answer:answer() end
    if is_cancel(q.asked.cancel or "/cancel", answer) then return give_up(ctx, q, "cancelled") end
    local value
    value, text = read_answer(q, answer)
    if value ~= nil then
      take_buttons(ctx, q)
      return value, answer
    end
    tries = tries + 1
    if tries >= q.tries then return give_up(ctx, q, "tries") end
    q.asked.ms = math.max(ends - core.now(), 1)
    open(ctx, q, AUTHOR)
  end
end

-- Gives the word that cancels. What it needs is not kept while somebody waits.
local function open_wait(ctx, filter, options, level)
  options = check_options("ctx:wait", options, wait_types, level + 1)
  if filter ~= nil and type(filter) ~= "string" then
    fail("ctx:wait", "the filter must be a text", level + 1)
  end
  local asked = read_common("ctx:wait", ctx, options, level + 1)
  asked.cancel = options.cancel or ""
  asked.filter = filter
  local id, why = core.open(ctx, asked)
  if not id then fail("ctx:wait", why, level + 1) end
  return asked.cancel
end

function M.wait(ctx, filter, options)
  local cancel = open_wait(ctx, filter, options, AUTHOR)
  local answer, why = core.wait(ctx)
  if answer and is_cancel(cancel, answer) then return nil, "cancelled" end
  return answer, why
end

return M
