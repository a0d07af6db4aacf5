-- Stretches of time for which nothing came.

-- name: shorten_watermarks
-- what is forgotten is only that old blocks are committed: their sender sends them again, which does no harm
UPDATE watermark w SET
    committed = committed * int8multirange(int8range(c.from_number, NULL)),
    covered = covered * int8multirange(int8range(c.from_time, NULL)),
    covered_from = greatest(covered_from, c.from_time)
FROM (
    SELECT station, stream, run,
           (SELECT lower(r) FROM unnest(committed) AS r ORDER BY r DESC OFFSET %(most)s - 1 LIMIT 1) AS from_number,
           (SELECT lower(r) FROM unnest(covered) AS r ORDER BY r DESC OFFSET %(most)s - 1 LIMIT 1) AS from_time
    FROM watermark WHERE NOT looked
) AS c
WHERE (w.station, w.stream, w.run) = (c.station, c.stream, c.run)
  AND (c.from_number IS NOT NULL OR c.from_time IS NOT NULL);

-- name: forget_gaps
-- one that is filled at once was none: messages overtake each other, above all with several collectors
DELETE FROM gap g USING (
    SELECT station, stream, range_agg(covered) AS covered FROM watermark
    WHERE (station, stream) IN (SELECT station, stream FROM watermark WHERE NOT looked)
    GROUP BY station, stream
) AS w
WHERE g.filled IS NULL AND g.station = w.station AND g.stream = w.stream AND g.missing <@ w.covered
  AND g.noticed > now() - make_interval(secs => %(grace)s);

-- name: fill_gaps
UPDATE gap g SET missing = g.missing - w.covered, filled = CASE WHEN g.missing <@ w.covered THEN clock_timestamp() END
FROM (
    SELECT station, stream, range_agg(covered) AS covered FROM watermark
    WHERE (station, stream) IN (SELECT station, stream FROM watermark WHERE NOT looked)
    GROUP BY station, stream
) AS w
WHERE g.filled IS NULL AND g.station = w.station AND g.stream = w.stream AND g.missing && w.covered;

-- name: holes
-- what lies between the times covered, where it has been so for a while: a message may still be on its way
SELECT c.station, c.stream, c.unit, h, lower(h) - unit / 2 AS starts, upper(h) AS ends
FROM (
    SELECT station, stream, range_agg(covered) AS covered, max(unit) AS unit, max(covered_from) AS covered_from,
           max(seen) AS seen
    FROM watermark
    WHERE (station, stream) IN (SELECT station, stream FROM watermark WHERE NOT looked)
    GROUP BY station, stream
) AS c, unnest(int8multirange(range_merge(covered)) - covered) AS h
WHERE lower(h) >= covered_from
  AND (upper(h) < upper(covered) - 1e6 * %(grace)s
       OR coalesce(seen, '-infinity') < now() - make_interval(secs => %(grace)s))
  AND NOT EXISTS (SELECT 1 FROM gap g WHERE g.station = c.station AND g.stream = c.stream
                  AND g.filled IS NULL AND g.missing @> h)

-- name: open_holes
SELECT g.station, g.stream, coalesce(max(w.unit), 0) AS unit, m AS h
FROM gap g CROSS JOIN unnest(g.missing) AS m
LEFT JOIN watermark w ON w.station = g.station AND w.stream = g.stream
WHERE g.filled IS NULL AND (%(station)s::text IS NULL OR g.station = %(station)s)
GROUP BY g.station, g.stream, m

-- name: heal_watermarks
-- What is stored in a hole was not told: by a collector that was killed, or because it came by another way. The numbers
-- of such blocks are not taken over: their run is not stored, and no block may be called committed that is not.
UPDATE watermark w SET covered = (w.covered + f.covered) * int8multirange(int8range(w.covered_from, NULL)),
    looked = false
