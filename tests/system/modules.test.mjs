// crypto, time and log: against node's own crypto and Intl.
import assert from "node:assert/strict";
import { createHash, createHmac, randomBytes } from "node:crypto";
import { after, test } from "node:test";
import { startBot, tokenOf, world } from "./lib/host.mjs";
import { alice } from "./lib/simulator.mjs";

const place = world();
const script = `
local bot = require "bot"
for _, name in ipairs{ "crypto", "time", "log", "cjson" } do _G[name] = require(name) end
bot.command("run", function(ctx)
  local f = assert(load("local ctx = ... " .. ctx.match, "=run"))
  local ok, value = pcall(f, ctx)
  ctx:reply(tostring(value), { reply_parameters = { message_id = ctx.message.message_id } })
end)
`;
const env = { PACE_CHAT_BURST: "1000", PACE_BOT_PER_S: "1000", PACE_CHAT_PER_S: "1000", LOG_LEVEL: "debug", SCRIPT_LINES_PER_S: "1000" };

let host;
const endings = [];
after(async () => { for (const end of endings) await end(); });

async function run(lua, more = {}) {
  host ??= await startBot({ after: (f) => endings.push(f) }, place, { "scripts/a.lua": script }, { env: { ...env, ...more } });
  const { message } = await host.sim.send(alice, `/run ${lua}`);
  const answer = (m) => m.from?.is_bot && m.reply_to_message?.message_id === message.message_id;
  return (await host.sim.message(alice, answer)).text;
}

const hex = (text) => `crypto.from_hex("${Buffer.from(text).toString("hex")}")`;

test("crypto: digests and encodings are node's", async () => {
  for (const text of ["a", "Grüße", Buffer.alloc(700, 7)]) {
    for (const name of ["md5", "sha1", "sha256", "sha512"]) {
      assert.equal(await run(`return crypto.${name}(${hex(text)})`), createHash(name).update(text).digest("hex"), name);
    }
    for (const name of ["sha1", "sha256", "sha512"]) {
      assert.equal(await run(`return crypto.hmac_${name}("key", ${hex(text)}, "base64")`), createHmac(name, "key").update(text).digest("base64"), name);
    }
  }
  assert.equal(await run(`return crypto.sha256("") .. #crypto.sha256("", "raw")`), `${createHash("sha256").digest("hex")}32`);
  for (let n = 1; n < 20; n++) {
    const bytes = randomBytes(n);
    for (const way of ["hex", "base64", "base64url"]) {
      const text = bytes.toString(way);
      assert.equal(await run(`return crypto.${way}(${hex(bytes)})`), text);
      assert.equal(await run(`return crypto.hex(crypto.from_${way === "base64url" ? "base64" : way}("${text}"))`), bytes.toString("hex"));
    }
  }
  for (const bad of ["a", "ab=c", "====", "a===", "!!!!", "aaaaa"]) assert.equal(await run(`return crypto.from_base64("${bad}")`), "nil", bad);
  for (const bad of ["a", "zz", "0x"]) assert.equal(await run(`return crypto.from_hex("${bad}")`), "nil", bad);
  assert.match(await run(`return crypto.sha256("x", "octal")`), /invalid option 'octal'/);
});

