// require "http": requests of scripts, to servers of the test's own. They are on
// loopback, so the bot of most tests is allowed to reach 127.0.0.1, and nothing else.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import net from "node:net";
import path from "node:path";
import { tmpdir } from "node:os";
import { after, before, test } from "node:test";
import { gzipSync } from "node:zlib";
import { startBot, world } from "./lib/host.mjs";
import { alice, bob } from "./lib/simulator.mjs";
import { atEnd } from "./lib/program.mjs";

const place = world();

// Runs what it is sent, as a handler.
const script = `
local bot = require "bot"
for _, name in ipairs{ "http", "cjson", "time", "log" } do _G[name] = require(name) end
bot.command("run", function(ctx)
  local f = assert(load("local ctx = ... " .. ctx.match, "=run"))
  local ok, value = pcall(f, ctx)
  if not ok and type(value) == "table" then
    value = ("%s error, %s: %s"):format(value.kind, tostring(value.maybe_sent), tostring(value))
  end
  ctx:reply(tostring(value), { reply_parameters = { message_id = ctx.message.message_id } })
end)
bot.command("ping", function(ctx) ctx:reply("pong") end)
`;
const home = { "scripts/a.lua": script, "defaults/x.lua": "return { n = 0 }" };
const env = { PACE_CHAT_BURST: "1000", PACE_BOT_PER_S: "1000", PACE_CHAT_PER_S: "1000", HTTP_MAX_MB: "6", HTTP_HOST_CONNECTIONS: "3" };

// The answer to the Lua text.
async function evaluate(host, lua, who = alice) {
  const { message } = await host.sim.send(who, `/run ${lua}`);
  const answer = (m) => m.from.is_bot && m.reply_to_message?.message_id === message.message_id;
  return (await host.sim.message(who, answer)).text;
}

/* ---- the servers ---- */

const seen = []; // requests of the plain server
let together = 0, most = 0;

function body(req) {
  return new Promise((resolve) => {
    const parts = [];
    req.on("data", (part) => parts.push(part));
    req.on("end", () => resolve(Buffer.concat(parts).toString()));
  });
}

const bomb = gzipSync(Buffer.alloc(64 << 20));

const pages = {
  echo: async (req, res) => {
    res.setHeader("X-Twice", ["a", "b"]);
    res.setHeader("Set-Cookie", ["x=1; Expires=Mon, 01 Jan 2029 00:00:00 GMT", "y=2"]);
    res.setHeader("Content-Type", "application/json");
    const { host, connection, ...headers } = req.headers;
    res.end(JSON.stringify({ method: req.method, url: req.url, headers, body: await body(req) }));
  },
  status: (req, res, url) => { res.statusCode = Number(url.searchParams.get("n")); res.end("said"); },
  to: (req, res, url) => {
    res.writeHead(Number(url.searchParams.get("n") ?? 302), { Location: url.searchParams.get("url") });
    res.end();
  },
  round: (req, res) => { res.writeHead(302, { Location: "/round" }); res.end(); },
  slow: (req, res) => { setTimeout(() => res.end("late"), 60000).unref(); },
  drip: (req, res) => {
    const timer = setInterval(() => res.write("."), 50);
    res.on("close", () => clearInterval(timer));
  },
  held: (req, res) => {
    most = Math.max(most, ++together);
    setTimeout(() => { together--; res.end("held"); }, 100);
  },
  huge: (req, res, url) => {
    const n = Number(url.searchParams.get("mb"));
    if (!url.searchParams.get("chunked")) res.setHeader("Content-Length", n << 20);
    let i = 0;
    const more = () => {
      while (i < n) if (!res.write(Buffer.alloc(1 << 20, String(i++ % 10)))) return void res.once("drain", more);
      res.end();
    };
    more();
  },
  packed: (req, res) => { res.setHeader("Content-Encoding", "gzip"); res.end(gzipSync("unpacked")); },
  bomb: (req, res) => { res.setHeader("Content-Encoding", "gzip"); res.end(bomb); },
  cut: (req, res) => { res.writeHead(200, { "Content-Length": 100 }); res.write("half"); setTimeout(() => res.destroy(), 20); },
  drop: (req, res) => res.destroy(),
  headers: (req, res) => { for (let i = 0; i < 40; i++) res.setHeader(`x-${i}`, "y".repeat(8000)); res.end(); },
};

