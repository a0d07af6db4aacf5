-- Sample blocks, in rows and compacted.

-- name: stage_blocks
CREATE TEMP TABLE staged_block (LIKE sample_block INCLUDING DEFAULTS) ON COMMIT DROP;

-- name: insert_staged_blocks
INSERT INTO sample_block SELECT DISTINCT ON (station, stream, time) * FROM staged_block ORDER BY station, stream, time
ON CONFLICT (station, stream, time) DO NOTHING
RETURNING station, stream, time;

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
