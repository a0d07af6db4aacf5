-- The newest vector of each stream.

-- name: put_latest
-- values, their time and their arrival are those of one message: one that comes late leaves all three alone
INSERT INTO latest AS old (stream, station, time, received, values)
SELECT k.stream, k.station, k.time, now() - make_interval(secs => %(age)s),
       (%(values)s)[(i - 1) * %(channels)s + 1 : i * %(channels)s]
FROM unnest(%(stream)s, %(station)s, %(time)s) WITH ORDINALITY AS k (stream, station, time, i)
ON CONFLICT (stream) DO UPDATE SET
    received = excluded.received, time = excluded.time, values = excluded.values
WHERE excluded.time >= old.time;

-- name: latest
SELECT s.id AS station, st.name AS stream, st.kind, st.channels, l.time, l.received, l.values
FROM latest l JOIN stream st ON st.key = l.stream JOIN station s ON s.key = l.station
WHERE %(station)s::text IS NULL OR s.id = %(station)s
ORDER BY s.id, st.name, l.time DESC;

-- name: last_value_of_samples
-- the last minute with a value in a channel, and the first one there is
WITH k AS (
    SELECT l.station, l.stream FROM latest l JOIN stream st ON st.key = l.stream JOIN station s ON s.key = l.station
    WHERE s.id = %(station)s AND st.name = %(stream)s ORDER BY l.time DESC LIMIT 1)
SELECT (SELECT t.time FROM minute t, k
        WHERE t.station = k.station AND t.stream = k.stream AND t.time >= %(start)s AND t.n[%(place)s] > 0
        ORDER BY t.time DESC LIMIT 1) AS valued,
       (SELECT t.time FROM minute t, k WHERE t.station = k.station AND t.stream = k.stream AND t.time >= %(start)s
        ORDER BY t.time LIMIT 1) AS oldest;

-- name: last_value_of_readings
-- the same of readings; a missing value is NaN or null
WITH k AS (
    SELECT l.station, l.stream FROM latest l JOIN stream st ON st.key = l.stream JOIN station s ON s.key = l.station
    WHERE s.id = %(station)s AND st.name = %(stream)s ORDER BY l.time DESC LIMIT 1)
SELECT (SELECT t.time FROM reading t, k
        WHERE t.station = k.station AND t.stream = k.stream AND t.time >= %(start)s AND t.values[%(place)s] <> 'NaN'
        ORDER BY t.time DESC LIMIT 1) AS valued,
       (SELECT t.time FROM reading t, k WHERE t.station = k.station AND t.stream = k.stream AND t.time >= %(start)s
        ORDER BY t.time LIMIT 1) AS oldest;
