// What the page knows: people, bots, chats and their messages, and which of
// them is shown. Others listen with on(); only this file and events.js change it.

const bus = new EventTarget();
export const on = (name, f) => bus.addEventListener(name, (e) => f(e.detail));
export const emit = (name, detail) => bus.dispatchEvent(new CustomEvent(name, { detail }));

export const store = {
  people: [], bots: [], chats: [], faults: [],
  startedMs: 0, seq: 0, online: true, ready: false,
};

// `chat` is null in a private chat: then it is the chat of `as` with `bot`.
export const view = { as: 0, chat: null, bot: 0, thread: 0, raw: false };

/* ---- talking to the simulator ---- */

export async function sim(method, path, body) {
  const options = { method };
  if (body instanceof FormData) options.body = body;
  else if (body) {
    options.headers = { "Content-Type": "application/json" };
    options.body = JSON.stringify(body);
  }
  let response;
  try {
    response = await fetch(`/sim/${path}`, options);
  } catch {
    throw new Error("The simulator does not answer.");
  }
  let answer = null;
  try {
    answer = await response.json();
  } catch {
    // said below: there is no JSON in it
  }
  if (!response.ok || !answer) {
    throw new Error(answer?.error || `The simulator answered with status ${response.status}.`);
  }
  return answer;
}

export const get = (path, query = {}) => sim("GET", `${path}?${new URLSearchParams(query)}`);

// Do something as a person; what goes wrong is shown, and null comes back.
export async function act(path, body) {
  try {
    return await sim("POST", path, body);
  } catch (error) {
    emit("problem", error.message);
    return null;
  }
}

/* ---- people and chats ---- */

export const person = (id) => store.people.find((p) => p.id === id);
export const botById = (id) => store.bots.find((b) => b.id === id);
export const anyone = (id) => person(id) || botById(id);
export const chatById = (id) => store.chats.find((c) => c.id === id);
export const chatId = () => view.chat ?? view.as;
export const keyOf = (chat, bot) => (chat > 0 ? `${bot}:${chat}` : String(chat));
export const currentKey = () => keyOf(chatId(), view.bot);
export const currentChat = () => (view.chat === null ? null : chatById(view.chat));
export const groups = () => store.chats.filter((c) => c.type !== "private");

export const memberOf = (chat, id) => chat?.members?.find((m) => m.user.id === id);
const outside = new Set(["left", "kicked"]);
export const isInside = (member) =>
  Boolean(member) && !outside.has(member.status) && member.is_member !== false;
export const isAdmin = (member) => ["creator", "administrator"].includes(member?.status);

export function chatTitle(chat) {
  return chat ? chat.title || chat.first_name || String(chat.id) : "";
}

// The bots that can be meant in the chat that is shown.
export function botsHere() {
  if (view.chat === null) return store.bots.filter((b) => b.id === view.bot);
  const chat = currentChat();
  return store.bots.filter((b) => isInside(memberOf(chat, b.id)));
}

// `commands` of a bot is a list of commands, or of {scope, language_code, commands}.
export function commandsOf(bot) {
  const list = bot.commands || [];
  if (!list.length || list[0].command) return list;
  const kind = view.chat === null ? "all_private_chats" : "all_group_chats";
  const admin = isAdmin(memberOf(currentChat(), view.as));
  const language = person(view.as)?.language_code || "";
  const rank = (set) => {
    const scope = set.scope?.type || "default";
    const same = Number(set.scope?.chat_id) === chatId();
    if (set.language_code && set.language_code !== language) return -1;
    const order = {
      default: 1, [kind]: 2, all_chat_administrators: admin ? 3 : -1,
      chat: same ? 4 : -1, chat_administrators: same && admin ? 5 : -1,
      chat_member: same && Number(set.scope?.user_id) === view.as ? 6 : -1,
    }[scope] ?? -1;
    return order < 0 ? -1 : order * 2 + (set.language_code ? 1 : 0);
  };
  const best = list.map((s) => [rank(s), s]).filter(([r]) => r >= 0).sort((a, b) => b[0] - a[0])[0];
  return best ? best[1].commands || [] : [];
}

/* ---- messages ---- */

const rooms = new Map();

