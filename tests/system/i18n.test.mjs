// require "i18n" and ctx:t: texts of locales/, plurals as in CLDR (node's
// Intl.PluralRules), and what `moonpost check` says about them.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { after, test } from "node:test";
import { folder, run as command, startBot, world } from "./lib/host.mjs";
import { alice, group } from "./lib/simulator.mjs";
import { root, until } from "./lib/program.mjs";

const place = world();

const script = `
local bot = require "bot"
for _, name in ipairs{ "i18n", "fmt" } do _G[name] = require(name) end
i18n.setup{ default = "en", setting = "chat.language", timezone = "Europe/Berlin" }
bot.command("run", function(ctx)
  local f = assert(load("local ctx = ... " .. ctx.match, "=run"))
  local ok, value = pcall(f, ctx)
  local parameters = { message_id = ctx.message.message_id }
  if ok and type(value) == "table" then
    value = value.parse_mode .. " " .. value.text
  end
  ctx:reply(tostring(value), { reply_parameters = parameters })
end)
`;

const en = `
return {
  hello = "Hello, {name}!",
  bold = "<b>{name}</b> & {{braces}}",
  inbox = { one = "{n} message", other = "{n} messages", [0] = "nothing" },
  cart = { by = "apples", one = { by = "who", her = "her apple", other = "their apple" }, other = "{apples} apples of {who}" },
  settings = { title = "Settings of {@bot}", deep = { er = "deeper" } },
  bot = "Moonpost",
  sum = "{n:number}",
  when = "{at:date} {at:time} {at:datetime}",
  only = "only English",
}
`;
const de = `
return {
  formats = { date = "%d.%m.%Y", datetime = "%d.%m.%y" },
  hello = "Hallo, {name}!",
  inbox = { one = "{n} Nachricht", other = "{n} Nachrichten" },
  sum = "{n:number}",
  when = "{at:date} {at:time} {at:datetime}",
}
`;
const files = {
  "scripts/a.lua": script,
  "defaults/chat.lua": `return { language = option.string{ default = "en" } }`,
  "locales/en.lua": en,
  "locales/de.lua": de,
  "locales/pt.lua": `return { hello = "Olá, {name}!", bot = "Correio" }`,
  "locales/pt-BR.lua": `return { bot = "Carteiro" }`,
};
const env = { PACE_CHAT_BURST: "1000", PACE_BOT_PER_S: "1000", PACE_CHAT_PER_S: "1000", TASK_CPU_MS: "2000", SCRIPT_LINES_PER_S: "1000" };

let host;
const endings = [];
after(async () => { for (const end of endings) await end(); });

async function evaluate(lua, chat = alice, more = {}) {
  host ??= await startBot({ after: (f) => endings.push(f) }, place, files, { env });
  const { message } = await host.sim.send(alice, `/run ${lua}`, chat === alice ? more : { chat, ...more });
  const answer = (m) => m.from?.is_bot && m.reply_to_message?.message_id === message.message_id;
  return (await host.sim.message(chat, answer)).text;
}

