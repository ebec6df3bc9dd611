// Files of 50 MB, there and back, by the built program: its memory does not
// grow with them, and what breaks on the way leaves nothing half done.
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import http from "node:http";
import { test } from "node:test";
import { startBot, world } from "./lib/host.mjs";
import { alice } from "./lib/simulator.mjs";
import { atEnd, until } from "./lib/program.mjs";

const place = world();
const big = randomBytes(1 << 20);
const MiB = 50;
const sha = (bytes) => createHash("sha256").update(bytes).digest("hex");

// The most that was ever resident, in KiB.
const peak = (host) =>
  Number(readFileSync(`/proc/${host.child.pid}/status`, "utf8").match(/VmHWM:\s+(\d+)/)[1]);

const script = `
local bot = require "bot"
local function try(ctx, f, ...)
  local ok, e = pcall(f, ...)
  ctx:reply(ok and "done " .. tostring(e) or "failed: " .. tostring(e))
end
bot.command("up", "Send big.bin", function(ctx)
  local m = ctx.api.sendDocument{ chat_id = ctx.chat_id, document = bot.file("big.bin") }
  ctx:reply("id " .. m.document.file_id)
end)
bot.command("file", "Into a file", function(ctx)
  try(ctx, ctx.download, ctx, ctx.args[1], ctx.args[2])
end)
bot.command("count", "To a function", function(ctx)
  local n, most = 0, 0
  ctx:download(ctx.args[1], function(chunk)
    n, most = n + #chunk, math.max(most, #chunk)
  end)
  ctx:reply("counted " .. n .. " " .. most)
end)
bot.command("small", "As a string", function(ctx)
  try(ctx, function() return #ctx:download(ctx.args[1]) end)
end)
`;

// What the address sanitizer keeps of freed memory is not ours.
const asan = `${process.env.ASAN_OPTIONS ?? ""}:quarantine_size_mb=1`;
const env = { DOWNLOAD_MAX_MB: "60", FILE_TIMEOUT_S: "5", PACE_CHAT_BURST: "100", API_TIMEOUT_MS: "60000", ASAN_OPTIONS: asan };
const home = { "scripts/a.lua": script };

// The answer to a command, and nothing that was said before.
async function ask(host, text, fits) {
  const before = (await host.sim.said(alice)).length;
  await host.sim.send(alice, text);
  const what = { toString: () => `an answer to ${text}; it said:\n${host.said}` };
  const said = await until(what, async () =>
    (await host.sim.said(alice)).slice(before).find((t) => t && fits.test(t)));
  return said.match(fits);
}

const idle = (host) => existsSync(host.folder.path("data/.part")) ? readdirSync(host.folder.path("data/.part")) : [];

// As a server without the public one's limit of 20 MB. The simulator numbers
// its files.
async function getFile(req, res) {
  const body = [];
  for await (const d of req) body.push(d);
  const { file_id } = JSON.parse(Buffer.concat(body).toString());
  const number = file_id.match(/AAM(\d+)$/)?.[1];
  if (!number) {
    res.statusCode = 400;
    return res.end(JSON.stringify({ ok: false, error_code: 400, description: "Bad Request: invalid file_id" }));
  }
  const file_path = `documents/file_${number}.bin`;
  res.end(JSON.stringify({ ok: true, result: { file_id, file_unique_id: "u", file_path } }));
}

// Between the bot and the simulator: breaks what it is told to.
async function breaker(t) {
  const made = { cut: 0, stall: 0, lost: 0, files: 0 };
  const server = http.createServer((req, res) => {
    if (req.url.endsWith("/getFile")) return void getFile(req, res);
    const isFile = req.url.startsWith("/file/");
    const to = new URL(req.url, place.sim.base);
    made.files += isFile ? 1 : 0;
    if (req.url.endsWith("sendDocument") && made.lost > 0) {
      made.lost--;
      let n = 0;
      req.on("data", (d) => ((n += d.length) > 1 << 20 ? req.socket.destroy() : 0)).on("error", () => {});
      return;
    }
    const out = http.request(to, { method: req.method, headers: { ...req.headers, host: to.host } }, (from) => {
      res.writeHead(from.statusCode, from.headers);
      const mode = isFile && made.cut > 0 ? "cut" : isFile && made.stall > 0 ? "stall" : "";
      if (!mode) return void from.pipe(res);
      made[mode]--;
      let n = 0;
      from.on("data", (d) => {
        if (n > 100000) return;
        res.write(d);
        n += d.length;
        if (n > 100000 && mode === "cut") setTimeout(() => res.destroy(), 20);
      });
    });
    out.on("error", () => res.destroy());
    req.pipe(out);
  });
  await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
  atEnd(t, () => { server.closeAllConnections(); server.close(); });
  made.base = `http://127.0.0.1:${server.address().port}`;
  return made;
}

