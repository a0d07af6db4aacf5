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

-- name: changes_of_mole_fractions
-- a row keeps its time of computation while its value stays the same; what was replaced or is gone stands in the history
WITH changed AS (
    SELECT time, gas, intake, computed AS changed FROM mole_fraction
    WHERE station = %(station)s AND step_s = 3600 AND time >= %(start)s AND time < %(end)s
    UNION ALL
    SELECT time, gas, intake, replaced FROM mole_fraction_history
    WHERE station = %(station)s AND step_s = 3600 AND time >= %(start)s AND time < %(end)s
)
SELECT gas, intake, date_trunc('month', (time AT TIME ZONE 'UTC') + %(offset)s::interval) AS month, max(changed) AS changed
FROM changed GROUP BY 1, 2, 3;

-- name: recomputed_mole_fractions
-- why hours that had a value got another one
SELECT e.time AS start, e.ends AS "end", (e.data ->> 'made')::timestamptz AS changed, e.data ->> 'why' AS why,
       r ->> 'gas' AS gas, r ->> 'intake' AS intake, (r ->> 'hours')::int AS hours
FROM event e CROSS JOIN LATERAL jsonb_array_elements(e.data -> 'replaced') r
WHERE e.station = %(station)s AND e.kind = 'mole fraction recomputed' AND e.ends > %(start)s AND e.time < %(end)s;
