// The message list of the chat that is shown: drawing it, moving in it, and
// what one can do with a message.
import { $, copy, el, userName } from "./dom.js";
import { isMine, messageElement } from "./message.js";
import { act, anyone, currentKey, emit, isShown, keyOf, loadRoom, on, room, view } from "./store.js";
import { compose } from "./composer.js";

const step = 200;           // so many messages are drawn; earlier ones on demand
const emojis = ["👍", "👎", "❤", "🔥", "🎉", "😁", "🤔", "😢", "🙏", "👌", "👀", "💯"];
const answerWithin = 15000; // ms that a pressed button stays busy

let limit = step;
let list, log;
let atEnd = true;           // the end is in sight and is to stay so
let height = 0;             // of the log, when atEnd was last looked at
const pressed = new Map();  // "key/message/row/column" → {id, timer}
const answered = new Set(); // callback queries whose answer came before the press returned
const typing = new Map();   // key → {name, text, timer}

/* ---- drawing ---- */

function shownMessages() {
  const key = currentKey();
  return [...room(key).messages.values()]
    .filter((m) => !m.deleted && isShown(m, key))
    .sort((a, b) => a.message_id - b.message_id);
}

const nearEnd = () => log.scrollHeight - log.scrollTop - log.clientHeight < 80;

function toEnd() {
  atEnd = true;
  log.scrollTop = log.scrollHeight;
  $("to-end").hidden = true;
}

// A sender's name stands above the first of their messages in a row only.
function regroup(li) {
  if (!li?.dataset.id) return;
  const before = li.previousElementSibling;
  li.classList.toggle("more", before?.dataset.sender === li.dataset.sender
    && !before.classList.contains("service"));
}

function draw() {
  const all = shownMessages();
  const some = all.slice(-limit);
  list.setAttribute("aria-busy", "true");
  list.replaceChildren(...some.map((m) => messageElement(m, actions)));
  for (const li of list.children) regroup(li);
  $("earlier").hidden = all.length <= some.length;
  $("no-messages").hidden = all.length > 0 || !currentKey();
  list.lastElementChild?.setAttribute("tabindex", "0");
  list.removeAttribute("aria-busy");
}

const elementOf = (id) => list.querySelector(`[data-id="${id}"]`);

// Where it belongs by its number: nearly always at the end.
function insert(li, id) {
  let before = list.lastElementChild;
  while (before && Number(before.dataset.id) > id) before = before.previousElementSibling;
  if (before) before.after(li);
  else list.prepend(li);
  if (li === list.lastElementChild) rove(li);
}

// The new element takes the place of the old one, and its focus.
function replace(old, li) {
  const within = old.contains(document.activeElement);
  const at = within ? [...old.querySelectorAll("a, button")].indexOf(document.activeElement) : -1;
  li.tabIndex = old.tabIndex;
  old.replaceWith(li);
  if (within) ([...li.querySelectorAll("a, button")][at] || li).focus();
}

// The earliest go when there are many more than are to be drawn.
function trim() {
  if (list.children.length <= limit + step) return;
  while (list.children.length > limit) list.firstElementChild.remove();
  regroup(list.firstElementChild);
  $("earlier").hidden = false;
}

function drawSome(messages) {
  let stick = atEnd || nearEnd();
  let fresh = false;
  const first = $("earlier").hidden ? 0 : Number(list.firstElementChild?.dataset.id);
  for (const m of messages) {
    if (m.message_id < first) continue;     // among those that are not drawn
    const li = messageElement(m, actions);
    const old = elementOf(m.message_id);
    if (old) replace(old, li);
    else insert(li, m.message_id);
    if (!old) {
      fresh = true;
      stick ||= isMine(m);
    }
    regroup(li);
    regroup(li.nextElementSibling);
  }
  $("no-messages").hidden = list.children.length > 0;
  if (stick) {
    trim();
    toEnd();
  } else if (fresh) $("to-end").hidden = false;
}

