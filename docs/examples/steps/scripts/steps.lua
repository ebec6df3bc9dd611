-- Three questions, the second of which wants a number.
local bot = require "bot"

bot.command({ "start", "help" }, "Tell me about yourself", function(ctx)
  local name = ctx:ask("Hi there, I am Example bot.\nWhat's your name?", { stop = true })
  local age = ctx:ask("How old are you?", {
    kind = "integer", retry = "Age should be a number. How old are you?", stop = true,
  })
  local gender = ctx:ask("What is your gender?", {
    choices = { "Male", "Female" }, keyboard = "reply", stop = true,
  })
  ctx:reply(("Nice to meet you %s\nAge: %d\nGender: %s"):format(name, age, gender))
end)
