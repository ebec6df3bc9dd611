// One run: a fresh database, a load server, one bot; what it cost.
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { startLoadServer } from "./load_server.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const run = promisify(execFile);

// Flood limits are on, and too high to matter: what they cost is measured, not
// how they slow a bot down.
const paceless = {
  PACE_BOT_PER_S: "1000000",
  PACE_CHAT_PER_S: "1000000",
  PACE_CHAT_BURST: "1000000",
  PACE_GROUP_PER_MIN: "1000000",
};
const moonpost = (program) => (o) => [program(o), "run", join(here, "moonpost")];

// unordered: it promises no order within a chat; unchecked: its texts are wrong on
// purpose; extra: only when named; updates: at most so many, it is slow; peer: the
// name that a table for readers has.
export const bots = {
  moonpost: { peer: "Moonpost", command: moonpost((o) => join(o.build, "moonpost")), env: paceless },
  other: { command: moonpost((o) => o.other), env: paceless, extra: true },
  grammy: {
    peer: "grammY, runner, in order",
    command: () => [process.execPath, join(here, "peers/grammy.mjs")],
  },
  "grammy-unordered": {
    peer: "grammY, runner, no order",
    command: () => [process.execPath, join(here, "peers/grammy.mjs"), "unordered"],
    unordered: true,
  },
  telegraf: {
    peer: "Telegraf, no order",
    command: () => [process.execPath, join(here, "peers/telegraf.mjs")],
    unordered: true,
  },
  python: {
    peer: "python-telegram-bot 13, no order",
    command: () => ["/usr/bin/python3", join(here, "peers/telegram_bot.py")],
    unordered: true,
    updates: 1000,
  },
  // without lanes: what overlaps or overtakes there is no mistake
  script: {
    command: (o) => [join(o.build, "tests/bench/bench_script"), join(here, "moonpost")],
    unordered: true,
    extra: true,
  },
  telegram: {
    command: (o) => [join(o.build, "tests/bench/bench_telegram")],
    unchecked: true,
    extra: true,
  },
  floor: {
    peer: "libcurl alone, no bot",
    command: (o) => [join(o.build, "tests/bench/bench_floor")],
    unchecked: true,
  },
};

const databaseUrl = (name) => process.env.DATABASE_URL.replace("/postgres?", `/${name}?`);

async function sql(database, ...args) {
  await run("psql", ["-X", "-q", "-v", "ON_ERROR_STOP=1", databaseUrl(database), ...args]);
}

// The database that every run gets a fresh copy of.
export async function makeTemplate(options) {
  const server = join(options.build, "tests/bench/bench_botapi");
  const { stdout } = await run(server, ["--sql", "--chats", String(options.chats)], {
    maxBuffer: 1 << 30,
  });
  await sql("postgres", "-c", "CREATE DATABASE bench_template");
  const psql = spawn("psql", ["-X", "-q", "-v", "ON_ERROR_STOP=1", databaseUrl("bench_template")], {
    stdio: ["pipe", "ignore", "inherit"],
  });
  psql.stdin.end(stdout);
  const [code] = await once(psql, "exit");
  if (code !== 0) throw new Error("psql could not load the chats' configs");
}

function memory(pid) {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const mb = (name) => Number(status.match(new RegExp(`^${name}:\\s+(\\d+) kB`, "m"))[1]) / 1024;
  return { now: mb("VmRSS"), peak: mb("VmHWM") };
}

async function until(condition, bot, what, seconds) {
  const end = Date.now() + seconds * 1000;
  while (!(await condition())) {
    if (bot.exitCode !== null || bot.signalCode) throw new Error(`it ended before ${what}`);
    if (Date.now() > end) throw new Error(`not after ${seconds} s: ${what}`);
    await sleep(20);
  }
}

async function end(child, signal = "SIGTERM", seconds = 10) {
  if (!child.pid || child.exitCode !== null || child.signalCode) return;
  const exited = once(child, "exit");
  child.kill(signal);
  const timer = setTimeout(() => child.kill("SIGKILL"), seconds * 1000);
  await exited;
  clearTimeout(timer);
}

let databases = 0;

// However this process ends, the bot that runs ends with it.
let running = null;
process.on("exit", () => running?.kill("SIGKILL"));
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => process.exit(130));

// Run bot name once. wrap(command) may put a profiler before it; loaded(pid) is
// called when it is idle and ready, and may return a function for when it is done.
export async function runOnce(name, options, { wrap = (c) => c, loaded = async () => {} } = {}) {
  const database = `bench_${++databases}`;
  await sql("postgres", "-c", `CREATE DATABASE ${database} TEMPLATE bench_template`);
  const server = await startLoadServer(join(options.build, "tests/bench/bench_botapi"), {
    updates: options.updates,
    chats: options.chats,
    "delay-ms": options["delay-ms"],
    rate: options.rate,
    batch: options.batch ?? 100,
  });
  const began = Date.now();
  const log = openSync(join(options.log, `bench-${name}.log`), "w");
  const [program, ...args] = wrap(bots[name].command(options));
  const bot = spawn(program, args, {
    stdio: ["ignore", log, log],
    env: {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      BOT_TOKEN: "123456:bench",
      TELEGRAM_API_URL: server.url,
      DATABASE_URL: databaseUrl(database),
      ...bots[name].env,
      ...options.env?.[name],
    },
  });
  closeSync(log);
  const started = once(bot, "spawn");
  running = bot;
  try {
    await started;
    await until(async () => (await server.status()).polling, bot, "it polled", 60);
    await sleep(500); // what start-up leaves behind, such as a garbage collection
    const idle = memory(bot.pid).now;
    const done = await loaded(bot.pid);
    await server.release(bot.pid);
    const report = await server.report(options.wait);
    if (bot.exitCode !== null || bot.signalCode) {
      throw new Error(`it ended half way, ${bot.signalCode ?? `status ${bot.exitCode}`}`);
    }
    const peak = memory(bot.pid).peak;
    if (done) await done();
    const start = { start_ms: (await server.status()).first_poll_ms - began };
    return { bot: name, ...report, ...start, rss_idle_mb: idle, rss_peak_mb: peak };
  } catch (error) {
    const said = readFileSync(join(options.log, `bench-${name}.log`), "utf8").trim();
    throw new Error(`${name}: ${error.message}\n${said.split("\n").slice(-20).join("\n")}`);
  } finally {
    await end(bot);
    running = null;
    await server.stop();
    await sql("postgres", "-c", `DROP DATABASE ${database} WITH (FORCE)`);
  }
}

// What was wrong with a run's answers; "": nothing.
export function mistakes(report) {
  const order = bots[report.bot].unordered ? [] : ["out_of_order", "overlapped"];
  return ["missing", "wrong", "duplicates", "strange", ...order]
    .filter((kind) => report[kind] > 0)
    .map((kind) => `${report[kind]} ${kind.replaceAll("_", " ")}`)
    .join(", ");
}
