-- ctx.store: small values under keys, of a chat or a person (whose private chat has the
-- same id).
CREATE TABLE store (
  chat_id    BIGINT NOT NULL,
  key        TEXT NOT NULL,
  value      JSONB NOT NULL,
  expires_at TIMESTAMPTZ, -- NULL: never
  PRIMARY KEY (chat_id, key)
);
COMMENT ON COLUMN store.chat_id IS 'moonpost:chat';
CREATE INDEX store_expires_at ON store (expires_at) WHERE expires_at IS NOT NULL;
