// Telegram's text and entities to DOM nodes. Offsets count UTF-16 units, as
// JavaScript strings do.
import { el } from "./dom.js";

const schemes = new Set(["http:", "https:", "mailto:", "tg:"]);

// The address if it is one we are willing to link to, else null.
export function safeUrl(text) {
  for (const candidate of [text, `https://${text}`]) {
    try {
      const url = new URL(candidate);
      if (schemes.has(url.protocol)) return url.href;
      if (/^[a-z][a-z0-9+.-]*:(?!\d)/i.test(text)) return null;
    } catch {
      // not an address by itself: perhaps one without its https://
    }
  }
  return null;
}

export function link(href, ...children) {
  const url = safeUrl(href);
  if (!url) return el("span", { title: `Not linked: ${href}` }, ...children);
  return el("a", { href: url, target: "_blank", rel: "noopener noreferrer nofollow", title: url }, ...children);
}

function spoiler() {
  const open = (e) => {
    if (e.type === "keydown" && e.key !== "Enter" && e.key !== " ") return;
    e.preventDefault();
    e.stopPropagation();
    node.classList.add("open");
    for (const name of ["role", "tabindex", "aria-label"]) node.removeAttribute(name);
  };
  const node = el("span", {
    class: "spoiler", role: "button", tabindex: 0, "aria-label": "Hidden text: press to show",
    onclick: open, onkeydown: open,
  });
  return node;
}

// One element for an entity; `text` is what it covers.
function element(entity, text, onCommand) {
  switch (entity.type) {
    case "bold": return el("strong");
    case "italic": return el("em");
    case "underline": return el("u");
    case "strikethrough": return el("s");
    case "code": return el("code");
    case "pre": return el("pre", { tabindex: 0, "data-language": entity.language || null });
    case "blockquote":
    case "expandable_blockquote": return el("blockquote");
    case "spoiler": return spoiler();
    case "url": return link(text);
    case "text_link": return link(entity.url || "");
    case "email": return link(`mailto:${text}`);
    case "text_mention": return el("span", { class: "mention", title: `User ${entity.user?.id}` });
    case "mention":
    case "hashtag":
    case "cashtag": return el("span", { class: "mention" });
    case "bot_command":
      return onCommand
        ? el("button", { type: "button", class: "command", onclick: () => onCommand(text) })
        : el("span", { class: "mention" });
    default: return el("span", { "data-entity": entity.type });
  }
}

const isBlock = (e) => ["pre", "blockquote", "expandable_blockquote"].includes(e.type);

// Entities that cover some of the text, outer ones first.
function usable(text, entities) {
  return (Array.isArray(entities) ? entities : [])
    .filter((e) => e && Number.isInteger(e.offset) && Number.isInteger(e.length))
    .map((e) => ({ e, from: Math.max(0, e.offset), to: Math.min(text.length, e.offset + e.length) }))
    .filter((x) => x.from < x.to)
    .sort((a, b) => isBlock(b.e) - isBlock(a.e) || a.from - b.from || b.to - a.to);
}

// Cuts the text at each edge of an entity; entities that overlap without
// nesting are closed and opened again at the cut.
export function render(text, entities, onCommand) {
  const out = document.createDocumentFragment();
  const list = usable(text, entities);
  const cuts = [...new Set([0, text.length, ...list.flatMap((x) => [x.from, x.to])])].sort((a, b) => a - b);
  let open = [];
  let afterBlock = false;

  for (let i = 0; i + 1 < cuts.length; i++) {
    const [from, to] = [cuts[i], cuts[i + 1]];
    const active = list.filter((x) => x.from <= from && x.to >= to);
    let same = 0;
    while (same < open.length && open[same].x === active[same]) same++;
    if (open.slice(same).some((o) => isBlock(o.x.e))) afterBlock = true;
    open = open.slice(0, same);
    for (const x of active.slice(same)) {
      const node = element(x.e, text.slice(x.from, x.to), onCommand);
      (open.at(-1)?.node || out).append(node);
      open.push({ x, node });
    }
    let piece = text.slice(from, to);
    // the line break after a block is the block's own end
    if (afterBlock && piece.startsWith("\n")) piece = piece.slice(1);
    afterBlock = false;
    if (piece) (open.at(-1)?.node || out).append(piece);
  }
  return out;
}
