// The results of suite.mjs as a table in Markdown and as a chart.
const number = (value, digits = 0) =>
  value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
const short = (value) => number(value, value < 10 ? 2 : value < 100 ? 1 : 0);
const none = "";

function line(cells) {
  return `| ${cells.join(" | ")} |`;
}

function row(name, { load, far, light, backlog }) {
  const of = (scenario, get) => (scenario?.bots[name] ? get(scenario.bots[name]) : none);
  const checked = (scenario, get) => of(scenario, (bot) => (bot.checked ? get(bot) : none));
  const peak = (scenario) => of(scenario, (bot) => number(bot.rss_peak_mb, 1));
  const any = load ?? far ?? light ?? backlog;
  return line([
    any.bots[name].label,
    of(load, (bot) => `${short(bot.cpu_us)} (${bot.cpu_us_range.map(short).join("–")})`),
    of(load, (bot) => (bot.ratio ? number(bot.ratio, 2) : none)),
    checked(load, (bot) => number(bot.per_second)),
    checked(far, (bot) => number(bot.per_second)),
    of(far, (bot) => short(bot.cpu_us)),
    checked(light, (bot) => `${number(bot.p50_ms, 2)}, ${number(bot.p99_ms, 2)}`),
    of(load, (bot) => number(bot.rss_idle_mb, 1)),
    [peak(load), peak(backlog)].filter(Boolean).join("; 100,000 waiting: "),
    checked(load, (bot) => number(bot.start_ms)),
  ]);
}

export function table(results) {
  const { date, machine, scenarios } = results;
  const names = [...new Set(Object.values(scenarios).flatMap(({ bots }) => Object.keys(bots)))];
  const head = ["bot", "CPU µs an update", "ratio", "updates/s", "20 ms away: updates/s", "CPU µs",
    "200/s: p50, p99 ms", "RSS idle, MB", "peak, MB", "start, ms"];
  const wrong = Object.entries(scenarios).flatMap(([key, { bots }]) =>
    Object.entries(bots).filter(([, bot]) => bot.mistakes)
      .map(([name, bot]) => `${name} (${key}): ${bot.mistakes}`));
  const rounds = Object.entries(scenarios).map(([key, scenario]) => `${key} ${scenario.rounds}`).join(", ");
  return [
    `${date}, ${machine.cores} cores (${machine.cpu}), Node.js ${machine.node}; rounds: ${rounds}. Medians.`,
    "",
    line(head),
    line(head.map(() => "---")),
    ...names.map((name) => row(name, scenarios)),
    "",
    wrong.length ? `Mistakes in answers: ${wrong.join("; ")}.` : "No mistakes in any answer that is checked.",
  ].join("\n");
}

/* --- the chart ---------------------------------------------------------------- */

const width = 760;
const left = 240;
const right = 90;

const escape = (text) => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);

// One bar a bot. Logarithmic: the slowest takes five hundred times what the fastest does.
function panel(title, bars, y) {
  const top = Math.max(...bars.map((bar) => bar.value));
  const bottom = Math.min(...bars.map((bar) => bar.value)) / 3;
  const scale = (value) =>
    (Math.log(value / bottom) / Math.log(top / bottom)) * (width - left - right);
  const parts = [`<text class="title" x="0" y="${y + 14}">${escape(title)}</text>`];
  bars.forEach((bar, i) => {
    const at = y + 28 + i * 24;
    const long = scale(bar.value).toFixed(1);
    parts.push(
      `<text x="${left - 10}" y="${at + 13}" text-anchor="end">${escape(bar.label)}</text>`,
      `<rect class="${bar.kind}" x="${left}" y="${at}" width="${long}" height="17" rx="2"/>`,
      `<text x="${(left + Number(long) + 8).toFixed(1)}" y="${at + 13}">${escape(bar.text)}</text>`,
    );
  });
  return { svg: parts.join("\n"), height: 28 + bars.length * 24 + 22 };
}

const kinds = { moonpost: "own", floor: "floor" };

function bars(scenario, get) {
  return Object.entries(scenario?.bots ?? {})
    .filter(([, bot]) => get(bot) > 0)
    .map(([name, bot]) => ({ label: bot.label, kind: kinds[name] ?? "peer", value: get(bot), text: short(get(bot)) }));
}

export function chart(results) {
  const { load, far, light } = results.scenarios;
  const checked = (get) => (bot) => (bot.checked ? get(bot) : 0);
  const panels = [
    ["CPU an update, µs (less is better, logarithmic)", bars(load, (bot) => bot.cpu_us)],
    ["Updates a second, the Bot API answers after 20 ms (more is better, logarithmic)",
      bars(far, checked((bot) => bot.per_second))],
    ["Half of the answers within, ms, at 200 updates a second (less is better, logarithmic)",
      bars(light, checked((bot) => bot.p50_ms))],
  ].filter(([, list]) => list.length);
  let y = 4;
  const drawn = panels.map(([title, list]) => {
    const { svg, height } = panel(title, list, y);
    y += height;
    return svg;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${y}" role="img" font-family="system-ui, sans-serif" font-size="13">
<title>What an update costs: Moonpost and other bots, ${results.date}</title>
<style>
text { fill: #57606a } .title { font-weight: 600 } .own { fill: #2f81f7 } .peer { fill: #8b949e } .floor { fill: #3fb950 }
@media (prefers-color-scheme: dark) { text { fill: #c9d1d9 } }
</style>
${drawn.join("\n")}
</svg>
`;
}
