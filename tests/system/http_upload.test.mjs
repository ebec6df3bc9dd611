// require "http": what scripts send (forms, files, credentials), what is tried again, and
// what errors say. Forms are read by node's own parser.
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import http from "node:http";
import net from "node:net";
import { after, before, test } from "node:test";
import { startBot, world } from "./lib/host.mjs";
import { alice } from "./lib/simulator.mjs";
import { atEnd } from "./lib/program.mjs";

const place = world();
const sha = (bytes) => createHash("sha256").update(bytes).digest("hex");

// Runs what it is sent, as a handler.
const script = `
local bot = require "bot"
_G.bot = bot
for _, name in ipairs{ "http", "cjson", "parallel", "time" } do _G[name] = require(name) end
-- The object of an error as a text.
function told(ok, err)
  if ok or type(err) ~= "table" then return tostring(err) end
  return ("%s/%s/%s: %s"):format(err.kind, err.reason, tostring(err.maybe_sent), err.message)
end
bot.command("run", function(ctx)
  local f = assert(load("local ctx = ... " .. ctx.match, "=run"))
  local ok, value = pcall(f, ctx)
  ctx:reply(told(ok, value), { reply_parameters = { message_id = ctx.message.message_id } })
end)
`;
const photo = randomBytes(300000);
const home = { "scripts/a.lua": script, "data/x.jpg": photo, "data/list.csv": "a,b\r\n", "data/empty": "", "pictures/cat.png": "meow", "secret.env": "no" };
// What the address sanitizer keeps of freed memory is not ours.
const asan = `${process.env.ASAN_OPTIONS ?? ""}:quarantine_size_mb=1`;
const env = { PACE_CHAT_BURST: "1000", PACE_BOT_PER_S: "1000", PACE_CHAT_PER_S: "1000", HTTP_ALLOW_PRIVATE: "127.0.0.1", HTTP_TASK_CONNECTIONS: "2", ASAN_OPTIONS: asan };

/* ---- the server ---- */

async function body(req) {
  const parts = [];
  for await (const part of req) parts.push(part);
  return Buffer.concat(parts);
}

const times = {}; // requests, by the query's key
let together = 0, most = 0;

const pages = {
  async form(req, res) {
    assert.ok(req.headers["content-length"], "no chunks");
    const form = await new Response(await body(req), { headers: { "content-type": req.headers["content-type"] } }).formData();
    const entries = [];
    const quotes = (text) => text.replaceAll("%22", '"'); // which node 18's parser leaves as they are
    for (const [sent, value] of form) {
      const name = quotes(sent);
      if (typeof value === "string") entries.push([name, value]);
      else entries.push([name, quotes(value.name), value.type, sha(Buffer.from(await value.arrayBuffer()))]);
    }
    res.end(JSON.stringify(entries));
  },
  async raw(req, res) {
    const hash = createHash("sha256");
    let size = 0;
    for await (const part of req) { hash.update(part); size += part.length; }
    res.end(JSON.stringify([req.method, req.headers["content-type"], req.headers["content-length"], size, hash.digest("hex")]));
  },
  headers(req, res) {
    res.setHeader("Set-Cookie", ["id=a=b; Path=/; HttpOnly", "empty=", "last=1"]);
    res.end(JSON.stringify([req.headers.authorization ?? null, req.headers.cookie ?? null, req.rawHeaders.filter((v, i) => /^x-list$/i.test(req.rawHeaders[i - 1]))]));
  },
  agent(req, res) {
    res.end(JSON.stringify(req.rawHeaders.filter((v, i) => /^user-agent$/i.test(req.rawHeaders[i - 1]))));
  },
  // The first ?bad= of a ?key= go wrong.
  async wobbly(req, res, url) {
    const get = (name) => url.searchParams.get(name);
    const n = times[get("key")] = (times[get("key")] ?? 0) + 1;
    const sent = await body(req);
    if (n > Number(get("bad"))) return res.end(`${req.method} ${n} ${sent.length}`);
    if (get("how") === "drop") return res.destroy();
    if (get("how") === "hang") return;
    if (get("how") === "cut") {
      res.writeHead(200, { "Content-Length": 1e6 });
      res.write("half");
      return setTimeout(() => res.destroy(), 20);
    }
    if (get("how") === "late") { // a function gets 64 KiB before it can break
      res.writeHead(200, { "Content-Length": 1e6 });
      return res.write(Buffer.alloc(200000, "x"), () => res.destroy());
    }
    if (get("after")) res.setHeader("Retry-After", get("after"));
    res.statusCode = Number(get("how"));
    res.end("busy");
  },
  to(req, res, url) {
    req.resume();
    res.writeHead(Number(url.searchParams.get("n")), { Location: url.searchParams.get("url") }).end();
  },
  held(req, res) {
    most = Math.max(most, ++together);
    setTimeout(() => { together--; res.end("held"); }, 100);
  },
  hang() {},
};