// What comes within one frame is drawn together.
const waiting = new Map();      // id → Message

function drawSoon(m) {
  if (!waiting.size) requestAnimationFrame(drawWaiting);
  waiting.set(m.message_id, m);
}

function drawWaiting() {
  const key = currentKey();
  const some = [...waiting.values()].filter((m) =>
    keyOf(m.chat.id, view.bot) === key && isShown(m, key) && !room(key).messages.get(m.message_id)?.deleted);
  waiting.clear();
  if (some.length) drawSome(some);
}

// Draw it as it is now: it may have been edited since `was`.
function redraw(was) {
  const key = keyOf(was.chat.id, view.bot);
  const m = room(key).messages.get(was.message_id);
  if (m && !m.deleted && isShown(m, key) && elementOf(m.message_id)) drawSome([m]);
}

/* ---- moving with the keyboard: one message is in the tab order ---- */

function rove(li) {
  for (const other of list.querySelectorAll('li[tabindex="0"]')) other.tabIndex = -1;
  li.tabIndex = 0;
}

function onKey(e) {
  const li = e.target;
  if (li.tagName !== "LI" || e.ctrlKey || e.metaKey || e.altKey) return;
  const to = {
    ArrowUp: li.previousElementSibling, ArrowDown: li.nextElementSibling,
    Home: list.firstElementChild, End: list.lastElementChild,
  }[e.key];
  const m = room(currentKey()).messages.get(Number(li.dataset.id));
  if (to) {
    rove(to);
    to.focus();
  } else if (e.key === "Enter" && m) actions.reply(m);
  else if (!e.key.startsWith("Arrow")) return;
  e.preventDefault();
}

/* ---- what one can do with a message ---- */

const spot = (m, row, column) => `${keyOf(m.chat.id, view.bot)}/${m.message_id}/${row}/${column}`;

function release(place, m) {
  clearTimeout(pressed.get(place)?.timer);
  pressed.delete(place);
  redraw(m);
}

async function pressData(b, m, row, column) {
  const place = spot(m, row, column);
  if (pressed.has(place)) return;
  const state = { m, id: null };
  pressed.set(place, state);
  state.timer = setTimeout(() => {
    release(place, m);
    emit("toast", `No answer to “${b.text}”: the bot did not call answerCallbackQuery.`);
  }, answerWithin);
  redraw(m);
  const answer = await act("press", {
    as: view.as, chat: m.chat.id, message_id: m.message_id, data: b.callback_data, bot: view.bot || undefined,
  });
  if (!answer || answered.delete(answer.callback_query_id)) release(place, m);
  else state.id = answer.callback_query_id;
}

function onAnswer(answer) {
  const known = [...pressed].find(([, s]) => s.id === answer.callback_query_id);
  if (known) release(known[0], known[1].m);
  else answered.add(answer.callback_query_id);
}

const actions = {
  busy: (m, row, column) => pressed.has(spot(m, row, column)),
  press(b, m, row, column) {
    if (b.callback_data !== undefined) pressData(b, m, row, column);
    else if (b.copy_text) copy(b.copy_text.text, document.activeElement);
    else {
      const bot = m.via_bot || m.from;
      const query = b.switch_inline_query_current_chat ?? b.switch_inline_query ?? "";
      compose.fill(`@${bot?.username} ${query}`);
    }
  },
  reply: (m) => compose.replyTo(m),
  edit: (m) => compose.edit(m),
  command: (text) => compose.send(text),
  react(m, emoji) {
    const mine = (m.reactions || []).filter((r) => r.users.includes(view.as)).map((r) => r.emoji);
    const next = mine.includes(emoji) ? mine.filter((e) => e !== emoji) : [emoji];
    act("react", { as: view.as, chat: m.chat.id, message_id: m.message_id, reaction: next, bot: view.bot || undefined });
  },
  pickReaction(m, button) {
    const box = $("picker");
    box.replaceChildren(...emojis.map((e) => el("button", {
      type: "button", "aria-label": `React with ${e}`,
      onclick: () => { box.hidePopover(); actions.react(m, e); button.focus(); },
    }, e)));
    const at = button.getBoundingClientRect();
    box.showPopover();
    box.style.left = `${Math.max(8, Math.min(at.left, innerWidth - box.offsetWidth - 8))}px`;
    box.style.top = `${Math.max(8, at.top - box.offsetHeight - 4)}px`;
    box.firstElementChild.focus();
  },
  jump(id) {
    limit = Infinity;
    if (!elementOf(id)) draw();
    const li = elementOf(id);
    if (!li) return emit("toast", "That message is not here any more.");
    rove(li);
    li.focus();
    li.scrollIntoView({ block: "center" });
  },
};

