// The same bot with grammY, its runner and pg, as a careful author writes it:
// updates side by side but in order per chat, a chat's config read once.
import { run, sequentialize } from "@grammyjs/runner";
import { Bot } from "grammy";
import pg from "pg";

const defaults = { antiflood: { max: 5 } };
const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL });
const configs = new Map();

async function configOf(chatId) {
  let config = configs.get(chatId);
  if (config) return config;
  const { rows } = await pool.query({
    name: "config",
    text: "SELECT config FROM chat_configs WHERE chat_id = $1",
    values: [chatId],
  });
  const stored = rows[0]?.config ?? {};
  config = { ...defaults, ...stored, antiflood: { ...defaults.antiflood, ...stored.antiflood } };
  configs.set(chatId, config);
  return config;
}

const bot = new Bot(process.env.BOT_TOKEN, {
  client: { apiRoot: process.env.TELEGRAM_API_URL },
});
bot.use(sequentialize((ctx) => ctx.chat?.id.toString()));
bot.command("limit", async (ctx) => {
  const config = await configOf(ctx.chat.id);
  const mark = ctx.match ? ` ${ctx.match}` : "";
  await ctx.reply(`Limit: ${config.antiflood.max}${mark}`);
});
bot.catch((error) => console.error(error));

const runner = run(bot);
const stop = () => runner.isRunning() && runner.stop();
process.once("SIGINT", stop);
process.once("SIGTERM", stop);
await runner.task();
await pool.end();