const server = http.createServer((req, res) => {
  const url = new URL(req.url, "http://x");
  Promise.resolve(pages[url.pathname.slice(1)](req, res, url)).catch((e) => { res.statusCode = 500; res.end(String(e.stack)); });
});
let base, host;
const endings = [];

before(async () => {
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  base = `http://127.0.0.1:${server.address().port}`;
});
after(async () => {
  for (const end of endings) await end();
  server.closeAllConnections();
  server.close();
});

async function evaluate(at, lua) {
  const { message } = await at.sim.send(alice, `/run ${lua}`);
  const answer = (m) => m.from.is_bot && m.reply_to_message?.message_id === message.message_id;
  return (await at.sim.message(alice, answer, 30000)).text;
}

// One bot for all tests that need no other setting.
async function bot() {
  host ??= await startBot({ after: (f) => endings.push(f) }, place, home, { env });
  return (lua) => evaluate(host, lua);
}

const json = async (text) => JSON.parse(await text);
const wobbly = (key, bad, how, more = "") => `${base}/wobbly?key=${key}&bad=${bad}&how=${how}${more}`;

/* ---- files ---- */

test("multipart: fields and files, from the folder and from memory, lists, any name", async () => {
  const run = await bot();
  const post = (options) => json(run(`return http.post("${base}/form", ${options}):check().body`));
  assert.deepEqual(await post(`{ form = { caption = "für dich\\r\\n--", n = 5, list = { 1, true } }, files = {
      photo = { path = "data/x.jpg" },
      doc = { content = "one\\0two", filename = 'a "quoted" näme.txt', content_type = "text/plain" },
      both = { bot.file("pictures/cat.png"), { path = "data/list.csv", filename = "other.csv" } },
      none = { path = "data/empty" },
    } }`),
  [["caption", "für dich\r\n--"], ["list", "1"], ["list", "true"], ["n", "5"],
    ["both", "cat.png", "image/png", sha("meow")], ["both", "other.csv", "text/csv", sha("a,b\r\n")],
    ["doc", 'a "quoted" näme.txt', "text/plain", sha("one\0two")],
    ["none", "empty", "application/octet-stream", sha("")], ["photo", "x.jpg", "image/jpeg", sha(photo)]]);
  assert.deepEqual(await post(`{ form = { a = "b" }, files = {} }`), [["a", "b"]]);
  assert.deepEqual(await post(`{ files = { ['odd "name"'] = bot.file{ data = "x" } } }`), [['odd "name"', "file", "application/octet-stream", sha("x")]]);
  assert.deepEqual(await post(`{ files = { f = bot.file{ path = "data/x.jpg", name = "cat.jpg", type = "a/b" } } }`), [["f", "cat.jpg", "a/b", sha(photo)]]);
});

