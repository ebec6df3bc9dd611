// The simulator's page in a real browser: Debian's chromium, driven by
// playwright-core. Most tests have `moonpost simulate` and a small bot of their
// own; the last ones have `moonpost dev` with the bot in scripts/.
import assert from "node:assert/strict";
import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import pg from "pg";
import { chromium } from "playwright-core";
import { freePort, patience, Program, root, sleep, until } from "./lib/program.mjs";
import { simulate } from "./lib/simulator.mjs";

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
const hostile = `<img src=x onerror="window.hacked=1"><script>window.hacked=2</script><b>&amp;`;

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
function startBot(base, token = "1:page-test") {
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
async function world(t, { bot = true, ...context } = {}) {
  const sim = await simulate(t);
  if (bot) t.after(startBot(sim.base));
  const page = await open(t, sim.base, context);
  if (bot) await hasBot(page);
  return { sim, page };
}

const hasBot = (page) => page.getByRole("heading", { name: "Moonpost", level: 2 }).waitFor();

async function open(t, address, context) {
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

const field = (page) => page.getByRole("textbox", { name: "Message" });
// A message with this text; what it quotes does not count.
const bubble = (page, text) => page.locator("#messages > li")
  .filter({ has: page.locator(".text, :scope > span", { hasText: text }) });

async function say(page, text) {
  await field(page).fill(text);
  await field(page).press("Enter");
  try {
    await bubble(page, text).first().waitFor();
  } catch (error) {
    throw new Error(`"${text}" was not said; the page shows:\n${await page.locator("body").innerText()}`, { cause: error });
  }
}

const hasFocus = (page, selector) => page.evaluate((s) => document.activeElement?.matches(s), selector);

/* ---- talking with a bot ---- */

test("page: says that no bot is there, and finds the one that comes", async (t) => {
  const { sim, page } = await world(t, { bot: false });
  await page.getByText("No bot has connected yet").waitFor();
  await page.getByText(`TELEGRAM_API_URL=${sim.base}`).waitFor();
  t.after(startBot(sim.base));
  await hasBot(page);
  assert.equal(await page.getByText("No bot has connected yet").isVisible(), false);
  await say(page, "/start");
  await bubble(page, "Hello there").waitFor();
});

test("page: buttons are busy until answered; toast, alert, edit", async (t) => {
  const { page } = await world(t);
  await say(page, "/start");
  const late = page.getByRole("button", { name: "Do late" });
  await late.click();
  await page.locator(".key[aria-busy=true]", { hasText: "Do late" }).waitFor();
  await page.locator(".toast", { hasText: "late it is" }).waitFor();
  assert.equal(await late.getAttribute("aria-busy"), null);

  await page.getByRole("button", { name: "Do alert" }).click();
  const alert = page.getByRole("dialog", { name: "alert it is" });
  await alert.waitFor();
  await alert.getByRole("button", { name: "OK" }).click();
  assert.equal(await alert.isVisible(), false);

  await page.getByRole("button", { name: "Do edit" }).click();
  const changed = bubble(page, "Changed after a press");
  await changed.waitFor();
  await changed.getByText("edited").waitFor();
});

test("page: replies, reactions, reply keyboards, forced replies", async (t) => {
  const { page } = await world(t);
  await say(page, "first words");
  const echo = bubble(page, "You said first words");
  await echo.getByRole("button", { name: "In reply to Alice: first words" }).waitFor();

  await echo.hover();
  await echo.getByRole("button", { name: "Reply", exact: true }).click();
  await page.locator("#about", { hasText: "Reply to Moonpost" }).waitFor();
  await say(page, "second words");
  await bubble(page, "second words").first().locator(".quote", { hasText: "You said first words" }).waitFor();

  await echo.hover();
  await echo.getByRole("button", { name: "React", exact: true }).click();
  await page.getByRole("button", { name: "React with 🔥" }).click();
  const chip = echo.locator(".reactions button");
  await chip.waitFor();
  assert.equal(await chip.getAttribute("aria-pressed"), "true");
  await chip.click();
  await chip.waitFor({ state: "detached" });

  await say(page, "/keyboard");
  await page.getByRole("group", { name: "The bot’s keyboard" }).getByRole("button", { name: "Green" }).click();
  await bubble(page, "You said Green").waitFor();
  assert.equal(await page.locator("#keyboard").isVisible(), false, "a one time keyboard goes");

  await say(page, "/force");
  await page.locator("#about", { hasText: "Your name?" }).waitFor();
});

test("page: a photo is shown, sent back, and a file can be had again", async (t) => {
  const { page } = await world(t);
  const png = Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAAFElEQVR4nGP8z8DAwMDAxAADCBYAHhcCAt3DVTkAAAAASUVORK5CYII=", "base64");
  await page.setInputFiles("#file", { name: "dot.png", mimeType: "image/png", buffer: png });
  await page.locator("#file-list", { hasText: "dot.png" }).waitFor();
  await say(page, "a small square");
  await bubble(page, "Back to you").waitFor();
  await until("both photos are there", () => page.evaluate(() =>
    [...document.querySelectorAll("#messages .media img")].filter((i) => i.naturalWidth === 2).length === 2));

  await page.setInputFiles("#file", { name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("some notes") });
  await say(page, "a file");
  const [download] = await Promise.all([
    page.waitForEvent("download"), page.getByRole("link", { name: "notes.txt" }).click()]);
  const text = await (await download.createReadStream()).toArray();
  assert.equal(Buffer.concat(text).toString(), "some notes");
});

test("page: the command list filters, completes and sends", async (t) => {
  const { page } = await world(t);
  const list = page.getByRole("listbox", { name: "Suggestions" });
  const shown = () => list.getByRole("option").evaluateAll((all) => all.map((o) => o.querySelector("b").textContent));
  await field(page).pressSequentially("/");
  await list.waitFor();
  assert.deepEqual(await shown(), ["/start", "/settings", "/set", "/keyboard"]);
  await field(page).pressSequentially("se");
  assert.deepEqual(await shown(), ["/settings", "/set"]);
  await field(page).press("ArrowDown");
  assert.equal(await field(page).getAttribute("aria-activedescendant"), "suggestion-1");
  await field(page).press("Tab");
  assert.equal(await field(page).inputValue(), "/set ");
  assert.equal(await list.isVisible(), false);
  await field(page).fill("");
  await field(page).pressSequentially("/set");
  await field(page).press("Enter");
  await bubble(page, "You said /set").waitFor();
});

test("page: inline mode: results while one types, the chosen one is sent", async (t) => {
  const { page } = await world(t);
  await field(page).pressSequentially("@moonpost_bot cat");
  const results = page.getByRole("option");
  await results.filter({ hasText: "cat two" }).waitFor();
  await field(page).press("ArrowDown");
  await field(page).press("Enter");
  const sent = bubble(page, "Chosen: cat two");
  await sent.getByText("via @moonpost_bot").waitFor();
  assert.equal(await field(page).inputValue(), "");
});

/* ---- groups ---- */

test("page: a new person, a new chat, starting over", async (t) => {
  const { page } = await world(t);
  await page.getByRole("button", { name: "New person" }).click();
  await page.getByLabel("First name").fill("Dora");
  await page.getByRole("button", { name: "Make them" }).click();
  await page.getByRole("radio", { name: /Dora/ }).check();
  await page.getByRole("button", { name: "New chat" }).click();
  const dialog = page.getByRole("dialog", { name: "New chat" });
  await dialog.getByLabel("Title").fill("Cellar");
  await dialog.getByLabel("Kind").selectOption("supergroup");
  await dialog.getByLabel("Bob").check();
  await dialog.getByRole("button", { name: "Make it" }).click();
  await page.getByRole("heading", { name: "Cellar", level: 2 }).waitFor();
  await page.getByText("supergroup, 3 members").waitFor();
  await say(page, "Dora is down here");
  await bubble(page, "You said Dora is down here").waitFor();
  await page.getByRole("button", { name: "Start over" }).click();
  await page.getByRole("dialog", { name: "Start over?" }).getByRole("button", { name: "Start over" }).click();
  await page.getByRole("radio", { name: /Dora/ }).waitFor({ state: "detached" });
  assert.equal(await page.getByRole("button", { name: /Cellar/ }).count(), 0);
  await page.getByText("No messages yet.").waitFor();
});

test("page: what the bot deletes, pins and says elsewhere", async (t) => {
  const { sim, page } = await world(t);
  const call = async (method, body) => {
    const r = await fetch(`${sim.base}/bot1:page-test/${method}`, {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
    });
    const answer = await r.json();
    assert.ok(answer.ok, JSON.stringify(answer));
    return answer.result;
  };
  const one = await call("sendMessage", { chat_id: 1001, text: "gone soon" });
  await bubble(page, "gone soon").waitFor();
  await call("deleteMessage", { chat_id: 1001, message_id: one.message_id });
  await bubble(page, "gone soon").waitFor({ state: "detached" });
  await call("sendChatAction", { chat_id: 1001, action: "typing" });
  await page.getByText("Moonpost is typing …").waitFor();

  await call("sendMessage", { chat_id: 1002, text: "for Bob" });
  await page.getByRole("radio", { name: /Bob.*1 unread/ }).click();
  await bubble(page, "for Bob").waitFor();
  await call("sendMessage", { chat_id: -2001, text: "for all" });
  await page.getByRole("button", { name: /Garden.*for all.*1 unread/s }).click();
  await bubble(page, "for all").waitFor();

  const post = await call("sendMessage", { chat_id: -1001000002003, text: "the news" });
  await call("pinChatMessage", { chat_id: -1001000002003, message_id: post.message_id });
  await page.getByRole("button", { name: /News/ }).click();
  await page.locator("#pinned", { hasText: "Pinned: the news" }).waitFor();
  await page.getByText("Only administrators write in News.").waitFor();
  assert.equal(await field(page).isVisible(), false);
});

test("page: people, groups, topics, members; the address keeps where one is", async (t) => {
  const { page } = await world(t);
  const chats = page.getByRole("navigation", { name: "People and chats" });
  await chats.getByRole("button", { name: /Garden/ }).click();
  await say(page, "Alice was here");
  await page.getByRole("radio", { name: /Bob/ }).check();
  assert.equal(await bubble(page, "Alice was here").first().getAttribute("class"), "other");
  await page.getByRole("button", { name: "Members" }).click();
  await page.getByRole("button", { name: "Leave as Bob" }).click();
  await page.getByRole("button", { name: "Join as Bob" }).waitFor();
  await page.keyboard.press("Escape");
  await bubble(page, "Bob left").waitFor();
  await page.locator("#closed", { hasText: "Bob is not in Garden" }).getByRole("button", { name: "Join" }).click();
  await bubble(page, "Bob joined").waitFor();
  await field(page).waitFor();

  await page.getByRole("button", { name: "Members" }).click();
  await page.getByLabel(/^Moonpost/).selectOption("administrator");
  await until("the bot is an administrator", async () => page.evaluate(async () => {
    const state = await (await fetch("/sim/state")).json();
    return state.chats.find((c) => c.id === -2001).members.find((m) => m.user.is_bot).status === "administrator";
  }));
  await page.keyboard.press("Escape");

  await chats.getByRole("button", { name: /Workshop/ }).click();
  const topics = page.getByRole("group", { name: "Topics" });
  await topics.getByRole("button", { name: "Tools" }).click();
  await say(page, "a hammer");
  await bubble(page, "You said a hammer").waitFor();
  await page.reload();
  await bubble(page, "You said a hammer").waitFor();
  assert.equal(await page.getByRole("radio", { name: /Bob/ }).isChecked(), true);
  await topics.getByRole("button", { name: "Wood" }).click();
  assert.equal(await bubble(page, "a hammer").count(), 0);
});

/* ---- hostile input ---- */

test("page: text is never markup", async (t) => {
  const { sim, page } = await world(t);
  await sim.post("person", { id: 1666, first_name: `<i onmouseover="window.hacked=3">Eve</i>`, username: "eve_666" });
  await say(page, "/hostile");
  const last = page.locator("#messages > li.other .text").last();
  assert.equal(await last.textContent(), hostile);
  await page.getByRole("radio", { name: /Eve/ }).check();
  await say(page, `${hostile} by me`);
  await page.getByRole("button", { name: /^Raw/ }).click();
  await page.locator("#raw-list summary", { hasText: "hacked" }).first().click();
  await sim.post("host", { level: "error", area: "<u>x</u>", text: `${hostile}\n${hostile}` });
  await page.locator("#host .strip", { hasText: "onerror" }).waitFor();
  await sleep(200);
  assert.equal(await page.evaluate(() => window.hacked), undefined);
  assert.equal(await page.locator("main script, main img, main i, #host u").count(), 0);
});

test("page: entities are counted in UTF-16 units", async (t) => {
  const { page } = await world(t);
  await say(page, "/emoji");
  const text = page.locator("#messages > li.other .text").last();
  assert.equal(await text.locator("strong").textContent(), "bold");
  assert.equal(await text.locator("code").textContent(), "co😀de");
  assert.equal(await text.textContent(), "😀😀 bold 👨‍👩‍👧 co😀de boo");
  const spoiler = text.getByRole("button", { name: "Hidden text: press to show" });
  await spoiler.press("Enter");
  assert.equal(await text.locator(".spoiler.open").textContent(), "boo");
});

test("page: entities that overlap or lie outside, and addresses that are not links", async (t) => {
  const { page } = await world(t, { bot: false });
  const html = (text, ...entities) => page.evaluate(async ([s, list]) => {
    const { render } = await import("/markup.js");
    const div = document.createElement("div");
    div.append(render(s, list.map(([type, offset, length, more]) => ({ type, offset, length, ...more }))));
    for (const a of div.querySelectorAll("a")) for (const n of ["target", "title"]) a.removeAttribute(n);
    for (const a of div.querySelectorAll("span")) a.removeAttribute("title");
    return div.innerHTML;
  }, [text, entities]);
  const rel = 'rel="noopener noreferrer nofollow"';
  const cases = [
    [["abcdef", ["bold", 0, 4], ["italic", 2, 4]], "<strong>ab<em>cd</em></strong><em>ef</em>"],
    [["ab", ["bold", 0, 2], ["italic", 0, 2]], "<strong><em>ab</em></strong>"],
    [["ab", ["bold", -3, 4], ["italic", 1, 99], ["code", 5, 1], ["pre", 0, 0]], "<strong>a</strong><em>b</em>"],
    [["😀a", ["bold", 2, 1]], "😀<strong>a</strong>"],
    [["x\ny", ["blockquote", 0, 1]], "<blockquote>x</blockquote>y"],
    [["go", ["text_link", 0, 2, { url: "https://a.example/" }]], `<a href="https://a.example/" ${rel}>go</a>`],
    [["a.example", ["url", 0, 9]], `<a href="https://a.example/" ${rel}>a.example</a>`],
    [["go", ["text_link", 0, 2, { url: "tg://user?id=1" }]], `<a href="tg://user?id=1" ${rel}>go</a>`],
    [["go", ["text_link", 0, 2, { url: "javascript:alert(1)" }]], "<span>go</span>"],
    [["go", ["text_link", 0, 2, { url: " java\tscript:alert(1)" }]], "<span>go</span>"],
    [["go", ["text_link", 0, 2, { url: "data:text/html,x" }]], "<span>go</span>"],
    [["go", ["text_link", 0, 2, { url: "file:///etc/passwd" }]], "<span>go</span>"],
    [["<b>", ["mystery", 0, 3]], `<span data-entity="mystery">&lt;b&gt;</span>`],
  ];
  for (const [input, output] of cases) assert.equal(await html(...input), output, JSON.stringify(input));
});

/* ---- for everyone ---- */

test("page: works with the keyboard alone", async (t) => {
  const { page } = await world(t);
  await page.keyboard.press("Tab");
  assert.equal(await hasFocus(page, "#skip"), true);
  await page.keyboard.press("Enter");
  assert.equal(await hasFocus(page, "#input"), true);
  await page.keyboard.type("/sta");
  await page.keyboard.press("Tab");
  assert.equal(await field(page).inputValue(), "/start ");
  await page.keyboard.press("Enter");
  await bubble(page, "Hello there").waitFor();

  // back from the field into the messages, to the last button and the first
  for (let i = 0; i < 12 && !await hasFocus(page, ".key"); i++) await page.keyboard.press("Shift+Tab");
  for (let i = 0; i < 3; i++) await page.keyboard.press("Shift+Tab");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Do toast");
  await page.keyboard.press("Enter");
  await page.locator(".toast", { hasText: "toast it is" }).waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Do toast", "focus stays on the button");

  await page.locator("#messages > li").last().focus();
  await page.keyboard.press("ArrowUp");
  assert.equal(await hasFocus(page, "#messages > li:first-child"), true);
  await page.keyboard.press("Enter");
  assert.equal(await hasFocus(page, "#input"), true);
  await page.locator("#about", { hasText: "Reply to Alice" }).waitFor();
  await page.keyboard.press("Escape");
  assert.equal(await page.locator("#about").isVisible(), false);

  await page.keyboard.type("one");
  await page.keyboard.press("Shift+Enter");
  await page.keyboard.type("two");
  await page.keyboard.press("Enter");
  await bubble(page, "You said one").waitFor();
  await page.keyboard.press("ArrowUp");
  assert.equal(await field(page).inputValue(), "one\ntwo");
  await page.keyboard.type(" three");
  await page.keyboard.press("Enter");
  await bubble(page, "two three").getByText("edited").waitFor();

  await page.getByRole("button", { name: /^Raw/ }).focus();
  await page.keyboard.press("Enter");
  assert.equal(await hasFocus(page, "#raw-filter"), true);
  await page.keyboard.press("Escape");
  assert.equal(await hasFocus(page, "#raw-open"), true);
});

test("page: everything that can be pressed has a name", async (t) => {
  const { page } = await world(t);
  await say(page, "/start");
  await bubble(page, "Hello there").waitFor();
  await page.getByRole("button", { name: /^Raw/ }).click();
  const nameless = await page.evaluate(() => [...document.querySelectorAll("button, a, input, select, textarea")]
    .filter((e) => !e.hidden && !e.closest("dialog"))
    .filter((e) => !(e.ariaLabel || e.textContent.trim() || e.labels?.length || e.title))
    .map((e) => e.outerHTML));
  assert.deepEqual(nameless, []);
  for (const role of ["main", "navigation", "complementary", "log"]) assert.equal(await page.getByRole(role).count(), 1, role);
});

test("page: the colours of text and ground differ enough, by day and by night", async (t) => {
  const { page } = await world(t, { bot: false });
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    const low = await page.evaluate(() => {
      const style = getComputedStyle(document.documentElement);
      const light = (name) => {
        const hex = style.getPropertyValue(`--${name}`).trim().slice(1);
        const full = hex.length === 3 ? [...hex].map((c) => c + c).join("") : hex;
        const [r, g, b] = [0, 2, 4].map((i) => parseInt(full.slice(i, i + 2), 16) / 255)
          .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
      };
      const contrast = (a, b) => {
        const [x, y] = [light(a), light(b)].sort((p, q) => q - p);
        return (x + 0.05) / (y + 0.05);
      };
      const pairs = [["on-accent", "accent"], ["bad", "bad-ground"], ["ink", "bad-ground"], ["ink", "warn-ground"], ["ground", "bad"]];
      for (const ground of ["ground", "surface", "raised", "own", "mark"]) for (const ink of ["ink", "dim", "accent"]) pairs.push([ink, ground]);
      for (const tone of ["c0", "c1", "c2", "c3", "c4", "c5"]) pairs.push([tone, "raised"], ["ground", tone]);
      for (const tone of ["good", "bad"]) pairs.push([tone, "ground"], [tone, "raised"]);
      return pairs.map(([a, b]) => [a, b, contrast(a, b)]).filter(([, , c]) => !(c >= 4.5));
    });
    assert.deepEqual(low, [], colorScheme);
  }
});

test("page: a phone has one column and nothing to scroll sideways", async (t) => {
  const { page } = await world(t, { viewport: { width: 360, height: 640 }, isMobile: true, hasTouch: true });
  const fits = async (where) => assert.ok(await page.evaluate(() => {
    const wide = [document.documentElement, ...document.querySelectorAll("#log, #side, #raw-list, #composer, dialog[open]")];
    return wide.every((e) => e.scrollWidth <= Math.ceil(e.getBoundingClientRect().width) + 1);
  }), `${where} is too wide`);
  const open = page.getByRole("button", { name: "People and chats" });
  assert.equal(await page.getByRole("radio", { name: /Bob/ }).isVisible(), false);
  await say(page, `/start`);
  await say(page, `${"long".repeat(60)} https://a.example/${"x".repeat(90)}`);
  await fits("the chat");
  await open.tap();
  await page.getByRole("radio", { name: /Bob/ }).waitFor();
  await fits("the list");
  await page.getByRole("button", { name: /Workshop/ }).tap();
  await page.getByRole("heading", { name: "Workshop", level: 2 }).waitFor();
  assert.equal(await page.getByRole("radio", { name: /Bob/ }).isVisible(), false, "the list goes when a chat is chosen");
  await fits("the topics");
  await page.getByRole("button", { name: "Members" }).tap();
  await fits("the members");
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: /^Raw/ }).tap();
  await page.locator("#raw-list summary", { hasText: "long" }).first().tap();
  await fits("the raw pane");
});

