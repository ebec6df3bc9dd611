describe("members", function()
  local alice, bob, club
  before_each(function()
    club = chat.supergroup{ title = "Club", bot_admin = true }
    alice = person{ name = "Alice", owner_of = club }
    bob = person{ name = "Bob <3" }
  end)

  it("are greeted, and said goodbye to", function()
    bob:join(club, { by = alice })
    assert.equal("Bob <3 was added by Alice. Welcome!", club:find("Welcome").text)
    bob:leave(club)
    assert.match("^Bob <3 is no longer with us", club:find("no longer").text)
  end)

  it("know which chats the bot is in", function()
    local function shown() return alice:send("/show_chats", { to = club }):texts()[1] end
    alice:send("/start") -- a chat with the bot
    alice:block()
    assert.match("People: none.", shown(), 1, true)
    alice:unblock()
    assert.match("People: " .. alice.id, shown(), 1, true)
  end)
end)
