// The same bot with Telegraf and pg. It handles a batch's updates side by side,
// without order; there is nothing of its own to change that.
import http from "node:http";
import { Telegraf } from "telegraf";
import { makeConfigs } from "./configs.mjs";

const { configOf, pool } = makeConfigs();
const bot = new Telegraf(process.env.BOT_TOKEN, {
  telegram: { apiRoot: process.env.TELEGRAM_API_URL },
});
// It keeps connections only to https:// addresses by itself: here too, as in real use.
bot.telegram.options.agent = new http.Agent({ keepAlive: true });
bot.command("limit", async (ctx) => {
  const config = await configOf(ctx.chat.id);
  const mark = ctx.payload ? ` ${ctx.payload}` : "";
  await ctx.reply(`Limit: ${config.antiflood.max}${mark}`);
});
bot.catch((error) => console.error(error));

const stop = (signal) => bot.stop(signal);
process.once("SIGINT", stop);
process.once("SIGTERM", stop);
await bot.launch();
await pool.end();
