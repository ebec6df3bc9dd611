-- moonpost test: what people see, without Telegram.
describe("hello", function()
  local alice

  before_each(function() alice = person{ name = "Alice" } end)

  it("greets by name", function()
    alice:send("/start")
    assert.equal("Hello, Alice!", alice:last().text)
  end)

  it("keeps a chat's own greeting", function()
    alice:send("/greeting Welcome, {name}.")
    alice:send("/start")
    assert.equal("Welcome, Alice.", alice:last().text)
  end)
end)