const plain = http.createServer({ maxHeaderSize: 1 << 20 }, (req, res) => {
  const url = new URL(req.url, "http://x");
  seen.push(`${req.method} ${req.url}`);
  (pages[url.pathname.slice(1)] ?? pages.echo)(req, res, url);
});
let base, secure, host;
const endings = [];
const dir = mkdtempSync(path.join(tmpdir(), "moonpost-http."));

before(async () => {
  execFileSync("openssl", ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
    "-keyout", `${dir}/key.pem`, "-out", `${dir}/cert.pem`], { stdio: "ignore" });
  secure = https.createServer({ key: readFileSync(`${dir}/key.pem`), cert: readFileSync(`${dir}/cert.pem`) },
    (req, res) => res.end("secret"));
  for (const server of [plain, secure]) await new Promise((done) => server.listen(0, "127.0.0.1", done));
  base = `http://127.0.0.1:${plain.address().port}`;
});
after(async () => {
  for (const end of endings) await end();
  for (const server of [plain, secure]) { server.closeAllConnections(); server.close(); }
  rmSync(dir, { recursive: true, force: true });
});

// One bot for all tests that need no other setting.
async function bot(t) {
  host ??= await startBot({ after: (f) => endings.push(f) }, place, home, { env: { ...env, HTTP_ALLOW_PRIVATE: "127.0.0.1" } });
  return (lua, who) => evaluate(host, lua, who);
}

test("get: status, headers in any case, body, JSON", async (t) => {
  const run = await bot(t);
  assert.equal(await run(`local r = http.get("${base}/echo?a=1", { query = { q = "ü &", list = { 1, 2 }, on = true }, headers = { ["X-Mine"] = "yes" } })
    local j = r:json()
    return table.concat({ r.status, tostring(r.ok), r.headers["X-TWICE"], r.headers["content-type"], j.method, j.url, j.headers["x-mine"], j.headers["user-agent"], r.url == "${base}/echo?a=1&list=1&list=2&on=true&q=%C3%BC%20%26" and "url" or r.url, (r.headers["Set-Cookie"]:gsub("\\n", "|")) }, " ")`),
    "200 true a, b application/json GET /echo?a=1&list=1&list=2&on=true&q=%C3%BC%20%26 yes moonpost url x=1; Expires=Mon, 01 Jan 2029 00:00:00 GMT|y=2");
  assert.equal(await run(`local r = http.get("${base}/status?n=404") return r.status .. tostring(r.ok) .. r.body`), "404falsesaid");
  assert.equal(await run(`local r = http.head("${base}/echo") return r.status .. "[" .. r.body .. "]" .. r.headers["content-type"]`), "200[]application/json");
  assert.match(await run(`local v = http.get("${base}/status?n=200"):json() return v`), /^run:1: the answer of 127\.0\.0\.1:\d+ \(200\) is no JSON: /);
  assert.equal(await run(`return http.get("${base}/packed").body`), "unpacked");
});

test("post: json, form, text, nothing; every method", async (t) => {
  const run = await bot(t);
  const sent = (call) => run(`local j = ${call}:json() return table.concat({ j.method, j.headers["content-type"] or "-", j.headers["content-length"] or "-", j.body }, " ")`);
  assert.equal(await sent(`http.post("${base}/echo", { json = { a = { 1, 2 } } })`), `POST application/json 11 {"a":[1,2]}`);
  assert.equal(await sent(`http.post("${base}/echo", { form = { b = "x y", a = "ä&" } })`), "POST application/x-www-form-urlencoded 19 a=%C3%A4%26&b=x%20y");
  assert.equal(await sent(`http.post("${base}/echo", { body = "hi", type = "text/csv" })`), "POST text/csv 2 hi");
  assert.equal(await sent(`http.post("${base}/echo", { body = "hi", headers = { ["content-type"] = "a/b" } })`), "POST a/b 2 hi");
  assert.equal(await sent(`http.post("${base}/echo")`), "POST - 0");
  for (const method of ["PUT", "PATCH", "DELETE"]) {
    assert.equal(await sent(`http.${method.toLowerCase()}("${base}/echo", { json = {} })`), `${method} application/json 2 {}`);
  }
  assert.equal(await sent(`http.request{ method = "options", url = "${base}/echo" }`), "OPTIONS - -");
});

