// The simulator's page: `moonpost simulate`, a small bot, a browser. With the
// bot in scripts/: page_bot.test.mjs.
import assert from "node:assert/strict";
import { test } from "node:test";
import { bubble, field, hasBot, hasFocus, hostile, open, say, startBot, world } from "./lib/page.mjs";
import { freePort, Program, sleep, until } from "./lib/program.mjs";
import { alice, bob, group } from "./lib/simulator.mjs";

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

test("page: a message for one person is shown to nobody else", async (t) => {
  const { sim, page } = await world(t);
  await sim.post("member", { chat: group, user: 1, status: "administrator", quiet: true });
  await page.getByRole("button", { name: /Garden/ }).click();
  const call = (params) => fetch(`${sim.base}/bot1:page-test/sendMessage`, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ chat_id: group, ...params }),
  }).then((r) => r.json());
  for (const [id, text] of [[bob, "for Bob"], [alice, "for Alice"]]) {
    const answer = await call({ text, ephemeral_message_parameters: { receiver_user_id: id } });
    assert.equal(answer.result?.message_id, 0, JSON.stringify(answer));
  }
  await bubble(page, "for Alice").getByText("Only you see this").waitFor();
  assert.equal(await bubble(page, "for Bob").count(), 0);
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
  await rows.filter({ hasText: /sendMessage\s*502/ }).waitFor(); // and no time with .502
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

test("page: on a phone one error is shown, and how many more there are", async (t) => {
  const { sim, page } = await world(t, { viewport: { width: 390, height: 800 } });
  for (const n of [1, 2, 3]) await sim.post("host", { level: "error", area: "script", text: `scripts/a.lua:${n}: no` });
  await page.locator("#host-more", { hasText: "2 more" }).waitFor();
  const shown = page.locator("#host .strip:visible");
  assert.equal(await shown.count(), 1);
  await page.setViewportSize({ width: 1200, height: 800 });
  await shown.nth(2).waitFor();
  assert.equal(await page.locator("#host-more").isVisible(), false);
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
