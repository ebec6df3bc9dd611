// One message as an element of the list.
import { avatar, bytes, colour, el, fullTime, time, userName } from "./dom.js";
import { link, render } from "./markup.js";
import { anyone, chatTitle, view } from "./store.js";

const fileUrl = (file) => `/sim/file?${new URLSearchParams({ file_id: file.file_id })}`;

const serviceText = {
  new_chat_members: (m) => {
    const names = m.new_chat_members.map(userName).join(", ");
    const self = m.new_chat_members.length === 1 && m.new_chat_members[0].id === m.from?.id;
    return self || !m.from ? `${names} joined` : `${userName(m.from)} added ${names}`;
  },
  left_chat_member: (m) =>
    !m.from || m.left_chat_member.id === m.from.id
      ? `${userName(m.left_chat_member)} left`
      : `${userName(m.from)} removed ${userName(m.left_chat_member)}`,
  new_chat_title: (m) => `The title is now “${m.new_chat_title}”`,
  new_chat_photo: () => "The chat has a new photo",
  delete_chat_photo: () => "The chat’s photo was removed",
  group_chat_created: () => "The group was created",
  supergroup_chat_created: () => "The supergroup was created",
  channel_chat_created: () => "The channel was created",
  migrate_to_chat_id: (m) => `The group became the supergroup ${m.migrate_to_chat_id}`,
  migrate_from_chat_id: (m) => `This supergroup was the group ${m.migrate_from_chat_id}`,
  pinned_message: (m) => `${userName(m.from)} pinned “${summary(m.pinned_message)}”`,
  message_auto_delete_timer_changed: () => "The time after which messages are deleted changed",
  forum_topic_created: (m) => `The topic “${m.forum_topic_created.name}” was created`,
  forum_topic_edited: (m) => `The topic was changed: ${m.forum_topic_edited.name || "a new icon"}`,
  forum_topic_closed: () => "The topic was closed",
  forum_topic_reopened: () => "The topic was opened again",
};

const plainText = {
  contact: (m) => `Contact: ${userName(m.contact)}, ${m.contact.phone_number}`,
  venue: (m) => `Place: ${m.venue.title}, ${m.venue.address}`,
  location: (m) => `Location: ${m.location.latitude}, ${m.location.longitude}`,
  poll: (m) => `Poll: ${m.poll.question}\n${(m.poll.options || []).map((o) => `○ ${o.text}`).join("\n")}`,
  dice: (m) => `${m.dice.emoji} shows ${m.dice.value}`,
  game: (m) => `Game: ${m.game.title}`,
  invoice: (m) => `Invoice: ${m.invoice.title}, ${m.invoice.total_amount} ${m.invoice.currency}`,
};

const media = {
  photo: (m) => {
    const size = m.photo.at(-1);
    const img = el("img", {
      src: fileUrl(size), alt: m.caption ? `Photo: ${m.caption}` : "Photo", loading: "lazy",
      width: size.width, height: size.height,
      onerror: () => img.replaceWith(file("Photo", size)),
    });
    return img;
  },
  video: (m) => player("video", m.video),
  video_note: (m) => player("video", m.video_note),
  animation: (m) => player("video", m.animation),
  audio: (m) => player("audio", m.audio),
  voice: (m) => player("audio", m.voice),
  document: (m) => file("File", m.document),
  sticker: (m) => {
    const label = `Sticker ${m.sticker.emoji || ""}`.trim();
    if (m.sticker.is_animated || m.sticker.is_video) return file(label, m.sticker);
    const img = el("img", {
      class: "sticker", src: fileUrl(m.sticker), alt: label,
      onerror: () => img.replaceWith(file(label, m.sticker)),
    });
    return img;
  },
};

function file(label, f) {
  const name = f.file_name || label;
  return el("a", { class: "file", href: fileUrl(f), download: f.file_name || "" },
    el("span", { class: "file-name" }, el("bdi", {}, name)), " ",
    el("span", { class: "dim" }, [bytes(f.file_size), f.mime_type].filter(Boolean).join(", ")));
}

function player(tag, f) {
  return el("div", {},
    el(tag, { src: fileUrl(f), controls: true, preload: "none", "aria-label": f.file_name || tag }),
    file(f.file_name || tag, f));
}

const firstKey = (table, m) => Object.keys(table).find((k) => m[k] !== undefined);

// What a message is called where there is one line for it.
export function summary(m) {
  if (!m || m.deleted) return "Deleted message";
  const service = firstKey(serviceText, m);
  if (service) return serviceText[service](m);
  if (m.text) return m.text;
  const kind = firstKey(media, m);
  if (kind) return [kind[0].toUpperCase() + kind.slice(1), m.caption].filter(Boolean).join(": ");
  const plain = firstKey(plainText, m);
  return plain ? plainText[plain](m) : unknownText(m);
}

const ordinary = new Set(["message_id", "from", "sender_chat", "chat", "date", "seq", "edit_date",
  "reply_markup", "receiver_user", "message_thread_id", "is_topic_message", "reply_to_message", "via_bot", "reactions"]);

function unknownText(m) {
  const kind = Object.keys(m).find((k) => !ordinary.has(k) && typeof m[k] === "object");
  return kind ? kind.replaceAll("_", " ") : "A message of a kind this page does not know";
}

