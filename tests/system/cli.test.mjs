// The command line and the settings: usage, help, and what is said about each
// mistake before anything runs. One line that says what to do; exit status 1,
// or 2 for wrong usage.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createServer } from "node:net";
import { once } from "node:events";
import path from "node:path";
import { test } from "node:test";
import { environment, folder, Host, password, run, says, tokenOf } from "./lib/host.mjs";
import { atEnd, freePort, root } from "./lib/program.mjs";

const commands = ["run", "dev", "simulate", "migrate", "check", "types", "version"];
const nowhere = { url: "postgres://u@127.0.0.1:1/d", base: "http://127.0.0.1:1", bot: 7 };
const env = (more) => environment(nowhere, more);

// One line of complaint: that it is one, and that it says what it must.
async function complains(args, settings, pattern, status = 1) {
  const { code, said } = await run(args, settings);
  assert.equal(code, status, said);
  assert.match(said, pattern);
  assert.match(said, /^moonpost( \w+)?: [^\n]+\n$/, `not one line:\n${said}`);
}

test("without a command the commands are listed", { concurrency: false }, async () => {
  const { code, said } = await run([]);
  assert.equal(code, 2);
  for (const name of commands) assert.match(said, new RegExp(`^  ${name} +\\S`, "m"));
});

test("an unknown command", async () => {
  const { code, said } = await run(["fly"]);
  assert.equal(code, 2);
  assert.match(said, /^moonpost: there is no command "fly"\n\nUsage: /);
});

for (const name of commands) {
  test(`${name}: an unknown option, too many arguments`, async () => {
    await complains([name, "--frobnicate"], env(), new RegExp(`^moonpost ${name}: .*"--frobnicate".*moonpost ${name} --help`), 2);
    await complains([name, "x", "y"], env(), /unexpected argument "[xy]"/, 2);
  });

  test(`${name} --help`, async () => {
    const { code, said } = await run([name, "--help"], { PORT: "nonsense" });
    assert.match(said, /^Usage: moonpost [^\n]+\n\n[A-Z][^\n]+\.\n(\n|$)/); // what it does comes first
    assert.equal(code, 0, said);
    assert.match(said, new RegExp(`^Usage: moonpost ${name}`));
    assert.equal((await run([name, "-h"])).said, said);
    assert.equal((await run(["help", name])).said, said);
    assert.ok(name === "run" || said.split("\n").length < 40, said); // on one screen
    if (["dev", "migrate", "doctor", "test"].includes(name)) assert.match(said, /`moonpost run --help`/);
    if (name !== "run") return;
    for (const variable of ["BOT_TOKEN", "DATABASE_URL", "TELEGRAM_API_URL", "UPDATES_MAX", "STOP_TIMEOUT_S"])
      assert.match(said, new RegExp(`^  ${variable} +\\S.{10}`, "m"));
  });
}

test("help about all", async () => {
  const { code, said } = await run(["--help"]);
  assert.equal(code, 0);
  assert.match(said, /^Usage: moonpost COMMAND/);
  assert.deepEqual(await run(["help"]), await run(["--help"]));
  assert.equal((await run(["help", "config", "set"])).said, (await run(["config", "set", "--help"])).said);
  assert.match((await run(["help", "fly"])).said, /^moonpost: there is no command "fly"/);
});

test("bin/run: its help is plain text", () => {
  const { status, stdout, stderr } = spawnSync(path.join(root, "bin/run"), ["--help"], { encoding: "utf8" });
  assert.deepEqual([status, stderr], [0, ""]);
  assert.match(stdout, /^With `test`: .*`moonpost test`\.$/m);
});

test("the version", async () => {
  for (const args of [["version"], ["--version"]]) {
    const { code, said } = await run(args);
    assert.equal(code, 0);
    assert.match(said, /^moonpost \d+\.\d+\.\d+\n$/);
  }
});

test("a bad value of a setting names the variable and what it may hold", async () => {
  const bad = [
    ["PORT", "http", "0 to 65535"], ["PORT", "65536", "0 to 65535"], ["PORT", "-1", "0 to 65535"],
    ["LOG_LEVEL", "loud", "debug|info|warn|error"], ["LOG_FORMAT", "xml", "text|logfmt|json"],
    ["UPDATES_MAX", "0", "1 to 100000"], ["UPDATES_MAX_KB", "1e3", "64 to"], ["POLL_TIMEOUT_S", "51", "0 to 50"],
    ["API_TIMEOUT_MS", "99999999999999999999", "100 to"], ["TASK_TIMEOUT_S", "5s", "1 to"],
    ["DATABASE_PREPARE", "maybe", "on or off"], ["RELOAD", "2", "on or off"], ["STOP_TIMEOUT_S", "-1", "0 to 600"],
    ["LUA_MEMORY_MB", "0x10", "8 to"],
  ];
  await Promise.all(bad.map(async ([name, value, range]) => {
    const { code, said } = await run(["run"], env({ [name]: value }));
    assert.equal(code, 1, said);
    assert.ok(said.startsWith(`moonpost: ${name}=${value}: must be `), said);
    assert.ok(said.includes(range), said);
    assert.equal(said.split("\n").length, 2, said);
  }));
});

test("an empty setting is one that is not set", async (t) => {
  const { dir } = folder(t, { "scripts/a.lua": says("hi", "hi") });
  const { code, said } = await run(["check", dir], { PORT: "", LOG_LEVEL: "", RELOAD: "" });
  assert.equal(code, 0, said);
});

