// The measuring itself; started by bin/bench one, which says what the options mean.
import { writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { profile } from "./profile.mjs";
import { bots, makeTemplate, mistakes, runOnce } from "./runs.mjs";

const numbers = { updates: 20000, chats: 10000, rounds: 3, "delay-ms": 0, rate: 0, wait: 60 };
const texts = { only: "", build: "", log: "", json: "", tool: "", other: "" };

function readOptions() {
  const options = {};
  for (const name of [...Object.keys(numbers), ...Object.keys(texts)]) {
    options[name] = { type: "string" };
  }
  const { values, positionals } = parseArgs({ options, allowPositionals: true });
  const read = { ...numbers, ...texts, ...values };
  for (const name of Object.keys(numbers)) {
    read[name] = Number(read[name]);
    if (!Number.isInteger(read[name]) || read[name] < 0) {
      throw new Error(`--${name} must be a whole number`);
    }
  }
  if (read.rate) read.wait = Math.max(read.wait, Math.ceil(read.updates / read.rate) + 30);
  read.profile = positionals[0] === "profile";
  if (positionals.length > (read.profile ? 1 : 0)) throw new Error(`what is ${positionals}?`);
  const usual = ["moonpost", "grammy", "telegram", "floor"].concat(read.other ? "other" : []);
  read.only = read.only ? read.only.split(",") : read.profile ? ["moonpost"] : usual;
  const unknown = read.only.find((name) => !bots[name]);
  if (read.only.includes("other") && !read.other) throw new Error("--other FILE is missing");
  if (unknown) throw new Error(`--only ${unknown}: there are ${Object.keys(bots).join(", ")}`);
  return read;
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

function summary(name, reports) {
  const of = (get) => median(reports.map(get));
  const us = reports.map((report) => report.cpu_us_per_update);
  return {
    bot: name,
    cpu_us: median(us),
    cpu_us_min: Math.min(...us),
    cpu_us_max: Math.max(...us),
    per_second: of((report) => report.right / report.seconds),
    p50_ms: of((report) => report.latency_ms.p50),
    p99_ms: of((report) => report.latency_ms.p99),
    rss_idle_mb: of((report) => report.rss_idle_mb),
    rss_peak_mb: Math.max(...reports.map((report) => report.rss_peak_mb)),
    mistakes: bots[name].unchecked
      ? "not checked"
      : reports.map(mistakes).filter(Boolean).join("; ") || "none",
  };
}

function table(rows, base) {
  const head = ["bot", "CPU µs/update", "(min–max)", "ratio", "updates/s", "p50 ms", "p99 ms",
    "RSS idle", "peak MB", "mistakes"];
  const lines = rows.map((row) => [
    row.bot,
    row.cpu_us.toFixed(1),
    `${row.cpu_us_min.toFixed(1)}–${row.cpu_us_max.toFixed(1)}`,
    (row.cpu_us / base.cpu_us).toFixed(2),
    row.mistakes === "not checked" ? "" : row.per_second.toFixed(0),
    row.mistakes === "not checked" ? "" : row.p50_ms.toFixed(1),
    row.mistakes === "not checked" ? "" : row.p99_ms.toFixed(1),
    row.rss_idle_mb.toFixed(1),
    row.rss_peak_mb.toFixed(1),
    row.mistakes,
  ]);
  const widths = head.map((_, i) => Math.max(...[head, ...lines].map((line) => line[i].length)));
  for (const line of [head, ...lines]) {
    const cells = line.map((cell, i) =>
      i === 0 || i === 9 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]));
    console.log(cells.join("  ").trimEnd());
  }
}

async function measure(options) {
  const reports = Object.fromEntries(options.only.map((name) => [name, []]));
  for (let round = 0; round < options.rounds; round++) {
    // another one begins each time: none always follows the same neighbour
    const turn = round % options.only.length;
    const order = [...options.only.slice(turn), ...options.only.slice(0, turn)];
    for (const name of order) {
      const quick = bots[name].unchecked ? { ...options, wait: Math.min(options.wait, 120) } : options;
      const report = await runOnce(name, quick);
      reports[name].push(report);
      const wrong = bots[name].unchecked ? "" : mistakes(report);
      console.log(
        `round ${round + 1} ${name}: ${report.cpu_us_per_update.toFixed(1)} µs an update, ` +
          `${report.seconds.toFixed(2)} s${wrong && `; ${wrong}: ${report.examples.join("; ")}`}`,
      );
    }
  }
  const rows = options.only.map((name) => summary(name, reports[name]));
  console.log(`\n${options.updates} updates over ${options.chats} chats, ${options.rounds} rounds`);
  table(rows, rows[0]);
  const { updates, chats, rounds, "delay-ms": delay_ms, rate } = options;
  const machine = { cpu: cpus()[0].model, cores: cpus().length, node: process.version };
  const all = { load: { updates, chats, rounds, delay_ms, rate }, machine, summary: rows, reports };
  writeFileSync(options.json, `${JSON.stringify(all, null, 1)}\n`);
  return rows.every((row) => row.mistakes === "none" || row.mistakes === "not checked");
}

try {
  const options = readOptions();
  await makeTemplate(options);
  if (options.profile) await profile(options);
  else if (!(await measure(options))) process.exitCode = 1;
} catch (error) {
  console.error(`bin/bench: ${error.message}`);
  process.exitCode = 1;
}
