-- /language
describe("/language", function()
  local carol, bob, group
  before_each(function()
    group = chat.supergroup{ title = "Workshop" }
    carol = person{ name = "Carol", owner_of = group }
    bob = person{ name = "Bob", member_of = group }
  end)

  it("changes what the chat is spoken to in", function()
    carol:send("/language", { to = group })
    assert.same({ "✓ English", "Deutsch" }, group:buttons())
    carol:press("Deutsch", { to = group })
    assert.equal("Ich spreche hier Deutsch.", group:last().text)
    assert.same({ "English", "✓ Deutsch" }, group:buttons())
    assert.equal("de", group.config.language.code)
    assert.equal("Hallo, Bob! Ich bin ein Bot, gemacht mit Moonpost.",
      bob:send("/start", { to = group })[1].text)
  end)

  it("is of that chat only", function()
    group.config.language.code = "de"
    assert.match("^Hello", bob:send("/start")[1].text)
  end)

  it("is for administrators", function()
    carol:send("/language", { to = group })
    bob:press("Deutsch", { to = group })
    assert.is_string(bob:alert())
    assert.equal("en", group.config.language.code)
  end)

  it("is for administrators in German, too: what the host says is in locales/de.lua", function()
    group.config.language.code = "de"
    carol:send("/language", { to = group })
    bob:press("English", { to = group })
    assert.equal("Das dürfen nur Administratoren.", bob:alert())
  end)

  it("changes nothing when that is what is spoken", function()
    carol:send("/language", { to = group })
    carol:press("✓ English", { to = group })
    assert.equal("I speak English here.", carol:toast())
    assert.equal("I speak English here.", group:last().text)
  end)
end)
