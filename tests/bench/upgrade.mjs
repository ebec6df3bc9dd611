// What upgrading every chat's config costs; started by bin/bench upgrade, which
// says what the options mean. Each round: a fresh table for each, one after the other.
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";

const here = dirname(fileURLToPath(import.meta.url));
const bot = join(here, "upgrade/bot");
const run = promisify(execFile);
const url = (name) => process.env.DATABASE_URL.replace("/postgres?", `/${name}?`);

// About 300 bytes. No value is its setting's default, so all of them are stored.
const config = `jsonb_build_object(
  'welcome', jsonb_build_object('enabled', false, 'delete_after', 10 + n % 50,
    'text', 'Welcome to our group, dear new member number ' || n),
  'antiflood', jsonb_build_object('max', n % 20, 'action', 'mute'),
  'language', 'en', 'rules', repeat('Be kind. ', 8), 'warn_limit', 4 + n % 6,
  'admins', jsonb_build_array(n, n + 1, n + 2))`;
const plainTable = (rows) => `CREATE TABLE chat_configs (chat_id BIGINT PRIMARY KEY, config JSONB);
  INSERT INTO chat_configs SELECT -1000000000000 - n, ${config} FROM generate_series(1, ${rows}) AS n`;
const change = `jsonb_set(jsonb_set(config #- '{welcome,enabled}' #- '{warn_limit}',
  '{welcome,on}', config #> '{welcome,enabled}'),
  '{warn}', jsonb_build_object('limit', config -> 'warn_limit'))`;
// as one statement of the host's would, so that no trigger has more to do
const floor = `UPDATE chat_configs SET config = ${change}, version = 2, revision = revision + 1,
  updated_at = now(), changed_by = 'floor', changed_xid = pg_current_xact_id()`;
const sum = "SELECT md5(string_agg(md5(config::text), '' ORDER BY chat_id)) FROM chat_configs";

async function sql(database, ...commands) {
  const args = ["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", url(database)];
  const { stdout } = await run("psql", [...args, ...commands.flatMap((c) => ["-c", c])]);
  return stdout.trim();
}

// A database with so many rows, at rest.
async function fresh(options, rows, tables) {
  await sql("postgres", "DROP DATABASE IF EXISTS bench", "CREATE DATABASE bench");
  await sql("bench", plainTable(rows));
  if (tables) await run(options.moonpost, ["migrate", bot, "--only-schema"], { env: env() });
  await sql("bench", "VACUUM ANALYZE chat_configs", "CHECKPOINT");
}

const env = () => ({ ...process.env, DATABASE_URL: url("bench"), LOG_LEVEL: "warn" });

// Peak memory and CPU time, as long as it runs.
function look(pid, seen) {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8").replace(/^.*\) /, "").split(" ");
    seen.rss_mb = Number(status.match(/VmHWM:\s+(\d+)/)[1]) / 1024;
    seen.cpu_s = (Number(stat[11]) + Number(stat[12])) / 100;
  } catch {
    // it has just ended
  }
}

async function timed(command, args) {
  const seen = {};
  const began = process.hrtime.bigint();
  const child = spawn(command, args, { env: env(), stdio: ["ignore", "pipe", "inherit"] });
  const timer = setInterval(() => look(child.pid, seen), 20);
  let said = "";
  child.stdout.on("data", (data) => (said += data));
  const [code] = await once(child, "close");
  seen.seconds = Number(process.hrtime.bigint() - began) / 1e9;
  clearInterval(timer);
  if (code !== 0) throw new Error(`${command} ${args[0]} ended with ${code}: ${said}`);
  return { ...seen, said };
}