test("texts: values, braces, plurals, choices, other texts, groups", async () => {
  assert.equal(await evaluate(`return ctx:t("hello", { name = "<Bob>" })`), "Hello, <Bob>!");
  assert.equal(await evaluate(`return ctx:t_html("bold", { name = "<i>" })`), "HTML <b>&lt;i&gt;</b> & {braces}");
  assert.equal(await evaluate(`return ctx:t_html("bold", { name = fmt.italic("x<") })`), "HTML <b><i>x&lt;</i></b> & {braces}");
  assert.equal(await evaluate(`local t = {} for _, n in ipairs{ 0, 1, 2, 1.5 } do t[#t + 1] = ctx:t("inbox", { n = n }) end return table.concat(t, ", ")`),
    "nothing, 1 message, 2 messages, 1.5 messages");
  assert.equal(await evaluate(`return ctx:t("cart", { apples = 1, who = "her" }) .. ctx:t("cart", { apples = 1, who = "x" }) .. ctx:t("cart", { apples = 5, who = "Eve" })`),
    "her appletheir apple5 apples of Eve");
  assert.equal(await evaluate(`return ctx:t("settings.title") .. ctx:t("settings.deep.er")`), "Settings of Moonpostdeeper");
  assert.equal(await evaluate(`return i18n.t("de", "hello", { name = 5 }) .. i18n.t("de", "only") .. i18n.html("de", "hello", { name = "<" }).text`), "Hallo, 5!only EnglishHallo, &lt;!");
  assert.equal(await evaluate(`local all = i18n.all("bot") return all.en .. all.pt .. all["pt-BR"] .. tostring(all.de) .. table.concat(i18n.languages(), ",")`), "MoonpostCorreioCarteironilen,de,pt,pt-BR");
});

test("fallbacks: pt-BR, pt, the default; codes in any writing", async () => {
  assert.equal(await evaluate(`return i18n.t("pt_br", "hello", { name = "A" }) .. i18n.t("pt-BR", "bot") .. i18n.t("pt-PT", "bot") .. i18n.t("pt-BR", "only") .. i18n.t("xx", "bot")`),
    "Olá, A!CarteiroCorreioonly EnglishMoonpost");
  assert.equal(await evaluate(`return tostring(i18n.match("PT-br-x")) .. tostring(i18n.match("zh"))`), "pt-BRnil");
});

test("numbers and times as each language writes them", async () => {
  assert.equal(await evaluate(`local t = {} for _, n in ipairs{ 5, -234, 1234, -1234567, 1234.5, 1e300, 100000 } do t[#t + 1] = ctx:t("sum", { n = n }) end return table.concat(t, " ")`),
    "5 -234 1,234 -1,234,567 1,234.5 1e+300 100,000");
  assert.equal(await evaluate(`return i18n.t("de", "sum", { n = 1234567.25 })`), "1.234.567,25");
  assert.equal(await evaluate(`return ctx:t("when", { at = 1782900000 }) .. "|" .. i18n.t("de", "when", { at = 1782900000 })`), "2026-07-01 12:00 2026-07-01 12:00|01.07.2026 12:00 01.07.26");
});

test("the language: ctx.language, the chat's setting, the person's own in private, the default", async () => {
  assert.equal(await evaluate(`return i18n.language(ctx)`), "en");
  assert.equal(await evaluate(`ctx.language = "de-AT" return i18n.language(ctx)`), "de");
  assert.equal(await evaluate(`ctx.config.chat.language = "pt" return i18n.language(ctx)`), "pt");
  assert.equal(await evaluate(`return i18n.language(ctx)`), "pt");
  assert.equal(await evaluate(`return i18n.language(ctx)`, group), "en");
  assert.equal(await evaluate(`ctx.config.chat.language = nil return i18n.language(ctx)`), "en");
});

test("what is missing is shown by its name, and told once", async () => {
  assert.equal(await evaluate(`return ctx:t("nothing.here") .. ctx:t("nothing.here")`), "nothing.herenothing.here");
  assert.equal(await evaluate(`return ctx:t("hello") .. ctx:t("hello", { nam = 1 })`), "Hello, {name}!Hello, {name}!");
  assert.equal(host.said.match(/no text for this key.*key=nothing\.here language=en/g)?.length, 1, host.said);
  assert.equal(host.said.match(/a text was given no value for \{name\}/g)?.length, 1);
  assert.match(await evaluate(`local v = ctx:t(5) return v`), /^run:1: ctx:t: the key must be a string, is a number$/);
});

