// Filters of bot.on side by side with grammY's own: every query that grammY takes, on
// updates made of the Bot API as data, must match what it matches there.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, test } from "node:test";
import { matchFilter } from "grammy";
import { BotServer } from "./lib/bot_server.mjs";
import { environment, folder, Host, world } from "./lib/host.mjs";
import { atEnd, root, slow, until } from "./lib/program.mjs";

const place = world();
const { types } = JSON.parse(readFileSync(path.join(root, "core/telegram/spec/bot-api-10.3.json"), "utf8"));
const me = 1;

/* ---- the queries: grammY says which names it knows ---- */

// What its errors list: "Permitted values are: 'a', 'b'."
function permitted(query) {
  try {
    matchFilter(query);
  } catch (e) {
    const list = /Permitted values are: (.*)\.$/.exec(e.message)?.[1];
    return list ? list.split(", ").map((name) => name.slice(1, -1)) : [];
  }
  throw new Error(`${query} is a filter`);
}

const kinds = permitted("?");

function allQueries() {
  const list = [];
  for (const kind of kinds) {
    list.push(kind);
    for (const field of permitted(`${kind}:?`)) {
      list.push(`${kind}:${field}`);
      for (const word of permitted(`${kind}:${field}:?`)) list.push(`${kind}:${field}:${word}`);
    }
  }
  // what has shortcuts: those that it takes
  const seconds = new Set([...list.map((q) => q.split(":").slice(1).join(":")), "media", "file", "file:is_video",
    ":url", ":bold", ":text_link", ":custom_emoji"]);
  const firsts = ["", "msg", "edit", ...kinds];
  for (const first of firsts) for (const second of seconds) {
    const query = second === "" ? first : `${first}:${second}`;
    if (query !== "" && takes(query)) list.push(query);
  }
  return [...new Set(list)];
}

function takes(query) {
  try {
    return Boolean(matchFilter(query));
  } catch {
    return false;
  }
}

/* ---- the updates: each field of each kind, in every shape that it has ---- */

const inner = (type) => type.replace(/^(Array of )+/, "");

// A value of a type: what is required is there; true or false: all the rest, or nothing.
function valueOf(type, full, depth = 0) {
  if (type.startsWith("Array of ")) return [valueOf(type.slice(9), full, depth)];
  if (type === "Integer" || type === "Float") return full ? 7 : 0;
  if (type === "Boolean" || type === "True") return full || type === "True";
  if (type === "String" || !types[type]) return full ? "text" : "";
  const { subtypes } = types[type];
  if (subtypes?.length) return valueOf(subtypes[0], full, depth);
  return object(type, full, depth);
}

function object(type, full, depth) {
  const made = {};
  for (const field of types[type].fields) {
    if (depth > 2 || (!field.required && !full)) continue;
    made[field.name] = constant(field) ?? valueOf(field.types[0], full, depth + 1);
  }
  return made;
}

const constant = (field) => /always “([a-z_]+)”/.exec(field.description)?.[1];

// Several of a type: bare, full, each of its kinds, and the bot itself.
function variants(type) {
  const many = type.startsWith("Array of ");
  const name = inner(type);
  const list = [valueOf(name, false), valueOf(name, true)];
  for (const subtype of types[name]?.subtypes ?? []) list.push(object(subtype, false, 0), object(subtype, true, 0));
  const kind = types[name]?.fields?.find((f) => f.name === "type");
  for (const [, word] of kind?.description.matchAll(/“([a-z_]+)”/g) ?? []) {
    list.push({ ...valueOf(name, false), type: word });
  }
  if (name === "User") list.push({ id: me, is_bot: true, first_name: "Bot" }, { id: 7, is_bot: false, first_name: "A" });
  return many ? [[], ...list.map((one) => [one]), list] : list;
}

// Messages of five more kinds have the same fields: one of each will do.
const thorough = new Set(["message", "edited_message", "channel_post"]);

function allUpdates() {
  const list = [];
  for (const kind of types.Update.fields.slice(1)) {
    const type = kind.types[0];
    list.push({ [kind.name]: object(type, false, 0) });
    const n = type === "Message" && !thorough.has(kind.name) ? 1 : 1000;
    for (const field of types[type].fields) for (const value of variants(field.types[0]).slice(0, n)) {
      list.push({ [kind.name]: { [field.name]: value } });
    }
  }
  return list.map((update, i) => ({ update_id: 1000 + i, ...update }));
}

/* ---- where the two are known to differ ---- */

