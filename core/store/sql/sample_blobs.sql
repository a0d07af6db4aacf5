-- Compacted half-hours, and the lock that holds old samples where they are.

-- name: share_samples
-- a commit of old blocks against compaction and retention: blocks that are looked for stay where they are until it ends
SELECT pg_advisory_xact_lock_shared(hashtext('fluxtower old samples'));

-- name: own_samples
SELECT pg_advisory_xact_lock(hashtext('fluxtower old samples'));

-- name: dropped_half_hours
SELECT k.station, k.stream, k.time
FROM unnest(%(stations)s::int[], %(streams)s::int[], %(times)s::timestamptz[]) AS k (station, stream, time)
JOIN sample_dropped d ON d.station = k.station AND d.stream = k.stream AND d.ranges @> k.time;

-- name: blob_heads
SELECT b.station, b.stream, b.time, b.blocks, b.head
FROM unnest(%(stations)s::int[], %(streams)s::int[], %(times)s::timestamptz[]) AS k (station, stream, time)
JOIN sample_blob b ON b.station = k.station AND b.stream = k.stream AND b.time = k.time
WHERE b.time >= %(earliest)s AND b.time <= %(latest)s;

-- name: blob
SELECT time, blocks, n, channels, codec, head, samples
FROM sample_blob WHERE station = %(station)s AND stream = %(stream)s AND time = %(time)s;