/* ---- seeing what happens ---- */

test("page: the raw pane shows updates, calls, failures and faults", async (t) => {
  const { sim, page } = await world(t);
  await say(page, "look at me");
  await bubble(page, "You said look at me").waitFor();
  await say(page, "/wrong");
  await page.getByRole("button", { name: "Raw 1 failed" }).click();
  const rows = page.locator("#raw-list .row");
  await rows.filter({ hasText: "setMyCommands" }).waitFor();
  const failed = page.locator("#raw-list .row.failed", { hasText: "sendMessage" });
  await failed.waitFor();
  assert.match(await failed.locator("summary").textContent(), /400 · [\d.]+ ms/);
  await page.getByLabel("Filter updates and calls").fill("look sendmessage");
  await until("one row is left", async () => await rows.count() === 1);
  await rows.locator("summary").click();
  assert.match(await rows.locator("pre").first().textContent(), /"text": "You said look at me"/);
  await page.getByLabel("Filter updates and calls").fill("");
  await page.getByLabel("Which to show").selectOption("update");
  await until("both updates are confirmed", async () => await rows.filter({ hasText: "done" }).count() === 2);

  await page.getByRole("button", { name: "Faults" }).click();
  const faults = page.getByRole("dialog", { name: "Faults" });
  await faults.getByLabel("Method").fill("sendMessage");
  await faults.getByLabel("Status").fill("502");
  await faults.getByRole("button", { name: "Add" }).click();
  await faults.getByText("sendMessage answers 502 (1 more)").waitFor();
  await page.keyboard.press("Escape");
  await page.getByLabel("Which to show").selectOption("errors");
  await say(page, "into the fault");
  await rows.filter({ hasText: "502" }).waitFor();
  await until("the fault is used up", async () =>
    (await (await fetch(`${sim.base}/sim/state`)).json()).faults.length === 0);
});