test("crypto: random values, comparing", async () => {
  assert.match(await run(`return crypto.uuid()`), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.equal(await run(`return #crypto.random(65536) .. #crypto.random(5, "hex") .. tostring(crypto.random(16) ~= crypto.random(16))`), "6553610true");
  assert.equal(await run(`local seen, min, max = {}, 99, -99 for _ = 1, 2000 do local n = crypto.integer(-2, 3) seen[n], min, max = true, math.min(n, min), math.max(n, max) end
    local all = 0 for _ in pairs(seen) do all = all + 1 end return all .. min .. max .. crypto.integer(7, 7) .. math.type(crypto.integer(math.mininteger, math.maxinteger))`), "6-237integer");
  assert.equal(await run(`return tostring(crypto.equal("abc", "abc")) .. tostring(crypto.equal("abc", "abd")) .. tostring(crypto.equal("a", "ab"))`), "truefalsefalse");
  assert.match(await run(`return crypto.random(65537)`), /0 to 65536/);
  assert.match(await run(`return crypto.integer(2, 1)`), /must not be less/);
});

// As https://core.telegram.org/bots/webapps says it is made.
function initData(fields, token) {
  const lines = Object.entries(fields).sort(([a], [b]) => (a < b ? -1 : 1)).map(([k, v]) => `${k}=${v}`).join("\n");
  const key = createHmac("sha256", "WebAppData").update(token).digest();
  return new URLSearchParams({ ...fields, hash: createHmac("sha256", key).update(lines).digest("hex") }).toString();
}

test("crypto: a Web App's initData and the login widget's fields, of this bot only", async () => {
  await run("return 1");
  const token = tokenOf(host.bot), now = Math.floor(Date.now() / 1000);
  const fields = { query_id: "AAH", user: JSON.stringify({ id: 7, first_name: "Bö & co" }), auth_date: String(now), signature: "x" };
  const check = (data, age = "") => run(`local t, why = crypto.check_web_app(${JSON.stringify(data)}${age}) return t and t.user.first_name .. t.user.id .. math.type(t.auth_date) .. t.query_id or why`);
  assert.equal(await check(initData(fields, token)), "Bö & co7integerAAH");
  assert.equal(await check(initData(fields, "1:other")), "the signature is not this bot's");
  assert.equal(await check(initData(fields, token).replace("AAH", "AAI")), "the signature is not this bot's");
  assert.equal(await check(initData({ ...fields, auth_date: String(now - 90000) }, token)), "it is too old");
  assert.equal(await check(initData({ ...fields, auth_date: String(now - 90000) }, token), ", 0"), "Bö & co7integerAAH");
  assert.equal(await check(initData({ ...fields, auth_date: "soon" }, token)), "auth_date is no number");
  assert.equal(await check("user=x"), "there is no hash or no auth_date in it");
  assert.equal(await check("what"), "it is no initData of a Web App");
  assert.equal(await check(`${initData(fields, token)}&user=evil`), "it is no initData of a Web App");
  const login = { id: 7, first_name: "Bö", auth_date: now };
  const lines = Object.entries(login).sort(([a], [b]) => (a < b ? -1 : 1)).map(([k, v]) => `${k}=${v}`).join("\n");
  const hash = createHmac("sha256", createHash("sha256").update(token).digest()).update(lines).digest("hex");
  const widget = (h) => run(`local t, why = crypto.check_login{ id = 7, first_name = "Bö", auth_date = ${now}, hash = "${h}" } return t and t.first_name or why`);
  assert.equal(await widget(hash), "Bö");
  assert.equal(await widget("0".repeat(64)), "the signature is not this bot's");
});

const zones = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "America/Sao_Paulo", "Africa/Casablanca",
  "Pacific/Chatham", "Asia/Tehran", "Europe/Dublin", "America/St_Johns", "Antarctica/Troll", "Pacific/Apia", "Asia/Tokyo"];

