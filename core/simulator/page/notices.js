// What comes unasked: the host's errors (they stay), toasts (they go), alerts.
import { $, el, timeMs } from "./dom.js";
import { emit, on, person, store, view } from "./store.js";

const toastTime = 6000;

export function toast(text, ...more) {
  const node = el("div", { class: "toast" }, el("span", {}, text), ...more,
    el("button", { type: "button", "aria-label": "Dismiss", onclick: () => node.remove() }, "×"));
  $("toasts").append(node);
  while ($("toasts").children.length > 4) $("toasts").firstElementChild.remove();
  setTimeout(() => node.remove(), toastTime + text.length * 40);
}

function onAnswer(a) {
  if (!a.live || (!a.text && !a.url)) return;
  const other = a.as !== undefined && a.as !== view.as ? person(a.as) : null;
  const text = `${other ? `For ${other.first_name}: ` : ""}${a.text || "The bot opens an address"}`;
  if (a.show_alert) {
    $("alert-text").textContent = text;
    if (!$("alert").open) $("alert").showModal();
  } else toast(text, a.url ? el("code", {}, a.url) : null);
}

/* ---- the host's strip ---- */

const strips = new Map();   // text → {node, count, last}

// What was dismissed stays so when the page is loaded again.
const dismissed = () => JSON.parse(sessionStorage.getItem("dismissed") || "{}");

function dismiss(id) {
  const s = strips.get(id);
  sessionStorage.setItem("dismissed", JSON.stringify({ ...dismissed(), [id]: s.last }));
  strips.delete(id);
  s.node.remove();
  drawStrips();
}

// The same error of another update is the same: what differs are its fields.
const withoutFields = (text) => String(text).replace(/\n\([^\n]*\)$/, "");

function strip(h) {
  const id = `${h.area}\n${withoutFields(h.text)}`;
  if (h.time_ms <= dismissed()[id]) return;
  const known = strips.get(id);
  if (known) {
    known.count++;
    known.last = h.time_ms;
    known.node.querySelector(".count").textContent = `${known.count} times`;
    return;
  }
  const [first, ...rest] = String(h.text).split("\n");
  const node = el("div", { class: `strip ${h.level}` },
    el("b", {}, h.level === "error" ? "Error" : "Warning"),
    el("div", { class: "strip-text" },
      el("span", { class: "dim" }, [h.area, timeMs(h.time_ms).slice(0, 8)].filter(Boolean).join(" · "), " "),
      el("span", { class: "count dim" }),
      el("div", { class: "first" }, first),
      rest.length ? el("details", {}, el("summary", {}, "More"), el("pre", { tabindex: 0 }, rest.join("\n"))) : null),
    el("button", {
      type: "button", "aria-label": `Dismiss: ${first}`,
      onclick: () => dismiss(id),
    }, "×"));
  strips.set(id, { node, count: 1, last: h.time_ms });
  $("host").prepend(node);
  drawStrips();
}

// Three are shown, one on a phone; the others wait behind them.
const narrow = matchMedia("(max-width: 47.99rem)");

function drawStrips() {
  const nodes = [...$("host").querySelectorAll(".strip")];
  const shown = narrow.matches ? 1 : 3;
  nodes.forEach((n, i) => { n.hidden = i >= shown; });
  $("host-more").hidden = nodes.length <= shown;
  $("host-more-text").textContent = `${nodes.length - shown} more`;
}

function clearStrips() {
  for (const id of [...strips.keys()]) dismiss(id);
}

function onHost(h) {
  if (h.level === "error" || h.level === "warn") return strip(h);
  if (h.area !== "reload") return;
  clearStrips();
  if (h.live) toast(h.text);
}

function drawOnline() {
  $("offline").hidden = store.online;
  document.body.classList.toggle("is-offline", !store.online);
}

export function startNotices() {
  $("host-clear").addEventListener("click", clearStrips);
  narrow.addEventListener("change", drawStrips);
  on("answer", onAnswer);
  on("host", onHost);
  on("problem", (text) => toast(text));
  on("toast", (text) => toast(text));
  on("online", drawOnline);
  on("reset", clearStrips);
  // a modal dialog closes also by pressing beside it
  for (const dialog of document.querySelectorAll("dialog")) {
    dialog.addEventListener("click", (e) => { if (e.target === dialog) dialog.close(); });
    for (const b of dialog.querySelectorAll("[data-close]")) b.addEventListener("click", () => dialog.close());
    dialog.addEventListener("close", () => emit("dialog-closed", dialog.id));
  }
}
