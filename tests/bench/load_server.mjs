// The load server (botapi.c) as a child process.
import { spawn } from "node:child_process";
import { once } from "node:events";

export async function startLoadServer(program, options = {}) {
  const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
  const exited = once(child, "exit");
  const first = await Promise.race([once(child.stdout, "data"), exited.then(() => null)]);
  if (!first) throw new Error(`${program} did not start`);
  const url = `http://127.0.0.1:${String(first[0]).trim()}`;
  const get = async (path) => (await fetch(`${url}/bench/${path}`)).json();
  // fetch() itself waits for 300 s at most
  const report = async (wait) => {
    const answer = await get(`report?wait=${Math.min(wait, 240)}`);
    const missing = answer.updates - answer.replies;
    return wait <= 240 || missing <= 0 ? answer : report(wait - 240);
  };
  return {
    url,
    status: () => get("status"),
    release: (pid = 0) => get(`release?pid=${pid}`),
    report: (wait = 0) => report(wait),
    reset: () => get("reset"),
    async stop() {
      if (child.exitCode === null) await get("stop").catch(() => child.kill());
      await exited;
    },
  };
}
