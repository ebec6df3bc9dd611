-- What Telegram was last told of a bot's commands: setMyCommands is called again only
-- for what has changed, and what is not wanted any more can be taken back.
CREATE TABLE bot_commands (
  bot_id   BIGINT NOT NULL,
  scope    TEXT NOT NULL, -- the BotCommandScope
  language TEXT NOT NULL, -- '': all others
  commands TEXT NOT NULL, -- the list of BotCommand
  sent_at  TIMESTAMPTZ NOT NULL DEFAULT now(),
  PRIMARY KEY (bot_id, scope, language)
);
