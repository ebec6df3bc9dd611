describe("/digest", function()
  local alice, club
  before_each(function()
    alice = person{ name = "Alice" }
    club = chat.supergroup{ title = "Club", owner = alice }
  end)

  local function say(text) return alice:send(text, { to = club }):texts()[1] end

  it("comes each day at the chat's own time, also after a restart", function()
    assert.equal("Every day at 9:00, Asia/Tokyo.", say("/digest 9:00 Asia/Tokyo"))
    say("one") say("two")
    bot:restart()
    clock:advance("1d")
    assert.equal("Messages since the last digest: 2", club:last().text)
    local at = os.date("!%H:%M", club:last().date)
    assert.equal("00:00", at) -- UTC
    clock:advance("1d")
    assert.equal("Messages since the last digest: 0", club:last().text)
  end)

  it("is one, whatever is said, until it is off", function()
    say("/digest 9:00")
    say("/digest 10:30")
    assert.equal("No digests any more.", say("/digest off"))
    clock:advance("2d")
    assert.equal("No digests any more.", club:last().text)
  end)

  it("takes no time or zone that there is not", function()
    for _, wrong in ipairs{ "", "soon", "24:00", "9:60", "9:00 Berlin" } do
      assert.match("^A time and a place", say("/digest " .. wrong))
    end
  end)
end)
