// grammY bots against the simulator, with every answer and every update
// compared with the Bot API's documentation.
import { Bot } from "grammy";
import { atEnd, until } from "./program.mjs";
import { assertResult, assertShape } from "./shape.mjs";
import { simulate } from "./simulator.mjs";

export const token = "1:grammy";

// A bot that is not started. What is of the wrong shape, and what a handler
// throws, fails the test at its end.
export async function botFor(t, sim, options = {}) {
  const bot = new Bot(options.token ?? token, { client: { apiRoot: sim.base, ...options.client } });
  const wrong = [];
  const check = (what, f) => {
    try {
      f();
    } catch (e) {
      wrong.push(new Error(`${what}: ${e.message}`));
    }
  };
  bot.api.config.use(async (prev, method, payload, signal) => {
    const answer = await prev(method, payload, signal);
    // a call that went out as a webhook's answer has no result; grammY says true
    const unanswered = answer.result === true && options.client?.canUseWebhookReply?.(method);
    if (answer.ok && !unanswered) check(method, () => assertResult(method, answer.result));
    return answer;
  });
  bot.use((ctx, next) => {
    check("update", () => assertShape("Update", ctx.update));
    return next();
  });
  bot.catch((e) => { wrong.push(e.error); });
  atEnd(t, () => {
    if (wrong.length) throw wrong[0];
  });
  await bot.init();
  return bot;
}

// Poll for updates until the test ends. The promise is of the polling's end.
export function poll(t, bot, options = {}) {
  const ended = bot.start(options);
  let error;
  ended.catch((e) => { error = e; });
  atEnd(t, async () => {
    if (error) return;
    await bot.stop();
    await ended;
  });
  return ended;
}

// A simulator with one bot in it; setup(bot) registers its handlers.
export async function world(t, setup = () => {}, options = {}) {
  const sim = await simulate(t);
  const bot = await botFor(t, sim, options);
  setup(bot);
  if (options.poll !== false) {
    poll(t, bot, options.start);
    // the first poll says which kinds of update count from then on
    await until("the first poll", async () => (await sim.get("state")).bots[0]?.connected);
  }
  return { sim, bot };
}
