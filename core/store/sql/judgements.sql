-- Flags of readings: what has none yet, what is judged again, and what was found of whole stretches of time.

-- name: lock_judging
-- whoever gives flags reads and writes under this lock: of two, the later one has seen what the earlier one left
SELECT pg_advisory_xact_lock(hashtext('fluxtower judging'));

-- name: new_readings
SELECT r.station, r.stream, r.time, r.received, r.values,
       r.sender_flags IS NOT NULL OR EXISTS (
           SELECT FROM finding f
           WHERE f.stream = r.stream AND f.ends > r.time AND f.starts <= r.time AND f.withdrawn IS NULL) AS found
FROM reading r WHERE r.flags IS NULL AND r.time >= %(since)s AND r.stream <> ALL(%(skipped)s::int[])
ORDER BY r.station, r.stream, r.time LIMIT %(limit)s;

-- name: unflagged_times
SELECT station, stream, time FROM reading
WHERE flags IS NULL AND time < %(before)s AND stream <> ALL(%(skipped)s::int[]) ORDER BY station, stream, time LIMIT %(limit)s;

-- name: unflagged_times_of
SELECT station, stream, time FROM reading
WHERE station = %(station)s AND stream = ANY(%(streams)s) AND time >= %(start)s AND time < %(end)s AND flags IS NULL
ORDER BY stream, time LIMIT %(limit)s;

-- name: time_of_nth_reading
SELECT time FROM reading WHERE station = %(station)s AND stream = %(stream)s AND time >= %(start)s AND time < %(end)s
ORDER BY time OFFSET %(n)s LIMIT 1;

-- name: time_before
SELECT time FROM reading WHERE station = %(station)s AND stream = %(stream)s AND time < %(time)s
ORDER BY time DESC LIMIT 1;

-- name: time_after
SELECT time FROM reading WHERE station = %(station)s AND stream = %(stream)s AND time > %(time)s
ORDER BY time LIMIT 1;

-- name: judged_readings
SELECT time, received, values, flags, reasons, manual, sender_flags, sender_reasons FROM reading
WHERE station = %(station)s AND stream = %(stream)s AND time >= %(start)s AND time <= %(end)s ORDER BY time;

-- name: tails
-- the newest readings of many streams, for each of them from a time of its own
SELECT r.stream, r.time, r.values
FROM unnest(%(station)s, %(stream)s, %(start)s, %(end)s) AS k (station, stream, first, last)
CROSS JOIN LATERAL (
    SELECT * FROM reading r
    WHERE r.station = k.station AND r.stream = k.stream AND r.time >= k.first AND r.time < k.last
      AND r.time >= %(earliest)s
) r
ORDER BY r.stream, r.time;

-- name: put_flags
-- one that was put together, or sent anew, since it was read has no flags yet: it waits for those of its new values
UPDATE reading r SET flags = (%(flags)s)[(k.i - 1) * %(channels)s + 1 : k.i * %(channels)s], reasons = k.reasons::jsonb
FROM unnest(%(station)s, %(stream)s, %(time)s, %(received)s, %(reasons)s::text[]) WITH ORDINALITY
     AS k (station, stream, time, received, reasons, i)
WHERE r.station = k.station AND r.stream = k.stream AND r.time = k.time AND r.received = k.received
  AND r.time >= %(first)s AND r.time <= %(last)s;

-- name: put_latest_flags
-- in the order in which newest values are written
WITH newest AS (
    SELECT l.stream, k.i, k.reasons
    FROM unnest(%(stream)s, %(time)s, %(reasons)s::text[]) WITH ORDINALITY AS k (stream, time, reasons, i)
    JOIN latest l ON l.stream = k.stream AND l.time = k.time
    ORDER BY l.stream FOR UPDATE OF l
)
UPDATE latest l SET flags = (%(flags)s)[(n.i - 1) * %(channels)s + 1 : n.i * %(channels)s], reasons = n.reasons::jsonb
FROM newest n WHERE l.stream = n.stream;

-- name: put_manual
-- a person's flag of some channels, by their places; null takes it back
UPDATE reading r SET manual = CASE WHEN m.some THEN m.manual END
FROM (
    SELECT r.time, array_agg(x.flag ORDER BY x.i) AS manual, bool_or(x.flag IS NOT NULL) AS some
    FROM reading r
    CROSS JOIN LATERAL (
        SELECT i, CASE WHEN i = ANY(%(places)s::int[]) THEN %(flag)s::smallint ELSE r.manual[i] END AS flag
        FROM generate_subscripts(r.values, 1) AS i
    ) x
    WHERE r.station = %(station)s AND r.stream = %(stream)s AND r.time >= %(start)s AND r.time < %(end)s
    GROUP BY r.time
) m
WHERE r.station = %(station)s AND r.stream = %(stream)s AND r.time = m.time AND r.time >= %(start)s AND r.time < %(end)s;

