-- /settings, /set and /reset
describe("settings", function()
  local carol, bob, group
  before_each(function()
    group = chat.supergroup{ title = "Workshop" }
    carol = person{ name = "Carol", owner_of = group }
    bob = person{ name = "Bob", member_of = group }
  end)

  local function set(text) return carol:send(text, { to = group }):texts()[1] end

  it("are shown, each with its default", function()
    assert.match("welcome.enabled: true (default: true)", set("/settings"), 1, true)
  end)

  it("are set and taken back", function()
    assert.equal("welcome.enabled is now false", set("/set welcome.enabled off"))
    assert.is_false(group.config.welcome.enabled)
    assert.match("✎ welcome.enabled: false", set("/settings"), 1, true)
    assert.equal("welcome.enabled is back at its default: true", set("/reset welcome.enabled"))
    assert.is_true(group.config.welcome.enabled)
  end)

  it("are set by administrators only", function()
    bob:send("/set welcome.enabled off", { to = group })
    assert.is_true(group.config.welcome.enabled)
  end)

  it("say what is allowed", function()
    assert.match("must be", set("/set language.code fr"), 1, true)
    assert.match("no setting", set("/set nothing 1"), 1, true)
    assert.match("Send /set", set("/set"), 1, true)
  end)

  it("go with a group that becomes a supergroup", function()
    local small = chat.group{ title = "Small", owner = carol }
    carol:send("/set welcome.text Hi!", { to = small })
    small:migrate()
    assert.equal("Hi!", small.config.welcome.text)
  end)
end)
