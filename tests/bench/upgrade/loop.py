"""What a bot's author writes to change every chat's config: read, change,
upsert, commit, chat by chat. Prints the seconds that it took, without connecting."""
import sys
import time

import psycopg2
from psycopg2.extras import Json

connection = psycopg2.connect(sys.argv[1])
cursor = connection.cursor()
began = time.monotonic()
cursor.execute("SELECT chat_id FROM chat_configs")
for (chat_id,) in cursor.fetchall():
    cursor.execute("SELECT config FROM chat_configs WHERE chat_id = %s", (chat_id,))
    config = cursor.fetchone()[0]
    config["welcome"]["on"] = config["welcome"].pop("enabled")
    config["warn"] = {"limit": config.pop("warn_limit")}
    cursor.execute(
        "INSERT INTO chat_configs (chat_id, config) VALUES (%s, %s) "
        "ON CONFLICT (chat_id) DO UPDATE SET config = EXCLUDED.config",
        (chat_id, Json(config)),
    )
    connection.commit()
print(time.monotonic() - began)
