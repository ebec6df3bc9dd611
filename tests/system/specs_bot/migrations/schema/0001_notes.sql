-- A table that is empty, with a sequence; two that are not, one of which needs the
-- other; one that keeps what was deleted elsewhere, and deletes nothing of its own.
CREATE TABLE notes (id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, chat_id BIGINT, text TEXT);
CREATE TABLE kinds (id SERIAL PRIMARY KEY, name TEXT, upper_name TEXT GENERATED ALWAYS AS (upper(name)) STORED);
INSERT INTO kinds (name) VALUES ('a'), ('b');
CREATE TABLE a_of_kinds (kind INT NOT NULL REFERENCES kinds (id));
INSERT INTO a_of_kinds VALUES (1);
CREATE TABLE audit (text TEXT);
CREATE FUNCTION audit_note() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN INSERT INTO audit VALUES (OLD.text); RETURN OLD; END $$;
CREATE TRIGGER audit_note AFTER DELETE ON notes FOR EACH ROW EXECUTE FUNCTION audit_note();
CREATE TABLE eternal (x INT);
CREATE FUNCTION no_delete() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'nothing is deleted here'; END $$;
CREATE TRIGGER no_delete BEFORE DELETE ON eternal FOR EACH ROW EXECUTE FUNCTION no_delete();
