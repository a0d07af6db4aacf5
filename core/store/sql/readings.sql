-- Slow messages and the flags beside them.

-- name: insert_reading
INSERT INTO reading (time, station, stream, values)
SELECT r.time, r.station, r.stream, ARRAY(SELECT jsonb_array_elements_text(r.values)::real)
FROM jsonb_to_recordset(%(rows)s::jsonb) AS r (time timestamptz, station int, stream int, values jsonb)
ORDER BY r.station, r.stream, r.time
ON CONFLICT (station, stream, time) DO NOTHING
RETURNING station, stream, time;

-- name: readings
SELECT time, stream, values, flags FROM reading
WHERE station = %(station)s AND stream = ANY(%(streams)s) AND time >= %(start)s AND time < %(end)s
ORDER BY time;

-- name: unflagged_readings
SELECT time, station, stream, values FROM reading WHERE flags IS NULL ORDER BY time LIMIT %(limit)s;

-- name: put_reading_flags
UPDATE reading SET flags = %(flags)s WHERE station = %(station)s AND stream = %(stream)s AND time = %(time)s;
