-- Each spec begins with the tables as the migrations left them, and with settings,
-- sequences and time as at the start.
describe("state", function()
  for i = 1, 3 do
    it("is as at the start, " .. i, function()
      local alice = person{ name = "Alice" }
      assert.same({}, db.query("SELECT * FROM notes"))
      assert.same({ { id = 1, name = "a", upper_name = "A" }, { id = 2, name = "b",
        upper_name = "B" } },
        db.query("SELECT * FROM kinds ORDER BY id"))
      assert.same({ { kind = 1 } }, db.query("SELECT * FROM a_of_kinds"))
      assert.same({ { n = 0 } }, db.query("SELECT count(*) AS n FROM audit"))
      assert.same({ { n = 0 } }, db.query("SELECT count(*) AS n FROM eternal"))
      assert.same({ { n = 0 } }, db.query("SELECT count(*) AS n FROM chat_configs"))
      assert.equal(5, alice.config.antiflood.max)
      assert.is_true(math.abs(clock:now() - os.time()) < 60)

      assert.same({ { id = 1 } },
        db.query("INSERT INTO notes (chat_id, text) VALUES ($1, $2) RETURNING id", alice.id, "x"))
      assert.equal(1, db.query("DELETE FROM notes").affected)
      db.query("INSERT INTO notes (chat_id, text) VALUES ($1, $2)", alice.id, nil)
      db.query("INSERT INTO kinds (name) VALUES ('c')")
      db.query("UPDATE kinds SET name = 'z' WHERE id = 1")
      db.query("DELETE FROM a_of_kinds")
      db.query("INSERT INTO eternal VALUES (1)")
      alice.config.antiflood.max = 50
      clock:advance("10d")
    end)
  end
end)

describe("settings", function()
  it("are the bot's at once when they are written by SQL", function()
    local alice = person{ name = "Alice" }
    assert.equal("max 5", alice:send("/max")[1].text)
    for max = 10, 15 do
      db.query([[INSERT INTO chat_configs (chat_id, config, version) VALUES ($1, $2, 0)
        ON CONFLICT (chat_id) DO UPDATE SET config = EXCLUDED.config]],
        alice.id, { antiflood = { max = max } })
      assert.equal("max " .. max, alice:send("/max")[1].text)
    end
  end)

  it("are read and written as in a script", function()
    local alice = person{ name = "Alice" }
    local antiflood = alice.config.antiflood
    assert.same({ "a" }, antiflood.words)
    antiflood.words = { "b", "c" }
    antiflood.weights = { heavy = 10 }
    antiflood.max = 7
    assert.same({ max = 7, words = { "b", "c" }, weights = { heavy = 10 } },
      { max = antiflood.max, words = antiflood.words, weights = antiflood.weights })
    local keys = {}
    for key in pairs(antiflood) do keys[#keys + 1] = key end
    table.sort(keys)
    assert.same({ "max", "weights", "words" }, keys)
    antiflood.max = nil
    assert.equal(5, antiflood.max)
    antiflood.words = {}
    assert.same({}, alice.config.antiflood.words)
    assert.error_matches(function() antiflood.max = 1000 end, "^antiflood.max: must be")
    assert.error_matches(function() antiflood.min = 1 end, "there is no setting \"antiflood.min\"")
    assert.error_matches(function() return alice.config.nothing end,
      "there is no setting \"nothing\"")
    assert.error_matches(function() alice.config = {} end, "assign the settings")
  end)
end)