test("BOT_TOKEN", async (t) => {
  const { dir } = folder(t, { "scripts/a.lua": says("hi", "hi") });
  await complains(["run", dir], env({ BOT_TOKEN: "" }), /BOT_TOKEN is not set.*@BotFather/);
  const wrong = ["TheSecretOfTheTests", `x${tokenOf(7)}`, `0:TheSecretOfTheTests`, `${tokenOf(7)}\n`, `${tokenOf(7)}/../x`,
    "7:", ":TheSecretOfTheTests", `-7:TheSecretOfTheTests`, `99999999999999999999:TheSecretOfTheTests`];
  for (const token of wrong) await complains(["run", dir], env({ BOT_TOKEN: token }), /BOT_TOKEN.*must look like.*@BotFather/);
});

test("TELEGRAM_API_URL", async (t) => {
  const { dir } = folder(t, { "scripts/a.lua": says("hi", "hi") });
  const wrong = ["api.telegram.org", "ftp://api.telegram.org", "http://", "https:///x", "http://a b", "http://h?x=1", "http://127.0.0.1:99999",
    "http://127.0.0.1:x", "http://[::1", "http://user:ThePasswordOfTheTests@"];
  for (const url of wrong)
    await complains(["run", dir], env({ TELEGRAM_API_URL: url }), /TELEGRAM_API_URL.*must look like/);
});

for (const name of ["run", "dev", "migrate"]) {
  test(`${name}: DATABASE_URL`, async (t) => {
    const { dir } = folder(t, { "scripts/a.lua": says("hi", "hi") });
    const args = name === "dev" ? [name, dir, "--port", "0"] : [name, dir];
    const without = name === "dev" ? env({ BOT_TOKEN: "" }) : env();
    await complains(args, { ...without, DATABASE_URL: "" }, /DATABASE_URL is not set/);
    const wrong = [`mysql://u:${password}@h/d`, `postgres://u:${password}@x@h/d`, `postgres://u:${password}/y@h/d`,
      `postgres://u:${password}@h:port/d`, `postgres://u:${password}@h:99999/d`, `postgres://u:${password}@h/d?nonsense=1`,
      `postgres://u:${password}%zz@h/d`, password, `user=u password='${password} dbname=d`];
    for (const url of wrong) await complains(args, { ...without, DATABASE_URL: url }, /DATABASE_URL/);
  });
}

test("a folder that is none", async (t) => {
  const home = folder(t, { "scripts/a.lua": says("hi", "hi"), file: "x" });
  for (const name of ["run", "dev", "migrate", "check"]) {
    const args = name === "dev" ? ["--port", "0"] : [];
    const settings = name === "dev" ? env({ BOT_TOKEN: "" }) : env();
    await complains([name, home.path("missing"), ...args], settings, /missing is not a folder.*scripts\//);
    await complains([name, home.path("file"), ...args], settings, /file is not a folder/);
  }
  home.remove("scripts");
  await complains(["run", home.dir], env(), /scripts: No such file or directory.*handlers in scripts\//);
  await complains(["check", home.dir], env(), /scripts: No such file or directory/);
});

test("check", async (t) => {
  const home = folder(t, {
    "scripts/a.lua": says("hi", "hi"), "defaults/welcome.lua": "return { on = true, text = 'x' }",
    "migrations/config/0001_first.lua": "return function() end",
  });
  const good = await run(["check", home.dir]);
  assert.equal(good.code, 0);
  assert.match(good.said, /loads: 3 files, 1 handlers, 2 settings, 1 config upgrades/);
  home.write("scripts/b.lua", `${says("bye", "1")}\n${says("bye", "2")}`);
  const covered = await run(["check", home.dir]);
  assert.equal(covered.code, 0);
  assert.match(covered.said, /^\/bye of scripts\/b\.lua:\d comes after that of line 2, and runs only if that one calls next\(\)\n.*loads:/);
  home.write("scripts/b.lua", "local x =\n=");
  const bad = await run(["check", home.dir]);
  assert.equal(bad.code, 1);
  assert.match(bad.said, /^moonpost: scripts\/b\.lua:2: .*\n {2}2 \| =\n {4}\| \^\n$/);
});

test("a port that is taken", async (t) => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  atEnd(t, () => new Promise((closed) => { server.close(closed); }));
  const port = String(server.address().port);
  await complains(["simulate", "--port", port], {}, new RegExp(`${port}.*(in use|taken)`));
  const { dir } = folder(t, { "scripts/a.lua": says("hi", "hi") });
  await complains(["dev", dir, "--port", port], { DATABASE_URL: nowhere.url }, new RegExp(`${port}.*(in use|taken)`));
  const program = new Host(["simulate"], { env: { PORT: port } });
  const [, next] = await program.line(/http:\/\/127\.0\.0\.1:(\d+)/);
  assert.ok(Number(next) > Number(port) && Number(next) < Number(port) + 20, next);
  await program.stop();
  await complains(["simulate", "--port"], {}, /--port needs a number/, 2);
  await complains(["simulate", "--port", "80x"], {}, /--port needs a number/, 2);
});

test("SIGTERM, SIGINT and SIGHUP end the simulator", async () => {
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"]) {
    const program = new Host(["simulate", "--port", String(await freePort())]);
    await program.line(/http:/);
    program.kill(signal);
    assert.equal((await program.end()).code, 0);
  }
});
