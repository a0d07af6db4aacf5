-- The newest vector of each stream.

-- name: put_latest
INSERT INTO latest AS old (stream, station, time, received, values)
SELECT k.stream, k.station, k.time, now() - make_interval(secs => %(age)s),
       (%(values)s)[(i - 1) * %(channels)s + 1 : i * %(channels)s]
FROM unnest(%(stream)s, %(station)s, %(time)s) WITH ORDINALITY AS k (stream, station, time, i)
ON CONFLICT (stream) DO UPDATE SET
    received = greatest(old.received, excluded.received),
    time = greatest(old.time, excluded.time),
    values = CASE WHEN excluded.time >= old.time THEN excluded.values ELSE old.values END;

-- name: latest
SELECT s.id AS station, st.name AS stream, st.channels, l.time, l.received, l.values
FROM latest l JOIN stream st ON st.key = l.stream JOIN station s ON s.key = l.station
WHERE %(station)s::text IS NULL OR s.id = %(station)s
ORDER BY s.id, st.name, l.received DESC;