test("a file as the body; sent again after a 307, not after a 303", async () => {
  const run = await bot();
  const ask = (call) => json(run(`return ${call}:check().body`));
  const size = String(photo.length);
  assert.deepEqual(await ask(`http.put("${base}/raw", { body = { path = "data/x.jpg" } })`), ["PUT", "application/octet-stream", size, photo.length, sha(photo)]);
  assert.deepEqual(await ask(`http.put("${base}/raw", { body = bot.file("data/x.jpg"), type = "image/jpeg" })`), ["PUT", "image/jpeg", size, photo.length, sha(photo)]);
  assert.deepEqual(await ask(`http.post("${base}/raw", { body = { path = "data/empty" } })`), ["POST", "application/octet-stream", "0", 0, sha("")]);
  assert.deepEqual(await ask(`http.post("${base}/raw", { body = { content = "bytes" }, headers = { ["Content-Type"] = "x/y" } })`), ["POST", "x/y", "5", 5, sha("bytes")]);
  assert.deepEqual(await ask(`http.post("${base}/raw", { body = { path = "data/list.csv", content_type = "text/csv" } })`), ["POST", "text/csv", "5", 5, sha("a,b\r\n")]);
  assert.deepEqual(await ask(`http.post("${base}/raw", { body = bot.file{ path = "data/list.csv", type = "x/y" }, type = "a/b" })`), ["POST", "a/b", "5", 5, sha("a,b\r\n")]);
  assert.deepEqual(await ask(`http.post("${base}/to?n=307&url=/raw", { body = { path = "data/x.jpg" } })`), ["POST", "application/octet-stream", size, photo.length, sha(photo)]);
  assert.deepEqual(await ask(`http.post("${base}/to?n=308&url=/form", { files = { f = { path = "data/x.jpg" } } })`), [["f", "x.jpg", "image/jpeg", sha(photo)]]);
  assert.deepEqual((await ask(`http.post("${base}/to?n=303&url=/raw", { files = { f = { path = "data/x.jpg" } } })`)).slice(0, 4), ["GET", null, null, 0]);
  // The next request on the same connection is one like any other.
  assert.deepEqual(await ask(`http.post("${base}/raw", { body = "text" })`), ["POST", "text/plain; charset=utf-8", "4", 4, sha("text")]);
});

test("any method takes a body; what comes back may go into a file meanwhile", async () => {
  const run = await bot();
  const text = `{ method = M, url = "${base}/raw", body = { path = "data/list.csv" } }`;
  for (const method of ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]) {
    assert.deepEqual(await json(run(`return http.request${text.replace("M", `"${method}"`)}:check().body`)), [method, "application/octet-stream", "5", 5, sha("a,b\r\n")]);
  }
  assert.deepEqual(await json(run(`return http.patch("${base}/form", { files = { f = { path = "data/list.csv" } } }):check().body`)), [["f", "list.csv", "text/csv", sha("a,b\r\n")]]);
  assert.match(await run(`local r = http.head("${base}/raw", { body = "x" }) return r`), /^run:1: http\.head: a HEAD has no body/);
  assert.equal(await run(`return http.post("${base}/form", { files = { f = { path = "data/x.jpg" } }, sink = "form.json" }).path`), "data/form.json");
  assert.deepEqual(JSON.parse(readFileSync(host.folder.path("data/form.json"))), [["f", "x.jpg", "image/jpeg", sha(photo)]]);
  assert.equal(await run(`return http.get("${base}/held").body`), "held");
});

