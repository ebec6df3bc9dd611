// `moonpost simulate`, and being a person in it: /sim/ of docs/simulator.md.
import assert from "node:assert/strict";
import { atEnd, freePort, patience, Program, until } from "./program.mjs";

export const alice = 1001;
export const bob = 1002;
export const carol = 1003;
export const group = -2001;
export const supergroup = -1001000002002;
export const channel = -1001000002003;

export class Simulator {
  constructor(base) {
    this.base = base;
  }

  async ask(path, options = {}) {
    const response = await fetch(`${this.base}/sim/${path}`, options);
    const answer = await response.json();
    assert.ok(response.ok, `${path}: ${response.status} ${JSON.stringify(answer)}`);
    return answer;
  }

  get(path, query = {}) {
    return this.ask(`${path}?${new URLSearchParams(query)}`);
  }

  post(path, body = {}) {
    return this.ask(path, {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
    });
  }

  // Texts and presses. In a private chat the chat is the person.
  send(as, text, more = {}) {
    return this.post("send", { as, chat: as, text, ...more });
  }

  // kind: "photo", "document", …; bytes: a Buffer.
  sendFile(as, kind, bytes, name, more = {}) {
    const form = new FormData();
    for (const [key, value] of Object.entries({ as, chat: as, ...more })) form.set(key, String(value));
    form.set(kind, new Blob([bytes]), name);
    return this.ask("send", { method: "POST", body: form });
  }

  press(as, message, data, more = {}) {
    return this.post("press", {
      as, chat: message.chat.id, message_id: message.message_id, data, wait_ms: patience, ...more,
    });
  }

  fault(body) {
    return this.post("fault", body);
  }

  async messages(chat, more = {}) {
    return (await this.get("messages", { chat, ...more })).messages;
  }

  // The first message of the chat that fits, now or later.
  message(chat, fits, more = {}) {
    return until(`a message in ${chat} that fits ${fits}`, async () => (await this.messages(chat, more)).find(fits));
  }

  // The bot's text in the chat, now or later.
  text(chat, text, more = {}) {
    return this.message(chat, (m) => (m.text ?? m.caption) === text && m.from?.is_bot !== false, more);
  }

  async calls(method, more = {}) {
    return (await this.get("calls", { method, ...more })).calls;
  }
}

// One for this test, ended with it.
export async function simulate(t) {
  const port = await freePort();
  const program = new Program(["simulate", "--port", String(port)]);
  const sim = new Simulator(`http://127.0.0.1:${port}`);
  sim.program = program;
  atEnd(t, () => program.stop());
  await until("the simulator answers", () => {
    assert.ok(program.running, `it ended:\n${program.said}`);
    return fetch(`${sim.base}/sim/state`).then((r) => r.ok, () => false);
  });
  return sim;
}
