// The raw pane: every update and every call, newest at the end.
import { $, copy, el, timeMs } from "./dom.js";
import { botById, emit, get, on, store, view } from "./store.js";

const keep = 1000;      // entries kept
const draw = 300;       // entries drawn

const entries = new Map();      // id → {kind, time_ms, text, …}
const rows = new Map();         // id → element
let failed = 0;                 // calls that failed since the pane was last seen
let frame = 0;
let cleared = 0;                // seq before which all was cleared away

/* ---- what an entry says ---- */

const updateKind = (u) => (u.cut ? "update" : Object.keys(u).find((k) => k !== "update_id") || "update");

function updateText(u) {
  if (u.cut) return `${u.cut} bytes: too long to be kept`;
  const body = u[updateKind(u)] || {};
  const chat = body.chat || body.message?.chat;
  const where = chat ? chat.title || chat.first_name || chat.id : body.from?.first_name;
  return [where, body.text ?? body.caption ?? body.data ?? body.query].filter((x) => x !== undefined && x !== "").join(": ");
}

const callText = (c) => {
  const r = c.response;
  if (r && r.ok === false) return r.description || "failed";
  const p = c.params || {};
  return [p.chat_id, p.text ?? p.caption].filter((x) => x !== undefined).join(": ");
};

const isError = (x) => (x.kind === "call" && (x.status >= 400 || x.status === 0)) || (x.kind === "host" && x.level === "error");

function add(id, entry) {
  if (entry.seq && entry.seq <= cleared) return;
  const old = entries.get(id);
  entries.set(id, entry);
  if (old) {
    const row = rows.get(id);
    if (row) row.querySelector(".state").replaceChildren(state(entry));
    return;
  }
  while (entries.size > keep) {
    const first = entries.keys().next().value;
    entries.delete(first);
    rows.get(first)?.remove();
    rows.delete(first);
  }
  if (!frame) frame = requestAnimationFrame(drawNew);
}

/* ---- rows ---- */

function state(x) {
  if (x.kind === "update") {
    return el("span", { class: x.done ? "ok" : "dim", title: x.done ? "The bot confirmed it" : "The bot has not confirmed it yet" },
      x.done ? "done" : "waiting");
  }
  if (x.kind === "call") {
    return el("span", { class: isError(x) ? "bad" : "ok" }, `${x.status || "dropped"} · ${Math.round(x.ms * 10) / 10} ms`);
  }
  return el("span", { class: isError(x) ? "bad" : "dim" }, x.level);
}

const pretty = (value) => JSON.stringify(value, null, 2);

function part(title, value) {
  const text = typeof value === "string" ? value : pretty(value) ?? "";
  return el("section", {}, el("header", {}, el("h3", {}, title),
    el("button", { type: "button", onclick: (e) => copy(text, e.currentTarget) }, "Copy")),
  el("pre", { tabindex: 0, "aria-label": title }, text));
}

function body(x) {
  if (x.kind === "update") return [part("update", x.update)];
  if (x.kind === "call") return [part("parameters", x.params ?? {}), part("answer", x.response ?? null)];
  return [part(x.area || "host", x.text)];
}

const bot = (x) => (store.bots.length > 1 && x.bot ? botById(x.bot)?.username || x.bot : "");

function rowElement(id, x) {
  const what = { update: ["→", "Update to the bot"], call: ["←", "Call by the bot"], host: ["•", "The host says"] }[x.kind];
  const row = el("details", { class: `row ${x.kind}${isError(x) ? " failed" : ""}` },
    el("summary", {},
      el("time", {}, timeMs(x.time_ms)),
      el("span", { class: "arrow", title: what[1] }, what[0]),
      el("b", {}, x.name), el("span", { class: "state" }, state(x)),
      el("span", { class: "row-text dim" }, [bot(x), x.text].filter(Boolean).join(" "))));
  row.addEventListener("toggle", () => {
    if (row.open && row.children.length === 1) row.append(...body(entries.get(id) || x));
  });
  return row;
}

/* ---- the filter ---- */