test("files that a script may not send, and other mistakes, are said at the line", async () => {
  const run = await bot();
  const wrong = {
    [`{ files = { f = { path = "/etc/passwd" } } }`]: /^run:1: http\.post: f: .*"\/etc\/passwd".*only files in the bot's folder/,
    [`{ files = { f = { path = "data/../../x" } } }`]: /^run:1: http\.post: f: .*only files in the bot's folder/,
    [`{ files = { f = { path = "data/nothing" } } }`]: /^run:1: http\.post: f: .*there is no such file/,
    [`{ files = { f = { path = "data" } } }`]: /^run:1: http\.post: f: .*there is no such file/,
    [`{ body = { path = "../x" } }`]: /^run:1: http\.post: body: .*only files in the bot's folder/,
    [`{ files = { f = "data/x.jpg" } }`]: /^run:1: http\.post: f: \{ path = … \}.* not a string/,
    [`{ files = { f = { name = "x" } } }`]: /^run:1: http\.post: f: there is no name; there are: path, content/,
    [`{ files = { f = { filename = "x" } } }`]: /^run:1: http\.post: f: one of path and content/,
    [`{ files = { f = { path = "data/x.jpg", content = "x" } } }`]: /^run:1: http\.post: f: one of path and content/,
    [`{ files = { f = ctx.api } }`]: /^run:1: http\.post: f: /,
    [`{ files = { f = ctx } }`]: /^run:1: http\.post: f: a userdata is no file/,
    [`{ files = { f = { content = 5 } } }`]: /^run:1: http\.post: f: content must be a string, is a number/,
    [`{ files = { f = { content = "x", filename = "a\\r\\nEvil: 1" } } }`]: /^run:1: http\.post: f: a line break.* name/,
    [`{ files = { f = { content = "x", content_type = "a/b\\r\\nEvil: 1" } } }`]: /^run:1: http\.post: f: a line break.* type/,
    [`{ files = { ["f\\r\\nEvil: 1"] = { content = "x" } } }`]: /^run:1: http\.post: a line break.* the name of a field/,
    [`{ files = { { content = "x" } } }`]: /^run:1: http\.post: fields have names/,
    [`{ files = {}, type = "a/b" }`]: /^run:1: http\.post: with files the Content-Type is/,
    [`{ body = "x", type = "a/b\\r\\nEvil: 1" }`]: /^run:1: http\.post: the header Content-Type has a line break/,
    [`{ files = {}, json = {} }`]: /^run:1: http\.post: only one of files and json/,
    [`{ body = 5 }`]: /^run:1: http\.post: body must be a string or a file, is a number/,
    [`{ auth = { user = "a:b" } }`]: /^run:1: http\.post: auth: .*no colon in user/,
    [`{ auth = { user = "a" }, bearer = "b" }`]: /^run:1: http\.post: only one of auth and bearer/,
    [`{ bearer = "b", headers = { AUTHORIZATION = "x" } }`]: /^run:1: http\.post: bearer and the header Authorization: only one/,
    [`{ bearer = "b\\nEvil: 1" }`]: /^run:1: http\.post: the header Authorization has a line break/,
    [`{ cookies = { a = "b; c=d" } }`]: /^run:1: http\.post: cookies: a has a sign/,
    [`{ retries = 11 }`]: /^run:1: http\.post: retries: a whole number from 0 to 10/,
    [`{ retries = 1.5 }`]: /^run:1: http\.post: retries: a whole number/,
    [`{ connect_timeout = 0 }`]: /^run:1: http\.post: connect_timeout: seconds/,
    [`{ try_timeout = "x" }`]: /^run:1: http\.post: try_timeout: seconds/,
  };
  for (const [options, pattern] of Object.entries(wrong)) assert.match(await run(`local r = http.post("${base}/form", ${options}) return r`), pattern, options);
  assert.match(await run(`local form = {} for i = 1, 257 do form["a" .. i] = 1 end local r = http.post("${base}/form", { form = form, files = {} }) return r`), /^run:1: http\.post: more than 256 fields and files/);
});

test("HTTP_SEND_MAX_MB: 50 MiB go, in little memory; a byte more does not", async (t) => {
  const own = await startBot(t, place, home, { env });
  const run = (lua) => evaluate(own, lua);
  const piece = randomBytes(1 << 20);
  own.folder.write("data/large", Buffer.concat(Array(50).fill(piece)));
  own.folder.write("data/larger", Buffer.concat([...Array(50).fill(piece), Buffer.from("x")]));
  const wanted = sha(readFileSync(own.folder.path("data/large")));
  await run(`return http.put("${base}/raw", { body = { path = "data/x.jpg" } }).status`);
  const peak = () => Number(readFileSync(`/proc/${own.child.pid}/status`, "utf8").match(/VmHWM:\s+(\d+)/)[1]);
  const first = peak();
  const raw = await json(run(`return http.put("${base}/raw", { body = { path = "data/large" } }):check().body`));
  assert.deepEqual(raw.slice(3), [50 << 20, wanted]);
  const form = await json(run(`return http.post("${base}/form", { files = { f = { path = "data/large" } } }):check().body`));
  assert.deepEqual(form, [["f", "large", "application/octet-stream", wanted]]);
  assert.ok(peak() - first < 16384, `grew by ${peak() - first} KiB`);
  const much = /^usage\/too_large\/nil: http\.\w+: 5242880[12] bytes are to be sent, more than HTTP_SEND_MAX_MB=50$/;
  assert.match(await run(`return http.put("${base}/raw", { body = { path = "data/larger" } })`), much);
  assert.match(await run(`return http.post("${base}/form", { form = { a = "x" }, files = { f = { path = "data/large" } } })`), much);
  const small = await startBot(t, place, home, { env: { ...env, HTTP_SEND_MAX_MB: "1" } });
  assert.equal(await evaluate(small, `return http.post("${base}/raw", { body = ("x"):rep(1 << 20) }).status`), "200");
  assert.match(await evaluate(small, `return http.post("${base}/raw", { body = ("x"):rep((1 << 20) + 1) })`), /^usage\/too_large\/nil: .*HTTP_SEND_MAX_MB=1$/);
});

