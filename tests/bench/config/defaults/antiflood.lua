return {
  on = true,
  max = option.integer{ default = 5, min = 1, max = 100 },
  seconds = 10,
  mute = 60,
}
