// The panels: members, a new chat, a new person, faults, starting over.
import { $, avatar, el, userName } from "./dom.js";
import { act, chatTitle, currentChat, emit, groups, isInside, memberOf, on, person, show, sim, store, view } from "./store.js";

/* ---- members ---- */

const statuses = [
  ["member", "member"], ["administrator", "administrator"], ["restricted", "restricted"],
  ["left", "not in the chat"], ["kicked", "banned"],
];

function setStatus(chat, user, status) {
  if (status === "member" && !isInside(memberOf(chat, user.id))
      && memberOf(chat, user.id)?.status !== "kicked") {
    return act("join", { as: user.id, chat: chat.id, by: view.as === user.id ? undefined : view.as });
  }
  if (status === "left" && isInside(memberOf(chat, user.id))) {
    return act("leave", { as: user.id, chat: chat.id, by: view.as === user.id ? undefined : view.as });
  }
  return act("member", { chat: chat.id, user: user.id, status, by: view.as });
}

function memberRow(chat, user) {
  const m = memberOf(chat, user.id);
  const now = m?.status === "creator" ? "creator" : m ? m.status : "left";
  const id = `member-${user.id}`;
  return el("li", {}, avatar(userName(user), user.id),
    el("label", { for: id }, el("bdi", {}, userName(user)),
      user.is_bot ? el("span", { class: "tag" }, "bot") : null,
      user.id === view.as ? el("span", { class: "dim" }, " you") : null),
    now === "creator" ? el("span", { id, class: "dim" }, "owner")
      : el("select", { id, onchange: (e) => setStatus(chat, user, e.target.value) },
        ...statuses.map(([value, label]) => el("option", { value, selected: value === now }, label))));
}

function drawMembers() {
  const chat = currentChat();
  if (!$("members").open || !chat) return;
  const focused = document.activeElement?.id;
  const known = new Map([...(chat.members || []).map((m) => m.user), ...store.people, ...store.bots].map((u) => [u.id, u]));
  const rank = (u) => (isInside(memberOf(chat, u.id)) ? 0 : 1);
  $("members-title").textContent = `Members of ${chatTitle(chat)}`;
  $("members-list").replaceChildren(...[...known.values()].sort((a, b) => rank(a) - rank(b))
    .slice(0, 200).map((u) => memberRow(chat, u)));
  const inside = isInside(memberOf(chat, view.as));
  $("members-self").textContent = `${inside ? "Leave" : "Join"} as ${userName(person(view.as))}`;
  $("members-self").onclick = () => setStatus(chat, { id: view.as }, inside ? "left" : "member");
  if (focused) document.getElementById(focused)?.focus();
}

/* ---- new chat, new person ---- */

function fillNewChat() {
  $("new-chat-members").replaceChildren(...[...store.people, ...store.bots].slice(0, 200).map((u) => el("label", {},
    el("input", { type: "checkbox", name: "member", value: u.id, checked: u.is_bot || u.id === view.as }),
    " ", el("bdi", {}, userName(u)), u.is_bot ? el("span", { class: "tag" }, "bot") : null)));
}

async function makeChat(e) {
  e.preventDefault();
  const data = new FormData(e.target);
  const answer = await act("chat", {
    type: data.get("type"), title: data.get("title"), members: data.getAll("member").map(Number),
  });
  if (!answer) return;
  $("new-chat").close();
  e.target.reset();
  wanted = answer.chat.id;
  gotState();
}

let wanted = 0;     // a chat just made: shown when the state has it

function gotState() {
  if (wanted && groups().some((c) => c.id === wanted)) {
    const chat = wanted;
    wanted = 0;
    show({ chat, bot: 0, thread: 0 });
  }
  drawMembers();
  drawFaults();
}

async function makePerson(e) {
  e.preventDefault();
  const data = Object.fromEntries([...new FormData(e.target)].filter(([, v]) => v));
  const answer = await act("person", data);
  if (!answer) return;
  $("new-person").close();
  e.target.reset();
  emit("toast", `${userName(answer.user)} is here: choose them under “You are”.`);
}

/* ---- faults ---- */

function faultText(f) {
  const what = {
    error: `answers ${f.status || 500}${f.retry_after ? `, retry after ${f.retry_after} s` : ""}`,
    drop: "is dropped before it is done", drop_after: "is done, then dropped",
    delay: `waits ${f.ms} ms`, garbage: "answers with what is not JSON",
  }[f.kind] || f.kind;
  const times = f.times < 0 ? "until removed" : `${f.times} more`;
  return `${f.method === "*" ? "every method" : f.method} ${what} (${times})`;
}

async function removeFault(id) {
  try {
    await sim("DELETE", id ? `fault?id=${id}` : "fault");
  } catch (error) {
    emit("problem", error.message);
  }
}

function drawFaults() {
  const n = store.faults.length;
  $("faults-open").textContent = n ? `Faults (${n})` : "Faults";
  $("faults-none").hidden = n > 0;
  $("faults-list").replaceChildren(...store.faults.map((f) => el("li", {}, el("span", {}, faultText(f)),
    el("button", { type: "button", "aria-label": `Remove: ${faultText(f)}`, onclick: () => removeFault(f.id) }, "Remove"))));
}

function faultFields() {
  const kind = $("fault-form").elements.kind.value;
  for (const field of $("fault-form").querySelectorAll("[data-for]")) {
    field.hidden = !field.dataset.for.split(" ").includes(kind);
  }
}

async function addFault(e) {
  e.preventDefault();
  const d = new FormData(e.target);
  const kind = d.get("kind");
  const fault = { method: d.get("method").trim() || "*", kind, times: Number(d.get("times")) || 1 };
  if (kind === "delay") fault.ms = Number(d.get("ms")) || 0;
  if (kind === "error") {
    fault.status = Number(d.get("status")) || 500;
    if (d.get("description")) fault.description = d.get("description");
    if (d.get("retry_after")) fault.retry_after = Number(d.get("retry_after"));
  }
  await act("fault", fault);
}

/* ---- start ---- */

const opens = (button, dialog, f) => $(button).addEventListener("click", () => {
  if (f) f();
  if (!$(dialog).open) $(dialog).showModal();
});

export function startDialogs() {
  $("members-open").addEventListener("click", () => {
    $("members").showModal();
    drawMembers();
  });
  opens("new-chat-open", "new-chat", fillNewChat);
  opens("new-person-open", "new-person");
  opens("faults-open", "faults", faultFields);
  opens("reset-open", "reset");
  $("new-chat-form").addEventListener("submit", makeChat);
  $("new-person-form").addEventListener("submit", makePerson);
  $("fault-form").addEventListener("submit", addFault);
  $("fault-form").elements.kind.addEventListener("change", faultFields);
  $("faults-clear").addEventListener("click", () => removeFault());
  $("reset-yes").addEventListener("click", () => {
    $("reset").close();
    act("reset", {});
  });
  on("state", gotState);
  on("view", () => { if ($("members").open) $("members").close(); });
}
