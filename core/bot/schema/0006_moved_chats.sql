-- A group that becomes a supergroup gets another id. What belongs to it moves along.
CREATE TABLE moved_chats (
  old_id   BIGINT PRIMARY KEY,
  new_id   BIGINT NOT NULL,
  moved_at TIMESTAMPTZ NOT NULL DEFAULT now()
);

-- A table says which of its columns holds a chat's id by this word in the column's
-- comment; a bot's own tables do the same.
COMMENT ON COLUMN config_failures.chat_id IS 'moonpost:chat';
COMMENT ON COLUMN dead_updates.chat_id IS 'moonpost:chat';
COMMENT ON COLUMN chats.chat_id IS 'moonpost:chat';

-- What is set in either; where both have something, over's.
CREATE FUNCTION moonpost_merge(under JSONB, over JSONB) RETURNS JSONB
  LANGUAGE plpgsql IMMUTABLE SET search_path FROM CURRENT AS $$
BEGIN
  IF over IS NULL OR under IS NULL THEN
    RETURN coalesce(over, under);
  ELSIF jsonb_typeof(under) <> 'object' OR jsonb_typeof(over) <> 'object' THEN
    RETURN over;
  END IF;
  RETURN (SELECT coalesce(jsonb_object_agg(key, moonpost_merge(u.value, o.value)), '{}')
    FROM jsonb_each(under) AS u FULL JOIN jsonb_each(over) AS o USING (key));
END $$;

-- One column of one table. A row that its table does not want to have under the new
-- id (there is one like it, or whatever else) stays as it was.
CREATE FUNCTION moonpost_move_rows(of_table REGCLASS, of_column NAME, of_type TEXT, from_id BIGINT, to_id BIGINT,
    OUT moved BIGINT, OUT stayed BIGINT, OUT why TEXT)
  LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
  place RECORD;
BEGIN
  stayed := 0;
  BEGIN
    EXECUTE format('UPDATE %s SET %I = %L::%s WHERE %I = %L::%s',
      of_table, of_column, to_id, of_type, of_column, from_id, of_type);
    GET DIAGNOSTICS moved = ROW_COUNT;
    RETURN;
  EXCEPTION WHEN OTHERS THEN
    IF left(SQLSTATE, 2) IN ('40', '53', '55', '57', '58') THEN
      RAISE; -- a deadlock, a full disk: not because of the row
    END IF;
  END;
  moved := 0;
  FOR place IN EXECUTE format('SELECT tableoid AS oid, ctid AS at FROM %s WHERE %I = %L::%s',
      of_table, of_column, from_id, of_type) LOOP
    BEGIN
      EXECUTE format('UPDATE %s SET %I = %L::%s WHERE tableoid = $1 AND ctid = $2',
        of_table, of_column, to_id, of_type) USING place.oid, place.at;
      moved := moved + 1;
    EXCEPTION WHEN OTHERS THEN
      IF left(SQLSTATE, 2) IN ('40', '53', '55', '57', '58') THEN
        RAISE;
      END IF;
      stayed := stayed + 1;
      why := coalesce(why, of_table || ': ' || SQLERRM);
    END;
  END LOOP;
END $$;

-- The config and its history. Revisions only grow: the old chat's come first, then
-- the new one's, then what both are together. A row that was deleted leaves a last
-- revision behind, so that those who can't listen hear of it: that stays.
CREATE FUNCTION moonpost_move_config(from_id BIGINT, to_id BIGINT, again BOOLEAN)
  RETURNS VOID LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
  who TEXT := 'moved from ' || from_id || CASE WHEN again THEN ' (later)' ELSE '' END;
  merged JSONB;
  o chat_configs;
  n chat_configs;
