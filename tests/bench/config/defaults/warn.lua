return { max = 3, action = option.choice{ "mute", "ban", default = "mute" }, days = 7 }
