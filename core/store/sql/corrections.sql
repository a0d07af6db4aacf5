-- What a person says of readings: flags, deletions, and the log of both.

-- name: put_correction
INSERT INTO event (station, time, ends, kind, severity, message, data)
VALUES (%(station)s, %(start)s, %(end)s, %(kind)s, 'info', %(reason)s, %(data)s)
RETURNING id;

-- name: corrections
SELECT s.id AS station, e.kind, e.time AS start, e.ends AS end, e.message AS reason, e.data
FROM event e JOIN station s ON s.key = e.station
WHERE e.kind = ANY(%(kinds)s) AND (%(station)s::text IS NULL OR s.id = %(station)s)
ORDER BY e.id DESC LIMIT %(limit)s;

-- name: delete_readings
WITH gone AS (
    DELETE FROM reading
    WHERE station = %(station)s AND stream = ANY(%(streams)s) AND time >= %(start)s AND time < %(end)s
    RETURNING time, station, stream, received, values, flags, reasons, manual
)
INSERT INTO reading_deleted (time, station, stream, received, values, flags, reasons, manual, event)
SELECT gone.*, %(event)s FROM gone;

-- name: forget_latest
DELETE FROM latest WHERE stream = ANY(%(streams)s) AND time >= %(start)s AND time < %(end)s;

-- name: find_latest_anew
INSERT INTO latest (stream, station, time, received, values, flags, reasons)
SELECT n.stream, n.station, n.time, n.received, n.values, n.flags, n.reasons
FROM unnest(%(streams)s::int[]) AS k (stream)
CROSS JOIN LATERAL (
    SELECT r.* FROM reading r
    WHERE r.station = %(station)s AND r.stream = k.stream
      AND EXISTS (SELECT FROM unnest(r.values) AS v (value) WHERE v.value <> 'NaN')
    ORDER BY r.time DESC LIMIT 1
) n
ON CONFLICT (stream) DO NOTHING;

-- name: make_intervals_due
WITH touched AS (
    SELECT time, dropped FROM interval_state WHERE station = %(station)s AND ends > %(start)s AND time < %(end)s
), due AS (
    UPDATE interval_state i SET revision = i.revision + 1, touched = clock_timestamp()
    FROM touched t WHERE i.station = %(station)s AND i.time = t.time AND NOT t.dropped
)
SELECT count(*) FILTER (WHERE NOT dropped) AS due, count(*) FILTER (WHERE dropped) AS dropped FROM touched;

-- name: count_dropped_intervals
SELECT count(*) AS dropped FROM interval_state
WHERE station = %(station)s AND ends > %(start)s AND time < %(end)s AND dropped;

-- name: count_readings
SELECT count(*) AS readings FROM reading
WHERE station = %(station)s AND stream = ANY(%(streams)s) AND time >= %(start)s AND time < %(end)s;
