-- Commands that nobody knows.
describe("an unknown command", function()
  it("is answered in private", function()
    assert.same({ "I don't know /dance. Send /help for what I can do." },
      person{ name = "Alice" }:send("/dance"):texts())
  end)

  it("is left alone in groups", function()
    local group = chat.group{ title = "Garden" }
    assert.same({}, person{ name = "Alice", member_of = group }:send("/dance",
      { to = group }):texts())
  end)
end)
