-- Each revision of a config: who wrote it, and the document it replaced; word to
-- every program that has the chat in memory.

-- A table of another program may look like ours and not be: better said now than
-- found out by a write.
DO $$
DECLARE
  wanted RECORD;
  found TEXT;
BEGIN
  FOR wanted IN SELECT * FROM (VALUES ('chat_id', 'bigint'), ('config', 'jsonb'),
      ('version', 'integer'), ('revision', 'bigint'),
      ('updated_at', 'timestamp with time zone')) AS w (name, type) LOOP
    SELECT format_type(atttypid, atttypmod) INTO found FROM pg_attribute
      WHERE attrelid = 'chat_configs'::regclass AND attname = wanted.name AND NOT attisdropped;
    IF found IS NULL THEN
      RAISE EXCEPTION 'the table chat_configs has no column %; is it another program''s? Rename that one', wanted.name;
    ELSIF found <> wanted.type THEN
      RAISE EXCEPTION 'the column % of the table chat_configs is %, it has to be %: ALTER TABLE chat_configs ALTER % DROP DEFAULT, ALTER % TYPE % USING %::%',
        wanted.name, found, wanted.type, wanted.name, wanted.name, wanted.type, wanted.name, wanted.type;
    END IF;
  END LOOP;
  IF NOT EXISTS (SELECT FROM pg_index AS i JOIN pg_attribute AS a ON a.attrelid = i.indrelid
      AND a.attname = 'chat_id' WHERE i.indrelid = 'chat_configs'::regclass AND i.indisunique
      AND i.indnkeyatts = 1 AND i.indkey[0] = a.attnum AND i.indpred IS NULL AND i.indisvalid) THEN
    RAISE EXCEPTION 'the table chat_configs has no primary key: ALTER TABLE chat_configs ADD PRIMARY KEY (chat_id)';
  END IF;
END $$;

ALTER TABLE chat_configs ADD COLUMN IF NOT EXISTS changed_by TEXT;
ALTER TABLE chat_configs ADD COLUMN IF NOT EXISTS changed_xid XID8;
ALTER TABLE chat_configs ALTER COLUMN changed_xid SET DEFAULT pg_current_xact_id();
-- What another program inserts has not been through any upgrade function.
ALTER TABLE chat_configs ALTER COLUMN version SET DEFAULT 0;
ALTER TABLE chat_configs ALTER COLUMN config SET DEFAULT '{}';
ALTER TABLE chat_configs ALTER COLUMN revision SET DEFAULT 1;
ALTER TABLE chat_configs ALTER COLUMN updated_at SET DEFAULT now();

-- Rows changed since a snapshot are found by their transaction, exactly: times
-- are taken before the commit, and a transaction that takes long is late.
DROP INDEX IF EXISTS chat_configs_updated_at;
CREATE INDEX IF NOT EXISTS chat_configs_changed_xid ON chat_configs (changed_xid);

-- The revisions that were replaced, as they were.
CREATE TABLE config_history (
  chat_id    BIGINT NOT NULL,
  revision   BIGINT NOT NULL,
  config     JSONB,
  version    INT NOT NULL,
  changed_at TIMESTAMPTZ, -- when this revision was written
  changed_by TEXT,        -- and by whom
  deleted_xid XID8,       -- the transaction that deleted the row, if one did
  PRIMARY KEY (chat_id, revision)
);
CREATE INDEX config_history_deleted_xid ON config_history (deleted_xid)
  WHERE deleted_xid IS NOT NULL;

-- Rows that could not be upgraded, and why. They are left as they were.
CREATE TABLE config_failures (
  chat_id   BIGINT PRIMARY KEY,
  version   INT NOT NULL, -- of the row
  error     TEXT NOT NULL,
  failed_at TIMESTAMPTZ NOT NULL DEFAULT now()
);

-- Writes of other programs, which know nothing of revisions or transactions.
CREATE FUNCTION moonpost_config_stamp() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.revision = OLD.revision THEN
    NEW.revision := OLD.revision + 1;
    NEW.updated_at := now();
  END IF;
  IF NEW.changed_by IS NOT DISTINCT FROM OLD.changed_by THEN
    NEW.changed_by := 'sql:' || session_user;
  END IF;
  NEW.changed_xid := pg_current_xact_id();
  RETURN NEW;
