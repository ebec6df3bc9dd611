return {
  lang = "en",
  night = true,
  rules = "",
  log_chat = option.chat{ label = "Log" },
}