-- name: make_stretches_due
-- intervals that use readings of these times, in the order in which others lock them
WITH touched AS (
    SELECT i.station, i.time FROM interval_state i
    WHERE i.station = %(station)s AND NOT i.dropped AND i.ends > %(first)s AND i.time <= %(last)s + make_interval(secs => %(seconds)s)
      AND EXISTS (SELECT FROM unnest(%(time)s) AS t (time)
                  WHERE t.time < i.ends AND t.time >= i.time - make_interval(secs => %(seconds)s))
    ORDER BY i.station, i.time FOR UPDATE OF i
)
UPDATE interval_state i SET revision = i.revision + 1, touched = clock_timestamp()
FROM touched t WHERE i.station = t.station AND i.time = t.time
RETURNING i.time;

-- name: judge_requests
SELECT id, stream, starts, ends, renews FROM judge_request
WHERE %(streams)s::int[] IS NULL OR stream = ANY(%(streams)s) ORDER BY id LIMIT %(limit)s;

-- name: judge_requests_after
SELECT id, stream, starts, ends, renews FROM judge_request WHERE id > %(id)s ORDER BY id;

-- name: request_judging
INSERT INTO judge_request (stream, starts, ends, renews)
SELECT stream, %(start)s, %(end)s, %(renews)s FROM unnest(%(streams)s::int[]) AS k (stream);

-- name: shorten_judge_request
UPDATE judge_request SET starts = %(start)s WHERE id = %(id)s;

-- name: end_judge_requests
DELETE FROM judge_request WHERE id = ANY(%(ids)s);

-- name: judge_rules
SELECT stream, digest FROM judge_rules;

-- name: put_judge_rules
-- what was judged by other rules, or by an earlier version, is judged again; what has no flag yet waits anyhow
WITH other AS (
    INSERT INTO judge_rules AS old (stream, digest) SELECT * FROM unnest(%(streams)s::int[], %(digests)s::text[])
    ON CONFLICT (stream) DO UPDATE SET digest = excluded.digest WHERE old.digest <> excluded.digest
    RETURNING stream
), span AS (
    SELECT st.key, first.time AS starts, last.time AS ends
    FROM other o JOIN stream st ON st.key = o.stream
    CROSS JOIN LATERAL (SELECT time FROM reading r WHERE r.station = st.station AND r.stream = st.key ORDER BY time LIMIT 1) first
    CROSS JOIN LATERAL (SELECT time FROM reading r WHERE r.station = st.station AND r.stream = st.key ORDER BY time DESC LIMIT 1) last
)
INSERT INTO judge_request (stream, starts, ends, renews)
SELECT key, starts, ends + interval '1 microsecond', true FROM span;

-- name: count_flags
WITH judged AS (
    SELECT st.channels, r.flags, r.reasons
    FROM reading r JOIN stream st ON st.key = r.stream
    WHERE r.station = %(station)s AND r.stream = ANY(%(streams)s) AND r.time >= %(start)s AND r.time < %(end)s
      AND r.flags IS NOT NULL
)
SELECT x.channel, x.flag, NULL AS check_name, count(*) AS readings
FROM judged CROSS JOIN LATERAL unnest(judged.channels, judged.flags) AS x (channel, flag)
GROUP BY 1, 2
UNION ALL
SELECT e.key, judged.flags[array_position(judged.channels, e.key)], c.name, count(*)
FROM judged CROSS JOIN LATERAL jsonb_each(judged.reasons) AS e
CROSS JOIN LATERAL (SELECT DISTINCT split_part(text, ':', 1) AS name FROM jsonb_array_elements_text(e.value) AS text) c
GROUP BY 1, 2, 3
ORDER BY channel, check_name NULLS FIRST, flag;

-- name: climatologies
SELECT stream, learnt, limits FROM climatology WHERE %(streams)s::int[] IS NULL OR stream = ANY(%(streams)s);

-- name: put_climatology
INSERT INTO climatology (stream, starts, ends, limits) VALUES (%(stream)s, %(start)s, %(end)s, %(limits)s)
ON CONFLICT (stream) DO UPDATE SET starts = excluded.starts, ends = excluded.ends, limits = excluded.limits,
    learnt = clock_timestamp();
