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
INSERT INTO finding_due (station, check_name, window_start, window_end)
SELECT * FROM unnest(%(station)s::int[], %(check_name)s::text[], %(start)s::timestamptz[], %(end)s::timestamptz[])
ON CONFLICT DO NOTHING;

-- name: due_windows
SELECT station, check_name, window_start, window_end FROM finding_due
WHERE window_end <= %(before)s AND (%(station)s::int IS NULL OR station = %(station)s)
ORDER BY window_end, station, check_name LIMIT %(limit)s;

-- name: end_window
DELETE FROM finding_due
WHERE station = %(station)s AND check_name = %(check_name)s AND window_start = %(window_start)s;