test("what an author did wrong is said at the line", async (t) => {
  const run = await bot(t);
  const wrong = {
    [`http.get("ftp://x/")`]: /^run:1: http\.get: "ftp:\/\/x\/" is no URL that begins with http/,
    [`http.get("/etc/passwd")`]: /^run:1: http\.get: .* is no URL/,
    [`http.get("http://x/a b")`]: /^run:1: http\.get: there is a space/,
    [`http.get(5)`]: /^run:1: http\.get: the URL must be a string, is a number/,
    [`http.get("${base}", { timout = 5 })`]: /^run:1: http\.get: there is no option timout \(timeout\?\)/,
    [`http.get("${base}", { timeout = "soon" })`]: /^run:1: http\.get: timeout: seconds, or/,
    [`http.get("${base}", { headers = { ["A B"] = "x" } })`]: /^run:1: http\.get: "A B" is no name of a header/,
    [`http.get("${base}", { headers = { A = "x\\r\\nEvil: 1" } })`]: /^run:1: http\.get: the header A has a line break/,
    [`http.get("${base}", { headers = { Host = {} , ["Content-Length"] = 5 } })`]: /^run:1: http\.get: Content-Length is not for scripts to set/,
    [`http.post("${base}", { json = {}, body = "" })`]: /^run:1: http\.post: only one of body and json/,
    [`http.post("${base}", { json = print })`]: /^run:1: http\.post: json: /,
    [`http.post("${base}", { form = { a = {{}} } })`]: /^run:1: http\.post: a: a table can't be sent/,
    [`http.get("${base}", { query = { "x" } })`]: /^run:1: http\.get: fields have names/,
    [`http.get("${base}", { sink = "../x" })`]: /^run:1: http\.get: sink: /,
    [`http.get("${base}", { follow = 21 })`]: /^run:1: http\.get: follow: .* 0 to 20/,
    [`http.request{ method = "CONNECT", url = "${base}" }`]: /^run:1: http\.request: method: /,
  };
  for (const [lua, pattern] of Object.entries(wrong)) assert.match(await run(lua), pattern, lua);
});

