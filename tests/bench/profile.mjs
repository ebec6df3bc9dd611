// Where a bot spends its time: perf, or callgrind where perf is not allowed.
import { execFile, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { mistakes, runOnce } from "./runs.mjs";

const run = promisify(execFile);
const big = { maxBuffer: 1 << 28 };

// The hardware counter where there is one (not in most virtual machines).
function perfEvent() {
  for (const event of ["cycles", "cpu-clock"]) {
    const args = ["record", "-q", "-e", event, "-o", "/dev/null", "true"];
    if (spawnSync("perf", args, { stdio: "ignore" }).status === 0) return event;
  }
  return null;
}

async function withPerf(name, options, event) {
  const data = join(options.log, "bench-perf.data");
  const loaded = async (pid) => {
    const perf = spawn(
      "perf",
      ["record", "-q", "-e", event, "-F", "4000", "-g", "-o", data, "-p", String(pid)],
      { stdio: "ignore" },
    );
    await sleep(500); // until it is attached
    return async () => {
      perf.kill("SIGINT");
      await once(perf, "exit");
    };
  };
  const report = await runOnce(name, options, { loaded });
  const show = async (title, ...args) => {
    const { stdout } = await run("perf", ["report", "--stdio", "-i", data, ...args], big);
    const lines = stdout.split("\n").filter((line) => line.trim() && !line.startsWith("#"));
    console.log(`\n${title}`);
    console.log(lines.slice(0, 45).join("\n"));
  };
  await show("By library, in itself:", "--no-children", "-g", "none", "--sort", "dso");
  await show("By function, in itself:", "--no-children", "-g", "none", "--sort", "dso,symbol");
  await show("By function, with what it calls:", "--children", "-g", "none", "--sort", "symbol");
  return report;
}

async function withCallgrind(name, options) {
  const data = join(options.log, "bench-callgrind.out");
  const wrap = (command) => [
    "valgrind",
    "--tool=callgrind",
    "--instr-atstart=no",
    `--callgrind-out-file=${data}`,
    ...command,
  ];
  const loaded = async (pid) => {
    await run("callgrind_control", ["-i", "on", String(pid)]);
    return () => run("callgrind_control", ["-d", String(pid)]);
  };
  // so slow that updates would be saved as if handlers took long; and a full batch,
  // after which more are expected, is waited for only shortly
  const env = { [name]: { POLL_PATIENCE_MS: "60000" } };
  const report = await runOnce(name, { ...options, env, batch: 99 }, { wrap, loaded });
  for (const [title, inclusive] of [["in itself", "no"], ["with what it calls", "yes"]]) {
    const args = [`--inclusive=${inclusive}`, "--auto=no", "--show-percs=yes", `${data}.1`];
    const { stdout } = await run("callgrind_annotate", args, big);
    const lines = stdout.split("\n").filter((line) => /^ *[\d,]+ \(/.test(line));
    console.log(`\nInstructions by function, ${title}:`);
    for (const line of lines.slice(0, 45)) {
      const [, count, rest] = line.match(/^ *([\d,]+) \([ \d.]+%\) +(.*)$/);
      const each = Number(count.replaceAll(",", "")) / options.updates;
      console.log(`${each.toFixed(0).padStart(8)} an update  ${rest}`);
    }
  }
  return report;
}

export async function profile(options) {
  const name = options.only[0];
  const event = options.tool === "callgrind" ? null : perfEvent();

  if (!event && options.tool === "perf") throw new Error("perf is not allowed or not there");
  console.log(`${name}, ${options.updates} updates, with ${event ? `perf (${event})` : "callgrind"}`);
  const report = event
    ? await withPerf(name, options, event)
    : await withCallgrind(name, options);
  console.log(`\n${report.right} right. ${mistakes(report)}`);
}