test("50 MB, up and down", async (t) => {
  const way = await breaker(t);
  const host = await startBot(t, place, home, { env, base: way.base });
  host.sim.base = place.sim.base;
  const all = Buffer.concat(Array.from({ length: MiB }, () => big));
  writeFileSync(host.folder.path("big.bin"), all);
  await ask(host, "/small none", /^failed: /); // all that is done once
  const before = peak(host);

  const [, id] = await ask(host, "/up", /^id (.*)/);
  const after = [["up", peak(host) - before]];
  await ask(host, `/file ${id} in/copy.bin`, /^done data\/in\/copy.bin$/);
  after.push(["to a file", peak(host) - before]);
  assert.equal(sha(readFileSync(host.folder.path("data/in/copy.bin"))), sha(all));
  const [, n, most] = await ask(host, `/count ${id}`, /^counted (\d+) (\d+)/);
  assert.equal(Number(n), all.length);
  assert.ok(Number(most) <= 65536);
  after.push(["to a function", peak(host) - before]);
  t.diagnostic(`peak over ${before} KiB: ${after.map(([what, kib]) => `${what} ${kib} KiB`).join(", ")}`);
  for (const [what, kib] of after) assert.ok(kib < 10 * 1024, `${what}: ${kib} KiB`);

  // five at once, and too large for a string
  await Promise.all([1, 2, 3, 4, 5].map((i) => host.sim.send(alice, `/file ${id} five/${i}.bin`)));
  await until("five files", async () =>
    (await host.sim.said(alice)).filter((s) => s?.startsWith("done data/five/")).length === 5);
  for (let i = 1; i <= 5; i++) assert.equal(statSync(host.folder.path(`data/five/${i}.bin`)).size, all.length);
  await ask(host, `/small ${id}`, /failed: .*larger than 4 MiB/);
  assert.deepEqual(idle(host), []);
});

test("names, sizes and ids that can't be", async (t) => {
  const host = await startBot(t, place, home, { env: { ...env, DOWNLOAD_MAX_MB: "1" } });
  const sent = await host.sim.sendFile(alice, "document", Buffer.alloc(2 << 20), "big.bin", { bot: host.bot });
  const id = (sent.message ?? sent).document.file_id;
  await ask(host, `/file ${id} ../x`, /failed: .*download: "\.\.\/x"/);
  await ask(host, `/file ${id} /tmp/x`, /failed: .*download: /);
  await ask(host, `/file ${id} x.bin`, /failed: .*larger than DOWNLOAD_MAX_MB=1/);
  await ask(host, `/file nothing x.bin`, /failed: .*invalid file_id/);
  assert.ok(!existsSync(host.folder.path("data/x.bin")));
  assert.deepEqual(idle(host), []);
});

test("connections that are cut", async (t) => {
  const way = await breaker(t);
  const host = await startBot(t, place, home, { env: { ...env, FILE_TIMEOUT_S: "1" }, base: way.base });
  host.sim.base = place.sim.base;
  writeFileSync(host.folder.path("big.bin"), Buffer.concat(Array(24).fill(big)));
  // More than fits into the sockets in between: less than all of an upload has no effect: it is sent again
  way.lost = 1;
  const [, id] = await ask(host, "/up", /^id (.*)/);
  assert.equal(way.lost, 0);
  way.cut = 2;
  await ask(host, `/file ${id} a.bin`, /^done data\/a.bin$/);
  assert.equal(statSync(host.folder.path("data/a.bin")).size, 24 << 20);
  way.stall = 1;
  await ask(host, `/file ${id} b.bin`, /^done data\/b.bin$/);
  way.cut = 3;
  await ask(host, `/file ${id} c.bin`, /^failed: /);
  assert.ok(!existsSync(host.folder.path("data/c.bin")));
  assert.deepEqual(idle(host), []);
  assert.ok(!host.said.includes("/file/bot"));
});
