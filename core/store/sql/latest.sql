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
