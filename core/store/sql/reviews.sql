-- Reviews, and when data changed since.

-- name: put_review
INSERT INTO review (station, level, verdict, subjects, starts, ends, reason, by)
VALUES (%(station)s, %(level)s, %(verdict)s, %(subjects)s, %(start)s, %(end)s, %(reason)s, %(by)s)
RETURNING id, made;

-- name: reviews
SELECT r.id, s.id AS station, r.level, r.verdict, r.subjects, r.starts AS start, r.ends AS "end", r.reason, r.by, r.made
FROM review r JOIN station s ON s.key = r.station
WHERE r.station = %(station)s AND r.ends > %(start)s AND r.starts < %(end)s
ORDER BY r.id;

-- name: changes_of_readings
-- by month of local standard time: when the newest of its messages came
SELECT st.name AS stream, date_trunc('month', (r.time AT TIME ZONE 'UTC') + %(offset)s::interval) AS month,
       max(r.received) AS changed
FROM reading r JOIN stream st ON st.key = r.stream
WHERE r.station = %(station)s AND r.time >= %(start)s AND r.time < %(end)s
GROUP BY 1, 2;

-- name: changes_of_fluxes
SELECT date_trunc('month', (time AT TIME ZONE 'UTC') + %(offset)s::interval) AS month, max(computed) AS changed
FROM flux WHERE station = %(station)s AND time >= %(start)s AND time < %(end)s
GROUP BY 1;

-- name: changes_by_people
SELECT e.data ->> 'stream' AS stream, e.time AS start, e.ends AS "end", (e.data ->> 'made')::timestamptz AS changed,
       e.data ->> 'by' AS by
FROM event e
WHERE e.station = %(station)s AND e.kind IN ('reading flag', 'reading unflag', 'reading delete')
  AND e.ends > %(start)s AND e.time < %(end)s;
