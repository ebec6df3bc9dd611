describe("moderation", function()
  local carol, bob, club
  before_each(function()
    club = chat.supergroup{ title = "Club", bot_admin = true }
    carol = person{ name = "Carol", owner_of = club }
    bob = person{ name = "Bob", member_of = club }
    bob:send("spam", { to = club })
  end)

  local function about_bob(text) return carol:reply(club:find("spam"), text):texts()[1] end

  it("mutes and unmutes", function()
    assert.equal("Bob is muted.", about_bob("/mute 10m"))
    assert.equal(1, #calls("restrictChatMember"))
    assert.equal("Bob may write again.", about_bob("/unmute"))
  end)

  it("bans", function()
    about_bob("/ban 3d")
    assert.equal("Bob is banned.", club:find("banned").text)
    assert.equal("kicked", club:member(bob).status)
  end)

  it("mutes after three warnings", function()
    assert.equal("Bob is warned: 1 of 3.", about_bob("/warn"))
    about_bob("/warn")
    assert.match("muted for 1h", about_bob("/warn"))
    assert.equal("Bob is warned: 1 of 3.", about_bob("/warn"))
  end)

  it("is for administrators only, and not against them", function()
    local function ban_carol(who) return who:send("/ban " .. carol.id, { to = club }):texts()[1] end
    assert.match("Only administrators", ban_carol(bob))
    assert.equal("That is an administrator.", ban_carol(carol))
  end)

  it("asks for whom", function()
    assert.match("Reply to a message", carol:send("/warn", { to = club }):texts()[1])
  end)
end)