test("plurals as in CLDR, of all languages that node knows", async () => {
  const codes = `af ak am ar as asa ast az bal be bem bez bg bho blo bm bn bo br brx bs ca ce ceb cgg chr ckb cs csw cv cy da de doi dsb dv dz ee el en eo es et eu
    fa ff fi fil fo fr fur fy ga gd gl gsw gu guw gv ha haw he hi hnj hr hsb hu hy ia id ig ii io is it iu ja jbo jgo jmc jv ka kab kaj kcg kde kea kk kkj kl km kn ko
    kok ks ksb ksh ku kw ky lag lb lg lij lkt lld ln lo lt lv mas mg mgo mk ml mn mr ms mt my nah naq nb nd ne nl nn nnh no nqo nr nso ny nyn om or os osa pa pap
    pcm pl prg ps pt pt-PT rm ro rof ru rwk sah saq sat sc scn sd sdh se seh ses sg sgs shi si sk sl sma smi smj smn sms sn so sq sr ss ssy st su sv sw syr ta te teo th
    ti tig tk tl tn to tpi tr ts tzm ug uk ur uz ve vec vi vo vun wa wae wo xh xog yi yo yue zh zu`.split(/\s+/)
    .filter((code) => Intl.PluralRules.supportedLocalesOf([code]).length)
    // a rule that has come since: the node of Debian 12 has CLDR 42
    .filter((code) => code !== "scn" || Number(process.versions.cldr) >= 45);
  assert.ok(codes.length > 200, `node knows only ${codes.length} languages`);
  const more = [1000, 1001, 1002, 1100, 2000, 10000, 20000, 40000, 60000, 100000, 160000, 1000000, 1000001, 2000000, 10000000, 21000, 41000, 0.1, 0.5, 1.1, 1.5, 1.9,
    2.1, 2.5, 10.1, 1.01, 0.2, 5.5, 1.25, 100.5, 0.3, 0.4, 0.6, 0.9, 1.2, 0.01, 1.21, 10.11, 3.5, 11.5, 0.04, 3.6, 12.4, 0.112, 5.013];
  const numbers = [...Array(201).keys(), ...more];
  const short = { zero: "z", one: "1", two: "2", few: "f", many: "m", other: "o" };
  for (let i = 0; i < codes.length; i += 10) {
    const some = codes.slice(i, i + 10);
    const said = await evaluate(`local short, out = { zero = "z", one = "1", two = "2", few = "f", many = "m", other = "o" }, {}
      local numbers = {} for n = 0, 200 do numbers[n + 1] = n end for _, n in ipairs{ ${more} } do numbers[#numbers + 1] = n end
      for code in ("${some.join(" ")}"):gmatch("%S+") do for i, n in ipairs(numbers) do out[#out + 1] = short[i18n.plural(code, n)] end out[#out + 1] = " " end
      return table.concat(out)`);
    some.forEach((code, at) => {
      const rules = new Intl.PluralRules(code, { maximumFractionDigits: 3 });
      const got = said.split(" ")[at];
      const wrong = numbers.filter((n, j) => short[rules.select(n)] !== got[j]).map((n) => `${n} is ${rules.select(n)}`);
      assert.deepEqual(wrong, [], `${code}: ${wrong.slice(0, 5)}`);
    });
  }
});

test("check: what is missing, what is too much, forms, keys that scripts use", async (t) => {
  const { dir } = folder(t, {
    "scripts/a.lua": `local bot = require "bot"\nbot.command("x", function(ctx)\n  ctx:reply(ctx:t("hello")) -- ctx:t("not this")\n  ctx:t_html("helo", {})\n  ctx:t("a." .. ctx.match)\nend)`,
    "locales/en.lua": `return {\n  hello = "Hello, {name}!",\n  n = { one = "one", other = "{n}" },\n  gone = "x",\n}`,
    "locales/ru.lua": `return {\n  hello = "Привет, {nam}!",\n  n = { one = "{n}", few = "{n}", other = "{n}" },\n  extra = "x",\n}`,
  });
  const { code, said } = await command(["check", dir]);
  assert.equal(code, 0, said);
  assert.deepEqual(said.trim().split("\n").slice(0, -1), [
    `scripts/a.lua:4: no file in locales/ has "helo"`,
    "locales/ru.lua: gone is missing",
    "locales/ru.lua:2: hello: does not use {name}",
    "locales/ru.lua:2: hello: has {nam}, locales/en.lua has not",
    "locales/ru.lua:4: extra: locales/en.lua has no such text",
    `locales/ru.lua:3: n: has no form "many", which ru has`,
  ]);
});

