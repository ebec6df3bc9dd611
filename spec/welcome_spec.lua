-- The greeting of people who join.
describe("the greeting", function()
  local dave, group
  before_each(function()
    group = chat.supergroup{ title = "Fish & Chips" }
    dave = person{ name = "<Dave>" }
  end)

  it("names the chat and who came", function()
    local greeting = dave:join(group)[1]
    assert.equal("Welcome to Fish & Chips, <Dave>!", greeting.text)
    assert.equal(dave.id, greeting.entities[1].user.id)
  end)

  it("is the chat's own", function()
    group.config.welcome.text = "Hi {name}"
    assert.same({ "Hi <Dave>" }, dave:join(group):texts())
  end)

  it("can be turned off", function()
    group.config.welcome.enabled = false
    assert.same({}, dave:join(group):texts())
  end)

  it("is not for bots", function()
    local owner = person{ name = "Olga", owner_of = group }
    owner:ban(bot, group)
    owner:unban(bot, group)
    assert.same({}, owner:add(bot, group):texts())
  end)
end)
