-- A menu of dishes; each opens a menu of its own, in which it is rated or deleted.
local bot = require "bot"
local fmt = require "fmt"
local menu = require "menu"

local names = { pasta = "Pasta", pizza = "Pizza", sushi = "Sushi", steak = "Entrecôte" }
local order = { "pasta", "pizza", "sushi", "steak" }
local ratings = {} -- the dishes' menus

-- Which were deleted is the same for everybody: it is kept with the bot's own id.
local function kept(ctx) return bot.store(ctx.me.id) end

local function remaining(ctx)
  local deleted, list = kept(ctx):get("deleted", {}), {}
  for _, id in ipairs(order) do
    if not deleted[id] then list[#list + 1] = id end
  end
  return list
end

local food = menu.new("food", { text = "Pick a dish to rate it!" }):page{
  list = remaining,
  item = function(_, id) return names[id], id end,
  press = function(_, id) return ratings[id] end,
}

for id, name in pairs(names) do
  ratings[id] = menu.new("dish-" .. id, { text = fmt.html("<b>{}</b>\n\nYour rating:", name) })
    :button(function(ctx) return ctx.user_store[id] and "Yummy!" or "Meh." end, function(ctx)
      ctx.user_store[id] = not ctx.user_store[id] or nil
    end):row()
    :button("✕ Delete", function(ctx)
      local deleted = kept(ctx):get("deleted", {})
      deleted[id] = true
      kept(ctx).deleted = deleted
      return food
    end):row()
    :back(nil, food)
end

bot.command("start", "Rate dishes", function(ctx) food:reply(ctx) end)

bot.command("help", "How to use this bot", function(ctx)
  ctx:reply("Send /start to see and rate dishes. Send /fav to list your favorites!")
end)

bot.command("fav", "Your favorite dishes", function(ctx)
  local list = {}
  for _, id in ipairs(remaining(ctx)) do
    if ctx.user_store[id] then list[#list + 1] = names[id] end
  end
  if #list == 0 then return ctx:reply("You do not have any favorites yet!") end
  ctx:reply("Those are your favorite dishes:\n\n" .. table.concat(list, "\n"))
end)
