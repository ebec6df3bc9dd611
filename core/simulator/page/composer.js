// Writing: the text field and what hangs on it: reply, edit, files, reply
// keyboards. What it proposes (commands, inline results) is in suggest.js.
import { $, bytes, el, userName } from "./dom.js";
import { lastOwn } from "./chat.js";
import { senderName, summary } from "./message.js";
import { act, chatId, chatTitle, currentChat, currentKey, emit, isAdmin, isInside, memberOf, on, person, room, store, view } from "./store.js";
import { closeSuggestions, suggest, suggestKey } from "./suggest.js";

let input;
let about = null;           // {kind: "reply" | "edit", message}
let files = [];             // waiting to be sent
const drafts = new Map();   // view → text
let draftKey = "";
const usedKeyboards = new Set();

const viewKey = () => `${view.as}/${currentKey()}/${view.thread}`;
const kinds = [["image/gif", "animation"], ["image/", "photo"], ["video/", "video"], ["audio/", "audio"]];

/* ---- sending ---- */

function target() {
  return {
    as: view.as, chat: chatId(), bot: view.chat === null ? view.bot : undefined,
    thread: view.thread || undefined,
    reply_to: about?.kind === "reply" ? about.message.message_id : undefined,
  };
}

function form(fields, kind, file) {
  const data = new FormData();
  for (const [k, v] of Object.entries(fields)) if (v !== undefined && v !== "") data.append(k, v);
  data.append(kind, file, file.name || "file");
  return data;
}

// One message for each file; what could not be sent stays.
async function sendFiles(caption, to, list, kindOf) {
  for (const [i, file] of list.entries()) {
    const sent = await act("send", form({ ...to, caption: i ? "" : caption }, kindOf(file), file));
    if (!sent) return list.slice(i);
  }
  return [];
}

const mediaKind = (file) => kinds.find(([type]) => file.type.startsWith(type))?.[1] || "document";

function sendText(text, to, what) {
  if (what?.kind !== "edit") return act("send", { ...to, text });
  const m = what.message;
  return act("edit", { as: view.as, chat: m.chat.id, message_id: m.message_id, text, bot: view.bot || undefined });
}

// The field is empty at once, so that one can go on; what fails comes back.
async function submit() {
  const was = { text: input.value, about, files, to: target(), key: viewKey() };
  const text = was.text.trim();
  if (!text && !files.length) return;
  if (!store.ready || !store.online) return emit("problem", "The simulator is not there: the message stays in the field.");
  const kindOf = $("as-file").checked ? () => "document" : mediaKind;
  clear();
  let left = [];
  if (was.files.length) left = await sendFiles(text, was.to, was.files, kindOf);
  else if (!await sendText(text, was.to, was.about)) left = null;
  if (left?.length === 0) return;
  if (was.key !== viewKey()) return drafts.set(was.key, was.text);
  if (!input.value) input.value = was.text;
  setAbout(was.about);
  setFiles(left || []);
  grow();
}

function clear() {
  input.value = "";
  drafts.delete(viewKey());
  setAbout(null);
  setFiles([]);
  closeSuggestions();
  grow();
}

/* ---- reply and edit ---- */

function setAbout(next) {
  about = next;
  $("about").hidden = !about;
  if (!about) return;
  const m = about.message;
  $("about-text").replaceChildren(
    el("b", {}, about.kind === "edit" ? "Edit" : `Reply to ${senderName(m)}`), el("span", {}, summary(m)));
}

/* ---- files ---- */

function setFiles(next) {
  files = next;
  $("files").hidden = !files.length;
  if (!files.length) $("as-file").checked = false;
  $("file-list").replaceChildren(...files.map((f, i) => el("li", {}, f.name || "pasted file", " ",
    el("span", { class: "dim" }, bytes(f.size)), " ",
    el("button", {
      type: "button", "aria-label": `Do not send ${f.name}`,
      onclick: () => { setFiles(files.filter((_, j) => j !== i)); input.focus(); },
    }, "×"))));
  input.setAttribute("placeholder", placeholder());
}

function addFiles(list) {
  if (!list.length) return false;
  setFiles([...files, ...list]);
  input.focus();
  return true;
}

/* ---- reply keyboards ---- */

// A selective keyboard is for whom the message answers or mentions.
function isForMe(m) {
  if (!m.reply_markup.selective || view.chat === null) return true;
  const name = person(view.as)?.username;
  return m.reply_to_message?.from?.id === view.as
    || Boolean(name && m.text?.toLowerCase().includes(`@${name.toLowerCase()}`));
}

// The last message with something about the keyboard decides.
function replyMarkup() {
  const list = [...room(currentKey()).messages.values()].filter((m) => {
    const k = m.reply_markup;
    return !m.deleted && k && (k.keyboard || k.remove_keyboard || k.force_reply) && isForMe(m);
  }).sort((a, b) => b.message_id - a.message_id);
  return list[0] && { message: list[0], ...list[0].reply_markup };
}

function keyboardButton(b, message, once) {
  const text = typeof b === "string" ? b : b.text;
  const special = typeof b === "object" && Object.keys(b).find((k) => k.startsWith("request_") || k === "web_app");
  return el("button", {
    type: "button", "aria-disabled": special ? "true" : null,
    title: special ? `The simulator cannot answer ${special}` : null,
    onclick: async () => {
      if (special) return;
      if (once) usedKeyboards.add(`${view.as}/${currentKey()}/${message.message_id}`);
      await act("send", { ...target(), text });
      drawKeyboard();
      input.focus();
    },
  }, text);
}

