-- Averaging intervals: which have data that are not computed yet.

-- name: touch_intervals
INSERT INTO interval_state AS old (station, time, ends, lateness, expected, samples)
SELECT k.station, k.time, k.time + make_interval(mins => k.minutes), make_interval(secs => k.lateness), k.expected, k.samples
FROM unnest(%(station)s, %(time)s, %(minutes)s, %(lateness)s, %(expected)s, %(samples)s)
     AS k (station, time, minutes, lateness, expected, samples)
ON CONFLICT (station, time) DO UPDATE SET
    samples = old.samples + excluded.samples,
    ends = excluded.ends, lateness = excluded.lateness, expected = excluded.expected,
    revision = old.revision + 1, touched = clock_timestamp(),
    computed = CASE WHEN old.dropped THEN old.revision + 1 ELSE old.computed END,
    failure = CASE WHEN old.dropped THEN %(too_late)s ELSE old.failure END;

-- name: due_intervals
SELECT s.id AS station, i.time, i.revision
FROM interval_state i JOIN station s ON s.key = i.station
WHERE (i.computed IS NULL OR i.computed < i.revision)
  AND i.samples > 0
  AND (i.samples >= i.expected OR greatest(i.ends, i.touched) + i.lateness <= %(now)s)
ORDER BY i.touched LIMIT %(limit)s;

-- name: pending_revision
SELECT revision FROM interval_state
WHERE station = (SELECT key FROM station WHERE id = %(station)s) AND time = %(time)s AND (computed IS NULL OR computed < revision);

-- name: interval_done
UPDATE interval_state SET computed = greatest(computed, %(revision)s), failure = NULL
WHERE station = %(station)s AND time = %(time)s;

-- name: fail_interval
UPDATE interval_state SET computed = greatest(computed, %(revision)s), failure = %(failure)s
WHERE station = (SELECT key FROM station WHERE id = %(station)s) AND time = %(time)s;
