-- What the bot says in German. What is not here is said in English.
return {
  name = "Deutsch",
  hello = "Hallo, {name}! Ich bin ein Bot, gemacht mit Moonpost.",
  what = "Was kannst du?",
  settings = "Einstellungen",
  help = "Das kann ich:",
  unknown = "/{command} kenne ich nicht. /help sagt, was ich kann.",
  language = "Ich spreche hier {language}.",
  id = {
    chat = "Chat",
    topic = "Thema",
    you = "Du",
    sender = "Absender jener Nachricht",
  },
  setting = {
    default = "Vorgabe",
    none = "nichts",
    empty = "(leer)",
    set_usage = "Sende /set, eine Einstellung und ihren Wert, zum Beispiel:\n"
      .. "/set welcome.enabled off\n\n/settings zeigt sie alle.",
    reset_usage = "Sende /reset und eine Einstellung, zum Beispiel:\n/reset welcome.text",
    is_now = "{path} ist jetzt {value}",
    is_reset = "{path} ist wieder auf der Vorgabe: {value}",
    change = "Ändern",
    menu = "Was soll hier anders sein?",
    back = "‹ Zurück",
    close = "✕ Schließen",
    legend = "✎ in diesem Chat gesetzt. /set ändert eine Einstellung, /reset nimmt sie zurück.",
  },
}
