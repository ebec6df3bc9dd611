// Small helpers for building the page. Text goes in as text nodes only: what
// people and bots write never becomes markup.

export const $ = (id) => document.getElementById(id);

// el("a", {class: "x", href: "…", onclick: f}, "text", child, …)
export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "class") node.className = value;
    else if (value === true) node.setAttribute(name, "");
    else node.setAttribute(name, value);
  }
  node.append(...children.filter((c) => c !== null && c !== undefined && c !== false));
  return node;
}

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const clockMs = new Intl.DateTimeFormat("en-GB", {
  hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3,
});

export const time = (seconds) => clock.format(new Date(seconds * 1000));
export const timeMs = (ms) => clockMs.format(new Date(ms));
export const fullTime = (seconds) => new Date(seconds * 1000).toLocaleString();

export function bytes(n) {
  if (!Number.isFinite(n)) return "";
  if (n < 1000) return `${n} B`;
  return n < 1e6 ? `${(n / 1e3).toFixed(1)} kB` : `${(n / 1e6).toFixed(1)} MB`;
}

export const userName = (u) =>
  u ? [u.first_name, u.last_name].filter(Boolean).join(" ") || u.username || String(u.id) : "Someone";

export const colour = (id) => `c${Math.abs(Number(id) || 0) % 6}`;

// A round sign with the first letter of a name; the name itself stands beside it.
export function avatar(name, id) {
  const first = [...(name || "?").trim()][0] || "?";
  return el("span", { class: `avatar ${colour(id)}`, "aria-hidden": "true" }, first.toUpperCase());
}

// Copy text and say so on the button for a moment.
export async function copy(text, button) {
  const label = button.textContent;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    button.textContent = "Could not copy";
  }
  setTimeout(() => { button.textContent = label; }, 1500);
}
