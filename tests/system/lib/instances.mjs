// Several processes of one bot on one database.
import { environment, Host, startBot, slow } from "./host.mjs";
import { until } from "./program.mjs";

// More of everything, for a run that nobody waits for.
export const long = Boolean(process.env.MOONPOST_TEST_LONG);

// Send, and give the next thing the bot says there: without polling, since many
// are sent.
export async function ask(host, as, text, ms = 30000 * slow) {
  let { seq } = await host.sim.get("state");
  await host.sim.send(as, text);
  for (const end = Date.now() + ms; Date.now() < end;) {
    const news = await host.sim.get("messages", { chat: as, after: seq, wait_ms: 1000 });
    const said = news.messages.find((m) => m.from?.is_bot);
    if (said) return said.text;
    seq = news.seq;
  }
  throw new Error(`no answer to ${text} in ${as}:\n${host.said}`);
}

// What a process runs with: a database of its own, and a history that is kept.
export const settings = (more = {}) => ({
  CONFIG_HISTORY: "1000", TASK_TIMEOUT_S: "600", CONFIG_POLL_SECONDS: "1", LOG_LEVEL: "debug", ...more,
});

export const listening = (host) => host.line(/listening to what others write/, 30000 * slow);

// n processes with the same files and database, all of which listen.
export async function startAll(t, place, n, files, db, env = {}) {
  const hosts = await Promise.all(Array.from({ length: n }, () => startBot(t, place, files, { url: db.url, env: settings(env) })));
  await Promise.all(hosts.map(listening));
  return hosts;
}

// A process that was killed, begun again in its folder.
export async function again(host, url, env) {
  const next = new Host(["run", host.folder.dir], { env: environment({ url, base: host.sim.base, bot: host.bot }, env) });
  next.folder = host.folder;
  next.bot = host.bot;
  next.sim = host.sim;
  return next;
}

// A chat's config, with all that it was before: [{revision, config, version}], oldest first.
export function revisions(db, chat) {
  return db.query(`SELECT revision::int, config, version FROM config_history WHERE chat_id = $1
    UNION ALL SELECT revision::int, config, version FROM chat_configs WHERE chat_id = $1 ORDER BY 1`, [chat]);
}

export const eventually = (what, f) => until(what, f, (long ? 120000 : 30000) * slow);

// The middle one of some numbers.
export const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];
