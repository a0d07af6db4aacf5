-- Statistics per minute, and the parts that are not merged yet.

-- name: merge_minutes
-- the parts of a minute come in several messages: combine n, mean and sd exactly (Chan et al. 1979)
INSERT INTO minute AS old (time, station, stream, n, mean, min, max, sd)
SELECT k.time, k.station, k.stream,
       (%(n)s)[low:high], (%(mean)s)[low:high], (%(min)s)[low:high], (%(max)s)[low:high], (%(sd)s)[low:high]
FROM unnest(%(time)s, %(station)s, %(stream)s) WITH ORDINALITY AS k (time, station, stream, i),
     LATERAL (SELECT ((i - 1) * %(channels)s + 1)::int AS low, (i * %(channels)s)::int AS high) AS b
ON CONFLICT (station, stream, time) DO UPDATE SET (n, mean, min, max, sd) = (
    SELECT array_agg(n1 + n2 ORDER BY i),
           array_agg(CASE WHEN n1 = 0 THEN mean2 WHEN n2 = 0 THEN mean1
                          ELSE (n1 * mean1 + n2 * mean2) / (n1 + n2) END ORDER BY i),
           array_agg(CASE WHEN n1 = 0 THEN min2 WHEN n2 = 0 THEN min1 ELSE least(min1, min2) END ORDER BY i),
           array_agg(CASE WHEN n1 = 0 THEN max2 WHEN n2 = 0 THEN max1 ELSE greatest(max1, max2) END ORDER BY i),
           array_agg(CASE WHEN n1 = 0 THEN sd2 WHEN n2 = 0 THEN sd1
                          ELSE sqrt((n1 * sd1 ^ 2 + n2 * sd2 ^ 2 + (mean1 - mean2) ^ 2 * n1 * n2 / (n1 + n2)) / (n1 + n2)) END
                     ORDER BY i)
    FROM unnest(old.n, old.mean, old.min, old.max, old.sd,
                excluded.n, excluded.mean, excluded.min, excluded.max, excluded.sd)
         WITH ORDINALITY AS x (n1, mean1, min1, max1, sd1, n2, mean2, min2, max2, sd2, i));

-- name: take_minute_parts
COPY (
    DELETE FROM minute_part WHERE ctid = ANY(ARRAY(
        SELECT ctid FROM minute_part WHERE time < %(before)s ORDER BY time, first LIMIT %(limit)s))
    RETURNING time, first, last, channels, station, stream, slots, n, mean, min, max, sd
) TO STDOUT (FORMAT BINARY);

-- name: count_minute_parts
SELECT count(*) AS rows FROM minute_part WHERE time < %(before)s;

-- name: minutes
SELECT time, channel, n, mean, min, max, sd FROM v_minute
WHERE station = %(station)s AND stream = %(stream)s AND time >= %(start)s AND time < %(end)s
ORDER BY time, channel;

-- name: minute_means
SELECT (date_part('epoch', time) * 1e6)::bigint, mean[%(place)s] FROM minute
WHERE station = %(station)s AND stream = %(stream)s AND time >= %(start)s AND time < %(end)s;

-- name: has_minute_parts
SELECT 1 FROM minute_part WHERE time >= %(start)s AND time < %(end)s AND first <= %(stream)s AND last >= %(stream)s LIMIT 1;

-- name: open_minute_means
SELECT (date_part('epoch', begins) * 1e6)::bigint, means[%(place)s] FROM open_minutes(%(stream)s)
WHERE begins >= %(start)s AND begins < %(end)s;
