-- Settings that each chat has: ctx.config.greeting.text. Only what a chat changes
-- is stored; all others follow these defaults.
return {
  text = option.string{
    default = "Hello, {name}!",
    max = 200,
    help = "what /start says; {name} is filled in",
  },
}
