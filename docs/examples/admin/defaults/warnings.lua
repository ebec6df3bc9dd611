return {
  limit = option.integer{ default = 3, min = 1, max = 10, help = "so many in 30 days: muted" },
  mute = option.string{ default = "1h", max = 10, help = "for how long" },
}