test("redirects: followed, counted, changed to GET where browsers do; secrets stay", async (t) => {
  const run = await bot(t);
  const to = (n, url = "/echo") => `${base}/to?n=${n}&url=${encodeURIComponent(url)}`;
  assert.equal(await run(`return http.get("${to(301)}").url`), `${base}/echo`);
  for (const [n, result] of [[301, "GET"], [302, "GET"], [303, "GET"], [307, "POST x"], [308, "POST x"]]) {
    assert.equal(await run(`local j = http.post("${to(n)}", { body = "x" }):json() return j.method .. (j.body == "" and "" or " " .. j.body)`), result, String(n));
  }
  assert.equal(await run(`local r = http.get("${to(302)}", { follow = 0 }) return r.status .. r.headers.location`), "302/echo");
  assert.match(await run(`return http.get("${base}/round", { follow = 3 })`), /^network error.*: GET 127\.0\.0\.1:\d+: redirected more than 3 times$/);
  assert.match(await run(`return http.get("${to(302, "file:///etc/passwd")}")`), /^network error.*redirected to what is neither http nor https$/);
  assert.equal(await run(`return http.get("${to(302)}", { headers = { Authorization = "me" } }):json().headers.authorization`), "me");
  const other = http.createServer(pages.echo);
  await new Promise((done) => other.listen(0, "127.0.0.1", done));
  atEnd(t, () => { other.closeAllConnections(); other.close(); });
  assert.equal(await run(`local h = http.get("${to(302, `http://127.0.0.1:${other.address().port}/`)}", { headers = { Authorization = "me", Cookie = "c", X = "x" } }):json().headers
    return tostring(h.authorization) .. tostring(h.cookie) .. h.x`), "nilnilx");
});

test("time: given up after the timeout, whatever moves; the bot goes on meanwhile", async (t) => {
  const run = await bot(t);
  const waiting = run(`local v = http.get("${base}/slow", { timeout = "1s" }) return v`);
  await host.sim.send(bob, "/ping");
  await host.sim.text(bob, "pong");
  assert.match(await waiting, /^timeout error, false: run:1: GET 127\.0\.0\.1:\d+: .*timed out/i);
  assert.match(await run(`return http.get("${base}/drip", { timeout = 0.5 })`), /^timeout error/);
  assert.match(await run(`return http.post("${base}/slow", { timeout = 2, body = "x" })`), /^timeout error, true: .*it may have been carried out/);
  assert.match(await run(`return http.get("${base}/drop")`), /^network error, false/);
  assert.match(await run(`return http.get("${base}/cut")`), /^network error, false/);
  assert.match(await run(`local v = http.get("http://127.0.0.1:1/") return v`), /^network error, false: run:1: GET 127\.0\.0\.1:1: .*connect/i);
});

test("size: 4 MiB as a string, more if it is said, HTTP_MAX_MB at most; bombs too", async (t) => {
  const run = await bot(t);
  const larger = (n) => new RegExp(`^network error.*answer larger than ${n} bytes$`);
  assert.equal(await run(`return #http.get("${base}/huge?mb=4").body`), String(4 << 20));
  assert.match(await run(`return http.get("${base}/huge?mb=5")`), larger(4 << 20));
  assert.match(await run(`return http.get("${base}/huge?mb=5&chunked=1")`), larger(4 << 20));
  assert.equal(await run(`return #http.get("${base}/huge?mb=6&chunked=1", { max_bytes = 1 << 30 }).body`), String(6 << 20));
  assert.match(await run(`return http.get("${base}/huge?mb=7", { max_bytes = 1 << 30 })`), larger(6 << 20));
  assert.match(await run(`return http.get("${base}/status?n=200", { max_bytes = 3 })`), larger(3));
  assert.match(await run(`return http.get("${base}/bomb")`), larger(4 << 20));
  assert.match(await run(`return http.get("${base}/headers")`), /^network error.*headers larger than 262144 bytes/);
});

test("sinks: into a file, in pieces to a function; what is no success is in the body", async (t) => {
  const run = await bot(t);
  const data = (name) => host.folder.path(`data/${name}`);
  assert.equal(await run(`local r = http.get("${base}/huge?mb=6", { sink = "in/six" }) return r.path .. r.size .. tostring(r.body)`), `data/in/six${6 << 20}nil`);
  assert.equal(readFileSync(data("in/six")).length, 6 << 20);
  assert.match(await run(`return http.get("${base}/huge?mb=7", { sink = "seven" })`), /answer larger than 6291456 bytes/);
  assert.match(await run(`return http.get("${base}/bomb", { sink = "seven" })`), /answer larger than 6291456 bytes/);
  assert.match(await run(`return http.get("${base}/cut", { sink = "seven" })`), /^network error/);
  assert.equal(await run(`local r = http.get("${base}/status?n=500", { sink = "seven" }) return r.status .. r.body .. tostring(r.path)`), "500saidnil");
  assert.equal(existsSync(data("seven")), false);
  assert.deepEqual(readdirSync(data(".part")), []);
  assert.equal(await run(`local n, most = 0, 0
    local r = http.get("${base}/huge?mb=3", { sink = function(piece) n, most = n + #piece, math.max(most, #piece) time.sleep(0.001) end })
    return n .. " " .. r.size .. tostring(most <= 65536)`), `${3 << 20} ${3 << 20}true`);
  assert.match(await run(`return http.get("${base}/huge?mb=3", { sink = function() error("enough") end })`), /enough/);
  assert.equal(await run(`local r = http.get("${base}/to?url=/status%3Fn=200", { sink = "small" }) return r.path .. r.size`), "data/small4");
});

test("many at once: no more than HTTP_HOST_CONNECTIONS to one host, and all are answered", async (t) => {
  const run = await bot(t);
  most = 0;
  const people = [alice, bob, 1003, 1001, 1002];
  await Promise.all(Array.from({ length: 4 }, (_, i) => people.slice(0, 3).map((who) => run(`return http.get("${base}/held").body`, who).then((said) => assert.equal(said, "held")))).flat());
  assert.ok(most <= 3 && most > 1, String(most));
});

test("what was assigned before is stored when the request leaves", async (t) => {
  const run = await bot(t);
  pages.look = async (req, res) => res.end(JSON.stringify((await place.database.query("SELECT config FROM chat_configs WHERE chat_id = $1", [alice]))[0].config));
  assert.equal(await run(`ctx.config.x.n = 7 return http.get("${base}/look").body`), `{"x":{"n":7}}`);
});

test("TLS: a certificate that nobody vouches for is refused", async (t) => {
  const run = await bot(t);
  assert.match(await run(`return http.get("https://127.0.0.1:${secure.address().port}/")`), /^network error.*certificate/i);
});

test("addresses that are not public are refused: names, redirects, other spellings", async (t) => {
  const own = await startBot(t, place, home, { env });
  const run = (lua) => evaluate(own, lua);
  const port = plain.address().port;
  seen.length = 0;
  const refused = /is not a public address, and HTTP_ALLOW_PRIVATE does not name it$/;
  for (const name of ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "0.0.0.0", "[::1]", "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "10.0.0.1", "169.254.169.254", "100.64.0.1", "192.168.1.1", "172.31.0.1", "224.0.0.1", "[fd00::1]", "[fe80::1]"]) {
    assert.match(await run(`return http.get("http://${name}:${port}/echo", { timeout = 5 })`), refused, name);
  }
  assert.deepEqual(seen, []);
  // HTTP_ALLOW_PRIVATE names the host localhost: not 127.0.0.1 by its number.
  const named = await startBot(t, place, home, { env: { ...env, HTTP_ALLOW_PRIVATE: "localhost" } });
  const there = `http://localhost:${port}`;
  assert.equal(await evaluate(named, `return http.get("${there}/status?n=200").body`), "said");
  assert.match(await evaluate(named, `return http.get("${there}/to?url=${encodeURIComponent(`${base}/echo`)}")`), refused);
  assert.match(await evaluate(named, `return http.get("${there}/to?url=${encodeURIComponent("http://[::1]/")}")`), refused);
});

test("no proxy of the environment is asked", async (t) => {
  let asked = 0;
  const proxy = net.createServer((socket) => { asked++; socket.destroy(); });
  await new Promise((done) => proxy.listen(0, "127.0.0.1", done));
  atEnd(t, () => proxy.close());
  const at = `http://127.0.0.1:${proxy.address().port}`;
  const own = await startBot(t, place, home, { env: { ...env, HTTP_ALLOW_PRIVATE: "127.0.0.0/8", http_proxy: at, all_proxy: at, no_proxy: "127.0.0.1" } });
  assert.equal(await evaluate(own, `return http.get("http://localhost:${plain.address().port}/status?n=200").body`), "said");
  assert.equal(asked, 0);
});

test("HTTP_ALLOW_PRIVATE that can't be read ends the start", async (t) => {
  const own = await startBot(t, place, home, { env: { ...env, HTTP_ALLOW_PRIVATE: "10.0.0.0/33" }, ready: false });
  assert.match(await own.fails(), /HTTP_ALLOW_PRIVATE: "10\.0\.0\.0\/33" is no name, address or network/);
});
