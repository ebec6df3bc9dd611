return {
  max = option.integer{ default = 5, min = 1, max = 100 },
  words = option.list{ default = { "a" } },
  weights = option.map{ of = option.integer{}, default = {} },
}
