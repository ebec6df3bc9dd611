-- Every chat's overrides. A table that a Python bot made (chat_id BIGINT
-- PRIMARY KEY, config JSONB) is adopted: its rows become version 0.
CREATE TABLE IF NOT EXISTS chat_configs (
  chat_id    BIGINT PRIMARY KEY,
  config     JSONB NOT NULL DEFAULT '{}',
  version    INT NOT NULL,
  revision   BIGINT NOT NULL DEFAULT 1,
  updated_at TIMESTAMPTZ NOT NULL DEFAULT now()
);
ALTER TABLE chat_configs ADD COLUMN IF NOT EXISTS version INT NOT NULL DEFAULT 0;
ALTER TABLE chat_configs ALTER COLUMN version DROP DEFAULT;
ALTER TABLE chat_configs ADD COLUMN IF NOT EXISTS revision BIGINT NOT NULL DEFAULT 1;
ALTER TABLE chat_configs ADD COLUMN IF NOT EXISTS updated_at TIMESTAMPTZ NOT NULL DEFAULT now();
ALTER TABLE chat_configs ALTER COLUMN config SET DEFAULT '{}';
CREATE INDEX IF NOT EXISTS chat_configs_version ON chat_configs (version, chat_id);
CREATE INDEX IF NOT EXISTS chat_configs_updated_at ON chat_configs (updated_at);
