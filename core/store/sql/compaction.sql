-- From rows to blobs.

-- name: delete_blocks
DELETE FROM sample_block
WHERE station = %(station)s AND stream = %(stream)s AND time >= %(start)s AND time < %(end)s AND time = ANY(%(times)s);

-- name: half_hours_in_rows
SELECT station, stream, time_bucket('30 minutes', time) AS time, sum(n)::bigint AS n
FROM {chunk} GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;

-- name: set_lock_timeout
SET LOCAL lock_timeout = '{wait}';

-- name: lock_chunk
LOCK TABLE {chunk} IN ACCESS EXCLUSIVE MODE;

-- name: any_row
SELECT 1 FROM {chunk} LIMIT 1;

-- name: put_blob
INSERT INTO sample_blob (time, station, stream, first, last, ends, blocks, n, channels, codec, head, samples)
VALUES (%(time)s, %(station)s, %(stream)s, %(first)s, %(last)s, %(ends)s, %(blocks)s, %(n)s, %(channels)s, %(codec)s,
        %(head)b, %(samples)b)
ON CONFLICT (station, stream, time) DO UPDATE SET
    first = excluded.first, last = excluded.last, ends = excluded.ends, blocks = excluded.blocks, n = excluded.n,
    channels = excluded.channels, codec = excluded.codec, head = excluded.head, samples = excluded.samples;