const ways = {
  async moonpost(options, rows = options.rows) {
    await fresh(options, rows, true);
    const report = await timed(options.moonpost, ["migrate", bot]);
    if (!report.said.includes(`${rows.toLocaleString("en")} chats upgraded`)) throw new Error(report.said);
    return { ...report, rows, sum: await sql("bench", sum) };
  },
  async floor(options) {
    await fresh(options, options.rows, true);
    const report = await timed("psql", ["-X", "-q", url("bench"), "-c", floor]);
    return { ...report, rows: options.rows, sum: await sql("bench", sum) };
  },
  // the same in a table without history, index and triggers
  async bare(options) {
    await fresh(options, options.rows, false);
    const update = `UPDATE chat_configs SET config = ${change}`;
    const report = await timed("psql", ["-X", "-q", url("bench"), "-c", update]);
    return { ...report, rows: options.rows, sum: await sql("bench", sum) };
  },
  async python(options) {
    await fresh(options, options.python, false);
    const report = await timed("/usr/bin/python3", [join(here, "upgrade/loop.py"), url("bench")]);
    return { ...report, rows: options.python, seconds: Number(report.said) };
  },
};

function readOptions() {
  const text = { type: "string" };
  const { values } = parseArgs({
    options: { rows: text, python: text, rounds: text, build: text, json: text, log: text,
      relaxed: { type: "boolean" } },
  });
  const options = { rows: 1000000, python: 20000, rounds: 3, ...values };
  for (const name of ["rows", "python", "rounds"]) {
    options[name] = Number(options[name]);
    if (!Number.isInteger(options[name]) || options[name] < 1) throw new Error(`--${name} must be a whole number`);
  }
  options.moonpost = join(options.build, "moonpost");
  return options;
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

function table(reports) {
  const rate = (report) => report.rows / report.seconds;
  const base = median(reports.moonpost.map(rate));
  console.log("\nway       rows/s (min–max)              moonpost is  peak RSS MB  its CPU s");
  for (const [name, list] of Object.entries(reports)) {
    const rates = list.map(rate);
    const n = (value) => Math.round(value).toLocaleString("en");
    console.log([
      name.padEnd(8),
      `${n(median(rates))} (${n(Math.min(...rates))}–${n(Math.max(...rates))})`.padEnd(28),
      `${(base / median(rates)).toFixed(2)} ×`.padStart(11),
      Math.max(...list.map((report) => report.rss_mb)).toFixed(1).padStart(12),
      median(list.map((report) => report.cpu_s)).toFixed(2).padStart(10),
    ].join("  "));
  }
}

// As a server is by default: commits wait for the disk. bin/bench's own is relaxed.
async function durable() {
  for (const name of ["fsync", "synchronous_commit", "full_page_writes"]) {
    await sql("postgres", `ALTER SYSTEM SET ${name} = on`);
  }
  await sql("postgres", "ALTER SYSTEM SET max_wal_size = '1GB'", "SELECT pg_reload_conf()");
}

try {
  const options = readOptions();
  if (!options.relaxed) await durable();
  const reports = Object.fromEntries(Object.keys(ways).map((name) => [name, []]));
  for (let round = 0; round < options.rounds; round++) {
    for (const name of Object.keys(ways)) {
      const report = await ways[name](options);
      reports[name].push(report);
      console.log(`round ${round + 1} ${name}: ${report.rows} rows in ${report.seconds.toFixed(2)} s`);
    }
    const last = (name) => reports[name][round].sum;
    if (last("moonpost") !== last("floor")) throw new Error("moonpost and the floor differ in what they stored");
  }
  const few = await ways.moonpost(options, Math.max(1, options.rows / 10 | 0));
  table(reports);
  console.log(`\nmoonpost's peak RSS at ${few.rows} rows: ${few.rss_mb.toFixed(1)} MB`);
  const machine = { cpu: cpus()[0].model, cores: cpus().length, relaxed: Boolean(options.relaxed) };
  writeFileSync(options.json, `${JSON.stringify({ machine, reports, few }, null, 1)}\n`);
} catch (error) {
  console.error(`bin/bench upgrade: ${error.message}`);
  process.exitCode = 1;
}