// The newest message that `as` can edit: for the arrow up key.
export const lastOwn = () => shownMessages().findLast((m) => isMine(m) && m.text !== undefined);

/* ---- typing … ---- */

const actionNames = {
  typing: "is typing", upload_photo: "sends a photo", record_video: "records a video", upload_video: "sends a video",
  record_voice: "records a voice message", upload_voice: "sends a voice message", upload_document: "sends a file",
  choose_sticker: "chooses a sticker", find_location: "looks for a place",
};

function drawTyping() {
  const t = typing.get(currentKey());
  $("typing").textContent = t ? t.text : "";
}

function onAction({ key, bot, action }) {
  clearTimeout(typing.get(key)?.timer);
  const timer = setTimeout(() => { typing.delete(key); drawTyping(); }, 5000);
  const name = userName(anyone(bot) || { first_name: "The bot" });
  typing.set(key, { bot, timer, text: `${name} ${actionNames[action] || "is busy"} …` });
  drawTyping();
}

/* ---- start ---- */

async function openView() {
  limit = step;
  atEnd = true;
  draw();
  drawTyping();
  toEnd();
  await readAgain();
}

async function readAgain() {
  const key = currentKey();
  if (view.chat === null && !view.bot) return;
  await loadRoom(key);
  if (key !== currentKey()) return;
  const from = log.scrollTop;
  draw();
  if (atEnd) toEnd();
  else log.scrollTop = from;
  emit("drawn");
}

export function startChat() {
  list = $("messages");
  log = $("log");
  list.addEventListener("keydown", onKey);
  list.addEventListener("focusin", (e) => { if (e.target.tagName === "LI") rove(e.target); });
  // a picture that arrives late must not push the end out of sight
  list.addEventListener("load", () => { if (atEnd) toEnd(); }, true);
  log.addEventListener("scroll", () => {
    if (log.clientHeight !== height) return;    // it shrank; nobody scrolled
    atEnd = nearEnd();
    if (atEnd) $("to-end").hidden = true;
  });
  new ResizeObserver(() => {
    height = log.clientHeight;
    if (atEnd) toEnd();
  }).observe(log);
  $("to-end").addEventListener("click", toEnd);
  $("earlier").addEventListener("click", () => {
    const from = log.scrollHeight - log.scrollTop;
    limit += step;
    draw();
    log.scrollTop = log.scrollHeight - from;
  });
  on("view", openView);
  on("reset", openView);
  on("refresh", readAgain);
  on("message", ({ key, message }) => {
    if (message.from?.id === typing.get(key)?.bot) {
      typing.delete(key);
      drawTyping();
    }
    if (isShown(message, key)) drawSoon(message);
  });
  on("deleted", ({ key, ids }) => {
    if (key !== currentKey()) return;
    for (const id of ids) {
      const li = elementOf(id);
      const next = li?.nextElementSibling;
      li?.remove();
      regroup(next);
    }
    $("no-messages").hidden = list.children.length > 0;
  });
  on("answer", onAnswer);
  on("action", onAction);
}
