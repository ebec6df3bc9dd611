describe("buttons", function()
  local alice
  before_each(function() alice = person{ name = "Alice" } end)

  it("are shown", function()
    alice:send("/start")
    assert.same({ "Option 1", "Option 2", "Option 3" }, alice:buttons())
  end)

  it("become what was pressed", function()
    alice:send("/start")
    alice:press("Option 2")
    assert.equal("Selected option: 2", alice:last().text)
    assert.same({}, alice:buttons())
  end)

  it("are explained", function()
    assert.equal("Use /start to test this bot.", alice:send("/help"):texts()[1])
  end)
end)