export const senderName = (m) =>
  m.sender_chat ? chatTitle(m.sender_chat) : m.from ? userName(m.from) : chatTitle(m.chat);
export const senderId = (m) => m.sender_chat?.id ?? m.from?.id ?? m.chat.id;
export const isMine = (m) => !m.sender_chat && m.from?.id === view.as;

function content(m, actions) {
  const parts = [];
  const kind = firstKey(media, m);
  const plain = firstKey(plainText, m);
  if (kind) parts.push(el("div", { class: "media" }, media[kind](m)));
  else if (plain) parts.push(el("div", { class: "text", dir: "auto" }, plainText[plain](m)));
  const text = m.text ?? m.caption;
  if (text !== undefined) {
    parts.push(el("div", { class: "text", dir: "auto" },
      render(text, m.entities ?? m.caption_entities, actions.command)));
  }
  if (!parts.length) parts.push(el("div", { class: "text dim" }, unknownText(m)));
  return parts;
}

function quote(m, actions) {
  const to = m.reply_to_message;
  if (!to || to.forum_topic_created) return null;
  return el("button", {
    type: "button", class: "quote", onclick: () => actions.jump(to.message_id),
    "aria-label": `In reply to ${senderName(to)}: ${summary(to)}`,
  }, el("b", {}, senderName(to)), el("span", {}, m.quote?.text || summary(to)));
}

function origin(m) {
  const o = m.forward_origin;
  const from = o && (o.sender_user ? userName(o.sender_user) : o.sender_user_name || chatTitle(o.sender_chat || o.chat));
  return [
    o ? el("div", { class: "dim" }, `Forwarded from ${from}`) : null,
    m.via_bot ? el("div", { class: "dim" }, `via @${m.via_bot.username}`) : null,
  ];
}

function key(b, m, row, column, actions) {
  const label = el("span", {}, b.text ?? "");
  if (b.url !== undefined || b.login_url) {
    const a = link(b.url ?? b.login_url.url, label, el("span", { "aria-hidden": "true" }, " ↗"));
    a.classList.add("key");
    return a;
  }
  const can = b.callback_data !== undefined || b.switch_inline_query_current_chat !== undefined
    || b.switch_inline_query !== undefined || b.copy_text;
  const busy = actions.busy(m, row, column);
  return el("button", {
    type: "button", class: "key", "aria-busy": busy ? "true" : null, "aria-disabled": can ? null : "true",
    title: b.callback_data ?? (can ? null : "The simulator cannot press this kind of button"),
    onclick: () => can && actions.press(b, m, row, column),
  }, label);
}

function keyboard(m, actions) {
  const rows = m.reply_markup?.inline_keyboard;
  if (!Array.isArray(rows) || !rows.length) return null;
  return el("div", { class: "keys", role: "group", "aria-label": "Buttons of this message" },
    ...rows.map((r, i) => el("div", {}, ...r.map((b, j) => key(b, m, i, j, actions)))));
}

function reactions(m, actions) {
  if (!m.reactions?.length) return null;
  return el("div", { class: "reactions" }, ...m.reactions.map((r) => {
    const mine = r.users.includes(view.as);
    const who = r.users.map((id) => userName(anyone(id) || { id })).join(", ");
    return el("button", {
      type: "button", "aria-pressed": String(mine), title: who,
      "aria-label": `${r.emoji}, ${who}`, onclick: () => actions.react(m, r.emoji),
    }, `${r.emoji} ${r.users.length}`);
  }));
}

function tools(m, actions) {
  const tool = (name, sign, f) =>
    el("button", { type: "button", title: name, "aria-label": name, onclick: f }, sign);
  return el("div", { class: "tools" },
    tool("Reply", "↩", () => actions.reply(m)),
    tool("React", "☺", (e) => actions.pickReaction(m, e.currentTarget)),
    isMine(m) && (m.text !== undefined || m.caption !== undefined)
      ? tool("Edit", "✎", () => actions.edit(m)) : null);
}

// actions: what can be done from a message, see chat.js.
export function messageElement(m, actions) {
  const service = firstKey(serviceText, m);
  const base = { "data-id": m.message_id, "data-sender": senderId(m), tabindex: -1 };
  if (service) {
    return el("li", { ...base, class: "service" },
      el("span", { title: fullTime(m.date) }, serviceText[service](m)));
  }
  const mine = isMine(m);
  const who = senderName(m);
  const bubble = el("div", { class: "bubble" },
    el("div", { class: `who ${colour(senderId(m))}` }, el("bdi", {}, who),
      m.from?.is_bot ? el("span", { class: "tag" }, "bot") : null),
    m.receiver_user ? el("div", { class: "dim" }, "Only you see this") : null,
    ...origin(m), quote(m, actions), ...content(m, actions),
    el("div", { class: "meta" },
      m.edit_date ? "edited " : null,
      el("time", { datetime: new Date(m.date * 1000).toISOString(), title: `${fullTime(m.date)}, message ${m.message_id}` },
        time(m.date))));
  return el("li", { ...base, class: mine ? "own" : "other" },
    mine ? null : avatar(who, senderId(m)),
    el("div", { class: "body" },
      el("div", { class: "line" }, bubble, tools(m, actions)), keyboard(m, actions), reactions(m, actions)));
}
