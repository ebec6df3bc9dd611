// Who one is, which chats there are, and the head of the chat that is shown.
import { $, avatar, el, userName } from "./dom.js";
import { summary } from "./message.js";
import { botsHere, chatTitle, currentChat, currentKey, groups, isInside, keyOf, on, room, show, store, unread, view } from "./store.js";

const fewPeople = 8;    // more of them become a list to choose from
let narrow;

/* ---- people ---- */

const privateUnread = (id) => store.bots.reduce((n, b) => n + unread(keyOf(id, b.id)), 0);

function dot(count, what) {
  return count ? el("span", { class: "dot" }, String(count), el("span", { class: "sr" }, ` ${what}`)) : null;
}

const beAs = (id) => show({ as: id });

function peopleRadios() {
  return store.people.map((p) => el("label", { class: "person" },
    el("input", {
      type: "radio", name: "as", value: p.id, checked: p.id === view.as, onchange: () => beAs(p.id),
    }),
    avatar(userName(p), p.id), el("bdi", {}, userName(p)),
    p.id === view.as ? null : dot(privateUnread(p.id), "unread")));
}

function peopleSelect() {
  return [el("select", { "aria-label": "You are", onchange: (e) => beAs(Number(e.target.value)) },
    ...store.people.slice(0, 1000).map((p) =>
      el("option", { value: p.id, selected: p.id === view.as }, userName(p))))];
}

function drawPeople() {
  const focused = $("people").contains(document.activeElement);
  $("people-list").replaceChildren(...(store.people.length <= fewPeople ? peopleRadios() : peopleSelect()));
  if (focused) $("people").querySelector("input:checked, select")?.focus();
}

/* ---- chats ---- */

const kinds = { private: "private", group: "group", supergroup: "supergroup", channel: "channel" };

function chatRow(title, id, key, kind, current, to) {
  const last = room(key).last;
  return el("li", {}, el("button", {
    type: "button", "aria-current": current ? "true" : null,
    onclick: () => {
      show(to);
      if (narrow.matches) closeSide(false);
    },
  }, avatar(title, id),
  el("span", { class: "row-text" },
    el("bdi", {}, title), el("span", { class: "dim" }, last ? summary(last).slice(0, 80) : kind)),
  current ? null : dot(unread(key), "unread")));
}

function drawChats() {
  const focusedAt = [...$("chats").querySelectorAll("button")].indexOf(document.activeElement);
  $("chats").replaceChildren(
    ...store.bots.map((b) => chatRow(userName(b), b.id, keyOf(view.as, b.id), "private",
      view.chat === null && view.bot === b.id, { chat: null, bot: b.id, thread: 0 })),
    ...groups().map((c) => chatRow(chatTitle(c), c.id, String(c.id), c.is_forum ? "topics" : kinds[c.type] || c.type,
      view.chat === c.id, { chat: c.id, bot: 0, thread: 0 })));
  if (focusedAt >= 0) $("chats").querySelectorAll("button")[focusedAt]?.focus();
}

/* ---- the head of the chat ---- */

function subtitle() {
  const chat = currentChat();
  if (!chat) return view.bot ? "private chat with a bot" : "";
  const inside = (chat.members || []).filter(isInside).length;
  const kind = chat.type === "channel" ? "channel" : chat.is_forum ? "supergroup with topics" : chat.type;
  return `${kind}, ${inside} ${inside === 1 ? "member" : "members"}`;
}

function drawTopics() {
  const chat = currentChat();
  const topics = chat?.is_forum ? chat.topics || [] : [];
  const named = topics.filter((t) => t.message_thread_id !== 1);
  const all = chat?.is_forum ? [{ message_thread_id: 0, name: "General" }, ...named] : [];
  $("topics").hidden = !all.length;
  $("topics").replaceChildren(...all.map((t) => el("button", {
    type: "button", "aria-current": t.message_thread_id === view.thread ? "true" : null,
    onclick: () => {
      show({ thread: t.message_thread_id });
      $("topics").querySelector('[aria-current="true"]')?.focus();
    },
  }, el("bdi", {}, t.name),
  t.message_thread_id === view.thread ? null : dot(unread(currentKey(), t.message_thread_id), "unread"))));
}

function drawHead() {
  const chat = currentChat();
  const bot = store.bots.find((b) => b.id === view.bot);
  const title = chat ? chatTitle(chat) : bot ? userName(bot) : "No bot yet";
  $("chat-title").textContent = title;
  $("chat-sub").textContent = subtitle();
  $("members-open").hidden = !chat;
  document.title = `${title} – Moonpost simulator`;
  const pinned = chat?.pinned_message;
  $("pinned").hidden = !pinned;
  if (pinned) $("pinned").textContent = `Pinned: ${summary(pinned)}`;
}

// Why there may be no answer: no bot at all, or it is not connected now.
function drawBotState() {
  const none = store.ready && !store.bots.length;
  $("no-bot").hidden = !none;
  $("log").classList.toggle("empty", none && view.chat === null);
  for (const code of document.querySelectorAll(".origin")) code.textContent = location.origin;
  const here = botsHere();
  const away = here.length && here.every((b) => b.connected === false);
  const missing = store.ready && store.bots.length && view.chat !== null && !here.length;
  $("bot-away").hidden = !away && !missing;
  $("bot-away").textContent = missing ? "No bot is in this chat: add one under Members."
    : away ? `${here.map(userName).join(", ")} is not connected now. What you send waits until it is.` : "";
}

/* ---- the list as a drawer on narrow screens ---- */

function closeSide(back = true) {
  document.body.classList.remove("side-open");
  drawSide();
  if (back) $("side-open").focus();
}

function drawSide() {
  const open = document.body.classList.contains("side-open");
  $("side").inert = narrow.matches && !open;
  $("chat").inert = narrow.matches && open;
  $("side-open").setAttribute("aria-expanded", String(open));
}

function drawAll() {
  drawPeople();
  drawChats();
  drawTopics();
  drawHead();
  drawBotState();
}

let queued = false;
function drawSoon() {
  if (queued) return;
  queued = true;
  setTimeout(() => {
    queued = false;
    drawPeople();
    drawChats();
    drawTopics();
  }, 50);
}

export function startSidebar() {
  narrow = matchMedia("(max-width: 47.99rem)");
  narrow.addEventListener("change", drawSide);
  $("side-open").addEventListener("click", () => {
    document.body.classList.add("side-open");
    drawSide();
    $("side").querySelector("input:checked, select, button")?.focus();
  });
  $("side-close").addEventListener("click", () => closeSide());
  $("side").addEventListener("keydown", (e) => {
    if (e.key === "Escape" && narrow.matches) closeSide();
  });
  document.addEventListener("click", (e) => {
    const open = document.body.classList.contains("side-open");
    if (open && narrow.matches && !e.target.closest("#side, #side-open, dialog")) closeSide();
  });
  on("state", drawAll);
  on("view", drawAll);
  on("reset", drawAll);
  on("message", drawSoon);
  on("deleted", drawSoon);
  drawSide();
}