test("page: an error of the host stays until it is dismissed or a reload is good", async (t) => {
  const { sim, page } = await world(t);
  const error = { level: "error", area: "handler", text: "scripts/start.lua:12: attempt to index a nil value\nstack traceback: …" };
  const strip = page.locator("#host .strip");
  await sim.post("host", error);
  await sim.post("host", error);
  await strip.filter({ hasText: "scripts/start.lua:12" }).filter({ hasText: "2 times" }).waitFor();
  await strip.getByRole("button", { name: /Dismiss/ }).click();
  assert.equal(await strip.count(), 0);
  await sim.post("host", { ...error, text: "scripts/other.lua:3: no" });
  await strip.waitFor();
  await sim.post("host", { level: "info", area: "lanes", text: "nothing" });
  await page.reload();
  await strip.waitFor();
  await sim.post("host", { level: "info", area: "reload", text: "generation 2 runs" });
  await strip.waitFor({ state: "detached" });
  await page.locator(".toast", { hasText: "generation 2 runs" }).waitFor();
});

test("page: says that the simulator has gone, and comes back with it", async (t) => {
  const port = await freePort();
  const base = `http://127.0.0.1:${port}`;
  let program = new Program(["simulate", "--port", String(port)]);
  t.after(() => program.stop());
  await until("the simulator answers", () => fetch(base).then((r) => r.ok, () => false));
  t.after(startBot(base));
  const page = await open(t, base, {});
  await hasBot(page);
  await say(page, "before");
  await program.stop();
  await page.getByText("The simulator does not answer").waitFor();
  await field(page).fill("kept words");
  await field(page).press("Enter");
  assert.equal(await field(page).inputValue(), "kept words");
  program = new Program(["simulate", "--port", String(port)]);
  await page.getByText("The simulator does not answer").waitFor({ state: "hidden" });
  await until("the old messages are gone", async () => await bubble(page, "before").count() === 0);
  await hasBot(page);
  await until("the words are still there", async () => await field(page).inputValue() === "kept words");
  await field(page).press("Enter");
  await bubble(page, "You said kept words").waitFor();
});

