// `moonpost config` in tests: what goes in and comes out, each on its own.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { assertDiscreet, slow } from "./host.mjs";
import { moonpost, patience } from "./program.mjs";

const resident = (pid) => {
  try {
    return Number(readFileSync(`/proc/${pid}/status`, "utf8").match(/VmRSS:\s+(\d+)/)?.[1] ?? 0);
  } catch {
    return 0; // it has ended
  }
};

// Run it to its end. input: a string or Buffer for standard input; stdout: a file
// descriptor instead of being read. Gives code, out, err and grown: by how many KiB
// its memory grew after its first output, or, without any, after a while.
export async function config(args, { url, dir, input = "", env = {}, stdout = "pipe" } = {}) {
  const { PATH, HOME, LANG, ASAN_OPTIONS, UBSAN_OPTIONS, LSAN_OPTIONS } = process.env;
  const all = { PATH, HOME, LANG, ASAN_OPTIONS, UBSAN_OPTIONS, LSAN_OPTIONS, DATABASE_URL: url,
    TASK_CPU_MS: String(250 * slow), ...env };
  for (const key of Object.keys(all)) if (all[key] === undefined) delete all[key];
  const child = spawn(moonpost, ["config", ...args], { cwd: dir, env: all, stdio: ["pipe", stdout, "pipe"] });
  const said = { out: "", err: "" };
  let first = 0, peak = 0;
  const look = () => {
    peak = Math.max(peak, resident(child.pid));
    first ||= peak;
  };
  child.stdout?.setEncoding("utf8").on("data", (d) => { said.out += d; look(); });
  const looking = setInterval(look, 200);
  child.stderr.setEncoding("utf8").on("data", (d) => { said.err += d; });
  child.stdin.on("error", () => {}); // it may have ended already
  child.stdin.end(input);
  const timer = setTimeout(() => child.kill("SIGKILL"), patience * 6);
  const [code, signal] = await once(child, "close");
  clearTimeout(timer);
  clearInterval(looking);
  assert.equal(signal, null, `${args.join(" ")} did not end:\n${said.out}${said.err}`);
  assertDiscreet(said.out + said.err);
  return { code, ...said, grown: peak - first };
}

// A bot's folder and database to be looked at: gives what it says, or its JSON;
// it must end well.
export function configOf(url, dir) {
  const run = (args, more) => config(args, { url, dir, ...more });
  const ok = async (...args) => {
    const { code, out, err } = await run(args);
    assert.equal(code, 0, `${args.join(" ")}: ${err}`);
    assert.equal(err, "", args.join(" "));
    return out;
  };
  const json = async (...args) => JSON.parse(await ok(...args, "--json"));
  const lines = (text) => text.split("\n").filter(Boolean).map((line) => JSON.parse(line));
  const fails = async (args, pattern, status = 1, more = {}) => {
    const { code, out, err } = await run(args, more);
    assert.equal(code, status, `${args.join(" ")}: ${out}${err}`);
    assert.match(err, pattern);
    return err;
  };
  return { run, ok, json, fails, lines };
}
