-- All that goes by time follows when it is moved on.
describe("time", function()
  local alice
  before_each(function() alice = person{ name = "Alice" } end)

  it("brings jobs about, each at its time", function()
    alice:send("/count")
    clock:advance("1d")
    local ticks = bot:log("warn")
    assert.equal(4, #ticks)
    local first = tonumber(ticks[1].text:match("at (%d+)"))
    assert.equal(("tick 4 at %d"):format(first + 3 * 360), ticks[4].text)
  end)

  it("brings what was put off about, also in another process", function()
    alice:send("/remind")
    clock:advance("4m")
    assert.equal("I will", alice:last().text)
    bot:restart()
    clock:advance("2m")
    assert.equal("it is time", alice:last().text)
  end)

  it("ends what waits for an answer", function()
    alice:send("/name")
    alice:send("Eve")
    assert.equal("Hello Eve", alice:last().text)
    alice:send("/name")
    clock:advance("1m")
    assert.equal("Your name?", alice:last().text)
    clock:advance("2m")
    assert.equal("Never mind", alice:last().text)
  end)

  it("lets go of who is an administrator", function()
    local group = chat.supergroup{ title = "Club", owner = alice, bot_admin = true }
    local bob = person{ name = "Bob", admin_of = group }
    assert.same({ "you are" }, bob:send("/admin", { to = group }):texts())
    clock:advance("1d")
    assert.same({ "you are" }, bob:send("/admin", { to = group }):texts())
    assert.equal(2, #calls("getChatMember"))
  end)

  it("is in messages, too", function()
    local before = alice:send("/count")[1].date
    clock:advance("1d")
    local after = alice:send("/count")[1].date
    assert.is_true(after - before >= 86400 and after - before < 86460)
  end)
end)
