# The same bot with python-telegram-bot as Debian has it (13): handlers in threads
# (run_async, its documentation's way to be fast), a pool of connections to the
# database, a dict so that a chat's config is read once. No order within a chat.
import os
import warnings

warnings.filterwarnings("ignore")

from psycopg2.pool import ThreadedConnectionPool  # noqa: E402
from telegram.ext import CommandHandler, Updater  # noqa: E402

WORKERS = 32
pool = ThreadedConnectionPool(1, WORKERS, os.environ["DATABASE_URL"])
configs = {}


def config_of(chat_id):
    config = configs.get(chat_id)
    if config is None:
        connection = pool.getconn()
        with connection, connection.cursor() as cursor:
            cursor.execute("SELECT config FROM chat_configs WHERE chat_id = %s", (chat_id,))
            row = cursor.fetchone()
        pool.putconn(connection)
        stored = row[0] if row else {}
        config = {**stored, "antiflood": {"max": 5, **stored.get("antiflood", {})}}
        configs[chat_id] = config
    return config


def limit(update, context):
    config = config_of(update.effective_chat.id)
    mark = "".join(" " + word for word in context.args)
    update.effective_message.reply_text(f"Limit: {config['antiflood']['max']}{mark}")


updater = Updater(
    os.environ["BOT_TOKEN"],
    base_url=os.environ["TELEGRAM_API_URL"] + "/bot",
    workers=WORKERS,
    request_kwargs={"con_pool_size": WORKERS + 4},
)
updater.dispatcher.add_handler(CommandHandler("limit", limit, run_async=True))
updater.start_polling(timeout=30)
updater.idle()
