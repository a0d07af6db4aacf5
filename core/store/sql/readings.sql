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
-- what comes in parts, a channel a message, is put together; what a person flagged is left alone
ON CONFLICT (station, stream, time) DO UPDATE SET received = now(), flags = NULL, reasons = NULL, values = (
    SELECT array_agg(CASE WHEN u.old = 'NaN' THEN u.new ELSE u.old END ORDER BY u.place)
    FROM unnest(reading.values, excluded.values) WITH ORDINALITY AS u (old, new, place)),
  sender_flags = CASE WHEN coalesce(reading.sender_flags, excluded.sender_flags) IS NOT NULL THEN (
    SELECT array_agg(coalesce(CASE WHEN u.old = 'NaN' THEN u.new_flag ELSE u.old_flag END, 0) ORDER BY u.place)
    FROM unnest(reading.values, reading.sender_flags, excluded.sender_flags)
         WITH ORDINALITY AS u (old, old_flag, new_flag, place)) END,
  sender_reasons = coalesce(excluded.sender_reasons || reading.sender_reasons, excluded.sender_reasons, reading.sender_reasons)
WHERE EXISTS (SELECT FROM unnest(reading.values, excluded.values) AS u (old, new) WHERE u.old = 'NaN' AND u.new <> 'NaN')
  AND reading.manual IS NULL
RETURNING station, stream, time, values;

-- name: readings_at
SELECT r.station, r.stream, r.time, r.values
FROM unnest(%(station)s, %(stream)s, %(time)s) AS k (station, stream, time)
JOIN reading r ON r.station = k.station AND r.stream = k.stream AND r.time = k.time;

-- name: readings
SELECT time, stream, values, flags, reasons::text AS reasons FROM reading
WHERE station = %(station)s AND stream = ANY(%(streams)s) AND time >= %(start)s AND time < %(end)s
ORDER BY time;

-- name: newest_reading_times
-- of each layout of a stream: an older one has older times
SELECT st.name AS stream, r.time
FROM stream st JOIN station s ON s.key = st.station
CROSS JOIN LATERAL (SELECT time FROM reading WHERE reading.station = st.station AND reading.stream = st.key
                    ORDER BY time DESC LIMIT %(count)s) AS r
WHERE s.id = %(station)s AND st.kind = 'reading'
ORDER BY st.name, r.time DESC;