test("time: what the clocks show in many zones, now, before and later", async () => {
  const moments = [0, 1, -86400, 1e9, 1774746000, 1774749599, 1774749600, 1792890000, 1792893599, 1792893600, 951782400, 1709164800, 4102444800, 5000000000, 2e9, -1e9];
  for (let i = 0; i < 20; i++) moments.push(Math.floor(Math.random() * 4e9));
  for (const zone of zones) {
    // what Morocco will do is guessed anew from year to year: node may have an older guess
    const times = moments.filter((s) => zone !== "Africa/Casablanca" || s < 1672531200);
    const said = await run(`local out = {} for _, s in ipairs{ ${times} } do out[#out + 1] = time.format(s, "%Y-%m-%d %H:%M:%S", "${zone}") end return table.concat(out, "\\n")`);
    const format = new Intl.DateTimeFormat("sv-SE", { timeZone: zone, dateStyle: "short", timeStyle: "medium" });
    const wanted = times.map((s) => `${s} ${format.format(new Date(s * 1000)).replace(",", "")}`);
    assert.deepEqual(said.split("\n").map((line, i) => `${times[i]} ${line}`), wanted, zone);
    // and back again; an hour that is there twice is the first of them
    assert.equal(await run(`for _, s in ipairs{ ${times} } do local back = time.at(time.date(s, "${zone}"), "${zone}")
      if back ~= s and time.format(back, "%c", "${zone}") ~= time.format(s, "%c", "${zone}") then return s .. " " .. back end end return "all"`), "all", zone);
  }
  assert.equal(await run(`local d = time.date(1782900000, "+05:30") return table.concat({ d.year, d.month, d.day, d.hour, d.min, d.sec, d.wday, d.yday, d.offset, tostring(d.isdst), d.zone }, " ")`), "2026 7 1 15 30 0 4 182 19800 false +05:30");
  assert.equal(await run(`return time.format(1782900000, "%A, %-d %B %Y %H:%M %Z", "Europe/Berlin")`), "Wednesday, 1 July 2026 12:00 CEST");
  assert.equal(await run(`return time.at({ year = 2026, month = 3, day = 29, hour = 2, min = 30 }, "Europe/Berlin") .. " " .. time.at({ year = 2026, month = 14, day = 1 })`), "1774747800 1801440000");
  assert.match(await run(`local v = time.format(0, "%Y", "Mars/Base") return v`), /there is no time zone "Mars\/Base"/);
  assert.match(await run(`local v = time.format(0, "%Y", "../../etc/passwd") return v`), /there is no time zone/);
  assert.match(await run(`local v = time.format(0, "%Q") return v`), /"%Q": no such field/);
  assert.match(await run(`local v = time.format(1e13) return v`), /out of the years/);
});

test("time: spans, now, os.time", async () => {
  assert.equal(await run(`return table.concat({ time.parse("1h30m"), time.parse("2d"), time.parse(5), time.parse("250ms") }, " ")`), "5400 172800 5 0.25");
  assert.match(await run(`return time.parse("soon")`), /bad argument #1 to 'parse'/);
  const spans = { 0: "0 s", 59: "59 s", 60: "1 min", 5400: "1 h 30 min", 3601: "1 h", 90061: "1 d 1 h", 86405: "1 d", [-90]: "-1 min 30 s" };
  for (const [s, text] of Object.entries(spans)) assert.equal(await run(`return time.duration(${s})`), text, s);
  assert.equal(await run(`return time.duration(90061, 4) .. "|" .. time.duration(3599.9, 1)`), "1 d 1 h 1 min 1 s|59 min");
  assert.equal(await run(`local a = time.clock() time.sleep("50ms") local b = time.clock() - a return tostring(b >= 0.049 and b < 5 and math.abs(time.now() - os.time()) < 2)`), "true");
  assert.equal(await run(`return os.date("!%Y", 0) .. os.time{ year = 2000, month = 1, day = 1, hour = 12 } - os.time{ year = 2000, month = 1, day = 1, hour = 11 } .. type(os.clock()) .. #os.date()`), "19703600number24");
});

test("log: formats, fields, values of every kind", async () => {
  await run(`log.info("x %d%%", 5) log.warn("with", { user = 7, ["name"] = 'A "B"', list = { 1, 2 }, on = true }) log.error({ 1 } and "alone")
    log.debug("%s and fields", "text", { a = 1.5 }) log.info("a = b", { update = "mine", f = print }) log.info(5) return 1`);
  for (const line of [/info {2}bot: x 5% \(update=\d+ chat=1001\)/, /warn {2}bot: with \(update=\d+ chat=1001 list=\[1,2\] name="A \\"B\\"" on=true user=7\)/,
    /error bot: alone/, /debug bot: text and fields \(.* a=1\.5\)/, /bot: a = b \(chat=1001 f="?function.* update=mine\)/, /bot: 5 \(/]) assert.match(host.said, line);
  assert.match(await run(`local v = log.info("x", { ["a b"] = 1 }) return v`), /the name of a field is made of/);
  assert.match(await run(`local v = log.info("%d", "x") return v`), /number expected/);
});
