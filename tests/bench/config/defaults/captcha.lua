return { on = false, seconds = 120, kick = true, tries = 3 }
