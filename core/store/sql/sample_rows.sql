-- Sample blocks as they lie in rows.

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
