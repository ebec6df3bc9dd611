-- What is to run at a time: bot.every, bot.after, bot.at; and counts that are kept.

CREATE TABLE jobs (
  id       BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  bot_id   BIGINT NOT NULL,
  name     TEXT NOT NULL,
  every    BOOLEAN NOT NULL DEFAULT false, -- of bot.every: stays, and gets its next time
  state    TEXT NOT NULL DEFAULT 'waiting', -- waiting; failed: set aside
  chat_id  BIGINT,
  key      TEXT,        -- one that waits for each of a name, a chat and a key
  data     JSON,        -- as the script gave it
  due_at   TIMESTAMPTZ, -- when it is meant to run; NULL: of every, not reckoned yet
  run_at   TIMESTAMPTZ, -- not before: later than due_at by jitter, or to try again
  schedule TEXT,        -- it runs again and again: "1h", "0 9 * * 1-5"
  zone     TEXT,        -- with a cron line
  slot     BIGINT,      -- the same: due_at on that zone's clock, in minutes since 1970
  tries    INT NOT NULL DEFAULT 0, -- so often it has failed
  crashes  INT NOT NULL DEFAULT 0, -- so often a process died while it ran
  owner    BIGINT,      -- the instance that runs it, while that lives
  taken_at TIMESTAMPTZ,
  ran_at   TIMESTAMPTZ, -- of every: when it last ran
  error    TEXT,        -- the last one
  failed_at TIMESTAMPTZ,
  made_at  TIMESTAMPTZ NOT NULL DEFAULT now(),
  made_by  TEXT
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 2000);
CREATE INDEX jobs_run_at ON jobs (bot_id, run_at) WHERE state = 'waiting' AND owner IS NULL;
CREATE INDEX jobs_owner ON jobs (bot_id, owner) WHERE owner IS NOT NULL;
CREATE INDEX jobs_chat_id ON jobs (chat_id);
CREATE INDEX jobs_failed ON jobs (bot_id, failed_at) WHERE state = 'failed';
CREATE UNIQUE INDEX jobs_every ON jobs (bot_id, name) WHERE every;
CREATE UNIQUE INDEX jobs_key ON jobs (bot_id, name, coalesce(chat_id, 0), key)
  WHERE key IS NOT NULL AND state = 'waiting' AND owner IS NULL;
COMMENT ON COLUMN jobs.chat_id IS 'moonpost:chat';

-- One that runs no longer holds its key: another may have it since.
CREATE FUNCTION moonpost_job_key(j jobs) RETURNS TEXT LANGUAGE sql STABLE AS $$
  SELECT CASE WHEN j.key IS NOT NULL AND NOT EXISTS (SELECT FROM jobs AS o
    WHERE o.bot_id = j.bot_id AND o.name = j.name AND o.key = j.key AND o.id > j.id AND o.state = 'waiting'
      AND coalesce(o.chat_id, 0) = coalesce(j.chat_id, 0)) THEN j.key END
$$;

-- The server's time, ahead by so much as the program's clock was moved on (tests do).
CREATE FUNCTION moonpost_now(ahead_ms BIGINT) RETURNS TIMESTAMPTZ LANGUAGE sql STABLE AS $$
  SELECT now() + ahead_ms * interval '1 millisecond'
$$;

-- As milliseconds since 1970; and from that.
CREATE FUNCTION moonpost_ms(moment TIMESTAMPTZ) RETURNS BIGINT LANGUAGE sql IMMUTABLE AS $$
  SELECT floor(extract(epoch FROM moment) * 1000)::bigint
$$;
CREATE FUNCTION moonpost_of_ms(ms BIGINT) RETURNS TIMESTAMPTZ LANGUAGE sql IMMUTABLE AS $$
  SELECT timestamptz 'epoch' + ms * interval '1 millisecond'
$$;

-- A time on the clock of a zone, in minutes since 1970-01-01 00:00 of that clock.
CREATE FUNCTION moonpost_minute(moment TIMESTAMPTZ, zone TEXT) RETURNS BIGINT LANGUAGE sql STABLE AS $$
  SELECT floor(extract(epoch FROM moment AT TIME ZONE zone) / 60)::bigint
$$;

