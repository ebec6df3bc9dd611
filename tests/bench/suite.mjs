// Everything that docs/benchmarks.md has a table of; started by bin/bench.
import { readFileSync, writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { chart, table } from "./report.mjs";
import { bots, makeTemplate, mistakes, runOnce } from "./runs.mjs";

const docs = join(dirname(fileURLToPath(import.meta.url)), "../../docs");
const usual = ["moonpost", "grammy", "grammy-unordered", "telegraf", "python", "floor"];

// only: of these bots; slow: so many updates for a bot that has a limit of them.
const scenarios = {
  load: { title: "all at once", updates: 20000, rounds: 5 },
  far: {
    title: "a Bot API that answers after 20 ms",
    updates: 20000,
    "delay-ms": 20,
    rounds: 3,
    env: { moonpost: { API_CONNECTIONS: "256", POLL_PATIENCE_MS: "10" } },
    except: ["floor"],
  },
  light: { title: "200 updates a second", updates: 2000, rate: 200, rounds: 3, slow: 400, except: ["floor"] },
  backlog: { title: "100,000 updates waiting", updates: 100000, rounds: 2, only: ["moonpost"] },
};

function readOptions() {
  const text = { type: "string" };
  const flag = { type: "boolean", default: false };
  const { values } = parseArgs({
    options: { only: text, rounds: text, scenario: text, build: text, log: text, json: text,
      quick: flag, write: flag },
  });
  const rounds = values.rounds === undefined ? 0 : Number(values.rounds);
  const list = (value, known, what) => {
    const names = value ? value.split(",") : known;
    const unknown = names.find((name) => !known.includes(name));
    if (unknown) throw new Error(`--${what} ${unknown}: there are ${known.join(", ")}`);
    return names;
  };
  if (!Number.isInteger(rounds) || rounds < 0) throw new Error("--rounds must be a whole number");
  return {
    ...values,
    rounds,
    only: list(values.only, usual, "only"),
    scenario: list(values.scenario, Object.keys(scenarios), "scenario"),
    write: values.write || !(values.quick || values.only || values.scenario),
  };
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

function loadOf(name, scenario, options) {
  const share = options.quick ? 10 : 1;
  const most = bots[name].updates ? scenario.slow ?? bots[name].updates : Infinity;
  return {
    build: options.build,
    log: options.log,
    updates: Math.max(200, Math.min(scenario.updates / share, most)),
    chats: 10000,
    "delay-ms": scenario["delay-ms"] ?? 0,
    rate: scenario.rate ?? 0,
    wait: bots[name].unchecked ? 120 : 180,
    env: scenario.env,
  };
}

async function runScenario(key, options) {
  const scenario = scenarios[key];
  const names = (scenario.only ?? options.only).filter(
    (name) => options.only.includes(name) && !scenario.except?.includes(name));
  const rounds = options.rounds || (options.quick ? 1 : scenario.rounds);
  const reports = Object.fromEntries(names.map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    // another one begins each time: none always follows the same neighbour
    const turn = round % names.length;
    for (const name of [...names.slice(turn), ...names.slice(0, turn)]) {
      const report = await runOnce(name, loadOf(name, scenario, options));
      const wrong = bots[name].unchecked ? "" : mistakes(report);
      reports[name].push(report);
      console.log(`${key} ${round + 1} ${name}: ${report.cpu_us_per_update.toFixed(1)} µs an update, ` +
        `${report.seconds.toFixed(2)} s${wrong && `; ${wrong}: ${report.examples.join("; ")}`}`);
    }
  }
  return reports;
}

// Medians. A ratio is the median of the rounds' ratios to Moonpost's of the same round:
// the machine drifts, both with it.
function summary(name, reports, base) {
  const of = (get) => median(reports.map(get));
  const us = reports.map((report) => report.cpu_us_per_update);
  return {
    cpu_us: median(us),
    cpu_us_range: [Math.min(...us), Math.max(...us)],
    ratio: base ? median(us.map((value, i) => value / base[i].cpu_us_per_update)) : null,
    per_second: of((report) => report.right / report.seconds),
    p50_ms: of((report) => report.latency_ms.p50),
    p99_ms: of((report) => report.latency_ms.p99),
    rss_idle_mb: of((report) => report.rss_idle_mb),
    rss_peak_mb: of((report) => report.rss_peak_mb),
    start_ms: of((report) => report.start_ms),
    updates: reports[0].right,
    checked: !bots[name].unchecked,
    mistakes: bots[name].unchecked ? "" : reports.map(mistakes).filter(Boolean).join("; "),
  };
}

function writeDocs(results) {
  const page = join(docs, "benchmarks.md");
  const text = readFileSync(page, "utf8");
  const [begin, end] = ["<!-- bin/bench: begin -->", "<!-- bin/bench: end -->"];
  const [from, to] = [text.indexOf(begin) + begin.length, text.indexOf(end)];
  if (to < from) throw new Error("docs/benchmarks.md has lost its marks");
  writeFileSync(page, `${text.slice(0, from)}\n${table(results)}\n${text.slice(to)}`);
  writeFileSync(join(docs, "benchmarks.svg"), chart(results));
  console.log("docs/benchmarks.md and docs/benchmarks.svg are new");
}

try {
  const options = readOptions();
  const results = {
    date: new Date().toISOString().slice(0, 10),
    machine: { cpu: cpus()[0].model.trim(), cores: cpus().length, node: process.version },
    load_before: loadavg()[0],
    scenarios: {},
    reports: {},
  };
  await makeTemplate({ build: options.build, chats: 10000 });
  for (const key of options.scenario) {
    const reports = await runScenario(key, options);
    const sums = Object.entries(reports).map(([name, list]) =>
      [name, { label: bots[name].peer, ...summary(name, list, reports.moonpost) }]);
    results.reports[key] = reports;
    results.scenarios[key] = { title: scenarios[key].title, rounds: Object.values(reports)[0]?.length ?? 0,
      bots: Object.fromEntries(sums) };
    writeFileSync(options.json, `${JSON.stringify(results, null, 1)}\n`);
  }
  console.log(`\n${table(results)}`);
  if (options.write) writeDocs(results);
  const wrong = Object.values(results.scenarios).some(({ bots: of }) => of.moonpost?.mistakes);
  if (wrong) process.exitCode = 1;
} catch (error) {
  console.error(`bin/bench: ${error.message}`);
  process.exitCode = 1;
}