FROM (
    SELECT h.station, h.stream, range_agg(int8range(b.start, b.start + b.length * 3 / 2)) AS covered
    FROM ({holes}) AS h
    JOIN station s ON s.id = h.station
    JOIN stream st ON st.station = s.key AND st.name = h.stream
    CROSS JOIN LATERAL (
        SELECT (extract(epoch FROM time) * 1000000)::bigint AS start, n * dt_ns / 1000 AS length FROM sample_block
        WHERE st.kind = 'block' AND sample_block.station = s.key AND sample_block.stream = st.key
          AND time >= to_timestamp((lower(h.h) - h.unit) / 1e6) AND time < to_timestamp(upper(h.h) / 1e6)
        UNION ALL
        SELECT (extract(epoch FROM time) * 1000000)::bigint AS start, st.dt_ns / 1000 AS length FROM reading
        WHERE st.kind = 'reading' AND reading.station = s.key AND reading.stream = st.key
          AND time >= to_timestamp((lower(h.h) - h.unit) / 1e6) AND time < to_timestamp(upper(h.h) / 1e6)
    ) AS b
    GROUP BY h.station, h.stream
) AS f
WHERE w.station = f.station AND w.stream = f.stream
  AND w.run = (SELECT min(run) FROM watermark r WHERE r.station = f.station AND r.stream = f.stream);

-- name: note_gaps
-- the numbers of the blocks before and after tell how many are missing
INSERT INTO gap (station, stream, starts, ends, blocks, counted, missing)
SELECT h.station, h.stream, to_timestamp(h.starts / 1e6), to_timestamp(h.ends / 1e6),
       CASE WHEN n.counted THEN n.seq_after - n.seq_before - 1
            ELSE round((h.ends - h.starts)::numeric / greatest(h.unit, 1)) END,
       n.counted, int8multirange(h.h)
FROM ({holes}) AS h CROSS JOIN LATERAL (
    SELECT b.seq AS seq_before, a.seq AS seq_after,
           coalesce(b.seq >= 0 AND a.seq > b.seq AND EXISTS (
               SELECT 1 FROM watermark w WHERE w.station = h.station AND w.stream = h.stream
               AND w.covered @> lower(h.h) - 1 AND w.covered @> upper(h.h)), false) AS counted
    FROM (SELECT array_agg(st.key) AS keys, min(st.station) AS station
          FROM stream st JOIN station s ON s.key = st.station
          WHERE s.id = h.station AND st.name = h.stream AND st.kind = 'block') AS k
    LEFT JOIN LATERAL (
        SELECT seq FROM sample_block WHERE sample_block.station = k.station AND sample_block.stream = ANY(k.keys)
        AND time < to_timestamp(h.starts / 1e6) AND time > to_timestamp(h.starts / 1e6) - interval '2 hours'
        ORDER BY time DESC LIMIT 1) AS b ON true
    LEFT JOIN LATERAL (
        SELECT seq FROM sample_block WHERE sample_block.station = k.station AND sample_block.stream = ANY(k.keys)
        AND time >= to_timestamp(h.ends / 1e6) - interval '1 millisecond'
        AND time < to_timestamp(h.ends / 1e6) + interval '2 hours'
        ORDER BY time LIMIT 1) AS a ON true
) AS n;

-- name: mark_looked
UPDATE watermark w SET looked = true
WHERE NOT looked AND upper(covered) - lower(covered) > 1e6 * %(grace)s
  AND NOT EXISTS (SELECT 1 FROM unnest(int8multirange(range_merge(covered)) - covered) AS h
                  WHERE upper(h) >= upper(covered) - 1e6 * %(grace)s);

-- name: gaps
SELECT station, stream, starts, ends, blocks, counted, missing_s, noticed, filled FROM v_gap
WHERE (%(station)s::text IS NULL OR station = %(station)s) AND (%(all)s OR filled IS NULL)
ORDER BY starts DESC LIMIT %(limit)s;
