// The simulator's page with the bot in scripts/, as an author has it: `moonpost
// dev` on a real database.
import assert from "node:assert/strict";
import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import pg from "pg";
import { bubble, field, hasBot, open, say } from "./lib/page.mjs";
import { Program, root } from "./lib/program.mjs";

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
  for (const part of ["scripts", "defaults", "migrations", "locales"]) {
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

test("page_bot: a start, a button, a setting changed and seen", withDatabase, async (t) => {
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

test("page_bot: a setting changed in the menu, and one that is asked for", withDatabase, async (t) => {
  const { page } = await dev(t);
  const press = (name) => page.getByRole("button", { name, exact: true }).click();
  await say(page, "/settings");
  await press("Change");
  await bubble(page, "What should be different here?").waitFor();
  await press("Welcome");
  await press("✅ Greeting");
  await page.getByRole("button", { name: "❌ Greeting", exact: true }).waitFor();
  await page.getByRole("button", { name: /^Text of the greeting/ }).click();
  await bubble(page, "Text of the greeting: text of 1 to 1000 characters").waitFor();
  await say(page, "Hi, {name}");
  await page.getByRole("button", { name: "Text of the greeting: Hi, {name}", exact: true }).waitFor();
  await press("‹ Back");
  await press("✕ Close");
  await bubble(page, "What should be different here?").waitFor({ state: "detached" });
});

test("page_bot: what fails is shown with its line, until it is mended", withDatabase, async (t) => {
  const { page, dir } = await dev(t);
  const script = path.join(dir, "scripts/boom.lua");
  const save = (body) => writeFile(script, `local bot = require "bot"\nbot.command("boom", "Try it", function(ctx)\n${body}\nend)\n`);
  const strip = page.locator("#host .strip.error");
  const reloaded = page.locator(".toast", { hasText: "reloaded" });
  await save("  local nothing\n  ctx:reply(nothing.at_all)");
  await reloaded.waitFor();
  await say(page, "/boom");
  await strip.filter({ hasText: "scripts/boom.lua:4" }).waitFor();
  await say(page, "/boom");
  await strip.filter({ hasText: "scripts/boom.lua:4" }).filter({ hasText: "2 times" }).waitFor();
  assert.equal(await strip.count(), 1);

  await save("  ctx:reply(");
  await strip.filter({ hasText: /boom\.lua:\d+/ }).nth(1).waitFor();
  await save('  ctx:reply("all is well")');
  await strip.first().waitFor({ state: "detached" });
  assert.equal(await strip.count(), 0);
  await say(page, "/boom");
  await bubble(page, "all is well").waitFor();
});

test("page_bot: a parameter that no method has is said, once", withDatabase, async (t) => {
  const { page, dir } = await dev(t);
  await writeFile(path.join(dir, "scripts/typo.lua"), `local bot = require "bot"
bot.command("typo", "Try it", function(ctx) ctx:reply("still said", { parse_mod = "HTML", quote = true }) end)
`);
  await page.locator(".toast", { hasText: "reloaded" }).waitFor();
  await say(page, "/typo");
  await bubble(page, "still said").waitFor();
  const strip = page.locator("#host .strip.warn");
  await strip.filter({ hasText: 'sendMessage has no parameter "parse_mod"' }).waitFor();
  await say(page, "/typo");
  await bubble(page, "still said").nth(1).waitFor();
  assert.equal(await strip.count(), 1);
});
