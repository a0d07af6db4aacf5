-- Sample blocks, in rows and compacted.

-- name: stage_blocks
CREATE TEMP TABLE staged_block (LIKE sample_block INCLUDING DEFAULTS) ON COMMIT DROP;

-- name: insert_staged_blocks
INSERT INTO sample_block SELECT DISTINCT ON (station, stream, time) * FROM staged_block ORDER BY station, stream, time
ON CONFLICT (station, stream, time) DO NOTHING
RETURNING station, stream, time;

-- name: blocks_between
-- blocks that overlap a window and begin at most so long before it; times in microseconds since 1970
-- (a double holds seconds to 0.2 us, and rounds right; numeric seconds cost four times as much)
SELECT (date_part('epoch', time) * 1e6)::bigint, n, dt_ns, coalesce(seq, -1), (date_part('epoch', received) * 1e6)::bigint,
       {columns}
FROM sample_block
WHERE station = %(station)s AND stream = %(stream)s
  AND time >= %(start)s::timestamptz - %(reach)s AND time < %(end)s
  AND time + n * dt_ns / 1000 * interval '1 microsecond' > %(start)s
ORDER BY time;

-- name: blobs_between
-- a half-hour of blocks ends at most an hour after its last one has started
SELECT time, blocks, n, channels, codec, head, samples
FROM sample_blob
WHERE station = %(station)s AND stream = %(stream)s
  AND time > %(start)s::timestamptz - interval '90 minutes' AND time < %(end)s AND ends > %(start)s
ORDER BY time;

-- name: sample_span
SELECT min(first) AS first, max(last) AS last, sum(samples)::bigint AS samples
FROM (SELECT min(time) AS first, max(time) AS last, sum(n) AS samples
      FROM sample_block WHERE station = %(station)s AND stream = ANY(%(streams)s)
      UNION ALL
      SELECT min(first), max(last), sum(n)
      FROM sample_blob WHERE station = %(station)s AND stream = ANY(%(streams)s)) AS both_layouts;