test("a file that goes away on the way to the next try is an error of the system", async () => {
  const run = await bot();
  host.folder.write("data/gone", "x");
  pages.gone = async (req, res) => {
    await body(req);
    host.folder.remove("data/gone");
    res.writeHead(307, { Location: "/raw" }).end();
  };
  assert.match(await run(`return http.put("${base}/gone", { body = { path = "data/gone" } })`), /^system\/file\/false: PUT 127\.0\.0\.1:\d+: .*data\/gone: No such file/);
});

/* ---- headers ---- */

test("basic, bearer, cookies, several headers of one name; cookies that come", async () => {
  const run = await bot();
  const ask = (options) => json(run(`return http.get("${base}/headers", ${options}):check().body`));
  assert.deepEqual(await ask(`{ auth = { user = "Aladdin", password = "open sesame" } }`), ["Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", null, []]);
  assert.deepEqual(await ask(`{ auth = { user = "a" } }`), ["Basic YTo=", null, []]);
  assert.deepEqual(await ask(`{ bearer = "t0ken", cookies = { b = 2, a = "x y" }, headers = { ["X-List"] = { "1", "2" } } }`), ["Bearer t0ken", "a=x y; b=2", ["1", "2"]]);
  assert.deepEqual(await json(run(`return http.get("${base}/agent", { headers = { ["User-Agent"] = "" } }).body`)), [""]);
  assert.deepEqual(await json(run(`return http.get("${base}/agent").body`)), ["moonpost"]);
  assert.equal(await run(`local c = http.get("${base}/headers").cookies return c.id .. "|" .. c.empty .. "|" .. c.last`), "a=b||1");
  assert.equal(await run(`return tostring(next(http.get("${base}/held").cookies))`), "nil");
  const other = http.createServer(pages.headers);
  await new Promise((done) => other.listen(0, "127.0.0.1", done));
  endings.push(() => { other.closeAllConnections(); other.close(); });
  const there = encodeURIComponent(`http://127.0.0.1:${other.address().port}/`);
  assert.deepEqual(await json(run(`return http.get("${base}/to?n=302&url=${there}", { bearer = "t", cookies = { a = 1 } }).body`)), [null, null, []]);
});

test("headers: what a server chooses costs no more than its length", async (t) => {
  const run = await bot();
  let head = "";
  const odd = net.createServer((socket) => socket.on("error", () => {}).on("data", () => socket.end(`HTTP/1.1 200 OK\r\n${head}Content-Length: 2\r\n\r\nok`)));
  await new Promise((done) => odd.listen(0, "127.0.0.1", done));
  atEnd(t, () => odd.close());
  const get = (lines, value) => { head = lines; return run(`local r = http.get("http://127.0.0.1:${odd.address().port}/") return ${value}`); };
  const many = (sign, n = 60000) => sign.repeat(n);
  assert.equal(await get("X-A:  1 \t\r\nx-a:\r\nX-A: 2: 3\r\n", `r.headers["x-A"] .. "|"`), "1, , 2: 3|");
  assert.equal(await get(`X-A: a${many(" ")}b\r\n`, `#r.headers["X-A"]`), "60002");
  assert.equal(await get(`X-A: a\r\n ${many("b")}\r\n`, `r.headers["X-A"] .. r.body`), "aok");
  assert.equal(await get(many("X-A: a\r\n", 30000), `#r.headers["X-A"]`), String(30000 * 3 - 2));
  assert.equal(await get(`Set-Cookie: a${many(" ")};x\r\nSet-Cookie: b = 1 2 ; x\r\n`, `tostring(r.cookies.a) .. r.cookies.b`), "nil1 2");
  assert.equal(await get(`Set-Cookie: ${many("\v")};x\r\n`, `tostring(next(r.cookies))`), "nil");
  assert.equal(await get(`Set-Cookie: a=${many(" ")}b;x\r\n`, `r.cookies.a`), "b");
});

