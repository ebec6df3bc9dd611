-- /help, and the list of commands that Telegram shows.
describe("/help", function()
  it("has every command that has a description", function()
    local alice = person{ name = "Alice" }
    local text = alice:send("/help")[1].text
    local commands = bot:commands()
    assert.is_true(#commands >= 6)
    for _, c in ipairs(commands) do
      assert.match(("/%s: %s"):format(c.command, c.description), text, 1, true)
    end
  end)
end)
