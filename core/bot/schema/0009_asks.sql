-- Questions that wait to be answered (ctx:ask), so that people can be told when the
-- process that waits is gone.
CREATE TABLE asks (
  bot_id   BIGINT NOT NULL,
  chat_id  BIGINT NOT NULL,
  user_id  BIGINT NOT NULL,    -- 0: anybody there
  topic    BIGINT NOT NULL,    -- 0: none
  instance BIGINT NOT NULL,    -- where it waits
  ended    TEXT,               -- what is said when it ends with the process; NULL: the usual
  until    TIMESTAMPTZ NOT NULL,
  asked_at TIMESTAMPTZ NOT NULL DEFAULT now(),
  PRIMARY KEY (bot_id, chat_id, user_id, topic)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);
COMMENT ON COLUMN asks.chat_id IS 'moonpost:chat';

-- Those whose process is gone, most of them at once; each is given to one who asks.
-- valid: it would still wait. Who was cut off itself can't tell who lives.
CREATE FUNCTION moonpost_asks_lost(my_bot BIGINT, me BIGINT, ttl_ms INT, at TIMESTAMPTZ, most INT)
  RETURNS TABLE (chat BIGINT, in_topic BIGINT, text TEXT, valid BOOLEAN) LANGUAGE sql AS $$
  DELETE FROM asks AS a USING (
    SELECT b.chat_id, b.user_id, b.topic FROM asks AS b
      WHERE b.bot_id = my_bot AND b.instance <> me
        AND NOT EXISTS (SELECT FROM instances AS i WHERE i.id = b.instance AND moonpost_alive(i, ttl_ms))
        AND EXISTS (SELECT FROM instances AS i WHERE i.id = me
          AND i.seen_at > clock_timestamp() - make_interval(secs => ttl_ms / 2000.0))
      ORDER BY b.asked_at LIMIT most FOR UPDATE SKIP LOCKED) AS lost
    WHERE a.bot_id = my_bot AND a.chat_id = lost.chat_id AND a.user_id = lost.user_id AND a.topic = lost.topic
    RETURNING a.chat_id, a.topic, a.ended, a.until > at
$$;

-- As before (0003), but a lane without rows, in whose chat somebody is asked, is that
-- process's: the answer goes where it is waited for.
CREATE OR REPLACE FUNCTION moonpost_inbox_put(my_bot BIGINT, me BIGINT, ttl_ms INT, ids BIGINT[], lanes BIGINT[], texts JSON)
  RETURNS TABLE (id BIGINT, mine BOOLEAN, known BOOLEAN) LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(k.key)
    FROM (SELECT DISTINCT moonpost_lane_key(my_bot, l) AS key FROM unnest(lanes) AS l ORDER BY 1) AS k;
  RETURN QUERY
  WITH new AS (
    SELECT u.id, u.lane, t.text::TEXT FROM unnest(ids, lanes) WITH ORDINALITY AS u (id, lane, n)
      JOIN json_array_elements(texts) WITH ORDINALITY AS t (text, n) USING (n)
      WHERE NOT EXISTS (SELECT FROM updates_seen AS s WHERE s.bot_id = my_bot AND s.ids @> u.id)
  ), owners AS (
    SELECT l.lane,
        coalesce((SELECT i.owner FROM inbox AS i JOIN instances AS o ON o.id = i.owner
          WHERE i.bot_id = my_bot AND i.lane = l.lane AND NOT o.stopping AND moonpost_alive(o, ttl_ms) LIMIT 1),
        (SELECT a.instance FROM asks AS a JOIN instances AS o ON o.id = a.instance
          WHERE a.bot_id = my_bot AND a.chat_id = l.lane AND NOT o.stopping AND moonpost_alive(o, ttl_ms)
          ORDER BY a.asked_at DESC LIMIT 1)) AS owner,
        EXISTS (SELECT FROM inbox AS i WHERE i.bot_id = my_bot AND i.lane = l.lane
          AND NOT (i.owner IS NOT DISTINCT FROM me AND i.taken)) AS behind
      FROM (SELECT DISTINCT lane FROM new) AS l
  ), put AS (
    INSERT INTO inbox AS b (bot_id, update_id, lane, owner, taken, update)
      SELECT my_bot, new.id, new.lane, coalesce(owners.owner, me),
          coalesce(owners.owner, me) = me AND NOT owners.behind, new.text
        FROM new JOIN owners USING (lane)
      ON CONFLICT DO NOTHING
      RETURNING b.update_id, b.owner = me AND b.taken AS mine
  )
  SELECT a.id, coalesce(put.mine, false), put.update_id IS NULL
    FROM unnest(ids) WITH ORDINALITY AS a (id, n) LEFT JOIN put ON put.update_id = a.id ORDER BY a.n;
END $$;
