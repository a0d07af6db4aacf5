-- Slow messages and the flags beside them.

-- name: insert_reading
-- what a person deleted stays out, if it is sent again; another value for its time is stored
INSERT INTO reading (time, station, stream, values, sender_flags, sender_reasons)
SELECT r.time, r.station, r.stream, v.values,
       CASE WHEN r.sender_flags IS NOT NULL
            THEN ARRAY(SELECT jsonb_array_elements_text(r.sender_flags)::smallint) END,
       r.sender_reasons
FROM jsonb_to_recordset(%(rows)s::jsonb)
     AS r (time timestamptz, station int, stream int, values jsonb, sender_flags jsonb, sender_reasons jsonb)
CROSS JOIN LATERAL (SELECT ARRAY(SELECT jsonb_array_elements_text(r.values)::real) AS values) AS v
WHERE NOT EXISTS (
    SELECT FROM reading_deleted d
    WHERE d.station = r.station AND d.stream = r.stream AND d.time = r.time AND d.values = v.values)
ORDER BY r.station, r.stream, r.time
ON CONFLICT (station, stream, time) DO NOTHING
RETURNING station, stream, time;

-- name: readings
SELECT time, stream, values, flags, sender_flags, sender_reasons FROM reading
WHERE station = %(station)s AND stream = ANY(%(streams)s) AND time >= %(start)s AND time < %(end)s
ORDER BY time;

-- name: unflagged_readings
SELECT time, station, stream, values FROM reading WHERE flags IS NULL ORDER BY time LIMIT %(limit)s;

-- name: put_reading_flags
UPDATE reading SET flags = %(flags)s WHERE station = %(station)s AND stream = %(stream)s AND time = %(time)s;