BEGIN
  SELECT * INTO o FROM chat_configs AS c WHERE c.chat_id = from_id;
  SELECT * INTO n FROM chat_configs AS c WHERE c.chat_id = to_id;
  IF n.chat_id IS NOT NULL THEN
    UPDATE chat_configs AS c SET revision = n.revision + o.revision, changed_by = n.changed_by,
        changed_xid = pg_current_xact_id() WHERE c.chat_id = to_id;
    DELETE FROM config_history AS h WHERE h.chat_id = to_id AND h.revision = n.revision; -- that update's
  END IF;
  UPDATE config_history AS h SET revision = -(h.revision + o.revision) WHERE h.chat_id = to_id;
  UPDATE config_history AS h SET revision = -h.revision WHERE h.chat_id = to_id;
  INSERT INTO config_history (chat_id, revision, config, version, changed_at, changed_by)
    SELECT to_id, revision, config, version, changed_at, changed_by FROM config_history AS h
      WHERE h.chat_id = from_id AND NOT (again AND deleted_xid IS NOT NULL)
    UNION ALL SELECT to_id, o.revision, o.config, o.version, o.updated_at, o.changed_by
    ON CONFLICT DO NOTHING;
  DELETE FROM config_history AS h WHERE h.chat_id = from_id;
  DELETE FROM chat_configs AS c WHERE c.chat_id = from_id;
  IF n.chat_id IS NULL THEN
    INSERT INTO chat_configs (chat_id, config, version, changed_by) VALUES (to_id, o.config, o.version, who);
    RETURN;
  END IF;
  -- Documents of different versions have different keys: then the newer version's.
  merged := CASE WHEN n.version > o.version THEN n.config WHEN n.version < o.version THEN o.config
    WHEN again THEN moonpost_merge(n.config, o.config) ELSE moonpost_merge(o.config, n.config) END;
  UPDATE chat_configs AS c SET config = merged, version = greatest(o.version, n.version),
      revision = c.revision + 1, updated_at = now(), changed_by = who,
      changed_xid = pg_current_xact_id() WHERE c.chat_id = to_id;
END $$;

-- All of it. outcome: "moved"; "known": there was nothing (more) to move; "versions":
-- nothing was done, as the two configs are of different versions (force: all the same).
-- What the old id gets after it has moved was set by somebody who did not know: it is
-- newer than what the new one has.
CREATE FUNCTION moonpost_move_chat(from_id BIGINT, to_id BIGINT, force BOOLEAN,
    OUT outcome TEXT, OUT with_config BOOLEAN, OUT moved BIGINT, OUT stayed BIGINT, OUT why TEXT)
  LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
  o chat_configs;
  n chat_configs;
  known BOOLEAN;
  place RECORD;
  part RECORD;
BEGIN
  outcome := 'known';
  with_config := false;
  moved := 0;
  stayed := 0;
  IF from_id = to_id THEN
    RETURN;
  END IF;
  PERFORM pg_advisory_xact_lock(hashtextextended(current_schema() || ' move ' || from_id, 0));
  known := EXISTS (SELECT FROM moved_chats AS m WHERE m.old_id = from_id AND m.new_id = to_id);
  PERFORM FROM chat_configs AS c WHERE c.chat_id IN (from_id, to_id) ORDER BY c.chat_id FOR UPDATE;
  SELECT * INTO o FROM chat_configs AS c WHERE c.chat_id = from_id;
  SELECT * INTO n FROM chat_configs AS c WHERE c.chat_id = to_id;
  IF o.chat_id IS NOT NULL THEN
    IF n.version <> o.version AND NOT force THEN
      outcome := 'versions';
      RETURN;
    END IF;
    PERFORM moonpost_move_config(from_id, to_id, known);
    with_config := true;
  END IF;
  SET CONSTRAINTS ALL IMMEDIATE;
  FOR place IN
    SELECT c.oid::regclass AS of_table, a.attname AS of_column, format_type(a.atttypid, a.atttypmod) AS of_type
      FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
      JOIN pg_description AS d ON d.classoid = 'pg_class'::regclass AND d.objoid = c.oid AND d.objsubid = a.attnum
      WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
        AND d.description ~ '(^|\s)moonpost:chat(\s|$)'
      ORDER BY c.oid, a.attnum LOOP
    SELECT * INTO part FROM moonpost_move_rows(place.of_table, place.of_column, place.of_type, from_id, to_id);
    moved := moved + part.moved;
    IF place.of_table = 'chats'::regclass THEN
      DELETE FROM chats AS c WHERE c.chat_id = from_id; -- the new one was seen, too
    ELSE
      stayed := stayed + part.stayed;
      why := coalesce(why, part.why);
    END IF;
  END LOOP;
  INSERT INTO moved_chats AS m (old_id, new_id) VALUES (from_id, to_id)
    ON CONFLICT (old_id) DO UPDATE SET new_id = EXCLUDED.new_id, moved_at = now()
    WHERE m.new_id <> EXCLUDED.new_id;
  IF NOT known OR with_config OR moved > 0 THEN
    outcome := 'moved';
  END IF;
END $$;