// messages: id → Message, or {deleted: true}; filled once the chat is opened (`loaded` then is a promise).
export function room(key) {
  if (!rooms.has(key)) rooms.set(key, { messages: new Map(), loaded: null, unread: new Map(), last: null });
  return rooms.get(key);
}

export const threadOf = (m) => (m.is_topic_message ? m.message_thread_id : 0);
// An ephemeral message is for one person alone.
const isForUs = (m) => !m.receiver_user || m.receiver_user.id === view.as;
export const isShown = (m, key) =>
  key === currentKey() && isForUs(m) && (!currentChat()?.is_forum || threadOf(m) === view.thread);

export function unread(key, thread) {
  const counts = room(key).unread;
  if (thread !== undefined) return counts.get(thread) || 0;
  return [...counts.values()].reduce((a, b) => a + b, 0);
}

// Keep a new or changed message; `live` is false for what is only loaded late.
export function putMessage(key, m, live) {
  const r = room(key);
  const old = r.messages.get(m.message_id);
  if (old && (old.seq > m.seq || old.deleted)) return;
  const fresh = !old && !m.edit_date;
  if (r.loaded) r.messages.set(m.message_id, m);
  if (!r.last || m.message_id >= r.last.message_id) r.last = m;
  const mine = m.from?.id === view.as;
  if (live && fresh && !mine && isForUs(m) && !isShown(m, key)) {
    r.unread.set(threadOf(m), unread(key, threadOf(m)) + 1);
  }
  if (live) emit("message", { key, message: m, fresh });
}

export function dropMessages(key, ids) {
  const r = room(key);
  for (const id of ids) r.messages.set(id, { message_id: id, deleted: true });
  if (r.last && ids.includes(r.last.message_id)) r.last = null;
  emit("deleted", { key, ids });
}

export function setReactions(key, id, reactions) {
  const m = room(key).messages.get(id);
  if (!m || m.deleted) return;
  m.reactions = reactions;
  emit("message", { key, message: m, fresh: false });
}

// Fetch a chat's messages, once; later ones come as events.
export function loadRoom(key) {
  const r = room(key);
  if (!r.loaded) {
    const query = { chat: chatId() };
    if (view.bot) query.bot = view.bot;
    r.loaded = get("messages", query).then(
      (answer) => { for (const m of answer.messages) if (!m.deleted) putMessage(key, m, false); },
      (error) => { r.loaded = null; emit("problem", error.message); });
  }
  return r.loaded;
}

export function forgetRooms() {
  rooms.clear();
}

// After a gap: messages are read again, counts of unread ones stay.
export function reloadRooms() {
  for (const r of rooms.values()) {
    r.messages.clear();
    r.loaded = null;
  }
}

/* ---- what is shown, kept in the address ---- */

function writeHash() {
  const q = new URLSearchParams({ as: view.as, chat: chatId() });
  if (view.chat === null && view.bot) q.set("bot", view.bot);
  if (view.thread) q.set("thread", view.thread);
  if (view.raw) q.set("raw", 1);
  if (location.hash.slice(1) !== q.toString()) history.replaceState(null, "", `#${q}`);
}

export function readHash() {
  const q = new URLSearchParams(location.hash.slice(1));
  const chat = Number(q.get("chat")) || 0;
  Object.assign(view, {
    as: Number(q.get("as")) || 0, chat: chat < 0 ? chat : null,
    bot: Number(q.get("bot")) || 0, thread: Number(q.get("thread")) || 0, raw: q.get("raw") === "1",
  });
}

// Make the view point to what exists, and remember it.
export function settleView() {
  if (!person(view.as)) view.as = store.people[0]?.id || 0;
  if (view.chat !== null && !chatById(view.chat)) view.chat = null;
  if (view.chat === null && !botById(view.bot)) view.bot = store.bots[0]?.id || 0;
  const topics = currentChat()?.topics || [];
  if (!topics.some((t) => t.message_thread_id === view.thread) || view.thread === 1) view.thread = 0;
  writeHash();
}

export function show(change) {
  Object.assign(view, change);
  settleView();
  room(currentKey()).unread.delete(currentChat()?.is_forum ? view.thread : 0);
  emit("view");
}
