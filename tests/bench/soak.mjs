// Does it grow? Thousands of updates a second for minutes; started by bin/bench soak.
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { makeTemplate, mistakes, runOnce } from "./runs.mjs";

// What RSS may grow by after the first minute, MB.
const GROWTH_MAX = 1;

function readOptions() {
  const text = { type: "string" };
  const { values } = parseArgs({
    options: { minutes: text, rate: text, "delay-ms": text, chats: text, build: text, log: text, json: text },
  });
  const options = { minutes: 10, rate: 2000, "delay-ms": 0, chats: 10000, ...values };
  for (const name of ["minutes", "rate", "delay-ms", "chats"]) {
    options[name] = Number(options[name]);
    if (!(options[name] >= 0)) throw new Error(`--${name} must be a number`);
  }
  if (options.minutes < 2 || options.rate < 1) throw new Error("at least 2 minutes and an update a second");
  return { ...options, updates: Math.round(options.minutes * 60 * options.rate) };
}

function look(pid) {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8").replace(/^.*\) /, "").split(" ");
  return {
    rss_mb: Number(status.match(/VmRSS:\s+(\d+)/)[1]) / 1024,
    descriptors: readdirSync(`/proc/${pid}/fd`).length,
    cpu_s: (Number(stat[11]) + Number(stat[12])) / 100,
  };
}

// Looks every second until told to stop; prints a line every half minute.
async function watch(pid, samples, state) {
  console.log("second   RSS MB  descriptors  CPU %");
  for (let second = 0; !state.done; second++) {
    samples.push({ second, ...look(pid) });
    if (second % 30 === 0) {
      const [last, before] = [samples.at(-1), samples.at(-31)];
      const cpu = before ? ((last.cpu_s - before.cpu_s) / 30) * 100 : 0;
      console.log([String(second).padStart(6), last.rss_mb.toFixed(2).padStart(7),
        String(last.descriptors).padStart(11), before ? cpu.toFixed(1).padStart(6) : ""].join("  "));
    }
    await sleep(1000);
  }
}

const most = (samples, get) => Math.max(...samples.map(get));

// The first minute against the rest of the time that there was load.
function judge(samples, options) {
  const loaded = samples.filter(({ second }) => second <= options.minutes * 60);
  const first = loaded.filter(({ second }) => second <= 60);
  const later = loaded.filter(({ second }) => second > 60);
  return {
    growth_mb: most(later, (s) => s.rss_mb) - most(first, (s) => s.rss_mb),
    more_descriptors: most(later, (s) => s.descriptors) - most(first, (s) => s.descriptors),
    peak_mb: most(loaded, (s) => s.rss_mb),
  };
}

try {
  const options = readOptions();
  const samples = [];
  const state = { done: false };
  let watching;
  await makeTemplate(options);
  const loaded = async (pid) => {
    watching = watch(pid, samples, state);
    return async () => {
      state.done = true;
      await watching;
    };
  };
  const report = await runOnce("moonpost",
    { ...options, wait: options.minutes * 60 + 60 }, { loaded });
  const verdict = judge(samples, options);
  const wrong = mistakes(report);
  console.log(`\n${report.right} answers right${wrong && `; ${wrong}: ${report.examples.join("; ")}`}`);
  console.log(`${report.cpu_us_per_update.toFixed(1)} µs of CPU an update; p50 ` +
    `${report.latency_ms.p50.toFixed(2)} ms, p99 ${report.latency_ms.p99.toFixed(2)} ms`);
  console.log(`RSS at most ${verdict.peak_mb.toFixed(2)} MB, after the first minute ` +
    `${verdict.growth_mb.toFixed(2)} MB more than in it; descriptors: ${verdict.more_descriptors} more`);
  const { latency_ms, cpu_us_per_update, right } = report;
  writeFileSync(options.json, `${JSON.stringify({ options, verdict, right, wrong, cpu_us_per_update, latency_ms, samples })}\n`);
  if (wrong || verdict.growth_mb >= GROWTH_MAX || verdict.more_descriptors > 0) process.exitCode = 1;
} catch (error) {
  console.error(`bin/bench soak: ${error.message}`);
  process.exitCode = 1;
}
