-- What checks say of stretches of time, found in whole windows of the calendar.

-- name: findings_in_force
SELECT f.id, s.id AS station, f.stream, st.name AS stream_name, f.channel, f.check_name, f.starts, f.ends, f.flag,
       f.reason, f.data, f.found, f.withdrawn
FROM finding f JOIN station s ON s.key = f.station JOIN stream st ON st.key = f.stream
WHERE f.stream = %(stream)s AND f.ends > %(start)s AND f.starts <= %(end)s AND f.withdrawn IS NULL
ORDER BY f.check_name, f.channel, f.starts, f.id;

-- name: findings
SELECT f.id, s.id AS station, f.stream, st.name AS stream_name, f.channel, f.check_name, f.starts, f.ends, f.flag,
       f.reason, f.data, f.found, f.withdrawn
FROM finding f JOIN station s ON s.key = f.station JOIN stream st ON st.key = f.stream
WHERE s.id = %(station)s AND f.ends > %(start)s AND f.starts < %(end)s AND (%(withdrawn)s OR f.withdrawn IS NULL)
ORDER BY f.starts DESC, f.check_name, f.channel, f.id LIMIT %(limit)s;

-- name: findings_of_window
SELECT id, stream, channel, starts, ends, flag, reason, data FROM finding
WHERE station = %(station)s AND check_name = %(check_name)s AND window_start = %(window_start)s AND withdrawn IS NULL;

-- name: put_finding
INSERT INTO finding (station, stream, channel, check_name, starts, ends, flag, reason, data, window_start)
VALUES (%(station)s, %(stream)s, %(channel)s, %(check_name)s, %(starts)s, %(ends)s, %(flag)s, %(reason)s, %(data)s,
        %(window_start)s);

-- name: withdraw_findings
UPDATE finding SET withdrawn = clock_timestamp() WHERE id = ANY(%(ids)s);

-- name: touch_windows
-- one that is only due for its neighbours' sake was touched when it was complete
INSERT INTO finding_due AS old (station, check_name, window_start, complete, touched)
SELECT station, check_name, start, complete, CASE WHEN %(own)s THEN clock_timestamp() ELSE complete END
FROM unnest(%(station)s::int[], %(check_name)s::text[], %(start)s::timestamptz[], %(complete)s::timestamptz[])
     AS k (station, check_name, start, complete)
ON CONFLICT (station, check_name, window_start) DO UPDATE SET touched = greatest(old.touched, excluded.touched);

-- name: due_windows
SELECT station, check_name, window_start, complete, touched FROM finding_due
WHERE complete <= %(before)s ORDER BY complete, check_name, station LIMIT %(limit)s;

-- name: end_window
-- one that was touched meanwhile stays due
DELETE FROM finding_due
WHERE station = %(station)s AND check_name = %(check_name)s AND window_start = %(window_start)s
  AND touched <= %(touched)s;

-- name: hourly_means
-- in the order of time: sums of floating point depend on it
SELECT k.i, date_trunc('hour', r.time) AS hour, avg(r.value ORDER BY r.time) AS mean
FROM unnest(%(station)s, %(stream)s, %(place)s, %(low)s, %(high)s) WITH ORDINALITY AS k (station, stream, place, low, high, i)
CROSS JOIN LATERAL (
    SELECT time, values[k.place]::float8 AS value, manual[k.place] AS manual FROM reading
    WHERE station = k.station AND stream = k.stream AND time >= %(start)s AND time < %(end)s
) r
WHERE r.value BETWEEN k.low AND k.high AND (r.manual IS NULL OR r.manual NOT IN (3, 4))
GROUP BY 1, 2 ORDER BY 1, 2;
