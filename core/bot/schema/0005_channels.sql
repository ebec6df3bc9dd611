-- Several bots can share a database, each in a schema of its own: who writes a config
-- tells only those who have the same schema.
CREATE FUNCTION moonpost_channel(base TEXT, schema TEXT) RETURNS TEXT LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN schema = 'public' THEN base
    WHEN octet_length(schema) > 40 THEN base || '_' || md5(schema) -- a channel's name has at most 63 bytes
    ELSE base || '_' || schema END
$$;

CREATE OR REPLACE FUNCTION moonpost_config_inserted() RETURNS trigger
  LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  PERFORM pg_notify(moonpost_channel('moonpost_config', TG_TABLE_SCHEMA),
      string_agg(chat_id || ':' || revision, ','))
    FROM (SELECT chat_id, revision, row_number() OVER () / 180 AS part FROM new_rows) AS r
    GROUP BY part;
  RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION moonpost_config_updated() RETURNS trigger
  LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  INSERT INTO config_history (chat_id, revision, config, version, changed_at, changed_by)
    SELECT chat_id, revision, config, version, updated_at, changed_by FROM old_rows
    ON CONFLICT (chat_id, revision) DO UPDATE
      SET config = EXCLUDED.config, version = EXCLUDED.version,
          changed_at = EXCLUDED.changed_at, changed_by = EXCLUDED.changed_by;
  PERFORM pg_notify(moonpost_channel('moonpost_config', TG_TABLE_SCHEMA),
      string_agg(chat_id || ':' || revision, ','))
    FROM (SELECT chat_id, revision, row_number() OVER () / 180 AS part FROM new_rows) AS r
    GROUP BY part;
  RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION moonpost_config_deleted() RETURNS trigger
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
  PERFORM pg_notify(moonpost_channel('moonpost_config', TG_TABLE_SCHEMA),
      string_agg(chat_id || ':0', ','))
    FROM (SELECT chat_id, row_number() OVER () / 180 AS part FROM old_rows) AS r
    GROUP BY part;
  RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION moonpost_config_truncated() RETURNS trigger
  LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  PERFORM pg_notify(moonpost_channel('moonpost_config', TG_TABLE_SCHEMA), 'all');
  RETURN NULL;
END $$;
