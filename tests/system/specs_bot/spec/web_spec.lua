-- Other sites, which are nobody's but the spec's.
describe("other sites", function()
  local alice
  before_each(function() alice = person{ name = "Alice" } end)
  local function weather() return alice:send("/weather Ulm")[1].text end

  it("answer what a spec says", function()
    web:answer("https://weather.example/now", { json = { degrees = 21 } })
    assert.equal("21 °C", weather())
    local request = web:requests()[1]
    assert.equal("GET", request.method)
    assert.equal("https://weather.example/now?town=Ulm", request.url)
    assert.equal("Bearer x", request.headers.authorization)
    assert.is_nil(request.json)
  end)

  it("answer what a function says, the last one that fits first", function()
    web:answer("^https://weather%.", { status = 500 })
    assert.equal("status 500", weather())
    web:answer("^http://127", function(request) return "got " .. request.json.text end)
    assert.equal("got hello", alice:send("/tell hello")[1].text)
    assert.same({ text = "hello" }, web:requests()[2].json)
    web:answer("https://weather.example/now?town=Ulm", { drop = true })
    assert.equal("nobody answers", weather())
  end)

  it("get forms and files, which a spec can look into", function()
    web:answer("https://files.example/new", function(request)
      return "got " .. #request.files.one.content
    end)
    assert.equal("got 4", alice:send("/upload")[1].text)
    local request = web:requests()[1]
    assert.same({ ["a \"name\""] = "b\r\n--c", list = { "1", "2" } }, request.form)
    assert.same({ filename = "1 \"x\".txt", content_type = "text/plain", content = "1\0\r\n" },
      request.files.one)
    assert.same({ "2", "" }, { request.files.two[1].content, request.files.two[2].content })
    assert.equal("a/b", request.files.two[1].content_type)
    web:answer("https://files.example/fields", "ok")
    assert.equal("ok", alice:send("/fields")[1].text)
    assert.same({ a = "1&2 +", b = { "x", "y" } }, web:requests()[2].form)
  end)

  it("are redirected within the spec, too", function()
    web:answer("https://weather.example/now",
      { status = 302, headers = { Location = "https://other.example/x" } })
    web:answer("https://other.example/x", { json = { degrees = 3 } })
    assert.equal("3 °C", weather())
    web:answer("https://other.example/x", { status = 307, headers = { Location = "../y?z=1" } })
    web:answer("https://other.example/y?z=1", { json = { degrees = 4 } })
    assert.equal("4 °C", weather())
  end)

  it("fail the spec when nothing is said", function()
    bot:expect_error("asked for GET https://weather.example/now%?town=Ulm, and no web:answer.*\n"
      .. 'web:answer%("https://weather.example/now", ')
    assert.equal("status 404", weather())
  end)

  it("fail the spec when a function does", function()
    bot:expect_error("web:answer: .*web_spec.lua:%d+: oh no")
    web:answer("^", function() error("oh no") end)
    assert.equal("status 500", weather())
  end)

  it("fail in all the ways that there are", function()
    local url, why = "https://weather.example/now"
    for _, how in ipairs{ "drop", "refused", "timeout" } do
      web:answer(url, { [how] = true })
      why = alice:send("/why Ulm")[1].text
      assert.matches(({ drop = "^network true", refused = "^network false .*refused",
        timeout = "^timeout true .*timed out" })[how], why)
    end
    assert.equal(3, #web:requests())
  end)

  it("are slow, by the clock of the spec", function()
    web:answer("https://weather.example/now", { json = { degrees = 9 }, slow = "5s" })
    assert.same({}, alice:send("/weather Ulm"))
    clock:advance("4s")
    assert.equal("/weather Ulm", alice:last().text)
    clock:advance("1s")
    assert.equal("9 °C", alice:last().text)
  end)

  it("are slower than the bot waits", function()
    web:answer("https://weather.example/now", { json = { degrees = 9 }, slow = "5m" })
    alice:send("/why Ulm")
    clock:advance("20s")
    assert.equal("/why Ulm", alice:last().text)
    clock:advance("20s")
    assert.match("^timeout true", alice:last().text)
  end)

  it("answer so often, and then as before", function()
    web:answer("https://weather.example/now", { json = { degrees = 9 } })
    web:answer("https://weather.example/now", { status = 503 }, 2)
    assert.equal("status 503", weather())
    assert.equal("status 503", weather())
    assert.equal("9 °C", weather())
  end)

  it("are slow while the bot ends", function()
    web:answer("https://weather.example/now", { json = { degrees = 9 }, slow = "5s" })
    alice:send("/weather Ulm")
  end)

  it("are forgotten from spec to spec", function()
    assert.same({}, (web:requests()))
    assert.error_matches(function() web:answer("x", { foo = 1 }) end, "there is no \"foo\"")
  end)
end)
