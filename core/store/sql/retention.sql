-- What is older than the settings allow.

-- name: waiting_between
-- the intervals of minutes that are not yet merged do not know of their samples
SELECT (SELECT count(*) FROM interval_state
        WHERE time < %(end)s AND ends > %(start)s AND samples > 0 AND (computed IS NULL OR computed < revision))
     + (SELECT count(*) FROM minute_part WHERE time < %(end)s AND time >= %(start)s) AS waiting;

-- name: remember_dropped
INSERT INTO sample_dropped AS old (station, stream, ranges)
SELECT station, stream, range_agg(tstzrange(time, time + interval '30 minutes'))
FROM (SELECT DISTINCT station, stream, time_bucket('30 minutes', time) AS time FROM {chunk}) AS half_hours
GROUP BY station, stream
ON CONFLICT (station, stream) DO UPDATE SET ranges = old.ranges + excluded.ranges;

-- name: close_intervals
-- what waits in spite of `waiting_between` was touched just now
UPDATE interval_state i SET dropped = true, computed = greatest(i.computed, i.revision),
    failure = CASE WHEN i.computed IS NULL OR i.computed < i.revision THEN %(too_late)s ELSE i.failure END
FROM sample_dropped d
WHERE d.station = i.station AND i.time < %(end)s AND i.ends > %(start)s AND i.samples > 0 AND NOT i.dropped
  AND d.ranges && tstzrange(i.time, i.ends);

-- name: count_old_rejects
SELECT count(*) AS rows FROM reject WHERE received < %(before)s;

-- name: delete_old_rejects
WITH gone AS (DELETE FROM reject WHERE received < %(before)s RETURNING 1) SELECT count(*) AS rows FROM gone;

-- name: count_superseded_runs
SELECT count(*) AS runs, coalesce(sum(intervals), 0)::bigint AS half_hours FROM v_superseded_run
WHERE finished < %(before)s;

-- name: drop_superseded_runs
SELECT runs, half_hours FROM drop_superseded_runs(%(before)s, %(most)s);