/* ---- moonpost dev, with a database and the bot in scripts/ ---- */

const server = process.env.MOONPOST_TEST_DATABASE_URL;

async function onServer(statement) {
  const client = new pg.Client({ connectionString: server });
  await client.connect();
  await client.query(statement);
  await client.end();
}

// `moonpost dev` with a copy of the bot in a folder and a database of its own.
async function dev(t) {
  const dir = await mkdtemp(path.join(tmpdir(), "moonpost-page-"));
  const name = `page_${process.pid}_${Date.now()}`;
  await onServer(`CREATE DATABASE ${name}`);
  for (const part of ["scripts", "defaults", "migrations"]) {
    await cp(path.join(root, part), path.join(dir, part), { recursive: true });
  }
  const program = new Program(["dev", dir, "--port", "0"], {
    env: { DATABASE_URL: server.replace(/\/[^/?]*(\?|$)/, `/${name}$1`) },
  });
  t.after(async () => {
    await program.stop();
    await onServer(`DROP DATABASE ${name} WITH (FORCE)`);
    await rm(dir, { recursive: true });
  });
  const [base] = await program.line(/http:\/\/127\.0\.0\.1:\d+/);
  const page = await open(t, base, {});
  await hasBot(page);
  return { page, dir };
}

const withDatabase = { skip: server ? false : "MOONPOST_TEST_DATABASE_URL is not set" };

