// The connection: one stream of server-sent events, opened again by itself,
// and what each event means for the store.
import { dropMessages, emit, forgetRooms, get, keyOf, putMessage, readHash, reloadRooms, setReactions, settleView, show, store, view } from "./store.js";

let stream = null;
let retry = 300;            // ms until the next try
let misses = 0;             // since the stream was last open
let stateTimer = 0;
let history = 0;            // events up to this seq happened before the page was there

async function readState() {
  const state = await get("state");
  const again = store.startedMs && (state.started_ms !== store.startedMs || state.seq < store.seq);
  Object.assign(store, {
    people: state.people, bots: state.bots, chats: state.chats, faults: state.faults || [],
    startedMs: state.started_ms || 1,
  });
  return { again, seq: state.seq };
}

// Many changes at once (members, commands …) are one reading.
function stateChanged() {
  if (stateTimer) return;
  stateTimer = setTimeout(async () => {
    stateTimer = 0;
    const before = `${view.as} ${view.chat} ${view.bot} ${view.thread}`;
    try {
      await readState();
    } catch {
      return;     // the stream notices that the simulator has gone
    }
    settleView();
    emit("state");
    if (before !== `${view.as} ${view.chat} ${view.bot} ${view.thread}`) emit("view");
  }, 100);
}

const handlers = {
  message: (d, live) => putMessage(keyOf(d.chat, d.bot), d.message, live),
  deleted: (d) => dropMessages(keyOf(d.chat, d.bot), d.message_ids),
  reaction: (d) => setReactions(keyOf(d.chat, d.bot), d.message_id, d.reactions),
  answer: (d, live) => emit("answer", { ...d, live }),
  action: (d, live) => live && emit("action", { ...d, key: keyOf(d.chat, d.bot) }),
  state: (d, live) => live && stateChanged(),
  update: (d) => emit("update", d),
  call: (d) => emit("call", d),
  host: (d, live) => emit("host", { ...d, live }),
  reset: (d, live) => {
    if (!live) return;
    forgetRooms();
    emit("reset");
    stateChanged();
  },
};

function onEvent(name, e) {
  const seq = Number(e.lastEventId) || 0;
  if (seq && seq <= store.seq) return;
  store.seq = Math.max(store.seq, seq);
  let data;
  try {
    data = JSON.parse(e.data);
  } catch {
    return;
  }
  handlers[name](data, seq > history);
}

function lost() {
  stream?.close();
  stream = null;
  // a stream that is back at once is not worth a word
  if (++misses > 1 && store.online) {
    store.online = false;
    emit("online");
  }
  setTimeout(connect, retry);
  retry = Math.min(retry * 1.6, 3000);
}

function listen() {
  stream = new EventSource(`/sim/events?after=${store.seq}`);
  stream.onerror = lost;
  stream.onopen = () => {
    retry = 300;
    misses = 0;
  };
  for (const name of Object.keys(handlers)) stream.addEventListener(name, (e) => onEvent(name, e));
}

// Read where things stand, then listen from there. The same simulator goes on
// where we were; another one (it was started again) begins from nothing.
async function connect() {
  let now;
  try {
    now = await readState();
  } catch {
    return lost();
  }
  const first = !store.ready;
  if (first || now.again) {
    forgetRooms();
    store.seq = 0;
    history = now.seq;
    if (now.again) emit("reset");
  }
  const wasOnline = store.online;
  store.online = true;
  store.ready = true;
  settleView();
  emit("state");
  if (!wasOnline) emit("online");
  if (first || now.again) emit("view");
  else {
    reloadRooms();
    emit("refresh");
  }
  listen();
}

export function startEvents() {
  addEventListener("hashchange", () => {
    readHash();
    show({});
  });
  readHash();
  connect();
}
