describe("echo", function()
  local alice
  before_each(function() alice = person{ name = "Alice" } end)

  it("says what it does", function()
    assert.match("exactly the same", alice:send("/start"):texts()[1])
    assert.match("exactly the same", alice:send("/help"):texts()[1])
  end)

  it("says what you say", function()
    assert.same({ "<b>Hello</b> & so on" }, alice:send("<b>Hello</b> & so on"):texts())
  end)

  it("leaves photos alone", function() assert.same({}, alice:send{ photo = true }:texts()) end)
end)
