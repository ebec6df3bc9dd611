-- Declares ctx.config.welcome; scripts/welcome.lua reads it.
return option.section{
  label = "Welcome", help = "what people who join a group are told",
  settings = {
    enabled = option.boolean{ default = true,
      label = "Greeting", help = "greet people who join" },
    text = option.string{ default = "Welcome to {chat}, {name}!", min = 1, max = 1000,
      label = "Text of the greeting", help = "{name} and {chat} are filled in" },
  },
}
