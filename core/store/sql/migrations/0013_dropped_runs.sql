-- Superseded provisional runs may go: whole, by one function alone, and what went is written down. All others stay.

CREATE TABLE run_dropped (
    run           bigint PRIMARY KEY,
    station       int NOT NULL REFERENCES station,
    first         timestamptz,
    last          timestamptz,
    intervals     int NOT NULL,
    config_sha256 text NOT NULL,
    code_version  text NOT NULL,
    started       timestamptz NOT NULL,
    finished      timestamptz NOT NULL,
    dropped       timestamptz NOT NULL DEFAULT clock_timestamp(),
    dropped_by    text NOT NULL DEFAULT session_user
);

-- a station's newest provisional run of all, and of each month (UTC), is not superseded; nor is one that is released
CREATE VIEW v_superseded_run AS
SELECT r.id AS run, s.id AS station, r.finished, r.intervals
FROM (SELECT run.*, row_number() OVER (
          PARTITION BY station, date_trunc('month', finished AT TIME ZONE 'UTC') ORDER BY finished DESC, id DESC) AS place
      FROM run WHERE kind = 'provisional') r
JOIN station s ON s.key = r.station
WHERE r.place > 1 AND NOT EXISTS (SELECT FROM release WHERE release.run = r.id);

-- The run goes first: half-hours may only be deleted once their run is gone, so that no run is ever without some.
CREATE FUNCTION drop_superseded_runs(before timestamptz, most int) RETURNS TABLE (runs bigint, half_hours bigint)
LANGUAGE plpgsql SET fluxtower.dropping = 'superseded' AS $$
DECLARE
    gone bigint[];
BEGIN
    SELECT array_agg(o.run) INTO gone FROM (
        SELECT v.run FROM v_superseded_run v WHERE v.finished < before ORDER BY v.run LIMIT most) o;
    INSERT INTO run_dropped (run, station, first, last, intervals, config_sha256, code_version, started, finished)
    SELECT r.id, r.station, r.first, r.last, r.intervals, r.config_sha256, r.code_version, r.started, r.finished
    FROM run r WHERE r.id = ANY(gone);
    DELETE FROM run WHERE id = ANY(gone);
    GET DIAGNOSTICS runs = ROW_COUNT;
    DELETE FROM product WHERE run = ANY(gone);
    GET DIAGNOSTICS half_hours = ROW_COUNT;
    RETURN NEXT;
END $$;

CREATE OR REPLACE FUNCTION refuse_edit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND current_setting('fluxtower.dropping', true) = 'superseded' THEN
        IF TG_TABLE_NAME = 'run' THEN
            IF OLD.kind = 'provisional' THEN
                RETURN OLD;
            END IF;
        ELSIF NOT EXISTS (SELECT FROM run WHERE run.id = OLD.run) THEN
            RETURN OLD;
        END IF;
    END IF;
    RAISE EXCEPTION 'a season run is never edited: make a new one'
        USING ERRCODE = 'restrict_violation', DETAIL = format('%s of %s', TG_OP, TG_TABLE_NAME);
END $$;
