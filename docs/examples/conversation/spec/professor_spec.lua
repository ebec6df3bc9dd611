describe("the professor", function()
  local alice
  before_each(function()
    alice = person{ name = "Alice" }
    alice:send("/start")
  end)

  it("asks four questions", function()
    assert.match("boy or a girl", alice:last().text)
    alice:press("Girl")
    assert.match("photo of yourself", alice:last().text)
    alice:send{ photo = true }
    assert.match("Gorgeous", alice:last().text)
    alice:send{ location = { latitude = 48.1, longitude = 11.6 } }
    assert.match("visit you sometime", alice:last().text)
    alice:send("I like bots.")
    assert.match("Thank you", alice:last().text)
  end)

  it("lets people skip", function()
    alice:press("Other")
    alice:send("/skip")
    assert.match("you look great", alice:last().text)
    alice:send("/skip")
    assert.match("bit paranoid", alice:last().text)
  end)

  it("asks again for what it did not get", function()
    alice:send("Neither")
    assert.match("choose one of the buttons", alice:last().text)
    alice:press("Boy")
    alice:send("no photo")
    assert.match("send me your photo, or /skip", alice:last().text)
  end)

  it("ends with /cancel", function()
    alice:press("Boy")
    alice:send("/cancel")
    assert.match("^Bye!", alice:last().text)
    assert.same({}, alice:send("hello?"):texts())
  end)
end)
