// moonpost repl: a prompt in the bot that runs.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, statSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { describe, test } from "node:test";
import { assertDiscreet, startBot, world } from "./lib/host.mjs";
import { moonpost, until } from "./lib/program.mjs";
import { alice } from "./lib/simulator.mjs";

const place = world();
const script = `local bot = require "bot"
greeting = "hello"
bot.command("hi", "x", function(ctx) ctx:reply(greeting .. " " .. ctx.config.mood) end)
bot.command("boom", "x", function() error("on purpose") end)`;
const files = { "scripts/a.lua": script, "defaults/init.lua": `return { mood = "calm" }` };

async function start(t) {
  const db = await place.newDatabase(t);
  const socket = `/tmp/moonpost-repl-${process.pid}-${Math.random().toString(36).slice(2)}`;
  const host = await startBot(t, place, files, { url: db.url, env: { REPL_SOCKET: socket } });
  await until("the prompt can be reached", () => existsSync(socket));
  return { host, socket };
}

// What is typed, and what is said to it.
async function repl(socket, args, input = "") {
  const child = spawn(moonpost, ["repl", "--socket", socket, ...args],
    { env: { PATH: process.env.PATH, ASAN_OPTIONS: process.env.ASAN_OPTIONS ?? "" } });
  const said = { out: "", err: "" };
  child.stdout.setEncoding("utf8").on("data", (d) => { said.out += d; });
  child.stderr.setEncoding("utf8").on("data", (d) => { said.err += d; });
  child.stdin.on("error", () => {}); // it has ended
  child.stdin.end(input);
  const [code] = await once(child, "close");
  assertDiscreet(said.out + said.err);
  return { code, ...said };
}

describe("moonpost repl", () => {
  test("what is typed runs in the bot, and what it gives is shown", async (t) => {
    const { socket } = await start(t);
    assert.equal(statSync(socket).mode & 0o777, 0o600);
    const lines = [
      "1 + 1",
      "x = { 1, 'two', n = { deep = true } }",
      "x",
      "x[2], x.n",
      "greeting", // a script's own
      "for i = 1, 2 do",
      "  print(i)",
      "end",
      "api.getMe{}.is_bot",
      `config(${alice}).mood`,
      `config(${alice}).mood = "wild"`,
      `chat(${alice})`,
      "ctx.config.mood",
    ];
    const { code, out, err } = await repl(socket, [], `${lines.join("\n")}\n`);
    assert.equal(err, "");
    assert.deepEqual(out.trim().split("\n"), ["2", `{ 1, "two", n = { deep = true } }`, `"two"`, "{ deep = true }", `"hello"`, "1", "2",
      "true", `"calm"`, `"wild"`]);
    assert.equal(code, 0);
  });

  test("mistakes, and what takes too long, are told and harm nobody", async (t) => {
    const { host, socket } = await start(t);
    let { code, out, err } = await repl(socket, [], "nothing.at.all\n)\n'still ' .. 'there'\n");
    assert.equal(code, 1);
    assert.match(err, /input:1: attempt to index a nil value/);
    assert.match(err, /input:1: unexpected symbol near '\)'/);
    assert.equal(out, '"still there"\n');
    ({ code, err } = await repl(socket, ["-e", "while true do end"]));
    assert.equal(code, 1);
    assert.match(err, /computed for too long/);
    ({ code, err } = await repl(socket, ["-e", "if true then"]));
    assert.equal(code, 1);
    assert.match(err, /not complete/);
    await host.sim.send(alice, "/hi");
    await until("it answers", async () => (await host.sim.said(alice)).includes("hello calm"));
  });

  test("an update is run again", async (t) => {
    const { host, socket } = await start(t);
    const update = (text) => ({ update_id: 7, message: { message_id: 1, date: 1, text, from: { id: alice, is_bot: false, first_name: "Alice" },
      chat: { id: alice, type: "private", first_name: "Alice" }, entities: [{ type: "bot_command", offset: 0, length: text.length }] } });
    await host.sim.send(alice, "hello"); // so that the bot may write to her
    const file = host.folder.path("updates");
    writeFileSync(file, `${JSON.stringify({ update: update("/hi") })}\n${JSON.stringify(update("/boom"))}\nnonsense\n`);
    let { code, err } = await repl(socket, ["--update", file]);
    assert.equal(err, "");
    assert.equal(code, 0);
    await until("its answer", async () => (await host.sim.said(alice)).includes("hello calm"));
    ({ code, err } = await repl(socket, ["--update", file, "--line", "2"]));
    assert.equal(code, 1);
    assert.match(err, /scripts\/a\.lua:4: on purpose/);
    ({ code, err } = await repl(socket, ["--update", file, "--line", "3"]));
    assert.equal(code, 1);
    assert.match(err, /no update in line 3/);
    ({ code, err } = await repl(socket, ["--update", file, "--line", "9"]));
    assert.match(err, /no update in line 9/);
  });

  test("clients that are rude, or go away, harm nobody", async (t) => {
    const { host, socket } = await start(t);
    const rude = connect(socket);
    rude.on("error", () => {});
    let answer = "";
    rude.setEncoding("utf8").on("data", (d) => { answer += d; });
    rude.write(`nonsense\n{}\n{"update":{}}\n{"run":5}\n`);
    await until("four answers", () => answer.match(/"done"/g)?.length === 4);
    rude.write(`{"run":"require('time').sleep(1) print('late')"}\n`);
    rude.destroy();
    const big = connect(socket);
    big.on("error", () => {});
    big.write("x".repeat(3 << 20));
    await new Promise((closed) => big.on("close", closed));
    const { code, out } = await repl(socket, ["-e", "'there'"]);
    assert.equal(code, 0);
    assert.equal(out, '"there"\n');
    host.kill("SIGTERM");
    await host.succeeds();
    assert.ok(!existsSync(socket));
  });

  // a module that was kept would point to what is gone with the scripts before
  test("what was assigned goes with the scripts it is from", async (t) => {
    const { host, socket } = await start(t);
    const client = connect(socket);
    let said = "";
    client.setEncoding("utf8").on("data", (d) => { said += d; });
    const run = async (text) => {
      said = "";
      client.write(`${JSON.stringify({ run: text })}\n`);
      await until("an answer", () => said.includes('"done"'));
      return said.split("\n")[0];
    };
    await run("b = bot");
    assert.equal(await run("#b.settings()"), '{"text":"1"}');
    host.folder.write("scripts/a.lua", `${script}\nnewer = true`);
    await host.line(/reload: reloaded/);
    assert.equal(await run("newer, b"), '{"text":"true"}');
    assert.match(said, /"text":"nil"/);
    await run("b = bot");
    assert.equal(await run("#b.settings()"), '{"text":"1"}');
    client.destroy();
  });

  test("no bot, and a socket that another bot has", async (t) => {
    let { code, err } = await repl("/tmp/moonpost-nobody", ["-e", "1"]);
    assert.equal(code, 1);
    assert.match(err, /Does the bot run\?/);
    const { host, socket } = await start(t);
    const other = await startBot(t, place, files, { url: (await place.newDatabase(t)).url, env: { REPL_SOCKET: socket } });
    await other.line(/warn +repl: no prompt: .*another process listens there/);
    ({ code } = await repl(socket, ["-e", "1"]));
    assert.equal(code, 0);
    host.kill("SIGKILL");
    await host.ended;
    host.awaited = true;
    const next = await startBot(t, place, files, { url: (await place.newDatabase(t)).url, env: { REPL_SOCKET: socket } });
    ({ code } = await repl(socket, ["-e", "1"]));
    assert.equal(code, 0, next.said);
  });
});