END $$;
CREATE TRIGGER moonpost_config_stamp BEFORE UPDATE ON chat_configs
  FOR EACH ROW WHEN (NEW.revision = OLD.revision
    OR NEW.changed_xid IS NOT DISTINCT FROM OLD.changed_xid)
  EXECUTE FUNCTION moonpost_config_stamp();

-- A chat whose row was deleted goes on counting where its history ends: revisions
-- only grow. A delete that is going on is waited for: the next statement sees the
-- history that it leaves.
CREATE FUNCTION moonpost_config_count() RETURNS trigger
  LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  PERFORM FROM chat_configs WHERE chat_id = NEW.chat_id FOR KEY SHARE;
  NEW.revision := greatest(NEW.revision,
    (SELECT max(revision) + 1 FROM config_history WHERE chat_id = NEW.chat_id));
  NEW.changed_by := coalesce(NEW.changed_by, 'sql:' || session_user);
  RETURN NEW;
END $$;
CREATE TRIGGER moonpost_config_count BEFORE INSERT ON chat_configs
  FOR EACH ROW EXECUTE FUNCTION moonpost_config_count();

-- "chat:revision,chat:revision,…" to the channel moonpost_config, in messages of
-- less than the 8000 bytes that NOTIFY allows. Revision 0: there is no row now.
CREATE FUNCTION moonpost_config_inserted() RETURNS trigger
  LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  PERFORM pg_notify('moonpost_config', string_agg(chat_id || ':' || revision, ','))
    FROM (SELECT chat_id, revision, row_number() OVER () / 180 AS part FROM new_rows) AS r
    GROUP BY part;
  RETURN NULL;
END $$;

CREATE FUNCTION moonpost_config_updated() RETURNS trigger
  LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  INSERT INTO config_history (chat_id, revision, config, version, changed_at, changed_by)
    SELECT chat_id, revision, config, version, updated_at, changed_by FROM old_rows
    ON CONFLICT (chat_id, revision) DO UPDATE
      SET config = EXCLUDED.config, version = EXCLUDED.version,
          changed_at = EXCLUDED.changed_at, changed_by = EXCLUDED.changed_by;
  PERFORM pg_notify('moonpost_config', string_agg(chat_id || ':' || revision, ','))
    FROM (SELECT chat_id, revision, row_number() OVER () / 180 AS part FROM new_rows) AS r
    GROUP BY part;
  RETURN NULL;
END $$;

CREATE FUNCTION moonpost_config_deleted() RETURNS trigger
  LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  INSERT INTO config_history (chat_id, revision, config, version, changed_at, changed_by,
                              deleted_xid)
    SELECT chat_id, revision, config, version, updated_at, changed_by,
           pg_current_xact_id() FROM old_rows
    ON CONFLICT (chat_id, revision) DO UPDATE
      SET config = EXCLUDED.config, version = EXCLUDED.version,
          changed_at = EXCLUDED.changed_at, changed_by = EXCLUDED.changed_by,
          deleted_xid = EXCLUDED.deleted_xid;
  PERFORM pg_notify('moonpost_config', string_agg(chat_id || ':0', ','))
    FROM (SELECT chat_id, row_number() OVER () / 180 AS part FROM old_rows) AS r
    GROUP BY part;
  RETURN NULL;
END $$;

CREATE FUNCTION moonpost_config_truncated() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('moonpost_config', 'all');
  RETURN NULL;
END $$;

CREATE TRIGGER moonpost_config_inserted AFTER INSERT ON chat_configs
  REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION moonpost_config_inserted();
CREATE TRIGGER moonpost_config_updated AFTER UPDATE ON chat_configs
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION moonpost_config_updated();
CREATE TRIGGER moonpost_config_deleted AFTER DELETE ON chat_configs
  REFERENCING OLD TABLE AS old_rows
  FOR EACH STATEMENT EXECUTE FUNCTION moonpost_config_deleted();
CREATE TRIGGER moonpost_config_truncated AFTER TRUNCATE ON chat_configs
  FOR EACH STATEMENT EXECUTE FUNCTION moonpost_config_truncated();