test("escape: one piece of a path, whatever is in it", async () => {
  const run = await bot();
  assert.equal(await run(`return http.escape("a b/ü?%&#~-_.") .. http.escape(5) .. http.escape("")`), `${encodeURIComponent("a b/ü?%&#~-_.")}5`);
  assert.match(await run(`local r = http.escape({}) return r`), /^run:1: http\.escape: a text is wanted, not a table/);
});

/* ---- errors ---- */

test("errors can be told apart", async (t) => {
  const run = await bot();
  const silent = net.createServer(() => {}), rude = net.createServer((socket) => socket.end("what?\r\n\r\n"));
  for (const one of [silent, rude]) {
    await new Promise((done) => one.listen(0, "127.0.0.1", done));
    atEnd(t, () => one.close());
  }
  const rudely = rude.address().port;
  const cases = {
    [`http.get("${base}/hang", { timeout = 0.3 })`]: /^timeout\/timeout\/false: /,
    [`http.post("${base}/hang", { timeout = 1, body = "x" })`]: /^timeout\/timeout\/true: /,
    [`http.get("http://127.0.0.1:1/")`]: /^network\/connect\/false: /,
    [`http.get("https://127.0.0.1:${server.address().port}/")`]: /^network\/tls\/false: /,
    [`http.get("http://127.0.0.1:${rudely}/")`]: /^network\/lost\/false: /,
    [`http.get("${wobbly("e1", 9, "drop")}")`]: /^network\/lost\/false: /,
    [`http.get("${wobbly("e2", 9, "cut")}", { sink = "cut" })`]: /^network\/lost\/false: /,
    [`http.get("http://192.168.1.1/")`]: /^network\/address\/false: GET 192\.168\.1\.1: 192\.168\.1\.1 is not a public address/,
    [`http.get("${base}/to?n=302&url=${encodeURIComponent("http://10.0.0.1/")}")`]: /^network\/address\/false: /,
    [`http.get("${base}/held", { max_bytes = 3 })`]: /^network\/too_large\/false: /,
    [`http.get("${base}/held", { max_bytes = 3, sink = "x" })`]: /^network\/too_large\/false: /,
    [`http.get("${base}/to?n=302&url=/held", { follow = 0 }):check()`]: /^status\/status\/nil: GET 127\.0\.0\.1:\d+: answered 302$/,
    [`http.get("${base}/to?n=302&url=gopher://x/")`]: /^network\/redirects\/nil: /,
  };
  for (const [call, pattern] of Object.entries(cases)) assert.match(await run(`return ${call}`), pattern, call);
  assert.equal(existsSync(host.folder.path("data/cut")), false);
  assert.equal(await run(`local ok, e = pcall(function() http.get("${wobbly("e3", 9, "500")}"):check() end)
    return e.kind .. e.status .. e.answer.body .. " " .. tostring(e)`), `status500busy run:1: GET ${base.slice(7)}: answered 500`);
  assert.equal(await run(`return http.get("${base}/held"):check().body .. http.head("${base}/held").method`), "heldHEAD");
});

/* ---- tries ---- */

