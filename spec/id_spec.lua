-- /id
describe("/id", function()
  local alice, bob, group
  before_each(function()
    group = chat.supergroup{ title = "Workshop" }
    alice = person{ name = "Alice", member_of = group }
    bob = person{ name = "Bob", member_of = group }
  end)

  it("says the chat's id and one's own", function()
    local reply = alice:send("/id", { to = group })[1]
    assert.equal(("Chat: %d\nYou: %d"):format(group.id, alice.id), reply.text)
    assert.equal("code", reply.entities[1].type) -- a tap copies it
  end)

  it("says whose message was replied to", function()
    bob:send("hello", { to = group })
    local reply = alice:reply(group:last(), "/id")[1]
    assert.match("Sender of that message: " .. bob.id, reply.text, 1, true)
  end)

  it("says nothing of a person in a channel", function()
    local owner = person{ name = "Olga" }
    local channel = chat.channel{ title = "News", owner = owner }
    assert.same({ "Chat: " .. channel.id }, owner:send("/id", { to = channel }):texts())
  end)
end)