test("page: with the real bot: a start, a button, a setting changed and seen", withDatabase, async (t) => {
  const { page } = await dev(t);
  await say(page, "/start");
  await bubble(page, "Hello, Alice!").waitFor();
  await page.getByRole("button", { name: "Settings" }).click();
  await bubble(page, 'welcome.text: "Welcome to {chat}, {name}!"').waitFor();
  await page.locator(".key[aria-busy]").waitFor({ state: "detached" });

  await say(page, "/set welcome.text Good day 😀 <i>, {name}");
  const is = 'welcome.text is now "Good day 😀 <i>, {name}"';
  await bubble(page, is).waitFor();
  assert.equal(await bubble(page, is).locator("code").textContent(), '"Good day 😀 <i>, {name}"');
  await page.reload();
  await bubble(page, is).waitFor();
  await say(page, "/settings");
  await bubble(page, '✎ welcome.text: "Good day 😀 <i>, {name}"').waitFor();
  await say(page, "/reset welcome.text");
  await bubble(page, 'welcome.text is back at its default: "Welcome to {chat}, {name}!"').waitFor();

  await field(page).fill("");
  await field(page).pressSequentially("/se");
  await page.getByRole("option").filter({ hasText: "/settings" }).waitFor();
});

test("page: with the real bot: what fails is shown with its line, until it is mended", withDatabase, async (t) => {
  const { page, dir } = await dev(t);
  const script = path.join(dir, "scripts/boom.lua");
  const save = (body) => writeFile(script, `local bot = require "bot"\nbot.command("boom", "Try it", function(ctx)\n${body}\nend)\n`);
  const strip = page.locator("#host .strip.error");
  const reloaded = page.locator(".toast", { hasText: "reloaded" });
  await save("  local nothing\n  ctx:reply(nothing.at_all)");
  await reloaded.waitFor();
  await say(page, "/boom");
  await strip.filter({ hasText: "scripts/boom.lua:4" }).waitFor();

  await save("  ctx:reply(");
  await strip.filter({ hasText: /boom\.lua:\d+/ }).nth(1).waitFor();
  await save('  ctx:reply("all is well")');
  await strip.first().waitFor({ state: "detached" });
  assert.equal(await strip.count(), 0);
  await say(page, "/boom");
  await bubble(page, "all is well").waitFor();
});
