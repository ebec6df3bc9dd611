-- What the bot says, in each language. One more language: a table here, and its
-- code in defaults/language.lua.
local texts = {}

texts.names = { en = "English", de = "Deutsch" }
texts.order = { "en", "de" }

local en = {
  hello = "Hello, %s! I am a bot made with Moonpost.",
  what = "What can you do?",
  settings = "Settings",
  help = "This is what I can do:",
  unknown = "I don't know /%s. Send /help for what I can do.",
  language = "I speak %s here.",
  chat = "Chat",
  topic = "Topic",
  you = "You",
  sender = "Sender of that message",
  default = "default",
  none = "none",
  empty = "(empty)",
  set_usage = "Send /set, a setting and its value, for example:\n/set welcome.enabled off\n\n"
    .. "/settings shows them all.",
  reset_usage = "Send /reset and a setting, for example:\n/reset welcome.text",
  is_now = "%s is now %s",
  is_reset = "%s is back at its default: %s",
  legend = "✎ set in this chat. /set changes a setting, /reset takes it back to its default.",
}

local de = {
  hello = "Hallo, %s! Ich bin ein Bot, gemacht mit Moonpost.",
  what = "Was kannst du?",
  settings = "Einstellungen",
  help = "Das kann ich:",
  unknown = "/%s kenne ich nicht. /help sagt, was ich kann.",
  language = "Ich spreche hier %s.",
}

-- A text that a language lacks is said in English.
local languages = { en = en, de = setmetatable(de, { __index = en }) }

-- Give the texts of the language that the chat has set.
function texts.of(ctx)
  return languages[ctx.config.language.code] or en
end

return texts
