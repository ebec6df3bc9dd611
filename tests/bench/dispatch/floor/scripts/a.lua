-- One handler for each update of bench_dispatch: as little as can be.
local bot = require "bot"

bot.on({ "message", "callback_query" }, function() end)