function wanted(x) {
  const kind = $("raw-kind").value;
  if (kind === "errors" ? !isError(x) : kind !== "all" && x.kind !== kind) return false;
  if (x.kind === "call" && x.name === "getUpdates" && !isError(x) && !$("raw-polls").checked) return false;
  const words = $("raw-filter").value.trim().toLowerCase();
  if (!words) return true;
  x.search ??= `${x.name} ${x.text} ${pretty(x.update ?? { p: x.params, r: x.response })}`.toLowerCase();
  return words.split(/\s+/).every((w) => x.search.includes(w));
}

const atEnd = () => $("raw-list").scrollHeight - $("raw-list").scrollTop - $("raw-list").clientHeight < 40;

function drawNew() {
  frame = 0;
  if (!view.raw) return;
  const stick = atEnd();
  const list = $("raw-list");
  // only what was never drawn: those are the last ones
  const fresh = [];
  for (const [id, x] of [...entries].reverse()) {
    if (rows.has(id) || fresh.length >= draw) break;
    if (wanted(x)) fresh.push([id, x]);
    else rows.set(id, null);
  }
  for (const [id, x] of fresh.reverse()) {
    const row = rowElement(id, x);
    rows.set(id, row);
    list.append(row);
  }
  const shown = list.getElementsByClassName("row");
  while (shown.length > draw) shown[0].remove();
  $("raw-none").hidden = shown.length > 0;
  if (stick) list.scrollTop = list.scrollHeight;
}

function drawAll() {
  for (const row of rows.values()) row?.remove();
  rows.clear();
  drawNew();
  $("raw-list").scrollTop = $("raw-list").scrollHeight;
}

/* ---- opening ---- */

function drawOpen() {
  document.body.classList.toggle("raw-open", view.raw);
  $("raw").hidden = !view.raw;
  $("raw-open").setAttribute("aria-expanded", String(view.raw));
  if (view.raw) failed = 0;
  const count = failed ? `${failed} failed` : "";
  $("raw-failed").textContent = count;
  $("raw-failed").hidden = !count;
}

function toggle() {
  emit("raw-toggle");
  drawOpen();
  if (view.raw) {
    drawAll();
    $("raw-filter").focus();
  } else $("raw-open").focus();
}

const isObject = (x) => typeof x === "object" && x !== null;

// It comes again when it is done, with the same seq.
const addUpdate = (u) => add(`u${u.seq}`, {
  ...u, kind: "update", name: isObject(u.update) ? updateKind(u.update) : "raw",
  text: isObject(u.update) ? updateText(u.update) : "",
});

function addCall(c) {
  const entry = { ...c, kind: "call", name: c.method, text: callText(c) };
  add(`c${c.seq}`, entry);
  return entry;
}

// What happened before the page was opened.
async function loadEarlier() {
  try {
    const [u, c] = await Promise.all([get("updates"), get("calls")]);
    const all = [...u.updates.map((x) => [x, addUpdate]), ...c.calls.map((x) => [x, addCall])];
    for (const [x, f] of all.sort((a, b) => a[0].time_ms - b[0].time_ms || a[0].seq - b[0].seq)) f(x);
  } catch (error) {
    emit("problem", error.message);
  }
}

function clear() {
  cleared = store.seq;
  entries.clear();
  drawAll();
}

export function startRaw() {
  $("raw-open").addEventListener("click", toggle);
  $("raw-close").addEventListener("click", toggle);
  $("raw-clear").addEventListener("click", clear);
  $("raw-copy").addEventListener("click", (e) => {
    const shown = [...entries.values()].filter(wanted).map(({ search, ...x }) => x);
    copy(pretty(shown), e.currentTarget);
  });
  for (const id of ["raw-filter", "raw-kind", "raw-polls"]) $(id).addEventListener("input", drawAll);
  $("raw").addEventListener("keydown", (e) => {
    if (e.key === "Escape") toggle();
  });
  on("update", addUpdate);
  on("call", (c) => {
    if (isError(addCall(c)) && !view.raw) {
      failed++;
      drawOpen();
    }
  });
  on("host", (h) => add(`h${h.time_ms}/${h.text}`, { ...h, kind: "host", name: h.area || "host", text: h.text }));
  on("reset", () => { entries.clear(); cleared = 0; drawAll(); });
  on("view", drawOpen);
  let loaded = false;
  on("state", () => {
    if (loaded) return;
    loaded = true;
    loadEarlier();
  });
}