-- When is it `minute` in the zone, seen from `base`, when it was `base_minute` there? A
-- minute that is left out when the clock is set forward: as much later. One that comes
-- twice when it is set back: the first; but where every hour counts, time goes on as it
-- passes.
CREATE FUNCTION moonpost_time_of(base TIMESTAMPTZ, base_minute BIGINT, minute BIGINT, zone TEXT, any_hour BOOLEAN)
  RETURNS TIMESTAMPTZ LANGUAGE plpgsql STABLE AS $$
DECLARE
  passed TIMESTAMPTZ := date_trunc('minute', base) + (minute - base_minute) * interval '1 minute';
  there BIGINT := moonpost_minute(passed, zone);
  on_clock TIMESTAMPTZ;
BEGIN
  IF there = minute OR (any_hour AND minute - base_minute <= 60 AND there < minute) THEN
    RETURN passed;
  END IF;
  on_clock := (timestamp 'epoch' + minute * interval '1 minute') AT TIME ZONE zone;
  FOR earlier IN REVERSE 4..1 LOOP -- by one or two hours, half an hour
    IF moonpost_minute(on_clock - earlier * interval '30 minutes', zone) = minute THEN
      RETURN on_clock - earlier * interval '30 minutes';
    END IF;
  END LOOP;
  RETURN on_clock;
END $$;

-- What the scripts declare by bot.every; what they don't any more goes. Gives those whose
-- next time is to be reckoned, and of those in a zone what time it is there.
CREATE FUNCTION moonpost_jobs_declare(my_bot BIGINT, ahead_ms BIGINT, names TEXT[], schedules TEXT[], zones TEXT[],
    keep_days INT)
  RETURNS TABLE (job_id BIGINT, job_name TEXT, now_ms BIGINT, minute BIGINT, problem TEXT, is_every BOOLEAN,
    again TEXT) LANGUAGE plpgsql AS $$
DECLARE
  now_at TIMESTAMPTZ := moonpost_now(ahead_ms);
  job jobs;
BEGIN
  DELETE FROM jobs AS j WHERE j.bot_id = my_bot AND j.every AND j.name <> ALL(names);
  DELETE FROM jobs AS j WHERE j.bot_id = my_bot AND j.state = 'failed'
    AND j.failed_at < now_at - keep_days * interval '1 day';
  INSERT INTO jobs AS j (bot_id, name, every, schedule, zone)
    SELECT my_bot, d.name, true, d.schedule, d.zone FROM unnest(names, schedules, zones) AS d (name, schedule, zone)
    ORDER BY d.name
    ON CONFLICT (bot_id, name) WHERE every DO UPDATE
      SET schedule = EXCLUDED.schedule, zone = EXCLUDED.zone, due_at = NULL, run_at = NULL, slot = NULL
      WHERE (j.schedule, coalesce(j.zone, '')) IS DISTINCT FROM (EXCLUDED.schedule, coalesce(EXCLUDED.zone, ''));
  FOR job IN SELECT * FROM jobs AS j WHERE j.bot_id = my_bot AND j.schedule IS NOT NULL AND j.due_at IS NULL
      AND j.state = 'waiting' LOOP
    job_id := job.id;
    job_name := job.name;
    is_every := job.every;
    again := job.schedule;
    now_ms := moonpost_ms(now_at);
    problem := NULL;
    minute := NULL;
    BEGIN
      IF job.zone IS NOT NULL THEN
        minute := moonpost_minute(now_at, job.zone);
      END IF;
    EXCEPTION WHEN invalid_parameter_value THEN
      problem := SQLERRM;
    END;
    RETURN NEXT;
  END LOOP;
END $$;

-- Take what is due (names: what the scripts have functions for). Before that, what
-- belongs to nobody any more: its process is dead, or never heard that it had it. In
-- the last row: in how many ms the next one is due, whether other processes run
-- any, and one that is due and has no function.
CREATE FUNCTION moonpost_jobs_take(my_bot BIGINT, me BIGINT, ttl_ms INT, ahead_ms BIGINT, names TEXT[], have BIGINT[],
    most INT)
  RETURNS TABLE (job_id BIGINT, job_name TEXT, is_every BOOLEAN, chat BIGINT, job_data TEXT, failed INT, died INT,
    due_ms BIGINT, late_ms BIGINT, now_ms BIGINT, due_minute BIGINT, now_minute BIGINT, wait_ms BIGINT, others BOOLEAN,
    unknown TEXT, again TEXT)
  LANGUAGE plpgsql AS $$
