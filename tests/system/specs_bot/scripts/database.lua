-- What becomes of a script when the database is away, or says no.
local bot = require "bot"
local db = require "db"

bot.command("note", function(ctx)
  local ok, err = pcall(db.exec, "INSERT INTO notes (chat_id, text) VALUES ($1, $2)", ctx.chat.id,
    ctx.match)
  ctx:reply(ok and "noted" or "not noted: " .. err.kind .. " " .. (err.sqlstate or "-")
    .. " " .. (err.constraint or "-"))
end)

bot.command("notes", function(ctx)
  ctx:reply(#db.query("SELECT text FROM notes WHERE chat_id = $1", ctx.chat.id) .. " notes")
end)

bot.command("setmax", function(ctx)
  ctx.config.antiflood.max = tonumber(ctx.match)
  ctx:reply("saved")
end)
