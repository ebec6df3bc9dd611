-- Updates that are neither done nor left with Telegram, who runs them, and what
-- was set aside. PostgreSQL 14 or newer: multiranges.

-- Running programs. One that was not seen for some seconds is taken for dead.
CREATE TABLE instances (
  id       BIGINT PRIMARY KEY, -- random
  bot_id   BIGINT NOT NULL,
  name     TEXT NOT NULL,      -- host:process
  mode     TEXT NOT NULL,      -- poll, webhook
  backend  INT,                -- the server's process of its connection; NULL: a pooler is in between
  started_at TIMESTAMPTZ NOT NULL DEFAULT now(),
  seen_at  TIMESTAMPTZ NOT NULL,
  stopping BOOLEAN NOT NULL DEFAULT false
) WITH (fillfactor = 50);

-- Who polls for a bot; NULL: nobody does, and the last one has left nothing undone
-- that is not in the inbox.
CREATE TABLE pollers (
  bot_id   BIGINT PRIMARY KEY,
  instance BIGINT,
  since    TIMESTAMPTZ NOT NULL DEFAULT now()
);

CREATE TABLE inbox (
  bot_id      BIGINT NOT NULL,
  update_id   BIGINT NOT NULL,
  lane        BIGINT NOT NULL,                -- chat, or person
  owner       BIGINT,                         -- the instance that is to run it; NULL: any
  taken       BOOLEAN NOT NULL DEFAULT false, -- its owner has it in memory
  tries       INT NOT NULL DEFAULT 0,         -- 0: no process died while it had this one
  received_at TIMESTAMPTZ NOT NULL DEFAULT now(),
  update      TEXT NOT NULL,                  -- as it came: JSON
  PRIMARY KEY (bot_id, update_id)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);
CREATE INDEX inbox_lane ON inbox (bot_id, lane, update_id);

-- Done ones that were in the inbox, for at least 24 hours.
CREATE TABLE updates_seen (
  bot_id BIGINT NOT NULL,
  day    DATE NOT NULL,
  ids    INT8MULTIRANGE NOT NULL,
  PRIMARY KEY (bot_id, day)
) WITH (fillfactor = 50);

-- What could not be handled. `moonpost inbox` shows it.
CREATE TABLE dead_updates (
  bot_id      BIGINT NOT NULL,
  update_id   BIGINT NOT NULL,
  chat_id     BIGINT,
  reason      TEXT NOT NULL, -- error, deadline, crash, unreadable
  error       TEXT NOT NULL,
  handler     TEXT,
  tries       INT NOT NULL DEFAULT 1,
  received_at TIMESTAMPTZ,
  died_at     TIMESTAMPTZ NOT NULL DEFAULT now(),
  update      TEXT NOT NULL,
  PRIMARY KEY (bot_id, update_id)
);
CREATE INDEX dead_updates_died_at ON dead_updates (bot_id, died_at);

-- Is this instance alive? Not when it was not seen for some time; sooner when its
-- connection is gone, too.
CREATE FUNCTION moonpost_alive(i instances, ttl_ms INT) RETURNS BOOLEAN LANGUAGE sql STABLE AS $$
  SELECT CASE
    WHEN i.seen_at < clock_timestamp() - make_interval(secs => ttl_ms / 1000.0) THEN false
    WHEN i.backend IS NULL THEN true
    WHEN i.seen_at > clock_timestamp() - make_interval(secs => ttl_ms / 2000.0) THEN true
    ELSE EXISTS (SELECT FROM pg_stat_activity WHERE pid = i.backend) END
$$;

-- A sign of life; and the lease of polling, if it is wanted and free. clean: who had it
-- before has given it back. dead: an instance that its own host says is gone; believed
-- when its connection is, too. Not waited for on the disk: it is said again soon.
CREATE FUNCTION moonpost_beat(my_bot BIGINT, me BIGINT, my_name TEXT, my_mode TEXT, my_backend INT,
    wants BOOLEAN, ttl_ms INT, dead BIGINT,
    OUT leads BOOLEAN, OUT clean BOOLEAN, OUT holder BIGINT, OUT holder_name TEXT, OUT others INT)
  LANGUAGE plpgsql AS $$
DECLARE
  other instances;
  before TIMESTAMPTZ;
BEGIN
  PERFORM set_config('synchronous_commit', 'off', true);
  -- I was cut off; the others too, perhaps: they have as long as it takes to come back.
  SELECT i.seen_at INTO before FROM instances AS i WHERE i.id = me;
  IF before < clock_timestamp() - make_interval(secs => ttl_ms / 2000.0) THEN
    UPDATE instances AS i SET seen_at = clock_timestamp() + interval '8 seconds', backend = NULL
      WHERE i.bot_id = my_bot AND i.id <> me AND i.seen_at > before - make_interval(secs => ttl_ms / 1000.0);
  END IF;
  INSERT INTO instances (id, bot_id, name, mode, backend, seen_at)
    VALUES (me, my_bot, my_name, my_mode, my_backend, clock_timestamp())
    ON CONFLICT (id) DO UPDATE SET seen_at = EXCLUDED.seen_at, backend = EXCLUDED.backend;
  DELETE FROM instances AS i WHERE i.bot_id = my_bot AND i.seen_at < now() - interval '1 day';
  leads := false;
  clean := true;
  IF wants THEN
    INSERT INTO pollers AS p (bot_id, instance) VALUES (my_bot, NULL) ON CONFLICT DO NOTHING;
    SELECT p.instance INTO holder FROM pollers AS p WHERE p.bot_id = my_bot FOR UPDATE;
    IF holder = me THEN
      leads := true;
    ELSE
      SELECT * INTO other FROM instances AS i WHERE i.id = holder;
      holder_name := other.name;
      IF holder IS NULL OR other.id IS NULL OR NOT moonpost_alive(other, ttl_ms)
          OR (holder = dead AND NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = other.backend)) THEN
        clean := holder IS NULL;
        DELETE FROM instances AS i WHERE i.id = holder;
        UPDATE pollers AS p SET instance = me, since = now() WHERE p.bot_id = my_bot;
        leads := true;
      END IF;
    END IF;
  END IF;
  SELECT count(*) INTO others FROM instances AS i
    WHERE i.bot_id = my_bot AND i.id <> me AND moonpost_alive(i, ttl_ms);