test("retries: of what may pass and does no harm twice, and no more than that", async () => {
  const run = await bot();
  const tries = async (key, bad, how, method, options = "", more = "") => {
    const said = await run(`local r = http.${method}("${wobbly(key, bad, how, more)}", { retries = 2, ${options} }) return r.status .. " " .. r.body`);
    return [times[key], said];
  };
  assert.deepEqual(await tries("a", 2, "503", "get"), [3, "200 GET 3 0"]);
  assert.deepEqual(await tries("b", 9, "502", "get"), [3, "502 busy"]);
  assert.deepEqual(await tries("c", 1, "429", "put", `body = "xyz"`), [2, "200 PUT 2 3"]);
  assert.deepEqual(await tries("d", 1, "504", "delete"), [2, "200 DELETE 2 0"]);
  assert.deepEqual(await tries("e", 1, "500", "get"), [1, "500 busy"]);
  assert.deepEqual(await tries("f", 1, "503", "post", `body = "x"`), [1, "503 busy"]);
  assert.deepEqual(await tries("g", 1, "drop", "get"), [2, "200 GET 2 0"]);
  assert.deepEqual(await tries("h", 1, "drop", "put", `body = { path = "data/x.jpg" }`), [2, `200 PUT 2 ${photo.length}`]);
  const [posted, said] = await tries("i", 1, "drop", "post", `body = "x"`);
  assert.equal(posted, 1);
  assert.match(said, /^network\/lost\/true: /);
  assert.deepEqual(await tries("j", 1, "hang", "get", `try_timeout = 2`), [2, "200 GET 2 0"]);
  // What has come to nobody is sent again, whatever it is.
  assert.match(await run(`local t = time.clock() local ok, e = pcall(http.post, "http://127.0.0.1:1/", { retries = 1, body = "x" }) return e.reason .. tostring(time.clock() - t > 0.4)`), /^connecttrue$/);
});

test("retries: Retry-After says when, unless that is too late", async () => {
  const run = await bot();
  const ten = (key, bad, after, more = "") => run(`local r = http.get("${wobbly(key, bad, 503, `&after=${encodeURIComponent(after)}`)}", { retries = 10, ${more} }) return r.status .. r.body`);
  // Without it the pauses would be 31 seconds and more.
  assert.equal(await ten("ra", 10, "0", `timeout = "20s"`), "200GET 11 0");
  assert.equal(await ten("rb", 10, "Wed, 21 Oct 2015 07:28:00 GMT", `timeout = "20s"`), "200GET 11 0");
  assert.equal(await ten("rc", 1, "60", `timeout = "20s"`), "503busy");
  assert.equal(times.rc, 1);
  assert.equal(await ten("rd", 1, new Date(Date.now() + 3600000).toUTCString()), "503busy");
  assert.equal(times.rd, 1);
  assert.equal(await ten("re", 1, "soon"), "200GET 2 0");
  for (const [key, after] of [["rf", "9223372036854776"], ["rg", "9223372036854775807"], ["rh", "9".repeat(30)]]) {
    assert.equal(await ten(key, 1, after), "503busy"); // in milliseconds, or in seconds, it is no 64-bit number
    assert.equal(times[key], 1);
  }
});

test("retries: a file is whole, a function gets nothing twice", async () => {
  const run = await bot();
  assert.equal(await run(`local r = http.get("${wobbly("sa", 1, "cut")}", { retries = 1, sink = "in/again" }) return r.path .. r.size`), "data/in/again7");
  assert.equal(readFileSync(host.folder.path("data/in/again"), "utf8"), "GET 2 0");
  assert.match(await run(`local n = 0 http.get("${wobbly("sb", 1, "late")}", { retries = 2, sink = function(p) n = n + #p end })`), /^network\/lost\/false: /);
  assert.equal(times.sb, 1);
  assert.equal(await run(`local got = {} http.get("${wobbly("sc", 1, "503")}", { retries = 1, sink = function(p) got[#got + 1] = p end }) return table.concat(got)`), "GET 2 0");
});

/* ---- how many ---- */

test("HTTP_TASK_CONNECTIONS: no more of one run of a handler at once, and all are answered", async () => {
  const run = await bot();
  most = 0;
  assert.equal(await run(`local said = parallel.map({ 1, 2, 3, 4, 5, 6, 7 }, 7, function() return http.get("${base}/held").body end) return table.concat(said)`), "held".repeat(7));
  assert.equal(most, 2);
});
