// The simulator's page in a real browser (Debian's chromium, driven by
// playwright-core), and a small bot of our own to talk with on it.
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { chromium } from "playwright-core";
import { patience, sleep } from "./program.mjs";
import { simulate } from "./simulator.mjs";

let browser;

before(async () => {
  browser = await chromium.launch({
    executablePath: "/usr/bin/chromium",
    args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
      "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });
});
after(() => browser?.close());

/* ---- a bot of our own ---- */

const keys = (...rows) => ({ inline_keyboard: rows.map((r) => r.map((d) => ({ text: `Do ${d}`, callback_data: d }))) });
export const hostile = `<img src=x onerror="window.hacked=1"><script>window.hacked=2</script><b>&amp;`;

// What the small bot says to a text.
const replies = {
  "/start": { text: "Hello there", reply_markup: keys(["toast", "alert"], ["edit", "late"]) },
  "/hostile": { text: hostile },
  "/emoji": { text: "😀😀 <b>bold</b> 👨‍👩‍👧 <code>co😀de</code> <tg-spoiler>boo</tg-spoiler>", parse_mode: "HTML" },
  "/keyboard": { text: "Pick", reply_markup: { keyboard: [[{ text: "Red" }, { text: "Green" }]], one_time_keyboard: true } },
  "/force": { text: "Your name?", reply_markup: { force_reply: true } },
  "/wrong": { text: "<b>never closed", parse_mode: "HTML" },
};

// A bot with nothing but fetch; it polls until stop().
export function startBot(base, token = "1:page-test") {
  let running = true;
  const abort = new AbortController();
  const call = async (method, body) => {
    const response = await fetch(`${base}/bot${token}/${method}`, {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), signal: abort.signal,
    });
    return (await response.json()).result;
  };
  async function onCallback(q) {
    const at = { chat_id: q.message.chat.id, message_id: q.message.message_id };
    if (q.data === "late") await sleep(700);
    if (q.data === "edit") await call("editMessageText", { ...at, text: "Changed after a press" });
    await call("answerCallbackQuery", { callback_query_id: q.id, text: `${q.data} it is`, show_alert: q.data === "alert" });
  }
  const onInline = (q) => call("answerInlineQuery", {
    inline_query_id: q.id,
    results: ["one", "two"].map((id) => ({
      type: "article", id, title: `${q.query} ${id}`, input_message_content: { message_text: `Chosen: ${q.query} ${id}` },
    })),
  });
  async function onMessage(m) {
    const say = { chat_id: m.chat.id, message_thread_id: m.is_topic_message ? m.message_thread_id : undefined };
    if (replies[m.text]) await call("sendMessage", { ...say, ...replies[m.text] });
    else if (m.text) await call("sendMessage", { ...say, text: `You said ${m.text}`, reply_parameters: { message_id: m.message_id } });
    else if (m.photo) await call("sendPhoto", { ...say, photo: m.photo.at(-1).file_id, caption: "Back to you" });
  }
  async function poll() {
    let offset = 0;
    let named = false;
    while (running) {
      try {
        if (!named) {
          await call("setMyCommands", { commands: [
            { command: "start", description: "Say hello" }, { command: "settings", description: "Show the settings" },
            { command: "set", description: "Change a setting" }, { command: "keyboard", description: "Show a keyboard" }] });
          named = true;
        }
        for (const u of await call("getUpdates", { offset, timeout: 5 }) || []) {
          offset = u.update_id + 1;
          if (u.callback_query) onCallback(u.callback_query).catch(() => {});
          else if (u.inline_query) await onInline(u.inline_query);
          else if (u.message) await onMessage(u.message);
        }
      } catch {
        await sleep(100);       // the simulator is away; a test does that
      }
    }
  }
  const ended = poll();
  return async () => {
    running = false;
    abort.abort();
    await ended;
  };
}

// A page on a simulator of its own; whatever goes wrong in the page fails.
export async function world(t, { bot = true, ...context } = {}) {
  const sim = await simulate(t);
  if (bot) t.after(startBot(sim.base));
  const page = await open(t, sim.base, context);
  if (bot) await hasBot(page);
  return { sim, page };
}

export const hasBot = (page) => page.getByRole("heading", { name: "Moonpost", level: 2 }).waitFor();

export async function open(t, address, context) {
  const ctx = await browser.newContext({ viewport: { width: 1200, height: 800 }, ...context });
  const page = await ctx.newPage();
  const errors = [];
  page.setDefaultTimeout(patience);
  page.on("pageerror", (e) => errors.push(String(e.stack)));
  page.on("console", (m) => {
    if (m.type() === "error" && !/Failed to load resource|ERR_/.test(m.text())) errors.push(m.text());
  });
  t.after(async () => {
    await ctx.close();
    assert.deepEqual(errors, [], "errors in the page");
  });
  await page.goto(`${address}/`);
  return page;
}

export const field = (page) => page.getByRole("textbox", { name: "Message" });
// A message with this text; what it quotes does not count.
export const bubble = (page, text) => page.locator("#messages > li")
  .filter({ has: page.locator(".text, :scope > span", { hasText: text }) });

export async function say(page, text) {
  await field(page).fill(text);
  await field(page).press("Enter");
  try {
    await bubble(page, text).first().waitFor();
  } catch (error) {
    throw new Error(`"${text}" was not said; the page shows:\n${await page.locator("body").innerText()}`, { cause: error });
  }
}

export const hasFocus = (page, selector) => page.evaluate((s) => document.activeElement?.matches(s), selector);
