// The list above the text field: a bot's commands while one types "/…", and
// inline results after "@bot …".
import { $, el } from "./dom.js";
import { act, botsHere, chatId, commandsOf, sim, store, view } from "./store.js";
import { compose } from "./composer.js";

let items = [];         // {label, text, take()}
let at = -1;
let moved = false;      // chosen with the arrows, not just the first
let inlineTimer = 0;
let inlineWanted = "";

const box = () => $("suggestions");

export function closeSuggestions() {
  clearTimeout(inlineTimer);
  inlineWanted = "";
  items = [];
  at = -1;
  box().hidden = true;
  $("input").removeAttribute("aria-activedescendant");
  $("suggest-status").textContent = "";
}

function select(i) {
  at = i;
  [...box().children].forEach((li, j) => {
    li.setAttribute("aria-selected", String(j === i));
    if (j === i) li.scrollIntoView({ block: "nearest" });
  });
  if (i >= 0) $("input").setAttribute("aria-activedescendant", `suggestion-${i}`);
}

function open(next, what) {
  if (!next.length) return closeSuggestions();
  items = next;
  moved = false;
  box().replaceChildren(...items.map((item, i) => el("li", {
    role: "option", id: `suggestion-${i}`,
    // before the field loses the focus
    onpointerdown: (e) => e.preventDefault(),
    onclick: () => item.take(),
  }, el("b", {}, item.label), " ", el("span", { class: "dim" }, item.text))));
  box().hidden = false;
  $("suggest-status").textContent = `${items.length} ${what}`;
  select(0);
}

/* ---- commands ---- */

function commandItems(typed) {
  const bots = botsHere();
  return bots.flatMap((bot) => commandsOf(bot).map((c) => {
    const name = bots.length > 1 ? `/${c.command}@${bot.username}` : `/${c.command}`;
    return {
      label: name, text: c.description,
      take() { compose.fill(`${name} `); },
    };
  })).filter((item) => item.label.startsWith(typed));
}

/* ---- inline results ---- */

async function askInline(bot, query, text) {
  inlineWanted = text;
  let answer;
  try {
    answer = await sim("POST", "inline", { as: view.as, query, bot: bot.id, wait_ms: 3000 });
  } catch {
    answer = null;
  }
  if (inlineWanted !== text) return;
  if (!answer?.results) {
    closeSuggestions();
    $("suggest-status").textContent = `@${bot.username} did not answer the inline query.`;
    return;
  }
  open(answer.results.map((r) => ({
    label: r.title || r.caption || r.type || "Result", text: r.description || "",
    async take() {
      closeSuggestions();
      const sent = await act("pick", {
        as: view.as, chat: chatId(), bot: bot.id, thread: view.thread || undefined,
        inline_query_id: answer.inline_query_id, result_id: r.id,
      });
      if (sent) compose.fill("");
    },
  })), "results");
  if (!answer.results.length) $("suggest-status").textContent = "No results.";
}

export function suggest(input) {
  const text = input.value;
  const inline = /^@(\w+) ([^]*)$/.exec(text);
  const bot = inline && store.bots.find((b) => b.username?.toLowerCase() === inline[1].toLowerCase());
  clearTimeout(inlineTimer);
  inlineWanted = "";
  if (bot) {
    inlineTimer = setTimeout(() => askInline(bot, inline[2], text), 300);
  } else if (/^\/[\w@]*$/.test(text)) {
    open(commandItems(text), "commands");
  } else closeSuggestions();
}

// Handle a key while the list is open; true when it was one of ours.
export function suggestKey(e) {
  if (!items.length || e.shiftKey || e.ctrlKey || e.altKey || e.metaKey) return false;
  const step = { ArrowDown: 1, ArrowUp: -1 }[e.key];
  if (step) {
    moved = true;
    select((at + step + items.length) % items.length);
  } else if (e.key === "Tab" || (e.key === "Enter" && !exact())) {
    items[at].take();
  } else if (e.key === "Escape") {
    closeSuggestions();
  } else return false;
  e.preventDefault();
  return true;
}

// The whole command has been typed and nothing else chosen: Enter sends it.
function exact() {
  const text = $("input").value;
  return !moved && items.some((i) => i.label === text);
}
