return { on = false, text = "Bye" }
