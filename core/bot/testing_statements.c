/* testing_statements.c - see testing_statements.h. */
#include "bot/testing_statements.h"

/* Names have the same length as long as times have ten digits: until 2286. Of
 * others' schemas only their owner can drop them: those stay. */
const char testing_drop_old_sql[] =
    "DO $$ DECLARE old TEXT; BEGIN"
    " SET LOCAL client_min_messages = warning;"
    " FOR old IN SELECT nspname FROM pg_namespace"
    "   WHERE nspname ~ '^moonpost_test_[0-9]{10}_[0-9]+$'"
    "   AND nspname < '%s' AND pg_has_role(nspowner, 'USAGE') LOOP"
    "  EXECUTE format('DROP SCHEMA IF EXISTS %%I CASCADE', old);"
    " END LOOP; END $$";

/*
 * What migrations have put into tables is kept as a copy of each, the positions of
 * sequences in a list. moonpost_test_reset() empties the tables that are not empty,
 * and fills those. DELETE is far quicker than TRUNCATE for a few rows; where
 * foreign keys or triggers are in its way, it is tried again after the others, and
 * then TRUNCATE has its turn. A trigger may write into what was emptied already: so
 * until all is as it should be.
 */
const char testing_keep_sql[] =
    "CREATE TABLE moonpost_test_seeds (name TEXT PRIMARY KEY, columns TEXT);"
    "CREATE TABLE moonpost_test_sequences AS"
    " SELECT sequencename::text AS name, last_value, start_value"
    " FROM pg_sequences WHERE schemaname = current_schema();"
    "DO $$ DECLARE t TEXT; has BOOLEAN; n INT := 0; BEGIN"
    " FOR t IN SELECT relname FROM pg_class"
    "   WHERE relnamespace = current_schema()::regnamespace"
    "   AND relkind IN ('r', 'p') AND NOT relispartition"
    "   AND relname NOT LIKE 'moonpost\\_test\\_%%'"
    "   AND relname <> 'schema_migrations' LOOP"
    "  EXECUTE format('SELECT EXISTS (SELECT FROM %%I)', t) INTO has;"
    "  IF has THEN"
    "   INSERT INTO moonpost_test_seeds SELECT t, "
    "string_agg(quote_ident(attname),"
    "    ', ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = t::regclass"
    "    AND attnum > 0 AND NOT attisdropped AND attgenerated = '';"
    "   EXECUTE format('CREATE TABLE %%I AS TABLE %%I', 'moonpost_test_of_' || "
    "t, t);"
    "  END IF;"
    " END LOOP; END $$;"
    "CREATE FUNCTION moonpost_test_reset() RETURNS VOID LANGUAGE plpgsql AS $$ "
    "DECLARE"
    " t TEXT; has BOOLEAN; again BOOLEAN; pass INT := 0; c TEXT; s RECORD;"
    " names TEXT[]; full_ones TEXT[]; "
    "BEGIN"
    " SELECT array_agg(relname::text ORDER BY relname) INTO names FROM pg_class"
    "  WHERE relnamespace = current_schema()::regnamespace"
    "  AND relkind IN ('r', 'p') AND NOT relispartition"
    "  AND relname NOT LIKE 'moonpost\\_test\\_%%'"
    "  AND relname <> 'schema_migrations';"
    " LOOP"
    "  full_ones := '{}'; pass := pass + 1;"
    "  FOREACH t IN ARRAY names LOOP"
    "   EXECUTE format('SELECT EXISTS (SELECT FROM %%I)', t) INTO has;"
    "   IF has THEN full_ones := full_ones || t; END IF;"
    "  END LOOP;"
    "  EXIT WHEN full_ones = '{}' OR pass > 8;"
    "  IF pass < 5 THEN"
    "   FOREACH t IN ARRAY full_ones LOOP"
    "    BEGIN EXECUTE format('DELETE FROM %%I', t);"
    "    EXCEPTION WHEN OTHERS THEN NULL; END;"
    "   END LOOP;"
    "  ELSE"
    "   SELECT string_agg(quote_ident(x), ', ') INTO c FROM unnest(full_ones) "
    "AS x;"
    "   EXECUTE 'TRUNCATE ' || c || ' CASCADE';"
    "  END IF;"
    " END LOOP;"
    " SET CONSTRAINTS ALL DEFERRED;"
    " pass := 0;"
    " FOR t, c IN SELECT name, columns FROM moonpost_test_seeds LOOP"
    "  EXECUTE format('ALTER TABLE %%I DISABLE TRIGGER USER', t);"
    " END LOOP;"
    " LOOP"
    "  again := false; pass := pass + 1;"
    "  FOR t, c IN SELECT name, columns FROM moonpost_test_seeds LOOP"
    "   EXECUTE format('SELECT EXISTS (SELECT FROM %%I)', t) INTO has;"
    "   IF NOT has THEN"
    "    BEGIN EXECUTE format('INSERT INTO %%I (%%s) OVERRIDING SYSTEM VALUE "
    "SELECT %%s FROM %%I', t, c, c, 'moonpost_test_of_' || t);"
    "    EXCEPTION WHEN foreign_key_violation THEN"
    "     IF pass > 8 THEN RAISE; END IF; again := true; END;"
    "   END IF;"
    "  END LOOP;"
    "  EXIT WHEN NOT again;"
    " END LOOP;"
    " FOR t, c IN SELECT name, columns FROM moonpost_test_seeds LOOP"
    "  EXECUTE format('ALTER TABLE %%I ENABLE TRIGGER USER', t);"
    " END LOOP;"
    " FOR s IN SELECT now.sequencename AS name, coalesce(was.last_value,"
    "   was.start_value, now.start_value) AS at, was.last_value IS NOT NULL AS "
    "used"
    "   FROM pg_sequences AS now LEFT JOIN moonpost_test_sequences AS was"
    "   ON was.name = now.sequencename WHERE now.schemaname = current_schema()"
    "   AND now.last_value IS DISTINCT FROM was.last_value LOOP"
    "  PERFORM setval(quote_ident(s.name)::regclass, s.at, s.used);"
    " END LOOP; "
    "END $$";

const char testing_reset_sql[] = "SELECT moonpost_test_reset()";

const char testing_drop_sql[] = "SET client_min_messages = warning;"
                                "DROP SCHEMA IF EXISTS %s CASCADE";

/* A program that ended while the database was away could not say so, and is thought
 * to live for some seconds. */
const char testing_bury_sql[] = "DELETE FROM instances WHERE id = %s";

/* A server tells what it has to tell before it answers. */
const char testing_heed_sql[] = "SELECT 1";