DECLARE
  now_at TIMESTAMPTZ := moonpost_now(ahead_ms);
  n BIGINT;
BEGIN
  UPDATE jobs AS j SET owner = NULL, taken_at = NULL, key = moonpost_job_key(j),
      crashes = j.crashes + CASE WHEN j.owner = me THEN 0 ELSE 1 END
    WHERE j.bot_id = my_bot AND j.owner IS NOT NULL AND CASE WHEN j.owner = me THEN j.id <> ALL(have)
      ELSE NOT EXISTS (SELECT FROM instances AS i WHERE i.id = j.owner AND moonpost_alive(i, ttl_ms)) END;
  RETURN QUERY
  WITH due AS (
    SELECT j.id FROM jobs AS j WHERE j.bot_id = my_bot AND j.state = 'waiting' AND j.owner IS NULL
      AND j.run_at <= now_at AND j.name = ANY(names)
      ORDER BY j.run_at LIMIT most FOR UPDATE SKIP LOCKED
  ), taken AS (
    UPDATE jobs AS j SET owner = me, taken_at = now_at FROM due WHERE j.id = due.id RETURNING j.*
  )
  SELECT t.id, t.name, t.every, t.chat_id, t.data::text, t.tries, t.crashes,
      moonpost_ms(t.due_at), moonpost_ms(now_at) - moonpost_ms(t.run_at), moonpost_ms(now_at), t.slot,
      CASE WHEN t.zone IS NOT NULL THEN moonpost_minute(now_at, t.zone) END,
      NULL::bigint, NULL::boolean, NULL::text, t.schedule
    FROM taken AS t ORDER BY t.run_at, t.id;
  GET DIAGNOSTICS n = ROW_COUNT;
  SELECT moonpost_ms(f.run_at) - moonpost_ms(now_at) + 1 INTO wait_ms FROM (
    SELECT j.run_at FROM jobs AS j WHERE j.bot_id = my_bot AND j.state = 'waiting' AND j.owner IS NULL
      AND j.name = ANY(names) ORDER BY j.run_at LIMIT 1) AS f;
  others := EXISTS (SELECT FROM jobs AS j WHERE j.bot_id = my_bot AND j.owner IS NOT NULL AND j.owner <> me);
  IF n < most THEN -- else there is enough to do
    unknown := (SELECT j.name FROM jobs AS j WHERE j.bot_id = my_bot AND j.state = 'waiting' AND j.owner IS NULL
      AND j.run_at <= now_at AND j.name <> ALL(names) LIMIT 1);
  END IF;
  job_id := NULL;
  RETURN NEXT;
END $$;

-- The next time of one of bot.every: after `base`, that many minutes later on the zone's
-- clock, or whole intervals later (skips: those that are over are left out, and base itself
-- counts if it is still to come: who ran the job by hand changes nothing). me is 0: it
-- has none yet. Gives in how many ms that is; nothing if it is another's by now.
CREATE FUNCTION moonpost_job_next(job BIGINT, me BIGINT, base_ms BIGINT, base_minute BIGINT, minutes BIGINT,
    every_hour BOOLEAN, interval_ms BIGINT, skips BOOLEAN, ahead_ms BIGINT, jitter_ms BIGINT, last_error TEXT)
  RETURNS SETOF BIGINT LANGUAGE plpgsql AS $$
DECLARE
  now_at TIMESTAMPTZ := moonpost_now(ahead_ms);
  base TIMESTAMPTZ := moonpost_of_ms(base_ms);
  due TIMESTAMPTZ;
  j jobs;
BEGIN
  SELECT * INTO j FROM jobs AS o WHERE o.id = job
    AND CASE WHEN me = 0 THEN o.due_at IS NULL ELSE o.owner = me END FOR UPDATE;
  IF NOT FOUND THEN
    RETURN;
  ELSIF j.key IS NOT NULL AND moonpost_job_key(j) IS NULL THEN
    DELETE FROM jobs AS o WHERE o.id = job; -- another has its place since
    RETURN;
  END IF;
  IF interval_ms = 0 THEN
    due := moonpost_time_of(base, base_minute, base_minute + minutes, j.zone, every_hour);
  ELSE
    due := base + interval_ms * interval '1 millisecond' * CASE WHEN skips
      THEN greatest(0, floor((moonpost_ms(now_at) - base_ms)::numeric / interval_ms) + 1) ELSE 1 END;
  END IF;
  j.run_at := due + random() * jitter_ms * interval '1 millisecond';
  UPDATE jobs AS o SET due_at = due, run_at = j.run_at, owner = NULL, taken_at = NULL, tries = 0, crashes = 0,
      slot = CASE WHEN interval_ms = 0 THEN moonpost_minute(due, j.zone) END, error = last_error,
      ran_at = CASE WHEN me = 0 THEN o.ran_at ELSE o.taken_at END
    WHERE o.id = job;
  RETURN NEXT moonpost_ms(j.run_at) - moonpost_ms(now_at) + 1;
