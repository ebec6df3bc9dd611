-- What the bot says in English, the language that has every text: see
-- i18n.setup in scripts/language.lua. One more language: a file here, and its code
-- in defaults/language.lua. `moonpost check` says what it lacks.
return {
  name = "English", -- of the language
  hello = "Hello, {name}! I am a bot made with Moonpost.",
  what = "What can you do?",
  settings = "Settings",
  help = "This is what I can do:",
  unknown = "I don't know /{command}. Send /help for what I can do.",
  language = "I speak {language} here.",
  id = {
    chat = "Chat",
    topic = "Topic",
    you = "You",
    sender = "Sender of that message",
  },
  setting = {
    default = "default",
    none = "none",
    empty = "(empty)",
    set_usage = "Send /set, a setting and its value, for example:\n/set welcome.enabled off\n\n"
      .. "/settings shows them all.",
    reset_usage = "Send /reset and a setting, for example:\n/reset welcome.text",
    is_now = "{path} is now {value}",
    is_reset = "{path} is back at its default: {value}",
    change = "Change",
    menu = "What should be different here?",
    back = "‹ Back",
    close = "✕ Close",
    legend = "✎ set in this chat. /set changes a setting, /reset takes it back to its default.",
  },
}
