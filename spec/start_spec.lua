-- /start, and what its buttons do.
describe("/start", function()
  local alice
  before_each(function() alice = person{ name = "Alice" } end)

  it("says hello by name, with buttons", function()
    alice:send("/start")
    assert.equal("Hello, Alice! I am a bot made with Moonpost.", alice:last().text)
    assert.same({ { "What can you do?" }, { "Settings" } }, alice:last():rows())
  end)

  it("becomes the help when its button is pressed", function()
    alice:send("/start")
    alice:press("What can you do?")
    assert.is_table(alice:answer()) -- the little clock ends
    assert.match("/language: Show or choose my language", alice:last().text, 1, true)
    assert.equal(2, #alice:messages())
  end)

  it("shows the settings when that button is pressed", function()
    alice:send("/start")
    alice:press("Settings")
    assert.match("welcome.enabled: true", alice:last().text, 1, true)
  end)

  it("has no buttons in a group", function()
    local group = chat.group{ title = "Garden", members = { alice } }
    alice:send("/start", { to = group })
    assert.same({}, group:last():buttons())
  end)
end)
