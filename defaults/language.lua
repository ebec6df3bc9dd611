-- Declares ctx.config.language: what every chat has that set nothing else.
return {
  code = option.choice{ "en", "de", default = "en",
    label = "Language", help = "what the bot speaks in this chat" },
}