function drawKeyboard() {
  const box = $("keyboard");
  const k = replyMarkup();
  const used = k && usedKeyboards.has(`${view.as}/${currentKey()}/${k.message.message_id}`);
  const rows = k?.keyboard && !used ? k.keyboard : [];
  box.hidden = !rows.length;
  box.replaceChildren(...rows.map((r) =>
    el("div", {}, ...r.map((b) => keyboardButton(b, k.message, k.one_time_keyboard)))));
  input.setAttribute("placeholder", placeholder(k));
}

function placeholder(k = replyMarkup()) {
  if (files.length) return "Caption";
  return k?.input_field_placeholder || "Message or /command";
}

function forceReply(m) {
  if (!m.reply_markup?.force_reply || m.from?.id === view.as || !isForMe(m)) return;
  if (input.value || about) return;
  setAbout({ kind: "reply", message: m });
}

/* ---- who may write here ---- */

function mayWrite() {
  const chat = currentChat();
  if (!chat) return true;
  const me = memberOf(chat, view.as);
  return isInside(me) && (chat.type !== "channel" || isAdmin(me));
}

function drawBar() {
  const chat = currentChat();
  const me = chat && memberOf(chat, view.as);
  const name = userName(person(view.as));
  const nowhere = view.chat === null && !view.bot;
  const open = mayWrite() && !nowhere;
  $("composer").hidden = !open;
  $("closed").hidden = open || nowhere;
  if (open || nowhere) return drawKeyboard();
  const inside = isInside(me);
  const banned = me?.status === "kicked";
  const text = inside ? `Only administrators write in ${chatTitle(chat)}.`
    : banned ? `${name} is banned from ${chatTitle(chat)}.` : `${name} is not in ${chatTitle(chat)}.`;
  $("closed").replaceChildren(el("span", {}, text), inside || banned ? "" : el("button", {
    type: "button", onclick: () => act("join", { as: view.as, chat: chat.id }),
  }, "Join"));
}

function openView() {
  if (draftKey) drafts.set(draftKey, input.value);
  draftKey = viewKey();
  input.value = drafts.get(draftKey) || "";
  setAbout(null);
  setFiles([]);
  closeSuggestions();
  drawBar();
  grow();
}

/* ---- the field ---- */

function grow() {
  input.style.height = "auto";
  input.style.height = `${Math.min(input.scrollHeight + 2, innerHeight * 0.35)}px`;
}

function onKey(e) {
  if (e.isComposing || suggestKey(e)) return;
  if (e.key === "Enter" && !e.shiftKey) {
    e.preventDefault();
    submit();
  } else if (e.key === "Escape" && (about || files.length)) {
    e.preventDefault();
    if (about?.kind === "edit") input.value = "";
    setAbout(null);
    setFiles([]);
  } else if (e.key === "ArrowUp" && !input.value) {
    const m = lastOwn();
    if (m) {
      e.preventDefault();
      compose.edit(m);
    }
  }
}

export const compose = {
  replyTo(m) {
    setAbout({ kind: "reply", message: m });
    input.focus();
  },
  edit(m) {
    setAbout({ kind: "edit", message: m });
    input.value = m.text ?? m.caption;
    input.focus();
    grow();
  },
  fill(text) {
    input.value = text;
    input.focus();
    input.dispatchEvent(new Event("input"));
  },
  send: (text) => act("send", { ...target(), text, reply_to: undefined }),
  submit,
};

function drop(area) {
  const files = (e) => [...(e.dataTransfer?.types || [])].includes("Files");
  area.addEventListener("dragover", (e) => {
    if (!files(e) || !mayWrite()) return;
    e.preventDefault();
    area.classList.add("dropping");
  });
  area.addEventListener("dragleave", (e) => {
    if (!area.contains(e.relatedTarget)) area.classList.remove("dropping");
  });
  area.addEventListener("drop", (e) => {
    area.classList.remove("dropping");
    if (!files(e) || !mayWrite()) return;
    e.preventDefault();
    addFiles([...e.dataTransfer.files]);
  });
}

export function startComposer() {
  input = $("input");
  input.addEventListener("keydown", onKey);
  input.addEventListener("input", () => { grow(); suggest(input); });
  input.addEventListener("blur", () => setTimeout(closeSuggestions, 150));
  input.addEventListener("paste", (e) => {
    if (addFiles([...(e.clipboardData?.files || [])])) e.preventDefault();
  });
  $("composer").addEventListener("submit", (e) => {
    e.preventDefault();
    submit();
    input.focus();
  });
  $("about-cancel").addEventListener("click", () => {
    if (about?.kind === "edit") input.value = "";
    setAbout(null);
    input.focus();
  });
  $("attach").addEventListener("click", () => $("file").click());
  $("file").addEventListener("change", () => {
    addFiles([...$("file").files]);
    $("file").value = "";
  });
  drop($("chat"));
  on("view", openView);
  on("reset", openView);
  on("state", drawBar);
  on("drawn", drawKeyboard);
  on("message", ({ key, message, fresh }) => {
    if (key !== currentKey()) return;
    if (message.reply_markup) drawKeyboard();
    if (fresh) forceReply(message);
  });
}