END $$;

CREATE FUNCTION moonpost_lane_key(my_bot BIGINT, lane BIGINT) RETURNS BIGINT LANGUAGE sql STABLE AS $$
  SELECT hashtextextended(current_schema() || ' lane ' || my_bot || ' ' || lane, 0)
$$;

-- Put updates in. A lane has one owner as long as it has rows: the new ones go to that
-- one, else to me. Who puts into a lane at the same time waits for the other (the lock
-- ends with the transaction; each statement after it sees what was committed before).
-- mine: I have it in memory now and may run it. known: it was here before. In ids' order.
CREATE FUNCTION moonpost_inbox_put(my_bot BIGINT, me BIGINT, ttl_ms INT, ids BIGINT[], lanes BIGINT[], texts JSON)
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
        (SELECT i.owner FROM inbox AS i JOIN instances AS o ON o.id = i.owner
          WHERE i.bot_id = my_bot AND i.lane = l.lane AND NOT o.stopping AND moonpost_alive(o, ttl_ms) LIMIT 1) AS owner,
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

-- Rows whose owner is dead, or that have none, become somebody's: that of the lane's
-- owner if it has one that lives, else mine. What a dead one had in memory is suspect.
CREATE FUNCTION moonpost_inbox_adopt(my_bot BIGINT, me BIGINT, ttl_ms INT) RETURNS VOID LANGUAGE plpgsql AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM inbox AS i WHERE i.bot_id = my_bot AND i.owner IS DISTINCT FROM me)
      OR EXISTS (SELECT FROM instances AS i WHERE i.id = me -- cut off: my next sign of life says who lives
        AND i.seen_at < clock_timestamp() - make_interval(secs => ttl_ms / 2000.0)) THEN
    RETURN;
  END IF;
  WITH alive AS (
    SELECT o.id, o.stopping FROM instances AS o WHERE o.bot_id = my_bot AND moonpost_alive(o, ttl_ms)
  ), lost AS (
    SELECT DISTINCT i.lane FROM inbox AS i
      WHERE i.bot_id = my_bot AND (i.owner IS NULL OR NOT EXISTS (SELECT FROM alive WHERE alive.id = i.owner))
      LIMIT 200
  ), mine AS MATERIALIZED (
    SELECT lost.lane, (SELECT i.owner FROM inbox AS i JOIN alive ON alive.id = i.owner AND NOT alive.stopping
        WHERE i.bot_id = my_bot AND i.lane = lost.lane LIMIT 1) AS owner
      FROM lost WHERE pg_try_advisory_xact_lock(moonpost_lane_key(my_bot, lost.lane))
  )
  UPDATE inbox AS i SET owner = coalesce(mine.owner, me), taken = false,
      tries = CASE WHEN i.taken AND i.owner IS NOT NULL THEN greatest(i.tries, 1) ELSE i.tries END
    FROM mine WHERE i.bot_id = my_bot AND i.lane = mine.lane
      AND (i.owner IS NULL OR NOT EXISTS (SELECT FROM alive WHERE alive.id = i.owner));
END $$;

-- What is mine and not yet in memory, oldest first; but not behind something in its
-- lane that another one has, living or not yet adopted.
CREATE FUNCTION moonpost_inbox_take(my_bot BIGINT, me BIGINT, ttl_ms INT, most INT)
  RETURNS TABLE (id BIGINT, in_lane BIGINT, times INT, text TEXT) LANGUAGE sql AS $$
  WITH next AS (
    SELECT i.update_id FROM inbox AS i
      WHERE i.bot_id = my_bot AND i.owner = me AND NOT i.taken
        AND NOT EXISTS (SELECT FROM inbox AS f WHERE f.bot_id = my_bot AND f.lane = i.lane
          AND f.update_id < i.update_id AND f.owner IS DISTINCT FROM me)
      ORDER BY i.update_id LIMIT most FOR UPDATE SKIP LOCKED
  ), took AS (
    UPDATE inbox AS i SET taken = true FROM next WHERE i.bot_id = my_bot AND i.update_id = next.update_id
      RETURNING i.update_id, i.lane, i.tries, i.update
  )
  SELECT * FROM took ORDER BY 1
$$;

-- Done: away with them, but known for a day.
CREATE FUNCTION moonpost_inbox_done(my_bot BIGINT, done BIGINT[]) RETURNS VOID LANGUAGE sql AS $$
  DELETE FROM inbox WHERE bot_id = my_bot AND update_id = ANY (done);
  DELETE FROM updates_seen WHERE bot_id = my_bot AND day < current_date - 1;
  INSERT INTO updates_seen AS s (bot_id, day, ids)
    SELECT my_bot, current_date, range_agg(int8range(d, d, '[]')) FROM unnest(done) AS d
    ON CONFLICT (bot_id, day) DO UPDATE SET ids = s.ids + EXCLUDED.ids;
$$;
