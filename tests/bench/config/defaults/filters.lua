return {
  words = {},
  links = false,
  action = option.choice{ "delete", "mute", "ban", default = "delete" },
}