// grammY 1.46 has a name that Bot API 10.3 has no more.
const gone = new Set(["business_connection:can_reply"]);
// It never matches these: it looks for a type where there is a text, or a type within
// a type. Here they match what they say.
const better = (query) => /^subscription:state:|^message_reaction_count:reactions:/.test(query);
// Of a shortcut it leaves out kinds that can't have the field, as a channel post has
// no new members. Here that is no matter: such updates do not come.
const strange = (query, update) => {
  const [first, second] = query.split(":");
  const kind = Object.keys(update)[1];
  return ["", "msg", "edit"].includes(first) && second && !takes(`${kind}:${second}`) && second !== "media" && second !== "file";
};

/* ---- the bot ---- */

// The queries of an update's kind, and some of all the others.
const asked = (queries) => Object.fromEntries(kinds.map((kind) => [kind, queries.flatMap((query, i) => {
  const first = query.split(":")[0];
  return [kind, "", "msg", "edit"].includes(first) || i % 50 === 0 ? [i] : [];
})]));

const script = (queries) => `local bot = require "bot"
local queries = { ${queries.map((q) => JSON.stringify(q)).join(", ")} }
local asked = { ${Object.entries(asked(queries)).map(([kind, list]) => `${kind} = { ${list} }`).join(", ")} }
bot.use(function(ctx)
  local matched = {}
  for _, i in ipairs(asked[ctx.kind]) do
    if ctx:has(queries[i + 1]) then matched[#matched + 1] = i end
  end
  ctx.api.tellMatches{ update_id = ctx.update_id, matched = matched, n = #matched }
end)
for _, query in ipairs(queries) do bot.on(query, function() end) end
`;

class Updates extends BotServer {
  constructor(updates) {
    super();
    this.updates = updates;
    this.told = new Map();
  }

  take(req, res) {
    const parts = [];
    req.on("data", (d) => parts.push(d));
    req.on("end", () => {
      const method = new URL(req.url, this.base).pathname.split("/").pop();
      const result = this.call(method, parts.length ? JSON.parse(Buffer.concat(parts).toString()) : {});
      const answer = () => {
        res.setHeader("Content-Type", "application/json");
        res.end(JSON.stringify({ ok: true, result }));
      };
      if (method === "getUpdates" && !result.length) setTimeout(answer, 200);
      else answer();
    });
  }

  call(method, p) {
    if (method === "getMe") return { id: me, is_bot: true, first_name: "Filters", username: "filter_bot" };
    if (method === "getUpdates") return this.updates.filter((u) => u.update_id >= (p.offset ?? 0)).slice(0, 100);
    if (method === "tellMatches") this.told.set(p.update_id, p.n ? p.matched : []);
    return true;
  }
}

describe("filters", () => {
  test("match what grammY's match", async (t) => {
    const queries = allQueries().filter((query) => !gone.has(query));
    const updates = allUpdates();
    assert.ok(queries.length > 1500, `${queries.length} queries`);
    assert.ok(updates.length > 1500, `${updates.length} updates`);
    const server = await new Updates(updates).start();
    atEnd(t, () => server.stop());
    const db = await place.newDatabase(t);
    const home = folder(t, { "scripts/a.lua": script(queries) });
    const host = new Host(["run", home.dir], { env: environment({ url: db.url, base: server.base, bot: me }, {
      LOG_LEVEL: "warn", UPDATES_MAX: "1000", TASK_CPU_MS: "5000" }) });
    atEnd(t, () => (host.awaited ? undefined : host.stop()));
    await until("every update was looked at", () => {
      assert.ok(host.running, host.said);
      return server.told.size >= updates.length;
    }, 120000 * slow);
    const wrong = [], asks = asked(queries);
    let compared = 0, matches = 0;
    for (const update of updates) {
      const ours = new Set(server.told.get(update.update_id));
      for (const i of asks[Object.keys(update)[1]]) {
        const query = queries[i];
        if (strange(query, update) || better(query)) continue;
        const theirs = matchFilter(query)({ update, me: { id: me } });
        compared++;
        if (theirs) matches++;
        if (theirs !== ours.has(i)) wrong.push(`${query}: grammY ${theirs}: ${JSON.stringify(update).slice(0, 200)}`);
      }
    }
    t.diagnostic(`${queries.length} queries, ${updates.length} updates, ${compared} compared, ${matches} matches`);
    assert.deepEqual(wrong.slice(0, 10), []);
    assert.ok(matches > 5000, `${matches} matches`);
    await host.stop();
  });

  test("what grammY has no more is an error at its line", async (t) => {
    const home = folder(t, { "scripts/a.lua": `local bot = require "bot"\nbot.on("business_connection:can_reply", print)` });
    const said = await new Host(["check", home.dir], {}).fails();
    assert.match(said, /scripts\/a\.lua:2: bot\.on\("business_connection:can_reply"\): business_connection has no "can_reply"/);
  });
});
