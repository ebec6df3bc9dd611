// The same bot with grammY, its runner and pg, as a careful author writes it:
// updates side by side, in order per chat unless asked not to, a chat's config
// read once.
import { run, sequentialize } from "@grammyjs/runner";
import { Bot } from "grammy";
import { makeConfigs } from "./configs.mjs";

const { configOf, pool } = makeConfigs();
const bot = new Bot(process.env.BOT_TOKEN, {
  client: { apiRoot: process.env.TELEGRAM_API_URL },
});
if (process.argv[2] !== "unordered") bot.use(sequentialize((ctx) => ctx.chat?.id.toString()));
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