test("the guide's example", async (t) => {
  const guide = readFileSync(path.join(root, "docs/scripting.md"), "utf8");
  const found = Object.fromEntries([...guide.matchAll(/^```lua\n-- (locales\/\S+)\n(.*?)^```$/gms)].map(([, name, text]) => [name, text]));
  assert.deepEqual(Object.keys(found).sort(), ["locales/en.lua", "locales/ru.lua"]);
  const bot = `local bot, i18n, log = require "bot", require "i18n", require "log"\ni18n.setup{ user = false }\nlog.info("%s|%s|%s|%s|%s|%s|%s",
    i18n.t("en", "inbox", { n = 0 }), i18n.t("ru", "inbox", { n = 3 }), i18n.t("ru", "inbox", { n = 11 }), i18n.t("en", "gift", { gender = "female" }),
    i18n.t("ru", "paid", { sum = 12345.5, at = 0 }), i18n.html("en", "rules", { name = "<b>" }).text, i18n.t("ru", "welcome", { name = "A" }))`;
  const { said } = await command(["check", folder(t, { "scripts/a.lua": bot, ...found }).dir]);
  assert.match(said, /no messages\|3 сообщения\|11 сообщений\|She gave it away\.\|You paid 12,345\.5 on 1970-01-01\.\|<b>&lt;b&gt;<\/b>, read our rules\.\|Привет, A!/);
});

const mistakes = {
  "a brace alone": [`return {\n\n  a = "x { y" }`, /locales\/en\.lua:3: a: a single \{ in the text/],
  "an unknown kind": [`return { a = { b = "{n:nmber}" } }`, /locales\/en\.lua:1: a\.b: \{n:nmber\}: number, date/],
  "no table": [`return 5`, /locales\/en\.lua: must return a table of texts, returned a number/],
  "nothing": [``, /locales\/en\.lua: must return a table of texts/],
  "no text": [`return { a = 5 }`, /locales\/en\.lua:1: a: a text, or a table of them, is wanted, not a number/],
  "a name that can't be": [`return { ["a b"] = "x" }`, /locales\/en\.lua.*a b: the name of a text is made of/],
  "a mistake in Lua": [`return {\n  a = "x" "y"\n}`, /locales\/en\.lua:2: .*\n {2}2 \| {3}a = "x" "y"\n/],
};
for (const [name, [text, pattern]] of Object.entries(mistakes)) {
  test(`a locale with ${name} does not load`, async (t) => {
    const { dir } = folder(t, { "scripts/a.lua": "", "locales/en.lua": text });
    const { code, said } = await command(["check", dir]);
    assert.equal(code, 1, said);
    assert.match(said, pattern);
  });
}

test("a locale that is saved is spoken at once; one that does not load is not", async () => {
  await evaluate("return 1");
  host.folder.write("locales/de.lua", de.replace("Hallo", "Moin"));
  await until("it is spoken", async () => await evaluate(`return i18n.t("de", "hello", { name = "A" })`) === "Moin, A!");
  const before = host.said.length;
  host.folder.write("locales/de.lua", "return { hello = ");
  await until("it is refused", () => /locales\/de\.lua:1: unexpected symbol near <eof>[^]*not reloaded/.test(host.since(before)));
  assert.equal(await evaluate(`return i18n.t("de", "hello", { name = "A" })`), "Moin, A!");
});
