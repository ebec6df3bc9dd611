-- Chats that the bot has seen: who "all" is in a broadcast. One row is written at
-- most once a day, unless the bot was thrown out or let in again.
CREATE TABLE chats (
  bot_id  BIGINT NOT NULL,
  chat_id BIGINT NOT NULL,
  kind    TEXT NOT NULL DEFAULT 'unknown', -- Telegram's type of chat
  seen    DATE,                            -- in UTC; NULL: never heard from
  gone    TEXT,        -- why nothing can be sent to it; NULL: it can, as far as known
  gone_at TIMESTAMPTZ,
  PRIMARY KEY (bot_id, chat_id)
);

CREATE TABLE broadcasts (
  id         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  bot_id     BIGINT NOT NULL,
  method     TEXT NOT NULL,  -- of the Bot API
  parameters TEXT NOT NULL,  -- a JSON object, without chat_id
  recipients TEXT NOT NULL,  -- what was asked for, for people to read
  made_by    TEXT NOT NULL,
  key        TEXT,           -- the same again makes no second one
  state      TEXT NOT NULL CHECK (state IN ('running', 'paused', 'cancelled', 'done')),
  reason     TEXT,           -- why it paused by itself
  made_at    TIMESTAMPTZ NOT NULL DEFAULT now(),
  started_at TIMESTAMPTZ,
  ended_at   TIMESTAMPTZ,
  sender     TEXT,           -- the process that sends it
  sender_at  TIMESTAMPTZ,    -- and when it last said so
  UNIQUE (bot_id, key)
);
CREATE INDEX broadcasts_running ON broadcasts (bot_id, id) WHERE state = 'running';

CREATE TABLE broadcast_chats (
  broadcast_id BIGINT NOT NULL,
  chat_id      BIGINT NOT NULL,
  state        TEXT NOT NULL DEFAULT 'waiting' CHECK (state IN
    ('waiting', 'sending', 'sent', 'blocked', 'failed', 'moved', 'in_doubt')),
  error        TEXT,
  message_id   BIGINT,
  at           TIMESTAMPTZ, -- of the last change of state
  PRIMARY KEY (broadcast_id, chat_id)
);
-- Those that are not over: few of many, near the end.
CREATE INDEX broadcast_chats_open ON broadcast_chats (broadcast_id, chat_id)
  WHERE state IN ('waiting', 'sending');
CREATE INDEX broadcast_chats_sending ON broadcast_chats (broadcast_id)
  WHERE state = 'sending';

-- The chats that a broadcast is for. who: all, private, groups, list (what: an array
-- of ids), sql (what: a SELECT whose one column is the id). Nothing can be written in
-- here, whatever the SELECT calls.
CREATE FUNCTION moonpost_broadcast_chats(bot BIGINT, who TEXT, what TEXT)
  RETURNS SETOF BIGINT LANGUAGE plpgsql
  SET search_path FROM CURRENT SET transaction_read_only = on AS $$
BEGIN
  IF who = 'list' THEN
    RETURN QUERY SELECT DISTINCT given.id FROM unnest(what::bigint[]) AS given (id)
      WHERE given.id <> 0;
  ELSIF who = 'sql' THEN
    RETURN QUERY EXECUTE 'SELECT DISTINCT chat_id::bigint FROM (' ||
      rtrim(what, E'; \t\r\n') || E'\n) AS wanted (chat_id) WHERE chat_id::bigint <> 0';
  ELSE
    RETURN QUERY
      SELECT c.chat_id FROM chats AS c WHERE c.bot_id = bot AND c.gone IS NULL
        AND (who = 'all' OR (who = 'private') = (c.chat_id > 0))
        AND (who = 'all' OR c.kind <> 'channel')
      UNION
      SELECT c.chat_id FROM chat_configs AS c WHERE c.chat_id <> 0
        AND (who = 'all' OR (who = 'private') = (c.chat_id > 0))
        AND NOT EXISTS (SELECT FROM chats AS known WHERE known.bot_id = bot
          AND known.chat_id = c.chat_id
          AND (known.gone IS NOT NULL OR (who <> 'all' AND known.kind = 'channel')));
  END IF;
END $$;
