-- Calibrated mole fractions.

-- name: mole_fraction_state
SELECT seen, config_sha256, tanks_sha256 FROM mole_fraction_state WHERE station = %(station)s;

-- name: put_mole_fraction_state
INSERT INTO mole_fraction_state (station, seen, config_sha256, tanks_sha256)
VALUES (%(station)s, %(seen)s, %(config_sha256)s, %(tanks_sha256)s)
ON CONFLICT (station) DO UPDATE SET
    seen = excluded.seen, config_sha256 = excluded.config_sha256, tanks_sha256 = excluded.tanks_sha256;

-- name: request_mole_fractions
INSERT INTO mole_fraction_request (station, starts, ends) VALUES (%(station)s, %(start)s, %(end)s);

-- name: mole_fraction_requests
SELECT id, starts, ends FROM mole_fraction_request WHERE station = %(station)s ORDER BY id;

-- name: end_mole_fraction_requests
DELETE FROM mole_fraction_request WHERE id = ANY(%(ids)s);

-- name: raw_span
SELECT min(time) AS first, max(time) AS last FROM reading
WHERE station = %(station)s AND stream = ANY(%(streams)s);

-- name: raw_readings
SELECT time, stream, values, manual FROM reading
WHERE station = %(station)s AND stream = ANY(%(streams)s) AND time >= %(start)s AND time < %(end)s
ORDER BY time;

-- name: stage_mole_fractions
CREATE TEMPORARY TABLE made_mole_fraction (LIKE mole_fraction) ON COMMIT DROP;

-- name: copy_mole_fractions
COPY made_mole_fraction (time, station, gas, intake, step_s, value, sd, u, n, flag, reasons, scale, config_sha256,
    tanks_sha256, code_version, computed) FROM STDIN;

-- name: keep_old_mole_fractions
-- of what is replaced by another value, or is there no more, what was not provisional is kept
WITH span AS (
    SELECT m.* FROM mole_fraction m
    WHERE m.station = %(station)s AND m.time >= %(start)s AND m.time < %(end)s
), gone AS (
    DELETE FROM mole_fraction m USING span s
    WHERE m.station = s.station AND m.step_s = s.step_s AND m.gas = s.gas AND m.intake = s.intake AND m.time = s.time
      AND NOT EXISTS (
        SELECT FROM made_mole_fraction n
        WHERE n.step_s = m.step_s AND n.gas = m.gas AND n.intake = m.intake AND n.time = m.time
          AND n.value IS NOT DISTINCT FROM m.value AND n.sd IS NOT DISTINCT FROM m.sd AND n.u IS NOT DISTINCT FROM m.u
          AND n.n = m.n AND n.flag = m.flag
          AND n.reasons = m.reasons AND n.scale = m.scale)
    RETURNING m.*
), kept AS (
    INSERT INTO mole_fraction_history SELECT gone.*, now() FROM gone WHERE flag <> 2
    RETURNING gas, intake, step_s, time, value
)
SELECT k.gas, k.intake, count(*) AS hours, min(k.time) AS first, max(k.time) AS last,
       max(abs(n.value - k.value)) AS largest, avg(n.value - k.value) AS mean
FROM kept k LEFT JOIN made_mole_fraction n
    ON n.step_s = k.step_s AND n.gas = k.gas AND n.intake = k.intake AND n.time = k.time
WHERE k.step_s = 3600
GROUP BY k.gas, k.intake ORDER BY k.gas, k.intake;

-- name: insert_mole_fractions
-- a value that is the same by other files names these, and keeps the time when it was made first
INSERT INTO mole_fraction AS old SELECT * FROM made_mole_fraction
ON CONFLICT (station, step_s, gas, intake, time) DO UPDATE SET
    config_sha256 = excluded.config_sha256, tanks_sha256 = excluded.tanks_sha256, code_version = excluded.code_version
WHERE (old.config_sha256, old.tanks_sha256, old.code_version)
    IS DISTINCT FROM (excluded.config_sha256, excluded.tanks_sha256, excluded.code_version);

-- name: delete_targets
DELETE FROM target_run WHERE station = %(station)s AND time >= %(start)s AND time < %(end)s;

-- name: put_target
INSERT INTO target_run (time, station, gas, tank, value, u, sd, n, assigned, u_assigned, flag)
VALUES (%(time)s, %(station)s, %(gas)s, %(tank)s, %(value)s, %(u)s, %(sd)s, %(n)s, %(assigned)s, %(u_assigned)s, %(flag)s);

-- name: forget_mole_fraction_alarms
DELETE FROM event
WHERE station = %(station)s AND kind LIKE 'mole fraction %%' AND kind <> 'mole fraction recomputed'
  AND time >= %(start)s AND time < %(end)s;

-- name: put_mole_fraction_event
INSERT INTO event (station, time, ends, kind, severity, message, data)
VALUES (%(station)s, %(time)s, %(ends)s, %(kind)s, %(severity)s, %(message)s, %(data)s);

-- name: mole_fractions
SELECT time, gas, intake, value, sd, u, n, flag, reasons, scale FROM mole_fraction
WHERE station = %(station)s AND step_s = %(step_s)s AND time >= %(start)s AND time < %(end)s
  AND (%(gases)s::text[] IS NULL OR gas = ANY(%(gases)s))
  AND (%(intakes)s::text[] IS NULL OR intake = ANY(%(intakes)s))
ORDER BY gas, intake, time;

-- name: mole_fraction_span
SELECT min(time) AS first, max(time) AS last FROM mole_fraction WHERE station = %(station)s AND step_s = 3600;

-- name: mole_fraction_origin
SELECT coalesce(array_agg(DISTINCT config_sha256), '{}') AS config_sha256,
       coalesce(array_agg(DISTINCT tanks_sha256), '{}') AS tanks_sha256,
       coalesce(array_agg(DISTINCT code_version), '{}') AS code_version, max(computed) AS newest
FROM mole_fraction WHERE station = %(station)s AND time >= %(start)s AND time < %(end)s;

-- name: target_runs
SELECT time, gas, tank, value, u, sd, n, assigned, u_assigned, flag FROM target_run
WHERE station = %(station)s AND time >= %(start)s AND time < %(end)s
ORDER BY gas, tank, time;

-- name: mole_fraction_events
SELECT time, ends, kind, severity, message, data FROM event
WHERE station = %(station)s AND time >= %(start)s AND time < %(end)s
  AND (kind LIKE 'mole fraction %%' OR kind IN ('line_test', 'weekly_check', 'visit', 'flask', 'round_robin'))
ORDER BY time;
