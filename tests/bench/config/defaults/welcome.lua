return { on = false, text = "Hi", delete_after = 0, buttons = {} }