END $$;

-- Make one. One with this key that waits already stays as it is, or is as if new. again:
-- it runs again and again; its first time is then to be reckoned, as of bot.every.
CREATE FUNCTION moonpost_job_add(my_bot BIGINT, my_name TEXT, chat BIGINT, my_key TEXT, my_data JSON, delay_ms BIGINT,
    at_ms BIGINT, at_text TEXT, my_zone TEXT, replaces BOOLEAN, ahead_ms BIGINT, maker TEXT, again TEXT,
    OUT job BIGINT, OUT is_new BOOLEAN, OUT wait_ms BIGINT, OUT now_ms BIGINT, OUT minute BIGINT)
  LANGUAGE plpgsql AS $$
DECLARE
  now_at TIMESTAMPTZ := moonpost_now(ahead_ms);
  due TIMESTAMPTZ := CASE WHEN again IS NOT NULL THEN NULL WHEN delay_ms IS NOT NULL THEN now_at + delay_ms * interval '1 millisecond'
    WHEN at_ms IS NOT NULL THEN moonpost_of_ms(at_ms) ELSE at_text::timestamp AT TIME ZONE my_zone END;
BEGIN
  LOOP
    INSERT INTO jobs AS j (bot_id, name, chat_id, key, data, due_at, run_at, made_by, schedule, zone)
      VALUES (my_bot, my_name, chat, my_key, my_data, due, due, maker, again,
        CASE WHEN again IS NOT NULL THEN my_zone END)
      ON CONFLICT (bot_id, name, coalesce(chat_id, 0), key) WHERE key IS NOT NULL AND state = 'waiting'
        AND owner IS NULL DO UPDATE SET data = EXCLUDED.data, due_at = EXCLUDED.due_at, run_at = EXCLUDED.run_at,
          made_by = EXCLUDED.made_by, made_at = now(),
          schedule = EXCLUDED.schedule, zone = EXCLUDED.zone, slot = NULL, tries = 0, crashes = 0, error = NULL WHERE replaces
      RETURNING j.id, j.xmax = 0 INTO job, is_new;
    IF NOT FOUND THEN
      is_new := false;
      SELECT j.id, j.run_at INTO job, due FROM jobs AS j WHERE j.bot_id = my_bot AND j.name = my_name
        AND j.key = my_key AND j.state = 'waiting' AND j.owner IS NULL AND coalesce(j.chat_id, 0) = coalesce(chat, 0);
    END IF;
    EXIT WHEN job IS NOT NULL; -- else it has begun in between
  END LOOP;
  wait_ms := moonpost_ms(due) - moonpost_ms(now_at) + 1;
  now_ms := moonpost_ms(now_at);
  IF again IS NOT NULL AND my_zone IS NOT NULL THEN
    minute := moonpost_minute(now_at, my_zone);
  END IF;
END $$;

-- Counts of the module counter, those that are declared durable.
CREATE TABLE counters (
  bot_id  BIGINT NOT NULL,
  name    TEXT NOT NULL,
  chat_id BIGINT NOT NULL, -- 0: it is not counted by chat
  user_id BIGINT NOT NULL,
  key     TEXT NOT NULL,
  slot    BIGINT NOT NULL, -- when this part of the window began, in ms since 1970; 0: no window
  n       BIGINT NOT NULL,
  expires_at TIMESTAMPTZ,
  PRIMARY KEY (bot_id, name, chat_id, user_id, key, slot)
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 2000);
CREATE INDEX counters_expires_at ON counters (bot_id, expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX counters_chat_id ON counters (chat_id);
COMMENT ON COLUMN counters.chat_id IS 'moonpost:chat';
