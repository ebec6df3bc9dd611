// A chat's config, as a careful author of a Node.js bot gets it: a prepared
// statement, and a Map so that it is read once.
import pg from "pg";

const defaults = { antiflood: { max: 5 } };

export function makeConfigs() {
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
  return { configOf, pool };
}
